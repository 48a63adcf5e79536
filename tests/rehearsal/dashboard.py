"""The dashboard as somebody sees it who opens it: each widget with the lines that it shows.

The body that Terraform deployed is read as CloudWatch reads it, but strictly: what this module does
not know is an error. So is a line without a point, for a misspelt name or dimension looks just so.
Fields are those of "Dashboard body structure and syntax" in the Amazon CloudWatch API Reference.
"""

from __future__ import annotations

import json
import re
from typing import Any, Iterator, Mapping, Union

import attrs

from tests.rehearsal.cloudwatch import Source
from tests.rehearsal.metric_math import Expressions, MathError, Metric, Series

COLUMNS = 24

_WIDGET = {"type", "x", "y", "width", "height", "properties"}
_STYLE = {"legend", "region", "stacked", "title", "view", "yAxis"}
_CHART = {"metrics", "period", "stat", *_STYLE}
_OPTIONS = {"color", "expression", "id", "label", "stat", "visible", "yAxis"}
_AXIS = {"label", "max", "min", "showUnits"}


class DashboardError(AssertionError):
    """The dashboard is not what an operator should see; says where."""


@attrs.frozen
class Place:
    """Where a widget is, in columns and rows of CloudWatch's grid."""

    x: int
    y: int
    width: int
    height: int

    def overlaps(self, other: Place) -> bool:
        """Whether a part of one lies on the other."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@attrs.frozen
class Line:
    """A line of a chart.

    Attributes:
        label: in the legend.
        colour: `#rrggbb`; None for one of CloudWatch's own.
        right: whether it belongs to the right axis.
        points: values by second.
    """

    label: str
    colour: str | None
    right: bool
    points: Mapping[int, float]


@attrs.frozen
class Chart:
    """A widget of metrics, and what there is to complain of: names of lines without a point."""

    title: str
    place: Place
    stacked: bool
    legend: str
    left: Mapping[str, Any]
    right: Mapping[str, Any]
    lines: tuple[Line, ...]
    empty: tuple[str, ...]


@attrs.frozen
class Text:
    """A widget of Markdown."""

    place: Place
    markdown: str


@attrs.frozen
class Alarms:
    """A widget of alarms: name to state; and those whose metric nobody has ever put."""

    title: str
    place: Place
    states: Mapping[str, str]
    empty: tuple[str, ...]


Widget = Union[Chart, Text, Alarms]


def read(body: str, source: Source) -> list[Widget]:
    """The widgets of a dashboard, with what they show.

    Args:
        body: as GetDashboard gives it.
        source: of metrics and alarms.

    Raises:
        DashboardError: if the body has something that this module does not know, or widgets that
            lie on one another.
    """
    top = json.loads(body)
    _known(top, {"widgets"}, "the dashboard")
    widgets = [_widget(each, source) for each in top["widgets"]]
    for number, widget in enumerate(widgets):
        for other in widgets[:number]:
            if widget.place.overlaps(other.place):
                raise DashboardError(f"{_name(widget)} lies on {_name(other)}")
    return widgets


def empty_lines(widgets: list[Widget]) -> list[str]:
    """What shows nothing: `widget: line`, and `widget` alone for one that has no line at all."""
    found = []
    for widget in widgets:
        if isinstance(widget, Text):
            found += [] if widget.markdown.strip() else [_name(widget)]
            continue
        shown = widget.lines if isinstance(widget, Chart) else widget.states
        found += [f"{widget.title}: {what}" for what in widget.empty]
        found += [] if shown or widget.empty else [widget.title]
    return found


def assert_all_shown(widgets: list[Widget]) -> None:
    """Every line of every widget must have a point.

    Raises:
        DashboardError: if one has none; names each.
    """
    found = empty_lines(widgets)
    if found:
        raise DashboardError("the dashboard shows nothing at " + "; ".join(found))


def _known(given: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = set(given) - known
    if unknown:
        raise DashboardError(f"{where} has {', '.join(sorted(unknown))}, which is not known")


def _name(widget: Widget) -> str:
    if isinstance(widget, Text):
        return f"the text {widget.markdown[:30]!r}"
    return widget.title


def _widget(given: Mapping[str, Any], source: Source) -> Widget:
    properties = given["properties"]
    where = properties.get("title") or f"a widget of the type {given['type']}"
    _known(given, _WIDGET, where)
    try:
        place = Place(given["x"], given["y"], given["width"], given["height"])
    except KeyError as missing:
        raise DashboardError(f"{where} has no {missing}") from None
    if place.x < 0 or place.y < 0 or place.x + place.width > COLUMNS:
        raise DashboardError(f"{where} is not within the {COLUMNS} columns")
    if given["type"] == "metric":
        return _chart(properties, place, source)
    if given["type"] == "text":
        _known(properties, {"background", "markdown"}, where)
        return Text(place, properties["markdown"])
    if given["type"] == "alarm":
        return _alarms(properties, place, source)
    raise DashboardError(f"{where} is of a type that is not known")


def _alarms(given: Mapping[str, Any], place: Place, source: Source) -> Alarms:
    _known(given, {"alarms", "sortBy", "title"}, given["title"])
    states, empty = {}, []
    for arn in given["alarms"]:
        found = source.alarm(arn)
        if found is None:
            raise DashboardError(f"{given['title']}: there is no alarm {arn}")
        name, states[name], metric, stat = found
        if not source.points(metric, stat):
            empty.append(name)
    return Alarms(given["title"], place, states, tuple(empty))


@attrs.frozen
class _Entry:
    """A row of a chart's `metrics`: a metric or an expression, its statistic and its options."""

    metric: Metric | None
    stat: str
    options: Mapping[str, Any]

    @property
    def what(self) -> str:
        """By what to call it."""
        if self.metric is None:
            return str(self.options.get("label") or self.options["expression"])
        dimensions = " ".join(f"{name}={value}" for name, value in self.metric.dimensions)
        return f"{self.metric.namespace} {self.metric.name} {dimensions}".strip()


def _chart(given: Mapping[str, Any], place: Place, source: Source) -> Chart:
    title = given["title"]
    _known(given, _CHART, title)
    _known(given["yAxis"], {"left", "right"}, title)
    axes = [given["yAxis"].get(side, {}) for side in ("left", "right")]
    for axis in axes:
        _known(axis, _AXIS, title)
    if given["view"] != "timeSeries":
        raise DashboardError(f"{title}: the view {given['view']} is not known")
    entries = [_entry(row, given, title) for row in given["metrics"]]
    values = {
        number: Series(source.points(entry.metric, entry.stat), entry.metric)
        for number, entry in enumerate(entries)
        if entry.metric is not None
    }
    math = Expressions(
        metrics={
            entries[number].options["id"]: series
            for number, series in values.items()
            if "id" in entries[number].options
        },
        expressions={
            entry.options["id"]: entry.options["expression"]
            for entry in entries
            if entry.metric is None and "id" in entry.options
        },
        times=source.times,
        search=lambda namespace, dimensions, name, stat: [
            Series(source.points(metric, stat), metric)
            for metric in source.search(namespace, dimensions, name)
        ],
    )
    lines: list[Line] = []
    empty = []
    for number, entry in enumerate(entries):
        try:
            value = values[number] if entry.metric else math.value(entry.options["expression"])
        except MathError as error:
            raise DashboardError(f"{title}: {error}") from None
        found = list(_lines(entry, value, title))
        # One that is not drawn must have points as well: it is what others are made of.
        empty += [entry.what for line in found if not line.points] or (
            [] if found else [entry.what]
        )
        if entry.options.get("visible", True):
            lines += found
    return Chart(
        title=title,
        place=place,
        stacked=given.get("stacked", False),
        legend=given.get("legend", {}).get("position", "bottom"),
        left=axes[0],
        right=axes[1],
        lines=tuple(lines),
        empty=tuple(empty),
    )


def _entry(row: list[Any], chart: Mapping[str, Any], title: str) -> _Entry:
    words = [each for each in row if isinstance(each, str)]
    options = row[-1] if isinstance(row[-1], dict) else {}
    _known(options, _OPTIONS, title)
    if "." in words or "..." in words:
        raise DashboardError(f"{title}: a metric that repeats the one before it is not known")
    stat = options.get("stat", chart.get("stat", "Average"))
    if "expression" in options and not words:
        return _Entry(None, stat, options)
    if len(words) < 2 or len(words) % 2 or "expression" in options:
        raise DashboardError(f"{title}: {row} is no metric")
    dimensions = sorted(zip(words[2::2], words[3::2]))
    return _Entry(Metric(words[0], words[1], tuple(dimensions)), stat, options)


def _lines(entry: _Entry, value: Any, title: str) -> Iterator[Line]:
    if isinstance(value, float):
        raise DashboardError(f"{title}: {entry.what} is a number, and no line")
    for series in [value] if isinstance(value, Series) else value:
        yield Line(
            label=_label(entry, series, title),
            colour=entry.options.get("color"),
            right=entry.options.get("yAxis", "left") == "right",
            points=series.points,
        )


def _label(entry: _Entry, series: Series, title: str) -> str:
    """An entry's label, with the properties of the line's metric filled in."""
    metric = series.metric or Metric("", "")

    def property_of(found: re.Match[str]) -> str:
        dimension = re.fullmatch(r"PROP\('Dim\.(\w+)'\)", found[1])
        if dimension is None or dimension[1] not in dict(metric.dimensions):
            raise DashboardError(f"{title}: the label {found[0]} is not known")
        return dict(metric.dimensions)[dimension[1]]

    own = metric.name if series.metric else entry.what
    return re.sub(r"\$\{(.+?)\}", property_of, entry.options.get("label", own))
