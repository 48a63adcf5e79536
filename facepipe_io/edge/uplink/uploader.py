"""The uploader: sends crops and samples to the uplink, and keeps each until it is stored.

    put --> spool, or memory --> backlog --> threads that call the uplink
                                    ^---- failed ----'

Samples, frames that are kept for labelling, have a lane of their own, so that crops fare as if
there were none: one sample at a time is sent, while no crop waits, and what crops leave of the
spool is theirs, up to a quarter.

One thread decides what goes when; the threads that call the uplink do only that, so that one which
hangs holds up no decision.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Callable

from facepipe_io.edge.resilience import Trouble
from facepipe_io.edge.uplink.backlog import Backlog, Parcel
from facepipe_io.edge.uplink.lane import Lane
from facepipe_io.errors import UplinkError

if TYPE_CHECKING:
    from facepipe_io.edge.uplink import Uplink
    from facepipe_io.edge.uplink.spool import Spool

log = logging.getLogger(__name__)

#: What may wait in memory, where there is no spool or its disk is full: some 400 crops.
MEMORY_BYTES = 32e6
#: How many of a recording's crops may wait in memory; then the recording waits.
QUEUED_CROPS = 256
#: A crop that is refused while others are taken is left alone for so long.
REFUSED_SECONDS = 600.0
#: How much of the spool's bytes samples may have.
SAMPLES_SHARE = 0.25
#: Tries of a crop that nothing keeps, a recording's say; and, at the end, of the uplink.
UPLOAD_TRIES = 5
MAX_STOPPING_BACKOFF_SECONDS = 2.0
#: How long a stop waits for an upload that hangs, once it has given up the rest.
GRACE_SECONDS = 5.0

# What becomes of a sample, by the word for a crop; the rest is counted of crops alone.
_SAMPLE_FIGURES = {
    "uploaded": "samples_stored",
    "dropped": "samples_dropped",
    "failed": "samples_dropped",
}


class Uploader:
    """Sends crops and samples, and keeps those that cannot be sent yet.

    While the uplink fails one crop at a time is tried, after growing pauses: every other time the
    newest, else one after the other from the oldest on, so that those which nobody would ever take
    hold up no other. When it works again, the crops that wait go in their order, by all but one of
    the uplink's threads: that one is for live crops.

    Args:
        uplink: takes the crops.
        spool: where they wait, closed at the end; None for memory.
        max_bytes: of what waits in the spool. Beyond it the oldest is dropped, samples first.
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
        self._clock = clock
        self._numbers = itertools.count()
        self._room = threading.Semaphore(QUEUED_CROPS)
        self._events: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._jobs: queue.SimpleQueue[Parcel | None] = queue.SimpleQueue()
        self._deadline = float("inf")
        self._disk = Trouble("spool")
        self._max_bytes = MEMORY_BYTES if spool is None else max_bytes
        self._lock = threading.Lock()
        self._sample_bytes = 0  # of the samples put and not yet gone
        self._sample_room = SAMPLES_SHARE * self._max_bytes

        # What follows belongs to the thread that decides.
        bounds = {"spool_bytes": max_bytes, "memory_bytes": MEMORY_BYTES}
        self._crops = Lane("uplink", Backlog(**bounds), backoff_seconds)
        self._samples = Lane("uplink of samples", Backlog(**bounds), backoff_seconds)
        self._closed = False
        if spool is not None:
            count(
                damaged=spool.damaged,
                foreign=spool.foreign,
                samples_dropped=spool.damaged_samples,
            )
            for key, size in spool.found:
                count(recovered=1, bytes_waiting=size)
                self._crops.backlog.add(Parcel(next(self._numbers), key, size))
            for key, size in spool.samples:
                self._sample_bytes += size
                self._samples.backlog.add(Parcel(next(self._numbers), key, size))

    def put(self, key: str, jpeg: bytes) -> None:
        """Send a crop. When this returns it is in the spool, as far as the disk allows."""
        parcel = Parcel(next(self._numbers), key, len(jpeg), (jpeg,), self._clock())
        self._count(bytes_waiting=len(jpeg))
        if self._waits_for_room:
            self._room.acquire()
        self._to_spool(parcel)
        self._events.put((self._added, parcel))

    def put_sample(self, name: str, picture: bytes, record: bytes) -> None:
        """Send a picture, and then its record; or drop both, where there is no room for them.

        Args:
            name: of the picture, as `facepipe_io.edge.samples.sample_name` makes it.
            picture: JPEG or PNG.
            record: JSON.
        """
        contents = (picture, record)
        parcel = Parcel(
            next(self._numbers), name, len(picture) + len(record), contents, self._clock()
        )
        self._count(samples=len(contents))
        with self._lock:
            fits = self._sample_bytes + parcel.size <= self._sample_room
            self._sample_bytes += parcel.size
        if fits:
            self._to_spool(parcel)
        if fits and not (self._spool is not None and parcel.in_memory):
            self._events.put((self._added, parcel))
        else:
            self._count_of(parcel, dropped=1)
            self._let_go(parcel)

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
                contents = parcel.contents
                if contents is None:
                    assert self._spool is not None  # noqa: S101 - for the type checker
                    contents = tuple(self._spool.read(name) for name in parcel.names)
            except OSError as error:
                self._events.put((self._unreadable, parcel, error))
                continue
            try:
                for name, data in zip(parcel.names, contents):
                    self._uplink.put(name, data)
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
        self._lane_of(parcel).backlog.add(parcel)
        if not self._waits_for_room:
            self._drop(self._crops.backlog.drop())
        self._fit_samples()
        self._dispatch()
        # A power cut may cost samples: to have them on the disk itself would hold up crops.
        if self._spool is None or parcel.in_memory or parcel.is_sample:
            return
        try:
            self._spool.sync(parcel.key)  # after it was handed out, which need not wait for it
        except OSError as error:
            self._count(error, disk_errors=1)
            self._disk.begins(error)
        else:
            self._disk.ends()
            self._all_to_spool(self._crops)

    def _stored(self, parcel: Parcel) -> None:
        self._done(parcel)
        self._count_of(parcel, uploaded=1, bytes_uploaded=parcel.size)
        lane = self._lane_of(parcel)
        if not lane.sent:
            log.info("uplink: the first %s is stored", "sample" if parcel.is_sample else "crop")
        lane.sent += 1
        lane.works_again()

    def _failed(self, parcel: Parcel, error: UplinkError) -> None:
        self._count_of(parcel, error, uplink_errors=1)
        lane = self._lane_of(parcel)
        lane.trouble.begins(error)
        now = self._clock()
        pause = lane.failed(parcel)
        if self._is_patient:
            self._put_back(parcel)
            if lane.strike(parcel):
                self._leave_alone(parcel)
                lane.works_again()
        elif lane.trouble.given_up or parcel.failures >= UPLOAD_TRIES or now >= self._deadline:
            # Once a crop was given up, the ones behind it are tried once each.
            lane.trouble.given_up = True
            self._done(parcel)
            self._count_of(parcel, failed=1)
            pause = 0.0
        else:
            self._put_back(parcel)
            pause = min(pause, MAX_STOPPING_BACKOFF_SECONDS)
        lane.try_at = now + pause

    def _broke_down(self, parcel: Parcel, error: Exception) -> None:
        self._count_of(parcel, error, uplink_errors=1)
        if self._is_patient:
            self._put_back(parcel)
            self._leave_alone(parcel)
        else:
            self._done(parcel)
            self._count_of(parcel, failed=1)

    def _unreadable(self, parcel: Parcel, error: OSError) -> None:
        self._count(error, disk_errors=1)
        if isinstance(error, FileNotFoundError):
            log.error("%s was removed from the spool, and is lost", parcel.key)
            self._from_spool(parcel)
            self._done(parcel)
            self._count_of(parcel, failed=1)
        else:
            self._disk.begins(error)
            self._put_back(parcel)
            self._leave_alone(parcel)

    def _closing(self) -> None:
        was_patient, self._closed = self._is_patient, True
        if was_patient and not self._is_patient:  # nothing keeps them: each has all its tries
            self._crops.forgive()
            self._samples.forgive()

    def _wake_up(self) -> None:
        """Nothing happened, but there may be something to decide."""

    # What is decided.

    @property
    def _is_patient(self) -> bool:
        """Whether a crop that fails is kept, however often."""
        return self._spool is not None or (self.lossy and not self._closed)

    @property
    def _waits_for_room(self) -> bool:
        return self._spool is None and not self.lossy

    @property
    def _under_way(self) -> int:
        return len(self._crops.on_the_way) + len(self._samples.on_the_way)

    def _is_over(self) -> bool:
        if not self._closed:
            return False
        late = self._clock() - self._deadline
        if self._under_way:
            return self._spool is not None and late > GRACE_SECONDS
        # Samples do not go while a crop waits, not even one that is given up.
        return self._is_done(self._crops) and (self._crop_waits() or self._is_done(self._samples))

    def _is_done(self, lane: Lane) -> bool:
        """Whether all of a lane is stored, or left, with nothing of it on its way."""
        late = self._clock() >= self._deadline
        if not len(lane.backlog):
            return True
        if self._spool is None:
            return late and lane.failures > 0
        if late or lane.failures >= UPLOAD_TRIES:
            return True
        return lane.backlog.next_after_rest() > self._clock()  # all that is left rests

    def _crop_waits(self) -> bool:
        return self._crops.backlog.next_after_rest() <= self._clock()

    def _dispatch(self) -> None:
        """Hand out what may go now."""
        while self._under_way < self._uplink.parallel:
            last = self._under_way == self._uplink.parallel - 1
            if not self._hand_out(self._crops, live_only=last and bool(self._crops.on_the_way)):
                break
        if self._samples_may_go():
            self._hand_out(self._samples)

    def _hand_out(self, lane: Lane, *, live_only: bool = False) -> bool:
        """Hand out one parcel of a lane, if one may go."""
        now = self._clock()
        if not lane.failures:
            parcel = lane.backlog.choose(now, live_only=live_only)
        elif lane.on_the_way or now < lane.try_at:
            return False
        else:
            choose = lane.choose_to_try if self._is_patient else lane.backlog.choose
            parcel = choose(now)
        if parcel is None:
            return False
        lane.on_the_way.add(parcel)
        self._jobs.put(parcel)
        return True

    def _samples_may_go(self) -> bool:
        """Whether a sample may go: one at a time, while no crop waits, and not as the last."""
        places = max(1, self._uplink.parallel - 1)
        return not (self._samples.on_the_way or self._under_way >= places or self._crop_waits())

    def _pause(self) -> float:
        """How long there is nothing to do unless something happens."""
        until = float("inf")
        if not self._crops.on_the_way and self._under_way < self._uplink.parallel:
            until = self._crops.next_at()
        if self._samples_may_go():
            until = min(until, self._samples.next_at())
        if not self._under_way:
            until = min(until, self._deadline) if self._closed else until
        elif self._spool is not None:
            until = min(until, self._deadline + GRACE_SECONDS)
        return min(max(until - self._clock(), 0.001), 60.0)

    def _put_back(self, parcel: Parcel) -> None:
        lane = self._lane_of(parcel)
        lane.on_the_way.remove(parcel)
        self._move_to_spool(parcel)  # its disk may have room again
        lane.backlog.put_back(parcel)

    def _leave_alone(self, parcel: Parcel) -> None:
        parcel.rests_until = self._clock() + REFUSED_SECONDS
        self._count_of(parcel, refused=1)

    def _done(self, parcel: Parcel) -> None:
        lane = self._lane_of(parcel)
        lane.on_the_way.remove(parcel)
        lane.backlog.forget(parcel)
        self._let_go(parcel)
        self._fit_samples()
        if self._waits_for_room and not parcel.is_sample:
            self._room.release()

    def _drop(self, parcels: list[Parcel]) -> None:
        for parcel in parcels:
            self._from_spool(parcel)
            self._let_go(parcel)
            self._count_of(parcel, dropped=1)  # last: what is counted as dropped is gone

    def _fit_samples(self) -> None:
        """Leave to samples what crops do not need, and no more than their share."""
        in_memory = self._spool is None
        free = self._max_bytes - self._crops.backlog.bytes(in_memory=in_memory)
        self._sample_room = min(free, SAMPLES_SHARE * self._max_bytes)
        self._drop(self._samples.backlog.drop_beyond(self._sample_room, in_memory=in_memory))

    # Crops and samples.

    def _lane_of(self, parcel: Parcel) -> Lane:
        return self._samples if parcel.is_sample else self._crops

    def _count_of(self, parcel: Parcel, error: BaseException | None = None, **crops: int) -> None:
        """Count what became of a crop; of a sample by its own figures, and its files."""
        if not parcel.is_sample:
            self._count(error, **crops)
            return
        ours = {_SAMPLE_FIGURES[name]: n for name, n in crops.items() if name in _SAMPLE_FIGURES}
        self._count(error, **{name: n * len(parcel.names) for name, n in ours.items()})

    def _let_go(self, parcel: Parcel) -> None:
        """Count the bytes of a parcel no more."""
        if parcel.is_sample:
            with self._lock:
                self._sample_bytes -= parcel.size
        else:
            self._count(bytes_waiting=-parcel.size)

    # The spool.

    def _to_spool(self, parcel: Parcel) -> None:
        """Move a parcel from memory to the spool, if there is one and its disk takes it."""
        if self._spool is None or parcel.contents is None:
            return
        files = list(zip(parcel.names, parcel.contents))
        try:
            for name, data in reversed(files):  # a sample's picture last: it makes it complete
                self._spool.write(name, data)
        except OSError as error:
            self._count(error, disk_errors=1)
            self._disk.begins(error)
            with contextlib.suppress(OSError):  # a record alone is cleared up by the next process
                for name in parcel.names[1:]:
                    self._spool.remove(name)
        else:
            parcel.contents = None

    def _all_to_spool(self, lane: Lane) -> None:
        for parcel in lane.backlog.in_memory():
            self._move_to_spool(parcel)
            if parcel.in_memory:
                return

    def _move_to_spool(self, parcel: Parcel) -> None:
        was_in_memory = parcel.in_memory
        self._to_spool(parcel)
        if was_in_memory and not parcel.in_memory:
            self._lane_of(parcel).backlog.moved(parcel)

    def _from_spool(self, parcel: Parcel) -> None:
        if self._spool is None or parcel.in_memory:
            return
        try:
            for name in parcel.names:
                self._spool.remove(name)
        except OSError as error:  # it is sent once more by the next process, which does no harm
            self._count(error, disk_errors=1)
            self._disk.begins(error)

    def _leave(self) -> None:
        """Leave what waits to the next process."""
        for lane in (self._crops, self._samples):
            for parcel in lane.on_the_way:  # uploads that hang
                lane.backlog.put_back(parcel)
            self._all_to_spool(lane)
            for parcel in lane.backlog.in_memory():
                self._count_of(parcel, failed=1)
                self._let_go(parcel)
        if self._spool is not None:
            self._spool.close()
