from __future__ import annotations

import json
import logging
import sys

import numpy as np
import pytest

from facepipe_io.edge.bus import (
    Bus,
    GreengrassSdkBus,
    health_message,
    health_topic,
    infer_message,
    infer_topic,
    open_bus,
)
from facepipe_io.edge.stats import Stats
from facepipe_io.errors import SettingsError
from tests.facepipe_io.edge.helpers import STANDINS, faces

MESSAGE = {"camera": "hall", "faces": []}


@pytest.fixture
def published(monkeypatch, tmp_path):
    """What was published through the stand-in for greengrasssdk."""
    monkeypatch.syspath_prepend(str(STANDINS))
    monkeypatch.delitem(sys.modules, "greengrasssdk", raising=False)
    monkeypatch.setenv("GREENGRASSSDK_LOG", str(tmp_path / "log"))
    yield lambda: [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    sys.modules.pop("greengrasssdk", None)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("name", ["auto", "greengrasssdk"])
def test_greengrass_takes_messages_in_new_and_old_copies(published, monkeypatch, name, old):
    if old:
        monkeypatch.setenv("GREENGRASSSDK_OLD", "1")
    bus = open_bus(name)
    assert isinstance(bus, GreengrassSdkBus)
    for _ in range(2):
        bus.publish(infer_topic("hall"), MESSAGE)
    assert published() == [["$aws/things/hall/infer", MESSAGE]] * 2


def test_a_fault_in_the_client_is_not_taken_for_an_old_copy(published, monkeypatch):
    bus = open_bus("greengrasssdk")
    monkeypatch.delenv("GREENGRASSSDK_LOG")
    with pytest.raises(KeyError):
        bus.publish("topic", MESSAGE)


def test_without_greengrass():
    assert type(open_bus("auto")) is Bus
    with pytest.raises(SettingsError, match="use the bus log or none"):
        open_bus("greengrasssdk")


def test_the_log_and_nothing(caplog):
    caplog.set_level(logging.INFO)
    open_bus("none").publish("topic", MESSAGE)
    open_bus("log").publish("topic", MESSAGE)
    assert [record.getMessage() for record in caplog.records] == ["topic " + json.dumps(MESSAGE)]


def test_no_such_bus():
    with pytest.raises(SettingsError, match="use one of auto, greengrasssdk, log, none"):
        open_bus("pigeon")


def test_the_message_about_faces():
    message = infer_message(
        "hall", "2026-11-20T09:30:05.250Z", faces([1, 2.25, 3, 4], score=0.87654), np.array([7]), 3
    )
    assert json.loads(json.dumps(message)) == {
        "camera": "hall",
        "captured_at": "2026-11-20T09:30:05.250Z",
        "faces": [{"track": 7, "score": 0.877, "box": [1.0, 2.2, 3.0, 4.0]}],
        "uploaded": 3,
    }


def test_the_message_about_health():
    stats = Stats(
        frames=90,
        skipped=4,
        faces=50,
        people=3,
        crops=5,
        uploaded=2,
        dropped=1,
        failed=1,
        bytes_waiting=1234,
        camera_errors=1,
        last_error="no picture",
    )
    message = health_message("hall", "2026-11-20T09:30:05.250Z", stats, fps=1.4999, uptime=60.04)
    assert json.loads(json.dumps(message)) == {
        "camera": "hall",
        "captured_at": "2026-11-20T09:30:05.250Z",
        "frames": 90,
        "fps": 1.5,
        "faces": 50,
        "people": 3,
        "uploads": 2,
        "failed_uploads": 1,
        "dropped_frames": 4,
        "dropped_crops": 1,
        "camera_errors": 1,
        "detector_errors": 0,
        "uplink_errors": 0,
        "bus_errors": 0,
        "spool_depth": 1,
        "spool_bytes": 1234,
        "uptime": 60.0,
        "last_error": "no picture",
    }
    assert health_topic("hall") == "facepipe/hall/health"
