"""How large a fleet a stack scores: what limits it, what to set, what an outage costs.

python -m benchmarks.fleet                    all tables
python -m benchmarks.fleet plan               what needs no simulation
python -m benchmarks.fleet --charts FOLDER    the charts of docs/scaling.md
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Callable

import attrs

from benchmarks.fleet import checks, tables
from benchmarks.fleet.limits import Stack
from facepipe.costs import Workload

DEFAULT = Workload()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fleet",
        description=(__doc__ or "").partition("\n")[0],
        epilog="example: python -m benchmarks.fleet plan --people 600 --seconds-a-crop 0.2",
    )
    parser.add_argument(
        "table",
        nargs="?",
        choices=("plan", "evening", "overdone", "outage", "checks"),
        help="only this one",
    )
    parser.add_argument(
        "--cameras", type=int, default=DEFAULT.cameras, help="of the fleet that has an outage"
    )
    parser.add_argument(
        "--people", type=float, default=DEFAULT.people_per_hour, help="an hour, at each camera"
    )
    parser.add_argument(
        "--resend-seconds",
        type=float,
        default=DEFAULT.resend_seconds,
        help="FACEPIPE_RESEND_SECONDS",
    )
    parser.add_argument("--max-concurrency", type=int, default=Stack().max_concurrency)
    parser.add_argument(
        "--quota", type=float, default=Stack().calls_a_second, help="Rekognition's calls a second"
    )
    parser.add_argument("--seconds-a-crop", type=float, default=Stack().seconds_a_crop)
    parser.add_argument("--seed", type=int, default=2026, help="of the simulation's chance")
    parser.add_argument("--charts", type=Path, metavar="FOLDER", help="draw the charts, instead")
    options = parser.parse_args()
    workload = Workload(
        cameras=options.cameras,
        people_per_hour=options.people,
        resend_seconds=options.resend_seconds,
    )
    stack = Stack(
        max_concurrency=options.max_concurrency,
        calls_a_second=options.quota,
        seconds_a_crop=options.seconds_a_crop,
    )
    if options.charts:
        from benchmarks.fleet import charts

        for path in charts.draw_all(options.charts, workload, stack, options.seed):
            print(path, flush=True)
        return
    closed = (tables.thresholds_table, tables.limits_table, tables.plan_table)
    if options.table in (None, "plan"):
        for table in closed:
            print(table(attrs.evolve(workload, cameras=DEFAULT.cameras), stack))
    simulated: dict[str, Callable[[Workload, Stack, int], str]] = {
        "evening": tables.evening_table,
        "overdone": tables.overdone_table,
        "outage": tables.outage_table,
        "checks": checks.checks_table,
    }
    for name, draw in simulated.items():
        if options.table in (None, name):
            print(f"simulating: {name} ...", file=sys.stderr, flush=True)
            print(draw(workload, stack, options.seed))


if __name__ == "__main__":
    main()
