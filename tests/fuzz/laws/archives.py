"""Archives, and files of bits: tar, zip, keys, parameters, ONNX."""

from __future__ import annotations

import gzip
import tempfile
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator
from unittest import mock

import numpy as np

from facepipe_io.device.keys import CameraFiles, read_key
from facepipe_io.device.wheel import read_wheel
from facepipe_io.edge.classifiers import NORMAL
from facepipe_io.edge.models import archives
from facepipe_io.edge.models.archives import unpack
from facepipe_io.edge.networks.onnx import input_shape
from facepipe_io.edge.networks.preprocessing import read_preprocessing
from facepipe_io.errors import ModelError, StoreError
from facepipe_io.training.parameters import read_parameters

_MAX_BYTES = 2**17


@contextmanager
def file(name: str, data: bytes) -> Iterator[Path]:
    """A file in a folder of its own, for as long as a `with` block takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        yield path


def packed(data: bytes) -> None:
    """Of an archive all is written or nothing, and never outside of its folder."""
    with file("a.tar.gz", data) as path, mock.patch.object(archives.os, "fsync"):
        home = path.parent
        try:
            unpack(str(path), str(home / "out"), max_bytes=_MAX_BYTES)
        except ModelError as error:
            assert str(error).isprintable()
            assert list(home.iterdir()) == [path]
            return
        assert sorted(home.iterdir()) == [path, home / "out"]
        found = list((home / "out").rglob("*"))
        assert any(each.is_file() for each in found)
        assert all(each.is_dir() or each.is_file() for each in found)
        assert not any(each.is_symlink() for each in found)
        assert sum(each.stat().st_size for each in found if each.is_file()) <= _MAX_BYTES


def tar(data: bytes) -> None:
    """Likewise of what is in it: no fuzzer guesses its checksum."""
    packed(gzip.compress(data, 1))


def wheel(data: bytes) -> None:
    """A file that is given for facepipe's wheel."""
    with file("facepipe-1.0-py3-none-any.whl", data) as path, suppress(StoreError):
        assert read_wheel(path).data == data


def key(data: bytes) -> None:
    """A camera's key and its certificate, a line of base64 for each: what PEM has in it."""
    private, _, certificate = data.partition(b"\n")
    pem = b"-----BEGIN PRIVATE KEY-----\n" + private + b"\n-----END PRIVATE KEY-----\n"
    text = certificate.decode("utf-8", "surrogateescape")
    text = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
    with file("hall.key", pem) as path, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what later releases will not read
        with mock.patch.object(CameraFiles, "key", path), suppress(StoreError):
            assert read_key(CameraFiles(path.parent, "hall"), text) == pem


def parameters(data: bytes) -> None:
    """The names and shapes of MXNet's parameters take no more room than there is."""
    with file("a.params", data) as path, suppress(ModelError):
        for name, shape in read_parameters(str(path)).items():
            assert name.startswith(("arg:", "aux:"))
            assert min(shape) > 0
            assert np.prod(shape, dtype=np.float64) <= len(data)


def onnx(data: bytes) -> None:
    """The input of an ONNX model is a picture that can be made, or the model is refused."""
    try:
        shape = input_shape(data)
    except ValueError:
        return
    with suppress(ModelError):
        made = read_preprocessing("/nowhere/a.onnx", shape, NORMAL)
        assert made.apply(np.zeros((4, 4, 3), np.uint8)).nbytes <= 4096 * 4096 * 3 * 4


PARSERS = {
    "packed": packed,
    "tar": tar,
    "wheel": wheel,
    "key": key,
    "parameters": parameters,
    "onnx": onnx,
}
