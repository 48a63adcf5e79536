from __future__ import annotations

import socket

import pytest

from facepipe_io.edge.names import camera_name
from facepipe_io.edge.settings import DETECTOR_NAMES, device_settings
from facepipe_io.errors import SettingsError


@pytest.fixture(autouse=True)
def _models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("face.xml", "face.pb", "yunet.onnx"):
        (tmp_path / name).touch()


def test_everything_by_default():
    settings = device_settings({"FACEPIPE_MODEL": "face.xml", "FACEPIPE_BUCKET": "crops"})
    assert settings.camera == socket.gethostname()
    assert settings.source == settings.detector == "awscam"
    assert settings.min_score is None
    assert (settings.bucket, settings.crops_dir) == ("crops", None)
    assert (settings.resend_seconds, settings.max_fps, settings.bus) == (10.0, 15.0, "auto")


def test_everything_from_the_environment():
    settings = device_settings(
        {
            "FACEPIPE_CAMERA": "hall 1 ü",
            "FACEPIPE_SOURCE": "rtsp://camera/1",
            "FACEPIPE_DETECTOR": "ssd",
            "FACEPIPE_MODEL": "face.pb",
            "FACEPIPE_MIN_SCORE": "0.8",
            "FACEPIPE_CROPS_DIR": "/crops",
            "FACEPIPE_RESEND_SECONDS": "30",
            "FACEPIPE_MAX_FPS": "5",
            "FACEPIPE_BUS": "log",
            "PATH": "/bin",
        }
    )
    assert (settings.camera, settings.source) == ("hall 1 ü", "rtsp://camera/1")
    assert (settings.detector, settings.model, settings.min_score) == ("ssd", "face.pb", 0.8)
    assert (settings.bucket, settings.crops_dir) == (None, "/crops")
    assert (settings.resend_seconds, settings.max_fps, settings.bus) == (30.0, 5.0, "log")


@pytest.mark.parametrize(
    ("environ", "given", "camera"),
    [
        ({"AWS_IOT_THING_NAME": "thing"}, {}, "thing"),
        ({"AWS_IOT_THING_NAME": "thing", "FACEPIPE_CAMERA": "hall"}, {}, "hall"),
        ({"AWS_IOT_THING_NAME": "thing", "FACEPIPE_CAMERA": " "}, {}, "thing"),
        ({"FACEPIPE_CAMERA": "hall"}, {"camera": "argument"}, "argument"),
        ({"FACEPIPE_CAMERA": "hall"}, {"camera": None}, "hall"),
    ],
)
def test_where_the_cameras_name_comes_from(environ, given, camera):
    assert device_settings(environ, source="0", bucket="crops", **given).camera == camera


@pytest.mark.parametrize(
    ("environ", "detector"),
    [
        ({"FACEPIPE_SOURCE": "0"}, "haar"),
        ({"FACEPIPE_SOURCE": "0", "FACEPIPE_MODEL": "yunet.onnx"}, "yunet"),
        ({"FACEPIPE_MODEL": "face.xml"}, "awscam"),
        ({"FACEPIPE_SOURCE": "awscam", "FACEPIPE_DETECTOR": "haar"}, "haar"),
    ],
)
def test_the_detector_suits_the_source_and_the_model(environ, detector):
    assert device_settings(environ, bucket="crops").detector == detector


def test_every_problem_is_told_at_once():
    with pytest.raises(SettingsError) as caught:
        device_settings(
            {
                "FACEPIPE_CAMERA": "a/b",
                "FACEPIPE_DETECTOR": "yolo",
                "FACEPIPE_MIN_SCORE": "80",
                "FACEPIPE_RESEND_SECONDS": "-1",
                "FACEPIPE_MAX_FPS": "0",
                "FACEPIPE_BUS": "pigeon",
            }
        )
    told = [problem.split(" ")[0] for problem in caught.value.problems]
    assert told == [
        "FACEPIPE_CAMERA",
        "FACEPIPE_MIN_SCORE",
        "FACEPIPE_RESEND_SECONDS",
        "FACEPIPE_MAX_FPS",
        "FACEPIPE_BUS",
        "FACEPIPE_DETECTOR",
        "FACEPIPE_BUCKET",
    ]


def test_a_place_for_the_crops_is_needed():
    with pytest.raises(SettingsError, match=r"FACEPIPE_BUCKET must name .*FACEPIPE_CROPS_DIR"):
        device_settings({"FACEPIPE_SOURCE": "demo"})
    assert device_settings({"FACEPIPE_SOURCE": "demo", "FACEPIPE_CROPS_DIR": "x"}).bucket is None


def problems(**environ):
    given = {"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops", **environ}
    with pytest.raises(SettingsError) as caught:
        device_settings(given)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a" * 129, "1 to 128 characters"),
        ("\U0001f600" * 64, "at most 255 bytes in UTF-8"),
        ("hall+1", "without + and #"),
        ("hall #1", "without + and #"),
    ],
)
def test_a_cameras_name_that_fits_nowhere(name, told):
    (problem,) = problems(FACEPIPE_CAMERA=name)
    assert problem.startswith("FACEPIPE_CAMERA must be a name")
    assert told in problem
    (problem,) = problems(AWS_IOT_THING_NAME=name)
    assert problem.startswith("FACEPIPE_CAMERA must be set, or AWS_IOT_THING_NAME be a name")


def test_the_longest_cameras_name_is_a_folders_name(tmp_path):
    name = camera_name("\U0001f600" * 63 + "abc")
    (tmp_path / name).mkdir()


@pytest.mark.parametrize("bucket", ["abc", "my-crops.2026", "1" * 63, "10.0.0.1.a"])
def test_buckets_that_s3_allows(bucket):
    assert device_settings({"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": bucket}).bucket == bucket


@pytest.mark.parametrize(
    "bucket", ["ab", "a" * 64, "Crops", "my_crops", "s3://crops", "-ab", "ab-", "a..b", "10.0.0.1"]
)
def test_buckets_that_s3_does_not_allow(bucket):
    (problem,) = problems(FACEPIPE_BUCKET=bucket)
    assert problem.startswith("FACEPIPE_BUCKET must be a bucket's name alone")


def test_a_model_that_is_not_there():
    assert problems(FACEPIPE_MODEL="gone.onnx") == [
        "FACEPIPE_MODEL (or --model) names a file that cannot be read: gone.onnx: "
        "No such file or directory; check the path"
    ]
    (problem,) = problems(FACEPIPE_MODEL="/")
    assert "Is a directory" in problem


def test_a_model_that_is_needed():
    (problem,) = problems(FACEPIPE_DETECTOR="yunet")
    assert problem.startswith("FACEPIPE_MODEL (or --model) must be the path of a model")


def test_a_detector_that_does_not_exist_is_one_problem():
    (problem,) = problems(FACEPIPE_DETECTOR="yolo", FACEPIPE_SOURCE="awscam")
    names = ", ".join(DETECTOR_NAMES)
    assert problem == f"FACEPIPE_DETECTOR must be one of {names}, not 'yolo'"


@pytest.mark.parametrize("name", ["on", "true", "results.mjpeg", "OFF"])
def test_a_preview_is_a_page_a_path_or_off(name):
    with pytest.raises(SettingsError, match="FACEPIPE_PREVIEW must be a page such as http"):
        device_settings({"FACEPIPE_BUCKET": "crops", "FACEPIPE_PREVIEW": name})


@pytest.mark.parametrize("name", ["ftp://:21", "https://:8080", "http://:http", "http://a:b@c:1"])
def test_a_page_has_an_address(name):
    with pytest.raises(SettingsError, match="FACEPIPE_PREVIEW must be http://, an address of"):
        device_settings({"FACEPIPE_BUCKET": "crops", "FACEPIPE_PREVIEW": name})


WEBCAM = {"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops"}


def test_who_may_open_the_page_is_told_in_the_state_folder():
    environ = {**WEBCAM, "STATE_DIRECTORY": "/var/lib/hall"}
    settings = device_settings({**environ, "FACEPIPE_PREVIEW": "http://0.0.0.0:8080"})
    assert settings.preview_token_file == "/var/lib/hall/preview-token"
    assert settings.preview_viewers == 10


def test_faces_are_blurred_or_not():
    assert device_settings(WEBCAM).blur == "off"
    assert device_settings({**WEBCAM, "FACEPIPE_BLUR": "faces"}).blur == "faces"
    with pytest.raises(SettingsError, match="FACEPIPE_BLUR must be one of faces, off"):
        device_settings({**WEBCAM, "FACEPIPE_BLUR": "yes"})


CERTIFICATE = {"FACEPIPE_CERTIFICATE": "hall.pem", "FACEPIPE_PRIVATE_KEY": "hall.key"}
ENDPOINT = {"FACEPIPE_CREDENTIALS_ENDPOINT": "c1.iot.aws", "FACEPIPE_ROLE_ALIAS": "cameras"}


def test_a_device_with_a_certificate():
    environ = {"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops", **CERTIFICATE, **ENDPOINT}
    settings = device_settings(environ)
    assert (settings.identity.certificate, settings.identity.key) == ("hall.pem", "hall.key")
    assert (settings.credentials_endpoint, settings.role_alias) == ("c1.iot.aws", "cameras")


@pytest.mark.parametrize("missing", ["FACEPIPE_CERTIFICATE", "FACEPIPE_PRIVATE_KEY"])
def test_a_certificate_and_its_key_go_together(missing):
    environ = {"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops", **CERTIFICATE}
    del environ[missing]
    with pytest.raises(SettingsError, match=f"{missing} must be set"):
        device_settings(environ)


@pytest.mark.parametrize("missing", ["FACEPIPE_ROLE_ALIAS", "FACEPIPE_CERTIFICATE"])
def test_a_credentials_endpoint_needs_an_alias_and_a_certificate(missing):
    environ = {"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops", **CERTIFICATE, **ENDPOINT}
    names = [missing] if "ROLE" in missing else [*CERTIFICATE]
    for name in names:
        del environ[name]
    with pytest.raises(SettingsError, match=f"{missing} must be set, for"):
        device_settings(environ)


@pytest.mark.parametrize(
    "host",
    ["https://c1.iot.aws", "c1.iot.aws/role-aliases", "", " ", "a b", "a:0", "a:65536", "a:\u0663"],
)
def test_an_endpoint_is_a_host_alone(host):
    environ = {"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops"}
    environ["FACEPIPE_CREDENTIALS_ENDPOINT"] = host
    if host.strip():
        with pytest.raises(SettingsError, match="a host's name alone"):
            device_settings(environ)
    else:
        assert device_settings(environ).credentials_endpoint is None


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/facepipe:/var/lib/b", "HOME": "/root"}, "/var/lib/facepipe"),
        ({"XDG_STATE_HOME": "/state", "HOME": "/root"}, "/state/facepipe"),
        ({"HOME": "/home/me"}, "/home/me/.local/state/facepipe"),
        ({}, "/var/lib/facepipe"),
    ],
)
def test_where_crops_wait_by_default(environ, folder):
    settings = device_settings({"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops", **environ})
    assert settings.spool_dir == f"{folder}/spool"
    assert settings.spool_mb == 256


def test_a_model_with_labels_beside_it_finds_what_they_name(tmp_path):
    environ = {"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops", "FACEPIPE_MODEL": "yunet.onnx"}
    assert device_settings(environ).detector == "yunet"
    (tmp_path / "yunet.txt").touch()
    assert device_settings(environ).detector == "onnx"


@pytest.mark.parametrize("labels", ["no", "n" * 300], ids=["none", "too long"])
def test_labels_that_are_not_there_are_told_of_a_detector_too(labels):
    environ = {"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops", "FACEPIPE_LABELS": labels}
    with pytest.raises(SettingsError, match=f"LABELS names no file that is there: {labels}"):
        device_settings(environ)


@pytest.mark.parametrize("detector", ["yunet", "neo", ""])
def test_a_model_whose_name_no_file_can_have_is_told_of(detector):
    environ = {"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops", "FACEPIPE_MODEL": "m" * 300}
    with pytest.raises(SettingsError, match=r"FACEPIPE_MODEL .* cannot be read: m+: File name too"):
        device_settings({**environ, "FACEPIPE_DETECTOR": detector})
