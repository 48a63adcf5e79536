from __future__ import annotations

import pickle

import pytest

from facepipe import errors

EVERY = [
    (errors.ShapeError, {"name": "boxes", "expected": "(N, 4)", "got": "(3,)"}),
    (errors.ImageError, {"reason": "no pixels"}),
    (errors.KeyFormatError, {"key": "k", "reason": "another form"}),
    (errors.AttributesError, {"reason": "no camera"}),
    (errors.EventError, {"reason": "no key"}),
    (errors.ResponseError, {"reason": "no faces"}),
    (errors.FeedbackError, {"problems": ("no bucket", "no such strategy")}),
    (errors.LabelsError, {"reason": "no images"}),
    (errors.PointerError, {"reason": "no archive"}),
    (errors.CostsError, {"reason": "no cameras"}),
]


@pytest.mark.parametrize(("kind", "said"), EVERY, ids=lambda value: getattr(value, "__name__", ""))
def test_an_error_is_one_sentence_with_its_data_and_survives_pickling(kind, said):
    error = kind(**said)
    assert isinstance(error, errors.FacepipeError)
    assert isinstance(error, ValueError)
    assert vars(error) == said
    assert error.args == tuple(said.values())
    assert str(error)
    assert "\n" not in str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_several_problems_are_told_one_after_the_other():
    assert str(errors.FeedbackError(["no bucket", "no rate"])) == "no bucket; no rate"


def test_every_error_is_tried_here_and_named_in_the_docstring():
    children = {c for c in errors.FacepipeError.__subclasses__() if c.__module__ == errors.__name__}
    assert children == {kind for kind, _ in EVERY}
    assert all(child.__name__ in errors.__doc__ for child in children)
