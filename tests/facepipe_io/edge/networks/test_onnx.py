from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe_io.edge.networks.onnx import input_shape
from tests.facepipe_io.local.onnx_file import linear_onnx

WEIGHTS = np.zeros((4, 2), np.float32)


@given(st.lists(st.none() | st.integers(1, 2**31 - 1), max_size=6))
def test_the_shape_is_as_it_was_written(shape):
    assert input_shape(linear_onnx(WEIGHTS, shape)) == tuple(shape)


@pytest.mark.parametrize("side", [0, 2**31, 2**64 - 1])
def test_a_side_that_cannot_be_is_left_open(side):
    assert input_shape(linear_onnx(WEIGHTS, (1, side))) == (1, None)


@pytest.mark.parametrize("inputs", [(b"picture", b"weights"), (b"weights", b"picture")])
def test_weights_are_no_inputs(inputs):
    assert input_shape(linear_onnx(WEIGHTS, (1, 1, 2, 2), inputs=inputs)) == (1, 1, 2, 2)


@pytest.mark.parametrize("inputs", [(), (b"weights",), (b"left", b"right")])
def test_a_model_of_no_or_several_inputs(inputs):
    with pytest.raises(ValueError, match=r"it has (0|2) inputs where a classifier has one"):
        input_shape(linear_onnx(WEIGHTS, inputs=inputs))


@given(st.binary(max_size=64))
@example(b"\x3a")
@example(b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
@example(b"\xff" * 11)
@example(b"\x3b")
@example(b"\x38\x01")
def test_whatever_is_no_model_is_told(data):
    with pytest.raises(ValueError, match=r"^it"):
        input_shape(data)


@given(st.data())
def test_a_damaged_model_is_told_or_read(data):
    model = bytearray(linear_onnx(WEIGHTS))
    place = data.draw(st.integers(0, len(model) - 1))
    model[place] = data.draw(st.integers(0, 255))
    try:
        sides = input_shape(bytes(model[: data.draw(st.integers(0, len(model)))]))
    except ValueError as error:
        assert str(error).startswith("it")
    else:
        assert all(side is None or 0 < side < 2**31 for side in sides)


def test_a_real_model(data_dir):
    models = data_dir / "models"
    read = (models / "fer2013_mini_XCEPTION_102_066.onnx").read_bytes()
    assert input_shape(read) == (1, 1, 64, 64)
    assert input_shape((models / "face_detection_yunet_2023mar.onnx").read_bytes())[1] == 3
