"""Archives of models, .tar.gz as SageMaker writes them.

They are not trusted: what is wrong with one is told before anything is written, and what is written
is there as a whole or not at all.
"""

from __future__ import annotations

import gzip
import os
import secrets
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import IO, Mapping

from facepipe_io.errors import ModelError
from facepipe_io.text import one_line, printable

MAX_MODEL_BYTES = 2**30  # unpacked; SageMaker's detectors have 100 to 250 MB
MAX_FILES = 10_000

_MAX_NAME_BYTES = 255  # of a file's name, on every Linux file system in use
_MAX_PATH_BYTES = 1000
_CHUNK_BYTES = 2**16
# tarfile reads what describes a file, a long name say, at once, however long it says it is.
_MAX_READ_BYTES = 2**20

_DAMAGED = "it is damaged or no .tar.gz archive; fetch it anew"
_FAULTS = (EOFError, OSError, RecursionError, tarfile.TarError, ValueError, zlib.error)


def unpack(archive: str, folder: str, *, max_bytes: int = MAX_MODEL_BYTES) -> None:
    """Unpack a .tar.gz archive.

    Args:
        archive: its path.
        folder: where to; not there yet, or empty. Afterwards it holds all that the archive does,
            or is as it was.
        max_bytes: what the archive may take unpacked, its own headers included.

    Raises:
        ModelError: when the archive cannot be read, is damaged or too large, or holds a link, a
            device or anything that would lie outside of the folder; or when the folder cannot be
            written. Nothing is written then.
    """
    try:
        file = Path(archive).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        reason = f"{error.strerror or error}; check the path"
        raise ModelError(printable(archive), reason) from error
    with file:
        try:
            members = _checked(file, max_bytes)
        except _RefusedError as error:
            raise ModelError(printable(archive), str(error)) from None
        except _FAULTS as error:
            raise ModelError(printable(archive), _DAMAGED) from error
        try:
            _write(file, members, Path(folder))
        except _FAULTS as error:
            reason = getattr(error, "strerror", None) or one_line(error)
            raise ModelError(
                printable(archive),
                f"it cannot be unpacked into {printable(folder)}: {reason}; make room there, or "
                "name a folder that is new or empty",
            ) from error


class _RefusedError(Exception):
    """Why an archive is not unpacked."""


class _Decompressed(gzip.GzipFile):
    """What is in a .gz, as long as it is no more than that many bytes."""

    def __init__(self, file: IO[bytes], max_bytes: int) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._max_bytes = max_bytes

    def read(self, size: int | None = -1) -> bytes:
        """As in `GzipFile`, but never very much at once."""
        if size is None or not 0 <= size <= _MAX_READ_BYTES:
            raise _RefusedError(_DAMAGED)
        data = super().read(size)
        if self.tell() > self._max_bytes:
            raise _too_large(self._max_bytes)
        return data


def _too_large(max_bytes: int) -> _RefusedError:
    return _RefusedError(
        f"it holds more than {max_bytes / 1e6:g} MB, which no model needs; give another"
    )


def _tar(data: gzip.GzipFile) -> tarfile.TarFile:
    return tarfile.open(fileobj=data, mode="r:")


def _checked(file: IO[bytes], max_bytes: int) -> dict[str, tarfile.TarInfo]:
    """What an archive holds, by path, once it has been read to its end and is good."""
    members: dict[str, tarfile.TarInfo] = {}
    with _Decompressed(file, max_bytes) as data, _tar(data) as tar:
        for member in tar:
            path = _path(member)
            if member.offset_data + member.size > max_bytes:
                raise _too_large(max_bytes)
            if path in members and not (member.isdir() and members[path].isdir()):
                raise _RefusedError(f"it holds {printable(path)!r} twice; pack it anew")
            if len(members) == MAX_FILES:
                raise _RefusedError(f"it holds more than {MAX_FILES} files; give a model's archive")
            members[path] = member
        # A tar ends in zeros, where tarfile stops at anything; a .gz says whether all came through.
        data.seek(tar.offset)
        rest = data.read(_CHUNK_BYTES)
        while rest:
            if rest.strip(b"\0"):
                raise _RefusedError(_DAMAGED)
            rest = data.read(_CHUNK_BYTES)
    members.pop("", None)  # the folder itself
    for path in members:
        for parent in map(str, Path(path).parents):
            if parent in members and not members[parent].isdir():
                raise _RefusedError(f"{printable(parent)!r} is file and folder in it; pack it anew")
    if not any(member.isreg() for member in members.values()):
        raise _RefusedError("there is no file in it; pack it anew")
    return members


def _path(member: tarfile.TarInfo) -> str:
    """Where a member of an archive belongs, relative to its folder; empty for the folder itself."""
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    name = printable(member.name[:80])
    if member.name.startswith("/") or ".." in parts:
        raise _RefusedError(f"it would write outside of its folder, {name!r}; do not use it")
    # There are types of regular files that are larger than they seem: sparse ones.
    regular = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
    if not (member.isdir() or regular):
        raise _RefusedError(f"it holds what is no plain file, {name!r}; pack files alone")
    path = os.fsencode("/".join(parts))
    longest = max(map(len, path.split(b"/")))
    if len(path) > _MAX_PATH_BYTES or longest > _MAX_NAME_BYTES or b"\0" in path:
        raise _RefusedError(f"it holds a name that no file can have, {name!r}; pack it anew")
    if member.size < 0 or not (parts or member.isdir()):
        raise _RefusedError(_DAMAGED)
    return "/".join(parts)


def _write(file: IO[bytes], members: Mapping[str, tarfile.TarInfo], folder: Path) -> None:
    """Unpack what was checked, first beside the folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.parent / f".{secrets.token_hex(4)}.part"
    partial.mkdir()
    try:
        file.seek(0)
        with gzip.GzipFile(fileobj=file, mode="rb") as data, _tar(data) as tar:
            for path, member in members.items():
                target = partial / path
                (target if member.isdir() else target.parent).mkdir(parents=True, exist_ok=True)
                source = tar.extractfile(member)
                if source is None:  # a folder
                    continue
                with target.open("xb") as out:
                    shutil.copyfileobj(source, out, _CHUNK_BYTES)
                    out.flush()
                    os.fsync(out.fileno())  # or a cut of power leaves a folder of empty files
        partial.rename(folder)
    finally:
        shutil.rmtree(str(partial), ignore_errors=True)
