"""A detector tried on a few pictures, before devices get it."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Sequence

import attrs
import numpy as np

from facepipe.errors import ImageError
from facepipe.images import draw_faces, letterboxed
from facepipe_io.errors import StoreError
from facepipe_io.text import printable
from facepipe_io.training.pictures import read_picture

if TYPE_CHECKING:
    from facepipe.images import Image
    from facepipe_io.edge.detectors.base import Detector

_TILE = 420  # pixels a side
_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")


@attrs.frozen(eq=False)
class Trial:
    """What a detector found on a picture.

    Attributes:
        path: the picture's.
        found: what it is and how sure the detector is, 0 to 1, the surest first.
        milliseconds: it took.
        drawn: `(420, 420, 3)` uint8, the picture with boxes.
    """

    path: Path
    found: tuple[tuple[str, float], ...]
    milliseconds: float
    drawn: Image

    @property
    def summary(self) -> str:
        """How many there are of each kind, and how sure the detector is of the surest."""
        counts = Counter(label for label, _ in self.found)
        best = dict(reversed(self.found))
        return ", ".join(f"{n} {label} ({best[label]:.2f})" for label, n in counts.items())


def pictures_in(paths: Sequence[Path]) -> list[Path]:
    """The files that are named, and the pictures in the folders that are, however deep.

    Raises:
        StoreError: when one of them is not there, or there is no picture in a folder.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [
                p
                for p in sorted(path.rglob("*"))
                if p.suffix.lower() in _SUFFIXES and not p.name.startswith(".") and p.is_file()
            ]
            if not inside:
                raise StoreError(printable(str(path)), "there is no picture in it")
            found += inside
        else:
            found.append(path)
    return found


def try_out(detector: Detector, pictures: Sequence[Path]) -> Iterator[Trial]:
    """Try a detector on one picture after the other.

    Raises:
        StoreError: when one of them cannot be read.
    """
    for path in pictures:
        try:
            image = read_picture(path).image
        except OSError as error:
            raise StoreError(printable(str(path)), error.strerror or str(error)) from error
        except ImageError as error:
            raise StoreError(printable(str(path)), str(error)) from error
        started = time.perf_counter()
        found = detector.detect(image)
        took = 1000 * (time.perf_counter() - started)
        found = found[np.argsort(-found.scores, kind="stable")]
        labels = [detector.label(number) for number in found.labels.tolist()]
        scores = found.scores.tolist()
        small, letterbox = letterboxed(image, (_TILE, _TILE))
        boxes: Any = attrs.evolve(found, boxes=letterbox.map(found.boxes))
        # OpenCV's letters are ASCII.
        texts = [
            f"{label} {score:.2f}".encode("ascii", "replace").decode()
            for label, score in zip(labels, scores)
        ]
        yield Trial(path, tuple(zip(labels, scores)), took, draw_faces(small, boxes, texts))
