"""What is in a file of parameters that MXNet saved.

Its form is that of `NDArray::Save` in src/ndarray/ndarray.cc of apache/mxnet: a list of arrays and
then their names, `arg:` before a weight's and `aux:` before a state's. Numbers are little-endian.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import IO

from facepipe_io.errors import ModelError
from facepipe_io.text import printable

MAX_ARRAYS = 100_000

_MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA  # of an array; before these its dimensions
_MAX_DIMENSIONS = 8
_MAX_NAME_BYTES = 1000
# Bytes of an element, by mshadow's numbers: float32, float64, float16, uint8, int32, int8, int64.
_ITEM_BYTES = {0: 4, 1: 8, 2: 2, 3: 1, 4: 4, 5: 1, 6: 8}


def read_parameters(path: str, *, name: str | None = None) -> dict[str, tuple[int, ...]]:
    """Read the names and shapes of a network's parameters, not their values.

    Args:
        path: of the .params file.
        name: what to call it in errors; its path by default.

    Returns:
        Shapes by name, `arg:` or `aux:` before each.

    Raises:
        ModelError: when the file cannot be read, is damaged, or is another kind of file.
    """
    try:
        with Path(path).open("rb") as file:
            return _Reader(file).arrays()
    except OSError as error:
        reason = f"{error.strerror or error}; check the path"
        raise ModelError(printable(name or path), reason) from error
    except _DamagedError as error:
        reason = f"it is damaged or no .params file of MXNet's: {error}; give another"
        raise ModelError(printable(name or path), reason) from error


class _DamagedError(Exception):
    """What is wrong with a file."""


class _Reader:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = os.fstat(file.fileno()).st_size

    def arrays(self) -> dict[str, tuple[int, ...]]:
        if self._number("<Q") != _MAGIC:
            raise _DamagedError("it does not begin as one")
        self._number("<Q")  # reserved
        shapes = [self._array() for _ in range(self._count())]
        names = [self._name() for _ in range(self._count())]
        if self._left:
            raise _DamagedError("there is something behind its end")
        if len(names) != len(shapes) or len(set(names)) != len(names):
            raise _DamagedError("its names do not fit its arrays")
        return dict(zip(names, shapes))

    def _array(self) -> tuple[int, ...]:
        magic = self._number("<I")
        if magic in (_V2, _V3) and self._number("<i") != 0:
            raise _DamagedError("it holds a sparse array")
        recent = magic in (_V1, _V2, _V3)
        dimensions = self._number("<i") if recent else magic
        if not 0 < dimensions <= _MAX_DIMENSIONS:
            raise _DamagedError("it holds an array without a shape")
        shape = tuple(self._number("<q" if recent else "<I") for _ in range(dimensions))
        self._number("<q")  # the device it was on
        item = self._number("<i")
        if item not in _ITEM_BYTES:
            raise _DamagedError("it holds numbers of an unknown kind")
        size = _ITEM_BYTES[item]
        for side in shape:
            # Before multiplying on: numbers of 64 bits make others of thousands.
            if not 0 < side <= self._left:
                raise _DamagedError("it ends too early, or holds an empty array")
            size *= side
        self._skip(size)
        return shape

    def _name(self) -> str:
        length = self._number("<Q")
        if length > _MAX_NAME_BYTES:
            raise _DamagedError("a name is too long")
        try:
            name = self._read(length).decode()
        except UnicodeDecodeError:
            raise _DamagedError("a name is no UTF-8") from None
        if not name.startswith(("arg:", "aux:")):
            raise _DamagedError("a name begins with neither arg: nor aux:")
        return name

    def _count(self) -> int:
        count = self._number("<Q")
        if count > MAX_ARRAYS:
            raise _DamagedError(f"it holds more than {MAX_ARRAYS} arrays")
        return count

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._read(struct.calcsize(form)))[0])

    def _read(self, size: int) -> bytes:
        self._take(size)
        data = self._file.read(size)
        if len(data) != size:  # it was cut off meanwhile
            raise _DamagedError("it ends too early")
        return data

    def _skip(self, size: int) -> None:
        self._take(size)
        self._file.seek(size, os.SEEK_CUR)

    def _take(self, size: int) -> None:
        if size > self._left:
            raise _DamagedError("it ends too early")
        self._left -= size
