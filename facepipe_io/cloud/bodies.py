"""The bodies of an endpoint's requests: pictures, in whatever form they are sent."""

from __future__ import annotations

import io
import json
import math
import re
import tokenize
import warnings
from typing import TYPE_CHECKING, Callable

import numpy as np

from facepipe.errors import FacepipeError, ImageError
from facepipe.images import as_bgr, decode_image, image_wh

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What a request may ask to be decoded: 150 MB of pixels.
MAX_PIXELS = 50_000_000

_SHAPES = "(H, W, 3) or (H, W)"
_NPY_HEADER = 512  # more than NumPy writes for any shape that is taken

# A NumPy file's header is a Python literal, and what is none of ours fails in as many ways.
_NPY_ERRORS = (
    ArithmeticError,
    LookupError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    tokenize.TokenError,
)

# Numbers and brackets are all that an array of pixels has. Names, texts and objects are refused
# before they are parsed: an array of texts takes memory beyond bounds.
_NUMBERS = re.compile(rb"[\s\[\],0-9.eE+-]*\Z")


class RequestError(FacepipeError):
    """A request that cannot be answered; its text is the body of the answer.

    Attributes:
        status: HTTP's, 400 to 499.
        reason: what is wrong, in one sentence.
    """

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(status, reason)

    def __str__(self) -> str:
        return self.reason


def read_body(data: bytes, content_type: str) -> NDArray[np.uint8]:
    """The picture in a request's body.

    Args:
        data: the body.
        content_type: `image/jpeg`, `image/png`, `application/x-npy` (a NumPy array of uint8) or
            `application/json` (an array of numbers from 0 to 255); parameters after it count for
            nothing. Arrays are `(H, W, 3)` in the order blue, green, red, or `(H, W)` grey; JSON
            may also have the form `(1, H, W, 3)`.

    Returns:
        `(H, W, 3)` uint8, BGR.

    Raises:
        RequestError: when the body is no such picture, or larger than 50 megapixels.

    Example:
        >>> read_body(b"[[[0, 128, 255]]]", "application/json; charset=utf-8")
        array([[[  0, 128, 255]]], dtype=uint8)
    """
    kind = media_type(content_type)
    if kind not in _READERS:
        raise RequestError(
            415, f"the content type must be one of {', '.join(_READERS)}, not {kind[:80]!r}"
        )
    try:
        return _READERS[kind](data)
    except ImageError as error:
        raise RequestError(400, str(error)) from error


def media_type(header: str) -> str:
    """A media type without its parameters, in small letters.

    Example:
        >>> media_type("Application/JSON; charset=utf-8")
        'application/json'
    """
    return header.partition(";")[0].strip().lower()


def _read_picture(data: bytes) -> NDArray[np.uint8]:
    width, height = image_wh(data)
    _check_pixels(width, height)
    return decode_image(data)


def _read_npy(data: bytes) -> NDArray[np.uint8]:
    stream = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy warns of headers that it has to mend
            version = np.lib.format.read_magic(stream)
            read = _NPY_VERSIONS[version]
            shape, in_columns, dtype = read(stream, max_header_size=_NPY_HEADER)
    except _NPY_ERRORS:
        raise ImageError("the body is no NumPy file of version 1 or 2") from None
    if dtype != np.uint8:
        raise ImageError(f"the array must be of uint8, not of {str(dtype)[:80]!r}")
    shape = _picture_shape(shape)
    pixels = data[stream.tell() :]
    if len(pixels) != math.prod(shape):
        raise ImageError(
            f"the array has {len(pixels)} bytes of pixels; its header says {math.prod(shape)}"
        )
    array = np.frombuffer(pixels, np.uint8).reshape(shape, order="F" if in_columns else "C")
    return as_bgr(np.ascontiguousarray(array))


def _read_json(data: bytes) -> NDArray[np.uint8]:
    if not _NUMBERS.match(data):
        raise ImageError("the JSON must be an array of numbers from 0 to 255 and nothing else")
    try:
        array = np.asarray(json.loads(data))
    except (ValueError, RecursionError):  # no JSON, rows of several lengths, or too deep
        raise ImageError(f"the JSON must be an array {_SHAPES} of pixels") from None
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    _picture_shape(array.shape)
    # What is no number has become none of these kinds; a NaN or an infinity fails to compare.
    if array.dtype.kind not in "iuf" or not ((array >= 0) & (array <= 255)).all():
        raise ImageError("the JSON must hold numbers from 0 to 255")
    return as_bgr(np.rint(array).astype(np.uint8))


def _picture_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an array, if it is one of a picture."""
    shape = tuple(map(int, shape))
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or min(shape) < 1:
        raise ImageError(f"the array must have the shape {_SHAPES}, not {str(shape)[:80]}")
    _check_pixels(shape[1], shape[0])
    return shape


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise RequestError(
            413,
            f"the picture has more than {MAX_PIXELS // 10**6} megapixels; send it smaller",
        )


_READERS: dict[str, Callable[[bytes], NDArray[np.uint8]]] = {
    "image/jpeg": _read_picture,
    "image/png": _read_picture,
    "application/x-npy": _read_npy,
    "application/json": _read_json,
}
_NPY_VERSIONS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
