"""What models of the YOLO family answer, told apart by its shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facepipe._arrays import as_floats
from facepipe.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# How many pixels wide the cells of a model's grids are: of most, of large pictures, of small
# things, and of the models called tiny.
_TINY = (16, 32)
_STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), _TINY)

# YOLOv3 to YOLOv7 try boxes of three forms in each cell, later ones one; of these none is tiny in
# that way, and an input of 320x192 has 300 such cells, as many as (1, 300, 6) has rows.
_FORMS = (1, 3)

_FORM = (
    "(1, 4 + classes, N), (1, N, 5 + classes), with N as the grids of the model's input have "
    "cells, or (1, N, 6)"
)


def yolo_rows(output: ArrayLike, input_wh: tuple[int, int]) -> NDArray[np.float64]:
    """Bring a YOLO model's answer into one form.

    Args:
        output: as for `facepipe.Detections.from_yolo`.
        input_wh: `(width, height)` of the model's input.

    Returns:
        `(N, 6)` rows `label, score, x0, y0, x1, y1` in pixels of the input, each with the label
        that suits it best. Rubbish is still in it.

    Raises:
        ShapeError: for any other shape.
    """
    table = _table(output)
    with np.errstate(all="ignore"):  # rubbish may overflow on its way out
        dense = _dense(table, input_wh)
        if dense is None:
            return table[:, [5, 4, 0, 1, 2, 3]]
        centred, scores = dense
        labels = scores.argmax(axis=1)
        half = centred[:, 2:] / 2
        best = scores[np.arange(len(scores)), labels]
        return np.column_stack([labels, best, centred[:, :2] - half, centred[:, :2] + half])


def yolo_classes(output: ArrayLike, input_wh: tuple[int, int]) -> int | None:
    """How many classes a YOLO model tells apart; None where its answer does not show it.

    Args:
        output: as for `facepipe.Detections.from_yolo`.
        input_wh: `(width, height)` of the model's input.

    Raises:
        ShapeError: for any other shape.
    """
    dense = _dense(_table(output), input_wh)
    return None if dense is None else dense[1].shape[1]


def _table(output: ArrayLike) -> NDArray[np.float64]:
    table = as_floats(output, "output", _FORM)
    if table.ndim == 3 and len(table) == 1:
        table = table[0]
    if table.ndim != 2:
        raise ShapeError("output", _FORM, f"an array of shape {table.shape}")
    return table


def _dense(
    table: NDArray[np.float64], input_wh: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Centre, width and height, `(N, 4)`, and scores, `(N, classes)`; None where it is sparse."""
    counts = _counts(input_wh)
    rows, columns = table.shape  # there are far more boxes than classes
    if columns in counts and columns > rows > 4:
        return table[:4].T, table[4:].T
    if rows in counts and rows > columns > 5:
        return table[:, :4], table[:, 4:5] * table[:, 5:]
    if columns != 6:
        raise ShapeError("output", _FORM, f"an array of shape {table.shape}")
    return None


def _counts(input_wh: tuple[int, int]) -> set[int]:
    """How many boxes a model may answer of such an input."""
    width, height = input_wh
    return {
        forms * sum((width // s) * (height // s) for s in strides)
        for strides in _STRIDES
        for forms in _FORMS
        if (strides, forms) != (_TINY, 1)
    }
