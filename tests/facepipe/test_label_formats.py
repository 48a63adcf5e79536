"""What the readers of labels have in common: round trips, and rubbish."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.errors import LabelsError
from facepipe.label_formats import (
    manifest_line,
    parse_coco,
    parse_manifest,
    parse_voc,
    parse_yolo,
    parse_yolo_classes,
)
from facepipe.labels import LabelledImage
from tests.label_writers import classes_of, to_coco, to_voc, to_yolo
from tests.strategies import labelled_images

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
IMAGE = LabelledImage("a.jpg", (640, 480), [[10, 20, 40, 60], [0, 0, 640, 480]], ["can", "tin"])


def line_of(image, **change):
    said = {"classes": classes_of([image]), "created": NOON, **change}
    return manifest_line(image, image.name, **said)


def read_yolo(text):
    return parse_yolo(text, ["can", "tin"], (640, 480))


READERS = [parse_coco, parse_voc, read_yolo, parse_manifest]
GOOD = {
    parse_coco: json.dumps(to_coco([IMAGE])),
    parse_voc: to_voc(IMAGE),
    read_yolo: to_yolo(IMAGE, ["can", "tin"]),
    parse_manifest: line_of(IMAGE),
    parse_yolo_classes: "names: # of all\n  0: can\n  1: 'tin'\nnc: 2\n",
}


class TestRoundTrips:
    @given(st.lists(labelled_images(), max_size=3))
    def test_coco(self, images):
        assert parse_coco(json.dumps(to_coco(images))) == (tuple(images), ())

    @given(labelled_images())
    def test_pascal_voc(self, image):
        assert parse_voc(to_voc(image)) == ((image,), ())

    @given(labelled_images())
    def test_yolo(self, image):
        classes = classes_of([image])
        (found,), problems = parse_yolo(to_yolo(image, classes), classes, image.wh)
        assert problems == ()
        assert found.boxes == pytest.approx(image.boxes, abs=1e-3)
        assert attrs.evolve(found, name=image.name, boxes=image.boxes) == image
        inside = (found.boxes >= 0).all() and (found.boxes <= np.tile(image.wh, 2)).all()
        assert inside  # whatever eight digits round

    @given(st.lists(labelled_images(), max_size=3))
    def test_a_manifest(self, images):
        text = "\n".join(map(line_of, images))
        assert parse_manifest(text) == (tuple(images), ())

    @given(st.lists(labelled_images(), max_size=3))
    def test_the_readers_agree(self, images):
        """COCO's pictures, written as the others and read again, are the same pictures."""
        images = [attrs.evolve(image, name=f"{n}.jpg") for n, image in enumerate(images)]
        images = parse_coco(json.dumps(to_coco(images))).images
        assert tuple(parse_voc(to_voc(image)).images[0] for image in images) == images
        assert parse_manifest("\r\n".join(map(line_of, images))).images == images


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
pieces = st.text(max_size=6) | st.sampled_from(
    ["1e999", "NaN", "-Infinity", "9" * 5000, "[" * 3000, "\ufeff", "\r\n", "\0", "\ud800", "null",
     "true", "-1", "<name>", "</object>", "&lt;", "&bomb;", "<!DOCTYPE a>", "<![CDATA[x]]>",
     "<a>" * 40, ", ", ": ", "- ", "names:", "'", '"', "#", "[", "]", "1 0.5 0.5 2 0.5"]
)  # fmt: skip


@st.composite
def spoilt_text(draw, text):
    """A text with some of it replaced."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(pieces) + text[start + draw(st.integers(0, 12)) :]
    return text


@st.composite
def spoilt_json(draw, value):
    """A document with something in it replaced."""
    if not (isinstance(value, (dict, list)) and value) or draw(st.integers(0, 7)) == 0:
        return draw(json_values)
    keys = sorted(value) if isinstance(value, dict) else range(len(value))
    key = draw(st.sampled_from(keys))
    changed = value.copy()
    changed[key] = draw(spoilt_json(value[key]))
    return changed


def is_one_sentence(text):
    return bool(text.strip()) and len(text.splitlines()) == 1


def read(reader, text):
    """What a reader makes of any text: pictures and sentences, or one sentence."""
    try:
        found = reader(text)
    except LabelsError as error:
        assert is_one_sentence(str(error))
        return
    if reader is parse_yolo_classes:
        assert found
        assert all(map(is_one_sentence, found))
        return
    assert all(isinstance(image, LabelledImage) for image in found.images)
    assert all(map(is_one_sentence, found.problems))


def test_real_labels_are_the_same_in_every_format(data_dir):
    truth = json.loads((data_dir / "images/ground_truth.json").read_text("utf-8"))
    images = []
    for name, picture in truth.items():
        wh = (picture["width"], picture["height"])
        found = [(x, y, x + w, y + h) for x, y, w, h in (f["box"] for f in picture["faces"])]
        images.append(LabelledImage(name, wh, found, ["face"] * len(found)))
    assert sum(len(image.boxes) for image in images) > 50
    expected = (tuple(images), ())
    assert parse_coco(json.dumps(to_coco(images), indent=1)) == expected
    lines = [manifest_line(image, image.name, ["face"], created=NOON) for image in images]
    assert parse_manifest("\n".join(lines)) == expected
    for image in images:
        assert parse_voc(to_voc(image)) == ((image,), ())
        (found,), problems = parse_yolo(to_yolo(image, ["face"]), ["face"], image.wh)
        assert problems == ()
        assert found.boxes == pytest.approx(image.boxes, abs=1e-3)


class TestRubbish:
    @pytest.mark.parametrize("reader", GOOD)
    @given(st.data())
    def test_any_text_is_read_or_told(self, reader, data):
        read(reader, data.draw(st.text()))
        read(reader, data.draw(spoilt_text(GOOD[reader])))

    @pytest.mark.parametrize("reader", [parse_coco, parse_manifest])
    @given(st.data())
    def test_any_json_is_read_or_told(self, reader, data):
        read(reader, json.dumps(data.draw(spoilt_json(json.loads(GOOD[reader])))))

    @pytest.mark.parametrize("reader", READERS)
    def test_a_byte_order_mark_and_windows_line_ends_are_nothing(self, reader):
        (image,), problems = reader("\ufeff" + GOOD[reader].replace("\n", "\r\n") + "\r\n")
        assert problems == ()
        assert image.boxes == pytest.approx(IMAGE.boxes, abs=1e-3)
        assert image.labels == IMAGE.labels

    @pytest.mark.parametrize("reader", [parse_coco, parse_manifest])
    @pytest.mark.parametrize("deep", ["[" * 100_000, '{"a":' * 100_000])
    def test_json_of_any_depth(self, reader, deep):
        read(reader, deep)
        read(reader, GOOD[reader].replace("20", "[" * 900 + "]" * 900))

    @pytest.mark.parametrize(
        "number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "1e8", "10000001"]
    )
    @pytest.mark.parametrize("reader", [parse_coco, parse_manifest])
    def test_what_is_no_coordinate_never_becomes_one(self, reader, number):
        text = GOOD[reader].replace(" 20", f" {number}")
        assert text != GOOD[reader]
        try:
            images, problems = reader(text)
        except LabelsError:
            return
        assert problems
        kept = [box for image in images for box in image.boxes.tolist()]
        assert kept in ([], IMAGE.boxes.tolist()[1:])

    @pytest.mark.parametrize("reader", [parse_coco, parse_manifest])
    def test_the_farthest_coordinate_is_one(self, reader):
        (image,), problems = reader(GOOD[reader].replace(" 20", " 10000000"))
        assert problems == ()
        assert image.boxes[0].tolist() == [10, 1e7, 40, 1e7 + 40]

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
    def test_numbers_that_only_python_knows_are_no_json(self, number):
        with pytest.raises(LabelsError, match=f"this is no JSON: it has no number {number}"):
            parse_coco(GOOD[parse_coco].replace(" 20", f" {number}"))

    @pytest.mark.parametrize("reader", READERS)
    def test_what_stands_before_the_labels_is_told(self, reader):
        try:
            _, problems = reader("X" + GOOD[reader])
        except LabelsError:
            return
        assert problems
