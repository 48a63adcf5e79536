"""Non-maximum suppression: facepipe beside `cv2.dnn.NMSBoxes` and a plain NumPy loop.

    python benchmarks/nms.py [--seconds 1]

They take turns, so that a busy machine is as hard on one as on the others. OpenCV gets its
own x, y, width, height, prepared beforehand, on one thread: as float32 arrays, as float64 arrays
(what facepipe gets) and as lists of tuples (the fastest it takes). A ratio is facepipe's time by
OpenCV's, its median and the middle half of it; below 1 facepipe is faster.
"""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np

from facepipe.boxes import nms

SIZES = (10, 100, 1000, 8732)
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


def measure(calls, seconds):
    """Seconds per call, `(rounds, len(calls))`, in short bursts taken in turn; 5 rounds or more."""
    bursts = []
    for call in calls:
        start = time.perf_counter()
        call()
        bursts.append(1 + int(0.002 / (time.perf_counter() - start)))  # about 2 ms each
    rounds, end = [], time.perf_counter() + seconds
    while len(rounds) < 6 or time.perf_counter() < end:
        row = []
        for call, burst in zip(calls, bursts):
            start = time.perf_counter()
            for _ in range(burst):
                call()
            row.append((time.perf_counter() - start) / burst)
        rounds.append(row)
    return np.array(rounds[1:])  # the first one warms up


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare facepipe's nms with OpenCV's.")
    parser.add_argument("--seconds", type=float, default=1.0, help="per line of the table")
    seconds = parser.parse_args().seconds
    cv2.setNumThreads(1)
    rng = np.random.default_rng(2016)
    print(f"{'':28} {'median, microseconds':^36}   facepipe / cv2, median (middle half)")
    print(
        f"{'N':>5} {'boxes':20} {'kept':>4}  {'facepipe':>9} {'cv2 f32':>9} {'NumPy':>9}"
        f"     {'f32':^18} {'f64':^18} {'lists':^18}"
    )
    for n in SIZES:
        for name, make in DISTRIBUTIONS.items():
            boxes, scores = make(rng, n), rng.random(n)
            xywh = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
            tuples = [tuple(box) for box in xywh.tolist()]
            singles = xywh.astype(np.float32), scores.astype(np.float32)
            calls = [
                lambda b=boxes, s=scores: nms(b, s, IOU),
                lambda b=singles[0], s=singles[1]: cv2.dnn.NMSBoxes(b, s, 0.0, IOU),
                lambda b=boxes, s=scores: numpy_loop(b, s, IOU),
                lambda b=xywh, s=scores: cv2.dnn.NMSBoxes(b, s, 0.0, IOU),
                lambda b=tuples, s=singles[1]: cv2.dnn.NMSBoxes(b, s, 0.0, IOU),
            ]
            times = measure(calls, seconds)
            ours, theirs, loop = np.median(times[:, :3], axis=0) * 1e6
            ratios = [
                "{1:5.2f} ({0:.2f}-{2:.2f})".format(
                    *np.percentile(times[:, 0] / times[:, k], (25, 50, 75))
                )
                for k in (1, 3, 4)
            ]
            print(
                f"{n:5} {name:20} {len(calls[0]()):4}  {ours:9.1f} {theirs:9.1f} {loop:9.1f}    "
                + " ".join(f"{ratio:18}" for ratio in ratios),
                flush=True,
            )


if __name__ == "__main__":
    main()
