"""One run of the demo: its crops held against who is known to be there, and its report."""

from __future__ import annotations

import base64
import math
import re
import shutil
from pathlib import Path

import attrs
import cv2
import numpy as np
import pytest

from facepipe.keys import parse_key
from facepipe_io.edge.cameras import demo
from facepipe_io.edge.settings import device_settings
from facepipe_io.local.pipeline import run_pipeline
from facepipe_io.local.report import headline, write_report
from facepipe_io.local.store import Store
from facepipe_io.local.summary import summarise
from tests.facepipe_io.local.test_pipeline import crops_in
from tests.facepipe_io.local.test_report import Page, page_of


@attrs.frozen
class DemoRun:
    out: Path
    run: object
    progress: list


@pytest.fixture(scope="module")
def demo_run(portraits, tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    settings = device_settings({}, source="demo", crops_dir=str(out), camera="demo")
    progress = []
    run = run_pipeline(settings, out, on_frame=progress.append)
    write_report(out)
    return DemoRun(out, run, progress)


@pytest.fixture(scope="module")
def crops_by_visit(demo_run):
    """Each visit of the demo's truth, and the crops that show its visitor's face."""
    camera = demo.DemoCamera(start_time=0.0)
    stays = demo.visits()
    found = {index: [] for index in range(len(stays))}
    strays = []
    for key in crops_in(demo_run.out):
        taken = parse_key(key).captured_at
        seconds = (taken - demo_run.run.started_at).total_seconds()
        frame = round(seconds * demo.FPS)
        crop = cv2.imread(str(demo_run.out / key))
        # Where in its frame a crop was cut is not written anywhere: look for it.
        match = cv2.matchTemplate(camera.paint(frame), crop, cv2.TM_SQDIFF)
        _, _, (x, y), _ = cv2.minMaxLoc(match)
        middle = (x + crop.shape[1] / 2, y + crop.shape[0] / 2)
        seen = [i for i, stay in enumerate(stays) if _inside(middle, stay.boxes.get(frame))]
        if len(seen) == 1:
            found[seen[0]].append(key)
        else:
            strays.append(key)
    return stays, found, strays


def _inside(point, box):
    return box is not None and box[0] < point[0] < box[2] and box[1] < point[1] < box[3]


def test_everyone_visible_for_a_second_has_a_crop(crops_by_visit):
    stays, found, _ = crops_by_visit
    missed = [
        stay.name for i, stay in enumerate(stays) if len(stay.boxes) >= demo.FPS and not found[i]
    ]
    assert missed == []


def test_nobody_has_more_crops_than_the_policy_allows(crops_by_visit, demo_run):
    stays, found, _ = crops_by_visit
    for index, stay in enumerate(stays):
        allowed = 1 + math.floor((stay.leaves - stay.enters) / demo_run.run.resend_seconds)
        assert len(found[index]) <= allowed, stay


def test_every_crop_shows_one_visitor(crops_by_visit):
    assert crops_by_visit[2] == []


def test_moods_are_those_of_the_portraits(crops_by_visit, demo_run):
    stays, found, _ = crops_by_visit
    with Store(demo_run.out) as store:
        dominant = {crop.key: crop.emotions.dominant for crop in store.records()}
    for index, stay in enumerate(stays):
        expected = "HAPPY" if stay.name.startswith("collins") else "CALM"
        assert {dominant[key] for key in found[index]} == {expected}, stay.name


def test_figures_of_the_demo(demo_run):
    run = demo_run.run
    keys = crops_in(demo_run.out)
    assert run.finished
    assert run.frames == int(demo.FPS * demo.SECONDS)
    assert run.recorded_seconds == pytest.approx((run.frames - 1) / demo.FPS)
    assert run.crops == len(keys)
    assert run.bytes_sent == sum((demo_run.out / key).stat().st_size for key in keys)
    assert run.people == len({parse_key(key).track for key in keys})
    truth = sum(len(stay.boxes) for stay in demo.visits())
    assert run.faces == pytest.approx(truth, rel=0.1)
    assert run.lost == 0
    assert {parse_key(key).run for key in keys} == {run.run}
    # A frame of the demo as JPEG, measured here on others than the pipeline sampled.
    camera = demo.DemoCamera(start_time=0.0)
    sizes = [len(cv2.imencode(".jpg", camera.paint(i), [1, 90])[1]) for i in (110, 230, 350)]
    assert run.frame_bytes == pytest.approx(sum(sizes) / len(sizes), rel=0.1)
    told = [stats.frames for stats in demo_run.progress]
    assert told == [*range(1, run.frames + 1), run.frames]  # and at the end
    assert demo_run.progress[-1].crops == run.crops


@pytest.fixture(scope="module")
def demo_page(demo_run):
    return Page((demo_run.out / "report.html").read_text("utf-8"))


def test_everybody_is_shown_with_a_face(demo_page, demo_run):
    people = summarise(demo_run.out).people
    assert len(demo_page.images) == len(people) >= 9
    for image, person in zip(demo_page.images, people):
        kind, _, data = image["src"].partition(",")
        assert kind == "data:image/jpeg;base64"
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        assert min(picture.shape[:2]) >= 80
        assert image["alt"].startswith(f"Best crop of person {person.track}, who looks ")
        assert f"Person {person.track} " in demo_page.words


def test_the_figures_are_said_in_words(demo_page, demo_run):
    summary = summarise(demo_run.out)
    run = summary.run
    assert headline(summary) in demo_page.words
    assert f"{run.frames:,} looked at" in demo_page.words
    assert f"{100 * summary.bytes_saved:.1f}%" in demo_page.words
    assert f"{100 * summary.calls_saved:.1f}%" in demo_page.words
    assert f"{run.crops} calls, where every face in every frame would take {run.faces:,}" in (
        demo_page.words
    )
    assert "an estimate" in demo_page.words


def test_limits_and_law_are_said(demo_page, demo_run):
    assert demo_run.run.limits in demo_page.words
    assert "article 5(1)(f)" in demo_page.words


def test_the_page_loads_nothing(demo_page):
    assert [link for link in demo_page.links if not link.startswith("data:")] == []
    assert "link" not in demo_page.tags
    assert "iframe" not in demo_page.tags


def test_the_page_is_in_order(demo_page):
    headings = [tag for tag in demo_page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    levels = [int(tag[1]) for tag in headings]
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    assert "curve" in demo_page.ids
    assert demo_page.tags.count("table") >= 2, "a chart has its numbers as a table"


def test_deleted_and_damaged_crops_leave_a_gap(demo_run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(demo_run.out, folder)
    first, second = summarise(folder).people[:2]
    for crop in first.crops:
        (folder / crop.key).unlink()
    (folder / second.best.key).write_bytes(b"x" * 100_000)
    page = page_of(folder)
    assert page.words.count("The crop was deleted") == 2
    assert len(page.images) == len(summarise(folder).people) - 2
