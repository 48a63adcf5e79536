"""What the settings make of a published model."""

from __future__ import annotations

import pytest

from facepipe.keys import parse_key
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.cameras import Frame
from facepipe_io.edge.models.renewal import RenewingPicker
from facepipe_io.edge.pickers import detector_of, open_picker
from facepipe_io.edge.settings import device_settings
from facepipe_io.errors import ModelError, SettingsError
from tests.facepipe_io.edge.detectors.test_yolo import squares
from tests.facepipe_io.edge.helpers import ListUplink, ScriptedCamera
from tests.facepipe_io.edge.publishing import NAME, Bucket, pack, s3_alone
from tests.facepipe_io.local.onnx_file import squares_onnx

SQUARES = pack(squares_onnx(), **{"cups.txt": b"red\ngreen\nblue\n"})


@pytest.fixture(scope="module")
def s3():
    with s3_alone() as s3:
        yield s3


@pytest.fixture
def bucket(s3, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("facepipe_io.edge.pickers.connector", lambda *_, **__: lambda: s3)
    bucket = Bucket(s3)
    yield bucket
    bucket.close()


def settings(**more):
    environ = {"FACEPIPE_SOURCE": "0", "FACEPIPE_CAMERA": "hall", "FACEPIPE_BUCKET": "crops"}
    return device_settings({**environ, "FACEPIPE_MODEL": NAME, **more})


def test_a_published_model_is_run_and_named(bucket):
    sha256 = bucket.put(SQUARES)
    picker = open_picker(settings(), "4f9c", stills=True)
    assert isinstance(picker, RenewingPicker)
    uplink = ListUplink()
    camera = ScriptedCamera([Frame(squares(("blue", 0, 160), ("red", 320, 0)), 1700000000.0)])
    stats = Agent("hall", camera, picker, uplink).run()
    assert sorted(parse_key(key).label for key in uplink.keys) == ["blue", "red"]
    assert (stats.faces, stats.people, stats.objects, stats.things) == (0, 0, 2, 2)
    assert (stats.model, stats.model_errors) == (sha256[:12], 0)


def test_a_run_on_one_machine_uses_it_too(bucket):
    bucket.put(SQUARES)
    assert detector_of(settings()).labels == ("red", "green", "blue")


def test_labels_of_the_device_beat_those_in_the_archive(bucket, tmp_path):
    bucket.put(SQUARES)
    (tmp_path / "labels.txt").write_text("a\nb\nface\n")
    detector = detector_of(settings(FACEPIPE_LABELS=str(tmp_path / "labels.txt")))
    assert detector.labels == ("a", "b", "face")


def test_a_score_that_is_given_counts(bucket):
    bucket.put(SQUARES)
    assert detector_of(settings(FACEPIPE_MIN_SCORE="0.25")).min_score == 0.25


def test_nothing_published_is_one_sentence(bucket):
    with pytest.raises(ModelError, match=r"cups\.json: .*NoSuchKey"):
        open_picker(settings(), "4f9c")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"FACEPIPE_DETECTOR": "ssd"}, "FACEPIPE_DETECTOR must be left out"),
        (
            {"FACEPIPE_MODE": "classify", "FACEPIPE_LABELS": "/dev/null"},
            "FACEPIPE_MODEL must be no pointer",
        ),
    ],
)
def test_settings_that_do_not_go_with_it(more, told):
    with pytest.raises(SettingsError, match=told):
        settings(**more)
