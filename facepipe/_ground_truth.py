"""Bounding boxes as Amazon SageMaker Ground Truth writes them into a line of a manifest."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Iterable, Sequence

#: The type by which the metadata of bounding boxes is known.
TYPE = "groundtruth/object-detection"


def bounding_boxes(
    attribute: str,
    wh: tuple[int, int],
    boxes: Iterable[tuple[int, int, int, int, int]],
    *,
    confidences: Iterable[float],
    classes: Sequence[str],
    by_hand: bool,
    created: datetime,
) -> dict[str, Any]:
    """As in "Bounding box job output" of the developer guide.

    Args:
        attribute: the label attribute's name.
        wh: `(width, height)` of the picture.
        boxes: each one's class and `x0, y0, x1, y1`, half-open.
        confidences: 0 to 1, one for each.
        classes: their names.
        by_hand: whether a person drew them.
        created: when, with a time zone.
    """
    return {
        attribute: {
            "image_size": [{"width": wh[0], "height": wh[1], "depth": 3}],
            "annotations": [
                {"class_id": number, "left": x0, "top": y0, "width": x1 - x0, "height": y1 - y0}
                for number, x0, y0, x1, y1 in boxes
            ],
        },
        f"{attribute}-metadata": {
            "objects": [{"confidence": confidence} for confidence in confidences],
            "class-map": {str(number): name for number, name in enumerate(classes)},
            "type": TYPE,
            "human-annotated": "yes" if by_hand else "no",
            "creation-date": created.astimezone(timezone.utc)
            .replace(tzinfo=None)
            .isoformat(timespec="microseconds"),
            "job-name": "facepipe",
        },
    }
