"""Pictures that are copies or near copies of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facepipe.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: Cells of a fingerprint along a side.
FINGERPRINT_SIDE = 24

#: How far apart, in 0 to 255, the same cells of two copies may be, and by how much all of them, as
#: the root of the mean square. Over 33 photographs, each encoded anew at qualities from 30 up and
#: resized by 0.25 to 1.6, copies were at most 17 apart (99 in 100 at most 14) and 3.4 over all;
#: different photographs at least 91, and 19. A 64-bit difference hash cannot tell these from each
#: other, and takes much of what a camera on a wall sees for one picture.
COPY_DISTANCE, COPY_SPREAD = 16, 4

_ROWS = 256  # compared with all others at once

_GREY = np.array([0.114, 0.587, 0.299])  # of blue, green and red; ITU-R BT.601


def fingerprint(square: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a picture looks like from afar: the mean grey of 24x24 cells.

    Args:
        square: `(H, W, 3)` uint8, blue, green, red. Letterboxed pictures compare best, because
            copies then have one size.

    Returns:
        `(576,)` uint8, by rows.

    Raises:
        ShapeError: if it is no such array, or has no pixels.

    Example:
        >>> fingerprint(np.full((300, 300, 3), 80, np.uint8))[:3]
        array([80, 80, 80], dtype=uint8)
    """
    if square.ndim != 3 or square.shape[2] != 3 or square.size == 0:
        raise ShapeError("square", "a picture, (H, W, 3)", square.shape)
    sums, pixels = square, np.ones((1, 1))
    for axis, side in enumerate(square.shape[:2]):
        starts = np.arange(FINGERPRINT_SIDE) * side // FINGERPRINT_SIDE
        sums = np.add.reduceat(sums, starts, axis=axis, dtype=np.uint32)
        # Of a picture of fewer pixels than cells, some stand for two.
        sizes = np.maximum(np.diff(np.append(starts, side)), 1)
        pixels = pixels * np.expand_dims(sizes, 1 - axis)
    return np.rint(sums @ _GREY / pixels).astype(np.uint8).ravel()  # type: ignore[no-any-return]


def copy_groups(fingerprints: ArrayLike) -> NDArray[np.int64]:
    """Which pictures are copies or near copies of each other, perhaps by way of others.

    Args:
        fingerprints: `(N, 576)` uint8, as of `fingerprint`; or another number of cells.

    Returns:
        `(N,)` int64: the index of the first picture of each one's group.

    Raises:
        ShapeError: if `fingerprints` is not `(N, M)`.

    Example:
        >>> copy_groups(np.array([[100, 200], [90, 90], [103, 198]], np.uint8))
        array([0, 1, 0])
    """
    cells = np.asarray(fingerprints)
    if cells.ndim != 2:
        raise ShapeError("fingerprints", "of shape (N, M)", cells.shape)
    if not cells.size:
        return np.zeros(len(cells), np.int64)
    cells, copy_of = np.unique(cells, axis=0, return_inverse=True)
    group = np.arange(len(cells))
    # In float32 sums of 576 such squares are exact.
    values = cells.astype(np.float32) - 128
    squares = (values**2).sum(axis=1)
    most = COPY_SPREAD**2 * cells.shape[1]
    for start in range(0, len(cells), _ROWS):
        rows = slice(start, start + _ROWS)
        apart = squares[rows, None] + squares - 2 * (values[rows] @ values.T)  # (R, N)
        for index, row in enumerate(apart <= most + 4, start):  # these sums may be rounded
            near = np.flatnonzero(row & (group != group[index]))
            near = near[_are_copies(cells[near], cells[index], most)]
            if near.size:
                joined = np.unique(group[np.append(near, index)])
                group[np.isin(group, joined)] = joined[0]
    number = group[copy_of.ravel()]  # NumPy 2.0 gave it another shape
    _, first_of, place = np.unique(number, return_index=True, return_inverse=True)
    return first_of[place.ravel()].astype(np.int64)


def _are_copies(cells: NDArray[np.uint8], own: NDArray[np.uint8], most: int) -> NDArray[np.bool_]:
    """`(N,)`: which of some fingerprints are a copy's of one."""
    apart = cells.astype(np.int32) - own
    close = np.abs(apart).max(axis=1) <= COPY_DISTANCE
    return close & ((apart**2).sum(axis=1) <= most)  # type: ignore[no-any-return]
