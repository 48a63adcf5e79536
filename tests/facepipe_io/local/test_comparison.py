"""Crowds side by side: who was happier is said when it is more than chance, and only then."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe_io.local.comparison import LEVEL, MIN_PEOPLE, Share, compare, p_value
from tests.facepipe_io.local.crowd_data import crowd_of

shares = st.integers(0, 30).flatmap(
    lambda of: st.integers(0, of).map(lambda count: Share(count, of))
)
sizes = st.tuples(st.integers(0, 8), st.integers(0, 8))


def slow_p_value(one, other):
    """Fisher's exact test by its definition: all tables that are no likelier than this one."""
    happy, of = one.count + other.count, one.of + other.of
    tables = range(max(0, happy - other.of), min(happy, one.of) + 1)
    likely = {
        count: Fraction(comb(one.of, count) * comb(other.of, happy - count), comb(of, happy))
        for count in tables
    }
    return float(sum(p for p in likely.values() if p <= likely[one.count]))


@given(one=shares, other=shares)
def test_it_is_fishers_exact_test(one, other):
    if one.of and other.of:
        assert p_value(one, other) == pytest.approx(slow_p_value(one, other), rel=1e-6)
        assert p_value(one, other) == pytest.approx(p_value(other, one))


@given(share=shares)
def test_the_interval_holds_the_share(share):
    low, high = share.interval
    assert 0 <= low <= high <= 1
    if share.of:
        assert low - 1e-12 <= share.value <= high + 1e-12
    else:
        assert (low, high, share.value) == (0, 1, None)


@given(share=shares.filter(lambda share: share.of), times=st.integers(2, 50))
def test_of_more_people_more_is_known(share, times):
    more = Share(share.count * times, share.of * times)
    (low, high), (more_low, more_high) = share.interval, more.interval
    assert more_high - more_low < high - low


@given(share=shares)
def test_it_is_wilsons_interval(share):
    """Its ends are where the share is 1.96 standard errors away (Wilson, 1927)."""
    for end in share.interval:
        if share.of and 0 < end < 1:
            distance = abs(share.value - end) / (end * (1 - end) / share.of) ** 0.5
            assert distance == pytest.approx(1.959964, rel=1e-4)


@given(crowds=st.lists(sizes, min_size=1, max_size=5))
def test_the_happiest_come_first_and_those_of_few_people_last(crowds):
    sides = compare([crowd_of(f"c{n}", *size) for n, size in enumerate(crowds)], "camera").sides
    assert sorted(side.crowd.name for side in sides) == [f"c{n}" for n in range(len(crowds))]
    assert [(side.happy.count, side.happy.of) for side in sides] == [
        (crowds[int(side.crowd.name[1:])][0], sum(crowds[int(side.crowd.name[1:])]))
        for side in sides
    ]
    ranks = [(not side.compares, -(side.happy.value or 0)) for side in sides]
    assert ranks == sorted(ranks)


@given(crowds=st.lists(sizes, min_size=2, max_size=4), data=st.data())
def test_the_order_in_which_they_are_given_changes_nothing(crowds, data):
    named = [crowd_of(f"c{n}", *size) for n, size in enumerate(crowds)]
    one, other = (compare(each, "run") for each in (named, data.draw(st.permutations(named))))
    assert one.p_value == other.p_value
    assert one.telling == other.telling
    if one.telling:
        assert one.answer.partition(":")[0] == other.answer.partition(":")[0]


@given(crowds=st.lists(sizes, min_size=2, max_size=4))
def test_one_is_named_as_the_happiest_only_beyond_chance(crowds):
    found = compare([crowd_of(f"c{n}", *size) for n, size in enumerate(crowds)], "camera")
    ranked = [side.happy for side in found.sides if side.happy.of >= MIN_PEOPLE]
    beyond = len(ranked) > 1 and slow_p_value(*ranked[:2]) < LEVEL
    named = found.headline.startswith(f"{found.sides[0].crowd.name} had the happie")
    assert named == found.telling == beyond
    assert ("within chance" in found.figures) == (
        len(ranked) > 1 and not beyond and ranked[0].value != ranked[1].value
    )


@pytest.mark.parametrize(
    ("crowds", "answer"),
    [
        (
            {"Stage A": (32, 8), "Stage B": (17, 21)},
            "Stage A had the happier crowd: 80% of 40 people looked happy, against 45% of 38 at "
            "Stage B.",
        ),
        (
            {"a": (9, 1), "b": (0, 10), "c": (0, 9)},
            "a had the happiest crowd: 90% of 10 people looked happy, and next 0% of 10 at b.",
        ),
        (
            {"Stage A": (25, 15), "Stage B": (17, 21)},
            "No telling which crowd was happier: 62% of 40 people looked happy at Stage A and 45% "
            "of 38 at Stage B, a difference within chance.",
        ),
        (
            {"a": (501, 499), "b": (502, 498)},
            "No telling which crowd was happier: 50.2% of 1,000 people looked happy at b and 50.1% "
            "of 1,000 at a, a difference within chance.",
        ),
        (
            {"a": (2, 2), "b": (3, 3)},
            "No telling which crowd was happier: 50% looked happy of 6 people at b and of 4 at a.",
        ),
        (
            {"a": (3, 0), "b": (0, 30)},
            "Too few people to say which crowd was happier: 0 of 30 at b and 3 of 3 at a.",
        ),
        (
            {"\u05d0": (10, 0), "\u202eb": (0, 10)},
            "\u2068\u05d0\u2069 had the happier crowd: 100% of 10 people looked happy, against 0% "
            "of 10 at b.",
        ),
    ],
)
def test_the_answer_in_words(crowds, answer):
    named = [crowd_of("c", *size) for size in crowds.values()]
    named = [type(crowd)(name, crowd.records) for name, crowd in zip(crowds, named)]
    assert compare(named, "camera").answer == answer
