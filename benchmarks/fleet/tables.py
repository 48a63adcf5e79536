"""What the closed forms and the simulation say, as tables; `docs/scaling.md` has them."""

from __future__ import annotations

from decimal import Decimal
from typing import Iterable, Sequence

import attrs
import numpy as np

from benchmarks.fleet.crowd import EVENING, Fault, crops, steady
from benchmarks.fleet.limits import (
    Stack,
    cameras_in_a_day,
    crops_a_second,
    dead_letters_after,
    limits,
    outage,
    plan,
    spool_seconds,
)
from benchmarks.fleet.simulation import Run, scaled, simulate
from facepipe.costs import MEMORY_GB, Workload
from facepipe_io.local.bill import read_prices

SIZES = (10, 100, 1_000, 10_000, 100_000)
EVENING_SIZES = (10, 20, 40, 80)
OUTAGE_SECONDS = 600.0
SITE_SHARE = 0.2
#: Copies that are tried against a quota that 25 use up, and by what the whole is made smaller.
OVERDONE, OVERDONE_SCALE = (20, 30, 60, 100, 1000), 10
#: Of the simulated outages: when they begin, and how long the whole is.
OUTAGE_START, OUTAGE_HORIZON = 600.0, 3000.0

FAULTS = {
    "the network of one site in five": ("network", SITE_SHARE),
    "the network of all sites": ("network", 1.0),
    "Rekognition": ("rekognition", 1.0),
    "the scorer (a bad deploy)": ("scorer", 1.0),
}


def as_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def limits_table(workload: Workload, stack: Stack) -> str:
    """All limits, in the order in which a growing fleet reaches them."""
    rows = [
        (each.name, each.setting, f"{each.allows:,.0f}", f"{each.cameras:,.0f}")
        for each in limits(workload, stack)
    ]
    return as_table(("limit", "raised by", "allows a second", "reached at cameras"), rows)


def plan_table(workload: Workload, stack: Stack) -> str:
    """What to set, by the number of cameras."""
    rows = []
    for cameras in SIZES:
        found = plan(attrs.evolve(workload, cameras=cameras), stack)
        beyond = ", ".join(each.name for each in found.reached if "stack" not in each.name)
        rows.append(
            (
                f"{cameras:,}",
                f"{found.rate:,.0f}",
                beyond or "nothing",
                found.max_concurrency,
                found.stacks,
                f"{found.calls_a_second:,}",
            )
        )
    head = (
        "cameras",
        "crops a second",
        "reaches the default of",
        "`max_concurrency`",
        "stacks",
        "DetectFaces a second to ask for",
    )
    return as_table(head, rows)


def thresholds_table(workload: Workload, stack: Stack) -> str:
    """Where the backlog starts, and when waiting turns into losing."""
    one = attrs.evolve(workload, cameras=1)
    busy, mean = crops_a_second(one), crops_a_second(one, busiest=False)
    fast = attrs.evolve(stack, seconds_a_crop=0.2)
    rows = [
        ("a backlog in the busiest hour", f"more than {stack.capacity / busy:,.0f} cameras"),
        ("the same, if a crop takes 0.2 s", f"more than {fast.capacity / busy:,.0f} cameras"),
        ("a backlog all evening", f"more than {stack.capacity / mean:,.0f} cameras"),
        (
            "a backlog that grows from day to day, so that S3 deletes crops unscored",
            f"more than {cameras_in_a_day(workload, stack):,.0f} cameras",
        ),
        (
            "the alarm `queue-age`",
            f"a crop has waited for {stack.alarm_seconds / 60:.0f} minutes",
        ),
        (
            "dead letters",
            f"Rekognition or the scorer away for more than {dead_letters_after(stack) / 60:.0f} "
            "minutes",
        ),
        (
            "a camera that drops crops",
            f"offline for more than {spool_seconds(workload) / 3600:.1f} hours like the busiest",
        ),
    ]
    return as_table(("what", "from when on"), rows)


@attrs.frozen
class Seen:
    """What an outage came to in the simulation.

    Attributes:
        run: all of it.
        backlog, drain_seconds, oldest_seconds: as of `limits.Outage`; drained is a backlog of ten
            seconds' crops.
        dollars: more than without the outage.
    """

    run: Run
    backlog: int
    drain_seconds: float
    oldest_seconds: float
    dollars: float


def simulated_outage(
    workload: Workload, stack: Stack, what: str, share: float, seed: int, seconds: float
) -> Seen:
    """An outage in the busiest hour."""
    fault = Fault(what, OUTAGE_START, seconds, share)
    horizon = max(OUTAGE_HORIZON, fault.end + 2 * seconds + stack.visibility_seconds)
    run = busiest(workload, stack, horizon, seed, fault)
    without = busiest(workload, stack, horizon, seed)
    times = np.arange(fault.end, horizon, 1.0)
    long = run.backlog(times) > 10 * crops_a_second(workload)
    oldest = run.oldest_seconds(times[long]) if long.any() else np.zeros(1)
    return Seen(
        run,
        int(run.backlog(times[:1])[0]),
        float(times[long][-1] - fault.end) if long.any() else 0.0,
        float(max(oldest.max(), run.waits.max())),
        cost(run) - cost(without),
    )


def cost(run: Run) -> float:
    """Dollars of the function and of the queue for a run; Rekognition charges each crop once."""
    prices = read_prices().prices
    dollars = prices["lambda.runs"].cost(Decimal(run.runs))
    dollars += prices["lambda.compute"].cost(Decimal(run.run_seconds) * MEMORY_GB)
    dollars += prices["sqs.requests"].cost(Decimal(run.receives))
    return float(dollars)


def busiest(
    workload: Workload, stack: Stack, horizon: float, seed: int, fault: Fault | None = None
) -> Run:
    """A fleet in its busiest hour, for some seconds."""
    rng = np.random.default_rng(seed)
    return simulate(
        crops(workload, steady(horizon, workload.peak), rng, fault),
        stack,
        horizon,
        rng,
        fault=fault,
    )


def outage_table(workload: Workload, stack: Stack, seed: int) -> str:
    """What ten minutes of each outage cost."""
    rate = crops_a_second(workload)
    rows = []
    for name, (what, share) in FAULTS.items():
        form = outage(rate * share, stack.capacity - rate * (1 - share), OUTAGE_SECONDS)
        seen = simulated_outage(workload, stack, what, share, seed, OUTAGE_SECONDS)
        rows.append(
            (
                name,
                f"{form.backlog:,.0f} / {seen.backlog:,}",
                f"{form.drain_seconds / 60:.1f} / {seen.drain_seconds / 60:.1f}",
                f"{form.oldest_seconds / 60:.1f} / {seen.oldest_seconds / 60:.1f}",
                seen.run.crops.dropped + int(seen.run.dead.sum()),
                f"{max(seen.dollars, 0):.3f}",
            )
        )
    head = (
        "away for ten minutes",
        "crops that wait",
        "minutes to drain",
        "oldest crop, minutes",
        "crops lost",
        "dollars more",
    )
    return as_table(head, rows)


def evening_table(workload: Workload, stack: Stack, seed: int) -> str:
    """An evening at the default settings, by the number of cameras."""
    rows = []
    for cameras in EVENING_SIZES:
        run = evening(attrs.evolve(workload, cameras=cameras), stack, seed)
        times = np.arange(0.0, run.horizon, 60.0)
        backlog, oldest = run.backlog(times), run.oldest_seconds(times)
        rows.append(
            (
                cameras,
                f"{len(run.crops.queued):,}",
                f"{backlog.max():,}",
                f"{oldest.max() / 60:.1f}",
                f"{np.sum(oldest > stack.alarm_seconds)}",
                f"{int(run.waiting.sum()):,}",
            )
        )
    head = (
        "cameras",
        "crops",
        "most that wait",
        "oldest, minutes",
        "minutes of alarm",
        "left at the end",
    )
    return as_table(head, rows)


def overdone_table(workload: Workload, stack: Stack, seed: int) -> str:
    """An hour in which half as many crops again come as Rekognition takes, by copies at once."""
    one = crops_a_second(attrs.evolve(workload, cameras=1))
    cameras = round(1.5 * stack.calls_a_second / one)
    rows = []
    for copies in OVERDONE:
        less, smaller = scaled(
            attrs.evolve(workload, cameras=cameras),
            attrs.evolve(stack, max_concurrency=copies),
            OVERDONE_SCALE,
        )
        run = busiest(less, smaller, 3600.0, seed)
        rows.append(
            (
                f"{copies:,}",
                f"{copies / stack.seconds_a_crop:,.0f}",
                f"{run.throughput(600, 3600) * OVERDONE_SCALE:.1f}",
                f"{run.throttled / run.calls:.2f}",
                f"{run.dead.sum() / len(run.finished):.1%}",
            )
        )
    head = (
        "`max_concurrency`",
        "crops a second of the copies",
        "scored a second",
        "refused calls for each scored crop",
        "dead letters",
    )
    return as_table(head, rows)


def evening(workload: Workload, stack: Stack, seed: int) -> Run:
    """A festival's evening."""
    rng = np.random.default_rng(seed)
    horizon = sum(seconds for _, seconds, _ in EVENING)
    return simulate(crops(workload, EVENING, rng), stack, horizon, rng)
