"""Rekognition's quota, and AWS's SDK before it with its own limiter, by the simulation's clock."""

from __future__ import annotations

from typing import Any, Iterator

import attrs
import simpy
from botocore.exceptions import CapacityNotAvailableError
from botocore.retries.adaptive import ClientRateLimiter, RateClocker
from botocore.retries.bucket import TokenBucket
from botocore.retries.throttling import CubicCalculator

#: rekognition_entry.CONFIG's, and the SDK's longest pause.
ATTEMPTS = 4
MAX_PAUSE_SECONDS = 20.0
#: How long an answer takes that refuses.
REFUSAL_SECONDS = 0.05


@attrs.frozen
class Clock:
    """The simulation's clock, as botocore asks for it."""

    env: simpy.Environment

    def current_time(self) -> float:
        """Now."""
        return float(self.env.now)


class _Detector:
    def is_throttling_error(self, *, throttled: bool) -> bool:
        return throttled


@attrs.define
class Quota:
    """So many calls a second, of which one second's may come at once.

    Attributes:
        env: the simulation.
        rate: calls a second.
        throttled: calls that were refused.
    """

    env: simpy.Environment
    rate: float
    throttled: int = 0
    _tokens: float = attrs.field(init=False)
    _at: float = 0.0

    def __attrs_post_init__(self) -> None:
        self._tokens = max(self.rate, 1.0)

    def takes(self) -> bool:
        """Whether it lets one more call through now."""
        now = self.env.now
        self._tokens = min(max(self.rate, 1.0), self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1:
            self.throttled += 1
            return False
        self._tokens -= 1
        return True


class Client:
    """The SDK's client in one copy of the function, with its adaptive retries."""

    def __init__(self, env: simpy.Environment, quota: Quota, rng: Any) -> None:
        self._env, self._quota, self._rng = env, quota, rng
        clock = Clock(env)
        self._bucket = TokenBucket(max_rate=1, clock=clock)
        self._limiter = ClientRateLimiter(
            rate_adjustor=CubicCalculator(starting_max_rate=0, start_time=env.now),
            rate_clocker=RateClocker(clock),
            token_bucket=self._bucket,
            throttling_detector=_Detector(),
            clock=clock,
        )

    def detect_faces(self, seconds: float, works: Any) -> Iterator[Any]:
        """A call; as a process of SimPy, whose value is whether it was answered.

        Args:
            seconds: that an answer takes.
            works: tells whether Rekognition works now.
        """
        for attempt in range(ATTEMPTS):
            if attempt:
                pause = self._rng.random() * min(2.0 ** (attempt - 1), MAX_PAUSE_SECONDS)
                yield self._env.timeout(pause)
            yield from self._token()
            if works() and self._quota.takes():
                yield self._env.timeout(seconds)
                self._limiter.on_receiving_response(throttled=False)
                return True
            yield self._env.timeout(REFUSAL_SECONDS if works() else seconds)
            self._limiter.on_receiving_response(throttled=bool(works()))
        return False

    def _token(self) -> Iterator[Any]:
        """Wait as the limiter would have the thread wait, once it was throttled."""
        while self._limiter._enabled:
            try:
                self._bucket.acquire(block=False)
            except CapacityNotAvailableError:
                missing = 1 - self._bucket.available_capacity
                yield self._env.timeout(max(missing / self._bucket.max_rate, 1e-3))
            else:
                return
