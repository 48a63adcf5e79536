"""Requests to the endpoint, and pictures."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from unittest import mock

import numpy as np

from facepipe.errors import ImageError
from facepipe.images import decode_image, image_wh
from facepipe_io.cloud import bodies
from facepipe_io.cloud.bodies import RequestError, read_body
from facepipe_io.cloud.endpoint import Request, read_request
from facepipe_io.training import pictures
from facepipe_io.training.pictures import read_picture

# So that what is larger than may be is small enough to be looked at often.
_MOST = 250_000
_FORMS = ("image/jpeg", "application/x-npy", "application/json")


def picture(data: bytes) -> None:
    """A picture is as large as its header says, or it is refused."""
    try:
        wh = image_wh(data)
    except ImageError:
        return
    if wh[0] * wh[1] > _MOST:
        return
    with suppress(ImageError):
        height, width = decode_image(data).shape[:2]
        assert wh in ((width, height), (height, width))  # EXIF may turn it


def body(data: bytes) -> None:
    """A request's body is a picture of at most so many pixels."""
    with mock.patch.object(bodies, "MAX_PIXELS", _MOST):
        for form in _FORMS:
            with suppress(RequestError):
                image = read_body(data, form)
                assert image.dtype == np.uint8
                assert image.ndim == 3
                assert image.shape[2] == 3
                assert 0 < image.shape[0] * image.shape[1] <= _MOST


def request(data: bytes) -> None:
    """A request is understood, or answered with what is wrong with it: headers, a gap, a body."""
    head, _, rest = data.partition(b"\n\n")
    lines = (line.partition(": ") for line in head.decode("latin-1").split("\n"))
    headers = {name: value for name, _, value in lines}
    with mock.patch.object(bodies, "MAX_PIXELS", _MOST):
        found = read_request(rest, headers.get("Content-Type"), headers)
    if isinstance(found, RequestError):
        assert 400 <= found.status < 500
        assert str(found).isprintable()
    else:
        assert isinstance(found, Request)
        ended = found.attributes is not None and found.attributes.last
        assert found.image is not None or ended


def file(data: bytes) -> None:
    """A picture to train with is no larger than may be, whatever its format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a")
        path.write_bytes(data)
        with mock.patch.object(pictures, "MAX_PIXELS", _MOST), suppress(ImageError):
            width, height = read_picture(path).wh
            assert 0 < width * height <= _MOST


PARSERS = {"picture": picture, "body": body, "request": request, "file": file}
