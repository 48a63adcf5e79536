"""The demo: what it shows is what it says it shows."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from facepipe.boxes import box_iou
from facepipe_io.edge.cameras import demo, open_camera
from facepipe_io.edge.cameras.demo import DemoCamera, sightings, visits
from facepipe_io.edge.detectors import HaarDetector
from facepipe_io.errors import CameraError

LAST = int(demo.FPS * demo.SECONDS) - 1


@pytest.fixture(scope="module")
def camera(portraits):
    return DemoCamera(start_time=1000.0)


def test_a_name_opens_it(portraits):
    with open_camera("demo", start_time=5.0) as camera:
        frame = camera.read()
        assert (camera.total, camera.fps, camera.live) == (LAST + 1, demo.FPS, False)
    assert frame.time == 5.0
    assert frame.image.shape == (demo.HEIGHT, demo.WIDTH, 3)
    assert frame.image.dtype == np.uint8


def test_frames_come_in_their_time_and_end(portraits):
    camera = DemoCamera(start_time=1000.0)
    frames = [camera.read(), camera.read()]
    assert [frame.time for frame in frames] == [1000.0, 1000.0 + 1 / demo.FPS]
    camera._index = LAST
    assert camera.read().time == 1000.0 + LAST / demo.FPS
    assert camera.read() is None
    assert camera.read() is None


def test_each_time_it_is_the_same_video(camera):
    again = DemoCamera(start_time=0.0)
    for index in (0, 77, 203, LAST):
        assert np.array_equal(camera.paint(index), again.paint(index))


def test_the_story_has_what_a_tracker_finds_hard():
    stays = visits()
    assert 8 <= len(stays) <= 12
    assert all(stay.leaves - stay.enters >= 1.0 for stay in stays)
    names = [stay.name for stay in stays]
    assert len(set(names)) == len(names) - 1, "one comes back"
    together = [len([s for s in sightings(i) if s.visible >= demo.SEEN]) for i in range(LAST + 1)]
    assert max(together) >= 3
    assert min(together) == 0
    covered = [
        s for i in range(LAST + 1) for s in sightings(i) if 0 < s.visible < 0.6 and s.box[0] > 0
    ]
    assert covered, "nobody passes in front of another"


def test_visits_are_where_sightings_are_seen():
    boxes = {(stay.name, index): box for stay in visits() for index, box in stay.boxes.items()}
    expected = {
        (s.name, index): s.box
        for index in range(LAST + 1)
        for s in sightings(index)
        if s.visible >= demo.SEEN
    }
    assert boxes == expected


@pytest.mark.parametrize("name", sorted({visitor.name for visitor in demo.VISITORS}))
def test_a_detector_finds_each_face_where_it_is_said_to_be(camera, name):
    detector = HaarDetector()
    checked = found = 0
    for index in range(0, LAST, 8):
        box = [s.box for s in sightings(index) if s.name == name and s.visible == 1.0]
        if box:
            boxes = detector.detect(camera.paint(index)).boxes
            checked += 1
            found += bool((box_iou(box, boxes) > 0.4).any())
    assert checked >= 3
    assert found >= checked * 0.8


def test_an_empty_scene_has_no_face(camera):
    assert sightings(0) == []
    assert len(HaarDetector().detect(camera.paint(0))) == 0


def test_without_the_packages_it_says_how_to_get_them(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CameraError, match=r"pip install 'facepipe\[local\]'"):
        DemoCamera(start_time=0.0)


def test_a_damaged_portrait_is_named(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("skimage", tmp_path / "__init__.py")
    spec.submodule_search_locations = [str(tmp_path)]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/astronaut.png").write_bytes(b"no picture")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: spec if name == "skimage" else find_spec(name)
    )
    with pytest.raises(CameraError, match=r"astronaut\.png is damaged; install"):
        DemoCamera(start_time=0.0)
