"""The labels of YOLO: a text file for each picture, a line for each box, and a list of classes."""

from __future__ import annotations

import re
from typing import Sequence

from facepipe._arrays import as_picture_wh
from facepipe._label_text import Draft, ParsedLabels, decimal, parsed, shown, text_lines
from facepipe.classification import parse_labels
from facepipe.errors import LabelsError, ShapeError
from facepipe.labels import name_problem

# Tools write six digits. A box that is past the picture's edge by what this rounds ends there.
_ROUNDED = 1e-5

_CLASS = re.compile(r"[0-9]{1,9}\Z")


def parse_yolo(text: str, classes: Sequence[str], wh: tuple[int, int]) -> ParsedLabels:
    """Read the labels of one picture, as YOLO's trainers do.

    A line is `class cx cy width height`, or `class x1 y1 x2 y2 ...` of three points or more, whose
    bounding box counts; all but the class are shares of the picture, 0 to 1.

    Args:
        text: the file; one without a line is of a picture without a box.
        classes: the classes' names, as of `parse_yolo_classes`.
        wh: `(width, height)` of the picture, which the file does not say.

    Returns:
        One picture, without a name: the file does not say that either.

    Raises:
        ShapeError: if `wh` is no picture's.

    Example:
        >>> parse_yolo("0 0.5 0.5 0.25 0.5", ["bottle"], (640, 480)).images[0].boxes
        array([[240., 120., 400., 360.]])
    """
    draft = Draft("", as_picture_wh(wh))
    problems = []
    for number, line in text_lines(text):
        try:
            label, (x0, y0, x1, y1) = _label(line.split(), classes), _edges(line.split()[1:])
        except LabelsError as error:
            problems.append(f"line {number}: {error}")
        else:
            draft.add((x0 * wh[0], y0 * wh[1], x1 * wh[0], y1 * wh[1]), label)
    return parsed([draft], problems)


def _label(fields: list[str], classes: Sequence[str]) -> str:
    number = int(fields[0]) if _CLASS.match(fields[0]) else len(classes)
    if number >= len(classes):
        raise LabelsError(f"there is no class {shown(fields[0])}: {len(classes)} count from 0")
    return classes[number]


def _edges(fields: list[str]) -> tuple[float, ...]:
    if len(fields) != 4 and (len(fields) < 6 or len(fields) % 2):
        raise LabelsError(
            "a class is followed by the 4 numbers of a box or the 6, 8, ... of an outline, "
            f"not by {len(fields)}"
        )
    shares = []
    for field in fields:
        share = decimal(field)
        if share is None or not -_ROUNDED <= share <= 1 + _ROUNDED:
            raise LabelsError(f"a number is a share of the picture, 0 to 1, not {shown(field)}")
        shares.append(share)
    if len(shares) == 4:
        x, y, width, height = shares
        edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    else:
        edges = (min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2]))
    return tuple(
        min(max(edge, 0.0), 1.0) if -_ROUNDED <= edge <= 1 + _ROUNDED else edge for edge in edges
    )


# What a data.yaml has, and Darknet's obj.data: no class is called that.
_SETTING = re.compile(r"(?:path|train|val|test|nc|classes|names)\s*[:=]")
_WORD = r"[^\s\[\]{},:#\"]"
_PLAIN = rf"(?![-?'&*!|>%@`]){_WORD}+(?: +{_WORD}+)*"
_NAME = rf"('(?:[^'\n]|'')*'|\"[^\"\\\n]*\"|{_PLAIN})"
_IN_BRACKETS = re.compile(rf"\s*(?:{_NAME}\s*)?([,\]])")
_ON_A_LINE = re.compile(rf"\s*(?:-|([0-9]{{1,9}})\s*:)\s+{_NAME}\s*(?:\s#.*)?\Z")
_UNREAD = "this is a settings file whose names are not to be read: give a classes.txt, one a line"


def parse_yolo_classes(text: str) -> tuple[str, ...]:
    r"""Read the classes of YOLO's labels, in the order of their numbers.

    Args:
        text: `classes.txt` or `obj.names`, one a line; or `data.yaml`, whose `names` are a list, in
            brackets or one a line, or `0: name`, `1: name` and so on, one a line.

    Raises:
        LabelsError: if there are none, or the YAML has them in another way.

    Example:
        >>> parse_yolo_classes("bottle\ncan\n")
        ('bottle', 'can')
        >>> parse_yolo_classes("train: images\nnc: 2\nnames: ['bottle', 'can']")
        ('bottle', 'can')
    """
    text = text.lstrip("\ufeff")
    if any(_SETTING.match(line) for line in text.split("\n")):
        names = _yaml_names(text)
    else:
        try:
            names = [line.strip() for line in parse_labels(text)]
        except ShapeError as error:
            raise LabelsError(f"classes: {error}") from None
    for name in names:
        problem = name_problem(name)
        if problem is not None:
            raise LabelsError(f"a class's name {problem}, but this is {shown(name)}")
    return tuple(names)


def _yaml_names(text: str) -> list[str]:
    """The names as tools write them, which is a small part of YAML; the rest of it is refused."""
    start = re.search(r"^names *: *", text, re.MULTILINE)
    rest = text[start.end() :] if start is not None else ""
    names = _in_brackets(rest) if rest.startswith("[") else _one_a_line(rest.split("\n"))
    if not names:
        raise LabelsError(_UNREAD)
    return [_unquoted(name) for name in names]


def _in_brackets(text: str) -> list[str]:
    names: list[str] = []
    place, end = 1, ","
    while end != "]":
        match = _IN_BRACKETS.match(text, place)
        if match is None or (match.group(1) is None and match.group(2) == ","):
            raise LabelsError(_UNREAD)
        names += [match.group(1)] if match.group(1) else []
        place, end = match.end(), match.group(2)
    return names


def _one_a_line(lines: list[str]) -> list[str]:
    names: list[str] = []
    for place, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if place and line[0].isalpha():  # the next setting
            break
        match = _ON_A_LINE.match(line) if place else None
        if match is None or int(match.group(1) or len(names)) != len(names):
            raise LabelsError(_UNREAD)
        names.append(match.group(2))
    return names


def _unquoted(name: str) -> str:
    """Without quotes, and without blanks within them, which no other format keeps either."""
    if name.startswith("'"):
        name = name[1:-1].replace("''", "'")
    elif name.startswith('"'):
        name = name[1:-1]
    return name.strip()
