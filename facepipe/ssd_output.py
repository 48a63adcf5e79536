"""What MultiBoxDetection does with the output of a single shot detector.

It stands at the end of MXNet's SSDs, and in no other format that they are turned into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facepipe._arrays import as_floats
from facepipe.boxes import nms
from facepipe.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# The defaults of MultiBoxDetection, and what MXNet's example/ssd gives it.
LEAST_SCORE = 0.01
NMS_IOU = 0.45
NMS_TOP = 400


def detection_rows(
    output: ArrayLike, *, iou_threshold: float = NMS_IOU, most: int = NMS_TOP
) -> NDArray[np.float64]:
    """Choose the detections out of what an SSD says of each of its anchors.

    Each anchor is of the class that is most probable there, and its box is cut to the picture. Of
    the best ones, those are kept that no better one of the same class overlaps.

    Args:
        output: `(1, N, 4 + C)` or `(N, 4 + C)`: rows `x0, y0, x1, y1`, in shares of the
            picture's sides, and the probability of each of C classes, without the background.
        iou_threshold: 0 to 1; see `facepipe.boxes.nms`.
        most: how many are looked at, at most.

    Returns:
        `(K, 6)` float64 rows `class, score, x0, y0, x1, y1`, best first; class 0 is the first one,
        boxes are 0 to 1.
        `facepipe.Detections.from_mxnet_ssd` reads them.

    Raises:
        ShapeError: for any other shape.

    Example:
        >>> output = [[0.1, 0.1, 0.4, 0.4, 0.2, 0.7], [0.1, 0.1, 0.4, 0.5, 0.1, 0.6]]
        >>> detection_rows(output)
        array([[1. , 0.7, 0.1, 0.1, 0.4, 0.4]])
    """
    form = "(1, N, 4 + C) rows of x0, y0, x1, y1 and C probabilities"
    table = as_floats(output, "output", form)
    if table.ndim == 3 and table.shape[0] == 1:
        table = table[0]
    if table.ndim != 2 or table.shape[1] < 5:
        raise ShapeError("output", form, f"an array of shape {table.shape}")
    labels = np.argmax(table[:, 4:], axis=1)
    scores = table[np.arange(len(table)), 4 + labels]
    with np.errstate(invalid="ignore"):
        probable = (scores >= LEAST_SCORE) & (scores <= 1.0)
    boxes = np.clip(table[:, :4], 0.0, 1.0)  # infinities, too; a NaN stays one
    # Rubbish takes nothing away.
    good = np.flatnonzero(probable & ~np.isnan(boxes).any(axis=1))
    # A stable sort: of equal scores the first is the better, as everywhere.
    best = good[np.argsort(-scores[good], kind="stable")[:most]]
    kept = [
        of_label[nms(boxes[of_label], scores[of_label], iou_threshold)]
        for of_label in (best[labels[best] == label] for label in np.unique(labels[best]))
    ]
    rows = np.concatenate([*kept, best[:0]])
    rows = rows[np.lexsort((rows, -scores[rows]))]
    return np.column_stack([labels[rows], scores[rows], boxes[rows]])
