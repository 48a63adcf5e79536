from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.detections import Detections
from facepipe.errors import KeyFormatError
from facepipe.keys import PREFIX, format_key
from facepipe.samples import SampleKey, parse_sample_key, sample_key, sample_record
from facepipe.sampling import FeedbackConfig
from tests.strategies import boxes, crop_keys, frame_sizes, sample_keys

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
CONFIG = FeedbackConfig("unsure", "samples", "hall")


def key_of(said: SampleKey) -> str:
    return sample_key(**attrs.asdict(said))


class TestKeys:
    @given(sample_keys())
    def test_what_is_made_is_parsed_back(self, said):
        assert parse_sample_key(key_of(said)) == said

    @given(sample_keys())
    def test_s3_takes_every_key_and_nobody_scores_it(self, said):
        key = key_of(said)
        assert len(key.encode()) <= 1024
        assert not {"", ".", ".."} & set(key.split("/"))
        assert not key.startswith(PREFIX)

    @given(sample_keys(), sample_keys())
    def test_different_samples_have_different_keys(self, a, b):
        assert (key_of(a) == key_of(b)) == (a == b)

    @given(crop_keys())
    def test_a_crops_key_is_none(self, crop):
        with pytest.raises(KeyFormatError):
            parse_sample_key(format_key(crop))

    @given(
        st.from_regex(
            r"\A[a-f/.]{0,9}/?h/2026112[0-9]T0[0-9]3005250Z-[0-9a-f]{4}-[0-9]{1,3}\.(jpg|json)\Z"
        )
    )
    def test_no_two_keys_say_the_same(self, key):
        try:
            said = parse_sample_key(key)
        except KeyFormatError:
            return
        assert key_of(said) == key

    def test_the_key_is_written_as_documented(self):
        taken = datetime(2026, 11, 20, 9, 30, 5, 250999, tzinfo=timezone.utc)
        key = sample_key(
            "", "hall-1", taken.astimezone(timezone(timedelta(hours=5))), "4f9c", 7, "png"
        )
        assert key == "hall-1/20261120T093005250Z-4f9c-7.png"

    @pytest.mark.parametrize(
        "change",
        [
            {"prefix": "faces"},
            {"prefix": "a//b"},
            {"prefix": "", "camera": "faces"},
            {"camera": "a/b"},
            {"captured_at": datetime(2026, 1, 1)},
            {"run": "A"},
            {"number": -1},
            {"extension": "gif"},
        ],
    )
    def test_parts_that_make_no_key(self, change):
        parts = attrs.asdict(SampleKey("hall", "hall-1", NOON, "4f9c", 7, "jpg"))
        with pytest.raises(KeyFormatError) as caught:
            sample_key(**dict(parts, **change))
        assert caught.value.key == [*change.values()][-1]

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "20261120T093005250Z-4f9c-7.jpg",
            "/hall/20261120T093005250Z-4f9c-7.jpg",
            "a//hall/20261120T093005250Z-4f9c-7.jpg",
            "../hall/20261120T093005250Z-4f9c-7.jpg",
            "a/../20261120T093005250Z-4f9c-7.jpg",
            "faces/20261120T093005250Z-4f9c-7.jpg",
            "faces/hall/20261120T093005250Z-4f9c-7.jpg",
            "hall/20261120T093005250Z-4f9c-07.jpg",
            "hall/20261120T093005250Z-4f9c-7.gif",
            "hall/20261120T093005250Z-4f9c-7.jpg\n",
            "hall/20261320T093005250Z-4f9c-7.jpg",
            "hall/20261120T093005250Z-4f9c-7-0.jpg",
            "hall/20261120T093005250Z-4F9C-7.jpg",
            "hall/notes.json",
        ],
    )
    def test_keys_that_are_not_ours(self, key):
        with pytest.raises(KeyFormatError) as caught:
            parse_sample_key(key)
        assert caught.value.key is not None


class TestRecord:
    @given(boxes(low=-50, high=600, max_size=6), frame_sizes(max_side=500), st.data())
    def test_every_box_lies_in_the_picture_and_holds_its_face(self, found, wh, data):
        scores = data.draw(st.lists(st.floats(0, 1), min_size=len(found), max_size=len(found)))
        faces = Detections(found, scores, [1] * len(found)).clipped(wh)
        record = sample_record(
            CONFIG, "a.jpg", [], camera="x", captured_at=NOON, detections=faces, wh=wh
        )
        annotations = record["faces"]["annotations"]
        assert record["faces"]["image_size"] == [{"width": wh[0], "height": wh[1], "depth": 3}]
        assert len(annotations) == len(record["faces-metadata"]["objects"]) == len(faces)
        for box, (x0, y0, x1, y1) in zip(annotations, faces.boxes):
            right, bottom = box["left"] + box["width"], box["top"] + box["height"]
            assert 0 <= box["left"] <= x0 < x1 <= right <= wh[0]
            assert 0 <= box["top"] <= y0 < y1 <= bottom <= wh[1]
            assert min(box["width"], box["height"]) >= 1

    def test_the_record_of_faces_is_a_line_of_ground_truths_manifest(self):
        """As in "Bounding box job output" of Amazon SageMaker's developer guide."""
        taken = datetime(2019, 7, 11, 0, 12, 48, 816752, tzinfo=timezone.utc)
        faces = Detections([[10.5, 20, 30.2, 60]], np.array([0.9], np.float32), [1])
        record = sample_record(
            CONFIG,
            "hall/hall-1/20190711T001248816Z-4f9c-1.jpg",
            [[0.8999999761581421, 0.1000000238418579]],
            camera="hall-1",
            captured_at=taken,
            detections=faces,
            wh=(640, 480),
        )
        assert json.loads(json.dumps(record)) == {
            "source-ref": "s3://samples/hall/hall-1/20190711T001248816Z-4f9c-1.jpg",
            "config-id": "unsure",
            "model-prediction": [[0.9, 0.1]],
            "metadata": {"publish-ts": "2019-07-11 00:12:48.816752", "camera": "hall-1"},
            "faces": {
                "image_size": [{"width": 640, "height": 480, "depth": 3}],
                "annotations": [{"class_id": 0, "left": 10, "top": 20, "width": 21, "height": 40}],
            },
            "faces-metadata": {
                "objects": [{"confidence": 0.9}],
                "class-map": {"0": "face"},
                "type": "groundtruth/object-detection",
                "human-annotated": "no",
                "creation-date": "2019-07-11T00:12:48.816752",
                "job-name": "facepipe",
            },
        }

    def test_the_record_of_a_classifier_is_what_the_connector_published(self):
        said = np.array([[0.5, 0.2, 0.2, 0.1]], np.float32)
        record = sample_record(CONFIG, "a.jpg", said, camera="hall-1", captured_at=NOON)
        assert json.loads(json.dumps(record)) == {
            "source-ref": "s3://samples/a.jpg",
            "config-id": "unsure",
            "model-prediction": [0.5, 0.2, 0.2, 0.1],
            "metadata": {"publish-ts": "2026-11-20 12:00:00.000000", "camera": "hall-1"},
        }

    def test_a_record_of_nothing(self):
        record = sample_record(CONFIG, "a.jpg", [], camera="hall-1", captured_at=NOON)
        assert record["model-prediction"] == []

    def test_there_are_boxes_only_of_what_was_detected_in_a_picture_of_known_size(self):
        found = Detections([[10, 20, 30, 60]], [1 / 3], [1])
        for known in ({"detections": found}, {"wh": (640, 480)}):
            record = sample_record(CONFIG, "a.jpg", [], camera="x", captured_at=NOON, **known)
            assert "faces" not in record

    def test_shares_and_scores_have_six_decimals(self):
        found = Detections([[10, 20, 30, 60]], [1 / 3], [1])
        record = sample_record(
            CONFIG, "a.jpg", [[1 / 3, 2 / 3]], camera="x", captured_at=NOON,
            detections=found, wh=(640, 480),
        )  # fmt: skip
        assert record["model-prediction"] == [[0.333333, 0.666667]]
        assert record["faces-metadata"]["objects"] == [{"confidence": 0.333333}]

    def test_time_is_written_in_utc_wherever_the_machine_is(self, far_from_utc):
        nobody = Detections([], [], [])
        record = sample_record(
            CONFIG, "a.jpg", [], camera="x", captured_at=NOON, detections=nobody, wh=(640, 480)
        )
        assert record["metadata"]["publish-ts"] == "2026-11-20 12:00:00.000000"
        assert record["faces-metadata"]["creation-date"] == "2026-11-20T12:00:00.000000"


def test_a_record_names_what_was_found():
    found = Detections([[1, 1, 9, 9], [2, 2, 5, 5], [50, 1, 60, 9]], [0.9, 0.8, 0.7], [4, 1, 4])
    record = sample_record(
        FeedbackConfig("all", "samples"),
        "a.jpg",
        [],
        camera="hall",
        captured_at=NOON,
        detections=found,
        labels=["cup", "bottle", "cup"],
        wh=(40, 40),
    )
    assert record["faces-metadata"]["class-map"] == {"0": "bottle", "1": "cup"}
    annotations = record["faces"]["annotations"]
    assert [(a["class_id"], a["left"]) for a in annotations] == [(1, 1), (0, 2)]
