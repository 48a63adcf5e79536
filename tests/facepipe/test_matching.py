"""Which faces of a frame are one, and which of them are whom we know."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe import _matching
from facepipe._matching import Track, closest_first, leaders
from facepipe.detections import Detections
from facepipe.tracks import FaceTracker
from tests import strategies

labels_of = st.sampled_from([1, 1, 1, 7])
ways = st.sampled_from([0, 10**9])  # all in cells, all with all


def some_boxes():
    """Of like sizes, of any sizes, and inverted and empty ones among them."""
    some = strategies.grid_boxes(max_size=20) | strategies.boxes(max_size=20)
    return some | strategies.boxes(max_size=10).map(lambda boxes: np.vstack([boxes, -boxes]))


def share(a, b):
    """Share of the smaller box that lies in the other one."""
    smaller = min(max(x1 - x0, 0) * max(y1 - y0, 0) for x0, y0, x1, y1 in (a, b))
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return width * height, smaller


def rows(*boxes):
    return np.array(boxes, float)


@example(rows([0, 0, 9, 9], [2, 2, 4, 4], [1, 1, 5, 5]), [1] * 20, 0)
@example(rows([0, 0, 10, 1], [3, 0, 13, 1]), [1] * 20, 0)  # just 70 %
@example(rows([0, 0, 10, 9], [5, 0, 15, 9]), [1] * 20, 0)
@example(rows([5, 0, 15, 9], [0, 0, 10, 9]), [1] * 20, 0)
@example(rows([0, 0, 9, 10], [0, 5, 9, 15]), [1] * 20, 0)
@example(rows([0, 5, 9, 15], [0, 0, 9, 10]), [1] * 20, 0)
@example(rows([0, 0, 20, 20], [12, 12, 8, 8]), [1] * 20, 0)  # inverted both ways
@given(some_boxes(), st.lists(labels_of, min_size=20, max_size=20), ways)
def test_leaders_are_those_of_a_look_at_all_pairs(boxes, labels, few):
    expected = []
    for i, box in enumerate(boxes.tolist()):
        alike = [j for j in range(i) if expected[j] == j and labels[j] == labels[i]]
        shares = {j: share(box, boxes[j].tolist()) for j in alike}
        same = [j for j, (shared, smaller) in shares.items() if shared > 0.7 * smaller > 0]
        expected.append(same[0] if same else i)
    with mock.patch.object(_matching, "_FEW_PAIRS", few):
        assert leaders(boxes.tolist(), labels[: len(boxes)]) == expected


@st.composite
def tracks(draw, time, most):
    """Few enough places and sides that they collide, repeat and tie."""
    found = []
    far = draw(st.sampled_from([2, 20]))
    for number in range(draw(st.integers(0, most))):
        x, y = (8.0 * draw(st.integers(-far, far)) for _ in range(2))
        side = draw(st.sampled_from([8.0, 16.0, 24.0, 100.0]))
        moving = draw(st.booleans())
        found.append(Track(number, time, x, y, side, draw(labels_of), moving=moving))
    return found


def pairwise(known, expected, seen):
    """What fits whom, of all pairs; the best first."""
    fits = []
    for row, (track, (x, y, reach)) in enumerate(zip(known, expected)):
        for column, face in enumerate(seen):
            distance = math.hypot(x - face.x, y - face.y) / ((track.side + face.side) / 2)
            resize = abs(math.log2(track.side / face.side))
            if distance <= reach and resize <= 0.8 and track.label == face.label:
                fits.append((distance + resize, row, column))
    pairs = []
    for _, row, column in sorted(fits):
        if all(row != r and column != c for r, c in pairs):
            pairs.append((row, column))
    return pairs


@given(tracks(5.0, 12), tracks(5.0, 12), st.sampled_from([-0.2, 0.0, 0.1, 1.5]), ways)
def test_pairs_are_those_of_a_look_at_all_pairs(known, seen, ago, few):
    for track in known:
        track.time -= ago
        reach = min(0.6 + 6.0 * max(5.0 - track.time, 0), 1.2 if track.moving else 2.0)
        assert track.expected(5.0) == (track.x, track.y, reach)
    expected = [(x + 4.0, y, reach) for x, y, reach in (track.expected(5.0) for track in known)]
    with mock.patch.object(_matching, "_FEW_PAIRS", few):
        assert closest_first(known, expected, seen) == pairwise(known, expected, seen)


def seen_once(x, y, side=10.0):
    return Track(0, 0.0, x, y, side, 1)


def test_a_velocity_counts_for_less_the_longer_ago_it_was_seen():
    for elapsed, glide in [(0.0, 0.0), (1.0, 0.75), (3.0, 1.5), (9.0, 2.25)]:
        track = Track(1, 5.0, 100.0, 100.0, 10.0, 1, vx=8.0, vy=-4.0, moving=True)
        x, y, _ = track.expected(5.0 + elapsed)
        assert (x, y) == pytest.approx((100 + 8 * glide, 100 - 4 * glide))


def test_the_reach_grows_with_every_second_unseen_up_to_a_bound():
    first, later = seen_once(0.0, 0.0), Track(1, 0.0, 0.0, 0.0, 10.0, 1, moving=True)
    for time, once, moving in [(-1.0, 0.6, 0.6), (0.05, 0.9, 0.9), (0.2, 1.8, 1.2), (9, 2.0, 1.2)]:
        assert first.expected(time) == (0.0, 0.0, pytest.approx(once))
        assert later.expected(time) == (0.0, 0.0, pytest.approx(moving))


@pytest.mark.parametrize("few", [0, 10**9])
@pytest.mark.parametrize(("side", "far"), [(10.0, 6.0), (17.4, 8.219), (5.75, 4.72)])
def test_a_face_is_reached_up_to_a_distance_in_the_mean_of_both_sides(side, far, few):
    ways = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    with mock.patch.object(_matching, "_FEW_PAIRS", few):
        for x, y in ways:
            known, near = seen_once(0.0, 0.0), seen_once(far * x, far * y, side)
            beyond = seen_once(1.003 * near.x, 1.003 * near.y, side)
            assert closest_first([known], [known.expected(0.0)], [near]) == [(0, 0)]
            assert closest_first([known], [known.expected(0.0)], [beyond]) == []


def test_a_face_may_be_of_so_much_another_size():
    one = seen_once(0.0, 0.0, 1.0)
    for side, pairs in [(1.74, [(0, 0)]), (0.575, [(0, 0)]), (1.75, []), (0.57, [])]:
        face = seen_once(0.0, 0.0, side)
        assert closest_first([one], [one.expected(0.0)], [face]) == pairs


@pytest.mark.parametrize("few", [0, 10**9])
def test_a_face_that_is_too_far_away_for_its_side_to_count_is_still_itself(few):
    for x, y in [(1e20, 1e20), (-1e20, 1e20)]:
        one = seen_once(x, y)
        with mock.patch.object(_matching, "_FEW_PAIRS", few):
            assert closest_first([one], [one.expected(0.0)], [one]) == [(0, 0)]


def test_nobody_is_joined_with_nobody():
    one = seen_once(0.0, 0.0)
    assert closest_first([], [], [one]) == []
    assert closest_first([one], [one.expected(0.0)], []) == []


def test_each_is_joined_once_though_two_are_near():
    one, other = seen_once(0.0, 0.0), seen_once(2.0, 0.0)
    places = [one.expected(0.0), other.expected(0.0)]
    assert closest_first([one], places[:1], [other, one]) == [(0, 1)]
    assert closest_first([other, one], places[::-1], [one]) == [(1, 0)]


def crowd(rng, n):
    """Faces side by side, as a crowd before a stage fills a frame, and some found twice."""
    across = math.ceil(math.sqrt(n))
    centre = 50.0 * np.stack([np.arange(n) % across, np.arange(n) // across], 1)
    centre = np.vstack([centre + rng.normal(0, 4, (n, 2)), centre[: n // 8]])
    half = 15 * np.exp(rng.normal(0, 0.2, (len(centre), 1)))
    boxes = np.hstack([centre - half, centre + half])
    return Detections(boxes, rng.uniform(0.5, 1, len(boxes)), np.ones(len(boxes), int))


def test_a_large_crowd_is_numbered_like_one_of_which_all_pairs_are_looked_at():
    numbered = []
    for few in (_matching._FEW_PAIRS, 10**9):
        tracker, rng = FaceTracker(), np.random.default_rng(3)
        with mock.patch.object(_matching, "_FEW_PAIRS", few):
            numbered.append([tracker.update(crowd(rng, 150), i / 10).tolist() for i in range(4)])
    assert numbered[0] == numbered[1]


@pytest.mark.parametrize("together", [False, True])
def test_comparisons_grow_no_faster_than_the_faces(together):
    """Of each face, on average, however many there are: apart, or found often in a few places."""
    compared = []
    for n in (100, 400, 1600):
        found = crowd(np.random.default_rng(3), 25 if together else n)
        boxes = np.resize(found.boxes, (n, 4)) + np.linspace(0, 2, n)[:, None]
        tracker = FaceTracker()
        with mock.patch.object(_matching, "_misfit", side_effect=_matching._misfit) as misfit:
            for time in (0.0, 0.1):
                tracker.update(Detections(boxes, np.linspace(1, 0.5, n), np.ones(n, int)), time)
        compared.append(misfit.call_count / n)
    assert max(compared) < 12


class Looked(list):
    """Counts how often one of it is looked at."""

    times = 0

    def __getitem__(self, index):
        self.times += 1
        return super().__getitem__(index)


class Place(float):
    """Counts how often any of it is compared."""

    times = 0

    def __ge__(self, other):
        Place.times += 1
        return super().__ge__(other)


def test_looks_grow_no_faster_than_the_faces():
    """Of each face, on average: at boxes that may be the same, and at faces that may be theirs."""
    looks = []
    for n in (100, 400, 1600):
        boxes = Looked(crowd(np.random.default_rng(3), n).boxes.tolist())
        leaders(boxes, [1] * len(boxes))
        known = [seen_once(50.0 * (i % 40), 50.0 * (i // 40), 30.0) for i in range(n)]
        seen = [seen_once(Place(track.x), Place(track.y), 30.0) for track in known]
        Place.times = 0
        closest_first(known, [track.expected(0.0) for track in known], seen)
        looks.append((boxes.times / n, Place.times / n))
    assert max(max(looks)) < 16


numbers = st.sampled_from([-1.7e308, -1e200, -1e7, 0.0, 1e-300, 3.0, 1e7, 1e200, 1.7e308])


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=12), ways)
def test_any_finite_numbers_are_borne(boxes, few):
    found = Detections(boxes, np.full(len(boxes), 0.9), np.ones(len(boxes), int))
    tracker = FaceTracker()
    with mock.patch.object(_matching, "_FEW_PAIRS", few):
        for time in (0.0, 0.1, 0.2):
            assert tracker.update(found, time, (1920, 1080)).min() >= 1
