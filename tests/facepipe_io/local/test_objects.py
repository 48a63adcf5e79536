"""Objects from the detector to the report: kept, counted and shown, but asked for no mood."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import attrs
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from facepipe.images import encode_jpeg
from facepipe.keys import CropKey, format_key, parse_key
from facepipe.records import seen_object
from facepipe_io import cli
from facepipe_io.edge.uplink import FolderUplink
from facepipe_io.local.objects import Thing, label_counts, objects_headline
from facepipe_io.local.pipeline import ScoringUplink
from facepipe_io.local.report import headline, write_report
from facepipe_io.local.scorers import LocalScorer
from facepipe_io.local.store import Store
from facepipe_io.local.summary import summarise
from tests.facepipe_io.local.onnx_file import squares_onnx
from tests.facepipe_io.local.test_report import folder_with, page_of
from tests.facepipe_io.local.test_store import NOON, RUN, scored
from tests.strategies import object_labels

COLOURS = {"soda bottle": (0, 0, 255), "[red] cup": (0, 255, 0), "Öl": (255, 0, 0)}
OF_OBJECTS = attrs.evolve(RUN, detector="onnx", labels=tuple(COLOURS))


def seen(label, track=1, shot=0, seconds=0.0):
    taken = NOON + timedelta(seconds=seconds)
    return seen_object(format_key(CropKey("hall", taken, RUN.run, track, shot, label=label)))


def things(labels):
    return [Thing(n, label, (seen(label, n),), seen(label, n)) for n, label in enumerate(labels)]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A clip of two bottles and some oil, squares of a colour, and a model that knows them."""
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "squares.onnx").write_bytes(squares_onnx())
    (folder / "squares.txt").write_text("\n".join(COLOURS), "utf-8")
    frame = np.zeros((320, 640, 3), np.uint8)
    for label, x, y in (("soda bottle", 0, 0), ("soda bottle", 320, 160), ("Öl", 480, 0)):
        frame[y : y + 160, x : x + 160] = COLOURS[label]
    writer = cv2.VideoWriter(
        str(folder / "shelf.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (640, 320)
    )
    for _ in range(15):
        writer.write(frame)
    writer.release()
    return folder


def run_shelf(shelf, out, *words):
    model = ("--detector", "onnx", "--model", str(shelf / "squares.onnx"))
    typed = ["run", str(shelf / "shelf.avi"), "--out", str(out), *model, *words]
    result = CliRunner().invoke(cli.main, typed)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def shelf_run(shelf, tmp_path_factory):
    """What a run says of the clip, and its folder."""
    out = tmp_path_factory.mktemp("out")
    return json.loads(run_shelf(shelf, out, "--json")), out


def test_a_run_keeps_each_object_with_its_label(shelf_run):
    document, out = shelf_run
    assert document["people"] == []
    assert sorted(each["label"] for each in document["objects"]) == [
        "soda bottle",
        "soda bottle",
        "Öl",
    ]
    for each in document["objects"]:
        key = parse_key(each["best_crop"])
        assert (key.label, key.track) == (each["label"], each["track"])
        colour = cv2.imread(str(out / each["best_crop"])).reshape(-1, 3).mean(axis=0)
        assert np.argmax(colour) == np.argmax(COLOURS[each["label"]])
    run = document["run"]
    assert (run["faces"], run["people"], run["objects"], run["things"]) == (0, 0, 45, 3)
    assert run["labels"] == list(COLOURS)
    assert (document["calls_saved"], document["bytes_saved"] > 0.5) == (None, True)


def test_the_report_speaks_of_things_and_of_no_mood(shelf_run):
    page = page_of(shelf_run[1])
    assert "3 objects: 2 soda bottle, 1 Öl" in page.words
    assert len(page.images) == 3
    assert page.words.count("Object ") == 3
    assert all(image["alt"].startswith("Best crop of object ") for image in page.images)
    assert {image["alt"].partition(": ")[2] for image in page.images} == {"soda bottle", "Öl"}
    assert "script" not in page.tags, "there is nothing to chart"
    for word in ("mood", "emotion", "face was", "Person", "smile", "Calls saved"):
        assert word not in page.words


def test_the_terminal_says_so_as_well(shelf, tmp_path):
    other = tmp_path / "other labels"
    shutil.copytree(shelf, other)
    (other / "squares.txt").write_text("[red] cup\nface\nÖl", "utf-8")
    said = run_shelf(other, tmp_path)
    assert "3 objects: 2 [red] cup, 1 Öl." in said
    assert "45 sightings of objects, 3 crops" in said
    assert "emotion" not in said
    for crop in tmp_path.glob("faces/**/*.jpg"):
        assert str(crop) in said, "a path is in one piece"


class Unasked(LocalScorer):
    def detect_faces(self, image):
        raise AssertionError("it was asked")


def test_only_a_face_is_scored(tmp_path):
    jpeg = encode_jpeg(np.zeros((90, 90, 3), np.uint8))
    bottle, face = seen("bottle"), scored(2)
    told = []
    with Store(tmp_path, create=True) as store:
        uplink = ScoringUplink(
            FolderUplink(tmp_path), Unasked(), store, min_confidence=10.0, on_scored=told.append
        )
        for _ in range(2):
            uplink.put(bottle.key, jpeg)
        with pytest.raises(AssertionError, match="asked"):
            uplink.put(face.key, jpeg)
        assert store.records() == [bottle]
    assert told == [bottle, bottle]
    assert (tmp_path / bottle.key).read_bytes() == jpeg


def test_people_and_objects_stand_side_by_side(tmp_path):
    run = attrs.evolve(RUN, labels=("face", "cup"), faces=8, objects=9, crops=4, people=1, things=2)
    # A track of each: whatever shares a number, a cup is nobody's face.
    crops = [scored(1, HAPPY=90.0), seen("cup", 1), seen("cup", 2), seen("cup", 2, 1, 11)]
    summary = summarise(folder_with(tmp_path, *crops, run=run))
    assert [person.track for person in summary.people] == [1]
    assert [(each.track, len(each.crops)) for each in summary.objects] == [(1, 1), (2, 2)]
    assert summary.crops == (crops[0],)
    assert summary.calls_saved == pytest.approx(7 / 8)
    page = page_of(tmp_path)
    assert "One person, who looked happy; 2 objects: all cup" in page.words
    assert {"curve", "people-title", "objects-title"} <= page.ids
    assert "1 crop scored · 3 crops of objects" in page.words
    assert "4 of 1 person and 2 objects" in page.words
    assert "1 call, where every face in every frame would take 8" in page.words


def test_a_run_that_was_killed_has_made_no_calls_yet(tmp_path):
    run = attrs.evolve(RUN, labels=("face", "cup"))
    assert summarise(folder_with(tmp_path, scored(), seen("cup", 2), run=run)).calls == 0
    assert "0 calls, where" in page_of(tmp_path).words


def test_a_run_that_found_no_object_says_what_it_looked_for(tmp_path):
    page = page_of(folder_with(tmp_path, run=attrs.evolve(OF_OBJECTS, frames=9)))
    assert "Nothing was seen" in page.words
    assert "looked for: soda bottle, [red] cup, Öl. Try" in page.words
    assert "ace" not in page.words.replace("faces/", "").replace("facepipe", "")


def test_objects_that_were_lost_are_said_to_be(tmp_path):
    page = page_of(folder_with(tmp_path, run=attrs.evolve(OF_OBJECTS, lost=2)))
    assert "Every crop was lost" in page.words
    assert "2 crops could not be stored." in page.words


def test_labels_cannot_write_into_the_page(tmp_path):
    evil = "<script>alert(1)<i>"
    page = page_of(folder_with(tmp_path, seen(evil), run=OF_OBJECTS))
    assert "script" not in page.tags
    assert page.words.count(evil) == 4  # in the title, the headline, the list and the card


def test_an_objects_crop_that_was_deleted_leaves_a_gap(shelf_run, tmp_path):
    document, out = shelf_run
    folder = tmp_path / "copy"
    shutil.copytree(out, folder)
    (folder / document["objects"][0]["best_crop"]).unlink()
    write_report(folder)
    page = page_of(folder)
    assert page.words.count("The crop was deleted") == 1
    assert len(page.images) == 2


@given(st.lists(object_labels(), min_size=1, max_size=30))
def test_every_object_is_counted_under_one_label(labels):
    counts = label_counts(things(label for label in labels if label != "face"))
    assert dict(counts) == {label: labels.count(label) for label in labels if label != "face"}
    assert [count for _, count in counts] == sorted((c for _, c in counts), reverse=True)


def test_the_headline_names_the_most_frequent():
    counts = label_counts(things("abbccdde"))
    assert objects_headline(counts) == "8 objects: 2 b, 2 c, 2 d and others"


def test_other_runs_are_told_with_their_objects(tmp_path):
    old = attrs.evolve(OF_OBJECTS, run="0000", things=41)
    folder_with(tmp_path, run=old)
    page = page_of(folder_with(tmp_path, seen("cup"), run=OF_OBJECTS))
    assert headline(summarise(tmp_path)) == "1 object: cup"
    assert "PeopleObjectsCrops" in page.words
    assert "hall.mp40410" in page.words  # people, objects, crops
