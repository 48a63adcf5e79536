"""The pictures in a folder: what they are called, and what is in their files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Mapping, Sequence

import attrs

from facepipe.errors import ImageError
from facepipe.images import decode_image, image_wh
from facepipe_io.errors import StoreError
from facepipe_io.text import printable

if TYPE_CHECKING:
    from facepipe.images import Image

# Those that are refused, too: whoever has labelled one is told what to do about it.
_SUFFIXES = frozenset(
    [".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"],
)

#: Of one file, and of one picture. Cameras make 50 megapixels, in 30 MB.
MAX_BYTES, MAX_PIXELS = 2**28, 2**27

_PNG = b"\x89PNG\r\n\x1a\n"


@attrs.frozen
class PictureFile:
    """A picture as its file has it.

    Attributes:
        digest: SHA-256 of the file's content, 64 hex digits.
        image: `(H, W, 3)` uint8, upright.
    """

    digest: str
    image: Image

    @property
    def wh(self) -> tuple[int, int]:
        """`(width, height)`."""
        return self.image.shape[1], self.image.shape[0]


def read_picture(path: Path) -> PictureFile:
    """Read a JPEG, PNG, BMP or WebP.

    It is turned upright as its EXIF orientation says, because that is how people see it when they
    draw boxes, and how the tools that they draw them with count its pixels.

    Raises:
        OSError: when the file cannot be read.
        ImageError: when it is none of these, damaged, cut off, animated or huge.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ImageError(f"it is larger than {MAX_BYTES // 10**6} MB; scale it down")
    data = path.read_bytes()
    problem = _format_problem(data)
    if problem is not None:
        raise ImageError(problem)
    try:
        image = decode_image(data)
    except ImageError:
        raise ImageError("it is damaged, or not all of it is there; fetch it anew") from None
    return PictureFile(hashlib.sha256(data).hexdigest(), image)


def _format_problem(data: bytes) -> str | None:
    """Why a file is not taken, as far as its beginning says."""
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    if not data:
        return "it is empty; fetch it anew"
    if data.startswith((_PNG, b"\xff\xd8\xff")):
        width, height = image_wh(data)
    elif webp:
        width, height = _webp_wh(data)
    elif data.startswith(b"BM"):
        width, height = _bmp_wh(data)
    else:
        return "it is no JPEG, PNG, BMP or WebP; save it as one of these"
    if width * height > MAX_PIXELS:
        return f"it has {width}x{height} pixels; scale it down"
    # WebP's container specification, "Extended file format"; PNG's third edition, 11.3.6.1.
    if (webp and data[12:16] == b"VP8X" and data[20:21] and data[20] & 0x02) or (
        data.startswith(_PNG) and b"acTL" in data[: data.find(b"IDAT")]
    ):
        return "it is animated; save its frames as pictures"
    return None


def _webp_wh(data: bytes) -> tuple[int, int]:
    """What a WebP says of its size; 0x0 where it ends too early, as its decoder will tell."""
    if len(data) < 30:
        return 0, 0
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return width + 1, height + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    return width, height


def _bmp_wh(data: bytes) -> tuple[int, int]:
    """Likewise of a BMP, whose height is negative where its first row is the upper one."""
    size = 2 if data[14:18] == b"\x0c\0\0\0" else 4  # of OS/2's headers, and of Windows'
    width, height = (
        int.from_bytes(data[at : at + size], "little", signed=size == 4) for at in (18, 18 + size)
    )
    return abs(width), abs(height)


class Pictures:
    """The pictures in a folder and the folders in it, by name.

    A name is the path within the folder, with slashes. Hidden files are none.

    Args:
        folder: where they are.
        without: a folder in it that is left out.

    Raises:
        StoreError: when it cannot be looked into.
    """

    def __init__(self, folder: Path, without: Path | None = None) -> None:
        self.folder = folder
        self.paths = self._found(without.resolve() if without else None)
        self._by_name: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for name in self.paths:
            path = PurePosixPath(name)
            self._by_name.setdefault(path.name, []).append(name)
            self._by_stem.setdefault(path.stem, []).append(name)

    def _found(self, without: Path | None) -> Mapping[str, Path]:
        def tell(error: OSError) -> None:
            reason = f"{error.strerror or error}; check the path and its permissions"
            raise StoreError(printable(str(error.filename)), reason) from error

        found = {}
        for home, folders, files in os.walk(self.folder, onerror=tell):
            parent = Path(home)
            folders[:] = sorted(
                name
                for name in folders
                if not name.startswith((".", "__MACOSX")) and (parent / name).resolve() != without
            )
            for name in files:
                path = parent / name
                if not name.startswith(".") and path.suffix.lower() in _SUFFIXES and _is_file(path):
                    found[printable(path.relative_to(self.folder).as_posix())] = path
        return {name: found[name] for name in sorted(found)}

    def named(self, name: str) -> Sequence[str]:
        """The pictures that labels may mean by a name: a path, an address, or one elsewhere.

        Returns:
            Those that share the most of the end of it; none, or several where it says too little.
        """
        return _nearest(name, self._by_name)

    def beside(self, label_file: str) -> Sequence[str]:
        """The pictures that a label file may be of, by its own path: `labels/train/a.txt`."""
        return _nearest(str(PurePosixPath(label_file).with_suffix("")), self._by_stem, stem=True)


def _nearest(name: str, index: Mapping[str, list[str]], *, stem: bool = False) -> Sequence[str]:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    candidates = index.get(parts[-1], []) if parts else []

    def shared(candidate: str) -> int:
        path = PurePosixPath(candidate)
        own = [*path.parts[:-1], path.stem if stem else path.name]
        pairs = zip(reversed(parts), reversed(own))
        return next((at for at, (one, other) in enumerate(pairs) if one != other), len(own))

    most = max(map(shared, candidates), default=0)
    return [candidate for candidate in candidates if shared(candidate) == most]


def _is_file(path: Path) -> bool:
    # A link that leads nowhere is told of when it is read; a pipe must never be.
    return path.is_file() or not path.exists()
