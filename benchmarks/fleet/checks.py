"""The simulation beside the closed forms, as a table."""

from __future__ import annotations

import math

import attrs
import numpy as np

from benchmarks.fleet import tables
from benchmarks.fleet.crowd import crops, steady
from benchmarks.fleet.limits import Stack, crops_a_second, waiting_seconds
from benchmarks.fleet.simulation import scaled, simulate
from facepipe.costs import Workload


def checks_table(workload: Workload, stack: Stack, seed: int) -> str:
    """The simulation beside the closed forms."""
    rows: list[tuple[str, str, str]] = []
    calm = attrs.evolve(workload, cameras=10)
    run = tables.busiest(calm, stack, 3600, seed)
    rate = crops_a_second(calm)
    rows.append(
        (
            "10 cameras: busy share of the copies",
            f"{rate / stack.copies_rate:.3f}",
            f"{run.run_seconds / run.horizon / stack.max_concurrency:.3f}",
        )
    )
    waits = run.waits.mean()
    times = np.arange(300.0, 3600.0, 1.0)
    rows.append(
        (
            "Little's law: crops on their way, rate x time",
            f"{len(run.waits) / run.horizon * waits:.1f}",
            f"{run.backlog(times).mean():.1f}",
        )
    )
    single = attrs.evolve(stack, batch_size=1, window_seconds=0.0)
    for cameras in (14, 16, 18):
        # One crop of each person, so that crops come as a Poisson process.
        alone = attrs.evolve(workload, cameras=2 * cameras, crops_per_person=1.0)
        rng = np.random.default_rng(seed)
        run = simulate(
            crops(alone, steady(20_000, workload.peak), rng), single, 20_000, rng, variation=1.0
        )
        queue = (run.finished - run.crops.queued)[run.scored].mean() - stack.seconds_a_crop
        form = waiting_seconds(
            crops_a_second(alone), int(stack.max_concurrency), stack.seconds_a_crop
        )
        rows.append(
            (f"M/M/5 at {cameras / 20:.0%}: seconds in the queue", f"{form:.3f}", f"{queue:.3f}")
        )
    busy = attrs.evolve(workload, cameras=100)
    run = tables.busiest(busy, stack, 1800, seed)
    rows.append(
        (
            "100 cameras: crops a second",
            f"{stack.capacity:.1f}",
            f"{run.throughput(300, 1800):.1f}",
        )
    )
    ends = np.diff(run.backlog(np.array([300.0, 1800.0])))[0] / 1500
    rows.append(
        (
            "100 cameras: crops that come to wait, a second",
            f"{crops_a_second(busy) - stack.capacity:.1f}",
            f"{ends:.1f}",
        )
    )
    for by in (1, 5):
        less, smaller = scaled(attrs.evolve(workload, cameras=300), wide(stack), by)
        run = tables.busiest(less, smaller, 1800, seed)
        rows.append(
            (
                f"300 cameras, 50 copies, scaled by {by}: crops that wait after 30 minutes",
                f"{(crops_a_second(less) - smaller.capacity) * by * 1800:,.0f}",
                f"{run.backlog(np.array([1800.0]))[0] * by:,.0f}",
            )
        )
    over = attrs.evolve(stack, max_concurrency=40.0, calls_a_second=10.0)
    run = tables.busiest(attrs.evolve(workload, cameras=40), over, 1800, seed)
    rows.append(
        (
            "80 crops a second of copies, 10 of quota: crops a second",
            f"{over.capacity:.1f}",
            f"{run.throughput(300, 1800):.1f}",
        )
    )
    return tables.as_table(("", "closed form", "simulated"), rows)


def wide(stack: Stack) -> Stack:
    """A stack that 300 cameras saturate, large enough to be made smaller."""
    return attrs.evolve(stack, max_concurrency=50.0, calls_a_second=math.inf)
