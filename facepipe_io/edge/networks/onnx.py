"""The shape of an ONNX model's input, which OpenCV tells in its newest releases alone.

ONNX is protobuf; the numbers of its fields are in onnx.proto3 of the project onnx/onnx, and how
they are encoded is in Protocol Buffers' documentation, "Encoding".
"""

from __future__ import annotations

from typing import Iterator, Union

_Value = Union[int, memoryview]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Fields of ModelProto, GraphProto, ValueInfoProto, TypeProto, TypeProto.Tensor and its shape.
_MODEL_GRAPH = 7
_GRAPH_INITIALIZER, _GRAPH_INPUT = 5, 11
_TENSOR_NAME = 8
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR, _TENSOR_SHAPE, _SHAPE_DIM, _DIM_VALUE = 1, 2, 1, 1


def input_shape(model: bytes) -> tuple[int | None, ...]:
    """The shape of the only input that a model has.

    Args:
        model: the file's content.

    Returns:
        Its sides, None where the model leaves one open.

    Raises:
        ValueError: when this is no ONNX model, or one of no or several inputs.
    """
    graphs = list(_messages(memoryview(model), _MODEL_GRAPH))
    if len(graphs) != 1:
        raise ValueError("it has no graph")
    # Old exporters name the weights among the inputs.
    weights = {_name(tensor, _TENSOR_NAME) for tensor in _messages(graphs[0], _GRAPH_INITIALIZER)}
    inputs = [
        value
        for value in _messages(graphs[0], _GRAPH_INPUT)
        if _name(value, _VALUE_NAME) not in weights
    ]
    if len(inputs) != 1:
        raise ValueError(f"it has {len(inputs)} inputs where a classifier has one")
    return tuple(
        _side(dim)
        for type_ in _messages(inputs[0], _VALUE_TYPE)
        for tensor in _messages(type_, _TYPE_TENSOR)
        for shape in _messages(tensor, _TENSOR_SHAPE)
        for dim in _messages(shape, _SHAPE_DIM)
    )


def _side(dim: memoryview) -> int | None:
    values = [value for number, value in _fields(dim) if number == _DIM_VALUE]
    side = values[-1] if values else 0
    return side if isinstance(side, int) and 0 < side < 2**31 else None


def _name(message: memoryview, field: int) -> bytes:
    return b"".join(bytes(name) for name in _messages(message, field))


def _messages(message: memoryview, field: int) -> Iterator[memoryview]:
    """What a message has under a field's number: messages or texts."""
    for number, value in _fields(message):
        if number == field:
            if isinstance(value, int):
                raise ValueError(f"its field {number} is a number")
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, _Value]]:
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == _BYTES:
            length, place = _varint(message, place)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("it is no protobuf")
        if length > len(message) - place:
            raise ValueError("it ends too early")
        yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place == len(message):
            raise ValueError("it ends too early")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("it is no protobuf")
