"""Names and emotions as people see them: whole, in place, and told apart on paper."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.moods import EMOTION_COLOURS
from facepipe_io.local.patterns import print_patterns, print_style, tile
from facepipe_io.local.words import human_span, in_text, listed, mood_words
from tests.strategies import camera_names

TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
noons = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc))


@given(name=camera_names())
@example("\u202eevil\u2069\u202d \u05d0")
def test_a_name_turns_nothing_but_itself(name):
    said = in_text(name)
    inner = said[1:-1] if said.startswith("\u2068") else said
    assert said in (inner, f"\u2068{inner}\u2069")
    assert not TURNING & set(inner)
    assert inner == "".join(letter for letter in name if letter not in TURNING)
    assert in_text(inner) == said


@given(names=st.lists(st.integers(0, 99).map(str), min_size=1, max_size=20))
def test_names_in_a_line_are_all_there_or_counted(names):
    said = listed(names).replace(" and ", ", ").split(", ")
    if len(names) <= 9:
        assert said == names
    else:
        assert said == [*names[:8], f"{len(names) - 8} others"]


@given(counts=st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_moods_in_words_tell_the_most_frequent(counts):
    ranked = list(zip(EMOTION_COLOURS, sorted(counts, reverse=True)))
    said = mood_words(ranked)
    assert "happy" in said
    assert (str(sum(counts)) in said) == (sum(counts) > 1)


@given(first=noons, seconds=st.integers(0, 10**6))
def test_a_span_is_of_its_two_ends(first, seconds):
    last = first + timedelta(seconds=seconds)
    said = human_span(first, last)
    assert said.count("UTC") == (2 if first.date() != last.date() else 1)
    assert f"{first:%H:%M}" in said
    assert f"{last:%H:%M} UTC" in said


def test_each_emotion_has_a_pattern_of_its_own():
    emotions = [*EMOTION_COLOURS, "UNKNOWN"]
    assert len({tile(emotion) for emotion in emotions}) == len(emotions)
    style, patterns = print_style(emotions), print_patterns(emotions)
    for number in range(len(emotions)):
        assert f".m{number} {{" in style
        assert f"url(#m{number})" in style
        assert f'<pattern id="m{number}"' in patterns
