"""What the readers of labels share: what they return, strict JSON and strict numbers."""

from __future__ import annotations

import json
import re
from typing import Any, Iterable, Iterator, NamedTuple

import attrs

from facepipe._arrays import LONGEST_SIDE
from facepipe.errors import LabelsError
from facepipe.labels import LabelledImage

# float() would take "nan", "1_000" and digits of every script.
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")


class ParsedLabels(NamedTuple):
    """What a file of labels says.

    Attributes:
        images: the labelled pictures, in the file's order; one without a box is among them.
        problems: one sentence each, with the line or the entry it is about. What a problem names
            has been left out of the pictures, and nothing else has.
    """

    images: tuple[LabelledImage, ...]
    problems: tuple[str, ...]


@attrs.define
class Draft:
    """A labelled picture in the making."""

    name: str
    wh: tuple[int, int] | None
    boxes: list[tuple[float, ...]] = attrs.Factory(list)
    labels: list[str] = attrs.Factory(list)

    def add(self, box: tuple[float, ...], label: str) -> None:
        """Take up a box, `x0, y0, x1, y1`."""
        self.boxes.append(box)
        self.labels.append(label)


def parsed(drafts: Iterable[Draft], problems: Iterable[str]) -> ParsedLabels:
    """What a reader returns."""
    images = (LabelledImage(each.name, each.wh, each.boxes, each.labels) for each in drafts)
    return ParsedLabels(tuple(images), tuple(problems))


def text_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, without blanks around them, each with its number from 1."""
    # Not splitlines: it breaks lines at characters that a name or JSON may hold.
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), 1):
        if line.strip():
            yield number, line.strip()


def read_json(text: str) -> Any:
    """Read JSON, and nothing that only Python takes for it.

    Raises:
        LabelsError: if this is none, or an object has a key twice.
    """
    try:
        return json.loads(
            text.lstrip("\ufeff"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_whole,
        )
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise LabelsError(f"this is no JSON: {error.msg} at {line}column {error.colno}") from None
    except RecursionError:
        raise LabelsError("this JSON is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LabelsError("an object of this JSON has a key twice")
    return found


def _no_constant(name: str) -> None:
    raise LabelsError(f"this is no JSON: it has no number {name}")


def _whole(digits: str) -> float:
    # Python takes its time over thousands of digits, or refuses them.
    return int(digits) if len(digits) < 20 else float(digits)


def number(value: object) -> float | None:
    """A coordinate of JSON's; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) <= LONGEST_SIDE else None


def decimal(text: str) -> float | None:
    """A coordinate that is written out; None if it is none."""
    return number(float(text)) if _DECIMAL.match(text) else None


def numbers(values: Iterable[object]) -> list[float] | None:
    """Four coordinates of JSON's; None if they are not, or not four."""
    found = [number(value) for value in values]
    return None if len(found) != 4 or None in found else found  # type: ignore[return-value]


def picture_wh(width: float | None, height: float | None) -> tuple[int, int] | None:
    """A picture's size; None if it is none."""
    if width is None or height is None or min(width, height) < 1 or width % 1 or height % 1:
        return None
    return int(width), int(height)


def shown(value: object) -> str:
    """A value, for a problem: short, and no deeper than a line goes."""
    if value is None or isinstance(value, (str, int, float)):
        return repr(value)[:60]
    return f"a {type(value).__name__}"
