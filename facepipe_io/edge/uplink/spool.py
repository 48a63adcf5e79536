"""The spool: a folder in which crops and samples wait for the uplink, and survive the process.

Each crop is a file named by its key, written under another name and then renamed, so that one is
there as a whole or not at all. A sample is two of them, a picture and its record; the picture is
written last and removed first, so that where there is one it is complete. What the folder holds at
the start, a process before this one left.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import threading
from pathlib import Path
from typing import IO, Iterator

from facepipe.errors import KeyFormatError
from facepipe.keys import parse_key
from facepipe.samples import RECORD
from facepipe_io.edge.samples import is_sample, is_sample_name, record_name
from facepipe_io.errors import SettingsError

log = logging.getLogger(__name__)

_PARTIAL = ".part"
_LOCK = ".lock"

# How a JPEG begins and ends (ITU-T T.81, B.1.1.3), and a PNG (ISO/IEC 15948, 5.2 and 11.2.5).
_JPEG = b"\xff\xd8", b"\xff\xd9"
_PNG = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"

# What a disk says that is full or failing. A device is to start all the same.
_DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)


class Spool:
    """Crops in a folder, by key, and samples, by name. Only one process may have it open.

    Args:
        folder: made if need be. What is in it is for this user alone.

    Attributes:
        found: key and bytes of each crop that was there at the start, the oldest first.
        samples: likewise of each sample: its picture's name, and the bytes of both of its files.
        damaged: crops of which a part was there, by a power cut; removed.
        damaged_samples: files of samples of which a part was there; removed.
        foreign: files that are not facepipe's, or cannot be read; left as they are.

    Raises:
        SettingsError: when it is another process's, or the folder cannot be used.
        OSError: when the disk is full or fails.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._folders = threading.Lock()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _locked(self.folder / _LOCK)
        except BlockingIOError:
            raise SettingsError(
                [
                    f"FACEPIPE_SPOOL_DIR {self.folder} is in use by another facepipe: "
                    "stop that one, or name a folder for each"
                ]
            ) from None
        except OSError as error:
            if error.errno in _DISK_TROUBLE:
                raise
            raise SettingsError(
                [
                    f"FACEPIPE_SPOOL_DIR {self.folder} cannot be used: {error.strerror or error}; "
                    "name a folder that can be written to"
                ]
            ) from error
        self.damaged = self.damaged_samples = 0
        self.foreign = 0
        parts: dict[str, list[Path]] = {}
        self.found = sorted(self._look_through(parts), key=_by_time)
        self.samples = sorted(self._whole_samples(parts), key=_by_time)
        if self.found:
            log.warning("%d crops of an earlier start wait in %s", len(self.found), self.folder)
        if self.samples:
            log.warning("%d samples of an earlier start wait in %s", len(self.samples), self.folder)
        damaged = self.damaged + self.damaged_samples
        if damaged or self.foreign:
            log.warning(
                "%s: removed %d damaged files, left alone %d that are not facepipe's or unreadable",
                self.folder,
                damaged,
                self.foreign,
            )

    def write(self, key: str, data: bytes) -> None:
        """Keep a crop, or a file of a sample.

        It outlives the process from here on, and a power cut after `sync`.

        Raises:
            OSError: when the disk is full or fails; nothing of the crop is left then.
        """
        path = self.folder / key
        partial = path.with_name(path.name + _PARTIAL)
        try:
            with self._folders:  # or `remove` might take away its folder, while that is empty
                path.parent.mkdir(parents=True, exist_ok=True)
                # Opened once: a file that is there and emptied, ext4 writes out when it is closed,
                # and then `remove` waits for the disk.
                opened = os.open(str(partial), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(opened, "wb") as file:
                file.write(data)
            partial.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise

    def read(self, key: str) -> bytes:
        """A crop.

        Raises:
            OSError: when it is gone, or the disk fails.
        """
        return (self.folder / key).read_bytes()

    def remove(self, key: str) -> None:
        """Let go of a crop, and of its folders where it was the last.

        Raises:
            OSError: when the disk fails. A crop that is gone already is none.
        """
        path = self.folder / key
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        with self._folders, contextlib.suppress(OSError):  # not empty, as a rule
            for parent in path.parents:
                if parent == self.folder:
                    break
                parent.rmdir()

    def sync(self, key: str) -> None:
        """Have a crop on the disk itself; one that is gone needs none.

        Raises:
            OSError: when the disk fails.
        """
        path = self.folder / key
        with contextlib.suppress(FileNotFoundError):
            for each in (path, path.parent):
                opened = os.open(str(each), os.O_RDONLY)
                try:
                    os.fsync(opened)
                finally:
                    os.close(opened)

    def close(self) -> None:
        """Leave it to others."""
        self._lock.close()

    def _look_through(self, parts: dict[str, list[Path]]) -> Iterator[tuple[str, int]]:
        """Key and bytes of each crop that is there; clears up what is no whole one.

        Files of samples are put into `parts`, by what each two have in common.
        """
        for folder, _, names in os.walk(str(self.folder), onerror=self._cannot_read):
            for path in (Path(folder, name) for name in names if name != _LOCK):
                key = path.relative_to(self.folder).as_posix()
                name = key[: -len(_PARTIAL)] if key.endswith(_PARTIAL) else key
                try:
                    if path.is_symlink() or not (is_sample_name(name) or _is_key(name)):
                        self.foreign += 1
                    elif is_sample(name):
                        parts.setdefault(record_name(name), []).append(path)
                    elif not _is_whole(path):
                        path.unlink()
                        self.damaged += 1
                    else:
                        yield key, path.stat().st_size
                except OSError as error:
                    self._cannot_read(error)

    def _whole_samples(self, parts: dict[str, list[Path]]) -> Iterator[tuple[str, int]]:
        """Picture's name and bytes of each sample that is there; clears up what is no whole one."""
        for paths in parts.values():
            pictures = [path for path in paths if path.suffix != f".{RECORD}"]
            try:
                whole = all(_is_whole(path) for path in paths)
                if whole and len(pictures) == 1 and len(paths) == 2:
                    size = sum(path.stat().st_size for path in paths)
                    yield pictures[0].relative_to(self.folder).as_posix(), size
                    continue
                for path in paths:
                    path.unlink()
                if pictures or not whole:  # a record alone is what is left of a sample stored
                    self.damaged_samples += len(paths)
            except OSError as error:
                self._cannot_read(error)

    def _cannot_read(self, error: OSError) -> None:
        self.foreign += 1
        log.warning("%s", error)


def _locked(path: Path) -> IO[bytes]:
    """A file that is this process's until it is closed, or the process ends however it does."""
    file = path.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def _is_key(key: str) -> bool:
    try:
        parse_key(key)
    except KeyFormatError:
        return False
    return True


def _is_whole(path: Path) -> bool:
    """Whether a file begins and ends as its kind does, or can be parsed."""
    if path.suffix == _PARTIAL:
        return False
    if path.suffix == f".{RECORD}":
        try:
            json.loads(path.read_bytes().decode())
        except ValueError:
            return False
        return True
    begins, ends = _PNG if path.suffix == ".png" else _JPEG
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < len(begins + ends):
            return False
        start = file.read(len(begins))
        file.seek(-len(ends), os.SEEK_END)
        return (start, file.read()) == (begins, ends)


def _by_time(found: tuple[str, int]) -> str:
    """Names begin with the time; there may be several cameras' in one spool."""
    return found[0].rpartition("/")[2]


def open_spool(folder: str) -> Spool | None:
    """Open a spool; None, told to the log, where the disk is full or fails: then memory serves.

    Raises:
        SettingsError: when it is another process's, or the folder cannot be used.
    """
    try:
        return Spool(folder)
    except OSError as error:
        log.warning("crops wait in memory, for %s cannot be used: %s", folder, error.strerror)
        return None
