"""Answers of the YOLO family."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from facepipe.detections import Detections
from facepipe.errors import ShapeError
from facepipe.letterbox import Letterbox
from facepipe.yolo_output import yolo_classes
from tests.strategies import frame_sizes, rubbish_floats

SIDE = 64
CELLS = 64 + 16 + 4  # of 8, 16 and 32 pixels
AS_IS = Letterbox.fit((SIDE, SIDE), (SIDE, SIDE))


def v8(boxes, labels, scores, classes, cells=CELLS):
    out = np.zeros((1, 4 + classes, cells))
    for n, (box, label, score) in enumerate(zip(boxes, labels, scores)):
        out[0, :4, n] = centred(box)
        out[0, 4 + label, n] = score
    return out


def v5(boxes, labels, scores, classes, cells=3 * CELLS):
    out = np.zeros((1, cells, 5 + classes))
    for n, (box, label, score) in enumerate(zip(boxes, labels, scores)):
        out[0, n, :4] = centred(box)
        out[0, n, 4] = np.sqrt(score)
        out[0, n, 5 + label] = np.sqrt(score)
    return out


def end_to_end(boxes, labels, scores, classes):
    rows = np.column_stack([boxes, scores, labels]) if len(boxes) else np.empty((0, 6))
    return np.concatenate([rows, np.zeros((5, 6))])[None]


def centred(box):
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0


@st.composite
def answers(draw):
    """A model's answer, and what it says."""
    classes = draw(st.integers(1, 60))
    count = draw(st.integers(0, 5))
    number = st.integers(0, 2 * SIDE).map(lambda n: n / 2)
    low = draw(npst.arrays(np.float64, (count, 2), elements=number))
    sides = draw(npst.arrays(np.float64, (count, 2), elements=number)) + 1
    boxes = np.hstack([low, low + sides])
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=count, max_size=count))
    scores = draw(st.lists(st.floats(0.1, 1), min_size=count, max_size=count))
    form = draw(st.sampled_from([v8, v5, end_to_end]))
    return form(boxes, labels, scores, classes), boxes, labels, scores


@given(answers())
def test_each_form_is_read_as_what_it_says(answer):
    output, boxes, labels, scores = answer
    found = Detections.from_yolo(output, letterbox=AS_IS).above(0.05)
    np.testing.assert_allclose(found.boxes, boxes)
    assert found.labels.tolist() == labels
    np.testing.assert_allclose(found.scores, scores)


@given(answers(), frame_sizes())
def test_boxes_are_in_pixels_of_the_frame(answer, frame_wh):
    box = Letterbox.fit(frame_wh, (SIDE, SIDE))
    on_frame = Detections.from_yolo(answer[0], letterbox=box)
    on_input = Detections.from_yolo(answer[0], letterbox=AS_IS)
    np.testing.assert_allclose(box.map(on_frame.boxes), on_input.boxes, atol=1e-6)


@given(
    st.sampled_from([(CELLS, 8), (3 * CELLS, 8), (8, CELLS), (4, 6)]).flatmap(
        lambda shape: npst.arrays(np.float64, shape, elements=rubbish_floats())
    )
)
def test_rubbish_is_dropped(output):
    found = Detections.from_yolo(output, letterbox=AS_IS)
    assert np.isfinite(found.boxes).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()


@pytest.mark.parametrize("strides", [(8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32)])
def test_models_of_other_grids_are_known(strides):
    cells = sum((SIDE // s) ** 2 for s in strides)
    for output in (
        v8([(8, 8, 24, 24)], [1], [0.8], 2, cells if 8 in strides else 3 * cells),
        v5([(8, 8, 24, 24)], [1], [0.8], 2, 3 * cells),
    ):
        found = Detections.from_yolo(output, letterbox=AS_IS).above(0.5)
        assert found == Detections([[8, 8, 24, 24]], found.scores, [1])


def test_any_nan_of_a_network_is_rubbish_and_no_more_is_said():
    signalling = np.full((1, 7, 6), 0x7FA00000, np.uint32).view(np.float32)
    assert len(Detections.from_yolo(signalling, letterbox=AS_IS)) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        [], np.zeros(6), np.zeros((2, 5, 6)), np.zeros((1, CELLS, 5)), np.zeros((1, 4, CELLS)),
        np.zeros((1, 1000)), np.zeros((1, CELLS, CELLS)),
        np.zeros((1, 12, 7)), "text", None, [[1, 2], [3]], [[10**400] * 6],
    ],
)  # fmt: skip
def test_any_other_shape_is_told(wrong):
    with pytest.raises(ShapeError, match="4 \\+ classes"):
        Detections.from_yolo(wrong, letterbox=AS_IS)


def test_what_is_no_array_is_shown():
    with pytest.raises(ShapeError, match=r"not 'text'$"):
        Detections.from_yolo("text", letterbox=AS_IS)


def test_300_finished_boxes_of_a_wide_input_are_no_grid():
    output = np.zeros((1, 300, 6))
    output[0, 0] = [10, 20, 60, 80, 0.9, 3]
    found = Detections.from_yolo(output, letterbox=Letterbox.fit((320, 192), (320, 192)))
    assert found.above(0.5) == Detections([[10, 20, 60, 80]], [0.9], [3])


def test_how_many_classes_there_are_is_told_where_it_shows():
    boxes, labels, scores = np.array([[8.0, 8, 24, 24]]), [1], [0.9]
    for form in (v8, v5):
        assert yolo_classes(form(boxes, labels, scores, 3), (SIDE, SIDE)) == 3
    assert yolo_classes(v5(boxes, [0], scores, 1), (SIDE, SIDE)) == 1
    assert yolo_classes(end_to_end(boxes, labels, scores, 3), (SIDE, SIDE)) is None


@pytest.mark.parametrize("input_wh", [(SIDE + 1, SIDE), (SIDE, SIDE + 1)])
def test_a_grid_has_whole_cells(input_wh):
    assert yolo_classes(v8([], [], [], 3), input_wh) == 3
