from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from facepipe.boxes import box_iou
from facepipe.detections import Detections
from facepipe.errors import ShapeError
from facepipe.ssd_output import LEAST_SCORE, NMS_IOU, detection_rows
from tests.strategies import grid_boxes


@st.composite
def outputs(draw, max_classes=3):
    """(N, 4 + C) output: boxes that crowd together or leave the picture, few probabilities."""
    boxes = (draw(grid_boxes(max_size=16)) - 2) / 8
    classes = draw(st.integers(1, max_classes))
    probability = st.sampled_from([0.0, 0.005, LEAST_SCORE, 0.2, 0.5, 0.9, 1.0])
    scores = draw(npst.arrays(np.float64, (len(boxes), classes), elements=probability))
    return np.hstack([boxes, scores])


def apart(scores):
    """Boxes that do not touch, with these scores."""
    start = np.arange(len(scores))[:, None]
    return np.hstack([np.hstack([start, start, start + 1, start + 1]) / len(scores), np.c_[scores]])


def by_hand(output, most):
    """The same as MultiBoxDetection does it: one after the other, best first."""
    found = []
    for row in output:
        label = int(np.argmax(row[4:]))
        if row[4 + label] >= LEAST_SCORE:
            found.append([label, row[4 + label], *np.clip(row[:4], 0, 1)])
    found = sorted(found, key=lambda row: -row[1])[:most]
    kept = []
    for row in found:
        if not any(
            row[0] == other[0] and box_iou([row[2:]], [other[2:]])[0, 0] > NMS_IOU for other in kept
        ):
            kept.append(row)
    return np.array(kept).reshape(-1, 6)


@given(outputs(), st.integers(1, 20))
@example(np.empty((0, 5)), 400)
@example(np.array([[0, 0, 1, 1, 0.2, 0.5], [0, 0, 1, 1, 0.5, 0.2]]), 400)
@example(np.array([[0, 0, 1, 1, LEAST_SCORE]]), 400)
def test_rows_are_those_of_multi_box_detection(output, most):
    np.testing.assert_array_equal(detection_rows(output, most=most), by_hand(output, most))
    np.testing.assert_array_equal(detection_rows(output[None], most=most), by_hand(output, most))


@given(outputs(), st.integers(0, 3), st.sampled_from([np.nan, np.inf, 1.5]))
def test_a_row_of_rubbish_takes_nothing_away(output, place, probability):
    """Where a box holds a NaN, or the most probable class has what is no probability."""
    classes = output.shape[1] - 4
    rows = np.array([[0.0, 0.0, 1.0, 1.0, *[1.0] * classes]] * 2)
    rows[0, place] = np.nan
    rows[1, 4] = probability
    with_rubbish = detection_rows(np.vstack([rows, output]))
    np.testing.assert_array_equal(with_rubbish, detection_rows(output))


@given(outputs())
def test_a_box_without_end_is_the_whole_picture(output):
    best = [1.0] * (output.shape[1] - 4)
    endless = np.vstack([[-np.inf, -np.inf, np.inf, np.inf, *best], output])
    whole = np.vstack([[0.0, 0.0, 1.0, 1.0, *best], output])
    np.testing.assert_array_equal(detection_rows(endless), detection_rows(whole))


@given(outputs())
def test_detections_read_all_that_are_in_the_picture(output):
    rows = detection_rows(output)
    found = Detections.from_mxnet_ssd(rows, frame_wh=(12, 12))
    rows = rows[(rows[:, 4] > rows[:, 2]) & (rows[:, 5] > rows[:, 3])]  # the rest is outside
    np.testing.assert_array_equal(found.labels, rows[:, 0])
    np.testing.assert_array_equal(found.scores, rows[:, 1])


def test_as_many_are_looked_at_as_multi_box_detection_does():
    assert len(detection_rows(apart([0.5] * 401))) == 400


def test_of_equal_scores_the_first_are_looked_at():
    output = apart([0.25, 0.5] * 30)
    np.testing.assert_array_equal(detection_rows(output, most=45), by_hand(output, 45))


def test_any_nan_of_a_network_is_rubbish_and_no_more_is_said():
    signalling = np.full((1, 2, 6), 0x7FA00000, np.uint32).view(np.float32)
    assert len(detection_rows(signalling)) == 0


@pytest.mark.parametrize(
    ("output", "got"),
    [
        ([], "an array of shape (0,)"),
        ([[1, 2, 3, 4]], "an array of shape (1, 4)"),
        (np.zeros((2, 9, 6)), "an array of shape (2, 9, 6)"),
        (np.zeros((1, 1, 9, 6)), "an array of shape (1, 1, 9, 6)"),
        (np.zeros(6), "an array of shape (6,)"),
        ("rows", "'rows'"),
        (None, "an array of shape ()"),
        ([[0, 0, 1, 1, 10**400]], repr([[0, 0, 1, 1, 10**400]])[:80]),
    ],
)
def test_another_shape_says_what_was_expected(output, got):
    with pytest.raises(ShapeError, match=r"output must be \(1, N, 4 \+ C\) rows") as caught:
        detection_rows(output)
    assert caught.value.got == got
