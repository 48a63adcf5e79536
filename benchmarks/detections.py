"""Post-processing: a 200-row SSD output parsed, filtered, scaled and clipped.

    python benchmarks/detections.py

Prints microseconds a call, and the ratio to the same in a plain loop over the rows, run in turns.
"""

from __future__ import annotations

import statistics
import timeit

import numpy as np

from facepipe.detections import Detections

FRAME_WH = (1920, 1080)
ROWS, CALLS, ROUNDS = 200, 200, 25


def make_output() -> np.ndarray:
    """What `cv2.dnn` gives: half of the rows above the threshold, boxes beyond the edges."""
    rng = np.random.default_rng(7)
    output = np.zeros((1, 1, ROWS, 7), np.float32)
    rows = output[0, 0]
    rows[:, 1] = 1
    rows[:, 2] = rng.random(ROWS)
    rows[:, 3:5] = rng.random((ROWS, 2)) * 1.1 - 0.1
    rows[:, 5:] = rows[:, 3:5] + 0.1
    return output


def facepipe(output: np.ndarray) -> Detections:
    """The library's way."""
    found = Detections.from_opencv_ssd(output, frame_wh=FRAME_WH)
    return found.above(0.5).clipped(FRAME_WH)


def plain_loop(output: np.ndarray) -> list[tuple[float, ...]]:
    """Row by row, as samples do it."""
    width, height = FRAME_WH
    found = []
    for _, label, score, x0, y0, x1, y1 in output[0, 0]:
        if score >= 0.5:
            box = (
                max(0.0, x0 * width),
                max(0.0, y0 * height),
                min(width, x1 * width),
                min(height, y1 * height),
            )
            if box[2] > box[0] and box[3] > box[1]:
                found.append((label, score, *box))
    return found


def main() -> None:
    """Measure both in turns."""
    output = make_output()
    assert len(facepipe(output)) == len(plain_loop(output))
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(timeit.timeit(lambda: facepipe(output), number=CALLS) / CALLS * 1e6)
        theirs.append(timeit.timeit(lambda: plain_loop(output), number=CALLS) / CALLS * 1e6)
    ratios = sorted(a / b for a, b in zip(ours, theirs))
    print(f"facepipe    {statistics.median(ours):7.1f} us ({min(ours):.1f} to {max(ours):.1f})")
    print(f"plain loop  {statistics.median(theirs):7.1f} us")
    print(f"ratio       {statistics.median(ratios):7.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
