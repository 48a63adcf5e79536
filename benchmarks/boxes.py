"""`box_iou` beside supervision, torchvision and a plain NumPy loop over the rows."""

from __future__ import annotations

from typing import Callable, Iterator

import numpy as np

from benchmarks.figures import Growth, Ratio, in_turns
from benchmarks.nms import faces
from benchmarks.peers import peer
from facepipe.boxes import box_iou

SIZES = (10, 100, 1000)
GROWING = (128, 512, 2048)  # from where fixed costs no longer count


def numpy_loop(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One box against all of the others, again and again."""
    rows = []
    areas = (b[:, 2:] - b[:, :2]).prod(axis=1)
    for box in a:
        sides = np.minimum(box[2:], b[:, 2:]) - np.maximum(box[:2], b[:, :2])
        shared = np.maximum(sides, 0.0).prod(axis=1)
        rows.append(shared / ((box[2:] - box[:2]).prod() + areas - shared))
    return np.array(rows)


def peers(a: np.ndarray, b: np.ndarray) -> dict[str, Callable[[], object]]:
    """The same by others."""
    made: dict[str, Callable[[], object]] = {"NumPy loop": lambda: numpy_loop(a, b)}
    supervision = peer("supervision")
    if supervision:
        made["supervision"] = lambda: supervision.box_iou_batch(a, b)
    torchvision = peer("torchvision")
    if torchvision:
        tensors = [peer("torch").from_numpy(boxes) for boxes in (a, b)]
        made["torchvision"] = lambda: torchvision.ops.box_iou(*tensors)
    return made


def figures(seconds: float) -> Iterator[Ratio | Growth]:
    """Against each peer, and how cost grows."""
    rng = np.random.default_rng(2016)
    for n in SIZES:
        a, b = faces(rng, n), faces(rng, n)
        for name, theirs in peers(a, b).items():
            if name == "NumPy loop" and n != 100:
                continue
            assert np.allclose(box_iou(a, b), theirs(), atol=1e-6), f"{name} has others for {n}"
            times = in_turns([lambda a=a, b=b: box_iou(a, b), theirs], seconds) * 1e6
            what = f"box_iou of {n:,} x {n:,} boxes"
            yield Ratio.of_rounds("boxes", what, name, "us", *times.T)
    inputs = [(faces(rng, n), faces(rng, n)) for n in GROWING]
    rounds = in_turns([lambda i=each: box_iou(*i) for each in inputs], seconds) * 1e6
    pairs = [n * n for n in GROWING]
    yield Growth.of_rounds("boxes", "box_iou", "pairs", "us", pairs, rounds, bound=1.0)
