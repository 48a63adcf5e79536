"""Files that are whole or as they were before."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, TextIO

from facepipe_io.errors import StoreError


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A new text file, UTF-8, which takes the place of what is there once it is written.

    Raises:
        StoreError: if it cannot be written.
    """
    partial = path.with_name(path.name + ".part")
    try:
        try:
            with partial.open("w", encoding="utf-8", newline="") as stream:
                yield stream
            partial.replace(path)
        except BaseException:
            if partial.is_file():
                partial.unlink()
            raise
    except OSError as error:
        raise StoreError(
            str(path), f"{error.strerror or error}; make room, or allow writing"
        ) from error
