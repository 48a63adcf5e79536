from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.errors import PointerError
from facepipe.models import (
    MAX_POINTER_BYTES,
    ModelPointer,
    ModelVersion,
    check_model_name,
    format_pointer,
    parse_pointer,
    pointer_key,
)
from tests.strategies import model_pointers, model_versions

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
OLD = ModelVersion("bottles", 64 * "a", 99, "onnx")
NEW = ModelVersion("bottles", 64 * "b", 12345, "onnx")
POINTER = ModelPointer(NEW, NOON, OLD)


def changed(**fields):
    """A pointer's text with some fields of its JSON set, or left out where they are `...`."""
    document = {**json.loads(format_pointer(POINTER)), **fields}
    return json.dumps({name: value for name, value in document.items() if value is not ...})


@given(model_pointers())
def test_what_is_formatted_is_parsed_back(pointer):
    assert parse_pointer(format_pointer(pointer)) == pointer


def test_a_pointer_is_written_for_people_to_read():
    assert format_pointer(POINTER).splitlines()[:2] == ["{", '  "version": 1,']


@given(model_pointers())
def test_a_pointer_is_no_longer_than_devices_read(pointer):
    assert len(format_pointer(pointer).encode()) <= MAX_POINTER_BYTES


@given(model_versions())
def test_keys_lie_under_the_prefix_and_never_meet(version):
    assert re.match(r"models/[A-Za-z0-9._-]+/[0-9a-f]{64}\.tar\.gz\Z", version.archive)
    assert re.match(r"models/[A-Za-z0-9._-]+\.json\Z", pointer_key(version.name))
    assert version.archive != pointer_key(version.name)


@given(model_versions(), model_versions())
def test_versions_that_differ_in_content_or_name_have_different_archives(one, other):
    same = (one.name, one.sha256) == (other.name, other.sha256)
    assert (one.archive == other.archive) == same


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.text() | _json.map(json.dumps))
def test_any_other_text_is_refused_in_one_sentence(text):
    with pytest.raises(PointerError, match=r"\Ait is no pointer to a model: ") as caught:
        parse_pointer(text)
    assert "\n" not in str(caught.value)


@given(
    st.sampled_from(["version", "archive", "sha256", "bytes", "detector", "published_at", "a"]),
    _json,
)
def test_no_field_can_be_anything_else(name, value):
    """Unless it is what it was: another detector, say, is as good."""
    try:
        parsed = parse_pointer(changed(**{name: value}))
    except PointerError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 400
    else:
        assert json.loads(format_pointer(parsed))[name] == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is no JSON"),
        (10**5 * "[", "it is no JSON"),
        ("[]", "it is no JSON object"),
        ('{"version": 1, "version": 1}', "it has a field twice"),
        ("{}", "`version` is missing"),
        ('{"version": true}', "`version` is missing, or no whole number"),
        ('{"version": 2}', "has the form of version 2, and this facepipe knows 1; update it"),
        (changed(archive=...), "`archive` is missing"),
        (changed(colour="red"), "a field 'colour', of which nothing is known"),
        (changed(archive="models/b.tar.gz"), "must be models/NAME/SHA256.tar.gz"),
        (changed(archive=7), "must be models/NAME/SHA256.tar.gz, not 7"),
        (changed(archive="models/../" + 64 * "b" + ".tar.gz"), "a model's name has"),
        (changed(archive="faces/bottles/" + 64 * "b" + ".tar.gz"), "must be models/bottles/bbb"),
        (changed(sha256=64 * "c"), "`archive` must be models/bottles/ccc"),
        (changed(sha256=64 * "B"), "`sha256` must be 64 hexadecimal digits"),
        (changed(bytes=0), "`bytes` must be a whole number from 1 on, not 0"),
        (changed(bytes=True), "`bytes` must be a whole number from 1 on, not True"),
        (changed(detector="../x"), "`detector` must be a detector's name"),
        (changed(published_at=...), "`published_at` must be a time such as"),
        (changed(published_at="2026-11-20"), "`published_at` must be a time such as"),
        (changed(published_at="2026-11-20T09:30:05.25Z"), "must be a time such as"),
        (changed(previous=[]), "`previous` must be a JSON object"),
        (changed(previous={}), "`archive` is missing"),
    ],
)
def test_what_is_wrong_is_told(text, told):
    with pytest.raises(PointerError, match=re.escape(told)):
        parse_pointer(text)


def test_a_previous_version_is_another_one_of_the_same_model():
    with pytest.raises(PointerError, match="of the model cups, and not of bottles"):
        ModelPointer(NEW, NOON, attrs.evolve(OLD, name="cups"))
    with pytest.raises(PointerError, match="the same archive"):
        ModelPointer(NEW, NOON, NEW)


@pytest.mark.parametrize("name", ["", ".", "..", "-a", "a/b", "a b", "ü", 64 * "a", "a\n"])
def test_names_that_no_model_can_have(name):
    with pytest.raises(PointerError, match="a model's name has 1 to 63"):
        check_model_name(name)


def test_times_have_a_zone_and_are_cut_to_milliseconds():
    moment = NOON.replace(microsecond=1999).astimezone(timezone(timedelta(hours=2)))
    assert ModelPointer(NEW, moment).published_at == NOON.replace(microsecond=1000)
    with pytest.raises(PointerError, match="with a time zone"):
        ModelPointer(NEW, NOON.replace(tzinfo=None))
    with pytest.raises(PointerError, match="no time in UTC"):
        ModelPointer(NEW, datetime.max.replace(tzinfo=timezone(timedelta(hours=-2))))


def test_times_are_kept_in_utc_wherever_the_machine_is(far_from_utc):
    assert ModelPointer(NEW, NOON).published_at.utcoffset() == timedelta(0)
