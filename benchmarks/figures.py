"""What a benchmark measures: ratios to a peer, and how cost grows with size."""

from __future__ import annotations

import time
from typing import Any, Callable, Sequence

import attrs
import numpy as np

TOLERANCE = 0.1  # of an exponent: what a sort, or a cache that is outgrown, adds to it
BURST_SECONDS = 0.002  # that a call which takes less is repeated for, between two looks at a clock


@attrs.frozen
class Ratio:
    """Ours and a peer's figure, measured in turns in one run.

    Attributes:
        group: the part of the system, the table's heading.
        what: what was done, to how much.
        peer: what it is compared with.
        unit: of `ours` and `theirs`, such as "us" or "people".
        ours, theirs: medians.
        low, ratio, high: quartiles of ours / theirs, round by round; all the same for a count.
        more_is_better: for people captured, say; a time is better when it is less.
    """

    group: str
    what: str
    peer: str
    unit: str
    ours: float
    theirs: float
    low: float
    ratio: float
    high: float
    more_is_better: bool = False

    @classmethod
    def of_rounds(
        cls,
        group: str,
        what: str,
        peer: str,
        unit: str,
        ours: Sequence[float],
        theirs: Sequence[float],
        **more: Any,
    ) -> Ratio:
        """Of figures taken in turns, `(rounds,)` each."""
        low, ratio, high = np.percentile(np.divide(ours, theirs), (25, 50, 75)).tolist()
        medians = float(np.median(ours)), float(np.median(theirs))
        return cls(group, what, peer, unit, *medians, low, ratio, high, **more)

    @classmethod
    def of_counts(
        cls, group: str, what: str, peer: str, unit: str, ours: float, theirs: float, **more: Any
    ) -> Ratio:
        """Of figures that are the same in every round."""
        return cls.of_rounds(group, what, peer, unit, [ours], [theirs], **more)

    @property
    def wins(self) -> bool:
        """Whether facepipe is at least as good, as near as this run can tell."""
        return self.high >= 0.98 if self.more_is_better else self.low <= 1.02


@attrs.frozen
class Growth:
    """How a figure grows with a size: `figure ~ size ** exponent`, fitted over all sizes.

    Attributes:
        group, what: as of a `Ratio`.
        size: what grows, such as "boxes".
        unit: of `figures`.
        sizes, figures: `(S,)`; medians.
        low, exponent, high: quartiles of the exponents of the rounds.
        bound: the exponent that is claimed, at most.
    """

    group: str
    what: str
    size: str
    unit: str
    sizes: tuple[float, ...]
    figures: tuple[float, ...]
    low: float
    exponent: float
    high: float
    bound: float = 1.0

    @classmethod
    def of_rounds(
        cls,
        group: str,
        what: str,
        size: str,
        unit: str,
        sizes: Sequence[float],
        rounds: Any,
        **more: Any,
    ) -> Growth:
        """Of figures `(rounds, S)`, each greater than 0."""
        rounds = np.asarray(rounds, float)
        x = np.log(sizes) - np.log(sizes).mean()
        slopes = np.log(rounds) @ x / (x @ x)  # least squares, (rounds,)
        figures = tuple(np.median(rounds, axis=0).tolist())
        quartiles = np.percentile(slopes, (25, 50, 75)).tolist()
        return cls(group, what, size, unit, tuple(sizes), figures, *quartiles, **more)

    @property
    def wins(self) -> bool:
        """Whether it grows no faster than claimed, as near as this run can tell."""
        return self.exponent <= self.bound + TOLERANCE


def in_turns(calls: Sequence[Callable[[], object]], seconds: float) -> np.ndarray:
    """Seconds a call, `(rounds, len(calls))`, in short bursts taken in turn; 5 rounds or more.

    A machine that is busy is then as hard on one as on the others.
    """
    bursts = []
    for call in calls:
        start = time.perf_counter()
        call()
        bursts.append(1 + int(BURST_SECONDS / (time.perf_counter() - start)))
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
