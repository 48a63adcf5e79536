"""What keeps the stages going, and their log short, while things fail."""

from __future__ import annotations

import logging
import time
from typing import Callable, Iterator

from facepipe_io.text import one_line

log = logging.getLogger(__name__)

MAX_BACKOFF_SECONDS = 30.0
QUIET_SECONDS = 60.0


def backoff(first: float) -> Iterator[float]:
    """Pauses between tries, in seconds, each twice the last.

    Example:
        >>> pauses = backoff(5)
        >>> [next(pauses) for _ in range(5)]
        [5, 10, 20, 30.0, 30.0]
    """
    while True:
        yield first
        first = min(2 * first, MAX_BACKOFF_SECONDS)


class Trouble:
    """Tells the log when something stops working and when it works again, not what comes between.

    Nor more than once a minute: what comes and goes is told of once, and then for as long as it
    fails on.

    Args:
        what: it is.
        clock: seconds that never step back.

    Attributes:
        given_up: whether it was given up since it last worked.
    """

    def __init__(self, what: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._failures = 0
        self._told = False
        self._told_at = -float("inf")
        self.given_up = False

    def begins(self, error: BaseException) -> None:
        """It failed."""
        now = self._clock()
        if not self._told and now - self._told_at >= QUIET_SECONDS:
            log.warning("%s: %s; trying again", self._what, one_line(error))
            self._told, self._told_at = True, now
        self._failures += 1

    def ends(self) -> None:
        """It worked."""
        if self._told:
            log.warning("%s: works again, after %d failures", self._what, self._failures)
            self._told = False
        self._failures = 0
        self.given_up = False


class Pace:
    """Lets through so many frames a second, going by the time that each was taken."""

    def __init__(self, fps: float) -> None:
        self._interval = 1 / fps
        self._due = -float("inf")

    def is_due(self, now: float) -> bool:
        """Whether to let through what was taken at this time."""
        # Frames of a camera come a little early and late: a quarter early is on time. Earlier than
        # any frame can be means that the clock was set back.
        if self._interval / 4 < self._due - now <= 2 * self._interval:
            return False
        in_step = abs(now - self._due) < self._interval
        self._due = (self._due if in_step else now) + self._interval
        return True
