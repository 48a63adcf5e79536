"""How large a picture is, read from its header."""

from __future__ import annotations

from facepipe.errors import ImageError

_PNG = b"\x89PNG\r\n\x1a\n"

# Markers that begin a frame, which says the size: ITU-T T.81, table B.1. 0xC4, 0xC8 and 0xCC are
# among them in number alone.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset([0x01, *range(0xD0, 0xD8)])  # markers that no length follows
_ENDS = frozenset([0xD8, 0xD9, 0xDA])  # past these there is no frame


def image_wh(data: bytes) -> tuple[int, int]:
    """The size of a JPEG or PNG, from its header alone: nothing is decoded.

    Returns:
        `(width, height)` as stored, before any turning that its EXIF orientation asks for.

    Raises:
        ImageError: if the bytes are no JPEG and no PNG, or end before they say their size.

    Example:
        >>> from facepipe.images import encode_jpeg
        >>> import numpy
        >>> image_wh(encode_jpeg(numpy.zeros((80, 120, 3), numpy.uint8)))
        (120, 80)
    """
    if data.startswith(_PNG):
        size = _png_wh(data)
    elif data.startswith(b"\xff\xd8\xff"):
        size = _jpeg_wh(data)
    else:
        raise ImageError(f"these {len(data)} bytes are no JPEG and no PNG")
    if size is None or not all(size):
        raise ImageError(f"these {len(data)} bytes begin like a picture, but do not say its size")
    return size


def _png_wh(data: bytes) -> tuple[int, int] | None:
    # The PNG specification (W3C, third edition), 11.2.1: IHDR comes first.
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _jpeg_wh(data: bytes) -> tuple[int, int] | None:
    place = 2
    while True:
        place = data.find(b"\xff", place)  # decoders pass over stray bytes between segments, too
        while data[place : place + 1] == b"\xff":
            place += 1
        if place < 0 or place + 8 > len(data):
            return None
        marker = data[place]
        if marker in _FRAMES:  # length, precision, height, width
            height, width = data[place + 4 : place + 6], data[place + 6 : place + 8]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        if marker in _ENDS:
            return None
        if marker not in _ALONE and marker:  # 0 is a stray byte's escape
            place += int.from_bytes(data[place + 1 : place + 3], "big")
        place += 1
