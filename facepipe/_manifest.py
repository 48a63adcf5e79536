"""Augmented manifests: a line of JSON for each picture, which SageMaker trains from."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from facepipe._ground_truth import TYPE, bounding_boxes
from facepipe._label_text import (
    Draft,
    ParsedLabels,
    number,
    numbers,
    parsed,
    picture_wh,
    read_json,
    shown,
    text_lines,
)
from facepipe.boxes import clip_boxes
from facepipe.errors import LabelsError
from facepipe.labels import LabelledImage, name_problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

_METADATA = "-metadata"


def parse_manifest(text: str) -> ParsedLabels:
    r"""Read the bounding boxes of Ground Truth's augmented manifests ("Label job output data").

    The records that facepipe's devices keep beside samples are such lines, too. Of several jobs'
    boxes on a line, as an adjustment job leaves them, the newest count.

    Args:
        text: one JSON object a line.

    Returns:
        The pictures, each named by its `source-ref`.

    Example:
        >>> parse_manifest('''{"source-ref": "s3://b/a.jpg", "job": {"annotations": [
        ... {"class_id": 0, "left": 10, "top": 20, "width": 30, "height": 40}]}, "job-metadata":
        ... {"class-map": {"0": "can"}, "type": "groundtruth/object-detection"}}'''
        ... .replace("\n", "")).images[0].boxes
        array([[10., 20., 40., 60.]])
    """
    drafts, problems = [], []
    for line_number, line in text_lines(text):
        found: list[str] = []
        try:
            drafts.append(_draft(read_json(line), found))
        except LabelsError as error:
            found.append(str(error))
        problems += [f"line {line_number}: {problem}" for problem in found]
    return parsed(drafts, problems)


def _draft(record: Any, problems: list[str]) -> Draft:
    if not isinstance(record, dict):
        raise LabelsError(f"a line is an object, not {shown(record)}")
    name = record.get("source-ref")
    problem = name_problem(name)
    if problem is not None:
        raise LabelsError(f"a source-ref {problem}, but this is {shown(name)}")
    labels, metadata = _newest(record)
    draft = Draft(str(name), _wh(labels, problems))
    class_map = metadata.get("class-map")
    annotations = labels.get("annotations")
    if not isinstance(class_map, dict) or not isinstance(annotations, list):
        raise LabelsError(f"the labels of {name} need a list of annotations and a class-map")
    for place, entry in enumerate(annotations):
        where = f"annotations[{place}] of {name}"
        if not isinstance(entry, dict):
            problems.append(f"{where} is no object, but {shown(entry)}")
            continue
        box = numbers(entry.get(side) for side in ("left", "top", "width", "height"))
        class_id = entry.get("class_id")
        label = class_map.get(str(class_id)) if isinstance(class_id, (int, str)) else None
        if label is None or name_problem(label) is not None:
            problems.append(f"{where}: there is no class {shown(class_id)}")
        elif box is None:
            problems.append(f"{where}: it needs left, top, width and height")
        else:
            left, top, width, height = box
            draft.add((left, top, left + width, top + height), label.strip())
    return draft


def _newest(record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The newest bounding boxes of a line, and their metadata."""
    found = [
        (record[key[: -len(_METADATA)]], metadata)
        for key, metadata in record.items()
        if key.endswith(_METADATA)
        and isinstance(metadata, dict)
        and metadata.get("type") == TYPE
        and isinstance(record.get(key[: -len(_METADATA)]), dict)
    ]
    if not found:
        raise LabelsError(f"{record['source-ref']} has no bounding boxes of a {TYPE} job")
    return max(found, key=lambda pair: _date(pair[1]))


def _date(metadata: dict[str, Any]) -> str:
    date = metadata.get("creation-date")
    return date if isinstance(date, str) else ""


def _wh(labels: dict[str, Any], problems: list[str]) -> tuple[int, int] | None:
    if "image_size" not in labels:
        return None
    sizes = labels["image_size"]
    size = sizes[0] if isinstance(sizes, list) and len(sizes) == 1 else None
    size = size if isinstance(size, dict) else {}
    wh = picture_wh(number(size.get("width")), number(size.get("height")))
    if wh is None:
        problems.append("its image_size is not one picture's width and height")
    return wh


def manifest_line(
    image: LabelledImage,
    source_ref: str,
    classes: Sequence[str],
    *,
    attribute: str = "labels",
    created: datetime,
) -> str:
    """A line of an augmented manifest, as SageMaker's object detection takes it.

    Args:
        image: whose size is known, with boxes that lie in the picture at least in part. They are
            cut to it and rounded to whole pixels, at least one a side.
        source_ref: the picture's address, `s3://bucket/key`.
        classes: every class of the data set, in the order of its number.
        attribute: the label attribute's name.
        created: when the labels were made, with a time zone.

    Returns:
        JSON without a line break.

    Raises:
        LabelsError: if the size is unknown, a label is no class, a box is empty or outside, or the
            time has no zone.

    Example:
        >>> from datetime import timezone
        >>> image = LabelledImage("a.jpg", (640, 480), [[10, 20, 40, 60]], ("can",))
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> json.loads(manifest_line(image, "s3://b/a.jpg", ["can"], created=noon))["labels"]
        {'image_size': [{'width': 640, 'height': 480, 'depth': 3}], 'annotations': \
[{'class_id': 0, 'left': 10, 'top': 20, 'width': 30, 'height': 40}]}
    """
    name = image.name or source_ref
    if image.wh is None:
        raise LabelsError(f"the size of {name} is unknown")
    if created.utcoffset() is None:
        raise LabelsError("the time at which labels were made needs a time zone")
    numbered = {name: number for number, name in reversed(list(enumerate(classes)))}
    boxes = []
    for label, (x0, y0, x1, y1) in zip(image.labels, _whole(image.boxes, image.wh)):
        if label not in numbered:
            raise LabelsError(f"{label!r} of {name} is none of the classes")
        if x1 <= x0 or y1 <= y0:
            raise LabelsError(f"a box of {label!r} in {name} is empty, or outside the picture")
        boxes.append((numbered[label], x0, y0, x1, y1))
    labels = bounding_boxes(
        attribute,
        image.wh,
        boxes,
        confidences=[1] * len(boxes),
        classes=classes,
        by_hand=True,
        created=created,
    )
    return json.dumps({"source-ref": source_ref, **labels})


def _whole(boxes: NDArray[np.float64], wh: tuple[int, int]) -> list[list[int]]:
    """Boxes in whole pixels within a picture; of one that is empty or outside, an empty one."""
    boxes = clip_boxes(boxes, wh)
    start = np.minimum(np.rint(boxes[:, :2]), np.ceil(boxes[:, 2:]) - 1)
    end = np.maximum(np.rint(boxes[:, 2:]), start + 1)
    end = np.where(boxes[:, 2:] > boxes[:, :2], end, start)
    return np.hstack([start, end]).astype(int).tolist()  # type: ignore[no-any-return]
