"""The queue and the function by the clock, for a fleet's crops.

Messages are numbers, in the order in which they reach the queue. What costs time are the runs of
the function: one event for up to ten crops, or, where Rekognition may throttle or fail, one for
each call. What waits costs nothing, so that a backlog may be of any length.

A fleet too large for that is made smaller with everything in proportion: `scaled` divides cameras,
copies and calls a second by one number. Utilisation, the backlog of each camera and how long crops
wait in a backlog stay the same. What is less in a large system is the waiting below saturation,
since many copies seldom are all busy.

Messages are taken in the order in which they can be; SQS keeps no strict order. Batches are
gathered one at a time, which makes them fuller than Lambda's pollers do while little comes. How
Lambda adds copies, some 300 a minute, and cold starts are left out.
"""

from __future__ import annotations

import heapq
import math
from typing import Any, Iterator

import attrs
import numpy as np
import simpy

from benchmarks.fleet.crowd import Crops, Fault
from benchmarks.fleet.limits import Stack
from benchmarks.fleet.sdk import Client, Quota
from facepipe.costs import Workload

#: With less time left, no further crop is begun (`facepipe_io.cloud.scorer.RESERVE_MS`).
RESERVE_SECONDS = 10.0
#: A run of a function that breaks at once.
BROKEN_SECONDS = 0.3


@attrs.frozen
class Run:
    """What became of crops.

    Attributes:
        crops: those that reached the queue.
        finished: when each was scored; NaN if it was not.
        dead: which of them were put aside as dead letters, or outlived the queue's retention.
        horizon: the time until which it went.
        runs, run_seconds: of the function.
        receives: messages received, those that came again among them.
        calls: of DetectFaces that were answered.
        throttled: that were refused.
    """

    crops: Crops
    finished: np.ndarray
    dead: np.ndarray
    horizon: float
    runs: int
    run_seconds: float
    receives: int
    calls: int
    throttled: int

    @property
    def came(self) -> np.ndarray:
        """Which crops were in the queue by the end."""
        return self.crops.queued <= self.horizon

    @property
    def scored(self) -> np.ndarray:
        """Which were scored."""
        return ~np.isnan(self.finished)

    @property
    def waiting(self) -> np.ndarray:
        """Which wait, or are in hand, at the end."""
        return self.came & ~self.scored & ~self.dead

    def backlog(self, times: np.ndarray) -> np.ndarray:
        """Crops that were chosen but not scored at these times, on cameras and in the queue."""
        gone = np.sort(np.where(self.dead, self.crops.queued, self.finished))
        gone = gone[~np.isnan(gone)]
        came = np.sort(self.crops.captured)
        return np.searchsorted(came, times, "right") - np.searchsorted(gone, times, "right")

    def oldest_seconds(self, times: np.ndarray) -> np.ndarray:
        """How long ago the oldest of them was chosen, 0 where there is none."""
        by_age = np.argsort(self.crops.captured)
        captured = self.crops.captured[by_age]
        left = np.where(self.scored, self.finished, np.inf)
        left = np.where(self.dead, self.crops.queued, left)[by_age]
        return np.array([self._oldest(captured, left, time) for time in times])

    @staticmethod
    def _oldest(captured: np.ndarray, left: np.ndarray, time: float) -> float:
        waits = np.argmax(left > time) if len(left) else 0
        if not len(left) or left[waits] <= time or captured[waits] > time:
            return 0.0
        return float(time - captured[waits])

    def throughput(self, start: float, end: float) -> float:
        """Crops scored a second."""
        return float(np.sum((self.finished > start) & (self.finished <= end))) / (end - start)

    @property
    def waits(self) -> np.ndarray:
        """Seconds from choice to score, of those that were scored."""
        return (self.finished - self.crops.captured)[self.scored]


def scaled(workload: Workload, stack: Stack, by: float) -> tuple[Workload, Stack]:
    """A fleet and its stack made smaller by a number."""
    return (
        attrs.evolve(workload, cameras=round(workload.cameras / by)),
        attrs.evolve(
            stack,
            max_concurrency=stack.max_concurrency / by,
            calls_a_second=stack.calls_a_second / by,
        ),
    )


def simulate(
    crops: Crops,
    stack: Stack,
    horizon: float,
    rng: np.random.Generator,
    *,
    fault: Fault | None = None,
    variation: float = 0.5,
) -> Run:
    """Run the queue and the function.

    Args:
        crops: what comes.
        stack: what there is for it; copies are rounded.
        horizon: the time until which to go.
        rng: where chance comes from.
        fault: what is away for a while.
        variation: of the time that a crop takes, its standard deviation by its mean; the times have
            Gamma's distribution, of which 1 is the exponential one, and 0 a constant.
    """
    world = _World(crops, stack, rng, fault, variation)
    for _ in range(round(stack.max_concurrency)):
        world.env.process(world.copy())
    world.env.run(until=horizon)
    finished = np.asarray(world.finished)
    finished[finished > horizon] = math.nan
    return Run(
        crops,
        finished,
        np.asarray(world.dead, bool),
        horizon,
        world.runs,
        world.run_seconds,
        world.receives_in_all,
        int(np.sum(~np.isnan(finished))),
        world.quota.throttled,
    )


class _World:
    def __init__(
        self,
        crops: Crops,
        stack: Stack,
        rng: np.random.Generator,
        fault: Fault | None,
        variation: float,
    ) -> None:
        self.env = simpy.Environment()
        self.stack, self.rng, self.fault, self.variation = stack, rng, fault, variation
        self.quota = Quota(self.env, stack.calls_a_second)
        self.queued: list[float] = crops.queued.tolist()
        self.finished = [math.nan] * len(self.queued)
        self.dead = bytearray(len(self.queued))
        self.receives = bytearray(len(self.queued))
        self.again: list[tuple[float, int]] = []  # when a message comes back, and which
        self.next = 0  # the first message that never was received
        self.runs = self.receives_in_all = 0
        self.run_seconds = 0.0
        self._turn = simpy.Resource(self.env)
        # Copies that keep within the quota, with room for chance, are never throttled.
        self._may_throttle = stack.copies_rate > 0.9 * stack.calls_a_second

    def copy(self) -> Iterator[Any]:
        """One copy of the function, for ever."""
        client = Client(self.env, self.quota, self.rng)
        while True:
            with self._turn.request() as turn:
                yield turn
                batch = yield from self._gather()
            began = self.env.now
            yield from self._score(batch, client)
            self.runs += 1
            self.run_seconds += self.env.now - began

    def _gather(self) -> Iterator[Any]:
        """The next batch, once it is full or was waited for."""
        batch: list[int] = []
        until = math.inf
        while True:
            self._take(batch)
            now = self.env.now
            if batch and until == math.inf:
                until = now + self.stack.window_seconds
            if len(batch) == self.stack.batch_size or now >= until:
                return batch
            due = min(self._due(), until)
            if due == math.inf:
                yield self.env.event()  # for ever
            yield self.env.timeout(max(due - now, 0.0))

    def _due(self) -> float:
        fresh = self.queued[self.next] if self.next < len(self.queued) else math.inf
        return min(fresh, self.again[0][0] if self.again else math.inf)

    def _take(self, batch: list[int]) -> None:
        """Receive what can be received, up to a batch."""
        now = self.env.now
        while len(batch) < self.stack.batch_size and self._due() <= now:
            if self.again and self.again[0][0] <= now:
                number = heapq.heappop(self.again)[1]
            else:
                number, self.next = self.next, self.next + 1
            old = now - self.queued[number] > self.stack.retention_seconds
            if old or self.receives[number] >= self.stack.receives:
                self.dead[number] = True
                continue
            self.receives[number] += 1
            self.receives_in_all += 1
            batch.append(number)

    def _score(self, batch: list[int], client: Client) -> Iterator[Any]:
        back = self.env.now + self.stack.visibility_seconds
        if self._is_away("scorer"):
            yield self.env.timeout(BROKEN_SECONDS)
            for number in batch:
                heapq.heappush(self.again, (back, number))
            return
        times = self._times(len(batch))
        end = self.env.now + sum(times)
        fault = self.fault
        fails = (
            fault is not None
            and fault.what == "rekognition"
            and (fault.start < end and self.env.now < fault.end)
        )
        if not (self._may_throttle or fails):
            now = self.env.now
            for number, seconds in zip(batch, times):
                now += seconds
                self.finished[number] = now
            yield self.env.timeout(end - self.env.now)
            return
        last = self.env.now + self.stack.timeout_seconds - RESERVE_SECONDS
        for number, seconds in zip(batch, times):
            answered = False
            if self.env.now <= last:
                answered = yield from client.detect_faces(seconds, self._rekognition_works)
            if answered:
                self.finished[number] = self.env.now
            else:
                heapq.heappush(self.again, (max(back, self.env.now), number))

    def _times(self, count: int) -> list[float]:
        mean, variation = self.stack.seconds_a_crop, self.variation
        if not variation:
            return [mean] * count
        shape = 1 / variation**2
        return self.rng.gamma(shape, mean / shape, count).tolist()

    def _is_away(self, what: str) -> bool:
        return self.fault is not None and self.fault.what == what and self.fault.is_on(self.env.now)

    def _rekognition_works(self) -> bool:
        return not self._is_away("rekognition")
