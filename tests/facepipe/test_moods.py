from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.errors import ShapeError
from facepipe.moods import EMOTION_COLOURS, emotion_colour, emotion_shares, emotion_word
from tests.strategies import REKOGNITION_TYPES

times = st.floats(0, 1e5)
confidences = st.floats(0.01, 100)
scores = st.dictionaries(st.sampled_from([*EMOTION_COLOURS, "AMUSED"]), confidences, max_size=4)
crops = st.lists(st.tuples(times, scores), max_size=12)
moments = st.lists(times, max_size=8)
widths = st.floats(0.1, 1e4)


def shares_of(taken, moments, width):
    return emotion_shares([at for at, _ in taken], [told for _, told in taken], moments, width)


def slow_share(taken, emotion, moment, width):
    own = total = 0.0
    for at, told in taken:
        offset = (moment - at) / width
        if abs(offset) <= 3:
            weight = math.exp(-0.5 * offset**2)
            own += weight * told.get(emotion, 0.0)
            total += weight * sum(told.values())
    return 100 * own / total if total else math.nan


@given(crops, moments, widths)
@example([], [0.0], 1.0)
@example([(0.0, {})], [0.0], 1.0)
@example([(0.0, {"CALM": 50.0})], [3.0], 1.0)
@example([(0.0, {"CALM": 0.5})], [0.0], 1.0)
def test_agrees_with_the_slow_reference(taken, moments, width):
    shares = shares_of(taken, moments, width)
    assert set(shares) == {emotion for _, told in taken for emotion in told}
    for emotion, values in shares.items():
        slow = [slow_share(taken, emotion, moment, width) for moment in moments]
        np.testing.assert_allclose(values, slow, rtol=1e-9, atol=1e-9)


@given(crops, moments, widths)
def test_shares_of_a_moment_make_a_hundred_or_none_is_known(taken, moments, width):
    shares = shares_of(taken, moments, width)
    for at_moment in zip(*shares.values()):
        known = [share for share in at_moment if not math.isnan(share)]
        assert not known or sum(known) == pytest.approx(100)
        assert len(known) in (0, len(shares))


@given(crops, widths)
def test_the_most_common_emotion_is_first(taken, width):
    totals = [
        sum(told.get(emotion, 0.0) for _, told in taken) for emotion in shares_of(taken, [], width)
    ]
    assert totals == sorted(totals, reverse=True)


def test_many_crops_are_weighed_in_parts():
    taken = [(float(i), {"CALM": 1.0, "SAD": float(i % 3)}) for i in range(9000)]
    (calm,) = emotion_shares(*zip(*taken), [4500.0], 1e4)["CALM"]
    assert calm == pytest.approx(slow_share(taken, "CALM", 4500.0, 1e4))


@pytest.mark.parametrize("width", [0.0, -1.0, math.nan])
def test_a_width_is_greater_than_nothing(width):
    with pytest.raises(ValueError, match="width must be greater than 0"):
        emotion_shares([], [], [], width)


@pytest.mark.parametrize(
    ("seconds", "moments", "name"), [([1.0], [], "seconds"), ([], [[1.0]], "moments")]
)
def test_wrong_shapes_are_told(seconds, moments, name):
    with pytest.raises(ShapeError, match=f"^{name} must be an array of shape"):
        emotion_shares(seconds, [], moments, 1.0)


@given(st.text(max_size=20))
def test_any_emotion_has_a_colour_and_a_word(emotion):
    assert re.fullmatch("#[0-9a-f]{6}", emotion_colour(emotion))
    assert emotion_word(emotion) == emotion_word(emotion).lower()


def test_what_cannot_be_told_is_unclear():
    assert emotion_word("UNKNOWN") == "unclear"


def test_colours_differ():
    assert {*EMOTION_COLOURS, "UNKNOWN"} == {*REKOGNITION_TYPES}
    assert len({*EMOTION_COLOURS.values(), emotion_colour("UNKNOWN")}) == len(EMOTION_COLOURS) + 1
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in EMOTION_COLOURS.values())
