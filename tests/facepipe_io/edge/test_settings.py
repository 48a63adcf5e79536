from __future__ import annotations

import socket

import pytest

from facepipe_io.edge.settings import device_settings
from facepipe_io.errors import SettingsError


def test_everything_by_default():
    settings = device_settings({"FACEPIPE_MODEL": "/opt/face.xml", "FACEPIPE_BUCKET": "crops"})
    assert settings.camera == socket.gethostname()
    assert settings.source == settings.detector == "awscam"
    assert settings.min_score is None
    assert (settings.bucket, settings.crops_dir) == ("crops", None)
    assert (settings.resend_seconds, settings.max_fps, settings.bus) == (10.0, 15.0, "auto")


def test_everything_from_the_environment():
    settings = device_settings(
        {
            "FACEPIPE_CAMERA": "hall 1+2",
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
    assert (settings.camera, settings.source) == ("hall 1+2", "rtsp://camera/1")
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
        "FACEPIPE_DETECTOR",
        "FACEPIPE_MIN_SCORE",
        "FACEPIPE_RESEND_SECONDS",
        "FACEPIPE_MAX_FPS",
        "FACEPIPE_BUS",
        "FACEPIPE_MODEL",
        "FACEPIPE_BUCKET",
    ]


def test_a_place_for_the_crops_is_needed():
    with pytest.raises(SettingsError, match=r"FACEPIPE_BUCKET must name .*FACEPIPE_CROPS_DIR"):
        device_settings({"FACEPIPE_SOURCE": "demo"})
    assert device_settings({"FACEPIPE_SOURCE": "demo", "FACEPIPE_CROPS_DIR": "x"}).bucket is None
