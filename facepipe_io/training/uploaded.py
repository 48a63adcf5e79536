"""A data set that is ready to be trained on: what `facepipe dataset` wrote, and uploaded."""

from __future__ import annotations

import json
import re
from pathlib import Path

import attrs

from facepipe_io.errors import SettingsError, StoreError
from facepipe_io.training.algorithm import MIN_SIDE

_UPLOADED = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.*[^/])/*")


@attrs.frozen
class DataSet:
    """A data set that is in S3, as its folder's dataset.json describes it.

    Attributes:
        bucket: the bucket it was uploaded to.
        prefix: of its keys, with no slash at either end: `datasets/bottles`.
        side: of its square pictures, in pixels.
        classes: their names, number 0 first.
        attribute: under which its manifests have the labels.
        training: how many pictures there are to train on.
        validation: how many there are to measure with.
        most_boxes: on the picture that has the most.
    """

    bucket: str
    prefix: str
    side: int
    classes: tuple[str, ...]
    attribute: str
    training: int
    validation: int
    most_boxes: int

    @property
    def name(self) -> str:
        """The last part of its prefix."""
        return self.prefix.rpartition("/")[2]


def read_data_set(folder: Path) -> DataSet:
    """Read what `facepipe dataset` wrote into a folder, once it is uploaded.

    Raises:
        StoreError: when there is no data set.
        SettingsError: with one sentence for each thing that keeps it from being trained on.
    """
    path = folder / "dataset.json"
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        hint = "make the data set first, with `facepipe dataset`"
        raise StoreError(str(path), f"{error.strerror or error}; {hint}") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(str(path), f"it is no JSON: {error}") from error
    if not isinstance(found, dict) or found.get("version") != 1:
        raise StoreError(str(path), "it is of another version: make the data set again")

    problems: list[str] = []

    def count(value: object, what: str, least: int) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        problems.append(f"{path}: {what} must be a whole number of {least} or more, not {value!r}")
        return 0

    def images_of(name: str) -> int:
        split = found.get(name)
        images = split.get("images") if isinstance(split, dict) else None
        told = count(images, f"{name}.images", 1)
        lines = _lines(folder / f"{name}.manifest", problems)
        if told and lines is not None and lines != told:
            problems.append(
                f"{name}.manifest has {lines} pictures, but {path} says {told}: make the data set "
                "again"
            )
        return told

    classes = found.get("classes")
    if not (isinstance(classes, list) and classes and all(_is_text(name) for name in classes)):
        problems.append(f"{path}: classes must be a list of names")
        classes = []
    attribute = found.get("attribute")
    if not _is_text(attribute):
        problems.append(f"{path}: attribute must be a name")
    place = _UPLOADED.fullmatch(str(found.get("uploaded_to")))
    if not place:
        hint = "do so first, with `facepipe dataset` and --to"
        problems.append(f"{folder} has not been uploaded: {hint}")
    made = DataSet(
        bucket=place[1] if place else "",
        prefix=place[2] if place else "",
        side=count(found.get("side"), "side", MIN_SIDE),
        classes=tuple(classes),
        attribute=str(attribute),
        training=images_of("train"),
        validation=images_of("validation"),
        most_boxes=count(found.get("most_boxes"), "most_boxes", 1),
    )
    if problems:
        raise SettingsError(problems)
    return made


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _lines(path: Path, problems: list[str]) -> int | None:
    try:
        return sum(1 for line in path.read_bytes().splitlines() if line.strip())
    except OSError as error:
        problems.append(f"{path}: {error.strerror or error}")
        return None
