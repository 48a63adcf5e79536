"""MXNet's *symbols*: networks saved as JSON.

A symbol has `nodes`, each after all that it takes, the numbers of those that are variables
(`arg_nodes`), and the outputs (`heads`); `node_row_ptr` counts the outputs of all nodes before each
one. A node has `op`, `name`, attributes, which are texts, and `inputs`: the number of a node, that
of one of its outputs and, from MXNet 0.9 on, a version.

What is in a file is not trusted: all of it is checked before anything is made of it.
"""

from __future__ import annotations

import json
from typing import Any, Iterator, Mapping, NoReturn, Sequence

INPUT = "data"  # the picture, in every network that MXNet's own code makes

MAX_BYTES = 2**23  # ResNet-152 has about 300,000
MAX_NODES = 20_000
_MAX_OUTPUTS = 1000
_MAX_DIGITS = 15

# Where a node's attributes are: in every release from 1.0 on, from 0.9 on, and before.
ATTRIBUTES = ("attrs", "attr", "param")
_TOP = {"nodes", "arg_nodes", "heads", "node_row_ptr", "attrs"}
_NODE = {"op", "name", "inputs", "backward_source_id", *ATTRIBUTES}
# What symbols of recent releases may hold besides; no SSD does.
_FOREIGN = ("control_deps", "subgraphs")


class RefusedError(Exception):
    """Why a symbol cannot be used."""


def refuse(reason: str) -> NoReturn:
    """Raise a RefusedError."""
    raise RefusedError(reason)


def _damaged(what: str) -> NoReturn:
    refuse(f"it is no symbol of MXNet's: {what}; give a model's -symbol.json")


def parse(content: bytes) -> dict[str, Any]:
    """The JSON of a symbol, as far as its outermost object is one's.

    Raises:
        RefusedError: when it is not.
    """
    if len(content) > MAX_BYTES:
        refuse(f"it has more than {MAX_BYTES} bytes, which no network needs; give another")

    def whole(digits: str) -> int:
        return int(digits) if len(digits) <= _MAX_DIGITS else _damaged("a number is too large")

    def no_number(_: str) -> NoReturn:
        _damaged("it has a number that is none")

    try:
        symbol = json.loads(content.decode(), parse_int=whole, parse_constant=no_number)
        # Halves of characters, and numbers that are too large, cannot be written again.
        json.dumps(symbol, ensure_ascii=False, allow_nan=False).encode()
    except (RecursionError, ValueError):
        _damaged("it is no JSON")
    if not isinstance(symbol, dict) or not {"nodes", "arg_nodes", "heads"} <= set(symbol) <= _TOP:
        _damaged("it needs nodes, arg_nodes and heads, and nothing else but node_row_ptr and attrs")
    return symbol


class Graph:
    """A symbol whose form is checked.

    Attributes:
        symbol: the parsed JSON.
        nodes: its nodes.
        heads: its outputs.

    Raises:
        RefusedError: when a part of it is missing, or makes no sense.
    """

    def __init__(self, symbol: dict[str, Any]) -> None:
        self.symbol = symbol
        self.nodes: list[dict[str, Any]] = symbol["nodes"]
        if not isinstance(self.nodes, list) or not 0 < len(self.nodes) <= MAX_NODES:
            _damaged(f"it needs 1 to {MAX_NODES} nodes")
        for number, node in enumerate(self.nodes):
            _check_node(number, node)
        self._outputs = self._checked_outputs(symbol.get("node_row_ptr"))
        self._inputs = [
            [self._entry(entry, number) for entry in node["inputs"]]
            for number, node in enumerate(self.nodes)
        ]
        if not isinstance(symbol["heads"], list) or not symbol["heads"]:
            _damaged("its heads are no list of outputs")
        if not isinstance(symbol.get("attrs", {}), dict):
            _damaged("its attrs are no object")
        self._users: dict[tuple[int, int], list[int]] = {}
        for number, entries in enumerate(self._inputs):
            for entry in entries:
                self._users.setdefault(entry, []).append(number)
        self.heads = [self._entry(entry, len(self.nodes)) for entry in symbol["heads"]]
        variables = [number for number, node in enumerate(self.nodes) if node["op"] == "null"]
        if symbol["arg_nodes"] != variables:
            _damaged("its arg_nodes are not its variables")
        names = [self.nodes[number]["name"] for number in variables]
        if len(set(names)) != len(names):
            _damaged("two of its variables have one name")

    def _checked_outputs(self, rows: Any) -> list[int]:
        """How many outputs each node has, as far as it is told."""
        if rows is None:
            return [_MAX_OUTPUTS] * len(self.nodes)
        good = isinstance(rows, list) and len(rows) == len(self.nodes) + 1 and rows[0] == 0
        if not good or not all(type(row) is int for row in rows):
            _damaged("its node_row_ptr does not fit its nodes")
        counts = [end - start for start, end in zip(rows, rows[1:])]
        if not all(0 < count <= _MAX_OUTPUTS for count in counts):
            _damaged("its node_row_ptr does not fit its nodes")
        return counts

    def _entry(self, entry: Any, before: int) -> tuple[int, int]:
        """An output of a node that stands before another one."""
        good = isinstance(entry, list) and len(entry) in (2, 3)
        if not good or not all(type(part) is int and part >= 0 for part in entry):
            _damaged("an input or head is no list of two or three numbers")
        number, output = entry[:2]
        # An order in which each node follows its inputs leaves no room for cycles.
        if number >= before or output >= self._outputs[number]:
            _damaged("a node takes what does not come before it")
        return number, output

    def op(self, number: int) -> str:
        """A node's operator."""
        return str(self.nodes[number]["op"])

    def inputs(self, number: int) -> list[tuple[int, int]]:
        """What a node takes."""
        return self._inputs[number]

    def attributes(self, number: int) -> dict[str, str]:
        """A node's attributes, wherever they are."""
        found: dict[str, str] = {}
        for key in reversed(ATTRIBUTES):
            found.update(self.nodes[number].get(key, {}))
        return found

    def find(self, ops: Sequence[str]) -> list[int]:
        """The nodes of an operator."""
        return [number for number, node in enumerate(self.nodes) if node["op"] in ops]

    def users(self, entry: tuple[int, int], ops: Sequence[str]) -> list[int]:
        """The nodes of an operator that take an output."""
        return [number for number in self._users.get(entry, ()) if self.op(number) in ops]

    def parameters(self) -> tuple[str, ...]:
        """The names of all variables but the picture."""
        names = [node["name"] for node in self.nodes if node["op"] == "null"]
        if INPUT not in names:
            refuse(f"its network takes no input named {INPUT}; give one of an SSD")
        names.remove(INPUT)
        return tuple(names)

    def reduced(
        self, new: Mapping[int, dict[str, Any]], outputs: Mapping[int, int]
    ) -> dict[str, Any]:
        """A symbol of what the last of some new nodes needs, in the order in which MXNet saves it.

        Args:
            new: nodes by their numbers, which begin where the old ones end; their inputs are
                numbered likewise.
            outputs: how many outputs each has.
        """
        nodes = {**dict(enumerate(self.nodes)), **new}
        counts = {**dict(enumerate(self._outputs)), **outputs}
        order = list(_with_ancestors(nodes, max(new)))
        place = {number: index for index, number in enumerate(order)}
        kept = []
        for number in order:
            inputs = [[place[entry[0]], *entry[1:]] for entry in nodes[number]["inputs"]]
            kept.append({**nodes[number], "inputs": inputs})
        last = [len(kept) - 1, *[0] * (len(self.symbol["heads"][0]) - 1)]
        reduced = {
            **self.symbol,
            "nodes": kept,
            "arg_nodes": [index for index, node in enumerate(kept) if node["op"] == "null"],
            "heads": [last],
        }
        if "node_row_ptr" in self.symbol:
            rows = [0]
            for number in order:
                rows.append(rows[-1] + counts[number])
            reduced["node_row_ptr"] = rows
        return reduced


def _check_node(number: int, node: Any) -> None:
    if not isinstance(node, dict) or not {"op", "name", "inputs"} <= set(node):
        _damaged(f"node {number} lacks its op, name or inputs")
    for field in _FOREIGN:
        if node.get(field):
            refuse(f"node {number} has {field}, which no SSD has; give the symbol of an SSD")
    if not set(node) <= _NODE.union(_FOREIGN):
        _damaged(f"node {number} has a field that is unknown")
    if not (_is_text(node["op"]) and _is_text(node["name"])):
        _damaged(f"the op or name of node {number} is no text")
    if not isinstance(node["inputs"], list) or (node["op"] == "null" and node["inputs"]):
        _damaged(f"the inputs of node {number} make no sense")
    for key in ATTRIBUTES:
        given = node.get(key, {})
        if not isinstance(given, dict) or not all(map(_is_text, (*given, *given.values()))):
            _damaged(f"an attribute of node {number} is no text")


def _is_text(value: Any) -> bool:
    # MXNet reads no other control characters, and writes none.
    return isinstance(value, str) and value.replace("\n", "").isprintable()


def _with_ancestors(nodes: Mapping[int, dict[str, Any]], last: int) -> Iterator[int]:
    """A node after all that it needs: depth first, the inputs in their order."""
    seen = {last}
    path = [(last, iter(nodes[last]["inputs"]))]
    while path:
        number, inputs = path[-1]
        following = next((entry[0] for entry in inputs if entry[0] not in seen), None)
        if following is None:
            path.pop()
            yield number
        else:
            seen.add(following)
            path.append((following, iter(nodes[following]["inputs"])))
