"""The check of the dashboard, checked: each way for a widget to be wrong must be found."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facepipe.moods import emotion_colour, emotion_word
from tests.rehearsal.cloudwatch import CloudWatch
from tests.rehearsal.dashboard import (
    Alarms,
    DashboardError,
    assert_all_shown,
    empty_lines,
    read,
)
from tests.rehearsal.dashboard_picture import COLUMN, DPI, ROW, draw
from tests.rehearsal.metric_math import Expressions, MathError, Metric, Series
from tests.rehearsal.terraform import ROOT

TIMES = [0, 60, 120, 180]
HAPPY = Metric("Facepipe", "HAPPY")
AT_HALL = Metric("Facepipe", "HAPPY", (("Camera", "hall"),))
CALM = Metric("Facepipe", "CALM")
BOTTLES = Metric("Facepipe", "ObjectsSeen", (("Label", "bottle"),))
BOTTLES_AT_HALL = Metric("Facepipe", "ObjectsSeen", (("Camera", "hall"), ("Label", "bottle")))
ALARM = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:sad"


@attrs.define
class Fake:
    """A source with a few metrics, and one alarm."""

    data: dict = attrs.Factory(
        lambda: {
            HAPPY: {0: 30.0, 60: 60.0},
            AT_HALL: {0: 30.0},
            CALM: {0: 10.0, 180: 20.0},
            BOTTLES: {60: 3.0},
            BOTTLES_AT_HALL: {60: 3.0},
        }
    )
    alarms: dict = attrs.Factory(lambda: {ALARM: ("sad", "OK", HAPPY, "Maximum")})
    times: list = attrs.Factory(lambda: list(TIMES))

    def points(self, metric, stat):
        return self.data.get(metric, {})

    def search(self, namespace, dimensions, name):
        return [
            metric
            for metric in self.data
            if (metric.namespace, metric.name) == (namespace, name)
            and {dimension for dimension, _ in metric.dimensions} == dimensions
        ]

    def alarm(self, arn):
        return self.alarms.get(arn)


def chart(*metrics, **properties):
    return {
        "type": "metric",
        "x": 0,
        "y": 2,
        "width": 12,
        "height": 7,
        "properties": {
            "title": "Emotions",
            "region": "us-east-1",
            "view": "timeSeries",
            "stacked": False,
            "period": 60,
            "stat": "Average",
            "yAxis": {"left": {"min": 0, "max": 100}},
            "metrics": list(metrics),
            **properties,
        },
    }


SEARCH = "SEARCH('{\"Facepipe\",Label} MetricName=\"ObjectsSeen\"', 'Sum')"


def dashboard():
    text = {"type": "text", "x": 0, "y": 0, "width": 24, "height": 2}
    text["properties"] = {"markdown": "# Mood\nof **all**"}
    moods = chart(
        ["Facepipe", "HAPPY", {"color": "#ffbf00"}],
        ["Facepipe", "HAPPY", "Camera", "hall", {"label": "hall", "yAxis": "right"}],
        yAxis={"right": {"min": 0, "label": "%", "showUnits": False}},
    )
    shares = chart(
        [{"expression": "100 * FILL(m_happy, 0) / total", "label": "happy", "id": "share"}],
        [{"expression": 'SUM(FILL(METRICS("m_"), 0))', "id": "total", "visible": False}],
        ["Facepipe", "HAPPY", {"id": "m_happy", "stat": "Sum", "visible": False}],
        ["Facepipe", "CALM", {"id": "m_calm", "stat": "Sum", "visible": False}],
        title="Shares",
        stacked=True,
    )
    objects = chart([{"expression": SEARCH, "label": "${PROP('Dim.Label')}"}], title="Objects")
    alarms = {"type": "alarm", "x": 12, "y": 9, "width": 12, "height": 3}
    alarms["properties"] = {"title": "Alarms", "alarms": [ALARM], "sortBy": "default"}
    return {"widgets": [text, moods, {**shares, "x": 12}, {**objects, "y": 9}, alarms]}


def look(body, source=None):
    return read(json.dumps(body), source or Fake())


def test_all_that_is_shown():
    text, happy, shares, objects, alarms = look(dashboard())
    assert text.markdown.startswith("# Mood")
    assert [(line.label, line.colour, line.right) for line in happy.lines] == [
        ("HAPPY", "#ffbf00", False),
        ("hall", None, True),
    ]
    assert happy.lines[0].points == {0: 30.0, 60: 60.0}
    # Nothing is known of 120: a share of nothing is no point.
    assert [(line.label, line.points) for line in shares.lines] == [
        ("happy", {0: 75.0, 60: 100.0, 180: 0.0})
    ]
    assert [(line.label, line.points) for line in objects.lines] == [("bottle", {60: 3.0})]
    assert alarms.states == {"sad": "OK"}
    assert empty_lines([text, happy, shares, objects, alarms]) == []


MISSPELT = {
    "a metric": (1, '"HAPPY"', '"HAPY"', "Emotions: Facepipe HAPY"),
    "a namespace": (1, '"Facepipe"', '"facepipe"', "Emotions: facepipe HAPPY"),
    "a dimension": (1, '"Camera"', '"camera"', "Emotions: Facepipe HAPPY camera=hall"),
    "its value": (1, '"Camera", "hall"', '"Camera", "hal"', "Facepipe HAPPY Camera=hal"),
    "a dimension too many": (1, '"hall", {', '"hall", "Type", "x", {', "Camera=hall Type=x"),
    "what is not drawn": (2, '"CALM"', '"CALMER"', "Shares: Facepipe CALMER"),
    "a search's metric": (3, "ObjectsSeen", "ObjectSeen", "Objects: "),
    "a search's dimension": (3, ",Label}", ",Labels}", "Objects: "),
}


@pytest.mark.parametrize(("number", "right", "wrong", "said"), MISSPELT.values(), ids=MISSPELT)
def test_what_is_misspelt_shows_nothing(number, right, wrong, said):
    body = dashboard()
    text = json.dumps(body["widgets"][number])
    assert right in text
    body["widgets"][number] = json.loads(text.replace(right, wrong))
    with pytest.raises(DashboardError, match="the dashboard shows nothing at ") as caught:
        assert_all_shown(look(body))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("number", "properties", "said"),
    [
        (0, {"markdown": " "}, "the text ' '"),
        (1, {"metrics": []}, "Emotions"),
        (4, {"alarms": []}, "Alarms"),
    ],
)
def test_an_empty_widget_shows_nothing(number, properties, said):
    body = dashboard()
    body["widgets"][number]["properties"].update(properties)
    assert empty_lines(look(body)) == [said]


def test_an_alarm_on_what_nobody_puts_shows_nothing():
    fake = Fake(alarms={ALARM: ("sad", "OK", Metric("AWS/SQS", "Age"), "Maximum")})
    assert empty_lines(look(dashboard(), fake)) == ["Alarms: sad"]


UNKNOWN = {
    "field of the body": ([], {"start": "-PT3H"}),
    "field of a widget": (["widgets", 1], {"colour": "red"}),
    "type": (["widgets", 1], {"type": "log"}),
    "property": (["widgets", 1, "properties"], {"sparkline": True}),
    "view": (["widgets", 1, "properties"], {"view": "pie"}),
    "axis": (["widgets", 1, "properties"], {"yAxis": {"middle": {}}}),
    "property of an axis": (["widgets", 1, "properties"], {"yAxis": {"left": {"log": True}}}),
    "option": (["widgets", 1, "properties", "metrics", 0, 2], {"colour": "#ffbf00"}),
    "shorthand": (
        ["widgets", 1, "properties"],
        {"metrics": [["Facepipe", "HAPPY"], [".", "CALM"]]},
    ),
    "half a dimension": (
        ["widgets", 1, "properties"],
        {"metrics": [["Facepipe", "HAPPY", "Camera"]]},
    ),
    "two in one": (["widgets", 2, "properties", "metrics", 2, 2], {"expression": "m_calm"}),
    "function": (["widgets", 2, "properties", "metrics", 0, 0], {"expression": "FIL(m_happy, 0)"}),
    "number": (["widgets", 2, "properties", "metrics", 0, 0], {"expression": "SUM(m_happy)"}),
    "label": (["widgets", 3, "properties", "metrics", 0, 0], {"label": "${PROP('Dim.Labels')}"}),
    "alarm": (["widgets", 4, "properties"], {"alarms": [ALARM + "der"]}),
    "width": (["widgets", 2], {"width": 13}),
    "overlap": (["widgets", 2], {"x": 11}),
}


@pytest.mark.parametrize(("path", "change"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_cloudwatch_does_not_know_is_refused(path, change):
    body = dashboard()
    place = body
    for step in path:
        place = place[step]
    place.update(change)
    with pytest.raises(DashboardError):
        look(body)


def test_a_widget_needs_a_place():
    body = dashboard()
    del body["widgets"][1]["y"]
    with pytest.raises(DashboardError, match="Emotions has no 'y'"):
        look(body)


# Metric math

LINES = st.dictionaries(st.sampled_from(TIMES), st.floats(-1e6, 1e6))


def expressions(first=(), second=(), **texts):
    metrics = {"m_a": Series(dict(first), HAPPY), "m_b": Series(dict(second), CALM)}
    return Expressions(metrics, texts, TIMES, lambda *_: [])


@given(LINES, LINES)
def test_a_sum_is_over_all_times_and_arithmetic_over_common_ones(first, second):
    math = expressions(first, second)
    assert set(math.value('SUM(METRICS("m_"))').points) == set(first) | set(second)
    added = math.value("m_a + m_b").points
    assert added == {time: first[time] + second[time] for time in set(first) & set(second)}


@given(LINES, st.floats(-1e6, 1e6))
def test_filling_keeps_what_is_there(points, filling):
    filled = expressions(points).value(f"FILL(m_a, {abs(filling)!r})").points
    assert filled == {time: points.get(time, abs(filling)) for time in TIMES}


@given(LINES, LINES)
def test_nothing_is_divided_by_zero(first, second):
    shares = expressions(first, second).value("m_a / m_b").points
    assert set(shares) == {time for time in set(first) & set(second) if second[time] != 0}


def test_expressions_name_one_another():
    math = expressions({0: 2.0}, {0: 3.0}, e1="m_a * 2", e2="e1 - m_b / (1 + 2)")
    assert math.value("e2").points == {0: 3.0}
    assert math.value("2 * METRICS('_b')")[0].points == {0: 6.0}
    assert math.value("SUM(m_a) * 2") == 4.0


@pytest.mark.parametrize(
    "text",
    [
        *("AVG(m_a)", "fill(m_a, 0)", "FILL(m_a)", "FILL(m_a, REPEAT)", "FILL(1, 0)", "SUM(1)"),
        *(
            "METRICS(m_a)",
            "SUM('m_a')",
            "m_c",
            "m_a ** 2",
            "m_a % 2",
            "m_a +",
            "m_a.points",
            "-m_a",
        ),
        *("METRICS() + METRICS()", "1 / 0", "e1", "True", "'m_a'", "SEARCH('Facepipe', 'Sum')"),
        *("m_a if m_b else 1", "FILL(m_a, m_b)", "FILL(*METRICS())"),
    ],
)
def test_what_metric_math_does_not_know_is_refused(text):
    with pytest.raises(MathError):
        expressions({0: 1.0}, {0: 1.0}, e1="e2", e2="e1").value(text)


# The picture


def without_points(widget):
    if isinstance(widget, Alarms):
        return attrs.evolve(widget, states={})
    lines = tuple(attrs.evolve(line, points={}) for line in widget.lines)
    return attrs.evolve(widget, lines=lines)


def test_each_line_is_drawn_in_its_place(tmp_path):
    widgets = look(dashboard())
    draw(widgets, tmp_path / "all.png", period=60)
    draw([widgets[0], *map(without_points, widgets[1:])], tmp_path / "bare.png", period=60)
    full, bare = (
        np.asarray(Image.open(tmp_path / name).convert("RGB")).astype(int)
        for name in ("all.png", "bare.png")
    )
    row, column = round(ROW * DPI), round(COLUMN * DPI)
    assert full.shape == bare.shape == (16 * row, 24 * column, 3)
    changed = np.abs(full - bare).max(axis=2) > 16
    for widget in widgets[1:]:
        place = widget.place
        top, left = place.y * row, place.x * column
        rows = slice(top, top + place.height * row)
        columns = slice(left, left + place.width * column)
        pixels = full[rows, columns][changed[rows, columns]]
        colours = [line.colour or "#1f77b4" for line in getattr(widget, "lines", ())[:1]]
        for colour in colours or ["#1d8102"]:
            wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
            assert np.abs(pixels - wanted).max(axis=1).min() < 48, widget
        changed[rows, columns] = False
    assert not changed.any()


def test_an_empty_dashboard_can_be_drawn(tmp_path):
    (empty,) = look({"widgets": [chart(["Facepipe", "SAD"])]})
    draw([empty], tmp_path / "empty.png", period=60)
    assert (tmp_path / "empty.png").is_file()


@pytest.mark.parametrize(
    ("seconds", "period"), [(0, 1), (30, 1), (31, 5), (150, 5), (280, 10), (600, 30), (1500, 60)]
)
def test_a_span_is_cut_into_periods_that_can_be_read(seconds, period):
    first = datetime(2026, 11, 20, 9, 0, 1, 500000, tzinfo=timezone.utc)
    source = CloudWatch.spanning(None, first, first + timedelta(seconds=seconds))
    assert source.period == period
    assert source.start <= first.timestamp()
    assert source.end > first.timestamp() + seconds
    assert source.times[0] % period == 0
    assert len(source.times) <= 32


def test_words_and_colours_are_those_of_the_library():
    text = (ROOT / "terraform" / "modules" / "dashboard" / "emotions.json").read_text("utf-8")
    emotions = json.loads(text)
    assert len({each["type"] for each in emotions}) == 9
    for each in emotions:
        assert each["word"] == emotion_word(each["type"])
        assert each["colour"] == emotion_colour(each["type"])
