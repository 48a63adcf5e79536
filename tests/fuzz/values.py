"""Documents out of bytes: JSON where they are some, else good ones with a few things changed.

A fuzzer's bytes are hardly ever JSON. So bytes that are none choose a good document and say what to
change in it, and each such document is one that a parser has to look into. The same bytes always
make the same.
"""

from __future__ import annotations

import copy
import json
from typing import Any, Iterator, Sequence

#: What stands where something else was meant.
ODD = (
    None, True, False, 0, 1, -1, 2, 0.5, -0.5, 100, 101, 1e308, -1e308, 5e-324, float("nan"),
    float("inf"), -float("inf"), 2**31, 2**63, 2**64, 10**400, "", " ", "0", "-1", "1e999", "NaN",
    "\ud800", "\x00", "\u2028", "%FF", "%2B", "a/b", "..", [], {}, [[]], [None], {"a": 1}, "é" * 99,
)  # fmt: skip

_MOST_CHANGES = 8


def document(data: bytes, templates: Sequence[Any]) -> Any:
    """The JSON that the bytes are, or a template changed as they say."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return _made(data, templates)


def text(data: bytes, templates: Sequence[Any]) -> str:
    """Likewise as text; what looks like JSON stays as it is, be it good or not."""
    if data[:1] in (b"{", b"["):
        return data.decode("utf-8", "surrogateescape")
    made = _made(data, templates)
    return made if isinstance(made, str) else json.dumps(made)


def _made(data: bytes, templates: Sequence[Any]) -> Any:
    source = iter(data)
    root = [copy.deepcopy(templates[next(source, 0) % len(templates)])]
    for change in list(_changes(source)):
        _change(root, *change)
    return root[0]


def _changes(source: Iterator[int]) -> Iterator[tuple[int, int, int]]:
    """What to do, where, and with what."""
    for _ in range(_MOST_CHANGES):
        what = next(source, None)
        if what is None:
            return
        yield what, next(source, 0) << 8 | next(source, 0), next(source, 0)


def _slots(holder: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document, as a container and a key of it."""
    for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
        yield holder, key
        if isinstance(holder[key], (dict, list)):
            yield from _slots(holder[key])


def _change(root: list[Any], what: int, where: int, value: int) -> None:
    slots = list(_slots(root))
    holder, key = slots[where % len(slots)]
    old = holder[key]
    kind = what % 7
    if kind == 1 and holder is not root:
        del holder[key]
    elif kind == 2:
        other, name = slots[(where + value) % len(slots)]
        holder[key] = copy.deepcopy(other[name])
    elif kind == 3 and isinstance(old, str):
        place = (what >> 3) % (len(old) + 1)
        holder[key] = old[:place] + chr(value) + old[place + 1 :]
    elif kind == 3 and isinstance(old, (int, float)) and abs(old) < 1e30:
        holder[key] = (old, -old, old + 1, old * 2, old / 256, str(old), old * 1e6)[value % 7]
    elif kind == 4 and isinstance(old, str):
        _change_inside(holder, key, where >> 4, value)
    elif kind == 5 and isinstance(old, list):
        old.extend(copy.deepcopy(old[:100]))
    elif kind == 6 and isinstance(old, dict):
        old[f"{ODD[value % len(ODD)]!s:.9}"] = copy.deepcopy(ODD[where % len(ODD)])
    else:
        holder[key] = copy.deepcopy(ODD[value % len(ODD)])


def _change_inside(holder: Any, key: Any, where: int, value: int) -> None:
    """Change the JSON that a text is."""
    try:
        inner = [json.loads(holder[key])]
    except ValueError:
        holder[key] = holder[key][:100] * 2
    else:
        _change(inner, value, where, value >> 2)
        holder[key] = json.dumps(inner[0])
