"""A table of the cloud's, with records of facepipe's and others."""

from __future__ import annotations

from facepipe.emotions import FaceEmotions
from facepipe.records import ScoredCrop, to_item
from tests.facepipe_io.local.crowd_data import crop_of
from tests.facepipe_io.local.test_store import NOON

TABLE, BUCKET = "rekognize-faces", "deeplens-faces"

HALL = [
    crop_of("hall", "4f9c", track, shot=shot, seconds=60 * track + shot, **{mood: 90.0 - shot})
    for track, mood in enumerate(["HAPPY", "CALM", "HAPPY"], start=1)
    for shot in range(2)
]
DOOR = [crop_of("door", "0a0a", 1, seconds=120, SAD=70.0), crop_of("door", "0b0b", 1, HAPPY=70.0)]
UPLOADS = [
    ScoredCrop(f"faces/{name}.jpg", "unknown", NOON, 1, FaceEmotions({"CALM": 55.0}))
    for name in ("me", "you")
]
CROPS = [*HALL, *DOOR, *UPLOADS]
FOREIGN = [
    {"s3key": {"S": "faces/x.jpg"}, "camera": {"S": "hall"}, "captured_at": {"S": "yesterday"}},
    {"s3key": {"S": "faces/y.jpg"}, "note": {"S": "not mine"}},
]
ITEMS = [to_item(crop, expires_at=1800000000) for crop in CROPS] + FOREIGN
