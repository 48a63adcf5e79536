"""Non-maximum suppression beside OpenCV, supervision, torchvision and a plain NumPy loop.

OpenCV gets its own x, y, width, height, prepared beforehand, on one thread: as float32 arrays, as
float64 arrays (what facepipe gets) and as lists of tuples, the fastest it takes; beside those
facepipe gets lists, too. torchvision gets float32 tensors. The two distributions in the table are
what a detector sees in a crowd, and the one that is hardest on facepipe; how cost grows is shown
for these and for the two ends, none overlapping and all.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator

import cv2
import numpy as np

from benchmarks.figures import Growth, Ratio, in_turns
from benchmarks.peers import peer
from facepipe.boxes import nms

SIZES = (10, 100, 1000, 8732)
GROWING = (273, 1092, 8732)  # from where fixed costs no longer count
IOU = 0.45


def around(centre, sides):
    """Boxes by their centres and sides, each `(N, 2)`."""
    return np.hstack([centre - sides / 2, centre + sides / 2])


def scattered(rng, n, wh):
    """Sides of 10 to 60 pixels anywhere in a frame."""
    return around(rng.uniform(0, 1, (n, 2)) * wh, rng.uniform(10, 60, (n, 2)))


def faces(rng, n):
    """What a detector sees in 5 to 20 faces: many boxes around each."""
    count = rng.integers(5, 21)
    face = rng.integers(0, count, n)
    centre, side = rng.uniform(0, 1, (count, 2)) * (1920, 1080), rng.uniform(30, 200, (count, 1))
    jitter, stretch = rng.normal(0, 0.1, (n, 2)), np.exp(rng.normal(0, 0.15, (n, 2)))
    return around(centre[face] + jitter * side[face], side[face] * stretch)


def anchors(rng, n):
    """Boxes near the 8,732 default boxes of SSD300 (Liu et al., 2016)."""
    boxes = []
    grids = ((38, 4, 30), (19, 6, 60), (10, 6, 111), (5, 6, 162), (3, 4, 213), (1, 4, 264))
    for cells, shapes, side in grids:
        centre = (np.indices((cells, cells)).reshape(2, -1).T + 0.5) / cells * 300
        aspects = (1, 1.2, 2, 1 / 2, 3, 1 / 3)[:shapes]
        boxes += [around(centre, side * np.array([[a**0.5, a**-0.5]])) for a in aspects]
    every = np.vstack(boxes)
    return every[rng.permutation(len(every))[:n]] + rng.normal(0, 2, (n, 4))


def apart(rng, n):
    """One box in each cell of a grid."""
    across = int(np.ceil(n**0.5))
    cell = rng.permutation(across**2)[:n]
    return around(20.0 * np.stack([cell % across, cell // across], 1), rng.uniform(5, 15, (n, 2)))


def together(rng, n):
    """One object, found n times."""
    return np.array([100, 100, 200, 200]) + rng.uniform(-5, 5, (n, 4))


DISTRIBUTIONS = {
    "scattered, 300x300": lambda rng, n: scattered(rng, n, (300, 300)),
    "scattered, 1920x1080": lambda rng, n: scattered(rng, n, (1920, 1080)),
    "5 to 20 faces": faces,
    "SSD300 anchors": anchors,
    "none overlap": apart,
    "all overlap": together,
}


def numpy_loop(boxes, scores, iou_threshold):
    """What most projects carry: the best box against all the others, again and again."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    order, kept = np.argsort(-scores, kind="stable"), []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        sides = np.maximum(np.minimum(boxes[best, 2:], boxes[order, 2:]) - low, 0.0)
        shared = sides[:, 0] * sides[:, 1]
        order = order[shared / (areas[best] + areas[order] - shared) <= iou_threshold]
    return kept


def calls(boxes: np.ndarray, scores: np.ndarray) -> dict[str, tuple[Callable, Callable]]:
    """By peer: facepipe's call, and its own; both give the indices kept, in whatever form."""
    xywh = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    tuples = [tuple(box) for box in xywh.tolist()]
    rows, marks = boxes.tolist(), scores.tolist()
    xywh32, scores32 = xywh.astype(np.float32), scores.astype(np.float32)

    def ours() -> Any:
        return nms(boxes, scores, IOU)

    made: dict[str, tuple[Callable, Callable]] = {
        "cv2, float32": (ours, lambda: cv2.dnn.NMSBoxes(xywh32, scores32, 0.0, IOU)),
        "cv2, float64": (ours, lambda: cv2.dnn.NMSBoxes(xywh, scores, 0.0, IOU)),
        "cv2, lists": (
            lambda: nms(rows, marks, IOU),
            lambda: cv2.dnn.NMSBoxes(tuples, marks, 0.0, IOU),
        ),
        "NumPy loop": (ours, lambda: numpy_loop(boxes, scores, IOU)),
    }
    supervision = peer("supervision")
    if supervision:
        table = np.hstack([boxes, scores[:, None]])
        made["supervision"] = (ours, lambda: supervision.box_non_max_suppression(table, IOU))
    torchvision = peer("torchvision")
    if torchvision:
        tensors = [peer("torch").from_numpy(a.astype(np.float32)) for a in (boxes, scores)]
        made["torchvision"] = (ours, lambda: torchvision.ops.nms(*tensors, IOU))
    return made


def wanted(n: int, name: str) -> tuple[str, ...]:
    """The peers of which the table has a row."""
    if name != "5 to 20 faces":
        return ("cv2, float32",)
    few = ("cv2, float32", "cv2, float64", "cv2, lists")
    more: dict[int, tuple[str, ...]] = {
        10: few,
        100: (*few, "supervision"),
        1000: (*few, "NumPy loop", "supervision"),  # which would take seconds for 8,732
        8732: ("cv2, float32",),
    }
    return (*more[n], "torchvision")


def same(ours: Any, theirs: Any) -> bool:
    """Whether the same boxes are kept, but for an IoU that float32 puts beyond the threshold."""
    kept = np.asarray(theirs)
    kept = np.flatnonzero(kept) if kept.dtype == bool else kept.ravel()
    return len(np.setxor1d(ours, kept)) <= len(kept) // 500


def figures(seconds: float) -> Iterator[Ratio | Growth]:
    """Against each peer, and how cost grows."""
    rng = np.random.default_rng(2016)
    for n in SIZES:
        for name in ("5 to 20 faces", "SSD300 anchors"):
            made = calls(DISTRIBUTIONS[name](rng, n), rng.random(n))
            for other in wanted(n, name):
                if other in made:
                    assert same(*(call() for call in made[other])), f"{other} keeps others of {n}"
                    times = in_turns(made[other], seconds) * 1e6
                    what = f"nms of {n:,} boxes, {name}"
                    yield Ratio.of_rounds("nms", what, other, "us", *times.T)
    for name in ("5 to 20 faces", "SSD300 anchors", "none overlap", "all overlap"):
        inputs = [(DISTRIBUTIONS[name](rng, n), rng.random(n)) for n in GROWING]
        rounds = in_turns([lambda i=each: nms(*i, IOU) for each in inputs], seconds) * 1e6
        yield Growth.of_rounds("nms", name, "boxes", "us", GROWING, rounds, bound=2.0)
