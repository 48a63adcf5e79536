from __future__ import annotations

import attrs
import pytest

from facepipe.errors import LabelsError
from facepipe.label_formats import parse_voc
from facepipe.labels import LabelledImage
from tests.label_writers import to_voc

IMAGE = LabelledImage("a.jpg", (640, 480), [[10, 20, 40, 60], [0, 0, 640, 480]], ["can", "tin"])


def test_the_first_pixel_is_number_one_and_the_last_is_part_of_the_box():
    """An object that covers the leftmost column alone has xmin = xmax = 1."""
    text = to_voc(IMAGE).replace("<xmax>40</xmax>", "<xmax>11</xmax>")
    assert parse_voc(text).images[0].boxes[0].tolist() == [10, 20, 11, 60]


def test_a_box_that_counts_from_0_does_not_leave_the_picture():
    text = to_voc(IMAGE).replace("min>1<", "min>0<")
    assert parse_voc(text).images[0].boxes[1].tolist() == [0, 0, 640, 480]


@pytest.mark.parametrize(("first", "begin"), [("0", 0), ("0.5", 0), ("1", 0), ("1.5", 0.5)])
def test_a_box_begins_where_its_first_pixel_does(first, begin):
    text = to_voc(IMAGE).replace("<xmin>11<", f"<xmin>{first}<")
    assert parse_voc(text).images[0].boxes[0].tolist() == [begin, 20, 40, 60]


def test_parts_of_an_object_are_none():
    part = "<part><name>lid</name><bndbox><xmin>1</xmin></bndbox></part></object>"
    assert parse_voc(to_voc(IMAGE).replace("</object>", part)) == ((IMAGE,), ())


@pytest.mark.parametrize("size", ["", "<size/>", "<size><width>0</width><height>0</height></size>"])
def test_a_size_may_be_missing(size):
    text = to_voc(IMAGE)
    start, end = text.index("<size>"), text.index("</size>") + len("</size>")
    text = (text[:start] + size + text[end:]).replace("<filename>a.jpg</filename>", "")
    assert parse_voc(text) == ((attrs.evolve(IMAGE, wh=None, name=""),), ())


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("<name>can</name>", "", "object 1: a name is text, but this is None"),
        ("can", " ", "object 1: a name is not blank, but this is ''"),
        ("can", "c</name><name>d", "object 1: a name is text, but this is None"),
        ("<xmin>11</xmin>", "", "object 1 (can): it needs one xmin, ymin, xmax and ymax"),
        ("<xmin>11", "<xmin>1_1", "object 1 (can): it needs one xmin"),
        ("<xmin>11", "<xmin>nan", "object 1 (can): it needs one xmin"),
        ("<xmin>11", "<xmin>1</xmin><xmin>2", "object 1 (can): it needs one xmin"),
    ],
)
def test_an_object_that_cannot_be_taken_is_told_and_the_other_kept(old, new, problem):
    (image,), (told,) = parse_voc(to_voc(IMAGE).replace(old, new))
    assert told.startswith(problem)
    assert image == attrs.evolve(IMAGE, boxes=IMAGE.boxes[1:], labels=["tin"])


@pytest.mark.parametrize(
    ("old", "new", "change", "problem"),
    [
        ("a.jpg", "", {"name": ""}, "a filename is not blank, but this is ''"),
        ("640<", "64.5<", {"wh": None}, "its width and height are no picture's"),
        ("<width>640</width>", "", {"wh": None}, "its width and height are no picture's"),
    ],
)
def test_what_is_wrong_with_the_picture_is_told(old, new, change, problem):
    text = to_voc(IMAGE).replace(old, new, 1)
    assert parse_voc(text) == ((attrs.evolve(IMAGE, **change),), (problem,))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "this is no XML: no element found"),
        ("<annotation>", "this is no XML"),
        ("<annotation>\ud800</annotation>", "this is no XML"),
        ("<annotation>&lol;</annotation>", "this is no XML: undefined entity"),
        ("<html></html>", "Pascal VOC's labels are an annotation, not 'html'"),
        ("<annotation>" + "<a>" * 10**5, "this XML is nested too deeply"),
        ("<!DOCTYPE annotation><annotation/>", "this XML has a DOCTYPE"),
        (
            '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>',
            "this XML has a DOCTYPE",
        ),
    ],
)
def test_what_is_no_annotation_is_told(text, reason):
    with pytest.raises(LabelsError, match=reason):
        parse_voc(text)
