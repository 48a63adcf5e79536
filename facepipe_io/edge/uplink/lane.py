"""A lane: what waits for the uplink of one kind, and how the uplink fared with it so far."""

from __future__ import annotations

import logging

from facepipe_io.edge.resilience import Trouble, backoff
from facepipe_io.edge.uplink.backlog import Backlog, Parcel

log = logging.getLogger(__name__)

#: A crop that is refused so often while others are taken is left alone.
MAX_STRIKES = 3


class Lane:
    """Crops, or samples, on their way. For one thread.

    Args:
        name: what the log is to call its uplink.
        backlog: what waits.
        backoff_seconds: the first pause after a failure; each next one is twice as long.

    Attributes:
        on_the_way: what was handed out.
        sent: how many were stored.
        failures: how often in a row the uplink failed.
        try_at: while it fails, it is not tried before.
        trouble: tells the log.
    """

    def __init__(self, name: str, backlog: Backlog, backoff_seconds: float) -> None:
        self.backlog = backlog
        self.on_the_way: set[Parcel] = set()
        self.sent = 0
        self.failures = 0
        self.try_at = -float("inf")
        self.trouble = Trouble(name)
        self._tried = -1  # the number of the parcel that was tried last but for the newest
        self._backoff_seconds = backoff_seconds
        self._pauses = backoff(backoff_seconds)

    def choose_to_try(self, now: float) -> Parcel | None:
        """Take out the parcel with which to see whether the uplink works again.

        Every other time the newest, else one after the other from the oldest on.
        """
        if self.failures % 2:
            return self.backlog.choose_newest(now)
        parcel = self.backlog.choose_after(self._tried, now)
        self._tried = parcel.number if parcel else -1
        return parcel

    def next_at(self) -> float:
        """When the next parcel may go; long ago if it may now."""
        until = self.backlog.next_after_rest()
        return max(until, self.try_at) if self.failures else until

    def failed(self, parcel: Parcel) -> float:
        """The uplink did not take a parcel; how long to pause now."""
        self.failures += 1
        parcel.failures += 1
        return next(self._pauses)

    def strike(self, parcel: Parcel) -> bool:
        """Whether the uplink refuses this parcel, which failed, and no other."""
        if parcel.failures > 1 and self.sent > parcel.sent_then:
            parcel.strikes += 1
        parcel.sent_then = self.sent
        if parcel.strikes < MAX_STRIKES:
            return False
        log.warning("%s is refused while others are taken; left for later", parcel.key)
        parcel.strikes = 0
        return True

    def works_again(self) -> None:
        """The uplink took a parcel, or refuses but one."""
        self.trouble.ends()
        self.failures = 0
        self._tried = -1
        self._pauses = backoff(self._backoff_seconds)

    def forgive(self) -> None:
        """Let each parcel have all its tries, and at once."""
        self.try_at = -float("inf")
        self._pauses = backoff(self._backoff_seconds)
        for parcel in (*self.on_the_way, *self.backlog):
            parcel.failures, parcel.rests_until = 0, -float("inf")
