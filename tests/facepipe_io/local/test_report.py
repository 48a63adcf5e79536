"""The report says what the run found, to people and to screen readers, and loads nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import attrs
import pytest

from facepipe_io.errors import StoreError
from facepipe_io.local.report import SHOWN_PEOPLE, headline, write_report
from facepipe_io.local.store import Store
from facepipe_io.local.summary import summarise
from facepipe_io.local.words import human_bytes, human_seconds
from tests.facepipe_io.local.test_store import NOON, RUN, scored


class Page(HTMLParser):
    """Tags, ids, text and images of a page, without what is in script and style."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.images, self.ids, self.links = [], "", [], set(), []
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self._hidden += tag in ("script", "style")
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "img":
            self.images.append(attributes)
        self.links += [
            value for name, value in attributes.items() if name in ("src", "href", "srcset")
        ]

    def handle_endtag(self, tag):
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data):
        if not self._hidden:
            self.text += data

    @property
    def words(self):
        return " ".join(self.text.split())


def page_of(folder):
    return Page(write_report(folder).read_text("utf-8"))


def folder_with(tmp_path, *crops, run=RUN):
    with Store(tmp_path, create=True) as store:
        store.put_run(run)
        for crop in crops:
            store.put(crop)
    return tmp_path


def test_names_cannot_write_into_the_page(tmp_path):
    evil = '<script>alert("x")</script>'
    run = attrs.evolve(RUN, source=evil, camera=evil, limits=evil)
    crop = scored(HAPPY=90.0)
    crop = attrs.evolve(crop, camera=evil)
    page = page_of(folder_with(tmp_path, crop, run=run))
    assert page.tags.count("script") == 2
    assert page.words.count(evil) >= 3


def test_cameras_of_a_run_stand_side_by_side_by_their_names(tmp_path):
    cameras = ["10", "7", "<b>hall</b> &amp; co", "1e3"]
    crops = [
        attrs.evolve(scored(track=i), camera=camera) for i, camera in enumerate(cameras, start=1)
    ]
    page = page_of(folder_with(tmp_path, *crops))
    assert "Too few people to say which crowd was happier" in page.words
    for number, camera in enumerate(cameras):
        assert f"{camera} hall.mp4" in page.words
        assert f"side{number}" in page.ids


def test_an_emotion_that_nobody_knows_yet(tmp_path):
    page = page_of(folder_with(tmp_path, scored(AMUSED=80.0)))
    assert "One person, who looked amused" in page.words
    assert "#868c96" in (tmp_path / "report.html").read_text("utf-8"), "it has the colour of others"


def test_nobody_was_seen(tmp_path):
    page = page_of(folder_with(tmp_path))
    assert "Nobody was seen" in page.words
    assert "--detector" in page.words
    assert page.images == []
    assert "script" not in page.tags


@pytest.mark.parametrize(
    ("figures", "title", "note"),
    [
        ({"faces": 5, "crops": 2}, "Faces were seen, but no clear emotion", "Of 2 crops none has"),
        ({"faces": 5, "lost": 1}, "Every crop was lost", "1 crop could not be stored or scored"),
    ],
)
def test_why_nobody_is_on_the_page(tmp_path, figures, title, note):
    page = page_of(folder_with(tmp_path, run=attrs.evolve(RUN, **figures)))
    assert title in page.words
    assert note in page.words
    assert "Nobody was seen" not in page.words


def test_a_run_that_lost_crops_has_saved_nothing(tmp_path):
    run = attrs.evolve(RUN, frames=9, frame_bytes=9.0, faces=9, crops=1, lost=1)
    page = page_of(folder_with(tmp_path, scored(), run=run))
    assert re.search(r"Bytes saved\W+1 crop lost on the way", page.words)
    assert re.search(r"Calls saved\W+1 crop lost on the way", page.words)


def test_a_run_that_was_killed_is_said_to_be_unfinished(tmp_path):
    page = page_of(folder_with(tmp_path, scored(), run=attrs.evolve(RUN, finished=False)))
    assert "this run is not finished" in page.words
    assert "One person" in page.words


def test_a_run_that_ended_early_says_why(tmp_path):
    page = page_of(folder_with(tmp_path, scored(), run=attrs.evolve(RUN, problem="no light")))
    assert "this is not all of it: no light" in page.words


def test_of_a_crowd_the_last_are_shown(tmp_path):
    crops = [scored(track=i, seconds=i, HAPPY=90.0) for i in range(1, SHOWN_PEOPLE + 6)]
    page = page_of(folder_with(tmp_path, *crops))
    assert f"The last {SHOWN_PEOPLE} of {SHOWN_PEOPLE + 5} people are shown" in page.words
    assert page.tags.count("h3") == SHOWN_PEOPLE
    assert "Person 6 " in page.words
    assert "Person 5 " not in page.words


def test_several_runs_in_a_folder(tmp_path):
    old = attrs.evolve(RUN, run="0000", started_at=NOON - timedelta(days=2), source="door.mp4")
    folder_with(tmp_path, attrs.evolve(scored(run="0000"), camera="door"), run=old)
    page = page_of(folder_with(tmp_path, scored()))
    assert "1 other run in this folder" in page.words
    assert "door.mp4" in page.words
    assert "One person" in page.words, "people are those of the latest run"
    assert "Side by side" in page.words


def test_the_clock_of_a_camera_and_of_a_recording(tmp_path):
    crop = scored(seconds=65)
    page = page_of(folder_with(tmp_path, crop))
    assert "1:05" in page.words
    page = page_of(folder_with(tmp_path, crop, run=attrs.evolve(RUN, live=True)))
    assert "12:01:05" in page.words


def test_writing_again_changes_nothing_else(tmp_path):
    folder_with(tmp_path, scored())
    write_report(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["records.sqlite", "report.html"]
    write_report(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_report_that_cannot_be_written(tmp_path):
    folder_with(tmp_path, scored())
    (tmp_path / "report.html").mkdir()
    (tmp_path / "report.html" / "x").touch()
    with pytest.raises(StoreError, match=r"report\.html: .*make room, or allow writing"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html.part").exists()


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (999_600, "1 MB"), (5e12, "5,000 GB")],
)
def test_bytes(count, text):
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 seconds"), (119.6, "2 min 0 s"), (3599.7, "1 h 0 min")]
)
def test_seconds(seconds, text):
    assert human_seconds(seconds) == text


@pytest.mark.parametrize(
    ("moods", "text"),
    [
        ([{"FEAR": 50.0}], "One person, who looked afraid"),
        ([{"HAPPY": 50.0}] * 2, "All 2 people looked happy"),
        ([{"HAPPY": 50.0}, {"CALM": 90.0}, {"CALM": 90.0}], "2 of 3 people looked calm"),
        ([{"HAPPY": 50.0}, {"CALM": 90.0}], "2 people: 1 calm, 1 happy"),
        ([{name: 50.0} for name in "ABCD"], "4 people: 1 a, 1 b, 1 c and others"),
    ],
)
def test_headlines(tmp_path, moods, text):
    crops = [scored(track=i, **mood) for i, mood in enumerate(moods)]
    assert headline(summarise(folder_with(tmp_path, *crops))) == text
