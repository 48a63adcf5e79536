"""Writes small ONNX files, for models that are not to be had: one linear layer behind a picture."""

from __future__ import annotations

import numpy as np


def linear_onnx(weights: np.ndarray) -> bytes:
    """An ONNX model which multiplies a (1, 1, 64, 64) picture, flattened, by (4096, K) weights."""
    classes = weights.shape[1]
    tensor = (
        _number(1, 4096)
        + _number(1, classes)
        + _number(2, 1)
        + _bytes(8, b"weights")
        + _bytes(9, weights.astype("<f4").tobytes())
    )
    flatten = _bytes(1, b"picture") + _bytes(2, b"flat") + _bytes(4, b"Flatten")
    multiply = (
        _bytes(1, b"flat") + _bytes(1, b"weights") + _bytes(2, b"scores") + _bytes(4, b"MatMul")
    )
    graph = (
        _bytes(1, flatten)
        + _bytes(1, multiply)
        + _bytes(2, b"linear")
        + _bytes(5, tensor)
        + _bytes(11, _value(b"picture", (1, 1, 64, 64)))
        + _bytes(12, _value(b"scores", (1, classes)))
    )
    opset = _bytes(1, b"") + _number(2, 11)
    return _number(1, 7) + _bytes(7, graph) + _bytes(8, opset)


def _value(name: bytes, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_bytes(1, _number(1, side)) for side in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, dims)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
