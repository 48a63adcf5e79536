from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from facepipe.keys import parse_key
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.cameras import Frame
from facepipe_io.edge.models.published import PublishedModel
from facepipe_io.edge.models.renewal import TRIAL_FRAMES, RenewingPicker
from facepipe_io.edge.picker import CropPicker
from facepipe_io.errors import ModelError
from tests.facepipe_io.edge.helpers import (
    ONE_FACE,
    ListUplink,
    ScriptedCamera,
    ScriptedDetector,
    frames,
    picture,
    wait_for,
)
from tests.facepipe_io.edge.publishing import NAME, nobody, pack

GOOD, BETTER, BAD, FAILING, SLOW = (
    pack(content) for content in (b"good", b"better", b"bad", b"fails 1000", b"fails 9")
)


class BrokenError(Exception):
    pass


def open_model(detector, path):
    """A detector of one face; with a model that says so, only once it has failed on some frames."""
    word, _, count = Path(path).read_text().partition(" ")
    if word == "bad":
        raise ModelError(path, "it is bad; give another")

    def found(call):
        if call <= int(count or 0):
            raise BrokenError("it is broken")
        return ONE_FACE

    return ScriptedDetector(found)


def make_picker(detector, run):
    return CropPicker("hall", run, detector, every_frame=True)


@pytest.fixture
def renewing(bucket, tmp_path):
    """Makes pickers, as processes one after the other would, and ends them."""
    made = []

    def make(connect=bucket.connect, **more):
        runs = itertools.count(1)
        more = {"seconds": 0.002, "new_run": lambda: f"run{next(runs)}", **more}
        model = PublishedModel(NAME, str(tmp_path / "state"), connect=connect)
        made.append(RenewingPicker(model, open_model, make_picker, "run0", **more))
        return made[-1]

    yield make
    for picker in made:
        picker.flush(0.0)


class Camera:
    """Shows a picker one frame after the other, and keeps what came of them."""

    def __init__(self, picker):
        self.picker = picker
        self.time = 1000.0
        self.crops = []
        self.failed = 0

    def show(self, count=1, step=0.1):
        for _ in range(count):
            self.time += step
            try:
                look = self.picker.look(Frame(picture(1), self.time))
            except BrokenError:
                self.failed += 1
            else:
                self.crops += look.crops
        return self

    def show_until(self, sha256):
        """One moment, until the picker uses a version."""
        wait_for(lambda: self.show(step=0.0).picker.model == sha256[:12])
        return self

    @property
    def runs(self):
        return [parse_key(crop.key).run for crop in self.crops]


def noted(caplog, word):
    return [r.getMessage() for r in caplog.records if word in r.getMessage()]


def test_a_new_version_is_taken_up_and_no_crop_is_lost(bucket, renewing):
    good = bucket.put(GOOD)
    camera = Camera(renewing())
    camera.show(5)  # enough for a crop, but not yet for the best one
    assert (camera.picker.model, camera.crops) == (good[:12], [])
    camera.show_until(bucket.put(BETTER))
    assert camera.runs.count("run0") >= 1
    camera.show(20)
    camera.crops += camera.picker.flush(0.0)
    assert {crop.track for crop in camera.crops} == {1}
    assert set(camera.runs) == {"run0", "run1"}
    keys = [crop.key for crop in camera.crops]
    assert len(set(keys)) == len(keys)


def test_crops_wait_while_the_new_version_fails(bucket, renewing):
    bucket.put(GOOD)
    camera = Camera(renewing())
    camera.show(5)
    camera.show_until(bucket.put(SLOW))
    assert (camera.failed, camera.crops) == (1, [])
    camera.show(8)
    assert (camera.failed, camera.crops) == (9, [])
    assert set(camera.show().runs) == {"run0"}


def test_one_that_cannot_be_opened_is_told_and_the_one_before_used_on(bucket, renewing, caplog):
    good = bucket.put(GOOD)
    camera = Camera(renewing())
    bucket.put(BAD)
    wait_for(lambda: camera.show().picker.model_errors)
    asked = len(bucket.asked)
    wait_for(lambda: len(bucket.asked) > asked + 3)  # for the pointer
    assert camera.show(20).failed == 0
    assert camera.picker.model == good[:12]
    assert camera.picker.model_errors == len(noted(caplog, "it is bad")) == 1
    assert bucket.archives_fetched == 2


def test_one_that_fails_on_its_first_frames_is_given_up(bucket, renewing, caplog):
    good = bucket.put(GOOD)
    camera = Camera(renewing())
    camera.show_until(bucket.put(FAILING))
    camera.show_until(good)
    assert camera.failed >= TRIAL_FRAMES
    (line,) = noted(caplog, "is not used")
    assert "it failed on each of its first 10 frames: it is broken" in line
    failed = camera.failed
    camera.show(20)
    camera.picker.flush(0.0)
    assert (camera.failed, camera.picker.model) == (failed, good[:12])
    assert renewing(nobody).model == good[:12]
    assert bucket.archives_fetched == 2


def test_one_that_fails_on_a_few_frames_is_kept(bucket, renewing):
    bucket.put(GOOD)
    camera = Camera(renewing())
    slow = bucket.put(SLOW)
    camera.show_until(slow)
    camera.show(20)
    assert (camera.failed, camera.picker.model) == (9, slow[:12])
    assert camera.picker.model_errors == 0


def test_where_there_is_none_to_go_back_to_it_is_used_on(bucket, renewing, caplog):
    failing = bucket.put(FAILING)
    camera = Camera(renewing())
    camera.show(3 * TRIAL_FRAMES)
    wait_for(lambda: noted(caplog, "there is none to go back to"))
    assert camera.picker.model == failing[:12]
    camera.show_until(bucket.put(GOOD))


def test_what_is_noted_is_noted_by_the_end(bucket, renewing):
    """Of a version that has looked at a frame: it is one to go back to."""
    good = bucket.put(GOOD)
    Camera(renewing()).show().picker.flush(0.0)
    bucket.put(FAILING)
    camera = Camera(renewing(seconds=600))  # it asks at the start
    wait_for(lambda: camera.show().failed >= TRIAL_FRAMES)
    camera.show_until(good)


def test_a_network_that_goes_away_is_told_once(bucket, renewing, caplog):
    bucket.put(GOOD)
    renewing().flush(0.0)
    gone = [True]
    picker = renewing(lambda: nobody() if gone[0] else bucket.connect())
    wait_for(lambda: picker.model_errors > 3)
    assert len(noted(caplog, "check the network")) == 1
    Camera(picker).show(3)
    assert picker.model_errors > 3


def test_a_fault_is_told_and_ends_nothing(bucket, renewing, monkeypatch, caplog):
    bucket.put(GOOD)
    faults = [ZeroDivisionError("a fault")]
    renew = PublishedModel.renew

    def faulty(*args):
        if faults:
            raise faults.pop()
        return renew(*args)

    monkeypatch.setattr(PublishedModel, "renew", faulty)
    camera = Camera(renewing())
    camera.show_until(bucket.put(BETTER))
    assert len(noted(caplog, "could not be renewed")) == 1


def test_with_none_at_all_it_cannot_begin(bucket, renewing):
    with pytest.raises(ModelError, match="NoSuchKey"):
        renewing()


def test_the_end_is_the_end(bucket, renewing):
    bucket.put(GOOD)
    picker = renewing()
    picker.flush(0.0)
    assert not picker._thread.is_alive()
    bucket.put(BETTER)
    picker.flush(0.0)


def test_an_agent_goes_over_between_two_frames(bucket, renewing):
    bucket.put(GOOD)
    picker = renewing()
    better = []

    def after_read(count):
        if count == 5:
            better.append(bucket.put(BETTER))
            wait_for(lambda: picker._ready is not None)

    uplink = ListUplink()
    camera = ScriptedCamera(frames(40), after_read=after_read)
    stats = Agent("hall", camera, picker, uplink, max_fps=1000.0).run()
    assert (stats.frames, stats.detector_errors) == (40, 0)
    assert {parse_key(key).run for key in uplink.keys} == {"run0", "run1"}
    assert picker.model == better[0][:12]
