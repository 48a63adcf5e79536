"""A contact sheet of a data set, to see at a glance whether the boxes are where they belong."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from facepipe.datasets import TRAIN, VALIDATION, Picture
from facepipe.detections import Detections
from facepipe.images import decode_image, draw_faces, letterboxed
from facepipe_io.training.contact_sheet import contact_sheet
from facepipe_io.training.folder import image_path

COLUMNS, ROWS = 6, 4

_TILE = 240  # pixels a side
_EDGE = 6  # the frame around a picture, in its side's colour

_COLOURS = {TRAIN: (170, 110, 30), VALIDATION: (0, 130, 240)}  # blue, green, red


def preview(pictures: Sequence[Picture], sides: Mapping[str, str], folder: Path) -> bytes:
    """Up to 24 squares with their boxes, framed blue to learn from and orange to judge by.

    Args:
        pictures: of the data set, at least one.
        sides: by digest.
        folder: the data set's, with the squares.

    Returns:
        A JPEG.
    """
    shown = _chosen(pictures, sides)
    return contact_sheet([_tile(each, sides[each.digest], folder) for each in shown], COLUMNS)


def _chosen(pictures: Sequence[Picture], sides: Mapping[str, str]) -> list[Picture]:
    """Some of each class and of both sides, those to learn from first."""
    room = COLUMNS * ROWS
    judges = _varied([each for each in pictures if sides[each.digest] == VALIDATION])
    learners = _varied([each for each in pictures if sides[each.digest] == TRAIN])
    few = min(len(judges), max(room // 4, room - len(learners)))
    return learners[: room - few] + judges[:few]


def _varied(pictures: Sequence[Picture]) -> list[Picture]:
    """Pictures in an order in which each class comes soon, the rarest first."""
    waiting = sorted(pictures, key=lambda each: each.digest)
    chosen: list[Picture] = []
    seen: dict[str, int] = {}
    while waiting and len(chosen) < COLUMNS * ROWS:
        best = min(waiting, key=lambda each: min(seen.get(name, 0) for name in each.classes))
        waiting.remove(best)
        chosen.append(best)
        for name in best.classes:
            seen[name] = seen.get(name, 0) + 1
    return chosen


def _tile(picture: Picture, side: str, folder: Path) -> np.ndarray:
    square = decode_image((folder / image_path(picture.digest)).read_bytes())
    inner = _TILE - 2 * _EDGE
    small, box = letterboxed(square, (inner, inner))
    boxes = box.map(picture.labels.boxes)
    found = Detections(boxes, np.ones(len(boxes)), np.zeros(len(boxes), int))
    # OpenCV's letters are ASCII.
    texts = [name.encode("ascii", "replace").decode() for name in picture.labels.labels]
    tile = np.empty((_TILE, _TILE, 3), np.uint8)
    tile[:] = _COLOURS[side]
    tile[_EDGE:-_EDGE, _EDGE:-_EDGE] = draw_faces(small, found, texts)
    whole = Detections([[0, 0, _TILE, _TILE]], [1], [0])
    return draw_faces(tile, whole, [side], colour=_COLOURS[side])
