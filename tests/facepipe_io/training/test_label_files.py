"""Labels in files: found by their format, and joined with their pictures."""

from __future__ import annotations

import json
import shutil

import pytest

from facepipe_io.errors import StoreError
from facepipe_io.training.label_files import find_labels, read_labels
from facepipe_io.training.pictures import Pictures
from tests.facepipe_io.training.pictures import coco

BOX = "<object><name>can</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"  # noqa: E501


@pytest.fixture
def home(tmp_path):
    """A folder with `pictures` in it, of which only the names count here."""
    for name in ("a.jpg", "b.png", "train/c.jpg", "val/c.jpg"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def read(home, path="pictures", kind=None, classes=()):
    """The format, the labels of each picture, and the findings."""
    pictures = Pictures(home / "pictures")
    files = find_labels(home / path, pictures, kind, classes)
    labelled, found = read_labels(files, pictures)
    parsed = [(each.name, each.read((100, 100))) for each in labelled]
    images = {name: parsed.images[0].labels for name, parsed in parsed}
    problems = [problem for _, parsed in parsed for problem in parsed.problems]
    return files.format, images, [finding.text for finding in found] + problems


def write(home, files):
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, "utf-8")


VOC = f"<annotation><filename>old.jpg</filename>{BOX}</annotation>"
YOLO = "0 0.5 0.5 0.2 0.2\n"
LINE = json.dumps(
    {
        "source-ref": "s3://bucket/some/where/a.jpg",
        "job": {"annotations": [{"class_id": 0, "left": 0, "top": 0, "width": 9, "height": 9}]},
        "job-metadata": {"class-map": {"0": "can"}, "type": "groundtruth/object-detection"},
    }
)
COCO = json.dumps(coco({"a.jpg": [(0, 0, 9, 9, "can")]}, {"a.jpg": (100, 100)}))


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"pictures/labels.json": COCO}, "coco"),
        ({"pictures/a.xml": VOC}, "voc"),
        ({"pictures/Annotations/a.xml": VOC}, "voc"),
        ({"Annotations/a.xml": VOC}, "voc"),
        ({"pictures/a.txt": YOLO, "pictures/classes.txt": "can\n"}, "yolo"),
        ({"pictures/a.txt": YOLO, "pictures/notes.txt": "?", "obj.names": "can\n"}, "yolo"),
        ({"labels/a.txt": YOLO, "labels/classes.txt": "can\n"}, "yolo"),
        ({"labels/a.txt": YOLO, "labels/train.txt": "a.jpg", "data.yaml": "names: [can]"}, "yolo"),
        ({"pictures/output.manifest": LINE}, "manifest"),
        ({"pictures/output.jsonl": LINE}, "manifest"),
    ],
)
def test_labels_are_found_by_themselves(home, files, kind):
    write(home, files)
    if "pictures/notes.txt" in files:  # which is taken for labels, beside some that are
        found = read(home)
        assert found[:2] == (kind, {"a.jpg": ("can",), "notes.txt": ()})
        return
    assert read(home) == (kind, {"a.jpg": ("can",)}, [])


def test_a_file_is_read_that_is_named(home):
    write(home, {"elsewhere/x.json": COCO, "pictures/a.xml": VOC})
    assert read(home, "elsewhere/x.json")[0] == "coco"


def test_of_several_formats_one_is_to_be_named(home):
    write(home, {"pictures/x.json": COCO, "pictures/a.xml": VOC})
    with pytest.raises(StoreError, match="several formats, coco, voc; name one with --format"):
        read(home)
    assert read(home, kind="voc")[0] == "voc"


def test_folders_of_labels_are_like_those_of_pictures(home):
    write(home, {"labels/train/c.txt": YOLO, "labels/val/c.txt": "", "labels/classes.txt": "can"})
    assert read(home)[1] == {"train/c.jpg": ("can",), "val/c.jpg": ()}


def test_names_that_say_too_little_are_told(home):
    write(home, {"labels/c.txt": YOLO, "labels/classes.txt": "can", "labels/a.txt": YOLO})
    assert read(home)[2] == ["c.txt may be of train/c.jpg or val/c.jpg; rename one of them."]
    shutil.rmtree(home / "labels")
    write(home, {"pictures/x.json": COCO.replace("a.jpg", "c.jpg")})
    assert read(home)[2] == ["c.jpg may be train/c.jpg or val/c.jpg; rename one of them."]


@pytest.mark.parametrize("name", ["val/c.jpg", "/data/val/c.jpg", "C:\\\\data\\\\val\\\\c.jpg"])
def test_a_path_from_elsewhere_finds_its_picture(home, name):
    write(home, {"pictures/x.json": COCO.replace("a.jpg", name)})
    assert list(read(home)[1]) == ["val/c.jpg"]


def test_numbers_stand_for_the_classes_that_are_given_where_no_file_says_so(home):
    write(home, {"pictures/a.txt": "1 0.5 0.5 0.2 0.2\n"})
    assert read(home, classes=("can", "cup"))[1] == {"a.jpg": ("cup",)}
    with pytest.raises(StoreError, match="name the classes with --classes, in the order"):
        read(home)


def test_what_is_wrong_in_a_file_is_told_by_its_name(home):
    write(home, {"pictures/a.txt": "7 0.5 0.5 0.2 0.2\n", "pictures/classes.txt": "can\n"})
    (problem,) = read(home)[2]
    assert problem.startswith("a.txt: line 1: there is no class '7'")
    write(home, {"pictures/a.xml": VOC.replace("<xmin>1", "<xmin>x"), "pictures/b.xml": "no"})
    found = read(home, kind="voc")[2]
    assert found[0] == "a.xml: object 1 (can): it needs one xmin, ymin, xmax and ymax."
    assert found[1].startswith("b.xml: this is no XML")


@pytest.mark.parametrize(
    ("files", "path", "kind", "message"),
    [
        ({}, "pictures", None, "it holds no labels .*; name them with --labels"),
        ({"labels.json": COCO}, "labels.json", "voc", r"it holds no labels \(voc: .xml\)"),
        ({}, "nowhere", None, "there is no such file or folder"),
        ({"x.json": "["}, "x.json", None, "x.json: this is no JSON"),
        ({"x.json": "[]"}, "x.json", None, "COCO's labels are an object, not a list"),
        ({"pictures/a.txt": YOLO, "pictures/classes.txt": ""}, "pictures", None, "classes.txt"),
    ],
)
def test_what_are_no_labels_is_told(home, files, path, kind, message):
    write(home, files)
    with pytest.raises(StoreError, match=message):
        read(home, path, kind)


def test_labels_that_are_no_utf_8_are_told(home):
    (home / "x.json").write_bytes(b'{"\xff": 1}')
    with pytest.raises(StoreError, match="it is no UTF-8; save it as such"):
        read(home, "x.json")
