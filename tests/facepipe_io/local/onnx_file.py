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
    classes = weights.shape[1]
    tensor = _tensor("weights", weights.astype("<f4"))
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


def squares_onnx(side: int = 64) -> bytes:
    """A detector of squares that are red, green or blue, which answers as YOLOv8 does.

    They are found when they fill a cell of 16 pixels; the boxes of its other grids, of 8 and 32,
    are empty. A class's score is the mean of its channel less those of the other two.

    Args:
        side: of its input, `(1, 3, side, side)`, red, green, blue, 0 to 1.
    """
    strides = (8, 16, 32)
    boxes = np.concatenate([_cells(side // stride, stride) for stride in strides], axis=1)
    differ = np.full((3, 3), -1.0) + 2 * np.eye(3)
    nodes = _node("Conv", ["picture", "differ"], "colours")
    for stride in strides:
        sizes = _ints("kernel_shape", [stride] * 2) + _ints("strides", [stride] * 2)
        nodes += _node("AveragePool", ["colours"], f"mean{stride}", sizes)
        nodes += _node("Reshape", [f"mean{stride}", "flat"], f"row{stride}")
    nodes += _node("Concat", [f"row{stride}" for stride in strides], "classes", _int("axis", 2))
    nodes += _node("Concat", ["boxes", "classes"], "found", _int("axis", 1))
    weights = {
        "differ": differ.reshape(3, 3, 1, 1).astype("<f4"),
        "boxes": boxes[None].astype("<f4"),
        "flat": np.array([1, 3, -1], "<i8"),
    }
    graph = (
        nodes
        + _bytes(2, b"squares")
        + b"".join(_bytes(5, _tensor(name, array)) for name, array in weights.items())
        + _bytes(11, _value(b"picture", (1, 3, side, side)))
        + _bytes(12, _value(b"found", (1, 7, boxes.shape[1])))
    )
    return _model(graph)


def rows_onnx(rows: np.ndarray, side: int = 8, weights: np.ndarray | None = None) -> bytes:
    """An ONNX model that answers (N, K) rows, whatever the picture.

    Args:
        rows: what it answers, as (1, N, K).
        side: of its input, `(1, 3, side, side)`.
        weights: what is added, (3 * side * side, N * K), multiplied by the picture; nothing.
    """
    if weights is None:
        weights = np.zeros((3 * side * side, rows.size))
    arrays = {
        "weights": weights.astype("<f4"),
        "rows": rows.reshape(1, -1).astype("<f4"),
        "shape": np.array((1, *rows.shape), "<i8"),
    }
    graph = (
        _node("Flatten", ["picture"], "flat")
        + _node("MatMul", ["flat", "weights"], "scaled")
        + _node("Add", ["scaled", "rows"], "sum")
        + _node("Reshape", ["sum", "shape"], "found")
        + _bytes(2, b"rows")
        + b"".join(_bytes(5, _tensor(name, array)) for name, array in arrays.items())
        + _bytes(11, _value(b"picture", (1, 3, side, side)))
        + _bytes(12, _value(b"found", (1, *rows.shape)))
    )
    return _model(graph)


def _cells(count: int, stride: int) -> np.ndarray:
    """Centre, width and height of the cells of a grid, (4, cells)."""
    y, x = np.mgrid[:count, :count].reshape(2, -1) * stride + stride / 2
    sides = np.full_like(x, stride if stride == 16 else 0)
    return np.stack([x, y, sides, sides])


def _node(kind: str, inputs: Sequence[str], output: str, attributes: bytes = b"") -> bytes:
    named = b"".join(_bytes(1, name.encode()) for name in inputs)
    return _bytes(1, named + _bytes(2, output.encode()) + _bytes(4, kind.encode()) + attributes)


def _int(name: str, value: int) -> bytes:
    return _bytes(5, _bytes(1, name.encode()) + _number(3, value) + _number(20, 2))


def _ints(name: str, values: Sequence[int]) -> bytes:
    numbers = b"".join(_number(8, value) for value in values)
    return _bytes(5, _bytes(1, name.encode()) + numbers + _number(20, 7))


def _tensor(name: str, array: np.ndarray) -> bytes:
    kind = {"f": 1, "i": 7}[array.dtype.kind]
    sides = b"".join(_number(1, side) for side in array.shape)
    return sides + _number(2, kind) + _bytes(8, name.encode()) + _bytes(9, array.tobytes())


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
