from __future__ import annotations

import json

import attrs
import pytest

from facepipe.errors import LabelsError
from facepipe.label_formats import parse_coco
from facepipe.labels import LabelledImage
from tests.label_writers import to_coco

IMAGE = LabelledImage("a.jpg", (640, 480), [[10, 20, 40, 60], [0, 0, 640, 480]], ["can", "tin"])


def problem_of(section, change):
    document = to_coco([IMAGE])
    document[section][0].update(change)
    images, problems = parse_coco(json.dumps(document))
    return images, problems[0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"image_id": 9}, "annotations[0]: there is no image 9"),
        ({"image_id": [0]}, "annotations[0]: there is no image a list"),
        ({"image_id": False}, "annotations[0]: there is no image False"),
        ({"category_id": 9}, "annotations[0] of a.jpg: there is no category 9"),
        ({"iscrowd": 1}, "annotations[0] of a.jpg: its box is of a crowd, not of one can"),
        ({"bbox": None}, "annotations[0] of a.jpg: its bbox is not x, y, width and height"),
        ({"bbox": [1, 2, 3]}, "annotations[0] of a.jpg: its bbox is not x, y, width"),
        ({"bbox": [1, 2, 3, "4"]}, "annotations[0] of a.jpg: its bbox is not x, y, width"),
        ({"bbox": [1, 2, 3, True]}, "annotations[0] of a.jpg: its bbox is not x, y, width"),
    ],
)
def test_a_box_that_cannot_be_taken_is_told_and_the_other_kept(change, problem):
    (image,), told = problem_of("annotations", change)
    assert told.startswith(problem)
    assert image == attrs.evolve(IMAGE, boxes=IMAGE.boxes[1:], labels=["tin"])


@pytest.mark.parametrize(
    ("section", "change", "problem"),
    [
        ("images", {"id": None}, "images[0]: its id is None"),
        ("images", {"file_name": ""}, "images[0]: a file_name is not blank, but this is ''"),
        ("images", {"file_name": 7}, "images[0]: a file_name is text, but this is 7"),
        ("categories", {"name": "a\nb"}, "categories[0]: a name has no control character"),
        ("categories", {"id": 1.5}, "categories[0]: its id is 1.5"),
        ("categories", {"id": 2}, "categories[1]: another one has the id 2 already"),
        ("images", {"width": 0}, "images[0] (a.jpg): its width and height are no picture's"),
        ("images", {"height": 4.5}, "images[0] (a.jpg): its width and height are no"),
    ],
)
def test_what_is_wrong_with_a_picture_or_class_is_told_first(section, change, problem):
    assert problem_of(section, change)[1].startswith(problem)


@pytest.mark.parametrize("side", ["width", "height"])
def test_half_a_size_is_none(side):
    document = to_coco([IMAGE])
    del document["images"][0][side]
    problem = "images[0] (a.jpg): its width and height are no picture's"
    assert parse_coco(json.dumps(document)) == ((attrs.evolve(IMAGE, wh=None),), (problem,))


@pytest.mark.parametrize("section", ["images", "annotations", "categories"])
def test_what_is_no_entry_is_told_and_the_others_kept(section):
    document = to_coco([IMAGE])
    document[section].insert(0, 7)
    assert parse_coco(json.dumps(document)) == ((IMAGE,), (f"{section}[0] is no object, but 7",))


def test_pictures_without_a_box_or_a_size_are_taken():
    document = to_coco([IMAGE])
    del document["images"][0]["width"], document["images"][0]["height"]
    document["annotations"] = []
    document["categories"] = [7]
    (image,), problems = parse_coco(json.dumps(document))
    assert image == LabelledImage("a.jpg", None, [], [])
    assert problems == ("categories[0] is no object, but 7",)


def test_ids_may_be_text_and_sizes_floats():
    text = json.dumps(to_coco([IMAGE])).replace('"id": 0', '"id": "x"')
    text = text.replace('"image_id": 0', '"image_id": "x"').replace(": 640", ": 640.0")
    assert parse_coco(text) == ((IMAGE,), ())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "this is no JSON: Expecting value at column 1"),
        ('{"images": [],\n}', "this is no JSON: .* at line 2, column 1|at column 15"),
        ("[]", "COCO's labels are an object, not a list"),
        ('{"images": []}', "COCO's labels need a list of annotations"),
        ('{"images": [], "images": []}', "an object of this JSON has a key twice"),
    ],
)
def test_what_is_no_coco_is_told(text, reason):
    with pytest.raises(LabelsError, match=reason):
        parse_coco(text)
