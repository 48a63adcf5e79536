from __future__ import annotations

import pickle

import pytest

from facepipe import errors

EVERY = [
    errors.ShapeError("boxes", "(N, 4)", "(3,)"),
    errors.ImageError("no pixels"),
    errors.KeyFormatError("k", "another form"),
    errors.AttributesError("no camera"),
    errors.EventError("no key"),
    errors.ResponseError("no faces"),
    errors.FeedbackError(["no bucket", "no such strategy"]),
    errors.LabelsError("no images"),
    errors.PointerError("no archive"),
    errors.CostsError("no cameras"),
]


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_an_error_is_one_sentence_and_survives_pickling(error):
    assert isinstance(error, errors.FacepipeError)
    assert isinstance(error, ValueError)
    assert str(error)
    assert "\n" not in str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_every_error_is_tried_here_and_named_in_the_docstring():
    children = {c for c in errors.FacepipeError.__subclasses__() if c.__module__ == errors.__name__}
    assert children == {type(error) for error in EVERY}
    assert all(child.__name__ in errors.__doc__ for child in children)
