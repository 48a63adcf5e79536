"""Build what is deployed: the zips of the two Lambda functions and the wheel.

    build/rekognition.zip   rekognition_entry and what it imports; boto3 is in Lambda's runtime
    build/deeplens.zip      deeplens_entry and what it imports; NumPy and OpenCV are the device's
    build/*.whl             facepipe

The same sources give the same bytes: files are sorted, and none carries a time or an owner.
With --zips, the wheel is left out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

# What both functions need beside the sources. Pinned, for the zips' sake.
REQUIREMENTS = ["attrs==25.4.0"]

# Zip cannot say anything earlier (APPNOTE.TXT, 4.4.6).
EPOCH = (1980, 1, 1, 0, 0, 0)

SHARED = ["facepipe", "facepipe_io/__init__.py", "facepipe_io/errors.py", "facepipe_io/settings.py"]
FUNCTIONS = {
    "rekognition.zip": ["rekognition_entry.py", "facepipe_io/cloud", *SHARED],
    "deeplens.zip": ["deeplens_entry.py", "facepipe_io/edge", *SHARED],
}


def main() -> None:
    """Build everything."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        packages = Path(folder)
        _pip("install", "--no-deps", "--no-compile", "--target", str(packages), *REQUIREMENTS)
        for name, sources in FUNCTIONS.items():
            files = _sources(sources)
            files.update(_modules(packages))
            _report(_zip(BUILD / name, files))
    if "--zips" in sys.argv[1:]:
        return
    for old in BUILD.glob("facepipe-*.whl"):
        old.unlink()
    _clean()
    _pip("wheel", "--no-deps", "--wheel-dir", str(BUILD), str(ROOT))
    _clean()
    for wheel in BUILD.glob("facepipe-*.whl"):
        _report(wheel)


def _clean() -> None:
    """Remove setuptools' own leavings, out of which deleted modules would come back."""
    for folder in [BUILD / "lib", *BUILD.glob("bdist.*")]:
        shutil.rmtree(folder, ignore_errors=True)


def _sources(names: list[str]) -> dict[str, Path]:
    """Name in the zip to file, for modules and whole packages of ours."""
    files = {}
    for path in (ROOT / name for name in names):
        for module in path.rglob("*.py") if path.is_dir() else [path]:
            files[module.relative_to(ROOT).as_posix()] = module
    return files


def _modules(packages: Path) -> dict[str, Path]:
    """Name in the zip to file, for the modules and licences of installed packages."""
    return {
        path.relative_to(packages).as_posix(): path
        for path in packages.rglob("*")
        if path.suffix == ".py" or ("licenses" in path.parts and path.is_file())
    }


def _zip(target: Path, files: dict[str, Path]) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name].read_bytes())
    return target


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"})


def _report(path: Path) -> None:
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    print(f"{path.relative_to(ROOT)}  {len(data) / 1000:.0f} kB  sha256 {digest[:16]}")


if __name__ == "__main__":
    main()
