"""The figures as two charts: where facepipe stands beside its peers, and how cost grows."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any, Sequence

from matplotlib.figure import Figure

from benchmarks.figures import Growth, Ratio
from facepipe_io.local.chart_look import INK, dress, whole_numbers

#: Okabe's and Ito's colours; which side is which is told by place and mark, too.
AHEAD, BEHIND = "#009e73", "#d55e00"
DPI = 70
ACROSS = 3  # charts of growth in a row


def write_charts(measured: Sequence[Ratio | Growth], folder: Path) -> None:
    """Write `bench-ratios.png` and `bench-growth.png`, those for which there are figures."""
    folder.mkdir(parents=True, exist_ok=True)
    ratios = [each for each in measured if isinstance(each, Ratio)]
    growths = [each for each in measured if isinstance(each, Growth)]
    for name, chosen, draw in (
        ("bench-ratios.png", ratios, draw_ratios),
        ("bench-growth.png", growths, draw_growth),
    ):
        if chosen:
            draw(chosen).savefig(folder / name, dpi=DPI, metadata={"Software": None})


def gain(each: Ratio) -> tuple[float, float, float]:
    """How many times as good as the peer: above 1 facepipe is ahead."""
    if each.more_is_better:
        return each.low, each.ratio, each.high
    return 1 / each.high, 1 / each.ratio, 1 / each.low


def draw_ratios(ratios: Sequence[Ratio]) -> Figure:
    """A line for each, in two columns of whole groups: the median, and the middle half as a bar."""
    ratios = [each for each in ratios if min(each.ours, each.theirs) > 0]
    groups = [list(members) for _, members in groupby(ratios, lambda each: each.group)]
    # Of all places to begin the second column, the one that leaves both the shortest.
    splits = [(groups[:at], groups[at:]) for at in range(1, len(groups) + 1)]
    columns = min(splits, key=lambda split: max(map(height, split)))
    columns = tuple(column for column in columns if column)
    most = max(map(height, columns))
    figure = Figure(
        figsize=(8 * len(columns), 1.4 + 0.2 * most), layout="constrained", facecolor="white"
    )
    for number, column in enumerate(columns):
        axes = figure.add_subplot(1, len(columns), number + 1, xscale="log")
        draw_column(axes, [each for group in column for each in group])
        axes.set_ylim(most, -1)
    figure.suptitle(
        "Beside its peers", x=0.01, ha="left", fontsize=14, fontweight="bold", color=INK
    )
    return figure


def height(groups: Sequence[Sequence[Ratio]]) -> float:
    """Of some groups, in lines: each has a head, and some room above it."""
    return sum(len(group) + 1.6 for group in groups)


def draw_column(axes: Any, ratios: Sequence[Ratio]) -> None:
    """The lines of some groups."""
    places: list[float] = []
    heads: dict[str, float] = {}
    place = 0.0
    for each in ratios:
        if each.group not in heads:
            place += 0.6 if heads else 0.0
            heads[each.group] = place
            place += 1.0
        places.append(place)
        place += 1.0
    for at, each in zip(places, ratios):
        low, middle, high = gain(each)
        colour = AHEAD if each.wins else BEHIND
        axes.plot((1, middle), (at, at), color=colour, linewidth=1, alpha=0.35)
        axes.plot((low, high), (at, at), color=colour, linewidth=3, solid_capstyle="round")
        axes.plot(middle, at, "o" if each.wins else "D", color=colour, markersize=5)
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_yticks(
        [*places, *heads.values()],
        [*(f"{each.what}, {each.peer}" for each in ratios), *heads],
        fontsize=8,
    )
    for label in axes.get_yticklabels()[len(places) :]:
        label.set(fontweight="bold", fontsize=9)
    axes.set_xlabel("times as good as the peer", color=INK)
    finish(axes)
    axes.yaxis.grid(visible=False)


def draw_growth(growths: Sequence[Growth]) -> Figure:
    """A small chart for each, with the line that the bound allows."""
    rows = -(-len(growths) // ACROSS)
    figure = Figure(figsize=(10, 0.6 + 2.1 * rows), layout="constrained", facecolor="white")
    for number, each in enumerate(growths):
        axes = figure.add_subplot(rows, ACROSS, number + 1, xscale="log", yscale="log")
        allowed = [each.figures[0] * (size / each.sizes[0]) ** each.bound for size in each.sizes]
        axes.plot(each.sizes, allowed, color=INK, linewidth=1, linestyle=(0, (1, 2)))
        axes.plot(each.sizes, each.figures, "o-", color=AHEAD if each.wins else BEHIND,
                  linewidth=2, markersize=4)  # fmt: skip
        axes.set_title(
            f"{each.group}: {each.what}\n{each.unit} ~ {each.size}^{each.exponent:.2f}",
            loc="left",
            fontsize=8,
            color=INK,
        )
        finish(axes)
        axes.tick_params(labelsize=7)
    figure.suptitle(
        "How cost grows: measured, and (dotted) what the bound would allow",
        x=0.01,
        ha="left",
        fontsize=14,
        fontweight="bold",
        color=INK,
    )
    return figure


def finish(axes: Any) -> None:
    """Numbers on logarithmic axes, and the look of all charts."""
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            whole_numbers(axis, numticks=7)
    dress(axes)
