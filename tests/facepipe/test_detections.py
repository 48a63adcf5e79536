from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from unittest import mock

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from facepipe import detections as _detections
from facepipe.boxes import box_iou, scale_boxes
from facepipe.detections import Detections
from facepipe.errors import ShapeError
from facepipe.letterbox import Letterbox
from tests.strategies import boxes, detections, frame_sizes, rubbish_floats

INPUT, FRAME = (300, 300), (1920, 1080)


def rows(columns):
    """Rows of a detector gone mad, by the number of columns."""
    return npst.arrays(
        np.float64,
        st.tuples(st.integers(0, 8), st.just(columns)),
        elements=rubbish_floats() | st.floats(0, 1),
    )


CONSTRUCTORS = {
    "awscam": lambda r: Detections.from_awscam(
        [dict(zip(("label", "prob", "xmin", "ymin", "xmax", "ymax"), row)) for row in r.tolist()],
        input_wh=INPUT, frame_wh=FRAME,
    ),
    "mxnet": lambda r: Detections.from_mxnet_ssd(r, frame_wh=FRAME),
    "opencv": lambda r: Detections.from_opencv_ssd(r[None, None], frame_wh=FRAME),
    "yunet": lambda r: Detections.from_yunet(r, input_wh=INPUT, frame_wh=FRAME),
    "cascade": lambda r: Detections.from_cascade(
        r[:, :4], r[:, 4], input_wh=INPUT, frame_wh=FRAME
    ),
}  # fmt: skip
COLUMNS = {"awscam": 6, "mxnet": 6, "opencv": 7, "yunet": 15, "cascade": 5}


@pytest.mark.parametrize("format_", CONSTRUCTORS)
def test_no_rows_are_no_detections(format_):
    assert CONSTRUCTORS[format_](np.empty((0, COLUMNS[format_]))) == Detections.empty()


@pytest.mark.parametrize("format_", CONSTRUCTORS)
@given(data=st.data())
def test_rubbish_is_dropped_never_raised_and_never_passed_on(format_, data):
    found = CONSTRUCTORS[format_](data.draw(rows(COLUMNS[format_])))
    assert np.isfinite(found.boxes).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (found.labels >= 0).all()
    assert found.labels.dtype == np.int64
    for array in (found.boxes, found.scores, found.labels):
        assert not array.flags.writeable


@pytest.mark.parametrize("format_", CONSTRUCTORS)
@given(data=st.data())
def test_rubbish_takes_no_neighbour_with_it(format_, data):
    good = {
        "awscam": [1, 0.9, 30, 30, 60, 90],
        "mxnet": [1, 0.9, 0.1, 0.1, 0.2, 0.3],
        "opencv": [0, 1, 0.9, 0.1, 0.1, 0.2, 0.3],
        "yunet": [30, 30, 30, 60, *[0] * 10, 0.9],
        "cascade": [30, 30, 30, 60, 27.0],
    }[format_]
    mad = data.draw(rows(COLUMNS[format_]))
    place = data.draw(st.integers(0, len(mad)))
    found = CONSTRUCTORS[format_](np.insert(mad, place, good, axis=0))
    same = np.isclose(found.boxes, [[192, 108, 384, 324]]).all(axis=1)
    assert (same & np.isclose(found.scores, 0.9) & (found.labels == 1)).any()


@given(boxes(low=-200, high=200), frame_sizes(), frame_sizes())
def test_pixels_of_the_input_become_pixels_of_the_frame(some, input_wh, frame_wh):
    awscam = [
        {"label": "1", "prob": 0.5, "xmin": x0, "ymin": y0, "xmax": x1, "ymax": y1}
        for x0, y0, x1, y1 in some.tolist()
    ]
    expected = scale_boxes(some, input_wh, frame_wh)
    found = Detections.from_awscam({"ssd": awscam}, input_wh=input_wh, frame_wh=frame_wh)
    assert np.allclose(found.boxes, expected)
    xywh = np.hstack([some[:, :2], some[:, 2:] - some[:, :2]])
    found = Detections.from_cascade(xywh, input_wh=input_wh, frame_wh=frame_wh)
    assert np.allclose(found.boxes, expected)
    assert (found.scores == 1).all()


@pytest.mark.parametrize("label", [7, "7", 7.0, np.int32(7)])
def test_awscam_labels_are_numbers_or_their_text(label):
    row = {"label": label, "prob": 0.5, "xmin": 1, "ymin": 1, "xmax": 9, "ymax": 9}
    assert Detections.from_awscam([row], input_wh=INPUT, frame_wh=FRAME).labels.tolist() == [7]


@pytest.mark.parametrize("label", ["face", None, 10**400, [1], 1j, -(10**400)])
def test_awscam_rubbish_takes_no_other_row_with_it(label):
    row = {"label": 1, "prob": 0.5, "xmin": 1, "ymin": 1, "xmax": 9, "ymax": 9}
    rubbish = dict(row, label=label)
    found = Detections.from_awscam([rubbish, row, rubbish], input_wh=INPUT, frame_wh=FRAME)
    assert found == Detections.from_awscam([row], input_wh=INPUT, frame_wh=FRAME)
    assert len(found) == 1


def test_awscam_rows_are_read_one_by_one_only_where_there_is_rubbish_among_them():
    row = {"label": "1", "prob": 0.5, "xmin": 1, "ymin": 1, "xmax": 9, "ymax": 9}
    for rows, single in (([row, row], 0), ([row, dict(row, label="face")], 12)):
        with mock.patch.object(_detections, "_number", side_effect=_detections._number) as number:
            Detections.from_awscam(rows, input_wh=INPUT, frame_wh=FRAME)
        assert number.call_count == single


def test_any_nan_of_a_network_is_rubbish_and_no_more_is_said():
    signalling = np.full((1, 2, 6), 0x7FA00000, np.uint32).view(np.float32)
    assert len(Detections.from_mxnet_ssd(signalling, frame_wh=FRAME)) == 0
    rects, weights = np.full((2, 4), 9.0), signalling[0, :, 0]
    assert len(Detections.from_cascade(rects, weights, input_wh=INPUT, frame_wh=FRAME)) == 0


def test_a_side_beyond_all_numbers_is_rubbish_and_no_more_is_said():
    rects = [[1.7e308, 1, 1.7e308, 9], [1, 1.7e308, 9, 1.7e308], [30, 30, 30, 60]]
    found = Detections.from_cascade(rects, input_wh=INPUT, frame_wh=FRAME)
    assert found.boxes.tolist() == [[192, 108, 384, 324]]


@pytest.mark.parametrize("column", range(2, 6))
def test_what_is_more_than_ten_million_pixels_away_is_rubbish(column):
    away = [-1e7, -1e7, 1e7, 1e7][column - 2]
    near, far = [0, 0.9, -1, -1, 1, 1], [0, 0.9, -1, -1, 1, 1]
    near[column], far[column] = away, away * (1 + 1e-9)
    found = Detections.from_mxnet_ssd([near, far], frame_wh=(1, 1))
    assert found.boxes.tolist() == [near[2:]]


def test_scores_are_from_0_to_1():
    rows = [[0, score, 0.1, 0.1, 0.2, 0.2] for score in (-0.01, 0.0, 0.5, 1.0, 1.01)]
    assert Detections.from_mxnet_ssd(rows, frame_wh=FRAME).scores.tolist() == [0.0, 0.5, 1.0]


def test_boxes_without_width_or_height_are_rubbish():
    corners = [(1, 1, 1, 9), (1, 1, 9, 1), (9, 1, 1, 9), (1, 9, 9, 1), (1, 1, 9, 9)]
    rows = [[0, 0.5, *box] for box in corners]
    found = Detections.from_mxnet_ssd(rows, frame_wh=(1, 1))
    assert found.boxes.tolist() == [[1, 1, 9, 9]]


def test_a_box_that_rounds_to_nothing_on_its_way_to_the_frame_is_dropped():
    box = Letterbox.fit((320, 180), (64, 64))
    rows = [[[1e-9, 1e-20, 1, 2e-20, 0.9, 0], [1, 20, 3, 22, 0.8, 1]]]
    assert Detections.from_yolo(rows, letterbox=box).labels.tolist() == [1]


def test_background_is_no_detection():
    box = [0.1, 0.1, 0.2, 0.2]
    assert len(Detections.from_mxnet_ssd([[-1, 0.9, *box]], frame_wh=FRAME)) == 0
    assert len(Detections.from_mxnet_ssd([[0, 0.9, *box]], frame_wh=FRAME)) == 1
    assert len(Detections.from_opencv_ssd([[[[0, 0, 0.9, *box]]]], frame_wh=FRAME)) == 0
    assert len(Detections.from_opencv_ssd([[[[0, 1, 0.9, *box]]]], frame_wh=FRAME)) == 1
    names = ("label", "prob", "xmin", "ymin", "xmax", "ymax")
    rows = [dict(zip(names, (label, 0.9, *box))) for label in (-1, 0, 1)]
    found = Detections.from_awscam(rows, input_wh=INPUT, frame_wh=FRAME)
    assert found.labels.tolist() == [0, 1]


def test_the_first_class_of_a_yolo_is_0():
    rows = [[[1, 20, 3, 22, 0.9, 0], [1, 20, 3, 22, 0.9, -1]]]
    found = Detections.from_yolo(rows, letterbox=Letterbox.fit((320, 180), (64, 64)))
    assert found.labels.tolist() == [0]


def test_opencv_says_nothing_in_its_own_ways():
    assert len(Detections.from_yunet(None, input_wh=INPUT, frame_wh=FRAME)) == 0
    assert len(Detections.from_cascade((), input_wh=INPUT, frame_wh=FRAME)) == 0
    assert len(Detections.from_cascade((), (), input_wh=INPUT, frame_wh=FRAME)) == 0


@given(npst.arrays(np.float64, st.integers(0, 9), elements=st.floats(-1e6, 1e6)))
def test_a_larger_cascade_weight_is_a_larger_score(weights):
    rects = np.tile([10, 10, 20, 20], (len(weights), 1))
    scores = Detections.from_cascade(rects, weights, input_wh=INPUT, frame_wh=FRAME).scores
    assert len(scores) == len(weights)
    assert (np.diff(scores[np.argsort(weights)]) >= 0).all()


def test_cascade_weights_become_scores():
    rects = np.full((5, 4), 9.0)
    weights = [-5.0, 0.0, 3.0, 9.0, np.inf]
    found = Detections.from_cascade(rects, weights, input_wh=INPUT, frame_wh=FRAME)
    assert found.scores.tolist() == [0.0, 0.0, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Detections.from_awscam({"yolo": []}, input_wh=INPUT, frame_wh=FRAME),
        lambda: Detections.from_awscam([{"label": 1}], input_wh=INPUT, frame_wh=FRAME),
        lambda: Detections.from_awscam([[1, 2]], input_wh=INPUT, frame_wh=FRAME),
        lambda: Detections.from_mxnet_ssd({"predictions": []}, frame_wh=FRAME),
        lambda: Detections.from_mxnet_ssd([["cat"]], frame_wh=FRAME),
        lambda: Detections.from_mxnet_ssd(np.ones((2, 3, 6)), frame_wh=FRAME),
        lambda: Detections.from_mxnet_ssd(np.ones(6), frame_wh=FRAME),
        lambda: Detections.from_opencv_ssd(np.ones((1, 1, 3, 6)), frame_wh=FRAME),
        lambda: Detections.from_yunet(np.ones((3, 14)), input_wh=INPUT, frame_wh=FRAME),
        lambda: Detections.from_yunet(3.0, input_wh=INPUT, frame_wh=FRAME),
        lambda: Detections.from_cascade(np.ones((3, 5)), input_wh=INPUT, frame_wh=FRAME),
        lambda: Detections.from_cascade(np.ones((3, 4)), [1], input_wh=INPUT, frame_wh=FRAME),
        lambda: Detections.from_cascade(np.ones((3, 4)), input_wh=(0, 1), frame_wh=FRAME),
        lambda: Detections.from_yunet(np.ones((3, 15)), input_wh=INPUT, frame_wh=(1, 0)),
        lambda: Detections(np.ones((2, 3)), [1, 1], [1, 1]),
        lambda: Detections(np.ones((2, 4)), [1], [1, 1]),
        lambda: Detections(np.ones((2, 4)), [1, 1], [1]),
        lambda: Detections(np.ones((1, 4)), [[1]], [1]),
        lambda: Detections([[1, 2, 3], [4]], [1, 1], [1, 1]),
        lambda: Detections([[10**400, 0, 1, 1]], [1], [1]),
        lambda: Detections.from_mxnet_ssd([[0, 1, 0, 0, 10**400, 1]], frame_wh=FRAME),
        lambda: Detections([[np.nan, 0, 1, 1]], [1], [1]),
        lambda: Detections([[0, 0, np.inf, 1]], [1], [1]),
        lambda: Detections([[0, 0, 1, 1]], [np.nan], [1]),
        lambda: Detections([[0, 0, 1, 1]], [1], np.array([np.nan])),
        lambda: Detections([[0, 0, 1, 1]], [1], [1.7]),
        lambda: Detections([[0, 0, 1, 1]], [1], [10**30]),
        lambda: Detections([[0, 0, 1, 1]], [1], np.array([1e300])),
        lambda: Detections([[0, 0, 1, 1]], [1], np.array([2**63], np.uint64)),
        lambda: Detections.from_mxnet_ssd(np.ones((0, 7)), frame_wh=FRAME),
        lambda: Detections.from_cascade(np.ones((1, 4)), [10**400], input_wh=INPUT, frame_wh=FRAME),
        lambda: Detections.from_cascade(
            np.ones((2, 4)), [[1], [2, 3]], input_wh=INPUT, frame_wh=FRAME
        ),
    ],
)
def test_a_wrong_shape_says_what_was_expected(wrong):
    with pytest.raises(ShapeError, match="must be"):
        wrong()


NO_SIZE = "must be a (width, height) pair of numbers greater than 0, not (1, 0)"
SSD_ROWS = "rows must be (N, 6) rows of class, score, x0, y0, x1, y1"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: Detections(np.ones((2, 4)), 1, [1, 1]),
            "scores must be an array of shape (N,), not one of shape ()",
        ),
        (
            lambda: Detections(np.ones((2, 4)), [1, 1], 1),
            "labels must be an array of shape (N,), not one of shape ()",
        ),
        (
            lambda: Detections(np.ones((2, 4)), ["a", "b"], [1, 1]),
            "scores must be an array of shape (N,), not ['a', 'b']",
        ),
        (
            lambda: Detections(np.ones((2, 4)), [1], [1, 1]),
            "scores must be an array of shape (2,), not one of shape (1,)",
        ),
        (
            lambda: Detections(np.ones((2, 4)), [1, 1], [1]),
            "labels must be an array of shape (2,), not one of shape (1,)",
        ),
        (
            lambda: Detections.from_awscam({"yolo": []}, input_wh=INPUT, frame_wh=FRAME),
            "result must be parseResult's {'ssd': [...]} of label, prob, xmin, ymin, xmax, ymax, "
            "not {'yolo': []}",
        ),
        (
            lambda: Detections.from_awscam([], input_wh=(1, 0), frame_wh=FRAME),
            f"input_wh {NO_SIZE}",
        ),
        (
            lambda: Detections.from_awscam([], input_wh=INPUT, frame_wh=(1, 0)),
            f"frame_wh {NO_SIZE}",
        ),
        (lambda: Detections.from_mxnet_ssd([["a"]], frame_wh=FRAME), f"{SSD_ROWS}, not [['a']]"),
        (
            lambda: Detections.from_mxnet_ssd(np.ones(6), frame_wh=FRAME),
            f"{SSD_ROWS}, not an array of shape (6,)",
        ),
        (lambda: Detections.from_mxnet_ssd([], frame_wh=(1, 0)), f"frame_wh {NO_SIZE}"),
        (
            lambda: Detections.from_opencv_ssd(np.ones((1, 1, 3, 6)), frame_wh=FRAME),
            "output must be (1, 1, N, 7) rows of image, label, score, x0, y0, x1, y1, "
            "not an array of shape (1, 1, 3, 6)",
        ),
        (lambda: Detections.from_opencv_ssd([], frame_wh=(1, 0)), f"frame_wh {NO_SIZE}"),
        (
            lambda: Detections.from_yunet(3.0, input_wh=INPUT, frame_wh=FRAME),
            "faces must be (N, 15) rows of x, y, width, height, ..., score, "
            "not an array of shape ()",
        ),
        (
            lambda: Detections.from_cascade(np.ones((3, 5)), input_wh=INPUT, frame_wh=FRAME),
            "rects must be (N, 4) rows of x, y, width, height, not an array of shape (3, 5)",
        ),
        (
            lambda: Detections.from_cascade(np.ones((3, 4)), [1], input_wh=INPUT, frame_wh=FRAME),
            "weights must be an array of shape (3,), not one of shape (1,)",
        ),
        (
            lambda: Detections.from_cascade(np.ones((1, 4)), ["a"], input_wh=INPUT, frame_wh=FRAME),
            "weights must be a number for each, not ['a']",
        ),
    ],
)
def test_what_is_wrong_is_named(call, text):
    with pytest.raises(ShapeError) as caught:
        call()
    assert str(caught.value) == text


@given(detections(), st.floats(0, 1))
def test_above_keeps_those_at_or_above_in_their_order(found, score):
    kept = found.above(score)
    assert kept == found[found.scores >= score]
    assert (kept.scores >= score).all()


@given(detections(), st.floats(0, 1))
def test_nms_keeps_the_best_and_nothing_that_overlaps_it(found, threshold):
    kept = found.nms(threshold)
    assert (np.diff(kept.scores) <= 0).all()
    iou = box_iou(kept.boxes, kept.boxes)
    assert (iou[~np.eye(len(kept), dtype=bool)] <= threshold).all()


@given(detections(), frame_sizes())
def test_clipped_drops_only_what_lies_outside(found, wh):
    inside = found.clipped(wh)
    touching = (found.boxes[:, :2] < wh).all(axis=1) & (found.boxes[:, 2:] > 0).all(axis=1)
    assert len(inside) == touching.sum()
    assert (inside.boxes >= 0).all()
    assert (inside.boxes <= [*wh, *wh]).all()
    assert inside.scores.tolist() == found.scores[touching].tolist()


@given(detections(max_size=5))
def test_indexing_takes_boxes_scores_and_labels_together(found):
    for i in range(len(found)):
        assert found[i] == found[[i]] == found[i : i + 1] == found[np.arange(len(found)) == i]
        assert found[i].labels.tolist() == [found.labels[i]]
    assert found[:] == found
    assert (found == found[::-1]) == (len(found) < 2 or found[::-1] == found)


@pytest.mark.parametrize("index", [True, np.True_, [[0]], np.zeros((1, 1), bool), 2])
def test_an_index_of_another_kind_is_told(index):
    found = Detections([[1, 2, 3, 4]] * 2, [0.5, 0.5], [1, 1])
    with pytest.raises(IndexError):
        found[index]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_labels_are_any_whole_numbers_of_64_bits(labels):
    boxes, scores = np.ones((len(labels), 4)), np.ones(len(labels))
    for given_ in (labels, np.array(labels, np.int64)):
        assert Detections(boxes, scores, given_).labels.tolist() == labels


def test_arrays_cannot_be_changed_from_either_side():
    source = np.array([[1.0, 2.0, 3.0, 4.0]])
    found = Detections(source, [0.5], [1])
    source[:] = 0
    assert found.boxes.tolist() == [[1, 2, 3, 4]]
    with pytest.raises(ValueError, match="read-only"):
        found.boxes[0] = 0
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.scores = [1]


def test_a_view_that_cannot_be_written_to_is_copied():
    source = np.array([[1.0, 2.0, 3.0, 4.0]])
    view = source[:]
    view.flags.writeable = False
    found = Detections(view, [0.5], [1])
    source[:] = 0
    assert found.boxes.tolist() == [[1, 2, 3, 4]]


@given(detections())
def test_copies_and_pickles_are_equal_and_read_only(found):
    for same in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert same == found
        assert not same.boxes.flags.writeable


def test_no_rows_have_four_columns_all_the_same():
    assert Detections([], [], []) == Detections.empty()
    assert Detections([], [], []).boxes.shape == (0, 4)


@pytest.mark.parametrize("label", [7.0, "7", Decimal(7), np.uint8(7)])
def test_labels_are_whole_numbers_whatever_type_they_came_in(label):
    labels = Detections([[0, 0, 1, 1]], [1], [label]).labels
    assert labels.dtype == np.int64
    assert labels.tolist() == [7]


def test_detections_cannot_be_hashed():
    with pytest.raises(TypeError, match="unhashable type: 'Detections'"):
        hash(Detections.empty())


def test_real_output_of_the_ssd_is_read(data_dir, portraits):
    import cv2

    net = cv2.dnn.readNet(
        str(data_dir / "models/opencv_face_detector_uint8.pb"),
        str(data_dir / "models/opencv_face_detector.pbtxt"),
    )
    image = portraits["collins"]
    net.setInput(cv2.dnn.blobFromImage(image, 1.0, (300, 300), (104, 117, 123)))
    wh = (image.shape[1], image.shape[0])
    found = Detections.from_opencv_ssd(net.forward(), frame_wh=wh).above(0.5).clipped(wh)
    x0, y0, x1, y1 = found.boxes[0]
    assert len(found) == 1
    assert x0 < 225 < x1, "Eileen Collins' nose is at 225, 120"
    assert y0 < 120 < y1


@given(detections(low=0.0, high=50.0), st.floats(0, 1))
def test_suppression_by_label_is_that_of_each_label_on_its_own(found, iou):
    kept = found.nms(iou, by_label=True)
    assert (np.diff(kept.scores) <= 0).all()
    for label in np.unique(found.labels):
        own = found[found.labels == label].nms(iou)
        np.testing.assert_array_equal(kept[kept.labels == label].boxes, own.boxes)


def test_what_has_another_label_suppresses_nothing():
    both = Detections([[0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 9]], [0.5, 0.9, 0.5], [1, 2, 1])
    assert both.nms(0.5, by_label=True) == both[[1, 0]]
    assert len(both.nms(0.5)) == 1


def test_of_equal_scores_the_first_is_the_first_when_suppressed_by_label():
    corner = 10.0 * np.arange(40)
    boxes = np.stack([corner, corner, corner + 9, corner + 9], axis=1)
    found = Detections(boxes, np.tile([0.5, 0.9], 20), np.arange(40) % 3)
    assert found.nms(0.5, by_label=True) == found[[*range(1, 40, 2), *range(0, 40, 2)]]
