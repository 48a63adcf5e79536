"""The backlog: the crops that wait for the uplink, in their order, and which of them goes next."""

from __future__ import annotations

import bisect
from collections import Counter

import attrs

#: A crop this young has its turn although others wait.
LIVE_SECONDS = 10.0


@attrs.define(eq=False)
class Parcel:
    """A crop on its way.

    Attributes:
        number: its place in the order.
        key: its name in S3.
        size: its bytes.
        jpeg: the picture where it waits in memory, None where it waits in the spool.
        put_at: when it was put; long ago if an earlier process did.
        failures: how often it failed.
        strikes: how often it failed while others did not.
        sent_then: how many were stored when it failed last.
        rests_until: it is not tried before.
    """

    number: int
    key: str
    size: int
    jpeg: bytes | None = attrs.field(default=None, repr=False)
    put_at: float = -float("inf")
    failures: int = 0
    strikes: int = 0
    sent_then: int = 0
    rests_until: float = -float("inf")

    def __lt__(self, other: Parcel) -> bool:
        return self.number < other.number

    @property
    def in_memory(self) -> bool:
        """Whether it waits in memory."""
        return self.jpeg is not None


class Backlog:
    """Crops in the order of their numbers. For one thread.

    A crop that was chosen is out of the order, but counts until it is forgotten.

    Args:
        spool_bytes: the most that the crops in the spool may have.
        memory_bytes: likewise of those in memory.

    Example:
        >>> backlog = Backlog(spool_bytes=100, memory_bytes=100)
        >>> for number in range(3):
        ...     backlog.add(Parcel(number, f"crop {number}", size=40))
        >>> [parcel.key for parcel in backlog.drop()], len(backlog)
        (['crop 0'], 2)
        >>> backlog.choose(now=0.0).key
        'crop 1'
    """

    def __init__(self, *, spool_bytes: float, memory_bytes: float) -> None:
        self._most = {False: spool_bytes, True: memory_bytes}  # by whether it is in memory
        self._bytes: Counter[bool] = Counter()
        self._waiting: list[Parcel] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, parcel: Parcel) -> None:
        """Let a new crop wait."""
        self._bytes[parcel.in_memory] += parcel.size
        self.put_back(parcel)

    def put_back(self, parcel: Parcel) -> None:
        """Let a crop that was chosen wait again, at its place."""
        bisect.insort(self._waiting, parcel)

    def forget(self, parcel: Parcel) -> None:
        """Count a crop that was chosen no more."""
        self._bytes[parcel.in_memory] -= parcel.size

    def in_memory(self) -> list[Parcel]:
        """The crops that wait in memory."""
        return [parcel for parcel in self._waiting if parcel.in_memory]

    def moved(self, parcel: Parcel) -> None:
        """A crop was in memory, and is now in the spool."""
        self._bytes[True] -= parcel.size
        self._bytes[False] += parcel.size

    def drop(self) -> list[Parcel]:
        """Take out the oldest crops that are too much, but never the newest crop."""
        dropped = []
        for in_memory, most in self._most.items():
            for parcel in self._waiting[:-1]:
                if self._bytes[in_memory] <= most:
                    break
                if parcel.in_memory == in_memory:
                    dropped.append(parcel)
                    self.forget(parcel)
        if dropped:
            gone = {parcel.number for parcel in dropped}
            self._waiting = [parcel for parcel in self._waiting if parcel.number not in gone]
        return dropped

    def choose(
        self, now: float, *, newest_first: bool = False, live_only: bool = False
    ) -> Parcel | None:
        """Take out the crop that goes next, if there is one that does not rest.

        Args:
            now: in seconds, on the clock of `put_at`.
            newest_first: whether the newest goes first, and not the oldest.
            live_only: whether only a crop goes that is live; the oldest of these.
        """
        place = self._place(now, newest_first, live_only)
        return None if place is None else self._waiting.pop(place)

    def next_after_rest(self) -> float:
        """When a crop may go, if all of them rest."""
        return min((parcel.rests_until for parcel in self._waiting), default=float("inf"))

    def _place(self, now: float, newest_first: bool, live_only: bool) -> int | None:
        found = None
        places = range(len(self._waiting))
        for place in reversed(places) if newest_first or live_only else places:
            parcel = self._waiting[place]
            if live_only and now - parcel.put_at > LIVE_SECONDS:
                break
            if parcel.rests_until <= now:
                found = place
                if not live_only:
                    break
        return found
