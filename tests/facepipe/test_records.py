from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.emotions import FaceEmotions, filter_emotions, largest_face
from facepipe.errors import ResponseError
from facepipe.keys import format_key
from facepipe.records import (
    UNKNOWN_CAMERA,
    ScoredCrop,
    from_item,
    iso_millis,
    metric_data,
    score_crop,
    seen_object,
    to_item,
)
from tests.strategies import (
    confidences,
    crop_keys,
    face_details,
    moments,
    object_crops,
    scored_crops,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
responses = st.lists(face_details(), max_size=3).map(lambda faces: {"FaceDetails": faces})


@given(crop_keys(), responses, confidences())
def test_camera_and_time_come_from_the_key(key, response, threshold):
    scored = score_crop(format_key(key), response, event_time=NOON, min_confidence=threshold)
    assert scored.key == format_key(key)
    assert (scored.camera, scored.captured_at) == (key.camera, key.captured_at)
    assert scored.face_count == len(response["FaceDetails"])


@given(responses, moments())
def test_a_foreign_key_is_scored_all_the_same(response, event_time):
    scored = score_crop("faces/holiday.jpg", response, event_time=event_time)
    assert (scored.camera, scored.captured_at) == (UNKNOWN_CAMERA, event_time)


@given(responses)
@example({"FaceDetails": [{"Emotions": [{"Type": "CALM", "Confidence": 10.5}]}]})
def test_the_threshold_is_10_unless_told(response):
    scored = score_crop("faces/a.jpg", response, event_time=NOON)
    assert scored == score_crop("faces/a.jpg", response, event_time=NOON, min_confidence=10.0)


@given(responses, confidences())
def test_the_largest_face_is_the_one_scored(response, threshold):
    scored = score_crop("faces/a.jpg", response, event_time=NOON, min_confidence=threshold)
    face = largest_face(response)
    assert scored.emotions == (filter_emotions(face, threshold) if face else FaceEmotions({}))


@given(object_crops())
def test_all_there_is_to_say_of_an_object_stands_in_its_key(seen):
    assert seen_object(seen.key) == seen
    assert not seen.is_face


@given(crop_keys().map(lambda key: format_key(attrs.evolve(key, label="face"))) | st.text())
def test_a_face_or_a_foreign_key_is_no_object(key):
    assert seen_object(key) is None


@given(scored_crops(), st.integers(0, 2**40))
def test_an_item_says_what_was_scored(scored, expires_at):
    item = to_item(scored, expires_at)
    assert item["s3key"] == {"S": scored.key}
    assert item["camera"] == {"S": scored.camera}
    assert item["dominant"] == {"S": scored.emotions.dominant}
    assert item["captured_at"] == {"S": iso_millis(scored.captured_at)}
    assert item["expires_at"] == {"N": str(expires_at)}
    assert Decimal(item["face_count"]["N"]) == scored.face_count
    for name, value in scored.emotions.scores.items():
        assert item[name]["N"] == f"{value:.2f}"
    assert len(item) == 6 + len(scored.emotions.scores)


@given(object_crops(), st.integers(0, 2**40))
def test_the_item_of_an_object_has_a_label_and_no_emotion(seen, expires_at):
    assert to_item(seen, expires_at) == {
        "s3key": {"S": seen.key},
        "label": {"S": seen.label},
        "camera": {"S": seen.camera},
        "captured_at": {"S": iso_millis(seen.captured_at)},
        "expires_at": {"N": str(expires_at)},
    }


@given(scored_crops() | object_crops())
def test_an_item_is_read_back(scored):
    assert from_item(to_item(scored, 0)) == scored


def test_an_emotion_called_label_makes_no_object():
    scored = ScoredCrop("faces/a.jpg", "hall", NOON, 1, FaceEmotions({"label": 50.0}))
    assert from_item(to_item(scored, 0)) == scored


@pytest.mark.parametrize("name", ["s3key", "camera", "captured_at", "expires_at", "dominant"])
def test_no_emotion_takes_the_place_of_an_attribute(name):
    scored = ScoredCrop("faces/a.jpg", "hall", NOON, 1, FaceEmotions({name: 50.0}))
    item = to_item(scored, 0)
    assert item == to_item(ScoredCrop("faces/a.jpg", "hall", NOON, 1, scored.emotions), 0)
    assert item["s3key"] == {"S": "faces/a.jpg"}
    assert item["camera"] == {"S": "hall"}


def test_a_crop_without_emotions_makes_no_record():
    with pytest.raises(ResponseError, match="makes no record"):
        to_item(ScoredCrop("faces/a.jpg", "hall", NOON, 1, FaceEmotions({})), 0)


@given(st.lists(scored_crops(), max_size=4))
def test_each_emotion_is_charted_once_for_all_and_once_for_its_camera(crops):
    data = metric_data(crops)
    assert len(data) == sum(2 * (len(crop.emotions.scores) + 1) for crop in crops)
    for crop in crops:
        for name, value in [*crop.emotions.scores.items(), ("FacesScored", 1)]:
            unit = "Count" if name == "FacesScored" else "Percent"
            datum = {"MetricName": name, "Value": value, "Unit": unit}
            datum["Timestamp"] = crop.captured_at
            assert datum in data
            camera = {"Name": "Camera", "Value": crop.camera}
            assert {**datum, "Dimensions": [camera]} in data


@given(st.lists(object_crops(), max_size=4))
def test_an_object_is_counted_by_label_and_by_camera_and_label(crops):
    data = metric_data(crops)
    for crop, (anywhere, here) in zip(crops, zip(data[::2], data[1::2])):
        seen = {"MetricName": "ObjectsSeen", "Value": 1, "Unit": "Count"}
        seen["Timestamp"] = crop.captured_at
        camera, label = (
            {"Name": "Camera", "Value": crop.camera},
            {"Name": "Label", "Value": crop.label},
        )
        assert anywhere == {**seen, "Dimensions": [label]}
        assert here == {**seen, "Dimensions": [camera, label]}
    assert len(data) == 2 * len(crops)


def test_a_crop_without_a_face_is_not_charted_and_one_without_emotions_is_counted():
    nobody = ScoredCrop("faces/a.jpg", "hall", NOON, 0, FaceEmotions({}))
    blank = ScoredCrop("faces/b.jpg", "hall", NOON, 1, FaceEmotions({}))
    assert metric_data([nobody]) == []
    assert [datum["MetricName"] for datum in metric_data([blank])] == ["FacesScored"] * 2
