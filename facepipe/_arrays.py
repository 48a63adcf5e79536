"""Checks at the edge of the array modules, so that the code behind them can trust its input."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from facepipe.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: No sensor is that wide, so that a coordinate beyond it is rubbish as much as an infinity is. The
#: bound keeps areas and whole pixels far from overflow.
LONGEST_SIDE = 10**7

_LARGEST = float(np.finfo(np.float64).max)


def as_boxes(boxes: ArrayLike, name: str = "boxes") -> NDArray[np.float64]:
    """Return boxes as a float64 array `(N, 4)`; an empty sequence is `(0, 4)`.

    Raises:
        ShapeError: for any other shape.
    """
    array = as_floats(boxes, name, "an array of shape (N, 4)")
    if array.ndim == 2 and array.shape[1] == 4:
        return array
    if array.shape == (0,):
        return array.reshape(0, 4)
    raise ShapeError(name, "an array of shape (N, 4)", f"one of shape {array.shape}")


def as_vector(
    values: ArrayLike, length: int | None, name: str, dtype: Any = np.float64
) -> NDArray[Any]:
    """Return values as an array `(length,)`, or of any length, of float64 or of int64.

    Raises:
        ShapeError: for any other shape, or values that the type does not have.
    """
    expected = f"an array of shape ({'N' if length is None else length},)"
    read = as_floats if dtype is np.float64 else _as_whole_numbers
    array = read(values, name, expected)
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
        if 0 < width <= _LARGEST and 0 < height <= _LARGEST:
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
        if 1 <= width <= LONGEST_SIDE and 1 <= height <= LONGEST_SIDE:
            return width, height
    except (TypeError, ValueError):
        pass
    raise ShapeError(name, "a picture's (width, height) in whole pixels", repr(wh)[:80])


def as_floats(values: Any, name: str, expected: str) -> NDArray[np.float64]:
    """Return numbers as a float64 array of whatever shape they have.

    Raises:
        ShapeError: if they are no numbers, or form no array.
    """
    if type(values) is np.ndarray and values.dtype == np.float64:
        return values
    try:
        with np.errstate(invalid="ignore"):  # some NaN are told of when they are copied
            return np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ShapeError(name, expected, repr(values)[:80]) from None


def _as_whole_numbers(values: Any, name: str, expected: str) -> NDArray[np.int64]:
    if type(values) is np.ndarray and values.dtype == np.int64:
        return values
    floats = as_floats(values, name, expected)
    try:
        with np.errstate(invalid="ignore"):
            whole = np.asarray(values, np.int64)
    except (TypeError, ValueError, OverflowError):
        raise ShapeError(name, expected, repr(values)[:80]) from None
    # Of NaN, a fraction or what is too large, NumPy has made some whole number or other.
    if not (whole == floats).all():
        raise ShapeError(name, f"{expected} of whole numbers", repr(values)[:80])
    return whole
