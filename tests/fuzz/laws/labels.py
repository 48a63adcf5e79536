"""Labels of pictures, and lists of what there is."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone

import attrs
import numpy as np

from facepipe.classification import parse_labels
from facepipe.datasets import label_findings
from facepipe.errors import LabelsError, ShapeError
from facepipe.label_formats import (
    ParsedLabels,
    manifest_line,
    parse_coco,
    parse_manifest,
    parse_voc,
    parse_yolo,
    parse_yolo_classes,
)
from facepipe.labels import LabelledImage
from facepipe_io.errors import SettingsError
from facepipe_io.training.package import labels_text
from tests.fuzz import values

_NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
_COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}],
    "annotations": [
        {"image_id": 1, "category_id": 7, "bbox": [10, 20, 30, 40]},
        {"image_id": 1, "category_id": 7, "bbox": [10, 20, 30, 40], "iscrowd": 1},
    ],
    "categories": [{"id": 7, "name": "bottle"}],
}
_LINE = {
    "source-ref": "s3://b/a.jpg",
    "job": {
        "image_size": [{"width": 640, "height": 480, "depth": 3}],
        "annotations": [{"class_id": 0, "left": 10, "top": 20, "width": 30, "height": 40}],
    },
    "job-metadata": {
        "class-map": {"0": "can"},
        "type": "groundtruth/object-detection",
        "creation-date": "2026-11-20T12:00:00",
    },
}


def check(parsed: ParsedLabels) -> None:
    """What is read can be judged, scaled and written for a training job, which reads the same."""
    for problem in parsed.problems:
        assert problem
        assert "\n" not in problem
    for image in parsed.images:
        assert np.isfinite(image.boxes).all()
        label_findings(image, image.wh or (640, 480), 512)
        if image.wh is not None:
            image.letterboxed((512, 512))
            _check_line(image)


def _check_line(image: LabelledImage) -> None:
    classes = sorted(set(image.labels))
    try:
        line = manifest_line(image, "s3://b/a.jpg", classes, created=_NOON)
    except LabelsError:  # a box that is empty or outside
        return
    assert "\n" not in line
    ((again,), problems) = parse_manifest(line)
    assert not problems
    assert (again.wh, again.labels) == (image.wh, image.labels)
    limits = np.tile(image.wh, 2)
    assert ((again.boxes >= 0) & (again.boxes <= limits)).all()
    assert (np.abs(again.boxes - np.clip(image.boxes, 0, limits)) <= 1).all()
    _check_yolo(attrs.evolve(again, name=""), classes)


def _check_yolo(image: LabelledImage, classes: list[str]) -> None:
    """YOLO's numbers of the same boxes name the same boxes."""
    scaled = image.boxes / np.tile(image.wh, 2)
    middles, sides = (scaled[:, :2] + scaled[:, 2:]) / 2, scaled[:, 2:] - scaled[:, :2]
    numbers = np.hstack([middles, sides]).tolist()
    text = "\n".join(
        " ".join(map(str, [classes.index(label), *row]))
        for label, row in zip(image.labels, numbers)
    )
    ((again,), problems) = parse_yolo(text, classes, image.wh)
    assert not problems
    assert again.labels == image.labels
    assert np.allclose(again.boxes, image.boxes, rtol=0, atol=1e-6 * max(image.wh))


def coco(data: bytes) -> None:
    """COCO's JSON."""
    with suppress(LabelsError):
        check(parse_coco(values.text(data, [_COCO])))


def manifest(data: bytes) -> None:
    """Lines of Ground Truth's."""
    with suppress(LabelsError):
        check(parse_manifest(values.text(data, [_LINE])))


def voc(data: bytes) -> None:
    """Pascal VOC's XML."""
    with suppress(LabelsError):
        check(parse_voc(data.decode("utf-8", "surrogateescape")))


def yolo(data: bytes) -> None:
    """YOLO's lines, with the classes before them and a line --- between."""
    text = data.decode("utf-8", "surrogateescape")
    names, gap, lines = text.partition("\n---\n")
    with suppress(LabelsError):
        classes = parse_yolo_classes(names) if gap else ("bottle", "soda can")
        assert classes
        assert all(name and name == name.strip() for name in classes)
        check(parse_yolo(lines if gap else text, classes, (640, 480)))


def classes(data: bytes) -> None:
    """A classifier's labels, one a line, are the same once they are written again."""
    with suppress(ShapeError):
        found = parse_labels(data.decode("utf-8", "surrogateescape"))
        assert all(found)
        try:
            assert parse_labels(labels_text(found)) == found
        except SettingsError:
            assert any(name != name.strip() for name in found)


PARSERS = {"coco": coco, "manifest": manifest, "voc": voc, "yolo": yolo, "classes": classes}
