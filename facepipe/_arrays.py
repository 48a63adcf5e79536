"""Checks at the edge of the array modules, so that the code behind them can trust its input."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from facepipe.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# No sensor is that wide; the bound keeps areas and whole pixels far from overflow.
_LONGEST_SIDE = 10**7


def as_boxes(boxes: ArrayLike, name: str = "boxes") -> NDArray[np.float64]:
    """Return boxes as a float64 array `(N, 4)`; an empty sequence is `(0, 4)`.

    Raises:
        ShapeError: for any other shape.
    """
    array = _array(boxes, np.float64, name, "an array of shape (N, 4)")
    if array.ndim == 2 and array.shape[1] == 4:
        return array
    if array.shape == (0,):
        return array.reshape(0, 4)
    raise ShapeError(name, "an array of shape (N, 4)", f"one of shape {array.shape}")


def as_vector(
    values: ArrayLike, length: int | None, name: str, dtype: Any = np.float64
) -> NDArray[Any]:
    """Return values as an array `(length,)`, or of any length, of the given type.

    Raises:
        ShapeError: for any other shape, or values that the type does not have.
    """
    expected = f"an array of shape ({'N' if length is None else length},)"
    array = _array(values, dtype, name, expected)
    if array.ndim != 1 or (length is not None and len(array) != length):
        raise ShapeError(name, expected, f"one of shape {array.shape}")
    return array


def as_wh(wh: tuple[float, float], name: str = "wh") -> tuple[float, float]:
    """Return a `(width, height)` pair of finite numbers greater than 0.

    Raises:
        ShapeError: for anything else.
    """
    try:
        width, height = wh
        if 0 < width < float("inf") and 0 < height < float("inf"):
            return width, height
    except (TypeError, ValueError):
        pass
    raise ShapeError(name, "a (width, height) pair of numbers greater than 0", repr(wh))


def as_picture_wh(wh: tuple[int, int], name: str = "wh") -> tuple[int, int]:
    """Return the `(width, height)` of a picture: whole numbers from 1 to 10 million.

    Raises:
        ShapeError: for anything else.
    """
    try:
        width, height = (operator.index(side) for side in wh)
        if 1 <= width <= _LONGEST_SIDE and 1 <= height <= _LONGEST_SIDE:
            return width, height
    except (TypeError, ValueError):
        pass
    raise ShapeError(name, "a picture's (width, height) in whole pixels", repr(wh)[:80])


def _array(values: ArrayLike, dtype: Any, name: str, expected: str) -> NDArray[Any]:
    try:
        # Of NaN and infinity NumPy would make some whole number or other.
        if dtype is not np.int64 or np.isfinite(np.asarray(values, np.float64)).all():
            return np.asarray(values, dtype)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ShapeError(name, expected, repr(values)[:80])
