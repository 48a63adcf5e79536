from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.attributes import (
    MAX_LENGTH,
    FrameAttributes,
    format_attributes,
    parse_attributes,
)
from facepipe.errors import AttributesError
from tests.strategies import camera_names, frame_attributes, moments

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
TEXT = "camera=hall-1&captured_at=2026-11-20T09:30:05.250Z"


@given(frame_attributes())
def test_what_is_formatted_is_parsed_back(attributes):
    assert parse_attributes(format_attributes(attributes)) == attributes


@given(frame_attributes())
def test_sagemaker_takes_all_that_is_formatted(attributes):
    assert re.match(r"[!-~]{1,1024}\Z", format_attributes(attributes))


@given(camera_names())
def test_a_name_is_formatted_or_told_to_be_too_long(name):
    attributes = FrameAttributes(name, NOON)
    try:
        text = format_attributes(attributes)
    except AttributesError as error:
        assert "shorter" in str(error)
        assert 3 * len(name.encode("utf-8")) > MAX_LENGTH - len(TEXT)
    else:
        assert parse_attributes(text) == attributes


def test_as_much_as_sagemaker_takes_is_formatted_and_parsed():
    fits = FrameAttributes("😀" * 81 + "x" * 8, NOON)
    assert len(format_attributes(fits)) == MAX_LENGTH
    assert parse_attributes(format_attributes(fits)) == fits


def test_a_name_that_takes_too_much_room_is_told():
    with pytest.raises(AttributesError, match="too long for the 1024 characters"):
        format_attributes(FrameAttributes("😀" * 128, NOON))


@given(frame_attributes(), st.randoms())
def test_fields_come_in_any_order_and_in_any_encoding_of_a_query(attributes, random):
    fields = parse_qsl(format_attributes(attributes), strict_parsing=True)
    random.shuffle(fields)
    text = urlencode(fields)  # encodes more than need be, and a space as a plus
    if len(text) <= MAX_LENGTH:
        assert parse_attributes(text) == attributes


_fields = st.sampled_from(
    ["camera=a", "camera=%20", "camera=%ff", "camera=", "camera", "captured_at=x", "stills=1",
     "captured_at=2026-11-20T09:30:05.250Z", "last=1", "last=0", "last", "=", "x=1"]
)  # fmt: skip


@given(st.text() | st.lists(_fields, max_size=5).map("&".join))
@example(TEXT + "&stills=1&last=1")
def test_any_text_is_told_or_means_what_can_be_formatted(text):
    try:
        attributes = parse_attributes(text)
    except AttributesError as error:
        assert str(error)
        assert "\n" not in str(error)
        return
    assert parse_attributes(format_attributes(attributes)) == attributes


@given(moments())
def test_time_is_kept_in_utc_to_the_millisecond(moment):
    kept = FrameAttributes("x", moment).captured_at
    assert kept.utcoffset() == timedelta(0)
    assert timedelta(0) <= moment - kept < timedelta(milliseconds=1)


def test_the_attributes_are_written_as_documented():
    taken = datetime(2026, 11, 20, 9, 30, 5, 250999, tzinfo=timezone.utc)
    every = FrameAttributes("hall-1", taken, stills=True, last=True)
    assert format_attributes(FrameAttributes("hall-1", taken)) == TEXT
    assert format_attributes(every) == TEXT + "&stills=1&last=1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "encoded like the query"),
        (TEXT + "&", "no field ''"),
        (TEXT + " ", "encoded like the query"),
        (TEXT + "\r\nX-Evil: 1", "encoded like the query"),
        (TEXT.replace("hall-1", "%zz"), "encoded like the query"),
        (TEXT.replace("hall-1", "hällo"), "encoded like the query"),
        (TEXT.replace("hall-1", "%ff"), "camera in custom attributes must be UTF-8"),
        (TEXT.replace("hall-1", "%ED%A0%80"), "must be UTF-8"),
        (TEXT.replace("hall-1", "a%2Fb"), "a camera's name has"),
        (TEXT.replace("hall-1", "..%2f..%2fetc"), "a camera's name has"),
        (TEXT.replace("hall-1", "%0d%0a"), "a camera's name has"),
        (TEXT.replace("hall-1", ""), "a camera's name has"),
        (TEXT.replace("hall-1", "x" * 1000), "at most 1024"),
        (TEXT + "&camera=b", "camera twice"),
        (TEXT + "&run=4f9c", "no field 'run'"),
        (TEXT + "&last=true", "last in custom attributes must be 1"),
        (TEXT + "&stills", "stills in custom attributes must be 1"),
        ("camera=a", "must say captured_at="),
        ("captured_at=2026-11-20T09:30:05.250Z", "must say camera="),
        (TEXT.replace(".250Z", "Z"), "a time such as"),
        (TEXT.replace(".250Z", ".25Z"), "a time such as"),
        (TEXT.replace(".250Z", ".250%2B01:00"), "a time such as"),
        (TEXT.replace("11-20", "11-31"), "a time such as"),
        (TEXT.replace("2026", "26"), "a time such as"),
    ],
)
def test_what_says_nothing_of_a_frame_is_told(text, reason):
    with pytest.raises(AttributesError, match=reason) as caught:
        parse_attributes(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("camera", "captured_at"),
    [("a/b", NOON), ("", NOON), (None, NOON), ("a", NOON.replace(tzinfo=None)), ("a", "now")],
)
def test_parts_that_make_no_attributes_are_told(camera, captured_at):
    with pytest.raises(AttributesError):
        FrameAttributes(camera, captured_at)
