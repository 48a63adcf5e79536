"""A report is about what was asked for: every crop that fits, and no other."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.emotions import FaceEmotions
from facepipe.records import ScoredCrop
from facepipe_io.local.selection import Selection, parse_moment

NOW = datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=timezone.utc)

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=zones)
cameras = st.sampled_from(["hall", "door", "stage a"])
crops = st.builds(
    ScoredCrop, st.just("k"), cameras, times, st.just(1), st.just(FaceEmotions({"CALM": 90.0}))
)


@given(moment=times)
def test_a_time_that_is_written_in_full_is_that_time(moment):
    for text in (moment.isoformat(), moment.isoformat(" "), f"  {moment.isoformat()}\n"):
        parsed = parse_moment(text, NOW)
        assert parsed == moment
        assert parsed.utcoffset() == timedelta(0)


@given(moment=st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_a_time_without_a_zone_is_utc(moment):
    expected = moment.replace(tzinfo=timezone.utc)
    assert parse_moment(moment.isoformat(), NOW) == expected
    assert parse_moment(f"{moment.isoformat()}Z", NOW) == expected


@given(day=st.dates(max_value=datetime(9999, 12, 30).date()))
def test_a_day_is_taken_from_its_start_to_its_end(day):
    start = parse_moment(day.isoformat(), NOW)
    end = parse_moment(day.isoformat(), NOW, end=True)
    assert (start.date(), start.time()) == (day, datetime.min.time())
    assert end - start == timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("90s ago", timedelta(seconds=90)),
        ("30m ago", timedelta(minutes=30)),
        ("2 h ago", timedelta(hours=2)),
        ("7d ago", timedelta(days=7)),
    ],
)
def test_so_long_ago(text, before):
    assert parse_moment(text, NOW) == parse_moment(text, NOW, end=True) == NOW - before


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "2026-13-01", "2026-11-31T10:00", "14:30", "2h", "-2h ago", "999999d ago"),
        *("2026-11-20T25:00", "0001-01-01T00:00+01:00", "9999-12-31T23:59-01:00", "20 November"),
    ],
)
def test_what_is_no_time_is_said_to_be_none(text):
    with pytest.raises(ValueError, match="is no time; write it like 2026-11-20"):
        parse_moment(text, NOW)


@given(
    crop=crops,
    since=st.none() | times,
    until=st.none() | times,
    wanted=st.lists(cameras, max_size=2).map(tuple),
)
def test_a_crop_is_kept_if_nothing_speaks_against_it(crop, since, until, wanted):
    expected = True
    if since is not None and crop.captured_at < since:
        expected = False
    if until is not None and not crop.captured_at < until:
        expected = False
    if wanted and crop.camera not in wanted:
        expected = False
    assert Selection(since, until, wanted).keeps(crop) is expected


@given(crop=crops, middle=times)
def test_what_is_before_and_what_is_since_are_all_and_nothing_is_both(crop, middle):
    before, since = Selection(until=middle), Selection(since=middle)
    assert before.keeps(crop) != since.keeps(crop)


def test_a_selection_says_what_it_asks_for():
    assert Selection().words() == ""
    assert not Selection(runs=("4f9c",)).of_crops
    both = Selection(NOW, NOW + timedelta(hours=1), ("hall", "\u202edoor"), ("4f9c",))
    assert both.words() == (
        "of camera hall or door, of run 4f9c, since 2026-11-20T12:00:00.250Z, "
        "before 2026-11-20T13:00:00.250Z"
    )
