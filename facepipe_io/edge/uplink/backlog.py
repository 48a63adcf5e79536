"""The backlog: what waits for the uplink, in its order, and which of it goes next."""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from typing import Iterable, Iterator

import attrs

from facepipe_io.edge.samples import is_sample, record_name

#: A crop this young has its turn although others wait.
LIVE_SECONDS = 10.0


@attrs.define(eq=False)
class Parcel:
    """A crop on its way, or a sample with its record.

    Attributes:
        number: its place in the order.
        key: a crop's name in S3, or the name of a sample's picture.
        size: its bytes.
        contents: of its files where it waits in memory, None where it waits in the spool.
        put_at: when it was put; long ago if an earlier process did.
        failures: how often it failed.
        strikes: how often it failed while others did not.
        sent_then: how many were stored when it failed last.
        rests_until: it is not tried before.
    """

    number: int
    key: str
    size: int
    contents: tuple[bytes, ...] | None = attrs.field(default=None, repr=False)
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
        return self.contents is not None

    @property
    def is_sample(self) -> bool:
        """Whether it is a sample."""
        return is_sample(self.key)

    @property
    def names(self) -> tuple[str, ...]:
        """Its files, in the order in which they are to be stored."""
        return (self.key, record_name(self.key)) if self.is_sample else (self.key,)


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

    def __iter__(self) -> Iterator[Parcel]:
        return iter(self._waiting)

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
        if not self._bytes[True]:  # as a rule, and then nobody need look through a long backlog
            return []
        return [parcel for parcel in self._waiting if parcel.in_memory]

    def moved(self, parcel: Parcel) -> None:
        """A crop was in memory, and is now in the spool."""
        self._bytes[True] -= parcel.size
        self._bytes[False] += parcel.size

    def bytes(self, *, in_memory: bool) -> int:
        """The bytes of what waits or was chosen, in memory or in the spool."""
        return self._bytes[in_memory]

    def drop(self) -> list[Parcel]:
        """Take out the oldest crops that are too much, but never the newest crop."""
        dropped = []
        for in_memory, most in self._most.items():
            older = itertools.islice(self._waiting, max(0, len(self) - 1))
            dropped += self._drop_of(older, most, in_memory=in_memory)
        return dropped

    def drop_beyond(self, most: float, *, in_memory: bool) -> list[Parcel]:
        """Take out the oldest, down to the newest, of what is more than so many bytes."""
        return self._drop_of(self._waiting, most, in_memory=in_memory)

    def choose(self, now: float, *, live_only: bool = False) -> Parcel | None:
        """Take out the oldest crop that does not rest, if there is one.

        Args:
            now: in seconds, on the clock of `put_at`.
            live_only: whether only a crop goes that is live, with none behind it that is not.
        """
        if not live_only:
            return self._choose_of(range(len(self._waiting)), now)
        live = itertools.takewhile(
            lambda place: now - self._waiting[place].put_at <= LIVE_SECONDS,
            reversed(range(len(self._waiting))),
        )
        return self._choose_of(reversed(list(live)), now)

    def choose_newest(self, now: float) -> Parcel | None:
        """Take out the newest crop that does not rest, if there is one."""
        return self._choose_of(reversed(range(len(self._waiting))), now)

    def choose_after(self, number: int, now: float) -> Parcel | None:
        """Take out the oldest crop behind a number that does not rest; else the oldest of all."""
        split = bisect.bisect(self._waiting, Parcel(number, "", 0))
        places = range(len(self._waiting))
        return self._choose_of(itertools.chain(places[split:], places[:split]), now)

    def next_after_rest(self) -> float:
        """When a crop may go, if all of them rest; long ago if one never did."""
        earliest = float("inf")
        for parcel in self._waiting:
            earliest = min(earliest, parcel.rests_until)
            if earliest == -float("inf"):  # so is, as a rule, the first one of a long backlog
                break
        return earliest

    def _drop_of(self, parcels: Iterable[Parcel], most: float, *, in_memory: bool) -> list[Parcel]:
        """Take out, of the parcels from the oldest on, those that are too much."""
        dropped, places = [], []
        for place, parcel in enumerate(parcels):
            if self._bytes[in_memory] <= most:
                break
            if parcel.in_memory == in_memory:
                dropped.append(parcel)
                places.append(place)
                self.forget(parcel)
        for place in reversed(places):
            del self._waiting[place]
        return dropped

    def _choose_of(self, places: Iterable[int], now: float) -> Parcel | None:
        for place in places:
            if self._waiting[place].rests_until <= now:
                return self._waiting.pop(place)
        return None
