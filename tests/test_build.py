"""What is deployed: small, whole, and the same bytes each time."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def build():
    """Build the archives; gives their digests."""

    def run(*options):
        command = [sys.executable, ROOT / "tools" / "build.py", "--zips", *options]
        subprocess.run(command, check=True, capture_output=True)
        archives = [*(ROOT / "build").glob("*.zip"), *(ROOT / "build").glob("*.tar.gz")]
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in archives}

    return run


def test_the_same_sources_give_the_same_bytes(build):
    first = build()
    assert set(first) == {"rekognition.zip", "deeplens.zip", "model.tar.gz"}
    assert build() == first


@pytest.mark.parametrize("name", ["rekognition.zip", "deeplens.zip"])
def test_a_zip_is_small_and_carries_nothing_that_is_there_already(build, name):
    build()
    path = ROOT / "build" / name
    assert path.stat().st_size <= 400_000
    packages = {entry.partition("/")[0] for entry in zipfile.ZipFile(path).namelist()}
    assert not packages & {"numpy", "cv2", "boto3", "botocore", "awscam", "greengrasssdk"}


def test_the_devices_zip_has_its_page(build):
    build()
    names = zipfile.ZipFile(ROOT / "build" / "deeplens.zip").namelist()
    folder = "facepipe_io/edge/live"
    beside = [path for path in (ROOT / folder).glob("*.*") if path.suffix != ".pyc"]
    assert {f"{folder}/{path.name}" for path in beside} <= set(names)
    assert f"{folder}/live.html" in names


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


def pack(folder, *options):
    """Build the endpoint's archive; gives it opened."""
    command = [sys.executable, ROOT / "tools" / "build.py", "--zips", "--out", folder, *options]
    subprocess.run(command, check=True, capture_output=True)
    return tarfile.open(folder / "model.tar.gz")


def test_the_model_archive_has_a_model_at_its_root_and_the_code_beside_it(tmp_path):
    with pack(tmp_path) as archive:
        names = set(archive.getnames())
        pins = archive.extractfile("code/requirements.txt").read().decode().splitlines()
    assert {name for name in names if "/" not in name} == {"haarcascade_frontalface_default.xml"}
    assert {"code/sagemaker_entry.py", "code/attrs/__init__.py"} <= names
    packages = {name.split("/")[1] for name in names if name.startswith("code/")}
    assert not packages & {"numpy", "cv2", "boto3", "botocore", "sagemaker_inference"}
    pinned = {line.partition("==")[0] for line in pins if "==" in line}
    assert pinned == {"boto3", "numpy", "opencv-python-headless"}


def test_a_networks_text_is_packed_with_its_model(tmp_path):
    for name in ("face.pb", "face.pbtxt", "other.pbtxt"):
        (tmp_path / name).write_text(name)
    with pack(tmp_path, "--model", tmp_path / "face.pb") as archive:
        names = {name for name in archive.getnames() if "/" not in name}
    assert names == {"face.pb", "face.pbtxt"}


@pytest.mark.parametrize(
    ("model", "reason"), [("face.pb", "put face.pbtxt beside it"), ("none.onnx", "there is no")]
)
def test_a_model_that_cannot_be_packed_is_told(tmp_path, model, reason):
    (tmp_path / "face.pb").touch()
    with pytest.raises(subprocess.CalledProcessError) as caught:
        pack(tmp_path, "--model", tmp_path / model)
    assert reason in caught.value.stderr.decode()
    assert "Traceback" not in caught.value.stderr.decode()
