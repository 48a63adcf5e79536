"""Labels in files: which format they have, and which picture each is of."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator, Mapping, Sequence

import attrs

from facepipe.datasets import Finding
from facepipe.errors import LabelsError
from facepipe.label_formats import (
    ParsedLabels,
    parse_coco,
    parse_manifest,
    parse_voc,
    parse_yolo,
    parse_yolo_classes,
)
from facepipe.labels import LabelledImage
from facepipe_io.errors import StoreError
from facepipe_io.text import printable
from facepipe_io.training.pictures import Pictures

FORMATS = ("coco", "voc", "yolo", "manifest")

_SUFFIXES = {
    "coco": (".json",),
    "voc": (".xml",),
    "yolo": (".txt",),
    "manifest": (".manifest", ".jsonl"),
}
# Where tools put them, beside the pictures' folder or in it.
_FOLDERS = {"voc": ("Annotations",), "yolo": ("labels",)}
_YOLO_CLASSES = ("classes.txt", "obj.names", "data.yaml", "data.yml", "dataset.yaml")
_NO_LABELS = frozenset(
    ["classes.txt", "train.txt", "val.txt", "valid.txt", "validation.txt", "test.txt"]
)

# Of one file; COCO's own instances_train2017.json has 450 MB.
_MAX_BYTES = 2**30

# A box of COCO's that stands for many things is left out, and is no mistake.
_CROWD = "its box is of a crowd, not of one"


@attrs.frozen
class Labelled:
    """The labels of a picture, which are not all known before its size is.

    Attributes:
        name: the picture's, in the folder, or as the labels have it where it is not there.
        read: gives the labels and the problems with them, for the picture's `(width, height)`.
    """

    name: str
    read: Callable[[tuple[int, int]], ParsedLabels]


@attrs.frozen
class LabelFiles:
    """Labels that were found.

    Attributes:
        format: one of `FORMATS`.
        paths: of the files.
        classes: YOLO's, in the order of their numbers; else empty.
    """

    format: str
    paths: tuple[Path, ...]
    classes: tuple[str, ...] = ()


def find_labels(
    path: Path, pictures: Pictures, kind: str | None = None, classes: Sequence[str] = ()
) -> LabelFiles:
    """Find labels in a file or a folder.

    Args:
        path: the file; or a folder, which may be the pictures' own.
        pictures: that they are of.
        kind: their format; None to tell by the files' names.
        classes: names that YOLO's numbers stand for where no file says so.

    Raises:
        StoreError: when there are none, or those of several formats, or YOLO's without classes.
    """
    found = {}
    for each in FORMATS if kind is None else (kind,):
        paths = _files(path, each, pictures)
        if paths:
            found[each] = paths
    if not found:
        kinds = "COCO .json, Pascal VOC .xml, YOLO .txt, Ground Truth .manifest or .jsonl"
        wanted = kinds if kind is None else f"{kind}: {', '.join(_SUFFIXES[kind])}"
        reason = "there is no such file or folder" if not path.exists() else "it holds no labels"
        raise StoreError(printable(str(path)), f"{reason} ({wanted}); name them with --labels")
    if len(found) > 1:
        raise StoreError(
            printable(str(path)),
            f"it holds labels of several formats, {', '.join(found)}; name one with --format",
        )
    ((kind, paths),) = found.items()
    if kind != "yolo":
        return LabelFiles(kind, paths)
    near = (paths[0].parent, path, pictures.folder)
    homes = [home for each in near for home in (each, each.parent)]
    return LabelFiles(kind, paths, _yolo_classes(homes, path, classes))


def _files(path: Path, kind: str, pictures: Pictures) -> tuple[Path, ...]:
    if path.is_file():
        return (path,) if path.suffix.lower() in _SUFFIXES[kind] else ()
    homes = [
        path,
        *(parent / name for parent in (path, path.parent) for name in _FOLDERS.get(kind, ())),
    ]
    for home in homes:
        walk = home.rglob if kind in _FOLDERS else home.glob
        found = [
            file
            for suffix in _SUFFIXES[kind]
            for file in walk(f"*{suffix}")
            if file.is_file() and not _is_hidden(file.relative_to(home))
        ]
        if kind == "yolo":
            # There are other texts. With one that is of a picture, all but the known ones count.
            found = [file for file in found if file.name not in _NO_LABELS]
            found = found if any(pictures.beside(file.as_posix()) for file in found) else []
        if found:
            return tuple(sorted(found))
    return ()


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _yolo_classes(homes: Sequence[Path], path: Path, classes: Sequence[str]) -> tuple[str, ...]:
    for home in homes:
        for file in (home / name for name in _YOLO_CLASSES):
            if file.is_file():
                try:
                    return parse_yolo_classes(_text(file))
                except LabelsError as error:
                    raise StoreError(printable(str(file)), str(error)) from error
    if classes:
        return tuple(classes)
    raise StoreError(
        printable(str(path)),
        "YOLO's labels are numbers, and no classes.txt, obj.names or data.yaml says what they "
        "stand for; name the classes with --classes, in the order of their numbers",
    )


def read_labels(labels: LabelFiles, pictures: Pictures) -> tuple[list[Labelled], list[Finding]]:
    """The labels of each picture, and what is wrong with the files.

    Raises:
        StoreError: when a file that holds the labels of all pictures cannot be read.
    """
    if labels.format == "yolo":
        return _read_yolo(labels, pictures)
    labelled: list[Labelled] = []
    found: list[Finding] = []
    for path in labels.paths:
        file = printable(path.name)
        try:
            parsed = _PARSERS[labels.format](_text(path))
        except LabelsError as error:
            if labels.format != "voc":
                raise StoreError(printable(str(path)), str(error)) from error
            found.append(Finding(file, f"{file}: {error}."))
            continue
        found += problem_findings(file, parsed.problems)
        for image in parsed.images:
            names = pictures.beside(path.name) if labels.format == "voc" else ()
            # A file that was renamed with its picture still has the old name in it.
            names = names if len(names) == 1 else pictures.named(image.name or path.stem)
            if len(names) > 1:
                text = f"{image.name or file} may be {names[0]} or {names[1]}; rename one of them."
                found.append(Finding(image.name or file, text))
                continue
            name = names[0] if names else image.name or path.stem
            labelled.append(Labelled(name, _constantly(attrs.evolve(image, name=name))))
    return labelled, found


_PARSERS: Mapping[str, Callable[[str], ParsedLabels]] = {
    "coco": parse_coco,
    "voc": parse_voc,
    "manifest": parse_manifest,
}


def _constantly(image: LabelledImage) -> Callable[[tuple[int, int]], ParsedLabels]:
    return lambda _: ParsedLabels((image,), ())


def _read_yolo(labels: LabelFiles, pictures: Pictures) -> tuple[list[Labelled], list[Finding]]:
    labelled: list[Labelled] = []
    found: list[Finding] = []
    for path in labels.paths:
        file = printable(path.name)
        names = pictures.beside(path.as_posix())
        if len(names) > 1:
            text = f"{file} may be of {names[0]} or {names[1]}; rename one of them."
            found.append(Finding(file, text))
            continue
        name = names[0] if names else file
        labelled.append(Labelled(name, _yolo_reader(path, name, labels.classes)))
    return labelled, found


def _yolo_reader(
    path: Path, name: str, classes: tuple[str, ...]
) -> Callable[[tuple[int, int]], ParsedLabels]:
    def read(wh: tuple[int, int]) -> ParsedLabels:
        parsed = parse_yolo(_text(path), classes, wh)
        file = printable(path.name)
        problems = tuple(f"{file}: {problem}" for problem in parsed.problems)
        return ParsedLabels((attrs.evolve(parsed.images[0], name=name),), problems)

    return read


def problem_findings(file: str, problems: Sequence[str]) -> Iterator[Finding]:
    """What a parser said of a file."""
    for problem in problems:
        named = problem if problem.startswith(f"{file}: ") else f"{file}: {problem}"
        yield Finding(file, f"{named}.", error=_CROWD not in problem)


def _text(path: Path) -> str:
    """Raises StoreError."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise StoreError(printable(str(path)), "it is too large for labels; split it up")
        return path.read_text("utf-8")
    except OSError as error:
        raise StoreError(printable(str(path)), error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise StoreError(printable(str(path)), "it is no UTF-8; save it as such") from error
