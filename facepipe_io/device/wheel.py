"""The packages that travel with a bundle: facepipe itself, and pip for a Python without it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import facepipe_io
from facepipe_io.device.entry import Entry
from facepipe_io.errors import StoreError

# The last release that runs on CPython 3.7. install.sh uses it where Python came without pip, or
# with one that is too old for today's wheels.
PIP = "pip==24.0"

_SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "facepipe", "facepipe_io")

# All that zipfile raises over a file that is damaged, or of a later form.
_FAULTS = (
    NotImplementedError,
    OverflowError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)


def read_wheel(path: Path) -> Entry:
    """Read a wheel of facepipe.

    Raises:
        StoreError: when it is none.
    """
    try:
        data = path.read_bytes()
        with zipfile.ZipFile(path) as wheel:
            is_ours = "deeplens_entry.py" in wheel.namelist()
    except OSError as error:
        raise StoreError(str(path), error.strerror or str(error)) from error
    except _FAULTS:
        is_ours = False
    if not (is_ours and path.name.startswith("facepipe-") and path.suffix == ".whl"):
        raise StoreError(str(path), "it is no wheel of facepipe; `make build` makes one")
    return Entry(path.name, data, "facepipe")


def build_wheel() -> Entry:
    """Build the wheel out of the checkout that this runs in.

    The same sources give the same bytes.

    Raises:
        StoreError: when this runs in no checkout, or building fails.
    """
    root = Path(facepipe_io.__file__).resolve().parent.parent
    if not (root / "setup.cfg").is_file():
        raise StoreError("the wheel of facepipe", "there are no sources here; give it with --wheel")
    with tempfile.TemporaryDirectory() as folder:
        # A copy, for setuptools leaves things beside the sources.
        copy, out = Path(folder, "sources"), Path(folder, "out")
        copy.mkdir()
        for path in [*(root / name for name in _SOURCES), *root.glob("*_entry.py")]:
            if path.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(path, copy / path.name, ignore=ignore)
            else:
                shutil.copy2(path, copy)
        _pip("wheel", "--no-deps", "--wheel-dir", str(out), str(copy))
        (wheel,) = out.glob("*.whl")
        return read_wheel(wheel)


def fetch_pip() -> Entry:
    """Download pip's wheel.

    Raises:
        StoreError: when it is not to be had.
    """
    with tempfile.TemporaryDirectory() as folder:
        _pip("download", "--no-deps", "--only-binary", ":all:", "--dest", folder, PIP)
        (wheel,) = Path(folder).glob("*.whl")
        return Entry(wheel.name, wheel.read_bytes(), "for a Python that came without")


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}  # 1980, as early as zip can say
    done = subprocess.run(  # noqa: S603 - no shell
        command, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = errors[-1][len("ERROR: ") :] if errors else done.stderr.strip()[-200:]
        raise StoreError(f"pip {arguments[0]}", " ".join(reason.split()))
