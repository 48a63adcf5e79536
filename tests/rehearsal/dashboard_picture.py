"""The dashboard drawn, each widget where CloudWatch puts it and much as CloudWatch shows it."""

from __future__ import annotations

import math
import textwrap
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from PIL import Image

from tests.rehearsal.dashboard import COLUMNS, Alarms, Chart, Line, Place, Text, Widget

#: Inches of a column and of a row, and pixels of an inch.
COLUMN, ROW, DPI = 0.6, 0.4, 90

#: CloudWatch's own colours, for lines that name none.
_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f")
_STATES = {"OK": "#1d8102", "ALARM": "#d13212", "INSUFFICIENT_DATA": "#687078"}
_INK, _FAINT, _EDGE, _PAGE = "#16191f", "#5f6b7a", "#d5dbdb", "#f2f3f3"

_GAP = 0.05  # inches between the edges of neighbours
_MOST_GAP = 3  # periods without a point over which a line goes on
_SMALL, _LETTER = 8, 0.077  # points; inches a letter of that size is wide at most


def draw(widgets: Sequence[Widget], path: Path, *, period: int) -> None:
    """Draw a dashboard.

    Args:
        widgets: of it.
        path: of the PNG.
        period: seconds, of its lines.
    """
    rows = max(widget.place.y + widget.place.height for widget in widgets)
    figure = Figure((COLUMNS * COLUMN, rows * ROW), dpi=DPI, facecolor=_PAGE)
    canvas = FigureCanvasAgg(figure)
    seconds = [
        second
        for widget in widgets
        if isinstance(widget, Chart)
        for line in widget.lines
        for second in line.points
    ]
    span = (min(seconds) - period, max(seconds) + period) if seconds else (0, 60)
    with mpl.rc_context({"font.size": 9, "axes.edgecolor": _EDGE, "timezone": "UTC"}):
        for widget in widgets:
            card = _Card(figure, widget.place, rows)
            if isinstance(widget, Chart):
                _draw_chart(card, widget, span, period)
            elif isinstance(widget, Alarms):
                _draw_alarms(card, widget)
            else:
                _draw_text(card, widget)
        canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    # 128 colours are enough for flat ones, and make a file of a third of the size.
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


class _Card:
    """A widget's part of the figure, in inches from its upper left corner."""

    def __init__(self, figure: Figure, place: Place, rows: int) -> None:
        self.figure = figure
        self.width = place.width * COLUMN - 2 * _GAP
        self.height = place.height * ROW - 2 * _GAP
        self._left = place.x * COLUMN + _GAP
        self._top = (rows - place.y) * ROW - _GAP
        self._size = (COLUMNS * COLUMN, rows * ROW)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A place in it, as shares of the figure."""
        return (self._left + x) / self._size[0], (self._top - y) / self._size[1]

    def box(self, x: float, y: float, width: float, height: float, **style: Any) -> None:
        """Draw a box whose upper left corner is given."""
        corner = self.at(x, y + height)
        size = (width / self._size[0], height / self._size[1])
        box = Rectangle(corner, *size, transform=self.figure.transFigure, **style)
        self.figure.add_artist(box)

    def frame(self, title: str) -> None:
        """Draw the card itself, and its title."""
        self.box(0, 0, self.width, self.height, facecolor="white", edgecolor=_EDGE, linewidth=0.8)
        self.text(0.12, 0.2, title, fontsize=10, fontweight="bold")

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write, from a point half the letters' height down."""
        self.figure.text(*self.at(x, y), text, va="center", **{"color": _INK, **style})

    def axes(self, left: float, top: float, right: float, bottom: float) -> Any:
        """Axes with these margins."""
        x, y = self.at(left, self.height - bottom)
        size = (self.width - left - right, self.height - top - bottom)
        box = (x, y, size[0] / self._size[0], size[1] / self._size[1])
        # On the card, which the figure draws after its axes otherwise.
        return self.figure.add_axes(box, zorder=2, facecolor="none")


def _draw_text(card: _Card, text: Text) -> None:
    y = 0.0
    for level, paragraph in _paragraphs(text.markdown):
        size = {0: 9, 1: 16, 2: 13}[level]
        across = round(card.width / (0.8 * _LETTER) * _SMALL / size)
        for line in textwrap.wrap(paragraph, across):
            y += size / 72
            card.text(0.06, y, line, fontsize=size, fontweight="bold" if level else "normal")
            y += size / 72 * 0.6
        y += size / 72 * 0.3


def _paragraphs(markdown: str) -> list[tuple[int, str]]:
    """Headings, with their level, and paragraphs with 0: lines that follow one another are one."""
    found: list[tuple[int, str]] = []
    for line in filter(None, markdown.split("\n")):
        said = line.lstrip("#")
        level = len(line) - len(said)
        if not level and found and not found[-1][0]:
            said = f"{found.pop()[1]} {said}"
        found.append((level, said.replace("**", "").strip()))
    return found


def _draw_alarms(card: _Card, alarms: Alarms) -> None:
    card.frame(alarms.title)
    across = 4
    width = (card.width - 0.24) / across
    for number, (name, state) in enumerate(sorted(alarms.states.items())):
        x, y = 0.12 + number % across * width, 0.38 + number // across * 0.36
        colour = _STATES[state]
        card.box(x, y, width - 0.08, 0.3, facecolor="white", edgecolor=colour, linewidth=1)
        card.box(x, y, 0.07, 0.3, facecolor=colour)
        card.text(x + 0.14, y + 0.15, name, fontsize=_SMALL)
        word = state.replace("_", " ").capitalize() if state != "OK" else "OK"
        card.text(x + width - 0.14, y + 0.15, word, fontsize=_SMALL, color=colour, ha="right")


def _draw_chart(card: _Card, chart: Chart, span: tuple[int, int], period: int) -> None:
    card.frame(chart.title)
    coloured = [
        (line, line.colour or _COLOURS[number % len(_COLOURS)])
        for number, line in enumerate(chart.lines)
    ]
    legend = 0.0 if chart.legend == "hidden" else _legend_height(card, chart.lines)
    has_right = any(line.right for line in chart.lines)
    axes = card.axes(0.5, 0.52, 0.5 if has_right else 0.2, 0.3 + legend)
    right = axes.twinx() if has_right else axes
    if chart.stacked:
        _stack(axes, coloured, period)
    else:
        for line, colour in coloured:
            _plot(right if line.right else axes, line, colour, period)
    _dress(axes, chart.left, [line for line in chart.lines if not line.right], chart.stacked)
    if has_right:
        _dress(right, chart.right, [line for line in chart.lines if line.right], False)
        right.grid(visible=False)
    axes.set_xlim(*(_moment(second) for second in span))
    locator = AutoDateLocator(minticks=3, maxticks=round(4 + card.width))
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, show_offset=False)
    formatter.formats[3:] = formatter.zero_formats[3:] = ["%H:%M", "%H:%M", "%H:%M:%S"]
    axes.xaxis.set_major_formatter(formatter)
    if legend:
        _draw_legend(card, coloured, card.height - legend)


def _moment(second: float) -> datetime:
    return datetime.fromtimestamp(second, timezone.utc)


def _with_gaps(points: Mapping[int, float], period: int) -> tuple[list[datetime], list[float]]:
    """The points in order, with NaN where a line must not go on."""
    times, values = [], []
    before = None
    for second, value in sorted(points.items()):
        if before is not None and second - before > _MOST_GAP * period:
            times.append(_moment((before + second) / 2))
            values.append(math.nan)
        times.append(_moment(second))
        values.append(value)
        before = second
    return times, values


def _plot(axes: Any, line: Line, colour: str, period: int) -> None:
    times, values = _with_gaps(line.points, period)
    axes.plot(times, values, color=colour, linewidth=1.4, marker="o", markersize=2, clip_on=False)


def _stack(axes: Any, coloured: Sequence[tuple[Line, str]], period: int) -> None:
    seconds = sorted({second for line, _ in coloured for second in line.points})
    layers = []
    for line, _ in coloured:
        times, values = _with_gaps({each: line.points.get(each, 0.0) for each in seconds}, period)
        layers.append(values)
    axes.stackplot(times, layers, colors=[colour for _, colour in coloured], alpha=0.85)


def _dress(axes: Any, axis: Mapping[str, Any], lines: Sequence[Line], stacked: bool) -> None:
    values = [value for line in lines for value in line.points.values()]
    highest = max(values, default=1.0)
    low, high = axis.get("min"), axis.get("max")
    axes.set_ylim(
        low, high if high is not None else (max(highest, 1.0) * 1.1 if low == 0 else None)
    )
    whole = all(value == int(value) for value in values)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=whole))
    axes.grid(axis="y", color="#eaeded", linewidth=0.8)
    axes.set_axisbelow(not stacked)
    axes.tick_params(labelsize=_SMALL, colors=_FAINT, length=0)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    if axis.get("label"):
        x = 1.0 if axes.yaxis.get_ticks_position() == "right" else 0.0
        said = axis["label"]
        axes.text(
            x, 1.04, said, transform=axes.transAxes, fontsize=_SMALL, color=_FAINT, ha="center"
        )


def _legend_rows(card: _Card, labels: Sequence[str]) -> list[list[str]]:
    rows: list[list[str]] = [[]]
    left = card.width - 0.24
    for label in labels:
        width = 0.28 + len(label) * _LETTER
        if rows[-1] and width > left:
            rows.append([])
            left = card.width - 0.24
        rows[-1].append(label)
        left -= width
    return rows


def _legend_height(card: _Card, lines: Sequence[Line]) -> float:
    return 0.08 + 0.17 * len(_legend_rows(card, [line.label for line in lines]))


def _draw_legend(card: _Card, coloured: Sequence[tuple[Line, str]], top: float) -> None:
    colours = iter([colour for _, colour in coloured])
    rows = _legend_rows(card, [line.label for line, _ in coloured])
    for number, labels in enumerate(rows):
        x, y = 0.14, top + 0.08 + 0.17 * number
        for label in labels:
            card.box(x, y - 0.05, 0.1, 0.1, facecolor=next(colours))
            card.text(x + 0.15, y, label, fontsize=_SMALL, color=_FAINT)
            x += 0.28 + len(label) * _LETTER
