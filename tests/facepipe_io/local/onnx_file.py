"""Writes small ONNX files, for models that are not to be had, of a layer or two."""

from __future__ import annotations

from typing import Sequence

import numpy as np


def linear_onnx(
    weights: np.ndarray,
    shape: Sequence[int | None] = (1, 1, 64, 64),
    *,
    inputs: Sequence[bytes] = (b"picture",),
) -> bytes:
    """An ONNX model which multiplies a picture of some shape, flattened, by (P, K) weights.

    Args:
        weights: one row for each value of the picture, one column for each class.
        shape: as the model tells it; None for a side that it leaves open.
        inputs: what it names among its inputs; `weights`, too, in files of old.
    """
    pixels, classes = weights.shape
    tensor = (
        _number(1, pixels)
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
        + b"".join(
            _bytes(11, _value(name, weights.shape if name == b"weights" else shape))
            for name in inputs
        )
        + _bytes(12, _value(b"scores", (1, classes)))
    )
    return _model(graph)


def means_onnx(shape: Sequence[int | None]) -> bytes:
    """An ONNX model which answers the mean of each channel of a (1, C, H, W) picture."""
    pool = _bytes(1, b"picture") + _bytes(2, b"means") + _bytes(4, b"GlobalAveragePool")
    flatten = _bytes(1, b"means") + _bytes(2, b"scores") + _bytes(4, b"Flatten")
    graph = (
        _bytes(1, pool)
        + _bytes(1, flatten)
        + _bytes(2, b"means")
        + _bytes(11, _value(b"picture", shape))
        + _bytes(12, _value(b"scores", (1, shape[1])))
    )
    return _model(graph)


def _model(graph: bytes) -> bytes:
    opset = _bytes(1, b"") + _number(2, 11)
    return _number(1, 7) + _bytes(7, graph) + _bytes(8, opset)


def _value(name: bytes, shape: Sequence[int | None]) -> bytes:
    dims = b"".join(
        _bytes(1, _bytes(2, b"open") if side is None else _number(1, side)) for side in shape
    )
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
