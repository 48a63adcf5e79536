"""Turns an SSD of MXNet's into an ONNX model; a program for the Python of an MXNet environment.

    python mxnet_to_onnx.py deploy-symbol.json deploy-0000.params 512 model.onnx

MXNet's exporter knows neither MultiBoxPrior, SoftmaxActivation nor MultiBoxDetection. So it is
given the network up to the scores and offsets; the anchors, which depend on the input's size alone,
become constants, and the boxes are decoded by plain operators.

The model's input is `data`, `(1, 3, S, S)`; its output `detections`, `(1, N, 4 + C)`: a row for
each anchor, `x0, y0, x1, y1` in sides of the picture, then the probability of each class but the
background. Clipping and suppression are left to whoever runs it. stdout ends in one line of JSON,
`{"anchors": N, "classes": C}`. OpenCV runs it from 4.5.4 on, VGG-16 from 4.6 on.

Runs on CPython 3.8 with mxnet 1.9.1, onnx and NumPy below 1.24, and imports nothing of facepipe.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # elsewhere they are not to be had
    import mxnet as mx
    import numpy as np
    import onnx
    from mxnet.onnx.mx2onnx._export_onnx import MXNetGraph
    from onnx import TensorProto, helper, numpy_helper

OPSET = 13  # the newest that MXNet 1.9.1 writes
IR_VERSION = 7  # of the ONNX release that brought that opset: older readers refuse newer ones


def main() -> None:
    """Read the arguments, and write the model."""
    if len(sys.argv) != 5:
        raise SystemExit("usage: mxnet_to_onnx.py SYMBOL PARAMS SIDE ONNX")
    symbol = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    side = int(sys.argv[3])
    parameters = {name[4:]: array for name, array in mx.nd.load(sys.argv[2]).items()}
    head = symbol["nodes"][symbol["heads"][0][0]]
    if not head["op"].endswith("MultiBoxDetection"):
        raise SystemExit("the network does not end in MultiBoxDetection; strip it first")
    probabilities, offsets, anchors = (entry[:2] for entry in head["inputs"])
    softmax = symbol["nodes"][probabilities[0]]
    if softmax["op"] not in ("SoftmaxActivation", "SoftmaxOutput"):
        raise SystemExit(f"its probabilities are of {softmax['op']}, and no softmax; strip it anew")

    boxes = run(part(symbol, [anchors]), parameters, side)[0]  # (N, 4)
    model = convert(part(symbol, [softmax["inputs"][0][:2], offsets]), parameters, side)
    attributes = {**head.get("param", {}), **head.get("attr", {}), **head.get("attrs", {})}
    without_lp_normalization(model.graph)
    classes = add_detections(model.graph, boxes, attributes)
    onnx.checker.check_model(model)
    Path(sys.argv[4]).write_bytes(model.SerializeToString())
    sys.stdout.write(json.dumps({"anchors": len(boxes), "classes": classes}) + "\n")


def part(symbol: dict[str, Any], outputs: list[list[int]]) -> Any:
    """The part of a network that some of its outputs need."""
    heads = [[*entry, 0] for entry in outputs]
    return mx.sym.load_json(json.dumps({**symbol, "heads": heads}))


def run(network: Any, parameters: dict[str, Any], side: int) -> Any:
    """The output of a network for a black picture."""
    given = network.list_arguments() + network.list_auxiliary_states()
    bound = network.simple_bind(mx.cpu(), grad_req="null", data=(1, 3, side, side))
    known = {name: parameters[name] for name in given if name in parameters}
    bound.copy_params_from(known, known, allow_extra_params=True)
    return bound.forward(is_train=False)[0].asnumpy()


def convert(network: Any, parameters: dict[str, Any], side: int) -> Any:
    """An ONNX model of scores `(1, 1 + C, N)` and offsets `(1, 4 * N)`, by MXNet's exporter."""
    given = set(network.list_arguments() + network.list_auxiliary_states())
    graph = MXNetGraph().create_onnx_graph_proto(
        network,
        {name: array for name, array in parameters.items() if name in given},
        [(1, 3, side, side)],
        [TensorProto.FLOAT],
        opset_version=OPSET,
        dynamic=False,
    )
    if len(graph.output) != 2:
        raise SystemExit("the exporter lost one of the network's outputs")
    return helper.make_model(
        graph,
        producer_name="facepipe",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


def without_lp_normalization(graph: Any) -> None:
    """Put other operators in the place of LpNormalization, which OpenCV does not know."""
    nodes = list(graph.node)
    del graph.node[:]
    # L2Normalization adds about as little, so that zeros stay zeros.
    epsilon = numpy_helper.from_array(np.array([1e-12], np.float32), "norm_epsilon")
    for node in nodes:
        if node.op_type != "LpNormalization":
            graph.node.append(node)
            continue
        if epsilon not in graph.initializer:
            graph.initializer.append(epsilon)
        data, name = node.input[0], node.output[0]
        for kind, inputs, output, attributes in (
            # Not ReduceSum, whose axes are an input by now, which OpenCV reads from 4.7 on.
            ("ReduceL2", [data], f"{name}_bare_length", {"axes": [1], "keepdims": 1}),
            ("Add", [f"{name}_bare_length", "norm_epsilon"], f"{name}_length", {}),
            ("Div", [data, f"{name}_length"], name, {}),
        ):
            graph.node.append(helper.make_node(kind, inputs, [output], name=output, **attributes))


def add_detections(graph: Any, anchors: Any, attributes: dict[str, str]) -> int:
    """Put detections in the place of scores and offsets.

    As `MultiBoxDetection` does in src/operator/contrib/multibox_detection.cc of apache/mxnet: an
    offset moves an anchor's middle by so many of its sides, or scales these by its exponential.

    Args:
        graph: of the model; changed.
        anchors: `(N, 4)` float32, `x0, y0, x1, y1`.
        attributes: of the detection layer.

    Returns:
        How many classes there are, without the background.
    """
    scores, offsets = sorted(graph.output, key=lambda value: -len(value.type.tensor_type.shape.dim))
    classes = scores.type.tensor_type.shape.dim[1].dim_value - 1
    count = len(anchors)
    variances = ast.literal_eval(attributes.get("variances", "(0.1, 0.1, 0.2, 0.2)"))
    if attributes.get("background_id", "0") != "0":
        raise SystemExit("its background is not the first class, as everywhere else")

    def constant(name: str, values: Any) -> str:
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        graph.node.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def part_of(data: str, start: int, end: int, output: str) -> str:
        """Columns of `(1, N, ...)`."""
        bounds = [
            constant(f"{output}_{name}", np.array([value], np.int64))
            for name, value in (("start", start), ("end", end), ("axis", 2))
        ]
        return node("Slice", [data, *bounds], output)

    # Of the same shape as what they meet, (1, N, 2), so that nothing has to be broadcast.
    sides = (anchors[:, 2:] - anchors[:, :2])[None]
    middles = ((anchors[:, 2:] + anchors[:, :2]) / 2)[None]
    moves = constant("anchor_moves", sides * np.array(variances[:2], np.float32))
    middles = constant("anchor_middles", middles)
    halves = constant("anchor_halves", sides / 2)
    growth = constant("anchor_growth", np.tile(np.array(variances[2:], np.float32), (1, count, 1)))

    shape = constant("offsets_shape", np.array([1, count, 4], np.int64))
    each = node("Reshape", [offsets.name, shape], "offsets_of_anchors")
    moved = node("Mul", [part_of(each, 0, 2, "offsets_middle"), moves], "middle_moved")
    middle = node("Add", [moved, middles], "box_middle")
    grown = node("Mul", [part_of(each, 2, 4, "offsets_sides"), growth], "sides_grown")
    half = node("Mul", [node("Exp", [grown], "sides_scale"), halves], "box_half")
    low, high = (
        node(kind, [middle, half], name) for kind, name in (("Sub", "box_low"), ("Add", "box_high"))
    )
    boxes = node("Concat", [low, high], "boxes", axis=2)
    rows = node("Transpose", [scores.name], "scores_of_anchors", perm=[0, 2, 1])
    known = part_of(node("Softmax", [rows], "probabilities", axis=2), 1, classes + 1, "known")
    node("Concat", [boxes, known], "detections", axis=2)

    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info("detections", TensorProto.FLOAT, (1, count, 4 + classes))
    )
    return int(classes)


if __name__ == "__main__":
    main()
