"""The report's charts, as figures that plotly draws in the browser."""

from __future__ import annotations

import html
import math
from datetime import datetime, timedelta, timezone
from typing import Any, Iterable, Sequence

import numpy as np
import plotly.graph_objects as go  # type: ignore[import-untyped]

from facepipe.moods import emotion_colour, emotion_shares, emotion_word
from facepipe.records import ScoredCrop
from facepipe_io.local.crowds import HAPPY, Crowd
from facepipe_io.local.store import Run
from facepipe_io.local.summary import Person, crops_of

#: More dots than this run into one another and make a page slow.
SHOWN_DOTS = 1000

# Times that a recording counts from its start are drawn as times of a day that nobody sees.
_NO_DAY = datetime(2000, 1, 1, tzinfo=timezone.utc)

_POINTS = 240


def run_chart(people: Sequence[Person], run: Run, types: Sequence[str]) -> dict[str, Any]:
    """The curve of a run's emotions over time, with a dot for each crop.

    Args:
        people: at least one.
        run: their run.
        types: emotions in the order in which they lie on one another.

    Returns:
        `figure`, as JSON for the page's script, and `width`, how many seconds it is smoothed by.
    """
    crops = crops_of(people)
    start = min(run.started_at, crops[0].captured_at)
    # No less than a few seconds, so that the axis has something to show.
    least = start + timedelta(seconds=max(run.recorded_seconds, 2.0))
    length = (max(crops[-1].captured_at, least) - start).total_seconds()
    seconds = [(crop.captured_at - start).total_seconds() for crop in crops]
    return _chart(people, seconds, length, types, start if run.live else None)


def crowd_chart(crowd: Crowd, types: Sequence[str]) -> dict[str, Any]:
    """The like of `run_chart` for a crowd, which may be of several runs."""
    start, length = _span([crowd], crowd.by_clock)
    seconds = _seconds(crowd, start)
    return _chart(crowd.people, seconds, length, types, start)


def side_charts(crowds: Sequence[Crowd], types: Sequence[str]) -> tuple[list[str], float, bool]:
    """Small curves of crowds' emotions over time, on one axis.

    The axis is by the clock if each crowd was seen live, else from the start of each recording.

    Args:
        crowds: each of at least one person.
        types: emotions in the order in which they lie on one another, but for happiness, which lies
            lowest.

    Returns:
        Figures, as JSON; how many seconds they are smoothed by; and whether they are by the clock.
    """
    by_clock = all(crowd.by_clock for crowd in crowds)
    start, length = _span(crowds, by_clock)
    width = _width(length)
    types = sorted(types, key=lambda name: name != HAPPY)  # lowest, where shares compare best
    figures = []
    for crowd in crowds:
        figure = _areas(crowd.crops, _seconds(crowd, start), length, width, types, start)
        _lay_out(figure, length, start, height=132, top=100)
        figures.append(_json(figure))
    return figures, width, by_clock


def types_of(people: Iterable[Person]) -> list[str]:
    """The emotions of people, the most common first."""
    seen: dict[str, float] = {}
    for person in people:
        for name, value in person.emotions.items():
            seen[name] = seen.get(name, 0.0) + value
    return sorted(seen, key=lambda name: (-seen[name], name))


def _span(crowds: Sequence[Crowd], by_clock: bool) -> tuple[datetime | None, float]:
    """When an axis for crowds begins, None if it is no time of day; and how many seconds it has."""
    if by_clock:
        times = [crop.captured_at for crowd in crowds for crop in crowd.crops]
        start = min(times)
        return start, max((max(times) - start).total_seconds(), 2.0)
    ends = [second for crowd in crowds for second in _seconds(crowd, None)]
    ends += [each.run.recorded_seconds for c in crowds for each in c.records if each.run]
    return None, max(*ends, 2.0)


def _seconds(crowd: Crowd, start: datetime | None) -> list[float]:
    """When each crop was taken: seconds since `start`, or since the start of its own run."""
    begun = {
        crop.key: each.run.started_at if each.run else each.crops[0].captured_at
        for each in crowd.records
        for crop in each.crops
    }
    since = ((crop.captured_at, start or begun[crop.key]) for crop in crowd.crops)
    return [max((taken - first).total_seconds(), 0.0) for taken, first in since]


def _width(length: float) -> float:
    """By how many seconds a curve of that many is smoothed: no less than it can show."""
    return max(min(max(length / 16, 1.5), 600.0), 2 * length / _POINTS)


def _chart(
    people: Sequence[Person],
    seconds: Sequence[float],
    length: float,
    types: Sequence[str],
    start: datetime | None,
) -> dict[str, Any]:
    crops = crops_of(people)
    width = _width(length)
    figure = _areas(crops, seconds, length, width, types, start)
    tracks = {crop.key: person.track for person in people for crop in person.crops}
    dots = list(zip(crops, seconds))[:: -(-len(crops) // SHOWN_DOTS)]
    said = [f"person {tracks[c.key]}, {_label(str(c.emotions.dominant))}" for c, _ in dots]
    colours = [emotion_colour(str(crop.emotions.dominant)) for crop, _ in dots]
    figure.add_scatter(
        x=[_plain(start, second) for _, second in dots],
        y=[106] * len(dots),
        name="crop",
        mode="markers",
        marker={"size": 9, "color": colours},
        customdata=said,
        hovertemplate="%{customdata}",
        cliponaxis=False,
    )
    _lay_out(figure, length, start, height=320, top=110)
    return {"figure": _json(figure), "width": width, "all": len(dots) == len(crops)}


def _areas(
    crops: Sequence[ScoredCrop],
    seconds: Sequence[float],
    length: float,
    width: float,
    types: Sequence[str],
    start: datetime | None,
) -> go.Figure:
    moments = np.linspace(0.0, length, _POINTS)
    shares = emotion_shares(seconds, [crop.emotions.scores for crop in crops], moments, width)
    times = [_plain(start, moment) for moment in moments.tolist()]
    figure = go.Figure()
    for name in types:
        if name in shares:
            values = shares[name].round(2).tolist()
            figure.add_scatter(
                x=times,
                y=[None if math.isnan(value) else value for value in values],
                name=_label(name),
                mode="lines",
                line={"width": 0.5, "color": emotion_colour(name)},
                fillcolor=emotion_colour(name),
                stackgroup="share",
                hovertemplate="%{y:.0f}%",
            )
    return figure


def _lay_out(
    figure: go.Figure, length: float, start: datetime | None, *, height: int, top: int
) -> None:
    clock = start is not None or length > 3600
    ticks = ("%H:%M" if length > 300 else "%H:%M:%S") if clock else "%-M:%S"
    days = "" if length < 86400 else "%-d %b" if length > 4 * 86400 else "%-d %b %H:%M"
    hover = "%-d %b %H:%M" if days else "%H:%M:%S" if clock else "%-M:%S"
    tall = height > 200
    marks = [0, 25, 50, 75, 100] if tall else [0, 50, 100]
    figure.update_layout(
        hovermode="x unified",
        height=height,
        xaxis={
            "tickformat": days or ticks,
            "hoverformat": hover,
            "range": [_plain(start, 0.0), _plain(start, length)],
            "dtick": 1000 if length < 12 else None,  # ms; plotly would put two into a second
            "showgrid": False,
            "ticklabelstandoff": 8 if tall else 4,
            "zeroline": False,
            "fixedrange": True,
        },
        yaxis={
            "range": [0, top],
            "tickvals": marks,
            "ticktext": [f"{mark}%" for mark in marks],
            "ticklabelstandoff": 6,
            "zeroline": False,
            "fixedrange": True,
        },
        margin={"l": 54, "r": 14, "t": 8, "b": 36 if tall else 28},
    )


def _label(emotion: str) -> str:
    """An emotion's name for plotly, which takes HTML in its texts for markup."""
    return html.escape(emotion_word(emotion))


def _json(figure: go.Figure) -> str:
    """A figure for the page's script: no background of its own, letters as on the page."""
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        font={"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13},
    )
    # Inside <script>, so that no name in the data can end it.
    return str(figure.to_json()).replace("<", "\\u003c")


def _plain(start: datetime | None, seconds: float) -> str:
    """A time as plotly takes it without moving it into the reader's time zone."""
    moment = (start or _NO_DAY) + timedelta(seconds=seconds)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
