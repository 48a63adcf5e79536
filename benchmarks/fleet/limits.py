"""How much a stack can score, and what waits beyond that: closed forms, without simulation.

Crops are a flow, in crops a second. Nothing here knows of single crops, but for the waiting times
of `waiting_seconds`, which are Erlang's.
"""

from __future__ import annotations

import math

import attrs

from facepipe.costs import (
    BATCH_SECONDS,
    BATCH_SIZE,
    CROP_DAYS,
    HEALTH_METRICS,
    HEALTH_SECONDS,
    MESSAGE_SECONDS,
    SECONDS_A_CROP,
    Workload,
)

#: The most that may be set of `max_concurrency` (terraform/variables-limits.tf).
MOST_AT_ONCE = 1000

#: What is planned to be busy in the busiest hour, so that a burst finds room.
PLANNED = 0.8

#: FACEPIPE_SPOOL_MB.
SPOOL_MB = 256.0

# Default quotas of an account in us-east-1 that can be raised, a second. DynamoDB's are of "Quotas
# in Amazon DynamoDB" (two units a record: it, and its index), IoT's of "AWS IoT Core endpoints and
# quotas". CloudWatch's is unconfirmed.
WRITE_UNITS = 40_000
MESSAGES = 20_000
METRIC_CALLS = 500


@attrs.frozen
class Stack:
    """What `terraform/` builds, and how fast a crop is scored there.

    Attributes:
        max_concurrency: copies of the function at once.
        calls_a_second: that Rekognition allows the account.
        seconds_a_crop: of a copy, the most that the bill counts; at best it is 0.2.
        batch_size: messages that a copy is handed at once.
        window_seconds: for which a batch is waited for.
        timeout_seconds: after which a run of the function is ended.
        visibility_seconds: after which a message that failed comes back.
        receives: after so many a message is put aside, as a dead letter.
        retention_seconds: after which a message is gone.
        alarm_seconds: the age of the oldest message at which the alarm rings.
    """

    max_concurrency: float = 5
    calls_a_second: float = 50.0
    seconds_a_crop: float = float(SECONDS_A_CROP)
    batch_size: int = BATCH_SIZE
    window_seconds: float = BATCH_SECONDS
    timeout_seconds: float = 60.0
    visibility_seconds: float = 365.0
    receives: int = 5
    retention_seconds: float = 4 * 86400.0
    alarm_seconds: float = 900.0

    @property
    def copies_rate(self) -> float:
        """Crops a second that the copies can score: copies x batch / duration of a batch."""
        return self.max_concurrency * self.batch_size / (self.batch_size * self.seconds_a_crop)

    @property
    def capacity(self) -> float:
        """Crops a second that are scored at the most.

        Example:
            >>> Stack().capacity, Stack(max_concurrency=100).capacity
            (10.0, 50.0)
        """
        return min(self.copies_rate, self.calls_a_second)


def crops_a_second(workload: Workload, *, busiest: bool = True) -> float:
    """Crops that a fleet sends, in its busiest hour or on average over its hours.

    Example:
        >>> crops_a_second(Workload(cameras=10)), crops_a_second(Workload(cameras=6), busiest=False)
        (5.0, 1.0)
    """
    each = workload.people_per_hour / 3600 * float(workload.crops_each)
    return workload.cameras * each * (workload.peak if busiest else 1.0)


def erlang_c(servers: int, load: float) -> float:
    """The probability that a customer waits in the queue M/M/c.

    Args:
        servers: c.
        load: arrivals x service time, less than c.

    Example:
        >>> round(erlang_c(1, 0.8), 6)  # of one server: the share of time for which it is busy
        0.8
    """
    blocked = 1.0  # Erlang B's recursion, which is stable
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def waiting_seconds(rate: float, servers: int, service_seconds: float) -> float:
    """The mean wait in the queue M/M/c; infinite at and beyond saturation."""
    load = rate * service_seconds
    if load >= servers:
        return math.inf
    return erlang_c(servers, load) * service_seconds / (servers - load)


@attrs.frozen
class Outage:
    """What an outage comes to, where what comes in stays the same.

    Attributes:
        backlog: crops that wait at its end.
        drain_seconds: from its end until none of them waits; infinite if what comes in is no less
            than what can be scored.
        oldest_seconds: the most that a crop waits.
    """

    backlog: float
    drain_seconds: float
    oldest_seconds: float


def outage(rate: float, capacity: float, seconds: float) -> Outage:
    """An outage of everything behind the queue, or of the network before it.

    Example:
        >>> outage(rate=5.0, capacity=10.0, seconds=600.0)
        Outage(backlog=3000.0, drain_seconds=600.0, oldest_seconds=600.0)
    """
    backlog = rate * seconds
    drain = backlog / (capacity - rate) if rate < capacity else math.inf
    return Outage(backlog, drain, seconds)


def dead_letters_after(stack: Stack) -> float:
    """Seconds of an outage up to which no message is put aside as a dead letter.

    A message that comes at its start is received at once and each time that it comes back; the last
    time but one has to be within the outage for it to fail too often.

    Example:
        >>> dead_letters_after(Stack()) / 60
        24.333333333333332
    """
    return (stack.receives - 1) * stack.visibility_seconds


def dead_letters(rate: float, stack: Stack, seconds: float) -> float:
    """The most messages that an outage puts aside: all that came early enough to fail too often."""
    return rate * max(0.0, seconds - dead_letters_after(stack))


def spool_seconds(workload: Workload, spool_mb: float = SPOOL_MB) -> float:
    """How long a camera may be offline in its busiest hour before it drops a crop."""
    rate = crops_a_second(attrs.evolve(workload, cameras=1))
    return spool_mb * 1e6 / (rate * workload.crop_bytes) if rate * workload.crop_bytes else math.inf


def cameras_in_a_day(workload: Workload, stack: Stack) -> float:
    """Cameras whose crops of a day are scored within a day: with more, the backlog never ends.

    A crop is deleted from S3 a day after it came (`crop_days`): beyond, crops are lost.
    """
    a_day = crops_a_second(attrs.evolve(workload, cameras=1), busiest=False) * workload.hours * 3600
    return stack.capacity * CROP_DAYS * 86400 / a_day if a_day else math.inf


@attrs.frozen
class Limit:
    """Something that only so much goes through.

    Attributes:
        name: what it is.
        setting: Terraform's variable or AWS's quota that raises it.
        allows: a second, in its own unit.
        each: what each camera takes of it in its busiest hour.
    """

    name: str
    setting: str
    allows: float
    each: float

    @property
    def cameras(self) -> float:
        """With how many cameras it is reached."""
        return self.allows / self.each if self.each else math.inf


def limits(workload: Workload, stack: Stack) -> list[Limit]:
    """All limits, the first to be reached first."""
    one = attrs.evolve(workload, cameras=1)
    crops = crops_a_second(one)
    busiest = min(workload.people_per_hour * workload.peak, 1e6)
    watched = attrs.evolve(one, people_per_hour=busiest).watched
    health = 1 / HEALTH_SECONDS
    found = [
        Limit("copies of the function", "max_concurrency", stack.copies_rate, crops),
        Limit("Rekognition", "DetectFaces transactions per second", stack.calls_a_second, crops),
        Limit(
            "copies of one stack, at the most",
            "more stacks",
            MOST_AT_ONCE / stack.seconds_a_crop,
            crops,
        ),
        Limit(
            "CloudWatch",
            "PutMetricData transactions per second",
            METRIC_CALLS,
            crops / stack.batch_size + HEALTH_METRICS * health,
        ),
        Limit(
            "IoT Core",
            "Inbound publish requests per second",
            MESSAGES,
            health + watched / MESSAGE_SECONDS,
        ),
        Limit("DynamoDB", "Table-level write throughput", WRITE_UNITS, 2 * crops),
    ]
    return sorted(found, key=lambda limit: limit.cameras)


@attrs.frozen
class Plan:
    """What a fleet needs in its busiest hour, with `PLANNED` of it busy.

    Attributes:
        cameras: of the fleet.
        rate: crops a second.
        stacks: each of at most `MOST_AT_ONCE` copies.
        max_concurrency: of each stack.
        calls_a_second: that Rekognition has to allow to all stacks.
        reached: limits as they are by default that the fleet reaches.
    """

    cameras: int
    rate: float
    stacks: int
    max_concurrency: int
    calls_a_second: int
    reached: tuple[Limit, ...]

    def stack(self, base: Stack) -> Stack:
        """One of the stacks, with its part of the calls."""
        return attrs.evolve(
            base,
            max_concurrency=self.max_concurrency,
            calls_a_second=self.calls_a_second / self.stacks,
        )


def plan(workload: Workload, stack: Stack) -> Plan:
    """What to set for a fleet; never less than what is set.

    Example:
        >>> found = plan(Workload(cameras=1000), Stack())
        >>> found.stacks, found.max_concurrency, found.calls_a_second
        (1, 313, 625)
    """
    rate = crops_a_second(workload)
    copies = max(rate * stack.seconds_a_crop / PLANNED, stack.max_concurrency)
    stacks = math.ceil(round(copies / MOST_AT_ONCE, 9))
    return Plan(
        cameras=workload.cameras,
        rate=rate,
        stacks=stacks,
        max_concurrency=math.ceil(round(copies / stacks, 9)),
        calls_a_second=math.ceil(round(max(rate / PLANNED, stack.calls_a_second), 9)),
        reached=tuple(
            limit for limit in limits(workload, stack) if limit.cameras <= workload.cameras
        ),
    )
