from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import attrs
import numpy as np
import pytest
from hypothesis import example, given

from facepipe.detections import Detections
from facepipe.errors import LabelsError
from facepipe.label_formats import manifest_line, parse_manifest
from facepipe.labels import LabelledImage
from facepipe.samples import sample_record
from facepipe.sampling import FeedbackConfig
from tests.strategies import boxes, frame_sizes

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
BOX = [10.0, 20.0, 40.0, 60.0]
IMAGE = LabelledImage("a.jpg", (640, 480), [BOX, [0, 0, 640, 480]], ["can", "tin"])


def line_of(image, **change):
    said = {"classes": ["can", "tin"], "created": NOON, **change}
    return manifest_line(image, "s3://b/c.jpg", **said)


class TestManifest:
    def line(self, **change):
        record = json.loads(manifest_line(IMAGE, "a.jpg", ["can", "tin"], created=NOON))
        return {**record, **change}

    def test_a_devices_record_of_a_sample_is_a_line(self):
        found = Detections([[10.5, 20, 30.2, 60]], [0.9], [1])
        record = sample_record(
            FeedbackConfig("unsure", "samples"),
            "hall/a.jpg",
            [[0.9, 0.1]],
            camera="hall",
            captured_at=NOON,
            detections=found,
            wh=(640, 480),
        )
        image = LabelledImage("s3://samples/hall/a.jpg", (640, 480), [[10, 20, 31, 60]], ["face"])
        assert parse_manifest(json.dumps(record)) == ((image,), ())

    def test_of_two_jobs_the_newer_counts(self):
        old, new = (
            self.line(),
            json.loads(
                manifest_line(
                    attrs.evolve(IMAGE, boxes=[BOX, BOX]),
                    "a.jpg",
                    ["can", "tin"],
                    attribute="adjusted",
                    created=NOON.replace(day=21),
                )
            ),
        )
        verified = {"ok": "1", "ok-metadata": {"type": "groundtruth/label-verification"}}
        for record in ({**old, **new, **verified}, {**new, **verified, **old}):
            (image,), problems = parse_manifest(json.dumps(record))
            assert problems == ()
            assert image.boxes.tolist() == [BOX, BOX]

    @pytest.mark.parametrize("date", [None, 7, ""])
    def test_of_two_jobs_the_one_with_a_date_counts(self, date):
        dated, undated = self.line(), self.line()
        undated["labels"]["annotations"] = []
        undated["labels-metadata"]["creation-date"] = date
        other = {"other": undated["labels"], "other-metadata": undated["labels-metadata"]}
        for record in ({**dated, **other}, {**other, **dated}):
            assert parse_manifest(json.dumps(record)) == ((IMAGE,), ())

    def test_what_is_no_annotation_is_told_and_the_others_kept(self):
        record = self.line()
        record["labels"]["annotations"].insert(0, 7)
        problem = "line 1: annotations[0] of a.jpg is no object, but 7"
        assert parse_manifest(json.dumps(record)) == ((IMAGE,), (problem,))

    @pytest.mark.parametrize(
        ("class_id", "classes"), [(0, {"0": " "}), (0, {"0": 7}), (None, {"None": "cup"})]
    )
    def test_a_class_has_a_number_and_a_name(self, class_id, classes):
        record = self.line()
        record["labels"]["annotations"][0]["class_id"] = class_id
        record["labels-metadata"]["class-map"].update(classes)
        (image,), (told,) = parse_manifest(json.dumps(record))
        assert told == f"line 1: annotations[0] of a.jpg: there is no class {class_id}"
        assert image.labels == ("tin",)

    def test_a_line_without_a_size_or_dates_is_taken(self):
        record = self.line()
        del record["labels"]["image_size"], record["labels-metadata"]["creation-date"]
        assert parse_manifest(json.dumps(record)) == ((attrs.evolve(IMAGE, wh=None),), ())

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"class_id": 2}, "line 2: annotations[0] of a.jpg: there is no class 2"),
            ({"class_id": [0]}, "line 2: annotations[0] of a.jpg: there is no class a list"),
            ({"class_id": None}, "line 2: annotations[0] of a.jpg: there is no class None"),
            ({"left": None}, "line 2: annotations[0] of a.jpg: it needs left, top, width and"),
            ({"width": "9"}, "line 2: annotations[0] of a.jpg: it needs left, top, width and"),
        ],
    )
    def test_a_box_that_cannot_be_taken_is_told_and_the_other_kept(self, change, problem):
        record = self.line()
        record["labels"]["annotations"][0].update(change)
        (image,), (told,) = parse_manifest("\n" + json.dumps(record))
        assert told.startswith(problem)
        assert image == attrs.evolve(IMAGE, boxes=IMAGE.boxes[1:], labels=["tin"])

    @pytest.mark.parametrize(
        "size", [None, {}, [], [7], [{"width": 640}], [{"width": 0, "height": 1}]]
    )
    def test_a_size_that_is_none_is_told(self, size):
        record = self.line()
        record["labels"]["image_size"] = size
        expected = attrs.evolve(IMAGE, wh=None)
        problem = "line 1: its image_size is not one picture's width and height"
        assert parse_manifest(json.dumps(record)) == ((expected,), (problem,))

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("{", "this is no JSON: "),
            ("7", "a line is an object, not 7"),
            ('{"a": 1, "a": 2}', "an object of this JSON has a key twice"),
            ('{"source": "text"}', "a source-ref is text, but this is None"),
            ('{"source-ref": "b.jpg"}', "b.jpg has no bounding boxes of a groundtruth/object-"),
        ],
    )
    def test_a_line_that_cannot_be_taken_is_told_and_the_others_kept(self, line, problem):
        good = json.dumps(self.line())
        images, (told,) = parse_manifest(f"{good}\n{line}\n{good}\n")
        assert told.startswith(f"line 2: {problem}")
        assert images == (IMAGE, IMAGE)

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"labels": 7}, "a.jpg has no bounding boxes"),
            ({"labels-metadata": 7}, "a.jpg has no bounding boxes"),
            ({"labels-metadata": {"type": "other"}}, "a.jpg has no bounding boxes"),
            ({"labels": {"annotations": 7}}, "the labels of a.jpg need a list of annotations"),
            (
                {"labels-metadata": {"type": "groundtruth/object-detection"}},
                "the labels of a.jpg need a list of annotations and a class-map",
            ),
            ({"labels": {"annotations": [7]}}, "annotations[0] of a.jpg is no object, but 7"),
        ],
    )
    def test_labels_that_are_none_are_told(self, change, problem):
        (told,) = parse_manifest(json.dumps(self.line(**change))).problems
        assert told.startswith(f"line 1: {problem}")


class TestManifestLine:
    @given(boxes(max_size=5, low=-300, high=700), frame_sizes(max_side=600))
    @example([[0.2, 0.2, 0.4, 0.4], [599.7, 0, 599.9, 1], [0, 1.5, 0.25, 1.75]], (600, 600))
    def test_boxes_are_whole_pixels_in_the_picture_within_half_a_pixel(self, found, wh):
        cut = np.clip(found, 0, np.tile(wh, 2))
        keep = (cut[:, 2:] > cut[:, :2]).all(axis=1)
        image = LabelledImage("a.jpg", wh, np.asarray(found)[keep], ["can"] * keep.sum())
        record = json.loads(line_of(image))["labels"]
        for box, inside in zip(record["annotations"], cut[keep]):
            x0, y0 = box["left"], box["top"]
            x1, y1 = x0 + box["width"], y0 + box["height"]
            assert all(isinstance(value, int) for value in box.values())
            assert 0 <= x0 < x1 <= wh[0]
            assert 0 <= y0 < y1 <= wh[1]
            # A side of one pixel may have been next to nothing.
            error = np.abs([x0, y0, x1, y1] - inside).reshape(2, 2).max(axis=0)
            assert (error <= np.where([x1 - x0 > 1, y1 - y0 > 1], 0.5, 1.0)).all()

    def test_it_is_what_sagemaker_documents(self):
        """As in "Bounding box job output" of Amazon SageMaker's developer guide."""
        later = datetime(2018, 10, 19, 0, 18, 13, 527256, timezone(timedelta(hours=2)))
        line = manifest_line(
            IMAGE, "s3://b/ü.jpg", ["tin", "can"], attribute="bottles", created=later
        )
        assert json.loads(line) == {
            "source-ref": "s3://b/ü.jpg",
            "bottles": {
                "image_size": [{"width": 640, "height": 480, "depth": 3}],
                "annotations": [
                    {"class_id": 1, "left": 10, "top": 20, "width": 30, "height": 40},
                    {"class_id": 0, "left": 0, "top": 0, "width": 640, "height": 480},
                ],
            },
            "bottles-metadata": {
                "objects": [{"confidence": 1}, {"confidence": 1}],
                "class-map": {"0": "tin", "1": "can"},
                "type": "groundtruth/object-detection",
                "human-annotated": "yes",
                "creation-date": "2018-10-18T22:18:13.527256",
                "job-name": "facepipe",
            },
        }

    def test_it_is_one_line_whatever_the_names(self):
        image = LabelledImage("a.jpg", (9, 9), [[1, 1, 2, 2]], ["日本"])
        line = manifest_line(image, "s3://b/a\nb\u2028.jpg", ["日本"], created=NOON)
        assert len(line.splitlines()) == 1

    def test_a_class_that_stands_twice_has_its_first_number(self):
        record = json.loads(line_of(IMAGE, classes=["can", "tin", "can"]))
        assert [box["class_id"] for box in record["labels"]["annotations"]] == [0, 1]

    @pytest.mark.parametrize(
        ("image", "change", "reason"),
        [
            ({"wh": None}, {}, "^the size of a.jpg is unknown$"),
            ({"wh": None, "name": ""}, {}, "^the size of s3://b/c.jpg is unknown$"),
            ({}, {"classes": ["tin"]}, "^'can' of a.jpg is none of the classes$"),
            ({}, {"created": NOON.replace(tzinfo=None)}, "needs a time zone"),
            (
                {"boxes": [[640, 0, 650, 9]] * 2},
                {},
                "^a box of 'can' in a.jpg is empty, or outside",
            ),
            ({"boxes": [[9, 9, 9, 20]] * 2}, {}, "is empty"),
            ({"boxes": [[9, 9, 20, 9]] * 2}, {}, "is empty"),
            ({"boxes": [[9, 9, 5, 20]] * 2}, {}, "is empty"),
        ],
    )
    def test_what_makes_no_line_is_told(self, image, change, reason):
        with pytest.raises(LabelsError, match=reason):
            line_of(attrs.evolve(IMAGE, **image), **change)
