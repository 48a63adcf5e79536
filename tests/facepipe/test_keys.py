from __future__ import annotations

from datetime import datetime, timedelta, timezone
from urllib.parse import quote_plus

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.errors import KeyFormatError
from facepipe.events import iter_s3_objects
from facepipe.keys import PREFIX, CropKey, format_key, parse_key
from tests.strategies import crop_keys, moments

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
KEY = "faces/hall-1/2026/11/20/09/20261120T093005250Z-4f9c-7-0.jpg"


@given(crop_keys())
def test_what_is_formatted_is_parsed_back(key):
    assert parse_key(format_key(key)) == key


@given(crop_keys())
def test_s3_takes_every_key(key):
    text = format_key(key)
    assert text.startswith(PREFIX)
    assert len(text.encode("utf-8")) <= 1024
    assert ".." not in text.split("/")
    assert len(text.rpartition("/")[2].encode("utf-8")) <= 255  # and so does a folder


@given(crop_keys(), crop_keys(cameras=st.just("x")))
def test_different_crops_have_different_keys(a, b):
    assert (format_key(a) == format_key(b)) == (a == b)


@given(crop_keys(cameras=st.just("x")), crop_keys(cameras=st.just("x")))
def test_within_a_camera_keys_sort_by_time(a, b):
    if a.captured_at != b.captured_at:
        assert (format_key(a) < format_key(b)) == (a.captured_at < b.captured_at)


@given(crop_keys())
def test_a_key_survives_the_encoding_of_an_event(key):
    entry = {"bucket": {"name": "b"}, "object": {"key": quote_plus(format_key(key))}}
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": entry}
    (found,) = iter_s3_objects({"Records": [record]})
    assert parse_key(found.key) == key


@given(moments(st.timezones()))
def test_time_is_kept_in_utc_to_the_millisecond(moment):
    kept = CropKey("x", moment, "0000", 0, 0).captured_at
    assert kept.utcoffset() == timedelta(0)
    assert timedelta(0) <= moment - kept < timedelta(milliseconds=1)


def test_time_is_kept_in_utc_wherever_the_machine_is(far_from_utc):
    kept = CropKey("x", NOON, "0000", 0, 0).captured_at
    assert (kept.hour, kept.utcoffset()) == (12, timedelta(0))


def test_parts_at_their_limits_make_a_key():
    longest = CropKey("x" * 128, NOON, "0" * 32, 10**18 - 1, 0, label="ü" * 50)
    assert parse_key(format_key(longest)) == longest


def test_the_key_is_written_as_documented():
    taken = datetime(2026, 11, 20, 9, 30, 5, 250999, tzinfo=timezone.utc)
    assert format_key(CropKey("hall-1", taken, "4f9c", np.int64(7), 0)) == KEY
    bottle = CropKey("hall-1", taken, "4f9c", 7, 0, label="soda bottle")
    assert format_key(bottle) == KEY.replace("-0.jpg", "-0-soda bottle.jpg")


@given(st.text() | st.from_regex(r"faces/[^/]*/[0-9/]*/[0-9TZ]*-[0-9a-z]*-[0-9]*-[0-9]*.jpg"))
@example(KEY)
def test_a_key_is_parsed_only_if_it_is_formatted_so(text):
    try:
        key = parse_key(text)
    except KeyFormatError:
        return
    assert format_key(key) == text


@pytest.mark.parametrize(
    ("foreign", "reason"),
    [
        ("", "another form"),
        ("faces/me.jpg", "another form"),
        ("models/" + KEY, "another form"),
        (KEY + "\n", "another form"),
        (KEY.replace("hall-1", "a/b"), "another form"),
        (KEY.replace("/09/", "/10/"), "do not fit"),
        (KEY.replace("-7-", "-07-"), "do not fit"),
        (KEY.replace("1120T", "1131T"), "no such time"),
        (KEY.replace("4f9c", "4f"), "a run has"),
        (KEY.replace("hall-1", ".."), "a camera's name has"),
        (KEY.replace("-7-", "-" + "7" * 19 + "-"), "another form"),
        (KEY.replace("-0.jpg", "-0-.jpg"), "another form"),
        (KEY.replace("-0.jpg", "-0-face.jpg"), "do not fit"),
        (KEY.replace("-0.jpg", "-0-a\n.jpg"), "a label has"),
    ],
)
def test_a_foreign_key_is_told(foreign, reason):
    with pytest.raises(KeyFormatError, match=reason) as caught:
        parse_key(foreign)
    assert caught.value.key in foreign
    assert repr(caught.value.key) in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"camera": ""}, {"camera": "a/b"}, {"camera": "a\n"}, {"camera": "."}, {"camera": None},
        {"camera": "x" * 129}, {"camera": "\ud800"},
        {"captured_at": datetime(2026, 1, 1)}, {"captured_at": 0},
        {"run": "abc"}, {"run": "ABCD"}, {"run": "a-b-c"}, {"run": None}, {"run": "0" * 33},
        {"label": ""}, {"label": "a/b"}, {"label": "a\t"}, {"label": None}, {"label": "x" * 65},
        {"label": "a\x9b"}, {"label": "a\u202e"}, {"label": "ü" * 50 + "x"}, {"label": "\ud800"},
        {"track": -1}, {"shot": -1}, {"track": 10**18}, {"track": "7"}, {"shot": 1.5},
        {"captured_at": datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))},
    ],
)  # fmt: skip
def test_parts_that_make_no_key_are_told(wrong):
    good = {"camera": "x", "captured_at": NOON, "run": "4f9c", "track": 7, "shot": 0}
    with pytest.raises(KeyFormatError) as caught:
        CropKey(**{**good, **wrong})
    assert [caught.value.key] == list(wrong.values())
