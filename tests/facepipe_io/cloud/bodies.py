"""Bodies of requests to the endpoint, good and hostile."""

from __future__ import annotations

import io
import zlib
from typing import Any

import cv2
import numpy as np

from tests.facepipe_io.edge.helpers import picture


def npy(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header announces a size that its pixels do not have."""
    data = bytearray(cv2.imencode(".png", picture())[1].tobytes())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


def jpeg_header(width: int, height: int) -> bytes:
    data = bytearray(cv2.imencode(".jpg", picture())[1].tobytes())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)
