"""Non-maximum suppression against a slow reference, by every strategy."""

from __future__ import annotations

import contextlib
import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facepipe import _nms
from facepipe._nms import nms
from facepipe.errors import ShapeError

THRESHOLDS = [0.0, 1 / 7, 1 / 3, 0.45, 0.5, 1.0]  # on a grid of integers many pairs tie with these

STRATEGIES = {
    "as measured": {},
    "plain Python": {"PLAIN_PYTHON": 10**9, "PLAIN_TRIED": 10**9},
    "plain Python, given up soon": {"PLAIN_PYTHON": 0, "PLAIN_KEPT": 1},
    "sweep": {"PLAIN_TRIED": 0, "PEEL_FIRST": 10**9},
    "sweep in small chunks": {"PLAIN_TRIED": 0, "PEEL_FIRST": 10**9, "CHUNK": 64},
    "peel, then sweep": {"PLAIN_TRIED": 0, "PEEL_FIRST": 0},
    "peel to the end": {"PLAIN_TRIED": 0, "PEEL_FIRST": 0, "PEEL_YIELD": 0, "CHUNK": 64},
    "peel when crowded": {"PLAIN_TRIED": 0, "PEEL_FIRST": 10**9, "SWEEP_NEIGHBOURS": 1},
}


@pytest.fixture(params=STRATEGIES.values(), ids=STRATEGIES.keys(), scope="class")
def _strategy(request):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in request.param.items():
            patch.setattr(_nms, name, value)
        yield


every_strategy = pytest.mark.usefixtures("_strategy")


def iou(a, b):
    if any(map(math.isnan, [*a, *b])):
        return 0.0
    shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    union = area(a) + area(b) - shared
    return shared / union if union else 0.0


def area(box):
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def slow_nms(boxes, scores, iou_threshold):
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4).tolist()
    scores = np.asarray(scores, dtype=np.float64).tolist()
    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: (math.isnan(scores[i]), -scores[i], i)):
        if not any(iou(boxes[i], boxes[k]) > iou_threshold for k in kept):
            kept.append(i)
    return kept


floats = st.one_of(
    st.integers(0, 8).map(float),
    st.floats(0, 300, width=32),
    st.floats(allow_nan=False),
    st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e-160, 1e155, 1.7e308]),
)


@st.composite
def any_input(draw):
    """Up to 50 boxes of whatever four numbers, and scores with ties among them."""
    boxes = draw(st.lists(st.tuples(floats, floats, floats, floats), max_size=50))
    score = st.one_of(st.sampled_from([0.0, 0.5, 0.5, 1.0]), floats)
    return boxes, draw(st.lists(score, min_size=len(boxes), max_size=len(boxes)))


@st.composite
def many_boxes(draw, max_size=400, tied=True):
    """Many boxes from a seed: on a grid, scattered, crowded, inverted; with scores."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(0, max_size))
    extent = draw(st.sampled_from([4, 20, 100, 1000]))
    kind = draw(st.sampled_from(["grid", "corners", "scattered", "crowds"]))
    if kind == "corners":  # half of them inverted
        boxes = rng.integers(0, extent, (n, 4)).astype(np.float64)
    elif kind == "grid":
        low = rng.integers(0, extent, (n, 2))
        boxes = np.hstack([low, low + rng.integers(0, 6, (n, 2))]).astype(np.float64)
    elif kind == "scattered":
        low = rng.uniform(0, extent, (n, 2))
        boxes = np.hstack([low, low + rng.uniform(0, 10, (n, 2))])
    else:
        low = rng.integers(0, extent, (5, 2))[rng.integers(0, 5, n)] + rng.normal(0, 1, (n, 2))
        boxes = np.hstack([low, low + rng.uniform(8, 10, (n, 2))])
    scores = rng.integers(0, 8, n) / 8 if tied and draw(st.booleans()) else rng.permutation(n) / 512
    return boxes, scores


thresholds = st.one_of(st.sampled_from(THRESHOLDS), st.floats(0, 1))


@every_strategy
class TestEveryStrategy:
    @pytest.mark.parametrize(
        ("boxes", "scores", "iou_threshold", "kept"),
        [
            (np.empty((0, 4)), np.empty(0), 0.5, []),
            ([], [], 0.5, []),
            ([[0, 0, 1, 1]], [0.5], 0.5, [0]),
            ([[0, 0, 9, 9]] * 3, [0.1, 0.7, 0.7], 0.5, [1]),  # equal scores: the lower index
            ([[0, 0, 9, 9]] * 3, [0.1, 0.7, 0.7], 1.0, [1, 2, 0]),  # no IoU is greater than 1
            ([[0, 0, 9, 9], [9, 0, 18, 9]], [1, 2], 0.0, [1, 0]),  # touching is no overlap
            ([[0, 0, 9, 9], [8, 8, 18, 18]], [1, 2], 0.0, [1]),
            ([[0, 0, 2, 1], [0, 0, 1, 1]], [2, 1], 0.5, [0, 1]),  # exactly 0.5 is not greater
            ([[0, 0, 2, 1], [0, 0, 1, 1]], [2, 1], 0.4999, [0]),
            ([[0, 0, 9, 9], [3, 3, 3, 6], [6, 6, 3, 3]], [3, 2, 1], 0.0, [0, 1, 2]),  # empty boxes
            ([[math.nan, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 9]], [1, 2, math.nan], 0.0, [1, 0]),
        ],
    )
    def test_by_hand(self, boxes, scores, iou_threshold, kept):
        result = nms(boxes, scores, iou_threshold)
        assert result.dtype == np.int64
        assert result.tolist() == kept

    @given(any_input(), thresholds)
    @example(([(0.0, 0.0, 1e200, 1e200)] * 2, [1.0, 1.0]), 0.5)  # the areas overflow
    @example(([(0.0, 0.0, 5e-324, 5e-324)] * 2, [1.0, 1.0]), 0.5)  # the areas underflow
    @example(([(0.0, 0.0, 3e-162, 1e-162), (0.0, 0.0, 2e-162, 1e-162)], [1.0, 0.0]), 0.5)
    def test_agrees_with_the_slow_reference_on_any_input(self, boxes_and_scores, iou_threshold):
        boxes, scores = boxes_and_scores
        assert nms(boxes, scores, iou_threshold).tolist() == slow_nms(boxes, scores, iou_threshold)

    @settings(max_examples=25, deadline=None)
    @given(many_boxes(), thresholds)
    def test_agrees_with_the_slow_reference_on_many_boxes(self, boxes_and_scores, iou_threshold):
        boxes, scores = boxes_and_scores
        assert nms(boxes, scores, iou_threshold).tolist() == slow_nms(boxes, scores, iou_threshold)


@settings(deadline=None)
@given(many_boxes(max_size=120), thresholds)
def test_no_two_kept_boxes_overlap_by_more_than_the_threshold(boxes_and_scores, iou_threshold):
    boxes, scores = boxes_and_scores
    kept = boxes[nms(boxes, scores, iou_threshold)].tolist()
    assert all(iou(a, b) <= iou_threshold for i, a in enumerate(kept) for b in kept[:i])


@settings(deadline=None)
@given(many_boxes(max_size=120), thresholds)
def test_every_dropped_box_has_a_better_kept_neighbour(boxes_and_scores, iou_threshold):
    boxes, scores = boxes_and_scores
    kept = nms(boxes, scores, iou_threshold).tolist()
    for i in set(range(len(boxes))) - set(kept):
        assert any(
            iou(boxes[i], boxes[k]) > iou_threshold and (-scores[k], k) < (-scores[i], i)
            for k in kept
        )


@settings(deadline=None)
@given(many_boxes(), thresholds)
def test_best_score_first_and_of_equal_scores_the_lower_index(boxes_and_scores, iou_threshold):
    boxes, scores = boxes_and_scores
    kept = nms(boxes, scores, iou_threshold).tolist()
    assert kept == sorted(kept, key=lambda i: (-scores[i], i))


@settings(deadline=None)
@given(many_boxes(), thresholds)
def test_what_was_kept_is_kept_again(boxes_and_scores, iou_threshold):
    boxes, scores = boxes_and_scores
    kept = nms(boxes, scores, iou_threshold)
    again = nms(boxes[kept], scores[kept], iou_threshold)
    assert again.tolist() == list(range(len(kept)))


@settings(deadline=None)
@given(many_boxes(tied=False), thresholds, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(boxes_and_scores, iou_threshold, random):
    boxes, scores = boxes_and_scores
    shuffled = list(range(len(boxes)))
    random.shuffle(shuffled)
    kept = nms(boxes[shuffled], scores[shuffled], iou_threshold)
    assert [shuffled[i] for i in kept] == nms(boxes, scores, iou_threshold).tolist()


@settings(deadline=None)
@given(many_boxes(), thresholds, st.integers(-(2**20), 2**20), st.integers(-(2**20), 2**20))
def test_moving_all_boxes_changes_nothing(boxes_and_scores, iou_threshold, dx, dy):
    boxes, scores = boxes_and_scores
    boxes = np.round(boxes)  # integers move without rounding
    moved = boxes + np.array([dx, dy, dx, dy])
    assert nms(moved, scores, iou_threshold).tolist() == nms(boxes, scores, iou_threshold).tolist()


@settings(deadline=None)
@given(many_boxes(), st.sampled_from([np.float32, np.int32, np.uint16, "list", "fortran"]))
def test_any_kind_of_numbers(boxes_and_scores, kind):
    boxes, scores = np.round(boxes_and_scores[0]), np.round(boxes_and_scores[1] * 200)
    boxes = np.abs(boxes)
    expected = nms(boxes, scores, 0.3).tolist()
    if kind == "list":
        assert nms(boxes.tolist(), scores.tolist(), 0.3).tolist() == expected
    elif kind == "fortran":
        assert nms(np.asfortranarray(boxes), np.repeat(scores, 2)[::2], 0.3).tolist() == expected
    else:
        assert nms(boxes.astype(kind), scores.astype(kind), 0.3).tolist() == expected


@pytest.mark.parametrize("n", [3, 100, 300])
def test_the_arguments_stay_as_they_were(n):
    rng = np.random.default_rng(n)
    boxes, scores = rng.uniform(0, 50, (n, 4)), rng.random(n)
    boxes.flags.writeable = scores.flags.writeable = False  # an attempt would raise
    nms(boxes, scores, 0.5)


@pytest.mark.parametrize("extent", [30.0, 300.0])
def test_as_many_boxes_as_an_ssd300_gives(extent):
    """8,732 boxes, crowded and less crowded, with every constant as it is."""
    rng = np.random.default_rng(8732)
    centre, side = rng.uniform(0, extent, (8732, 2)), rng.uniform(10, 60, (8732, 2))
    boxes, scores = np.hstack([centre - side / 2, centre + side / 2]), rng.random(8732)
    order, expected = np.argsort(-scores, kind="stable"), []
    while len(order):
        best, order = order[0], order[1:]
        expected.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        shared = np.maximum(np.minimum(boxes[best, 2:], boxes[order, 2:]) - low, 0.0).prod(axis=1)
        sides = boxes[:, 2:] - boxes[:, :2]
        union = sides[best].prod() + sides[order].prod(axis=1) - shared
        order = order[shared / union <= 0.45]
    assert nms(boxes, scores, 0.45).tolist() == expected


def squares(places, side=10.0):
    return np.hstack([places, places + side])


RNG = np.random.default_rng(7)
GRID = np.stack(np.divmod(np.arange(4900.0), 70), axis=1) * 30
FEW = RNG.integers(0, 4, (4900, 2)) * 100 + RNG.normal(0, 0.5, (4900, 2))


def test_many_equal_scores_behind_a_single_best_stay_in_order():
    scores = np.tile([0.25, 0.5], 150)
    scores[7] = 1.0
    expected = sorted(range(300), key=lambda i: (-scores[i], i))
    assert nms(squares(GRID[:300]), scores, 0.5).tolist() == expected


@pytest.mark.parametrize(
    ("boxes", "steps"),
    [
        (squares(GRID[:48]), {}),
        (squares(FEW[:256]), {}),
        (squares(GRID[:200]), {"_neighbours": 1, "_sweep": 1}),
        (squares(30 * np.eye(2)[1] * np.arange(200)[:, None]), {"_neighbours": 5, "_peel": 5}),
        (
            squares(GRID / 2 + RNG.normal(0, 9, (4900, 2))),
            {"_peel": 1, "_neighbours": 1, "_sweep": 1},
        ),
        (squares(FEW), {"_peel": 2}),
    ],
    ids=["few", "some, crowded", "some, apart", "some, a column", "many, apart", "many, crowded"],
)
def test_how_boxes_lie_decides_how_they_are_compared(boxes, steps):
    """Which steps are taken after plain Python, and how often: a few too many cost much time."""
    names = ("_peel", "_neighbours", "_sweep")
    with contextlib.ExitStack() as stack:
        taken = {
            name: stack.enter_context(
                mock.patch.object(_nms, name, side_effect=getattr(_nms, name))
            )
            for name in names
        }
        nms(boxes, np.random.default_rng(1).random(len(boxes)), 0.3)
    assert {name: step.call_count for name, step in taken.items() if step.called} == steps


@pytest.mark.parametrize(
    ("boxes", "scores", "text"),
    [
        ([[0, 0, 1]], [1], "boxes must be an array of shape (N, 4), not one of shape (1, 3)"),
        ([0, 0, 1, 1], [1], "boxes must be an array of shape (N, 4), not one of shape (4,)"),
        ([[0, 0, 1, 1]], [1, 2], "scores must be an array of shape (1,), not one of shape (2,)"),
        ([[0, 0, 1, 1]], [[1]], "scores must be an array of shape (1,), not one of shape (1, 1)"),
    ],
)
def test_a_wrong_shape_is_refused(boxes, scores, text):
    with pytest.raises(ShapeError) as caught:
        nms(boxes, scores, 0.5)
    assert str(caught.value) == text


@pytest.mark.parametrize("iou_threshold", [-0.01, 1.01, 45, math.nan])
def test_a_threshold_outside_0_to_1_is_refused(iou_threshold):
    with pytest.raises(ValueError, match=r"^iou_threshold must be between 0 and 1, not"):
        nms([], [], iou_threshold)
