"""The folder of a data set: what is in it, and how it is replaced as a whole.

DIR/images/<16 hex digits of the content's SHA-256>.jpg     squares, letterboxed
DIR/train.manifest, DIR/validation.manifest                 labels, a picture a line
DIR/classes.txt                                             one a line, in the order of class_id
DIR/dataset.json                                            what it is, and where it was uploaded to
DIR/preview.jpg                                             some of its pictures with their boxes
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Iterator, Mapping, Sequence

import attrs

from facepipe.datasets import TRAIN, VALIDATION, Picture
from facepipe.errors import LabelsError
from facepipe.label_formats import manifest_line, parse_manifest
from facepipe.labels import LabelledImage
from facepipe_io.errors import StoreError
from facepipe_io.text import printable

IMAGES = "images"
ABOUT = "dataset.json"
CLASSES = "classes.txt"
PREVIEW = "preview.jpg"
MANIFESTS = {TRAIN: "train.manifest", VALIDATION: "validation.manifest"}

#: Under which the manifests have the labels.
ATTRIBUTE = "labels"

VERSION = 1


@attrs.frozen
class EarlierPicture:
    """A picture that a folder has already.

    Attributes:
        digest: as in its name.
        labels: in pixels of its square, named by its path within the folder.
        side: `train` or `validation`.
    """

    digest: str
    labels: LabelledImage
    side: str


@attrs.frozen
class EarlierDataSet:
    """What a folder holds of an earlier run.

    Attributes:
        side: of its squares, in pixels.
        classes: in the order of their numbers.
        pictures: those in its manifests.
    """

    side: int
    classes: tuple[str, ...]
    pictures: tuple[EarlierPicture, ...]


def image_path(digest: str) -> str:
    """Where a picture is within the folder."""
    return f"{IMAGES}/{digest}.jpg"


def read_earlier(folder: Path) -> EarlierDataSet | None:
    """What an earlier run left, as this program wrote it; None where there is nothing.

    Raises:
        StoreError: when the folder holds something else, or not all of a data set.
    """
    _recover(folder)
    try:
        if not folder.exists() or not any(folder.iterdir()):
            return None
        about = read_about(folder)
        pictures = []
        for side, name in MANIFESTS.items():
            parsed = parse_manifest((folder / name).read_text("utf-8"))
            if parsed.problems:
                raise StoreError(printable(str(folder / name)), parsed.problems[0])
            for image in parsed.images:
                path = PurePosixPath(image.name)
                labels = attrs.evolve(image, name=image_path(path.stem))
                pictures.append(EarlierPicture(path.stem, labels, side))
        missing = [p.labels.name for p in pictures if not (folder / p.labels.name).is_file()]
    except (OSError, UnicodeDecodeError, LabelsError) as error:
        raise _not_ours(folder, error) from error
    if missing:
        reason = f"its manifests name {missing[0]}, which is not there; name another --out"
        raise StoreError(printable(str(folder)), reason)
    return EarlierDataSet(about["side"], tuple(about["classes"]), tuple(pictures))


def read_about(folder: Path) -> dict[str, Any]:
    """What dataset.json says.

    Raises:
        StoreError: when it is none of this version.
    """
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        sides = [about[side]["images"] for side in MANIFESTS]
        good = about["version"] == VERSION and isinstance(about["side"], int)
        good = good and isinstance(about["classes"], list)
        good = good and all(isinstance(name, str) for name in about["classes"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _not_ours(folder, error) from error
    if not (good and all(isinstance(images, int) for images in sides)):
        raise _not_ours(folder, None)
    return dict(about)


def _not_ours(folder: Path, error: Exception | None) -> StoreError:
    reason = "it is no data set of this version"
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        reason = error.strerror or str(error)
    return StoreError(printable(str(folder)), f"{reason}; name a new folder with --out")


def about_text(
    pictures: Sequence[Picture],
    sides: Mapping[str, str],
    *,
    side: int,
    classes: Sequence[str],
    uploaded_to: str | None = None,
) -> str:
    """What dataset.json is to say; the pictures' boxes are in pixels of their squares."""

    def counts(which: str) -> dict[str, int]:
        boxes = [len(each.labels.boxes) for each in pictures if sides[each.digest] == which]
        return {"images": len(boxes), "boxes": sum(boxes)}

    about = {
        "version": VERSION,
        "side": side,
        "classes": list(classes),
        "attribute": ATTRIBUTE,
        TRAIN: counts(TRAIN),
        VALIDATION: counts(VALIDATION),
        "most_boxes": max(len(each.labels.boxes) for each in pictures),
        "uploaded_to": uploaded_to,
    }
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


def manifest_text(pictures: Sequence[Picture], classes: Sequence[str], created: datetime) -> str:
    """A manifest of pictures, in the order of their digests, which is none that can matter."""
    lines = (
        manifest_line(
            each.labels,
            image_path(each.digest),
            classes,
            attribute=ATTRIBUTE,
            created=created,
        )
        for each in sorted(pictures, key=lambda each: each.digest)
    )
    return "".join(f"{line}\n" for line in lines)


@contextmanager
def workshop(folder: Path) -> Iterator[Path]:
    """A new folder beside a folder, to write into; it is gone at the end, unless it was moved.

    Raises:
        StoreError: when it cannot be made or written.
    """
    part = _beside(folder, "part")
    try:
        shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
        (part / IMAGES).mkdir(parents=True)
        yield part
    except OSError as error:
        reason = f"{error.strerror or error}; make room, or name another folder with --out"
        raise StoreError(printable(str(folder)), reason) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def put_in_place(part: Path, folder: Path) -> None:
    """Have a folder of a workshop take the place of the old one, as a whole.

    Where this is killed in between, the next run puts things right.
    """
    folder = folder.resolve()  # a link to it stays one
    if folder.exists():
        folder.rename(_beside(folder, "before"))
    part.rename(folder)
    _recover(folder)


def _beside(folder: Path, kind: str) -> Path:
    return folder.resolve().with_name(f".{folder.resolve().name}.{kind}")


def _recover(folder: Path) -> None:
    """Finish what a run that was killed has begun: the folder is the old one, or the new one."""
    before = _beside(folder, "before")
    if before.exists() and not folder.exists():  # killed between the two
        before.rename(folder.resolve())
    shutil.rmtree(before, ignore_errors=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Have a file in a second place, without writing it again where that is possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
