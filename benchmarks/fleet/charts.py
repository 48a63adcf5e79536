"""The charts of docs/scaling.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import attrs
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.fleet import tables
from benchmarks.fleet.crowd import EVENING
from benchmarks.fleet.limits import Stack, crops_a_second, limits, outage, plan
from benchmarks.fleet.simulation import scaled
from facepipe.costs import Workload
from facepipe_io.local.chart_look import INK, dress, whole_numbers

#: Those of `facepipe_io.local.bill_chart`: Okabe's and Ito's colours.
_GREEN, _BLUE, _RED, _PINK = "#009e73", "#0072b2", "#d55e00", "#cc79a7"
_STYLES = (
    {"color": _GREEN, "linestyle": "-"},
    {"color": _BLUE, "linestyle": (0, (6, 1.5))},
    {"color": _RED, "linestyle": (0, (2, 1.2))},
    {"color": _PINK, "linestyle": (0, (8, 1.5, 1.5, 1.5))},
)
#: Sizes at which the line of the default settings bends.
_BEND = (20, 40)
#: Copies of a stack, at the most, that is simulated whole.
_COPIES = 25


def draw_all(folder: Path, workload: Workload, stack: Stack, seed: int) -> Iterator[Path]:
    """Draw each into a folder; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {
        "fleet-limits.png": limits_chart,
        "fleet-evening.png": evening_chart,
        "fleet-outage.png": outage_chart,
    }
    for name, draw in drawn.items():
        path = folder / name
        draw(workload, stack, seed).savefig(path, dpi=130, metadata={"Software": None})
        yield path


def limits_chart(workload: Workload, stack: Stack, seed: int) -> Figure:
    """Crops a second over cameras: what comes, what each limit lets through, what is scored."""
    figure = Figure(figsize=(9, 5), layout="constrained", facecolor="white")
    axes = figure.add_subplot(xscale="log", yscale="log")
    cameras = np.array(tables.SIZES)
    one = crops_a_second(attrs.evolve(workload, cameras=1))
    axes.plot(cameras, cameras * one, color=INK, linewidth=1, linestyle=(0, (1, 2)))
    for limit in limits(workload, stack):
        if limit.name == "DynamoDB":
            continue  # so near IoT's that neither could be read
        rate = limit.cameras * one
        axes.axhline(rate, color=INK, linewidth=0.8, alpha=0.45)
        left = limit.cameras > cameras[1]  # where the line of what comes is not
        axes.annotate(
            f"{limit.name}: {limit.cameras:,.0f} cameras",
            (cameras[0] * 1.05 if left else cameras[-1], rate),
            xytext=(0, 4),
            textcoords="offset points",
            ha="left" if left else "right",
            fontsize=9,
            color=INK,
        )
    bent = np.unique([*cameras, *_BEND])
    default = [_scored(attrs.evolve(workload, cameras=int(n)), stack, seed) for n in bent]
    axes.plot(bent, default, "o-", linewidth=2.2, color=_RED, markeredgecolor="white")
    planned = [_scored_as_planned(attrs.evolve(workload, cameras=int(n)), stack, seed)
               for n in cameras]  # fmt: skip
    axes.plot(cameras, planned, "s--", linewidth=2.2, color=_GREEN, markeredgecolor="white")
    for text, at, height, colour in (
        ("scored as Terraform\nhas it by default", cameras[-1], default[-1], _RED),
        ("scored with what\nthe table says", cameras[-1], planned[-1], _GREEN),
    ):
        axes.annotate(text, (at, height), xytext=(10, 0), textcoords="offset points", va="center",
                      color=colour, fontweight="bold", annotation_clip=False)  # fmt: skip
    _dress(axes, "What limits a fleet in its busiest hour",
           f"cameras, each with {workload.people_per_hour * workload.peak:,.0f} people an hour; "
           "dots are simulated, the dotted line is what comes", "crops a second")  # fmt: skip
    whole_numbers(axes.xaxis, subs=(1,))
    whole_numbers(axes.yaxis, subs=(1,))
    return figure


def _scored(workload: Workload, stack: Stack, seed: int) -> float:
    """Crops scored a second; the more come, the shorter the time that is simulated."""
    horizon = float(np.clip(1.5e6 / crops_a_second(workload), 40, 1800))
    run = tables.busiest(workload, stack, horizon, seed)
    return run.throughput(horizon / 2, horizon)


def _scored_as_planned(workload: Workload, stack: Stack, seed: int) -> float:
    found = plan(workload, stack)
    one = attrs.evolve(workload, cameras=round(workload.cameras / found.stacks))
    by = max(1.0, found.max_concurrency / _COPIES)
    return _scored_in(*scaled(one, found.stack(stack), by), seed) * by * found.stacks


def _scored_in(workload: Workload, stack: Stack, seed: int) -> float:
    run = tables.busiest(workload, stack, 600.0, seed)
    return run.throughput(200, 600)


def evening_chart(workload: Workload, stack: Stack, seed: int) -> Figure:
    """What comes over an evening, and how old the oldest crop is, for several fleets."""
    figure = Figure(figsize=(9, 6), layout="constrained", facecolor="white")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    ends = np.cumsum([seconds for _, seconds, _ in EVENING]) / 3600
    starts = np.concatenate([[0.0], ends[:-1]])
    factors = [factor for *_, factor in EVENING]
    above.stairs(factors, np.concatenate([[0.0], ends]), fill=True, color="#c7d3dd")
    for (name, *_), start, end, factor in zip(EVENING, starts, ends, factors):
        above.annotate(name.replace("before the ", "before the\n"), ((start + end) / 2, factor),
                       xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9,
                       color=INK)  # fmt: skip
    above.set_ylim(0, 4.2)
    for cameras, style in zip(tables.EVENING_SIZES, _STYLES):
        run = tables.evening(attrs.evolve(workload, cameras=cameras), stack, seed)
        times = np.arange(0.0, run.horizon + 1, 60.0)
        oldest = run.oldest_seconds(times) / 60
        below.plot(times / 3600, oldest, linewidth=2.2, **style)
        below.annotate(f"{cameras} cameras", (times[-1] / 3600, oldest[-1]), xytext=(8, 0),
                       textcoords="offset points", va="center", color=style["color"],
                       fontweight="bold", annotation_clip=False)  # fmt: skip
    _spread(below)
    below.axhline(stack.alarm_seconds / 60, color=INK, linewidth=1, linestyle=(0, (1, 2)))
    below.annotate("the alarm queue-age rings", (3, stack.alarm_seconds / 60), xytext=(2, 4),
                   textcoords="offset points", fontsize=9, color=INK)  # fmt: skip
    _dress(above, "A festival's evening with the default settings", "", "people, times the mean")
    _dress(below, "", "hours since the gates opened; 8 hours, simulated",
           "oldest crop not scored, minutes")  # fmt: skip
    return figure


def outage_chart(workload: Workload, stack: Stack, seed: int) -> Figure:
    """The backlog over an outage of ten minutes, and how old the oldest crop is."""
    figure = Figure(figsize=(9, 7), layout="constrained", facecolor="white")
    above, below = figure.subplots(2, 1, sharex=True)
    rate, start, away = crops_a_second(workload), tables.OUTAGE_START, tables.OUTAGE_SECONDS
    form = outage(rate, stack.capacity, away)
    drained = away + form.drain_seconds
    last = tables.OUTAGE_HORIZON - start - 300
    for axes, most in ((above, form.backlog), (below, form.oldest_seconds / 60)):
        axes.plot(np.array([-start, 0, away, drained, last]) / 60, [0, 0, most, 0, 0],
                  color="#c7d3dd", linewidth=7, solid_joinstyle="round",
                  label="closed form, of all")  # fmt: skip
        axes.axvspan(0, away / 60, color="#f3f5f7", zorder=0)
    times = np.arange(-start, last, 10.0)
    for (name, (what, share)), style in zip(tables.FAULTS.items(), _STYLES):
        run = tables.simulated_outage(workload, stack, what, share, seed, away).run
        more = {"linewidth": 2, "label": name, **style}
        above.plot(times / 60, run.backlog(times + start), **more)
        below.plot(times / 60, run.oldest_seconds(times + start) / 60, **more)
    below.axhline(stack.alarm_seconds / 60, color=INK, linewidth=1, linestyle=(0, (1, 2)))
    below.annotate("the alarm queue-age rings", (-start / 60, stack.alarm_seconds / 60),
                   xytext=(2, 4), textcoords="offset points", fontsize=9, color=INK)  # fmt: skip
    above.legend(frameon=False, labelcolor=INK)
    title = f"An outage of ten minutes, {workload.cameras} cameras in their busiest hour"
    _dress(above, title, "", "crops not scored yet")
    _dress(below, "", "minutes since it began; simulated", "oldest of them, minutes")
    above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return figure


def _spread(axes: Any) -> None:
    """Keep names at the ends of lines from lying on one another."""
    low, high = axes.get_ylim()
    least = (high - low) * 0.06
    floor = -np.inf
    for text in sorted(axes.texts, key=lambda each: round(each.xy[1])):
        x, y = text.xy
        floor = max(y, floor + least)
        text.xy = (x, floor)


def _dress(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=14, fontweight="bold", color=INK)
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    dress(axes)
