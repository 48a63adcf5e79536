"""The benchmarks: their figures say what was measured, and each group still runs."""

from __future__ import annotations

import importlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rich", reason="local: the extra facepipe[local] is not installed")

from benchmarks import __main__ as command
from benchmarks.charts import write_charts
from benchmarks.figures import Growth, Ratio, in_turns
from benchmarks.table import markdown

#: Those that take a second or two. The others start processes: `make bench` runs them.
QUICK_GROUPS = ("boxes", "crops", "growth")

exponents = st.floats(0.1, 3.0)


def ratio(ours, theirs, **more):
    return Ratio.of_rounds("group", "what", "a peer", "us", ours, theirs, **more)


@given(exponents, st.floats(1e-6, 1e3))
def test_the_exponent_of_a_power_is_found(exponent, first):
    sizes = np.array([10, 100, 1000])
    grown = Growth.of_rounds("group", "what", "boxes", "us", sizes, [first * sizes**exponent] * 3)
    assert grown.exponent == pytest.approx(exponent)
    assert grown.low == pytest.approx(grown.high)


@given(st.lists(st.floats(0.01, 100), min_size=1), st.floats(0.01, 100))
def test_a_ratio_is_the_median_of_the_rounds_and_within_its_spread(theirs, times):
    measured = ratio([each * times for each in theirs], theirs)
    assert measured.low <= measured.ratio <= measured.high
    assert measured.ratio == pytest.approx(times)


def test_who_is_behind_is_told():
    assert ratio([1.0], [2.0]).wins
    assert not ratio([2.0], [1.0]).wins
    assert ratio([2.0], [1.0], more_is_better=True).wins
    assert "behind" in markdown([ratio([2.0], [1.0])])
    slow = Growth.of_rounds("group", "what", "boxes", "us", [1, 10], [[1, 100]], bound=1.0)
    assert "above 1" in markdown([slow])


def test_calls_take_turns():
    calls = []
    times = in_turns([lambda: calls.append("a"), lambda: calls.append("b")], 0.0)
    assert times.shape[1] == 2
    assert (times > 0).all()
    assert calls[:2] == ["a", "b"]


def test_a_page_keeps_what_was_written_by_hand(tmp_path):
    (tmp_path / "figures.md").write_text(f"before\n{command.BEGIN}old\n{command.END}\nafter\n")
    for _ in range(2):
        command.write([ratio([1.0], [2.0])], tmp_path)
    text = (tmp_path / "figures.md").read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert text.count("| what | 1 us | 2 us | a peer | 0.5 |") == 1


def test_some_groups_do_not_take_the_place_of_all(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", "--only", "boxes", "--write", str(tmp_path)])
    with pytest.raises(SystemExit):
        command.main()
    assert "--write goes without --only" in capsys.readouterr().err


def test_charts_are_pictures(tmp_path):
    grown = Growth.of_rounds("group", "what", "boxes", "us", [1, 10], [[1, 10], [1, 11]])
    write_charts([ratio([1.0, 2.0], [2.0, 2.5]), grown], tmp_path)
    for name in ("bench-ratios.png", "bench-growth.png"):
        assert cv2.imread(str(tmp_path / name)).std() > 5


@pytest.mark.parametrize("name", QUICK_GROUPS)
def test_a_group_still_runs(name):
    measured = list(importlib.import_module(f"benchmarks.{name}").figures(0.001))
    assert {type(each) for each in measured} <= {Ratio, Growth}
    assert markdown(measured)


def test_every_group_is_there():
    for name in command.GROUPS:
        assert callable(importlib.import_module(f"benchmarks.{name}").figures)
