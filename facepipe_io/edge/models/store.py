"""The versions of a published model that a device keeps: the one in use, and the one before it.

    <folder>/<sha256>/     a version, unpacked
    <folder>/state.json    which version is what
    <folder>/.archive      an archive on its way; gone once it is unpacked

Each of these is there as a whole or not at all, and a version is deleted only once state.json no
longer names it. So the process may end anywhere, and what state.json names is there.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import attrs

from facepipe_io.edge.models import alone

log = logging.getLogger(__name__)

#: Versions that could not be used are remembered, the latest so many.
MAX_REFUSED = 20

_STATE = "state.json"
_PARTIAL = ".state.part"


@attrs.frozen
class KeptVersion:
    """A version of a model.

    Attributes:
        sha256: of its archive.
        detector: what runs it, as in FACEPIPE_DETECTOR.
        published_at: when, as its pointer says. An archive that was refused gets another chance
            when it is published again.
    """

    sha256: str = attrs.field(validator=attrs.validators.matches_re(r"[0-9a-f]{64}\Z"))
    detector: str = attrs.field(validator=attrs.validators.instance_of(str))
    published_at: str = attrs.field(validator=attrs.validators.instance_of(str))

    @property
    def short(self) -> str:
        """What tells it from others, for a log: 12 digits of `sha256`."""
        return self.sha256[:12]

    def is_same(self, other: KeptVersion | None) -> bool:
        """Whether another one is the same model, whenever each was published."""
        return other is not None and (self.sha256, self.detector) == (other.sha256, other.detector)


@attrs.frozen
class Refused:
    """A version that cannot be used, and why."""

    version: KeptVersion
    reason: str


@attrs.frozen
class Shelf:
    """Which version is what.

    Attributes:
        current: what is used, or is to be tried; None where there is none.
        previous: the one to go back to; None where there is none.
        proven: whether `current` has looked at real frames.
        tries: times that opening `current` was begun since it last was opened.
        refused: what is not to be tried again, the latest last.
    """

    current: KeptVersion | None = None
    previous: KeptVersion | None = None
    proven: bool = False
    tries: int = 0
    refused: tuple[Refused, ...] = ()

    def take(self, version: KeptVersion) -> Shelf:
        """With a new version as the current one, which has yet to be tried."""
        # The last to have looked at frames; if none has, one that was opened is better than none.
        good = self.current if self.proven or self.previous is None else self.previous
        if version.is_same(good):
            good = None
        return attrs.evolve(self, current=version, previous=good, proven=False, tries=0)

    def drop(self) -> Shelf:
        """Back to the version before the current one."""
        good = self.previous
        return attrs.evolve(self, current=good, previous=None, proven=good is not None, tries=0)

    def reject(self, reason: str) -> Shelf:
        """Back to the version before the current one, which cannot be used.

        If it was good once it is not refused, for it may be damaged on this disk alone: it is
        fetched again if it is still the one that is published.
        """
        if self.current is None or self.proven:
            return self.drop()
        return self.refuse(self.current, reason).drop()

    def refuse(self, version: KeptVersion, reason: str) -> Shelf:
        """With a version that is not to be tried again."""
        others = [each for each in self.refused if each.version != version]
        refused = [*others, Refused(version, reason)][-MAX_REFUSED:]
        return attrs.evolve(self, refused=tuple(refused))

    def why_refused(self, version: KeptVersion) -> str | None:
        """Why a version is not to be tried; None where it is."""
        reasons = (each.reason for each in self.refused if each.version == version)
        return next(reasons, None)


class ModelStore:
    """A folder with the versions of one model.

    Args:
        folder: it is made where it is not there.

    Attributes:
        archive: where an archive is put before it is unpacked.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.archive = folder / ".archive"

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Let nobody else read or change it meanwhile."""
        return alone(self._folder)

    def path(self, sha256: str) -> Path:
        """The folder of a version."""
        return self._folder / sha256

    def read(self) -> Shelf:
        """Which version is what. One whose folder is gone is none.

        Raises:
            OSError: when the disk fails. It is not taken for empty, or all would be deleted.
        """
        shelf = self._read()
        if shelf.previous is not None and not self.path(shelf.previous.sha256).is_dir():
            shelf = attrs.evolve(shelf, previous=None)  # first, for it may become the current one
        if shelf.current is not None and not self.path(shelf.current.sha256).is_dir():
            shelf = shelf.drop()
        return shelf

    def write(self, shelf: Shelf) -> None:
        """Note which version is what, and delete all others.

        Raises:
            OSError: when the disk is full or fails; all is as it was then.
        """
        partial = self._folder / _PARTIAL
        with partial.open("w", encoding="utf-8") as file:
            json.dump(attrs.asdict(shelf), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._folder / _STATE)
        _sync(self._folder)
        kept = [version.sha256 for version in (shelf.current, shelf.previous) if version]
        for path in self._folder.iterdir():
            # Among them what was left when the power was cut.
            if path.is_dir() and path.name not in kept:
                shutil.rmtree(str(path), ignore_errors=True)

    def _read(self) -> Shelf:
        try:
            return _parse(json.loads((self._folder / _STATE).read_text("utf-8")))
        except FileNotFoundError:
            return Shelf()
        except (KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
            log.warning("%s: cannot be read (%r); starting anew", self._folder / _STATE, error)
            return Shelf()


def _parse(document: Any) -> Shelf:
    """The inverse of `attrs.asdict`.

    Raises:
        KeyError, TypeError, ValueError: when it is something else.
    """
    current, previous = document["current"], document["previous"]
    return Shelf(
        current=None if current is None else KeptVersion(**current),
        previous=None if previous is None else KeptVersion(**previous),
        proven=bool(document["proven"]),
        tries=int(document["tries"]),
        refused=tuple(
            Refused(KeptVersion(**each["version"]), str(each["reason"]))
            for each in document["refused"]
        ),
    )


def _sync(folder: Path) -> None:
    """Have on the disk itself what was renamed in a folder."""
    opened = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
