"""`facepipe device`: what a person types and is told."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile

import pytest

from facepipe_io.device import wheel


@pytest.fixture
def given(packages, monkeypatch):
    """Options with which a bundle is packed quickly: the wheels are there already."""
    (pip,) = packages.glob("pip-*.whl")
    monkeypatch.setattr(
        "facepipe_io.device.wheel.fetch_pip",
        lambda: wheel.Entry(pip.name, pip.read_bytes(), "pip"),
    )
    (ours,) = packages.glob("facepipe-*.whl")
    return ["--outputs", "outputs.json", "--wheel", ours]


def one_line(result):
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.splitlines()
    return line


def test_new_says_what_to_do_next(facepipe, tmp_path):
    (tmp_path / "terraform").mkdir()
    result = facepipe("new", "hall-1")
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert 'cameras = { "hall-1" = "../devices/hall-1/hall-1.csr" }' in lines
    assert "terraform -chdir=terraform apply" in lines
    assert "facepipe device bundle hall-1 --source 0" in lines
    assert (tmp_path / "terraform" / "../devices/hall-1/hall-1.csr").is_file()


def test_new_elsewhere_gives_a_path_that_holds_anywhere(facepipe, tmp_path):
    result = facepipe("new", "hall-1", "--dir", "my cameras")
    path = tmp_path / "my cameras" / "hall-1" / "hall-1.csr"
    assert f'cameras = {{ "hall-1" = "{path}" }}' in result.stdout
    assert "facepipe device bundle hall-1 --dir 'my cameras' --source 0" in result.stdout


def test_new_shows_no_key(facepipe, tmp_path):
    result = facepipe("new", "hall-1")
    key = (tmp_path / "devices" / "hall-1" / "hall-1.key").read_text()
    assert "BEGIN" not in result.output
    assert key.splitlines()[1] not in result.output


def test_new_never_makes_a_second_key(facepipe, tmp_path):
    facepipe("new", "hall-1")
    key = (tmp_path / "devices" / "hall-1" / "hall-1.key").read_text()
    assert "it is there already" in one_line(facepipe("new", "hall-1"))
    assert (tmp_path / "devices" / "hall-1" / "hall-1.key").read_text() == key


def test_a_bundle_is_packed_and_how_to_install_it_told(facepipe, files, outputs, given, tmp_path):
    result = facepipe("bundle", "hall-1", *given)
    assert result.exit_code == 0, result.output
    path = files.bundle
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()} - {""}
    assert packed == set(re.findall(r"^ *(\S+) +[\d,]+ +\w", result.stdout, re.MULTILINE))
    assert "It holds the camera's private key" in result.stdout
    copy, install = result.stdout.splitlines()[-2:]
    assert copy.strip() == "scp devices/hall-1/facepipe-hall-1.tar.gz USER@DEVICE:"
    assert install.strip() == (
        "ssh -t USER@DEVICE 'tar xzf ./facepipe-hall-1.tar.gz && sudo sh "
        "./facepipe-hall-1/install.sh && rm -r ./facepipe-hall-1 ./facepipe-hall-1.tar.gz'"
    )


def test_settings_reach_the_device(facepipe, files, outputs, given, tmp_path):
    (tmp_path / "face.onnx").write_text("a model")
    url = "rtsp://me:hunter2@door.lan/1?a=b"
    out = tmp_path / "b.tar.gz"
    words = ["--source", url, "--detector", "yunet", "--model", "face.onnx", "--out", out]
    result = facepipe("bundle", "hall-1", *given, *words, "--set", "FACEPIPE_MAX_FPS=5")
    assert result.exit_code == 0, result.output
    with tarfile.open(out) as archive:
        env = archive.extractfile("facepipe-hall-1/facepipe.env").read().decode()
        assert archive.extractfile("facepipe-hall-1/models/face.onnx").read() == b"a model"
    assert f'FACEPIPE_SOURCE="{url}"\n' in env
    assert 'FACEPIPE_DETECTOR="yunet"\n' in env
    assert 'FACEPIPE_MODEL="/opt/facepipe/models/face.onnx"\n' in env
    assert 'FACEPIPE_MAX_FPS="5"\n' in env
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["hall-2"], "add it to `cameras` and apply"),
        (["hall-1", "--source", "awscam"], "FACEPIPE_MODEL .* for the detector awscam"),
        (["hall-1", "--set", "FACEPIPE_MAX_FPS=0"], "FACEPIPE_MAX_FPS must be a number greater"),
        (["hall-1", "--model", "nowhere.onnx"], r"nowhere\.onnx: No such file"),
        (["hall-1", "--detector", "owl"], "FACEPIPE_DETECTOR must be one of"),
        (["hall-1", "--outputs", "nowhere.json"], r"nowhere\.json: No such file"),
        (["hall-1", "--wheel", "outputs.json"], "no wheel of facepipe"),
        (["hall-1", "--out", "nowhere/a.tar.gz"], "nowhere/.* No such file"),
        (["hall/1"], "a camera's name must have"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_bundle(facepipe, files, outputs, given, words, told):
    line = one_line(facepipe("bundle", *given, *words))
    assert re.search(told, line), line
    assert not files.bundle.exists()


def test_set_wants_a_value(facepipe, files, outputs, given):
    result = facepipe("bundle", "hall-1", *given, "--set", "FACEPIPE_MAX_FPS")
    assert result.exit_code == 2
    assert "--set takes NAME=VALUE" in result.stderr


def test_a_certificate_of_another_key_is_not_packed(facepipe, files, outputs, given):
    facepipe("new", "hall-2")
    document = json.loads(outputs.read_text())
    certificates = document["camera_certificates"]["value"]
    certificates["hall-2"] = certificates["hall-1"]
    outputs.write_text(json.dumps(document))
    assert "it is not for devices/hall-2/hall-2.key" in one_line(
        facepipe("bundle", "hall-2", *given)
    )


@pytest.mark.parametrize("command", ["new", "bundle"])
def test_help_has_an_example(facepipe, command):
    result = facepipe(command, "--help")
    assert f"facepipe device {command} " in result.output.partition("Example")[2]


@pytest.mark.parametrize("package", ["cryptography", "certifi"])
def test_a_missing_package_is_told_in_one_line(package, outputs):
    code = f"import sys; sys.modules[{package!r}] = None; from facepipe_io.cli import main; main()"
    words = ["device", "bundle", "hall-1", "--outputs", str(outputs)]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.stderr.strip() == (
        f"Error: this needs the package {package}: pip install 'facepipe[device]'"
    )


def test_the_command_starts_without_them():
    code = (
        "import sys; sys.modules.update(cryptography=None, certifi=None)\n"
        "from facepipe_io.cli import main; main()"
    )
    words = [sys.executable, "-c", code, "device", "--help"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
