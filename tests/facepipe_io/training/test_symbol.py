from __future__ import annotations

import copy
import hashlib
import json
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe_io.errors import ModelError
from facepipe_io.training.symbol import strip_training
from tests.facepipe_io.training.symbols import (
    dump,
    load,
    node,
    number,
    renamed,
    reordered,
    without,
)

SMALL = load("small-train")
DEPLOYED = load("small-deploy")

# Of the deployed ResNet-50 as MXNet itself saved it, its JSON with sorted keys and no blanks.
RESNET50 = "1e74d8e483de1480e091ffe5760f65a5c9e68797e91825efaf3b19621497a3fa"


def stripped(symbol, **more):
    return json.loads(strip_training(dump(symbol), **more).text)


def any_order(symbol, seed):
    """An order in which each node stands behind its inputs."""
    pick, left, order = random.Random(seed), set(range(len(symbol["nodes"]))), []
    while left:
        ready = [
            index
            for index in sorted(left)
            if left.isdisjoint(entry[0] for entry in symbol["nodes"][index]["inputs"])
        ]
        order.append(pick.choice(ready))
        left.discard(order[-1])
    return order


class TestStripping:
    def test_what_is_left_is_what_mxnet_itself_builds_for_use(self):
        made = strip_training(dump(SMALL))
        assert json.loads(made.text) == DEPLOYED
        assert made.changed
        names = [node["name"] for node in DEPLOYED["nodes"] if node["op"] == "null"]
        assert made.parameters == tuple(name for name in names if name != "data")

    def test_so_it_is_for_resnet_50(self):
        made = strip_training(dump(load("resnet50-train")))
        text = json.dumps(json.loads(made.text), sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == RESNET50
        assert len(made.parameters) == 293
        assert "label" not in made.parameters

    @given(st.integers(0, 2**32))
    def test_the_order_of_the_nodes_makes_no_difference(self, seed):
        assert stripped(reordered(SMALL, any_order(SMALL, seed))) == DEPLOYED

    def test_names_make_no_difference(self):
        def other(name):
            return name if name == "data" else f"x{len(name)}-{name[::-1]}"

        made, expected = stripped(renamed(SMALL, other)), renamed(DEPLOYED, other)
        for op in ("SoftmaxActivation", "_contrib_MultiBoxDetection"):
            node(expected, op)["name"] = node(DEPLOYED, op)["name"]
        assert made == expected

    @pytest.mark.parametrize(
        "ops",
        [("MakeLoss",), ("SoftmaxOutput",), ("SoftmaxOutput", "MakeLoss")],
        ids=lambda ops: "+".join(ops),
    )
    def test_its_outputs_make_no_difference(self, ops):
        symbol = without(SMALL, *ops)
        symbol["heads"] = symbol["heads"] or [[0, 0, 0]]
        assert stripped(symbol) == DEPLOYED

    def test_a_training_network_without_detections_will_do(self):
        symbol = copy.deepcopy(SMALL)
        # They are the last two nodes, of one output each.
        assert symbol["nodes"][-2]["op"] == "_contrib_MultiBoxDetection"
        symbol["heads"] = symbol["heads"][:3]
        del symbol["nodes"][-2:], symbol["node_row_ptr"][-2:]
        assert stripped(symbol) == DEPLOYED

    @pytest.mark.parametrize(("nms", "text"), [(0.45, "0.45"), (0.3, "0.3"), (1, "1")])
    def test_the_overlap_that_is_let_stand(self, nms, text):
        head = node(stripped(SMALL, nms=nms), "_contrib_MultiBoxDetection")
        assert head["attrs"]["nms_threshold"] == text

    @pytest.mark.parametrize("nms", [0, -1, 1.01, float("nan")])
    def test_an_overlap_that_makes_no_sense(self, nms):
        with pytest.raises(ValueError, match="nms must be more than 0"):
            strip_training(dump(SMALL), nms=nms)

    def test_the_variances_are_those_it_was_trained_with(self):
        symbol = copy.deepcopy(SMALL)
        node(symbol, "_contrib_MultiBoxTarget")["attrs"]["variances"] = "(0.2, 0.2, 0.3, 0.3)"
        head = node(stripped(symbol), "_contrib_MultiBoxDetection")
        assert head["attrs"]["variances"] == "(0.2, 0.2, 0.3, 0.3)"

    def test_or_the_default_of_both_layers(self):
        symbol = copy.deepcopy(SMALL)
        del node(symbol, "_contrib_MultiBoxTarget")["attrs"]["variances"]
        assert "variances" not in node(stripped(symbol), "_contrib_MultiBoxDetection")["attrs"]

    def test_a_parameter_that_has_the_heads_name_keeps_it(self):
        symbol = renamed(SMALL, lambda name: "detection" if name == "conv1_bias" else name)
        made = strip_training(dump(symbol))
        assert "detection" in made.parameters
        assert json.loads(made.text)["nodes"][-1]["name"] == "detection_"

    def test_one_that_was_stripped_before_stays_as_it_is(self):
        text = strip_training(dump(SMALL)).text
        again = strip_training(text.encode(), nms=0.9)
        assert (again.text, again.changed) == (text, False)
        assert again.parameters == strip_training(dump(SMALL)).parameters


class TestReleases:
    """What MXNet has saved over the years."""

    @pytest.mark.parametrize("key", ["attr", "param"])
    def test_attributes_under_other_names(self, key):
        def spelt(symbol):
            nodes = []
            for each in symbol["nodes"]:
                each = dict(each)
                if "attrs" in each:
                    each[key] = each.pop("attrs")
                nodes.append(each)
            return {**symbol, "nodes": nodes}

        assert stripped(spelt(SMALL)) == spelt(DEPLOYED)

    def test_the_oldest_have_parameters_and_attributes(self):
        symbol = copy.deepcopy(SMALL)
        for each in symbol["nodes"]:
            each["param"] = each.pop("attrs", {})
            each["attr"] = {"ctx_group": "all"}
            each["backward_source_id"] = -1
        made = stripped(symbol)
        assert made["nodes"][-1]["param"]["nms_topk"] == "400"
        assert made["nodes"][-1]["param"]["variances"] == "(0.1, 0.1, 0.2, 0.2)"
        assert made["nodes"][5]["attr"] == {"ctx_group": "all"}

    def test_inputs_of_two_numbers(self):
        def short(symbol):
            nodes = [
                {**each, "inputs": [entry[:2] for entry in each["inputs"]]}
                for each in symbol["nodes"]
            ]
            return {**symbol, "nodes": nodes, "heads": [head[:2] for head in symbol["heads"]]}

        assert stripped(short(SMALL)) == short(DEPLOYED)

    def test_no_counts_of_outputs(self):
        def bare(symbol):
            return {key: symbol[key] for key in ("nodes", "arg_nodes", "heads")}

        assert stripped(bare(SMALL)) == bare(DEPLOYED)

    def test_operators_that_were_not_yet_among_the_contributed(self):
        symbol = copy.deepcopy(SMALL)
        for each in symbol["nodes"]:
            each["op"] = each["op"].replace("_contrib_", "")
        assert stripped(symbol)["nodes"][-1]["op"] == "MultiBoxDetection"


def changed(change):
    symbol = copy.deepcopy(SMALL)
    change(symbol)
    return symbol


def with_op(old, new):
    return changed(lambda symbol: node(symbol, old).update(op=new))


NO_SSD = {
    "no target": (with_op("_contrib_MultiBoxTarget", "Custom"), "0 MultiBoxTarget layers"),
    "no loss of classes": (with_op("SoftmaxOutput", "Custom"), "0 SoftmaxOutput layers"),
    "classes of the whole picture": (
        changed(lambda symbol: node(symbol, "SoftmaxOutput")["attrs"].pop("multi_output")),
        "0 SoftmaxOutput layers of multi_output",
    ),
    "no loss of boxes": (with_op("smooth_l1", "square"), r"0 losses smooth_l1\(mask"),
    "no mask": (with_op("elemwise_mul", "elemwise_add"), r"0 losses smooth_l1\(mask"),
    "no difference": (with_op("elemwise_sub", "elemwise_add"), r"0 losses smooth_l1\(mask"),
    "a target of two inputs": (
        changed(lambda symbol: node(symbol, "_contrib_MultiBoxTarget")["inputs"].pop()),
        "does not take boxes, labels and scores",
    ),
    "variances": (
        changed(
            lambda symbol: node(symbol, "_contrib_MultiBoxTarget")["attrs"].update(
                variances="(0.1, 0.1, nan, 0.2)"
            )
        ),
        "variances of its MultiBoxTarget are not four numbers",
    ),
    "another input": (
        renamed(SMALL, lambda name: "picture" if name == "data" else name),
        "no input named data",
    ),
    "a classifier": (
        {"nodes": [{"op": "null", "name": "data", "inputs": []}], "arg_nodes": [0],
         "heads": [[0, 0, 0]]},
        "0 MultiBoxTarget layers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(NO_SSD))
def test_a_network_that_is_no_ssd_is_told_what_was_looked_for(case):
    symbol, told = NO_SSD[case]
    with pytest.raises(ModelError, match=told) as caught:
        strip_training(dump(symbol), name="model.tar.gz/model_algo_1-symbol.json")
    assert str(caught.value).startswith("cannot use the model model.tar.gz/model_algo_1-symbol")


def set_in(*path, value):
    def change(symbol):
        *parents, last = path
        for key in parents:
            symbol = symbol[key]
        symbol[last] = value

    return dump(changed(change))


LAST = len(SMALL["nodes"]) - 1
CONVOLUTION = number(SMALL, "Convolution")
DAMAGED = {
    "nothing": b"",
    "no UTF-8": b"\xff\xfe",
    "no JSON": b"{",
    "a list": b"[]",
    "deep": b"[" * 200_000,
    "an endless number": b'{"nodes": [], "arg_nodes": [], "heads": [' + b"9" * 10**6 + b"]}",
    "NaN": b'{"nodes": [], "arg_nodes": [], "heads": [NaN]}',
    "infinity": set_in("attrs", value={"a": "1e999"}).replace(b'"1e999"', b"1e999"),
    "no nodes": dump({"nodes": [], "arg_nodes": [], "heads": [[0, 0, 0]]}),
    "nodes that are none": set_in("nodes", value={}),
    "something more": set_in("code", value="import os"),
    "a node that is none": set_in("nodes", 3, value=None),
    "a node without a name": set_in("nodes", 3, value={"op": "null", "inputs": []}),
    "a name that is a number": set_in("nodes", 3, "name", value=3),
    "a name that cannot be written": set_in("nodes", 3, "name", value="\ud800"),
    "a name with a bell": set_in("nodes", 3, "name", value="\a"),
    "another field": set_in("nodes", 3, "code", value="x"),
    "an attribute that is no text": set_in("nodes", 3, "attrs", value={"eps": 1}),
    "attributes that are a list": set_in("nodes", 3, "attrs", value=[]),
    "a variable with inputs": set_in("nodes", 3, "inputs", value=[[0, 0, 0]]),
    "inputs that are none": set_in("nodes", LAST, "inputs", value={}),
    "an input of one number": set_in("nodes", LAST, "inputs", value=[[1]]),
    "an input of text": set_in("nodes", LAST, "inputs", value=[["1", 0, 0]]),
    "an input of true": set_in("nodes", LAST, "inputs", value=[[True, 0, 0]]),
    "an input below 0": set_in("nodes", LAST, "inputs", value=[[-1, 0, 0]]),
    "a cycle": set_in("nodes", CONVOLUTION, "inputs", 0, value=[LAST, 0, 0]),
    "itself": set_in("nodes", LAST, "inputs", value=[[LAST, 0, 0]]),
    "an output that is not there": set_in("nodes", LAST, "inputs", value=[[0, 1, 0]]),
    "a head that is not there": set_in("heads", value=[[LAST + 1, 0, 0]]),
    "no heads": set_in("heads", value=[]),
    "heads that are none": set_in("heads", value=7),
    "attrs that are none": set_in("attrs", value=7),
    "variables that are none": set_in("arg_nodes", value=[LAST]),
    "two variables of one name": set_in("nodes", 3, "name", value="data"),
    "too few counts": set_in("node_row_ptr", value=[0]),
    "counts of text": set_in("node_row_ptr", value=["0"] * (LAST + 2)),
    "counts that fall": set_in("node_row_ptr", LAST + 1, value=0),
    "half a character": set_in("attrs", value={"a": "\ud800"}),
    "half a character in a node": set_in("nodes", 3, "backward_source_id", value="\ud800"),
    "counts of far too many": set_in("node_row_ptr", LAST + 1, value=10**12),
}


@pytest.mark.parametrize("case", sorted(DAMAGED))
def test_a_damaged_or_hostile_file_is_told_in_one_sentence(case):
    with pytest.raises(ModelError, match="no symbol of MXNet's") as caught:
        strip_training(DAMAGED[case])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("field", ["subgraphs", "control_deps"])
def test_what_no_ssd_has_is_refused(field):
    with pytest.raises(ModelError, match=f"node 3 has {field}, which no SSD has"):
        strip_training(set_in("nodes", 3, field, value=[{}]))


def test_a_file_of_any_size_is_refused_at_once():
    with pytest.raises(ModelError, match="more than 8388608 bytes"):
        strip_training(b" " * 2**24)


def test_too_many_nodes():
    nodes = [{"op": "null", "name": str(index), "inputs": []} for index in range(20_001)]
    with pytest.raises(ModelError, match="1 to 20000 nodes"):
        strip_training(dump({"nodes": nodes, "arg_nodes": [], "heads": []}))


def test_a_network_of_any_depth():
    """Scores go through thousands of layers more before their loss is taken."""
    symbol = copy.deepcopy(SMALL)
    loss = node(symbol, "SoftmaxOutput")
    scores, classes = loss["inputs"]
    first, last = len(symbol["nodes"]), 5000
    for index in range(first, last):
        before = [index - 1, 0, 0] if index > first else scores
        symbol["nodes"].append({"op": "relu", "name": f"deep{index}", "inputs": [before]})
    symbol["nodes"].append({**loss, "inputs": [[last - 1, 0, 0], classes]})
    loss["op"] = "Custom"
    del symbol["node_row_ptr"]
    made = stripped(symbol)
    assert sum(each["op"] == "relu" for each in made["nodes"]) == last - first


@given(st.data())
def test_whatever_is_changed_in_a_file_it_is_told_or_stripped(data):
    content = bytearray(dump(SMALL))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        made = strip_training(bytes(content))
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert strip_training(made.text.encode()).text == made.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(JSON, st.sampled_from(["nodes", "arg_nodes", "heads", "node_row_ptr", "attrs"]))
@example([[0]], "heads")
def test_no_json_in_any_place_is_more_than_told(value, key):
    try:
        strip_training(json.dumps({**SMALL, key: value}).encode())
    except ModelError as error:
        assert "\n" not in str(error)


@given(JSON, st.integers(0, LAST), st.sampled_from(["op", "name", "inputs", "attrs"]))
def test_nor_in_any_node(value, index, key):
    nodes = list(SMALL["nodes"])
    nodes[index] = {**nodes[index], key: value}
    try:
        strip_training(json.dumps({**SMALL, "nodes": nodes}).encode())
    except ModelError as error:
        assert "\n" not in str(error)
