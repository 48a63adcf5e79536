"""A bundle, installed into a clean tree by its own installer and real pip, sees a face.

These tests take their packages from PyPI, and up to a minute each.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from facepipe.keys import parse_key
from tests.facepipe_io.edge.helpers import STANDINS, scene

WAIT = 300  # seconds, after which a test has failed; nothing takes that long


def python37():
    """A CPython 3.7 of this machine, by name or out of pyenv."""
    candidates = [os.environ.get("FACEPIPE_PYTHON37", ""), "python3.7"]
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True).stdout.strip()
        candidates += sorted(map(str, Path(root, "versions").glob("3.7.*/bin/python")))
    for candidate in filter(shutil.which, candidates):
        done = subprocess.run([candidate, "--version"], capture_output=True, text=True)
        if done.stdout.startswith("Python 3.7."):
            return candidate
    return None


@pytest.fixture
def unpacked(facepipe, files, outputs, packages, tmp_path):
    """Makes the camera's bundle and unpacks it as a device does; gives the folder."""
    (wheel,) = packages.glob("facepipe-*.whl")

    def unpacked(*words):
        words = ["--outputs", outputs, "--wheel", wheel, "--out", tmp_path / "b.tar.gz", *words]
        result = facepipe("bundle", "hall-1", *words)
        assert result.exit_code == 0, result.output
        subprocess.run(["tar", "xzf", tmp_path / "b.tar.gz"], cwd=tmp_path, check=True)
        return tmp_path / "facepipe-hall-1"

    return unpacked


@pytest.fixture
def root(tmp_path):
    """The tree to install into; its name has a space, as an installer ought to bear."""
    return tmp_path / "a device"


@pytest.fixture
def install(root):
    """Runs an unpacked bundle's installer."""

    def install(folder, *words, **environ):
        return subprocess.run(
            ["sh", folder / "install.sh", *words],
            capture_output=True,
            text=True,
            timeout=WAIT,
            env={**os.environ, "DESTDIR": str(root), "PYTHON": sys.executable, **environ},
        )

    return install


def start(root, tmp_path, **environ):
    """Run the installed program with its installed settings until its camera ends; its crops."""
    script = f"set -a; . '{root}/etc/facepipe/facepipe.env'; exec env -0"
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env={}, check=True)
    settings = dict(pair.partition("=")[::2] for pair in told.stdout.split("\0") if pair)
    for name, value in settings.items():
        if value.startswith(("/etc/", "/opt/", "/var/")):
            settings[name] = f"{root}{value}"
    settings.update(FACEPIPE_CROPS_DIR=str(tmp_path / "crops"), FACEPIPE_BUS="none", **environ)
    done = subprocess.run(
        [root / "opt/facepipe/venv/bin/python", "-m", "deeplens_entry"],
        capture_output=True,
        text=True,
        timeout=WAIT,
        env=settings,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return sorted((tmp_path / "crops").rglob("*.jpg"))


def mode(path):
    return path.stat().st_mode & 0o777


def check_a_face_is_seen(root, portraits, tmp_path):
    cv2.imwrite(
        str(tmp_path / "hall.png"), scene((portraits["collins"][:300, 80:400], 200, 80, 300))
    )
    (crop,) = start(root, tmp_path, FACEPIPE_SOURCE=str(tmp_path / "hall.png"))
    assert parse_key(crop.relative_to(tmp_path / "crops").as_posix()).camera == "hall-1"
    assert min(cv2.imread(str(crop)).shape[:2]) >= 80


def test_a_device_is_installed_and_sees_a_face(unpacked, install, root, portraits, tmp_path):
    done = install(unpacked())
    assert done.returncode == 0, done.stderr
    assert "facepipe: installed, with Python 3." in done.stdout
    settings = root / "etc/facepipe"
    assert mode(settings) == 0o750
    assert {path.name: mode(path) for path in settings.iterdir()} == {
        "ca.pem": 0o640,
        "certificate.pem": 0o640,
        "facepipe.env": 0o640,
        "private.key": 0o640,
    }
    assert mode(root / "var/lib/facepipe") == 0o700
    assert (root / "etc/systemd/system/facepipe.service").is_file()
    check_a_face_is_seen(root, portraits, tmp_path)


def test_a_device_with_cpython_37_does_too_without_the_network(
    unpacked, install, root, portraits, tmp_path
):
    python = python37()
    if python is None:
        pytest.skip("python3.7: not installed")
    folder = unpacked()
    requirements = [
        f"--requirement={folder / name}" for name in ("requirements.txt", "requirements-opencv.txt")
    ]
    download = ["download", "--quiet", "--only-binary=:all:", f"--dest={folder / 'wheels'}"]
    subprocess.run([python, "-m", "pip", *download, *requirements], check=True, timeout=WAIT)
    done = install(folder, PYTHON=python, PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="0")
    assert done.returncode == 0, done.stderr
    assert "facepipe: installed, with Python 3.7." in done.stdout
    check_a_face_is_seen(root, portraits, tmp_path)


@pytest.fixture
def deeplens(tmp_path):
    """What a DeepLens' own Python has: awscam, OpenCV and NumPy, which pip must not shadow."""
    folder = tmp_path / "dist-packages"
    folder.mkdir()
    (folder / "awscam.py").symlink_to(STANDINS / "awscam.py")
    installed = Path(cv2.__file__).parent.parent
    for pattern in ("cv2", "numpy", "numpy-*", "numpy.libs", "opencv_python*"):
        for path in installed.glob(pattern):
            (folder / path.name).symlink_to(path)
    person = np.zeros((4, 480, 640, 3), np.uint8)
    person[:, 120:300, 200:340] = np.random.default_rng(7).integers(60, 255, (180, 140, 3))
    np.save(tmp_path / "frames.npy", person)
    return {"PYTHONPATH": str(folder), "AWSCAM_FRAMES": str(tmp_path / "frames.npy")}


def test_a_deeplens_keeps_its_own_opencv_and_an_upgrade_its_crops(
    unpacked, install, root, deeplens, tmp_path
):
    (tmp_path / "face.xml").write_text("<?xml version='1.0'?>")
    words = ["--source", "awscam", "--model", tmp_path / "face.xml"]
    done = install(unpacked(*words), **deeplens)
    assert done.returncode == 0, done.stderr
    venv = root / "opt/facepipe/venv"
    assert "include-system-site-packages = true" in (venv / "pyvenv.cfg").read_text()
    (site,) = venv.glob("lib/python3.*/site-packages")
    assert not {"cv2", "numpy"} & {path.name for path in site.iterdir()}
    assert (site / "boto3").is_dir()

    def is_whole():
        environ = {**os.environ, **deeplens}
        check = ["-c", "import awscam, cv2, deeplens_entry"]
        subprocess.run([venv / "bin/python", *check], check=True, env=environ, cwd="/")

    is_whole()
    waiting = root / "var/lib/facepipe/spool/a.jpg"
    waiting.parent.mkdir()
    waiting.write_text("a crop")
    (root / "etc/facepipe/local.env").write_text("FACEPIPE_MAX_FPS=3\n")
    before = (root / "etc/facepipe/facepipe.env").read_text()

    folder = unpacked("--source", "0")
    shutil.rmtree(folder / "models")
    (folder / "wheels").mkdir()  # it is empty
    done = install(folder, **deeplens)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "facepipe: pip could not install the packages; what was installed before is as it was"
    )
    assert (root / "etc/facepipe/facepipe.env").read_text() == before
    assert not (root / "opt/facepipe/venv.new").exists()
    is_whole()

    (folder / "wheels").rmdir()
    done = install(folder, **deeplens)
    assert done.returncode == 0, done.stderr
    assert 'FACEPIPE_SOURCE="0"' in (root / "etc/facepipe/facepipe.env").read_text()
    assert not (root / "opt/facepipe/models").exists()
    assert (root / "etc/facepipe/local.env").read_text() == "FACEPIPE_MAX_FPS=3\n"
    assert waiting.read_text() == "a crop"
    there = sorted(path.name for path in (root / "opt/facepipe").iterdir())
    assert there == ["install.sh", "venv"]
    is_whole()

    done = install(root / "opt/facepipe", "--uninstall")
    assert (done.returncode, done.stdout) == (0, "facepipe: removed\n")
    assert [path for path in root.rglob("*") if "facepipe" in path.name] == []


@pytest.mark.parametrize(
    ("words", "environ", "told"),
    [
        (["--help"], {}, "there is no --help; the first lines of"),
        ([], {"PYTHON": "/bin/false"}, "there is no Python 3.7 or newer here"),
        ([], {"PYTHON": ""}, "private.key is missing; unpack the whole bundle"),
    ],
)
def test_a_mistake_is_told_and_nothing_installed(unpacked, install, root, words, environ, told):
    folder = unpacked()
    if "private.key" in told:
        (folder / "private.key").unlink()
    done = install(folder, *words, **environ)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert told in line
    assert not root.exists()
