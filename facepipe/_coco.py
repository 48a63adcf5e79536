"""The labels of COCO: one JSON document for all pictures."""

from __future__ import annotations

from typing import Any, Iterator

from facepipe._label_text import (
    Draft,
    ParsedLabels,
    number,
    numbers,
    parsed,
    picture_wh,
    read_json,
    shown,
)
from facepipe.errors import LabelsError
from facepipe.labels import name_problem


def parse_coco(text: str) -> ParsedLabels:
    """Read COCO's instances (cocodataset.org, "Data format", object detection).

    A box of a crowd (`iscrowd`) stands for many things at once, which no detector learns from: it
    is told as a problem.

    Args:
        text: the JSON document.

    Raises:
        LabelsError: if this is no JSON of `images`, `annotations` and `categories`.

    Example:
        >>> parse_coco('''{
        ...     "images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}],
        ...     "annotations": [{"image_id": 1, "category_id": 7, "bbox": [10, 20, 30, 40]}],
        ...     "categories": [{"id": 7, "name": "bottle"}]
        ... }''').images[0].boxes
        array([[10., 20., 40., 60.]])
    """
    document = read_json(text)
    if not isinstance(document, dict):
        raise LabelsError(f"COCO's labels are an object, not {shown(document)}")
    for section in ("images", "annotations", "categories"):
        if not isinstance(document.get(section), list):
            raise LabelsError(f"COCO's labels need a list of {section}")
    problems: list[str] = []
    classes = {
        key: name.strip()
        for _, key, name, _ in _named(document["categories"], "categories", "name", problems)
    }
    drafts = {}
    for where, key, name, entry in _named(document["images"], "images", "file_name", problems):
        wh = picture_wh(number(entry.get("width")), number(entry.get("height")))
        if wh is None and ("width" in entry or "height" in entry):
            problems.append(f"{where} ({name}): its width and height are no picture's")
        drafts[key] = Draft(name, wh)
    for where, entry in _entries(document["annotations"], "annotations", problems):
        draft = drafts.get(_key(entry.get("image_id")))
        label = classes.get(_key(entry.get("category_id")))
        bbox = entry.get("bbox")
        box = numbers(bbox) if isinstance(bbox, list) else None
        if draft is None:
            problems.append(f"{where}: there is no image {shown(entry.get('image_id'))}")
        elif label is None:
            problem = f"there is no category {shown(entry.get('category_id'))}"
            problems.append(f"{where} of {draft.name}: {problem}")
        elif entry.get("iscrowd"):
            problems.append(f"{where} of {draft.name}: its box is of a crowd, not of one {label}")
        elif box is None:
            problems.append(f"{where} of {draft.name}: its bbox is not x, y, width and height")
        else:
            x, y, width, height = box
            draft.add((x, y, x + width, y + height), label)
    return parsed(drafts.values(), problems)


def _entries(
    entries: list[Any], section: str, problems: list[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of a list, and where it stands."""
    for place, entry in enumerate(entries):
        where = f"{section}[{place}]"
        if isinstance(entry, dict):
            yield where, entry
        else:
            problems.append(f"{where} is no object, but {shown(entry)}")


def _named(
    entries: list[Any], section: str, field: str, problems: list[str]
) -> Iterator[tuple[str, object, str, dict[str, Any]]]:
    """Each object that has an id of its own and a name: where it stands, id, name, object."""
    seen = set()
    for where, entry in _entries(entries, section, problems):
        key, name = _key(entry.get("id")), entry.get(field)
        problem = name_problem(name)
        if key is None:
            problems.append(f"{where}: its id is {shown(entry.get('id'))}")
        elif key in seen:
            problems.append(f"{where}: another one has the id {shown(key)} already")
        elif problem is not None:
            problems.append(f"{where}: a {field} {problem}, but this is {shown(name)}")
        else:
            seen.add(key)
            yield where, key, str(name), entry


def _key(value: object) -> object:
    """An id: a whole number, or the text that some tools write; None if it is neither."""
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None
