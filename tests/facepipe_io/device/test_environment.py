from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe_io.device.environment import (
    check_environment,
    device_environment,
    environment_file,
)
from facepipe_io.edge.settings import device_settings
from facepipe_io.errors import SettingsError

SYSTEMD = Path("/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator")

values = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]))


@given(values)
@example("rtsp://me:pa$$word@10.0.0.7/1?a=1&b='2' # \"`\\")
@example("\\")
@example(" ")
def test_sh_reads_what_was_written(value):
    text = environment_file({"FACEPIPE_SOURCE": value, "FACEPIPE_CAMERA": "hall-1"})
    script = f"set -a\n{text}\nexec env -0"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, env={}, check=True)
    read = dict(pair.partition("=")[::2] for pair in done.stdout.decode().split("\0"))
    assert (read["FACEPIPE_SOURCE"], read["FACEPIPE_CAMERA"]) == (value, "hall-1")


@pytest.mark.skipif(not SYSTEMD.exists(), reason="systemd: not installed")
@pytest.mark.parametrize(
    "value",
    [
        "rtsp://me:word@10.0.0.7/1?a=1&b='2' # \"`",
        "\\",
        "a\\nb \\' \\\\",
        " a ",
        "ü",
        "#",
        ";",
        "a=b",
        "''",
    ],
)
def test_systemd_reads_what_was_written(value, tmp_path):
    """Its generator of environments reads such files too, but expands `$`, as units do not."""
    folder = tmp_path / "environment.d"
    folder.mkdir()
    text = environment_file({"FACEPIPE_SOURCE": value, "FACEPIPE_CAMERA": "hall-1"})
    (folder / "facepipe.conf").write_text(text)
    done = subprocess.run(
        [SYSTEMD],
        capture_output=True,
        text=True,
        check=True,
        env={"XDG_CONFIG_HOME": str(tmp_path)},
    )
    assert done.stderr == ""
    script = f'{done.stdout}\nprintf %s%s "$FACEPIPE_SOURCE" "$FACEPIPE_CAMERA"'  # as bash quotes
    read = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert read.stdout == value + "hall-1"


def test_a_device_is_told_where_everything_is(stack):
    environ = device_environment(stack, "hall-1", {"FACEPIPE_SOURCE": "0"})
    settings = device_settings(environ)
    assert (settings.camera, settings.source, settings.bucket) == ("hall-1", "0", "deeplens-faces")
    assert settings.credentials_endpoint == "c1.credentials.iot.eu-west-1.amazonaws.com"
    assert settings.role_alias == "deeplens-camera"
    assert settings.identity is not None
    assert settings.identity.ca == "/etc/facepipe/ca.pem"
    assert settings.spool_dir == "/var/lib/facepipe/spool"
    assert environ["FACEPIPE_BUS"] == "mqtts://a1-ats.iot.eu-west-1.amazonaws.com:8883"
    assert environ["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_no_setting_but_paths_has_to_do_with_secrets(stack, files):
    text = environment_file(device_environment(stack, "hall-1", {}))
    assert "PRIVATE KEY-" not in text
    assert 'FACEPIPE_PRIVATE_KEY="/etc/facepipe/private.key"\n' in text


@pytest.mark.parametrize(
    ("given_settings", "problem"),
    [
        ({"FACEPIPE_MAX_FPS": "fast"}, "FACEPIPE_MAX_FPS must be a number"),
        ({"FACEPIPE_RESEND_SECOND": "5"}, "did you mean FACEPIPE_RESEND_SECONDS"),
        (
            {"FACEPIPE_WINDOW_SHADES": "5"},
            "FACEPIPE_WINDOW_SHADES is no setting of facepipe; `facepipe check` lists",
        ),
        ({"FACEPIPE_CAMERA": "hall-2"}, "FACEPIPE_CAMERA must be hall-1, whose certificate"),
        ({"FACEPIPE_SOURCE": "demo"}, "FACEPIPE_SOURCE must be awscam, a camera's index or device"),
        ({"FACEPIPE_PREVIEW": "/tmp/results.mjpeg"}, "FACEPIPE_PREVIEW must lie elsewhere"),
        ({"FACEPIPE_BUS": "http://a"}, "FACEPIPE_BUS"),
        ({"facepipe_source": "0"}, "'facepipe_source' is no variable's name"),
        ({"": "0"}, "'' is no variable's name"),
        ({"FACEPIPE_SOURCE": "0\nLD_PRELOAD=x"}, "FACEPIPE_SOURCE must be one line of text"),
        ({"FACEPIPE_SOURCE": "awscam"}, "FACEPIPE_MODEL .* for the detector awscam"),
        ({"FACEPIPE_BUS": "pigeon"}, "FACEPIPE_BUS must be"),
        ({"FACEPIPE_BUCKET": "s3://faces"}, "FACEPIPE_BUCKET must be a bucket's name alone"),
    ],
)
def test_a_mistake_is_found_before_the_device_finds_it(stack, given_settings, problem):
    given_settings = {"FACEPIPE_SOURCE": "0", **given_settings}
    environ = device_environment(stack, "hall-1", given_settings)
    with pytest.raises(SettingsError, match=problem) as caught:
        check_environment(environ, "hall-1", None)
    assert len(caught.value.problems) == 1


def test_a_model_that_is_on_the_device_already_cannot_be_looked_at(stack):
    given_settings = {
        "FACEPIPE_SOURCE": "awscam",
        "FACEPIPE_MODEL": "/opt/awscam/artifacts/face.xml",
        "OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp",
    }
    check_environment(device_environment(stack, "hall-1", given_settings), "hall-1", None)


def test_a_model_that_is_to_be_packed_is(stack, tmp_path):
    environ = device_environment(stack, "hall-1", {"FACEPIPE_MODEL": "/opt/facepipe/models/a.onnx"})
    with pytest.raises(SettingsError, match=f"{tmp_path}/a.onnx"):
        check_environment(environ, "hall-1", tmp_path / "a.onnx")
    (tmp_path / "a.onnx").touch()
    check_environment(environ, "hall-1", tmp_path / "a.onnx")
