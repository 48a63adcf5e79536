"""The uploader: sends crops to the uplink, and keeps each until it is stored.

    put --> spool, or memory --> backlog --> threads that call the uplink
                                    ^---- failed ----'

One thread decides what goes when; the threads that call the uplink do only that, so that one which
hangs holds up no decision.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Callable

from facepipe_io.edge.backlog import Backlog, Parcel
from facepipe_io.edge.resilience import Trouble, backoff
from facepipe_io.errors import UplinkError

if TYPE_CHECKING:
    from facepipe_io.edge.spool import Spool
    from facepipe_io.edge.uplinks import Uplink

log = logging.getLogger(__name__)

#: What may wait in memory, where there is no spool or its disk is full: some 400 crops.
MEMORY_BYTES = 32e6
#: How many of a recording's crops may wait in memory; then the recording waits.
QUEUED_CROPS = 256
#: A crop that is refused so often while others are taken is left alone for so long.
MAX_STRIKES = 3
REFUSED_SECONDS = 600.0
#: Tries of a crop that nothing keeps, a recording's say; and, at the end, of the uplink.
UPLOAD_TRIES = 5
MAX_STOPPING_BACKOFF_SECONDS = 2.0
#: How long a stop waits for an upload that hangs, once it has given up the rest.
GRACE_SECONDS = 5.0


class Uploader:
    """Sends crops, and keeps those that cannot be sent yet.

    While the uplink fails one crop at a time is tried, after growing pauses: every other time the
    newest, else one after the other from the oldest on, so that those which nobody would ever take
    hold up no other. When it works again, the crops that wait go in their order, by all but one of
    the uplink's threads: that one is for live crops.

    Args:
        uplink: takes the crops.
        spool: where they wait, closed at the end; None for memory.
        max_bytes: of what waits in the spool. Beyond it the oldest is dropped.
        lossy: whether the oldest is dropped of what is too much for memory, too. If not, `put`
            waits for room, and a crop that fails too often is given up. May be set anew before
            the first `put`.
        count: told of what happens, by figures of `Stats`, and of errors.
        backoff_seconds: the first pause after a failure; each next one is twice as long.
        clock: seconds that never step back.
    """

    def __init__(
        self,
        uplink: Uplink,
        spool: Spool | None = None,
        *,
        max_bytes: float = 256e6,
        lossy: bool = True,
        count: Callable[..., None],
        backoff_seconds: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lossy = lossy
        self._uplink = uplink
        self._spool = spool
        self._count = count
        self._backoff_seconds = backoff_seconds
        self._clock = clock
        self._numbers = itertools.count()
        self._room = threading.Semaphore(QUEUED_CROPS)
        self._events: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._jobs: queue.SimpleQueue[Parcel | None] = queue.SimpleQueue()
        self._deadline = float("inf")
        self._disk = Trouble("spool")

        # What follows belongs to the thread that decides.
        self._backlog = Backlog(spool_bytes=max_bytes, memory_bytes=MEMORY_BYTES)
        self._on_the_way: set[Parcel] = set()
        self._sent = 0
        self._failures = 0  # in a row
        self._tried = -1  # the number of the crop that was tried last but for the newest
        self._try_at = -float("inf")
        self._pauses = backoff(backoff_seconds)
        self._trouble = Trouble("uplink")
        self._closed = False
        if spool is not None:
            count(damaged=spool.damaged, foreign=spool.foreign)
            for key, size in spool.found:
                count(recovered=1, bytes_waiting=size)
                self._backlog.add(Parcel(next(self._numbers), key, size))

    def put(self, key: str, jpeg: bytes) -> None:
        """Send a crop. When this returns it is in the spool, as far as the disk allows."""
        parcel = Parcel(next(self._numbers), key, len(jpeg), jpeg, self._clock())
        self._count(bytes_waiting=len(jpeg))
        if self._waits_for_room:
            self._room.acquire()
        self._to_spool(parcel)
        self._events.put((self._added, parcel))

    def close(self) -> None:
        """Put no more. What waits is still sent, unless the uplink fails."""
        self._events.put((self._closing,))

    def hurry(self, deadline: float) -> None:
        """Once closed, give up by then, by the clock; in memory, only if the uplink fails.

        Fit for a signal's handler.
        """
        self._deadline = deadline
        self._events.put((self._wake_up,))

    def run(self) -> None:
        """Send, until it is closed and every crop is stored, left in the spool, or lost."""
        for _ in range(self._uplink.parallel):
            threading.Thread(target=self._send, name="upload", daemon=True).start()
        try:
            while not self._is_over():
                self._dispatch()
                try:
                    happened, *what = self._events.get(timeout=self._pause())
                except queue.Empty:
                    continue
                happened(*what)
        finally:
            for _ in range(self._uplink.parallel):
                self._jobs.put(None)
            for _ in range(QUEUED_CROPS):  # whoever waits for room waits no more
                self._room.release()
            self._leave()

    # The threads that call the uplink.

    def _send(self) -> None:
        while True:
            parcel = self._jobs.get()
            if parcel is None:
                return
            try:
                jpeg = parcel.jpeg
                if jpeg is None:
                    assert self._spool is not None  # noqa: S101 - for the type checker
                    jpeg = self._spool.read(parcel.key)
            except OSError as error:
                self._events.put((self._unreadable, parcel, error))
                continue
            try:
                self._uplink.put(parcel.key, jpeg)
            except UplinkError as error:
                self._events.put((self._failed, parcel, error))
            except Exception as error:  # a fault, which costs this crop and not the ones behind it
                log.exception("the uplink broke down over %s", parcel.key)
                self._events.put((self._broke_down, parcel, error))
            else:
                self._from_spool(parcel)
                self._events.put((self._stored, parcel))

    # What happens, in the thread that decides.

    def _added(self, parcel: Parcel) -> None:
        self._backlog.add(parcel)
        if not self._waits_for_room:
            for dropped in self._backlog.drop():
                self._count(dropped=1, bytes_waiting=-dropped.size)
                self._from_spool(dropped)
        self._dispatch()
        if self._spool is None or parcel.in_memory:
            return
        try:
            self._spool.sync(parcel.key)  # after it was handed out, which need not wait for it
        except OSError as error:
            self._count(error, disk_errors=1)
            self._disk.begins(error)
        else:
            self._disk.ends()
            self._all_to_spool()

    def _stored(self, parcel: Parcel) -> None:
        self._done(parcel)
        self._count(uploaded=1, bytes_uploaded=parcel.size)
        if not self._sent:
            log.info("uplink: the first crop is stored")
        self._sent += 1
        self._works_again()

    def _failed(self, parcel: Parcel, error: UplinkError) -> None:
        self._count(error, uplink_errors=1)
        self._trouble.begins(error)
        self._failures += 1
        parcel.failures += 1
        now = self._clock()
        pause = next(self._pauses)
        if self._is_patient:
            self._put_back(parcel)
            self._strike(parcel)
        elif self._trouble.given_up or parcel.failures >= UPLOAD_TRIES or now >= self._deadline:
            # Once a crop was given up, the ones behind it are tried once each.
            self._trouble.given_up = True
            self._done(parcel)
            self._count(failed=1)
            pause = 0.0
        else:
            self._put_back(parcel)
            pause = min(pause, MAX_STOPPING_BACKOFF_SECONDS)
        self._try_at = now + pause

    def _strike(self, parcel: Parcel) -> None:
        """See whether the uplink refuses this crop and no other."""
        if parcel.failures > 1 and self._sent > parcel.sent_then:
            parcel.strikes += 1
        parcel.sent_then = self._sent
        if parcel.strikes == MAX_STRIKES:
            log.warning("%s is refused while others are taken; left for later", parcel.key)
            parcel.strikes = 0
            self._leave_alone(parcel)
            self._works_again()

    def _broke_down(self, parcel: Parcel, error: Exception) -> None:
        self._count(error, uplink_errors=1)
        if self._is_patient:
            self._put_back(parcel)
            self._leave_alone(parcel)
        else:
            self._done(parcel)
            self._count(failed=1)

    def _unreadable(self, parcel: Parcel, error: OSError) -> None:
        self._count(error, disk_errors=1)
        if isinstance(error, FileNotFoundError):
            log.error("%s was removed from the spool, and is lost", parcel.key)
            self._done(parcel)
            self._count(failed=1)
        else:
            self._disk.begins(error)
            self._put_back(parcel)
            self._leave_alone(parcel)

    def _closing(self) -> None:
        was_patient, self._closed = self._is_patient, True
        if was_patient and not self._is_patient:  # nothing keeps them: each has all its tries
            self._try_at = -float("inf")
            self._pauses = backoff(self._backoff_seconds)
            for parcel in (*self._on_the_way, *self._backlog):
                parcel.failures, parcel.rests_until = 0, -float("inf")

    def _wake_up(self) -> None:
        """Nothing happened, but there may be something to decide."""

    def _works_again(self) -> None:
        self._trouble.ends()
        self._failures = 0
        self._tried = -1
        self._pauses = backoff(self._backoff_seconds)

    # What is decided.

    @property
    def _is_patient(self) -> bool:
        """Whether a crop that fails is kept, however often."""
        return self._spool is not None or (self.lossy and not self._closed)

    @property
    def _waits_for_room(self) -> bool:
        return self._spool is None and not self.lossy

    def _is_over(self) -> bool:
        if not self._closed:
            return False
        late = self._clock() - self._deadline
        if self._on_the_way:
            return self._spool is not None and late > GRACE_SECONDS
        if not len(self._backlog):
            return True
        if self._spool is None:
            return late >= 0 and self._failures > 0
        if late >= 0 or self._failures >= UPLOAD_TRIES:
            return True
        return self._backlog.next_after_rest() > self._clock()  # all that is left rests

    def _dispatch(self) -> None:
        """Hand out what may go now."""
        while len(self._on_the_way) < self._uplink.parallel:
            now = self._clock()
            if self._failures:
                if self._on_the_way or now < self._try_at:
                    return
                parcel = self._choose_to_try(now)
            else:
                last = 0 < len(self._on_the_way) == self._uplink.parallel - 1
                parcel = self._backlog.choose(now, live_only=last)
            if parcel is None:
                return
            self._on_the_way.add(parcel)
            self._jobs.put(parcel)

    def _choose_to_try(self, now: float) -> Parcel | None:
        """The crop with which to see whether the uplink works again."""
        if not self._is_patient:
            return self._backlog.choose(now)
        if self._failures % 2:
            return self._backlog.choose_newest(now)
        parcel = self._backlog.choose_after(self._tried, now)
        self._tried = parcel.number if parcel else -1
        return parcel

    def _pause(self) -> float:
        """How long there is nothing to do unless something happens."""
        if self._on_the_way:
            until = float("inf") if self._spool is None else self._deadline + GRACE_SECONDS
        else:
            until = self._backlog.next_after_rest()
            if self._failures:
                until = max(until, self._try_at)
            if self._closed:
                until = min(until, self._deadline)
        return min(max(until - self._clock(), 0.001), 60.0)

    def _put_back(self, parcel: Parcel) -> None:
        self._on_the_way.remove(parcel)
        self._move_to_spool(parcel)  # its disk may have room again
        self._backlog.put_back(parcel)

    def _leave_alone(self, parcel: Parcel) -> None:
        parcel.rests_until = self._clock() + REFUSED_SECONDS
        self._count(refused=1)

    def _done(self, parcel: Parcel) -> None:
        self._on_the_way.remove(parcel)
        self._backlog.forget(parcel)
        self._count(bytes_waiting=-parcel.size)
        if self._waits_for_room:
            self._room.release()

    # The spool.

    def _to_spool(self, parcel: Parcel) -> None:
        """Move a crop from memory to the spool, if there is one and its disk takes it."""
        if self._spool is None or parcel.jpeg is None:
            return
        try:
            self._spool.write(parcel.key, parcel.jpeg)
        except OSError as error:
            self._count(error, disk_errors=1)
            self._disk.begins(error)
        else:
            parcel.jpeg = None

    def _all_to_spool(self) -> None:
        for parcel in self._backlog.in_memory():
            self._move_to_spool(parcel)
            if parcel.in_memory:
                return

    def _move_to_spool(self, parcel: Parcel) -> None:
        was_in_memory = parcel.in_memory
        self._to_spool(parcel)
        if was_in_memory and not parcel.in_memory:
            self._backlog.moved(parcel)

    def _from_spool(self, parcel: Parcel) -> None:
        if self._spool is None or parcel.in_memory:
            return
        try:
            self._spool.remove(parcel.key)
        except OSError as error:  # it is sent once more by the next process, which does no harm
            self._count(error, disk_errors=1)
            self._disk.begins(error)

    def _leave(self) -> None:
        """Leave what waits to the next process."""
        for parcel in self._on_the_way:  # uploads that hang
            self._backlog.put_back(parcel)
        self._all_to_spool()
        lost = self._backlog.in_memory()
        self._count(failed=len(lost), bytes_waiting=-sum(parcel.size for parcel in lost))
        if self._spool is not None:
            self._spool.close()
