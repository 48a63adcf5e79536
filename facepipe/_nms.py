"""Non-maximum suppression; callers use `facepipe.boxes.nms`.

All strategies give the same answer and differ in speed alone:

- a few boxes, or some more that crowd around few places, are compared in plain Python, where a
  NumPy call costs more than the arithmetic;
- boxes that crowd together are *peeled*: the best-scored ones are compared with all the rest,
  which pays for as long as each box kept takes several others away;
- boxes that are spread out are *swept*: sorted along x, only those whose x-intervals overlap are
  compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facepipe._arrays import as_boxes, as_vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# All of these trade time alone. They were measured with benchmarks/nms.py.
PLAIN_PYTHON = 48  # boxes up to which plain Python is the fastest
PLAIN_TRIED = 256  # boxes up to which it is the fastest if it keeps few of them, ...
PLAIN_KEPT = 8  # ... these and a third of those it has seen
QUICK_SORT = 200  # scores from which trying the unstable sort first pays
PEEL_FIRST = 256  # boxes from which one peeled box costs less than sorting along x
PEEL_BLOCK = 64  # boxes peeled at once, at most
PEEL_YIELD = 4  # boxes that each kept one must take away for peeling to go on
SWEEP_NEIGHBOURS = 512  # pairs per box up to which a sweep is affordable
CHUNK = 1 << 14  # pairs in memory at once, so that the columns of a chunk stay in the cache


def nms(boxes: ArrayLike, scores: ArrayLike, iou_threshold: float) -> NDArray[np.int64]:
    """Greedy non-maximum suppression.

    Goes through the boxes from the best score to the worst and drops each one whose intersection
    over union (IoU) with a box already kept is greater than the threshold.

    Any numbers are welcome. An empty box (`x1 <= x0` or `y1 <= y0`) and a box with a NaN in it
    overlap nothing, and so they are kept; a NaN score comes last.

    Args:
        boxes: `(N, 4)`.
        scores: `(N,)`, the higher the better.
        iou_threshold: 0 to 1. At 1 every box is kept.

    Returns:
        `(K,)` int64, indices of the boxes kept, the best score first; of equal scores the lower
        index is the better.

    Raises:
        ShapeError: if `boxes` is not `(N, 4)` or `scores` is not `(N,)`.
        ValueError: if `iou_threshold` is outside 0 to 1.

    Example:
        >>> nms([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]], [0.8, 0.9, 0.7], 0.5)
        array([1, 2])
    """
    boxes = as_boxes(boxes)
    scores = as_vector(scores, len(boxes), "scores")
    threshold = float(iou_threshold)
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"iou_threshold must be between 0 and 1, not {iou_threshold!r}")
    order = _best_first(scores)
    if len(boxes) <= PLAIN_TRIED:
        compared = _compare(boxes.tolist(), order.tolist(), threshold)
        if compared is not None:
            return np.array(compared, dtype=np.int64)
    # Infinite areas and 0 / 0 are meant: the IoU is NaN, which is greater than no threshold.
    with np.errstate(all="ignore"):
        kept = _peel_and_sweep(_columns(boxes.take(order, axis=0)), threshold)
        return order.take(kept).astype(np.int64)


def _best_first(scores: NDArray[np.float64]) -> NDArray[Any]:
    falling = -scores
    if len(scores) >= QUICK_SORT:
        order = falling.argsort()  # several times faster than the stable sort
        ordered = falling.take(order)
        with np.errstate(invalid="ignore"):
            if (ordered[1:] > ordered[:-1]).all():  # neither ties nor NaN: the two sorts agree
                return order
    return falling.argsort(kind="stable")


def _compare(boxes: list[list[float]], order: list[int], threshold: float) -> list[int] | None:
    """What is kept, in that order; None where so much is kept that NumPy is faster."""
    enough = len(boxes) if len(boxes) <= PLAIN_PYTHON else PLAIN_KEPT
    keep: list[int] = []
    kept: list[tuple[float, ...]] = []
    for seen, index in enumerate(order):
        x0, y0, x1, y1 = boxes[index]
        if not (x0 < x1 and y0 < y1):  # empty, or with a NaN in it
            keep.append(index)
            continue
        area = (x1 - x0) * (y1 - y0)
        for a0, b0, a1, b1, other in kept:
            if x0 < a1 and a0 < x1 and y0 < b1 and b0 < y1:
                width = (x1 if x1 < a1 else a1) - (x0 if x0 > a0 else a0)
                shared = width * ((y1 if y1 < b1 else b1) - (y0 if y0 > b0 else b0))
                if shared > 0.0 and shared / (area + other - shared) > threshold:
                    break
        else:
            if len(kept) > enough + seen // 3:
                return None
            keep.append(index)
            kept.append((x0, y0, x1, y1, area))
    return keep


def _columns(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows x0, y0, x1, y1 and area, `(5, N)`, of boxes `(N, 4)`."""
    columns = np.empty((5, len(boxes)))
    columns[:4] = boxes.T
    sides = np.maximum(columns[2:4] - columns[:2], 0.0)
    np.multiply(sides[0], sides[1], out=columns[4])
    return columns


def _overlapping(
    a: NDArray[np.float64], b: NDArray[np.float64], threshold: float
) -> NDArray[np.bool_]:
    """Whether the IoU of columns `a` and `b`, broadcast against each other, is too great."""
    ax0, ay0, ax1, ay1, a_area = a
    bx0, by0, bx1, by1, b_area = b
    shared = np.minimum(ax1, bx1)
    shared -= np.maximum(ax0, bx0)
    np.maximum(shared, 0.0, out=shared)
    height = np.minimum(ay1, by1)
    height -= np.maximum(ay0, by0)
    shared *= height  # below 0 where the boxes miss each other in y alone: never too great
    union = np.add(a_area, b_area, out=height)
    union -= shared
    shared /= union
    too_great: NDArray[np.bool_] = shared > threshold
    return too_great


def _suppress(n: int, better: NDArray[Any], worse: NDArray[Any]) -> NDArray[Any]:
    """What is kept of n boxes, best first, given the overlapping pairs in order of the better."""
    alive = bytearray(b"\1") * n
    runs = [0, *((better[1:] != better[:-1]).nonzero()[0] + 1).tolist()]  # of one better box each
    for i, start, stop in zip(better[runs[: len(better)]].tolist(), runs, [*runs[1:], len(better)]):
        if alive[i]:
            for j in worse[start:stop].tolist():
                alive[j] = 0
    return np.frombuffer(alive, dtype=np.bool_).nonzero()[0]


def _peel_and_sweep(columns: NDArray[np.float64], threshold: float) -> NDArray[Any]:
    left = np.arange(columns.shape[1])
    kept = []
    fruitful = len(left) >= PEEL_FIRST
    block = 16
    while len(left):
        if not fruitful:
            by_x, ends, total = _neighbours(columns)
            n = len(left)
            # Pairs in all: n * n / 2. With most of them at hand the boxes do crowd after all.
            if total[-1] <= n * min(SWEEP_NEIGHBOURS, 3 * n // 8):
                kept.append(left.take(_sweep(columns, by_x, ends, total, threshold)))
                break
        best, stay = _peel(columns, block, threshold)
        fruitful = len(left) - len(best) - len(stay) >= PEEL_YIELD * len(best)
        kept.append(left.take(best))
        left = left.take(stay)
        columns = columns.take(stay, axis=1)
        block = min(2 * block, PEEL_BLOCK)
    return np.concatenate(kept)


def _peel(
    columns: NDArray[np.float64], block: int, threshold: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Which of the first `block` boxes are kept, and which boxes behind them those leave over."""
    head = columns[:, :block]
    i, j = _overlapping(head[:, :, None], head[:, None, :], threshold).nonzero()
    upper = i < j
    best = _suppress(head.shape[1], i[upper], j[upper])
    judges = head.take(best, axis=1)[:, :, None]  # (5, B, 1)
    stay = [best[:0]]
    step = CHUNK // len(best)
    for start in range(block, columns.shape[1], step):
        over = _overlapping(judges, columns[:, start : start + step], threshold)  # (B, step)
        stay.append(np.logical_not(over.any(axis=0)).nonzero()[0] + start)
    return best, np.concatenate(stay)


def _neighbours(columns: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The order of the boxes along x; where in it those end that begin before each ends; their sum.

    Box i has the neighbours `i + 1` to `ends[i] - 1`; all boxes up to it have `total[i]`.
    """
    by_x = columns[0].argsort()
    behind = np.arange(1, len(by_x) + 1)
    ends = columns[0].take(by_x).searchsorted(columns[2].take(by_x))
    np.maximum(ends, behind, out=ends)
    return by_x, ends, (ends - behind).cumsum()


def _sweep(
    columns: NDArray[np.float64],
    by_x: NDArray[Any],
    ends: NDArray[Any],
    total: NDArray[Any],
    threshold: float,
) -> NDArray[Any]:
    n = len(by_x)
    columns = columns.take(by_x, axis=1)
    _, y0, _, y1, _ = columns
    place = np.arange(n)
    offset = ends - total  # of a pair's j from the pair's number, when pairs are numbered through
    codes = []
    start = done = 0
    while start < n:
        stop = max(start + 1, int(total.searchsorted(done + CHUNK, side="right")))
        upto = int(total[stop - 1])
        i = place[start:stop].repeat(ends[start:stop] - place[start:stop] - 1)
        j = np.arange(done, upto)
        j += offset.take(i)
        near = y0.take(j) < y1.take(i)
        near &= y0.take(i) < y1.take(j)
        chosen = near.nonzero()[0]
        i, j = i.take(chosen), j.take(chosen)
        over = _overlapping(columns.take(i, axis=1), columns.take(j, axis=1), threshold)
        chosen = over.nonzero()[0]
        i, j = by_x.take(i.take(chosen)), by_x.take(j.take(chosen))
        codes.append(np.minimum(i, j) * n + np.maximum(i, j))
        start, done = stop, upto
    code = np.concatenate(codes)
    code.sort()  # one sort of plain integers puts the pairs in order of the better box
    return _suppress(n, *np.divmod(code, n))
