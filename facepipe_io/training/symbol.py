"""Takes the training layers off the network of an SSD that MXNet trained.

While it is trained, an SSD ends in its losses and takes labels; in use it ends in
MultiBoxDetection:

    training  boxes, label, scores -> MultiBoxTarget; scores -> SoftmaxOutput;
              smooth_l1(mask * (offsets - target)); and what is reported while it trains
    in use    MultiBoxDetection(SoftmaxActivation(scores), offsets, boxes)

Both are as in `symbol_builder.py` of example/ssd in apache/mxnet, of which SageMaker's algorithm is
made. The pieces are found by how they are joined, whatever their names. MXNet is not needed.
"""

from __future__ import annotations

import json
import math
from typing import Any

import attrs

from facepipe_io.errors import ModelError
from facepipe_io.text import printable
from facepipe_io.training.graph import ATTRIBUTES, Graph, RefusedError, parse, refuse

_TARGET = ("_contrib_MultiBoxTarget", "MultiBoxTarget")
_DETECTION = ("_contrib_MultiBoxDetection", "MultiBoxDetection")
_SOFTMAX = ("SoftmaxOutput", "Softmax")
# Each release has had its own names for these.
_MINUS = ("elemwise_sub", "broadcast_sub", "broadcast_minus", "_sub", "_minus", "_Minus")
_TIMES = ("elemwise_mul", "broadcast_mul", "_mul", "_Mul")

_NMS_TOP = 400  # of example/ssd


@attrs.frozen
class Symbol:
    """A network without its training layers.

    Attributes:
        text: the JSON.
        parameters: the names of all variables but the picture, in the network's order.
        changed: whether it was a training network; if not, the text is as it was.
    """

    text: str
    parameters: tuple[str, ...]
    changed: bool


def strip_training(content: bytes, *, nms: float = 0.45, name: str = "symbol.json") -> Symbol:
    """Take the training layers off an SSD, and put a detection head on.

    Args:
        content: the symbol as MXNet saved it; at most 8 MiB.
        nms: of boxes of one class that overlap by that much, intersection over union, only the best
            is kept; more than 0, at most 1.
        name: what to call it in errors.

    Returns:
        The network in use; one that was stripped before is unchanged.

    Raises:
        ModelError: when this is no symbol, or not the symbol of an SSD.
        ValueError: when `nms` is outside 0 to 1.
    """
    if not 0 < nms <= 1:
        raise ValueError(f"nms must be more than 0 and at most 1, not {nms}")
    try:
        graph = Graph(parse(content))
        ends = [graph.op(number) for number, _ in graph.heads]
        if not graph.find(_TARGET) and len(ends) == 1 and ends[0] in _DETECTION:
            return Symbol(content.decode(), graph.parameters(), False)
        stripped = Graph(graph.reduced(*_with_detection(graph, nms)))
        text = json.dumps(stripped.symbol, ensure_ascii=False, indent=1)
        return Symbol(text + "\n", stripped.parameters(), True)
    except RefusedError as error:
        raise ModelError(printable(name), str(error)) from None


def _with_detection(graph: Graph, nms: float) -> tuple[dict[int, dict[str, Any]], dict[int, int]]:
    """The nodes of a detection head for a training network, and how many outputs each has."""
    targets = graph.find(_TARGET)
    if len(targets) != 1:
        refuse(
            f"it has {len(targets)} MultiBoxTarget layers, and a training SSD one; give the "
            "symbol of SageMaker's object detection or of MXNet's example/ssd"
        )
    target = targets[0]
    if len(graph.inputs(target)) != 3:
        refuse("its MultiBoxTarget does not take boxes, labels and scores; give an SSD's symbol")
    boxes = graph.inputs(target)[0]
    scores = _scores(graph, target)
    offsets = _offsets(graph, target)

    spelt = [key for key in ATTRIBUTES if any(key in node for node in graph.nodes)]
    key = spelt[-1] if spelt else "attrs"
    variances = graph.attributes(target).get("variances")
    first = len(graph.nodes)
    # As many numbers as its other inputs have: the third one came with MXNet 0.9.
    width = max((len(entry) for node in graph.nodes for entry in node["inputs"]), default=3)

    def entry(number: int, output: int = 0) -> list[int]:
        return [number, output, 0][:width]

    names = {node["name"] for node in graph.nodes if node["op"] == "null"}
    head = {
        "force_suppress": "False",
        "nms_threshold": f"{nms:g}",
        "nms_topk": str(_NMS_TOP),
    }
    if variances is not None:
        _check_variances(variances)
        head["variances"] = variances
    new = {
        first: {
            "op": "SoftmaxActivation",
            "name": _free("cls_prob", names),
            key: {"mode": "channel"},
            "inputs": [entry(*scores)],
        },
        first + 1: {
            "op": graph.op(target).replace("Target", "Detection"),
            "name": _free("detection", names),
            key: head,
            "inputs": [entry(first), entry(*offsets), entry(*boxes)],
        },
    }
    return new, {first: 1, first + 1: 1}


def _scores(graph: Graph, target: int) -> tuple[int, int]:
    """What the classes' loss is taken of."""
    losses = [
        number
        for number in graph.find(_SOFTMAX)
        if graph.inputs(number)[1:] == [(target, 2)]
        and graph.attributes(number).get("multi_output", "False").lower() in ("true", "1")
    ]
    if len(losses) != 1:
        refuse(
            f"it has {len(losses)} SoftmaxOutput layers of multi_output on the classes of its "
            "MultiBoxTarget, and a training SSD one; give an SSD's symbol"
        )
    return graph.inputs(losses[0])[0]


def _offsets(graph: Graph, target: int) -> tuple[int, int]:
    """What the boxes' loss is taken of: the other side of the difference from the target."""
    found: set[tuple[int, int]] = set()
    for minus in graph.users((target, 0), _MINUS):
        masked = [
            times
            for times in graph.users((minus, 0), _TIMES)
            if sorted(graph.inputs(times)) == sorted([(minus, 0), (target, 1)])
        ]
        if len(graph.inputs(minus)) == 2 and any(
            graph.users((times, 0), ("smooth_l1",)) for times in masked
        ):
            found.update(entry for entry in graph.inputs(minus) if entry != (target, 0))
    if len(found) != 1:
        refuse(
            f"it has {len(found)} losses smooth_l1(mask * (offsets - target)) on the boxes of its "
            "MultiBoxTarget, and a training SSD one; give an SSD's symbol"
        )
    return found.pop()


def _check_variances(text: str) -> None:
    try:
        values = [float(part) for part in text.strip("()[] ").rstrip(", ").split(",")]
    except ValueError:
        values = []
    if len(values) != 4 or not all(math.isfinite(value) and value > 0 for value in values):
        refuse("the variances of its MultiBoxTarget are not four numbers; give an SSD's symbol")


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
