"""The folder of a data set: what goes in, what comes out, and what a bad one is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape

import cv2
import numpy as np
import pytest

from facepipe.datasets import TRAIN, VALIDATION
from facepipe.images import decode_image, encode_jpeg
from facepipe.label_formats import parse_manifest
from facepipe_io.errors import StoreError
from facepipe_io.training.dataset import Source, check_data_set, make_data_set
from tests.facepipe_io.training.pictures import coco, noise, write_pictures

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


def of(folder, labels=None, **changes):
    return Source(folder, labels, **{"side": 300, **changes})


def untold(what, done, total):
    pass


def made(source, out):
    return make_data_set(source, out, NOON, untold)


def contents(folder):
    """All that is in a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def lines(folder, side):
    return parse_manifest((folder / f"{side}.manifest").read_text("utf-8")).images


def told(findings):
    return [finding.text for finding in findings]


@pytest.fixture
def pictures(tmp_path):
    """Twenty-two pictures with labels in a folder, which make a data set without an error."""
    return write_pictures(tmp_path / "pictures")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_a_data_set_is_written(pictures, out):
    result = made(of(pictures), out)
    assert result.errors == []
    images = sorted(f"images/{path.name}" for path in (out / "images").iterdir())
    train, validation = lines(out, TRAIN), lines(out, VALIDATION)
    assert sorted(image.name for image in (*train, *validation)) == images
    assert (len(train), len(validation)) == (18, 4)
    assert (out / "classes.txt").read_text("utf-8") == "can\nsoda bottle\n"
    assert json.loads((out / "dataset.json").read_text("utf-8")) == {
        "version": 1,
        "side": 300,
        "classes": ["can", "soda bottle"],
        "attribute": "labels",
        "train": {"images": 18, "boxes": 27},
        "validation": {"images": 4, "boxes": 6},
        "most_boxes": 2,
        "uploaded_to": None,
    }
    for path in images:
        assert decode_image((out / path).read_bytes()).shape == (300, 300, 3)
    assert decode_image((out / "preview.jpg").read_bytes()).shape == (4 * 248 + 8, 6 * 248 + 8, 3)
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []


def test_boxes_move_with_their_pictures(tmp_path, out):
    """A white thing on black is where its box is, on each square."""
    folder = tmp_path / "pictures"
    things = {}
    for number in range(20):
        picture = np.zeros((90 + 5 * number, 160, 3), np.uint8)
        box = (10 + 3 * number, 20, 50 + 3 * number, 60)
        picture[box[1] : box[3], box[0] : box[2]] = 255
        things[f"{number}.png"] = (picture, [(*box, "can")])
    write_pictures(folder, things)
    assert made(of(folder), out).errors == []
    for image in (*lines(out, TRAIN), *lines(out, VALIDATION)):
        square = decode_image((out / image.name).read_bytes())
        rows, columns = np.nonzero((square > 190).all(axis=2))
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert image.boxes[0] == pytest.approx(seen, abs=2)


def test_the_same_pictures_make_the_same_data_set_whatever_their_names(pictures, tmp_path):
    made(of(pictures), tmp_path / "one")
    for path in list(pictures.glob("[0-9]*")):
        path.rename(pictures / f"renamed-{path.name}")
    document = json.loads((pictures / "labels.json").read_text())
    for image in document["images"]:
        image["file_name"] = f"renamed-{image['file_name']}"
    document["images"].reverse()
    (pictures / "labels.json").write_text(json.dumps(document))
    made(of(pictures), tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_more_pictures_are_added_and_no_other_moves(pictures, tmp_path, out):
    made(of(pictures), out)
    before = {side: {image.name for image in lines(out, side)} for side in (TRAIN, VALIDATION)}
    more = write_pictures(tmp_path / "more", noise(range(22, 30), "cup"))
    result = made(of(more), out)
    assert result.errors == []
    after = {side: {image.name for image in lines(out, side)} for side in (TRAIN, VALIDATION)}
    for side, images in before.items():
        assert images < after[side]
    assert len(after[TRAIN]) + len(after[VALIDATION]) == 30
    assert len(list((out / "images").iterdir())) == 30
    assert (out / "classes.txt").read_text("utf-8") == "can\nsoda bottle\ncup\n"


def test_a_copy_of_an_earlier_picture_is_on_its_side(pictures, tmp_path, out):
    made(of(pictures), out)
    (judged,) = lines(out, VALIDATION)[:1]
    square = decode_image((out / judged.name).read_bytes())
    encoded = cv2.imencode(".jpg", square, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    copy = {"copy.jpg": (encoded, [(10, 100, 90, 180, "can")])}
    more = write_pictures(tmp_path / "more", {**copy, **noise(range(22, 26))})
    result = made(of(more), out)
    (picture,) = (each for each in result.pictures if each.name == "copy.jpg")
    assert result.sides[picture.digest] == VALIDATION
    assert any("2 pictures look the same" in text for text in told(result.warnings))


def test_labels_are_put_right_by_giving_the_picture_anew(pictures, out):
    first = made(of(pictures), out)
    document = json.loads((pictures / "labels.json").read_text())
    document["annotations"] = [each for each in document["annotations"] if each["category_id"] == 1]
    (pictures / "labels.json").write_text(json.dumps(document))
    second = made(of(pictures), out)
    assert second.errors == []
    assert second.sides == first.sides
    assert "No box has the class soda bottle; it is left out." in told(second.warnings)
    assert {label for image in lines(out, TRAIN) for label in image.labels} == {"can"}


def broken(name):
    """Change the good data set of `pictures` so that one thing is wrong with it."""

    def change(function):
        BROKEN.append(pytest.param(function, *name, id=function.__name__))
        return function

    return change


BROKEN: list = []


@broken(["0.png", "0.png cannot be used: it is damaged, or not all of it is there"])
def truncated(folder):
    path = folder / "0.png"
    path.write_bytes(path.read_bytes()[:2000])


@broken(["1.jpg", "1.jpg cannot be used: it is damaged, or not all of it is there"])
def truncated_jpeg(folder):
    path = folder / "1.jpg"
    path.write_bytes(path.read_bytes()[:2000])


@broken(["0.png", "0.png cannot be used: it is empty"])
def empty_file(folder):
    (folder / "0.png").write_bytes(b"")


@broken(["0.png", "0.png cannot be used: it is no JPEG, PNG, BMP or WebP; save it as one of these"])
def a_gif(folder):
    (folder / "0.png").write_bytes(b"GIF89a" + bytes(50))


@broken(["0.png", "0.png cannot be used: these 33 bytes begin like a picture"])
def no_header(folder):
    (folder / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(25))


@broken(["0.png", "0.png cannot be used: it has 40000x40000 pixels; scale it down"])
def huge(folder):
    data = bytearray((folder / "0.png").read_bytes())
    data[16:24] = (40000).to_bytes(4, "big") * 2
    (folder / "0.png").write_bytes(data)


@broken(["0.png", "0.png cannot be used: it is animated; save its frames as pictures"])
def an_animated_png(folder):
    data = (folder / "0.png").read_bytes()
    chunk = bytes([0, 0, 0, 8]) + b"acTL" + bytes(12)
    (folder / "0.png").write_bytes(data[:33] + chunk + data[33:])


@broken(["2.webp", "2.webp cannot be used: it is animated"])
def an_animated_webp(folder):
    header = b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes([10, 0, 0, 0, 0x02]) + bytes(9)
    (folder / "2.webp").write_bytes(header)


@broken(["2.webp", "2.webp cannot be used: it is damaged"])
def a_webp_that_ends_in_its_header(folder):
    (folder / "2.webp").write_bytes(b"RIFF" + bytes(4) + b"WEBPVP8X")


@broken(["2.webp", "2.webp cannot be used: it has 16384x16384 pixels; scale it down"])
def a_huge_webp(folder):
    bits = (16383 | 16383 << 14).to_bytes(4, "little")
    header = b"RIFF" + bytes(4) + b"WEBPVP8L" + bytes(4) + b"\x2f" + bits
    (folder / "2.webp").write_bytes(header + bytes(50))


@broken(["0.png", "0.png cannot be used: it has 23000x23000 pixels; scale it down"])
def a_huge_bmp(folder):
    """Run lengths: a kilobyte becomes gigabytes."""
    side = (23000).to_bytes(4, "little")
    header = b"BM" + bytes(8) + b"\x36\4\0\0" + b"\x28\0\0\0" + side + side + b"\1\0\x08\0\1"
    (folder / "0.png").write_bytes(header.ljust(1078, b"\0") + b"\0\1")


@broken(["0.png", "0.png has labels, but there is no such picture."])
def missing(folder):
    (folder / "0.png").unlink()


@broken(["0.png", "0.png cannot be read: No such file or directory."])
def a_link_that_leads_nowhere(folder):
    (folder / "0.png").unlink()
    (folder / "0.png").symlink_to("nowhere.png")


@broken(["0.png", "0.png: the box 150, 10, 170, 50 (can) is not within the picture of 160x120."])
def box_outside(folder):
    edit(folder, lambda document: document["annotations"][0].update(bbox=[150, 10, 20, 40]))


@broken(["0.png", "0.png: the box 10, 10, 10, 50 (can) is empty"])
def empty_box(folder):
    edit(folder, lambda document: document["annotations"][0].update(bbox=[10, 10, 0, 40]))


@broken(["0.png", "0.png: the labels are of 120x160, but the picture of 160x120; label it upright"])
def turned(folder):
    edit(folder, lambda document: document["images"][0].update(width=120, height=160))


@broken(["labels.json", "labels.json: annotations[0] of 0.png: there is no category 77."])
def unknown_category(folder):
    edit(folder, lambda document: document["annotations"][0].update(category_id=77))


@broken(["copy.png", "copy.png is the same picture as 0.png, but their labels differ"])
def duplicate_with_other_labels(folder):
    shutil.copy(folder / "0.png", folder / "copy.png")
    edit(folder, lambda document: document["images"].append({"id": 99, "file_name": "copy.png"}))
    box = {"image_id": 99, "category_id": 2, "bbox": [1, 1, 50, 50]}
    edit(folder, lambda document: document["annotations"].append(box))


@broken(["0.png", "Only 0.png has the class cup"])
def class_of_one_picture(folder):
    def change(document):
        document["categories"].append({"id": 3, "name": "cup"})
        document["annotations"][0]["category_id"] = 3

    edit(folder, change)


@broken(["", "15 pictures are too few to train with"])
def too_few(folder):
    def change(document):
        document["images"] = document["images"][3:]
        rest = [each for each in document["annotations"] if each["image_id"] > 2]
        document["annotations"] = rest

    edit(folder, change)


@broken(["", "No crop can be named after the class 'can/tin': a label has 1 to 64 characters"])
def a_class_that_no_key_can_hold(folder):
    edit(folder, lambda document: document["categories"][0].update(name="can/tin"))


@broken(["", "There is no labelled box at all."])
def no_box(folder):
    edit(folder, lambda document: document["annotations"].clear())


@broken(["0.png", "0.png may be sub/0.png or under/0.png; rename one of them."])
def two_of_a_name(folder):
    for name in ("sub", "under"):
        (folder / name).mkdir()
        shutil.copy(folder / "0.png", folder / name)
    (folder / "0.png").unlink()


def edit(folder, change):
    path = folder / "labels.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(("change", "file", "text"), BROKEN)
def test_what_is_wrong_is_told_by_file_and_nothing_is_written(pictures, out, change, file, text):
    change(pictures)
    result = made(of(pictures), out)
    (finding,) = result.errors
    assert finding.file == file
    assert text in finding.text
    assert not out.exists()
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []


def test_an_error_leaves_an_earlier_data_set_as_it_was(pictures, out):
    made(of(pictures), out)
    before = contents(out)
    truncated(pictures)
    assert made(of(pictures), out).errors
    assert contents(out) == before


def test_a_label_that_is_not_wanted_is_told_by_file(pictures, out):
    result = made(of(pictures, classes=("soda bottle", "cup")), out)
    assert "0.png: can is not among the classes." in told(result.errors)


def test_classes_have_the_order_that_is_asked_for(pictures, out):
    assert made(of(pictures, classes=("soda bottle", "can")), out).errors == []
    assert (out / "classes.txt").read_text("utf-8") == "soda bottle\ncan\n"
    record = json.loads((out / "train.manifest").read_text().splitlines()[0])
    assert record["labels-metadata"]["class-map"] == {"0": "soda bottle", "1": "can"}


def test_a_leak_of_the_earlier_split_is_told(tmp_path, out):
    """One picture lies between two that are on different sides."""
    grey = np.full((120, 160, 3), 100, np.uint8)
    first = {"dark.png": (grey, [(9, 9, 60, 60, "can")])}
    first["light.png"] = (grey + np.uint8(8), [(9, 9, 60, 60, "can")])
    made(of(write_pictures(tmp_path / "a", {**noise(range(20)), **first})), out)
    dark, light = (each.name for each in sorted(grey_ones(out), key=lambda each: each.mean))
    texts = {side: (out / f"{side}.manifest").read_text() for side in (TRAIN, VALIDATION)}
    rows = {row for text in texts.values() for row in text.splitlines()}
    for side, name, other in ((TRAIN, dark, light), (VALIDATION, light, dark)):
        kept = [row for row in texts[side].splitlines() if other not in row and name not in row]
        kept += [row for row in rows if name in row]
        (out / f"{side}.manifest").write_text("".join(f"{row}\n" for row in kept))
    between = {"between.png": (grey + np.uint8(4), [(9, 9, 60, 60, "can")])}
    result = made(of(write_pictures(tmp_path / "b", between)), out)
    (finding,) = result.errors
    assert finding.file == "between.png"
    assert finding.text == (
        f"between.png is a copy of {dark} (train) and {light} (validation), or nearly so; "
        "leave it out."
    )


def grey_ones(folder):
    for path in (folder / "images").iterdir():
        square = decode_image(path.read_bytes())
        if square[100:200].std() < 3:
            yield GreyOne(f"images/{path.name}", square.mean())


class GreyOne:
    def __init__(self, name, mean):
        self.name, self.mean = name, mean


def test_no_file_speaks_to_the_terminal(pictures, out):
    (pictures / "\x1b[31m\x9bred\u202e.png").write_bytes(b"")
    (text,) = (text for text in told(made(of(pictures), out).warnings) if "red" in text)
    assert text == "\\x1b[31m\\x9bred\\u202e.png has no labels; it is left out."


def test_checking_writes_nothing(pictures, out):
    result = check_data_set(of(pictures), out, untold)
    assert result.errors == []
    assert len(result.pictures) == 22
    assert not out.exists()


def test_what_else_is_in_the_folder_is_warned_of_or_passed_over(pictures, out):
    (pictures / "new.png").write_bytes((pictures / "0.png").read_bytes())
    (pictures / ".hidden.png").write_bytes(b"")
    (pictures / "notes.txt").write_text("to do")
    os.mkfifo(pictures / "pipe.png")
    result = made(of(pictures), out)
    assert told(result.warnings) == [
        "new.png has no labels; it is left out.",
        "22 pictures are few; 200 or more give a better model.",
    ]
    assert result.errors == []


def test_a_data_set_among_its_pictures_is_no_picture(pictures):
    for _ in range(2):
        assert len(made(of(pictures), pictures / "out").pictures) == 22


def test_a_box_of_a_crowd_is_left_out_with_a_warning(pictures, out):
    edit(pictures, lambda document: document["annotations"][0].update(iscrowd=1))
    result = made(of(pictures), out)
    assert result.errors == []
    assert any("0.png: its box is of a crowd" in text for text in told(result.warnings))


def test_pictures_are_upright_as_people_saw_them(tmp_path, out):
    """A phone's picture is stored on its side, and says so."""
    from PIL import Image

    folder = tmp_path / "pictures"
    write_pictures(folder, noise(range(20)))
    lying = np.zeros((120, 160, 3), np.uint8)
    lying[:40] = 255  # the right of the picture, once it is upright
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.fromarray(lying).save(folder / "phone.jpg", exif=exif)
    box = {"image_id": 99, "category_id": 1, "bbox": [80, 0, 40, 160]}
    phone = {"id": 99, "file_name": "phone.jpg", "width": 120, "height": 160}
    edit(folder, lambda document: document["images"].append(phone))
    edit(folder, lambda document: document["annotations"].append(box))
    result = made(of(folder), out)
    assert result.errors == []
    (picture,) = (each for each in result.pictures if each.name == "phone.jpg")
    square = decode_image((out / "images" / f"{picture.digest}.jpg").read_bytes())
    x0, y0, x1, y1 = picture.labels.boxes[0].astype(int)
    assert square[y0 + 3 : y1 - 3, x0 + 3 : x1 - 3].min() > 200
    assert square[y0 + 3 : y1 - 3, 45 : x0 - 3].max() < 50


def as_voc(folder, boxes, sizes):
    """Pascal VOC's labels of pictures, in Annotations beside their folder."""
    home = folder.parent / "Annotations"
    home.mkdir()
    for name, those in boxes.items():
        objects = "".join(
            f"<object><name>{escape(label)}</name><bndbox><xmin>{x0 + 1}</xmin>"
            f"<ymin>{y0 + 1}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
            for x0, y0, x1, y1, label in those
        )
        width, height = sizes[name]
        (home / name).with_suffix(".xml").write_text(
            f"<annotation><filename>{name}</filename><size><width>{width}</width>"
            f"<height>{height}</height></size>{objects}</annotation>"
        )


def as_yolo(folder, boxes, sizes):
    """YOLO's labels, in `labels` beside the folder of the pictures."""
    home = folder.parent / "labels"
    home.mkdir()
    labels = sorted({box[4] for those in boxes.values() for box in those})
    (home / "classes.txt").write_text("".join(f"{label}\n" for label in labels))
    for name, those in boxes.items():
        w, h = sizes[name]
        rows = [
            f"{labels.index(label)} {(x0 + x1) / 2 / w} {(y0 + y1) / 2 / h} "
            f"{(x1 - x0) / w} {(y1 - y0) / h}\n"
            for x0, y0, x1, y1, label in those
        ]
        (home / name).with_suffix(".txt").write_text("".join(rows))


def as_coco(folder, boxes, sizes):
    (folder / "instances.json").write_text(json.dumps(coco(boxes, sizes)))


def as_manifest(folder, boxes, sizes):
    rows = []
    for name, those in boxes.items():
        numbered = {label: str(at) for at, label in enumerate(sorted({box[4] for box in those}))}
        annotations = [
            {"class_id": int(numbered[label]), "left": x0, "top": y0, "width": x1 - x0,
             "height": y1 - y0}
            for x0, y0, x1, y1, label in those
        ]  # fmt: skip
        metadata = {
            "class-map": {number: label for label, number in numbered.items()},
            "type": "groundtruth/object-detection",
        }
        rows.append(
            {
                "source-ref": f"s3://bucket/input/{name}",
                "job": {"annotations": annotations},
                "job-metadata": metadata,
            }
        )
    (folder / "output.manifest").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


@pytest.fixture(scope="module")
def photographs(data_dir, tmp_path_factory):
    """Real pictures with faces, the smaller ones, and where the faces are."""
    folder = tmp_path_factory.mktemp("photographs")
    truth = json.loads((data_dir / "images/ground_truth.json").read_text())
    boxes, sizes = {}, {}
    for name, about in truth.items():
        wh = (about["width"], about["height"])
        faces = [face["box"] for face in about["faces"] if "box" in face]
        path = data_dir / "images" / name
        if path.is_file() and max(wh) <= 1400 and faces:
            shutil.copy(path, folder / path.name)
            sizes[path.name] = wh
            label = "face" if len(faces) == 1 else "face of several"
            boxes[path.name] = [(x, y, x + w, y + h, label) for x, y, w, h in faces]
    return folder, boxes, sizes


def test_all_formats_make_the_same_data_set_of_real_pictures(photographs, tmp_path):
    folder, boxes, sizes = photographs
    results = {}
    for write in (as_coco, as_voc, as_yolo, as_manifest):
        home = tmp_path / write.__name__ / "images"
        home.mkdir(parents=True)
        for name in boxes:
            (home / name).symlink_to(folder / name)
        write(home, boxes, sizes)
        labels = home.parent if write in (as_voc, as_yolo) else home
        source = of(home, labels if write is as_voc else None)
        # The last of them is written, too.
        do = made if write is as_manifest else partial(check_data_set, progress=untold)
        result = do(source, tmp_path / "out")
        assert told(result.errors) == []
        results[result.format] = result
    assert set(results) == {"coco", "voc", "yolo", "manifest"}
    first = results["coco"]
    assert sum(len(picture.labels.boxes) for picture in first.pictures) == sum(
        map(len, boxes.values())
    )
    for side in (TRAIN, VALIDATION):
        written = {image.name: image.boxes for image in lines(tmp_path / "out", side)}
        assert sorted(written) == [f"images/{each.digest}.jpg" for each in first.on(side)]
        for each in first.on(side):
            boxes_written = written[f"images/{each.digest}.jpg"]
            assert boxes_written == pytest.approx(each.labels.boxes, abs=0.51)
    for result in results.values():
        assert result.sides == first.sides
        for picture, other in zip(result.pictures, first.pictures):
            assert picture.name == other.name
            assert picture.labels.labels == other.labels.labels
            assert picture.labels.boxes == pytest.approx(other.labels.boxes, abs=1e-3)


def test_a_killed_run_leaves_nothing_half_made(pictures, out):
    """It is killed while it writes; the next run does as if it had not been."""
    made(of(pictures), out)
    before = contents(out)
    code = f"""
import os, pathlib, sys
sys.path.insert(0, {str(Path.cwd())!r})
from facepipe_io.training import dataset
from tests.facepipe_io.training.test_dataset import made, of
def die(part, folder):
    folder.rename(folder.with_name(".out.before"))
    os.kill(os.getpid(), {signal.SIGKILL:d})
dataset.folders.put_in_place = die
made(of(pathlib.Path({str(pictures)!r})), pathlib.Path({str(out)!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not out.exists()
    assert check_data_set(of(pictures), out, untold).errors == []
    assert contents(out) == before
    made(of(pictures), out)
    assert contents(out) == before
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []


def test_ctrl_c_leaves_nothing(pictures, out):
    def interrupt(what, done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_data_set(of(pictures), out, NOON, interrupt)
    assert sorted(path.name for path in out.parent.iterdir()) == ["pictures"]


def test_a_disk_that_is_full_is_told_and_nothing_is_left(pictures, out, monkeypatch):
    def write(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(StoreError, match="No space left on device; make room"):
        made(of(pictures), out)
    assert sorted(path.name for path in out.parent.iterdir()) == ["pictures"]


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda out: (out / "notes.txt").write_text("mine"), "name a new folder with --out"),
        (lambda out: (out / "dataset.json").write_text("{}"), "it is no data set of this version"),
        (lambda out: (out / "dataset.json").write_text("["), "it is no data set of this version"),
        (
            lambda out: (out / "dataset.json").write_text("[" * 100_000),
            "it is no data set of this version",
        ),
        (
            lambda out: (out / "dataset.json").write_text(
                '{"train": {"images": 1}, "validation": {"images": 1}, "version": 1, "side": 300, '
                '"classes": "can"}'
            ),
            "it is no data set of this version",
        ),
    ],
)
def test_a_folder_of_something_else_is_left_alone(pictures, out, prepare, message):
    out.mkdir()
    prepare(out)
    before = contents(out)
    with pytest.raises(StoreError, match=message):
        made(of(pictures), out)
    assert contents(out) == before


def test_a_data_set_that_was_changed_by_hand_is_told(pictures, out):
    made(of(pictures), out)
    name = lines(out, TRAIN)[0].name
    (out / name).write_bytes(b"")
    more = pictures.parent / "more"
    result = made(of(write_pictures(more, noise([30]))), out)
    (finding,) = result.errors
    assert f"{name} of the earlier run cannot be used: it is empty" in finding.text
    (out / name).unlink()
    with pytest.raises(StoreError, match=f"its manifests name {name}, which is not there"):
        made(of(more), out)
    (out / "train.manifest").write_text("{}\n")
    with pytest.raises(StoreError, match=r"train\.manifest.*line 1"):
        made(of(more), out)


def test_squares_of_two_sizes_are_refused(pictures, out):
    made(of(pictures), out)
    with pytest.raises(StoreError, match="it has squares of 300; add --side 300"):
        made(of(pictures, side=512), out)


def test_squares_are_nearly_what_they_were_made_of(pictures, out):
    result = made(of(pictures), out)
    for picture in result.pictures:
        square = decode_image((out / "images" / f"{picture.digest}.jpg").read_bytes())
        again = decode_image(encode_jpeg(square, 95))
        assert np.abs(square.astype(int) - again).mean() < 3


def test_a_link_to_the_folder_stays_one(pictures, out, tmp_path):
    place = tmp_path / "large disk" / "real"
    place.mkdir(parents=True)
    out.symlink_to(place)
    for _ in range(2):
        assert made(of(pictures), out).errors == []
        assert out.is_symlink()
        assert (place / "dataset.json").is_file()
        assert [path.name for path in place.parent.iterdir()] == ["real"]
