"""Data sets of labelled pictures: what would ruin a training job, and which picture goes where.

A picture is known by its digest, the SHA-256 of its file's content, and not by its name. Findings
are errors, which would ruin a training job or what comes of it, and warnings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Collection, Iterable, Mapping, Sequence

import attrs
import numpy as np

from facepipe._copies import FINGERPRINT_SIDE, copy_groups, fingerprint
from facepipe._split import TRAIN, VALIDATION, split_pictures
from facepipe.boxes import clip_boxes
from facepipe.errors import ShapeError
from facepipe.labels import LabelledImage
from facepipe.letterbox import Letterbox

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "TRAIN",
    "VALIDATION",
    "Finding",
    "Picture",
    "copy_findings",
    "copy_groups",
    "distinct",
    "file_findings",
    "fingerprint",
    "label_findings",
    "split_findings",
    "split_pictures",
]

#: Of SageMaker's object detection as `facepipe train` sets it; fewer pictures do not fill one.
MINI_BATCH = 16

#: What the walkthrough of custom models for AWS DeepLens recommends at least.
ENOUGH_PICTURES = 200

#: In pixels of the letterboxed picture: the finest features of SSD and YOLO lie 8 apart.
TINY_PIXELS = 4

# Tools round: a box may stick out of its picture by a pixel, or by this share of the side.
_OVERHANG = 0.005

_SHOWN = 3  # of what is wrong in one file


@attrs.frozen
class Finding:
    """What is wrong with a data set, or may be.

    Attributes:
        file: the picture's name; empty where it is about the data set as a whole.
        text: a sentence, which names the file.
        error: whether it would ruin a training job, or what comes of one; else it is a warning.
    """

    file: str
    text: str
    error: bool = True


def _own_fingerprint(values: Any) -> NDArray[np.uint8]:
    own = np.array(values, np.uint8)
    if own.shape != (FINGERPRINT_SIDE**2,):
        raise ShapeError("fingerprint", f"of shape ({FINGERPRINT_SIDE**2},)", own.shape)
    own.flags.writeable = False
    return own


@attrs.frozen
class Picture:
    """A picture of a data set.

    Attributes:
        digest: of its content, the same for the same bytes alone.
        labels: its name, size and boxes.
        fingerprint: `(576,)` uint8, what `fingerprint` makes of it, letterboxed.
        earlier: the side of an earlier split that it is on; None if it is new.

    Raises:
        ShapeError: if there is no such fingerprint.
    """

    digest: str
    labels: LabelledImage
    fingerprint: NDArray[np.uint8] = attrs.field(
        converter=_own_fingerprint, eq=attrs.cmp_using(eq=np.array_equal)
    )
    earlier: str | None = None

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def __reduce__(self) -> Any:
        # Through the constructor: arrays come out of a pickle writeable.
        return Picture, (self.digest, self.labels, self.fingerprint, self.earlier)

    @property
    def name(self) -> str:
        """Its file, as the labels name it."""
        return self.labels.name

    @property
    def classes(self) -> frozenset[str]:
        """The names of what is in it."""
        return frozenset(self.labels.labels)


def file_findings(labelled: Iterable[str], files: Iterable[str]) -> list[Finding]:
    """What labels and files say of each other.

    Args:
        labelled: the names of the pictures that there are labels of.
        files: the names of the pictures that there are.

    Example:
        >>> [finding.text for finding in file_findings(["a.jpg"], ["b.jpg"])]
        ['a.jpg has labels, but there is no such picture.', 'b.jpg has no labels; it is left out.']
    """
    labelled, files = set(labelled), set(files)
    missing = [
        Finding(name, f"{name} has labels, but there is no such picture.")
        for name in sorted(labelled - files)
    ]
    return missing + [
        Finding(name, f"{name} has no labels; it is left out.", error=False)
        for name in sorted(files - labelled)
    ]


def label_findings(
    labels: LabelledImage, wh: tuple[int, int], side: int, classes: Collection[str] | None = None
) -> list[Finding]:
    """What is wrong with the labels of a picture.

    Args:
        labels: of the picture.
        wh: the picture's `(width, height)`, upright.
        side: pixels of the squares that the data set will have.
        classes: those that there may be; None for any.

    Example:
        >>> labels = LabelledImage("a.jpg", None, [[600, 10, 700, 80]], ["bottle"])
        >>> label_findings(labels, (640, 480), 512)[0].text
        'a.jpg: the box 600, 10, 700, 80 (bottle) is not within the picture of 640x480.'
    """
    name = labels.name
    if labels.wh not in (None, wh):
        turned = labels.wh == wh[::-1]
        hint = "; label it upright, as its EXIF orientation shows it" if turned else ""
        text = (
            f"{name}: the labels are of {_size(labels.wh)}, but the picture of {_size(wh)}{hint}."
        )
        return [Finding(name, text)]
    if not len(labels.boxes):
        return [Finding(name, f"{name} has no box; it is left out.", error=False)]
    found = []
    unknown = sorted(set(labels.labels) - set(labels.labels if classes is None else classes))
    if unknown:
        verb = "is" if len(unknown) == 1 else "are"
        text = f"{name}: {_listed(unknown)} {verb} not among the classes."
        found.append(Finding(name, text))
    limits = np.array(wh * 2)
    overhang = np.maximum(1.0, _OVERHANG * limits)
    outside = ((labels.boxes < -overhang) | (labels.boxes > limits + overhang)).any(axis=1)
    inside = clip_boxes(labels.boxes, wh)  # what sticks out is cut off
    sides = inside[:, 2:] - inside[:, :2]
    narrow = (sides * Letterbox.fit(wh, (side, side)).scale).min(axis=1)
    empty = ~outside & (narrow < 1)
    tiny = ~outside & ~empty & (narrow < TINY_PIXELS)
    for which, is_what, error in (
        (outside, f"not within the picture of {_size(wh)}", True),
        (empty, f"empty, or less than a pixel wide in a square of {side}", True),
        (tiny, f"less than {TINY_PIXELS} pixels wide in a square of {side}", False),
    ):
        texts = [_box(labels, index) for index in np.flatnonzero(which).tolist()]
        if texts:
            kind = "the box" if len(texts) == 1 else f"{len(texts)} boxes,"
            verb = "is" if len(texts) == 1 else "are"
            text = f"{name}: {kind} {_listed(texts, '; ')} {verb} {is_what}."
            found.append(Finding(name, text, error))
    return found


def distinct(pictures: Iterable[Picture]) -> tuple[list[Picture], list[Finding]]:
    """Leave one of each several pictures of the same content.

    Returns:
        The first of each, and what is to be said of the others: an error where their labels differ.
    """
    kept: dict[str, Picture] = {}
    found = []
    for picture in pictures:
        first = kept.setdefault(picture.digest, picture)
        if first is picture:
            continue
        pair = f"{picture.name} is the same picture as {first.name}"
        if picture.name == first.name:
            pair = f"{picture.name} is labelled twice"
        if _same_labels(first.labels, picture.labels):
            found.append(Finding(picture.name, f"{pair}; it is taken once.", error=False))
        else:
            text = f"{pair}, but their labels differ; leave one out."
            found.append(Finding(picture.name, text))
    return list(kept.values()), found


def _same_labels(one: LabelledImage, other: LabelledImage) -> bool:
    """Whether labels are the same, in any order, to the pixel."""

    def rows(labels: LabelledImage) -> list[tuple[object, ...]]:
        return sorted(
            (label, *box) for label, box in zip(labels.labels, labels.boxes.round().tolist())
        )

    return rows(one) == rows(other)


def copy_findings(pictures: Sequence[Picture], groups: Sequence[int]) -> list[Finding]:
    """What copies mean for a split.

    Args:
        pictures: of which no two have the same content.
        groups: the group of each, as of `copy_groups`.
    """
    members: dict[int, list[Picture]] = {}
    for picture, group in zip(pictures, groups):
        members.setdefault(group, []).append(picture)
    copies = [alike for alike in members.values() if len(alike) > 1]
    found = []
    for alike in copies:
        train = [picture.name for picture in alike if picture.earlier == TRAIN]
        validation = [picture.name for picture in alike if picture.earlier == VALIDATION]
        if train and validation:
            new = [picture.name for picture in alike if picture.earlier is None]
            pair = f"{train[0]} (train) and {validation[0]} (validation)"
            text = f"{pair} of the earlier split are copies of each other; leave one out."
            if new:
                text = f"{new[0]} is a copy of {pair}, or nearly so; leave it out."
            found.append(Finding((new or train)[0], text))
    if copies:
        names = _listed([picture.name for picture in copies[0]])
        several = sum(map(len, copies))
        text = f"{several} pictures look the same as others, {names} for example; "
        found.append(Finding("", text + "such pictures stay on one side.", error=False))
    return found


def split_findings(
    pictures: Sequence[Picture],
    groups: Sequence[int],
    sides: Mapping[str, str],
    classes: Sequence[str],
) -> list[Finding]:
    """Whether there is enough to learn from, and to judge by.

    Args:
        pictures: of which no two have the same content, each with a box.
        groups: the group of each, as of `copy_groups`.
        sides: the side of each, by digest, as of `split_pictures`.
        classes: all that there are to be.
    """
    if not pictures:
        return [Finding("", "There is no labelled box at all.")]
    found = []
    for name in classes:
        of_class = [
            (picture, group) for picture, group in zip(pictures, groups) if name in picture.classes
        ]
        lacking = {TRAIN, VALIDATION} - {sides[picture.digest] for picture, _ in of_class}
        if not of_class:
            found.append(Finding("", f"No box has the class {name}."))
        elif len(of_class) == 1:
            only = of_class[0][0].name
            text = f"Only {only} has the class {name}; "
            found.append(Finding(only, f"{text}take one more at least, to judge by."))
        elif len({group for _, group in of_class}) == 1:
            first, second = (picture.name for picture, _ in of_class[:2])
            text = f"All {len(of_class)} pictures of the class {name} look the same, "
            found.append(Finding(first, f"{text}{first} and {second} for example; take others."))
        elif lacking:
            text = f"No picture of the class {name} is left for {lacking.pop()}; take more of it."
            found.append(Finding("", text, error=False))
    train = sum(side == TRAIN for side in sides.values())
    if train < MINI_BATCH:
        text = f"{train} pictures are too few to train with, which takes at least {MINI_BATCH}; "
        found.append(Finding("", f"{text}take more."))
    elif len(pictures) < ENOUGH_PICTURES:
        text = f"{len(pictures)} pictures are few; {ENOUGH_PICTURES} or more give a better model."
        found.append(Finding("", text, error=False))
    return found


def _box(labels: LabelledImage, index: int) -> str:
    return f"{', '.join(f'{value:g}' for value in labels.boxes[index])} ({labels.labels[index]})"


def _size(wh: tuple[int, int] | None) -> str:
    return "x".join(map(str, wh or ()))


def _listed(texts: Sequence[str], separator: str = ", ") -> str:
    more = len(texts) - _SHOWN
    shown = [*texts[:_SHOWN], f"{more} more"] if more > 0 else texts
    return separator.join(shown)
