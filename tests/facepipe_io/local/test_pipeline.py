"""The whole pipeline on real faces, held against what is known to be there."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from facepipe.keys import parse_key
from facepipe_io.edge import agent, demo
from facepipe_io.edge.cameras import ImageFolder, open_camera
from facepipe_io.edge.settings import device_settings
from facepipe_io.edge.uplinks import FolderUplink
from facepipe_io.errors import CameraError, ModelError, UplinkError
from facepipe_io.local import pipeline
from facepipe_io.local.pipeline import EveryNth, camera_name_of, run_pipeline
from facepipe_io.local.store import Store, StoreError
from facepipe_io.local.summary import summarise


def settings_for(source, out, **given):
    given = {"camera": "test", **given}
    return device_settings({}, source=str(source), crops_dir=str(out), **given)


def crops_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("faces/**/*.jpg"))


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
    assert [stats.frames for stats in demo_run.progress] == list(range(1, run.frames + 1))


def test_two_people_in_a_clip(data_dir, tmp_path):
    clip = data_dir / "video/head-pose-face-detection-female-and-male.gif"
    settings = settings_for(
        clip, tmp_path, model=str(data_dir / "models/face_detection_yunet_2023mar.onnx")
    )
    model = data_dir / "models/fer2013_mini_XCEPTION_102_066.onnx"
    run = run_pipeline(settings, tmp_path, emotion_model=str(model))
    summary = summarise(tmp_path)
    assert (run.people, run.frames) == (2, 56)
    assert [len(person.crops) for person in summary.people] == [1, 1]  # 4.5 s of clip


def test_a_second_run_adds_and_spoils_nothing(two_portraits, tmp_path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "mine.txt").write_text("keep")
    settings = settings_for(two_portraits, tmp_path)
    first = run_pipeline(settings, tmp_path)
    before = {key: (tmp_path / key).read_bytes() for key in crops_in(tmp_path)}
    second = run_pipeline(settings, tmp_path)
    after = {key: (tmp_path / key).read_bytes() for key in crops_in(tmp_path)}
    assert len(before) >= 2
    assert len(after) == 2 * len(before)
    assert before.items() <= after.items()
    assert first.run != second.run
    assert (tmp_path / "faces" / "mine.txt").read_text() == "keep"
    summary = summarise(tmp_path)
    assert summary.run == second
    assert summary.earlier == (first,)
    assert {parse_key(crop.key).run for crop in summary.crops} == {second.run}


def test_one_in_so_many_frames(data_dir, tmp_path):
    clip = str(data_dir / "video/face-demographics-walking.gif")
    with open_camera(clip, start_time=0.0) as whole, EveryNth(
        open_camera(clip, start_time=0.0), 4
    ) as part:
        assert part.total == -(-whole.total // 4)
        assert part.fps == pytest.approx(whole.fps / 4)
        times = [frame.time for frame in iter(whole.read, None)]
        assert [frame.time for frame in iter(part.read, None)] == times[::4]
    run = run_pipeline(settings_for(clip, tmp_path), tmp_path, every=4)
    assert run.frames == len(times[::4])


def test_a_video_cut_short_gives_what_it_has(tmp_path, portraits):
    whole = tmp_path / "whole.avi"
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter_fourcc(*"MJPG"), 10, (512, 512))
    for _ in range(30):
        writer.write(portraits["collins"])
    writer.release()
    data = whole.read_bytes()
    part = tmp_path / "part.avi"
    part.write_bytes(data[: len(data) // 2])
    run = run_pipeline(settings_for(part, tmp_path / "out"), tmp_path / "out")
    assert 5 < run.frames < 30
    assert (run.people, run.crops) == (1, 1)


class FailingCamera(ImageFolder):
    """A source that breaks after some frames."""

    def __init__(self, source, frames):
        super().__init__(source, sorted(Path(source).iterdir()), start_time=0.0)
        self._left = frames

    def read(self):
        self._left -= 1
        if self._left < 0:
            raise CameraError(self.source, "its disk was pulled out")
        return super().read()


def test_a_source_that_breaks_on_the_way_keeps_what_was_done(two_portraits, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "open_camera", lambda source: FailingCamera(source, 1))
    run = run_pipeline(settings_for(two_portraits, tmp_path), tmp_path)
    assert run.problem.endswith("its disk was pulled out")
    assert (run.frames, run.crops) == (1, len(crops_in(tmp_path)))
    assert summarise(tmp_path).run == run


def test_a_source_that_gives_nothing_makes_no_run(two_portraits, tmp_path, monkeypatch):
    first = run_pipeline(settings_for(two_portraits, tmp_path), tmp_path)
    monkeypatch.setattr(pipeline, "open_camera", lambda source: FailingCamera(source, 0))
    with pytest.raises(CameraError, match="pulled out"):
        run_pipeline(settings_for(two_portraits, tmp_path), tmp_path)
    assert summarise(tmp_path).run == first


class FullDisk(FolderUplink):
    """A folder that takes one crop and no more."""

    def put(self, key, jpeg):
        if crops_in(self._folder):
            raise UplinkError(str(self._folder), "No space left on device")
        super().put(key, jpeg)


def test_a_full_disk_loses_crops_that_are_counted(two_portraits, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "FolderUplink", FullDisk)
    monkeypatch.setattr(agent, "MAX_STOPPING_BACKOFF_SECONDS", 0.01)
    run = run_pipeline(settings_for(two_portraits, tmp_path), tmp_path)
    assert run.crops == 1
    assert run.lost >= 1
    assert len(summarise(tmp_path).crops) == 1


def test_ctrl_c_ends_a_run_with_its_records(portraits, tmp_path):
    """A person at the keyboard: SIGINT, once, while frames are coming."""
    out = tmp_path / "out"
    code = "import sys; from facepipe_io.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", "demo", "--out", str(out), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not crops_in(out):
        assert time.monotonic() < deadline, "no crop came"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert "Traceback" not in stderr
    document = json.loads(stdout)
    assert 0 < document["run"]["frames"] < int(demo.FPS * demo.SECONDS)
    assert document["run"]["crops"] == len(crops_in(out)) >= 1
    assert Path(document["report"]).is_file()


def test_mistakes_leave_no_folder_behind(tmp_path, data_dir):
    out = tmp_path / "out"
    with pytest.raises(CameraError, match="no such file"):
        run_pipeline(settings_for(tmp_path / "none.mp4", out), out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CameraError, match="holds no images"):
        run_pipeline(settings_for(tmp_path / "empty", out), out)
    model = str(data_dir / "models/face_detection_yunet_2023mar.onnx")
    with pytest.raises(ModelError, match="no expression model"):
        run_pipeline(settings_for("demo", out), out, emotion_model=model)
    assert not out.exists()


def test_a_file_in_the_place_of_the_folder(two_portraits, tmp_path):
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(StoreError, match="it is a file; name a folder with --out"):
        run_pipeline(settings_for(two_portraits, out), out)
    assert out.read_text() == "mine"


def test_a_folder_that_cannot_be_made(two_portraits):
    out = Path("/proc/facepipe")
    with pytest.raises(UplinkError, match="cannot put crops into /proc/facepipe"):
        run_pipeline(settings_for(two_portraits, out), out)


def test_records_that_are_none_stop_the_run_before_it_begins(two_portraits, tmp_path):
    (tmp_path / "records.sqlite").write_bytes(b"rubbish" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        run_pipeline(settings_for(two_portraits, tmp_path), tmp_path)
    assert crops_in(tmp_path) == []


def test_a_camera_is_named_after_its_source():
    names = {"demo": "demo", "0": "camera-0", "http://u:p@cam:80/x": "cam", "/": "camera"}
    assert {source: camera_name_of(source) for source in names} == names
