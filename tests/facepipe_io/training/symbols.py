"""Symbols that MXNet saved, and others made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

DATA = Path(__file__).with_name("data")


def load(name: str) -> Any:
    return json.loads((DATA / f"{name}-symbol.json").read_text("utf-8"))


def dump(symbol: Any) -> bytes:
    return json.dumps(symbol).encode()


def node(symbol: Any, op: str) -> Any:
    """The last node of an operator."""
    return [node for node in symbol["nodes"] if node["op"] == op][-1]


def number(symbol: Any, op: str) -> int:
    return symbol["nodes"].index(node(symbol, op))


def without(symbol: Any, *ops: str) -> Any:
    """Without some of its outputs, by what they are outputs of; their nodes stay."""
    heads = [head for head in symbol["heads"] if symbol["nodes"][head[0]]["op"] not in ops]
    return {**symbol, "heads": heads}


def renamed(symbol: Any, name: Callable[[str], str]) -> Any:
    nodes = [{**node, "name": name(node["name"])} for node in symbol["nodes"]]
    return {**symbol, "nodes": nodes}


def reordered(symbol: Any, order: list[int]) -> Any:
    """The same nodes in another order; each has to stand behind its inputs."""
    place = {old: new for new, old in enumerate(order)}

    def moved(entries: Any) -> Any:
        return [[place[entry[0]], *entry[1:]] for entry in entries]

    nodes = [symbol["nodes"][old] for old in order]
    rows, counts = [0], symbol["node_row_ptr"]
    for old in order:
        rows.append(rows[-1] + counts[old + 1] - counts[old])
    return {
        **symbol,
        "nodes": [{**node, "inputs": moved(node["inputs"])} for node in nodes],
        "arg_nodes": [index for index, node in enumerate(nodes) if node["op"] == "null"],
        "node_row_ptr": rows,
        "heads": moved(symbol["heads"]),
    }
