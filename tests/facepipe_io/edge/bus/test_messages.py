from __future__ import annotations

import json

import numpy as np

from facepipe_io.edge.bus import (
    health_message,
    health_topic,
    infer_message,
    infer_topic,
    status_message,
    status_topic,
)
from facepipe_io.edge.bus.messages import client_infer_topic, qos
from facepipe_io.edge.picker import Look
from facepipe_io.edge.stats import Stats
from tests.facepipe_io.edge.helpers import faces


def test_topics_and_their_quality_of_service():
    topics = [of("hall") for of in (infer_topic, client_infer_topic, health_topic, status_topic)]
    assert [(topic, qos(topic)) for topic in topics] == [
        ("$aws/things/hall/infer", 0),
        ("facepipe/hall/infer", 0),
        ("facepipe/hall/health", 1),
        ("facepipe/hall/status", 1),
    ]


def test_the_message_about_faces():
    look = Look(faces([1, 2.25, 3, 4], score=0.87654), np.array([7]), [])
    message = infer_message("hall", "2026-11-20T09:30:05.250Z", look, 3)
    assert json.loads(json.dumps(message)) == {
        "camera": "hall",
        "captured_at": "2026-11-20T09:30:05.250Z",
        "faces": [{"track": 7, "score": 0.877, "box": [1.0, 2.2, 3.0, 4.0]}],
        "uploaded": 3,
    }


def test_what_is_no_face_is_told_with_its_label():
    found = faces([1, 2, 3, 4], [5, 6, 7, 8])
    look = Look(found, np.array([7, 8]), [], labels=("bottle", "face"))
    message = infer_message("hall", "2026-11-20T09:30:05.250Z", look, 3)
    assert [face["track"] for face in message["faces"]] == [8]
    assert message["objects"] == [
        {"label": "bottle", "track": 7, "score": 0.9, "box": [1.0, 2.0, 3.0, 4.0]}
    ]


def test_the_message_about_health():
    stats = Stats(
        frames=90,
        skipped=4,
        faces=50,
        people=3,
        objects=9,
        things=2,
        crops=5,
        uploaded=2,
        dropped=1,
        failed=1,
        samples=8,
        samples_stored=4,
        samples_dropped=2,
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
        "objects": 9,
        "things": 2,
        "uploads": 2,
        "failed_uploads": 1,
        "dropped_frames": 4,
        "unusable_frames": 0,
        "still_frames": 0,
        "dropped_crops": 1,
        "recovered_crops": 0,
        "refused_crops": 0,
        "damaged_crops": 0,
        "foreign_files": 0,
        "samples": 8,
        "samples_stored": 4,
        "samples_dropped": 2,
        "camera_errors": 1,
        "detector_errors": 0,
        "uplink_errors": 0,
        "disk_errors": 0,
        "bus_errors": 0,
        "preview_errors": 0,
        "model_errors": 0,
        "model": None,
        "spool_depth": 1,
        "spool_bytes": 1234,
        "uptime": 60.0,
        "last_error": "no picture",
    }


def test_the_message_about_the_status():
    assert status_message("hall", "gone") == {"camera": "hall", "status": "gone"}
