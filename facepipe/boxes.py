"""Axis-aligned boxes as arrays.

Boxes are `(N, 4)` float64 arrays of rows `x0, y0, x1, y1` in pixels, half-open: a box covers
`x0 <= x < x1`, so that its width is `x1 - x0` with no `+ 1`. A box with `x1 <= x0` or `y1 <= y0`
is empty: its area is 0 and it overlaps nothing. Sizes are `wh` pairs, `(width, height)`.

Every function takes anything that NumPy can make such an array of, leaves its arguments alone
and returns a new array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facepipe._arrays import as_boxes, as_wh
from facepipe._nms import nms

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["box_area", "box_iou", "clip_boxes", "expand_boxes", "nms", "scale_boxes"]


def box_area(boxes: ArrayLike) -> NDArray[np.float64]:
    """Area of each box.

    Args:
        boxes: `(N, 4)`.

    Returns:
        `(N,)` float64, in square pixels, 0 for an empty box.

    Raises:
        ShapeError: if `boxes` is not `(N, 4)`.

    Example:
        >>> box_area([[0, 0, 4, 2], [3, 3, 1, 9]])
        array([8., 0.])
    """
    boxes = as_boxes(boxes)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    return sides[:, 0] * sides[:, 1]


def box_iou(boxes_a: ArrayLike, boxes_b: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of every box of one set with every box of another.

    Args:
        boxes_a: `(N, 4)`.
        boxes_b: `(M, 4)`.

    Returns:
        `(N, M)` float64 in 0 to 1; `[i, j]` is the overlap of `boxes_a[i]` with `boxes_b[j]`.
        A pair with an empty box in it has 0.

    Raises:
        ShapeError: if either is not an `(N, 4)`.

    Example:
        >>> box_iou([[0, 0, 2, 2]], [[0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 4, 2]]).round(2)
        array([[1.  , 0.33, 0.  ]])
    """
    a, b = as_boxes(boxes_a, "boxes_a"), as_boxes(boxes_b, "boxes_b")
    # Column by column and in place: with many pairs, fresh memory costs more than the arithmetic.
    ax0, ay0, ax1, ay1 = a.T[:, :, None]  # (N, 1) each
    bx0, by0, bx1, by1 = b.T[:, None, :]  # (1, M) each
    shared = np.minimum(ax1, bx1)  # (N, M), as are all below
    spare = np.maximum(ax0, bx0)
    shared -= spare
    np.maximum(shared, 0.0, out=shared)
    iou: NDArray[np.float64] = np.minimum(ay1, by1)
    iou -= np.maximum(ay0, by0, out=spare)
    np.maximum(iou, 0.0, out=iou)
    shared *= iou
    union = np.add(box_area(a)[:, None], box_area(b), out=spare)
    union -= shared
    iou.fill(0.0)
    np.divide(shared, union, out=iou, where=union > 0)
    return iou


def clip_boxes(boxes: ArrayLike, wh: tuple[float, float]) -> NDArray[np.float64]:
    """Cut off what lies outside a frame.

    A box that lies wholly outside comes back empty, on the frame's edge.

    Args:
        boxes: `(N, 4)`.
        wh: the frame's `(width, height)`, greater than 0.

    Returns:
        `(N, 4)` float64 with `0 <= x <= width` and `0 <= y <= height`.

    Raises:
        ShapeError: if `boxes` is not `(N, 4)` or `wh` is no size.

    Example:
        >>> clip_boxes([[-5, 10, 30, 40]], (20, 20))
        array([[ 0., 10., 20., 20.]])
    """
    width, height = as_wh(wh)
    return np.minimum(np.maximum(as_boxes(boxes), 0.0), (width, height, width, height))


def scale_boxes(
    boxes: ArrayLike, from_wh: tuple[float, float], to_wh: tuple[float, float]
) -> NDArray[np.float64]:
    """Carry boxes from a picture of one size to the same picture at another.

    Args:
        boxes: `(N, 4)` in pixels of the first.
        from_wh: `(width, height)` of the first.
        to_wh: `(width, height)` of the second.

    Returns:
        `(N, 4)` float64 in pixels of the second.

    Raises:
        ShapeError: if `boxes` is not `(N, 4)` or a size is none.

    Example:
        >>> scale_boxes([[30, 30, 60, 90]], (300, 300), (1920, 1080))
        array([[192., 108., 384., 324.]])
    """
    from_width, from_height = as_wh(from_wh, "from_wh")
    to_width, to_height = as_wh(to_wh, "to_wh")
    x, y = to_width / from_width, to_height / from_height
    return as_boxes(boxes) * np.array([x, y, x, y])  # type: ignore[no-any-return]


def expand_boxes(boxes: ArrayLike, margin: float) -> NDArray[np.float64]:
    """Grow each box on all four sides by a share of its own width and height.

    Args:
        boxes: `(N, 4)`.
        margin: share of the width added left and right, and of the height above and below. A
            negative one shrinks; from -0.5 on nothing is left.

    Returns:
        `(N, 4)` float64.

    Raises:
        ShapeError: if `boxes` is not `(N, 4)`.

    Example:
        >>> expand_boxes([[10, 10, 20, 30]], 0.5)
        array([[ 5.,  0., 25., 40.]])
    """
    boxes = as_boxes(boxes)
    grown = (boxes[:, 2:] - boxes[:, :2]) * margin
    return np.hstack([boxes[:, :2] - grown, boxes[:, 2:] + grown])
