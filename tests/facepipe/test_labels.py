from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given

from facepipe.errors import ShapeError
from facepipe.images import letterboxed
from facepipe.labels import LabelledImage, name_problem
from tests.strategies import class_names, frame_sizes, labelled_images

BOX = [[10.0, 20.0, 30.0, 60.0]]


def test_labels_need_not_name_their_picture():
    assert LabelledImage("", None, BOX, ["can"]).name == ""


def test_a_picture_without_a_box():
    image = LabelledImage("a.jpg", None, [], [])
    assert image.boxes.shape == (0, 4)
    assert image.labels == ()
    assert image == LabelledImage("a.jpg", None, np.empty((0, 4)), ())


@given(labelled_images())
def test_what_is_labelled_alike_is_equal_and_cannot_be_changed(image):
    again = LabelledImage(image.name, image.wh, image.boxes.tolist(), list(image.labels))
    assert again == image
    assert image.boxes.dtype == np.float64
    assert len(image.boxes) == len(image.labels)
    with pytest.raises(ValueError, match="read-only"):
        image.boxes[...] = 0
    with pytest.raises(TypeError, match="unhashable"):
        hash(image)


@given(labelled_images())
def test_copies_and_pickles_are_equal_and_read_only(image):
    for same in (copy.deepcopy(image), pickle.loads(pickle.dumps(image))):
        assert same == image
        assert not same.boxes.flags.writeable


def test_the_boxes_are_its_own():
    boxes = np.array(BOX)
    image = LabelledImage("a.jpg", (640, 480), boxes, ["can"])
    boxes[...] = 0
    assert image.boxes.tolist() == BOX
    assert image != LabelledImage("a.jpg", (640, 480), boxes, ["can"])
    assert image != LabelledImage("a.jpg", (640, 480), BOX, ["tin"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": None}, "^name must be of names; a name is text, not None"),
        ({"name": " "}, "is not blank"),
        ({"name": "a\n.jpg"}, "no control character"),
        ({"name": "\ud800.jpg"}, "no half of a character"),
        ({"wh": (0, 480)}, "^wh must be a picture's"),
        ({"wh": (640.5, 480)}, "^wh must be a picture's"),
        ({"wh": 640}, "^wh must be a picture's"),
        ({"boxes": [[1, 2, 3]]}, r"^boxes must be an array of shape \(N, 4\)"),
        ({"boxes": "box"}, "^boxes must be"),
        ({"boxes": [[1, 2, 3, np.nan]]}, "^boxes must be finite numbers"),
        ({"boxes": [[1, 2, 3, np.inf]]}, "^boxes must be finite numbers"),
        ({"boxes": []}, "^labels must be 0, one for each box, not 1"),
        ({"labels": []}, "^labels must be 1, one for each box, not 0"),
        ({"labels": "c"}, "^labels must be one name for each box, not 'c'$"),
        ({"labels": [7]}, "^labels must be of names; a name is text, not 7"),
        ({"labels": [""]}, "is not blank"),
        ({"labels": ["can "]}, "^labels must be without blanks around them, not 'can '$"),
        ({"labels": ["a\u2028b"]}, "no control character"),
    ],
)
def test_what_does_not_fit_is_told(change, reason):
    good = {"name": "a.jpg", "wh": (640, 480), "boxes": BOX, "labels": ["can"]}
    with pytest.raises(ShapeError, match=reason):
        LabelledImage(**dict(good, **change))


@given(class_names())
def test_any_text_of_one_line_may_be_a_name(name):
    assert name_problem(name) is None
    assert LabelledImage(name, None, BOX, [name]).labels == (name,)


@given(labelled_images(max_side=300), frame_sizes(max_side=300))
def test_labels_move_with_their_picture(image, into_wh):
    blank = np.zeros((image.wh[1], image.wh[0], 3), np.uint8)
    picture, box = letterboxed(blank, into_wh)
    moved = image.letterboxed(into_wh)
    assert moved.wh == (picture.shape[1], picture.shape[0])
    assert (moved.boxes == box.map(image.boxes)).all()
    assert (moved.name, moved.labels) == (image.name, image.labels)


def test_a_picture_of_unknown_size_is_not_letterboxed():
    with pytest.raises(ShapeError, match="wh must be known"):
        LabelledImage("a.jpg", None, BOX, ["can"]).letterboxed((300, 300))
