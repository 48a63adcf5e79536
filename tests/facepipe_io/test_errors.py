from __future__ import annotations

import pickle

import pytest

from facepipe.errors import FacepipeError
from facepipe_io import errors

EVERY = [
    errors.SettingsError(["A must be a number", "B is missing"]),
    errors.CameraError("clip.mp4", "there is no such file"),
    errors.ModelError("face.onnx", "there is no such file"),
    errors.EndpointError("faces", "it is not in service"),
    errors.UplinkError("s3://crops", "access is denied"),
    errors.BusError("mqtt://broker", "nobody answers"),
    errors.StoreError("out/records.sqlite", "file is not a database"),
    errors.TrainingError("deeplens-bottles-1", "it failed"),
]


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_an_error_is_one_line_and_survives_pickling(error):
    assert isinstance(error, FacepipeError)
    assert "\n" not in str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (type(error), str(error))


def test_every_error_is_tried_here_and_named_in_the_docstring():
    children = {c for c in FacepipeError.__subclasses__() if c.__module__ == errors.__name__}
    assert children == {type(error) for error in EVERY}
    assert all(child.__name__ in errors.__doc__ for child in children)
