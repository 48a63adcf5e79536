from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.boxes import box_area, box_iou, clip_boxes, expand_boxes, nms, scale_boxes
from facepipe.errors import ShapeError
from tests.strategies import boxes, frame_sizes, grid_boxes

EMPTY = np.empty((0, 4))


def slow_iou(a, b):
    """One pair, by the book."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [max(0.0, c[2] - c[0]) * max(0.0, c[3] - c[1]) for c in (a, b)]
    union = areas[0] + areas[1] - width * height
    return width * height / union if union > 0 else 0.0


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (box_area, (0,)),
        (lambda b: box_iou(b, b), (0, 0)),
        (lambda b: box_iou(b, np.ones((3, 4))), (0, 3)),
        (lambda b: clip_boxes(b, (10, 10)), (0, 4)),
        (lambda b: scale_boxes(b, (1, 1), (2, 2)), (0, 4)),
        (lambda b: expand_boxes(b, 0.5), (0, 4)),
        (lambda b: nms(b, [], 0.5), (0,)),
    ],
)
@pytest.mark.parametrize("empty", [EMPTY, []])
def test_no_boxes_are_no_trouble(function, shape, empty):
    assert function(empty).shape == shape


@pytest.mark.parametrize("wrong", [np.ones(4), np.ones((2, 5)), np.ones((1, 2, 4)), 7])
@pytest.mark.parametrize(
    "function",
    [
        box_area,
        lambda b: box_iou(b, EMPTY),
        lambda b: box_iou(EMPTY, b),
        lambda b: clip_boxes(b, (10, 10)),
        lambda b: scale_boxes(b, (1, 1), (2, 2)),
        lambda b: expand_boxes(b, 0.5),
        lambda b: nms(b, [0.5], 0.5),
    ],
)
def test_a_wrong_shape_is_told(function, wrong):
    with pytest.raises(ShapeError, match=r"must be an array of shape \(N, 4\), not one of shape"):
        function(wrong)


@pytest.mark.parametrize(
    "wh", [(0, 1), (1, -1), (np.nan, 1), (np.inf, 1), (1, np.inf), (1, 10**400), (1,), (1, 2, 3), 5]
)
def test_a_size_that_is_none_is_told(wh):
    with pytest.raises(ShapeError, match=r"^wh must be a \(width, height\) pair"):
        clip_boxes(EMPTY, wh)


@given(boxes() | grid_boxes(), boxes() | grid_boxes())
def test_iou_agrees_with_the_book(a, b):
    expected = np.array([[slow_iou(x, y) for y in b] for x in a]).reshape(len(a), len(b))
    assert np.array_equal(box_iou(a, b), expected)


def test_iou_with_a_box_that_has_a_nan_is_0():
    with np.errstate(invalid="ignore"):
        assert np.array_equal(box_iou([[0, 0, 2, np.nan]], [[0, 0, 2, 2], [1, 1, 1, 1]]), [[0, 0]])


def test_iou_takes_no_more_memory_than_three_times_its_result():
    some = np.tile([0.0, 0.0, 3.0, 3.0], (300, 1))
    tracemalloc.start()
    result = box_iou(some, some)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 3.5 * result.nbytes


@given(boxes() | grid_boxes())
def test_iou_is_symmetric_between_0_and_1_and_1_with_itself(some):
    iou = box_iou(some, some)
    assert np.array_equal(iou, iou.T)
    assert ((iou >= 0) & (iou <= 1)).all()
    assert np.allclose(np.diag(iou), 1)


@given(grid_boxes(), grid_boxes(), st.sampled_from([0.5, 2, 8]))
def test_iou_does_not_depend_on_the_scale(a, b, factor):
    assert np.allclose(box_iou(a * factor, b * factor), box_iou(a, b))


@given(grid_boxes())
def test_an_inverted_box_has_no_area_and_overlaps_nothing(some):
    inverted = some[:, [2, 1, 0, 3]]
    assert (box_area(inverted) == 0).all()
    assert (box_iou(inverted, some) == 0).all()


@given(boxes(), frame_sizes())
def test_clipping_stays_inside_and_is_done_once(some, wh):
    clipped = clip_boxes(some, wh)
    assert (clipped >= 0).all()
    assert (clipped <= [*wh, *wh]).all()
    assert np.array_equal(clip_boxes(clipped, wh), clipped)


@given(boxes(), frame_sizes())
def test_clipping_is_the_overlap_with_the_frame(some, wh):
    frame = np.array([[0, 0, *wh]], float)
    low, high = np.maximum(some[:, :2], 0), np.minimum(some[:, 2:], wh)
    overlap = np.maximum(high - low, 0).prod(axis=1)
    assert np.allclose(box_area(clip_boxes(some, wh)), overlap)
    assert np.array_equal(clip_boxes(frame, wh), frame)


@given(boxes(), frame_sizes(), frame_sizes())
def test_scaling_there_and_back_changes_nothing(some, from_wh, to_wh):
    back = scale_boxes(scale_boxes(some, from_wh, to_wh), to_wh, from_wh)
    assert np.allclose(back, some, rtol=1e-12, atol=1e-12)


@given(frame_sizes(), frame_sizes())
def test_scaling_carries_the_whole_frame_to_the_whole_frame(from_wh, to_wh):
    assert np.allclose(scale_boxes([[0, 0, *from_wh]], from_wh, to_wh), [[0, 0, *to_wh]])


@given(boxes(), st.floats(0, 3))
def test_expanding_grows_both_sides_alike_and_keeps_the_centre(some, margin):
    grown = expand_boxes(some, margin)
    sides = some[:, 2:] - some[:, :2]
    assert np.allclose(grown[:, 2:] - grown[:, :2], sides * (1 + 2 * margin))
    assert np.allclose(grown[:, 2:] + grown[:, :2], some[:, 2:] + some[:, :2], atol=1e-6)


@given(boxes())
def test_arguments_are_left_alone(some):
    before = some.copy()
    some.flags.writeable = False
    clip_boxes(some, (100, 100))
    scale_boxes(some, (1, 2), (3, 4))
    expand_boxes(some, 0.2)
    box_iou(some, some)
    assert np.array_equal(some, before)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: box_iou([[1]], []), "boxes_a"),
        (lambda: box_iou([], [[1]]), "boxes_b"),
        (lambda: scale_boxes([], (0, 1), (1, 1)), "from_wh"),
        (lambda: scale_boxes([], (1, 1), (0, 1)), "to_wh"),
    ],
)
def test_the_argument_that_is_wrong_is_named(call, name):
    with pytest.raises(ShapeError) as caught:
        call()
    assert caught.value.name == name


@given(grid_boxes())
def test_boxes_without_area_do_not_overlap_each_other(some):
    inverted = some[:, [2, 1, 0, 3]]
    assert (box_iou(inverted, inverted) == 0).all()
