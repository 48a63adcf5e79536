"""What is deployed: small, whole, and the same bytes each time."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def build():
    """Build the zips; gives their digests."""

    def run():
        command = [sys.executable, ROOT / "tools" / "build.py", "--zips"]
        subprocess.run(command, check=True, capture_output=True)
        zips = sorted((ROOT / "build").glob("*.zip"))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in zips}

    return run


def test_the_same_sources_give_the_same_bytes(build):
    first = build()
    assert set(first) == {"rekognition.zip", "deeplens.zip"}
    assert build() == first


@pytest.mark.parametrize("name", ["rekognition.zip", "deeplens.zip"])
def test_a_zip_is_small_and_carries_nothing_that_is_there_already(build, name):
    build()
    path = ROOT / "build" / name
    assert path.stat().st_size <= 300_000
    packages = {entry.partition("/")[0] for entry in zipfile.ZipFile(path).namelist()}
    assert not packages & {"numpy", "cv2", "boto3", "botocore", "awscam", "greengrasssdk"}


def test_the_cloud_functions_zip_has_all_that_it_imports(build, tmp_path):
    build()
    installed = Path(boto3.__file__).parent.parent
    for module in ("botocore", "dateutil", "jmespath", "six.py", "urllib3"):  # Lambda's own
        (tmp_path / module).symlink_to(installed / module)
    path = [str(ROOT / "build" / "rekognition.zip"), str(tmp_path)]
    code = f"import sys; sys.path[:0] = {path!r}; import rekognition_entry"
    python = [sys.executable, "-I", "-S", "-c", code]  # -S: nothing else that is installed
    done = subprocess.run(python, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
