from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given

from facepipe.times import as_utc, iso_millis, parse_iso, utc_millis
from tests.strategies import moments

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


@given(moments())
def test_the_same_time_in_utc(moment):
    assert as_utc(moment) == moment
    assert as_utc(moment).tzinfo is timezone.utc


@given(moments())
def test_milliseconds_are_cut(moment):
    assert timedelta(0) <= moment - utc_millis(moment) < timedelta(milliseconds=1)
    assert utc_millis(moment).microsecond % 1000 == 0
    assert parse_iso(iso_millis(moment)) == utc_millis(moment)


@given(moments())
def test_a_time_is_written_so_that_it_can_be_read_and_sorted(moment):
    text = iso_millis(moment)
    read = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)
    assert len(text) == 24


def test_a_time_is_written_in_utc_wherever_the_machine_is(far_from_utc):
    assert iso_millis(NOON) == "2026-11-20T12:00:00.000Z"


# What no time zone is given for would be taken for the time zone of the machine.
@pytest.mark.parametrize("function", [as_utc, utc_millis, iso_millis])
@pytest.mark.parametrize("moment", [NOON.replace(tzinfo=None), NOON.isoformat(), None])
def test_a_time_without_a_time_zone_is_told(function, moment):
    with pytest.raises(ValueError, match="must be a datetime with a time zone"):
        function(moment)


@pytest.mark.parametrize(
    "moment",
    [
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_what_is_beyond_the_calendar_in_utc_is_told(moment):
    with pytest.raises(ValueError, match="is no time in UTC"):
        as_utc(moment)
