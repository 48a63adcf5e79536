"""From a folder of pictures and labels to the folder of a data set."""

from __future__ import annotations

import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Callable, Iterator, Sequence, TypeVar

import attrs
import numpy as np

from facepipe.boxes import clip_boxes
from facepipe.datasets import (
    Finding,
    Picture,
    copy_findings,
    copy_groups,
    distinct,
    file_findings,
    fingerprint,
    label_findings,
    split_findings,
    split_pictures,
)
from facepipe.errors import ImageError, KeyFormatError
from facepipe.images import encode_jpeg, letterboxed
from facepipe.keys import check_label
from facepipe_io.edge.opencv import quiet_opencv
from facepipe_io.errors import StoreError
from facepipe_io.text import printable
from facepipe_io.training import folder as folders
from facepipe_io.training.folder import EarlierDataSet, EarlierPicture
from facepipe_io.training.label_files import (
    LabelFiles,
    Labelled,
    find_labels,
    problem_findings,
    read_labels,
)
from facepipe_io.training.pictures import Pictures, read_picture
from facepipe_io.training.preview import preview

_QUALITY = 95
_DIGITS = 16  # of the digest: two of 100,000 pictures have the same once in 4 billion data sets
_THREADS = min(4, os.cpu_count() or 1)

_Item = TypeVar("_Item")
_Read = TypeVar("_Read")

Progress = Callable[[str, int, int], None]


@attrs.frozen
class Source:
    """What a data set is made from.

    Attributes:
        pictures: the folder of the pictures.
        labels: the file or folder of their labels; None for the folder of the pictures.
        format: the labels', one of `label_files.FORMATS`; None to find it out.
        side: pixels of the squares.
        classes: those that there are to be, in the order of their numbers; empty for all that the
            labels name.
    """

    pictures: Path
    labels: Path | None = None
    format: str | None = None
    side: int = 512
    classes: tuple[str, ...] = ()


@attrs.frozen
class Examined:
    """A data set, or what is wrong with it.

    Attributes:
        format: of the labels.
        side: pixels of its squares.
        classes: in the order of their numbers.
        pictures: each once, those of earlier runs among them, boxes in pixels of the squares.
        sides: `train` or `validation`, by digest.
        findings: what is wrong, or may be.
    """

    format: str
    side: int
    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    sides: dict[str, str]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> list[Finding]:
        """What keeps it from being written."""
        return [finding for finding in self.findings if finding.error]

    @property
    def warnings(self) -> list[Finding]:
        """What does not."""
        return [finding for finding in self.findings if not finding.error]

    def on(self, side: str) -> list[Picture]:
        """The pictures on one side."""
        return [picture for picture in self.pictures if self.sides[picture.digest] == side]


def check_data_set(source: Source, out: Path, progress: Progress) -> Examined:
    """Look at everything that `make_data_set` would, and write nothing.

    Args:
        source: what to look at.
        out: where a data set may be that this one would be added to.
        progress: is told what is being done, how much of it is done, and of how much.

    Raises:
        StoreError: when there is nothing to look at.
    """
    return _survey(source, out, None, progress)


def make_data_set(source: Source, out: Path, created: datetime, progress: Progress) -> Examined:
    """Write the folder of a data set, or add to one: all of it, or nothing if there is an error.

    Pictures that are in the folder already stay, and stay on their side. A picture that is given
    anew gets its new labels.

    Args:
        source: what to make it of.
        out: the folder.
        created: when, with a time zone.
        progress: as for `check_data_set`.

    Raises:
        StoreError: when there is nothing to make it of, or it cannot be written.
    """
    with folders.workshop(out) as part:
        made = _survey(source, out, part, progress)
        if not made.errors:
            _write(made, out, part, created)
            folders.put_in_place(part, out)
    return made


def _survey(source: Source, out: Path, part: Path | None, progress: Progress) -> Examined:
    quiet_opencv()
    earlier = folders.read_earlier(out)
    if earlier is not None and earlier.side != source.side:
        reason = (
            f"it has squares of {earlier.side}; add --side {earlier.side}, or name another --out"
        )
        raise StoreError(printable(str(out)), reason)
    pictures = Pictures(source.pictures, without=out)
    files = find_labels(source.labels or source.pictures, pictures, source.format, source.classes)
    labelled, found = read_labels(files, pictures)
    found += _missing([each.name for each in labelled], pictures)

    read = _Reader(source, pictures, part)
    known = [each for each in labelled if each.name in pictures.paths]
    new: list[Picture] = []
    for picture, findings in _in_parallel(read.new, known, "pictures", progress):
        found += findings
        new += [picture] if picture is not None else []
    new, findings = distinct(new)
    found += findings
    merged, findings = _with_earlier(new, earlier, out, source, progress)
    found += findings
    merged.sort(key=lambda picture: picture.digest)

    classes, findings = _classes(source, files, earlier, merged)
    found += findings
    found += _useless_names(classes)
    groups = copy_groups([picture.fingerprint for picture in merged] or np.empty((0, 1)))
    group_of = dict(zip((picture.digest for picture in merged), groups.tolist()))
    sides = split_pictures(
        {picture.digest: picture.classes for picture in merged},
        {picture.digest: picture.earlier for picture in merged if picture.earlier is not None},
        group_of,
    )
    found += copy_findings(merged, groups.tolist())
    if not any(finding.error for finding in found):  # else what is left says little
        found += split_findings(merged, groups.tolist(), sides, classes)
    return Examined(files.format, source.side, classes, tuple(merged), sides, tuple(found))


def _missing(names: Sequence[str], pictures: Pictures) -> list[Finding]:
    """What labels and files say of each other."""
    remote: dict[str, list[str]] = {}
    for name in sorted({name for name in names if name.startswith("s3://")}):
        remote.setdefault(name.rpartition("/")[0], []).append(name)
    found = []
    for place, those in remote.items():
        which = those[0] if len(those) == 1 else f"{those[0]} and {len(those) - 1} more"
        fetch = shlex.join(["aws", "s3", "sync", f"{place}/", str(pictures.folder)])
        text = f"{which} must be in {pictures.folder}; fetch what is there first: {fetch}"
        found.append(Finding(those[0], printable(text)))
    local = [name for name in names if not name.startswith("s3://")]
    return found + file_findings(local, pictures.paths)


class _Reader:
    """Reads pictures, and writes their squares where there is a folder for them."""

    def __init__(self, source: Source, pictures: Pictures, part: Path | None) -> None:
        self._source = source
        self._pictures = pictures
        self._part = part

    def new(self, labelled: Labelled) -> tuple[Picture | None, list[Finding]]:
        """A picture, unless it is left out, and what is wrong with it."""
        name, side = labelled.name, self._source.side
        try:
            file = read_picture(self._pictures.paths[name])
        except OSError as error:
            return None, [Finding(name, f"{name} cannot be read: {error.strerror or error}.")]
        except ImageError as error:
            return None, [Finding(name, f"{name} cannot be used: {error}.")]
        try:
            parsed = labelled.read(file.wh)
        except StoreError as error:
            return None, [Finding(name, f"{error}.")]
        (labels,) = parsed.images
        found = list(problem_findings(name, parsed.problems))
        found += label_findings(labels, file.wh, side, self._source.classes or None)
        if any(finding.error for finding in found) or not len(labels.boxes):
            return None, found
        square, box = letterboxed(file.image, (side, side))
        boxes = box.map(clip_boxes(labels.boxes, file.wh))
        labels = attrs.evolve(labels, wh=(side, side), boxes=boxes)
        digest = file.digest[:_DIGITS]
        if self._part is not None:
            path = self._part / folders.image_path(digest)
            path.write_bytes(encode_jpeg(square, _QUALITY))
        return Picture(digest, labels, fingerprint(square)), found


def _with_earlier(
    new: Sequence[Picture],
    earlier: EarlierDataSet | None,
    out: Path,
    source: Source,
    progress: Progress,
) -> tuple[list[Picture], list[Finding]]:
    """New pictures, on the sides that they had, and those of an earlier run that are not given."""
    if earlier is None:
        return list(new), []
    side_of = {each.digest: each.side for each in earlier.pictures}
    merged = [attrs.evolve(each, earlier=side_of.get(each.digest)) for each in new]
    given = {each.digest for each in new}
    rest = [each for each in earlier.pictures if each.digest not in given]

    def read(each: EarlierPicture) -> tuple[Picture | None, list[Finding]]:
        name = each.labels.name
        try:
            file = read_picture(out / name)
        except (OSError, ImageError) as error:
            text = f"{out / name} of the earlier run cannot be used: {error}; name another --out."
            return None, [Finding(name, printable(text))]
        found = label_findings(each.labels, file.wh, source.side, source.classes or None)
        picture = Picture(each.digest, each.labels, fingerprint(file.image), each.side)
        return picture, [finding for finding in found if finding.error]

    found: list[Finding] = []
    for picture, findings in _in_parallel(read, rest, "pictures of the earlier run", progress):
        found += findings
        merged += [picture] if picture is not None else []
    return merged, found


def _classes(
    source: Source,
    files: LabelFiles,
    earlier: EarlierDataSet | None,
    pictures: Sequence[Picture],
) -> tuple[tuple[str, ...], list[Finding]]:
    """The classes in the order of their numbers, which an earlier run's keep."""
    if source.classes:
        return source.classes, []
    used = set().union(*(picture.classes for picture in pictures))
    before = earlier.classes if earlier is not None else ()
    order = dict.fromkeys([*before, *files.classes, *sorted(used)])
    # Tools write lists of classes that nobody asked for.
    unused = [name for name in order if name not in used]
    text = f"No box has the class {', '.join(unused)}; it is left out."
    findings = [Finding("", text, error=False)] if unused else []
    return tuple(name for name in order if name in used), findings


def _useless_names(classes: Sequence[str]) -> Iterator[Finding]:
    """Classes that no device could name its crops by: better told before the training is paid."""
    for name in classes:
        try:
            check_label(name)
        except KeyFormatError as error:
            yield Finding(
                "", f"No crop can be named after the class {name[:80]!r}: {error.reason}."
            )


def _write(made: Examined, out: Path, part: Path, created: datetime) -> None:
    """Write all but the squares of new pictures, which are there."""
    for picture in made.pictures:
        path = folders.image_path(picture.digest)
        if not (part / path).exists():
            folders.link_or_copy(out / path, part / path)
    for side, name in folders.MANIFESTS.items():
        (part / name).write_text(folders.manifest_text(made.on(side), made.classes, created))
    about = folders.about_text(made.pictures, made.sides, side=made.side, classes=made.classes)
    (part / folders.ABOUT).write_text(about, "utf-8")
    (part / folders.CLASSES).write_text("".join(f"{name}\n" for name in made.classes), "utf-8")
    (part / folders.PREVIEW).write_bytes(preview(made.pictures, made.sides, part))


def _in_parallel(
    read: Callable[[_Item], _Read], items: Sequence[_Item], what: str, progress: Progress
) -> Iterator[_Read]:
    """What becomes of each item, in their order."""
    pool = ThreadPoolExecutor(_THREADS)
    try:
        if items:
            progress(what, 0, len(items))
        for done, result in enumerate(pool.map(read, items), 1):
            yield result
            progress(what, done, len(items))
    finally:
        pool.shutdown(cancel_futures=True)
