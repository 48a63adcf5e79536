"""The labels of Pascal VOC: an XML document for each picture."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from facepipe._label_text import Draft, ParsedLabels, decimal, parsed, picture_wh, shown
from facepipe.errors import LabelsError
from facepipe.labels import name_problem

# VOC's own go down to annotation/object/part/bndbox/xmin.
_DEEPEST = 32

_SIDES = tuple(f"object/bndbox/{side}" for side in ("xmin", "ymin", "xmax", "ymax"))
_OF_PICTURE = frozenset(["filename", "size/width", "size/height"])
_OF_OBJECT = frozenset(["object/name", *_SIDES])


def parse_voc(text: str) -> ParsedLabels:
    """Read an annotation of Pascal VOC ("VOC2012 development kit", 4.3 and annotation guidelines).

    Args:
        text: the XML document, of one picture.

    Returns:
        One picture. Its size is None where the document has none, or 0 by 0.

    Raises:
        LabelsError: if this is no such document, or one with a DOCTYPE: VOC has none, and entities
            that a document declares can grow without bounds.

    Example:
        >>> parse_voc('''<annotation><filename>a.jpg</filename><object><name>bottle</name>
        ... <bndbox><xmin>11</xmin><ymin>21</ymin><xmax>40</xmax><ymax>60</ymax></bndbox>
        ... </object></annotation>''').images[0].boxes
        array([[10., 20., 40., 60.]])
    """
    reader = _Reader()
    reader.read(text)
    problems: list[str] = []
    draft = Draft(_file_name(reader.picture, problems), _wh(reader.picture, problems))
    for place, fields in enumerate(reader.objects, 1):
        label = _one(fields, "object/name")
        sides = [decimal(_one(fields, side) or "") for side in _SIDES]
        problem = name_problem(label)
        if problem is not None:
            problems.append(f"object {place}: a name {problem}, but this is {shown(label)}")
        elif None in sides:
            problems.append(f"object {place} ({label}): it needs one xmin, ymin, xmax and ymax")
        else:
            x0, y0, x1, y1 = sides
            draft.add((_begin(x0), _begin(y0), x1, y1), str(label))  # type: ignore[arg-type]
    return parsed([draft], problems)


def _begin(first: Any) -> float:
    """Where a box begins whose first pixel has this number.

    VOC counts pixels from 1 and names the last one that a box covers: xmin and xmax cover, from 0
    and half-open, `xmin - 1 <= x < xmax`. Some tools count from 0: a box that begins there begins
    at the picture's edge, not before it.
    """
    return 0.0 if 0.0 <= first < 1.0 else float(first - 1.0)


def _file_name(fields: dict[str, list[str]], problems: list[str]) -> str:
    if "filename" not in fields:
        return ""
    name = _one(fields, "filename")
    problem = name_problem(name)
    if problem is None:
        return str(name)
    problems.append(f"a filename {problem}, but this is {shown(name)}")
    return ""


def _wh(fields: dict[str, list[str]], problems: list[str]) -> tuple[int, int] | None:
    texts = [_one(fields, side) for side in ("size/width", "size/height")]
    if texts in ([None, None], ["0", "0"]):
        return None
    width, height = (decimal(text or "") for text in texts)
    wh = picture_wh(width, height)
    if wh is None:
        problems.append("its width and height are no picture's")
    return wh


def _one(fields: dict[str, list[str]], field: str) -> str | None:
    """The text of an element that is there once."""
    texts = fields.get(field, ())
    return texts[0] if len(texts) == 1 else None


class _Reader:
    """Gathers the texts of the elements that count, by their path below the root."""

    def __init__(self) -> None:
        self.picture: dict[str, list[str]] = {}
        self.objects: list[dict[str, list[str]]] = []
        self._path: list[str] = []
        self._text: list[str] = []

    def read(self, text: str) -> None:
        """Raises LabelsError."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = self._doctype
        try:
            parser.Parse(text, True)
        except (expat.ExpatError, UnicodeEncodeError) as error:
            raise LabelsError(f"this is no XML: {error}") from None

    def _doctype(self, *_: object) -> None:
        raise LabelsError("this XML has a DOCTYPE, which no label of Pascal VOC has")

    def _start(self, tag: str, _: object) -> None:
        if not self._path and tag != "annotation":
            raise LabelsError(f"Pascal VOC's labels are an annotation, not {shown(tag)}")
        self._path.append(tag)
        if len(self._path) > _DEEPEST:
            raise LabelsError("this XML is nested too deeply")
        if self._path[1:] == ["object"]:
            self.objects.append({})
        self._text.clear()

    def _end(self, _: object) -> None:
        path = "/".join(self._path[1:])
        self._path.pop()
        text = "".join(self._text).strip()
        self._text.clear()
        if path in _OF_PICTURE:
            self.picture.setdefault(path, []).append(text)
        elif path in _OF_OBJECT:
            self.objects[-1].setdefault(path, []).append(text)
