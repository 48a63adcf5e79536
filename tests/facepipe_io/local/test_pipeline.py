"""The whole pipeline on real faces, held against what is known to be there."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from facepipe.keys import parse_key
from facepipe_io.edge.cameras import Frame, ImageFolder, demo, open_camera
from facepipe_io.edge.settings import device_settings
from facepipe_io.edge.uplink import FolderUplink, uploader
from facepipe_io.errors import CameraError, ModelError, StoreError, UplinkError
from facepipe_io.local import pipeline
from facepipe_io.local.pipeline import camera_name_of, run_pipeline
from facepipe_io.local.playback import EveryNth
from facepipe_io.local.summary import summarise


def settings_for(source, out, **given):
    given = {"camera": "test", **given}
    return device_settings({}, source=str(source), crops_dir=str(out), **given)


def crops_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("faces/**/*.jpg"))


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
    assert summary.others == (first,)
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
    assert run.problem == f"it breaks off after {run.frames} of 30 frames"


@pytest.mark.parametrize("every", [1, 2])
def test_pictures_that_cannot_be_read_are_said_to_be_missing(two_portraits, tmp_path, every):
    folder = tmp_path / "pictures"
    shutil.copytree(two_portraits, folder)
    assert not run_pipeline(settings_for(folder, tmp_path), tmp_path).problem
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(b"rubbish")
    run = run_pipeline(settings_for(folder, tmp_path), tmp_path, every=every)
    assert run.finished
    assert run.problem == "2 pictures could not be read"


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
    monkeypatch.setattr(uploader, "MAX_STOPPING_BACKOFF_SECONDS", 0.01)
    run = run_pipeline(settings_for(two_portraits, tmp_path), tmp_path)
    assert run.crops == 1
    assert run.lost >= 1
    assert len(summarise(tmp_path).crops) == 1


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_run_with_its_records(portraits, tmp_path, times):
    """A person at the keyboard, or `timeout -s INT`, which sends the signal twice."""
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
    for _ in range(times):
        process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=180)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    document = json.loads(stdout)
    frames, total = document["run"]["frames"], int(demo.FPS * demo.SECONDS)
    assert 0 < frames < total
    problem = f"stopped by Ctrl-C after {frames} of {total} frames"
    assert document["run"]["problem"] == problem
    assert f"This is not all of it: {problem}." in stderr
    assert problem in Path(document["report"]).read_text("utf-8")
    assert document["run"]["crops"] == len(crops_in(out)) >= 1
    assert Path(document["report"]).is_file()


class InterruptingCamera(ImageFolder):
    """A source during whose second frame somebody presses Ctrl-C so many times."""

    def __init__(self, source, times, *, live):
        super().__init__(source, sorted(Path(source).iterdir()), start_time=0.0)
        self.live = live
        self._times = times
        self._reads = 0

    def read(self):
        self._reads += 1
        if self._reads == 2:
            for _ in range(self._times):
                before = len(INTERRUPTS)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
                while len(INTERRUPTS) == before:
                    time.sleep(0.001)  # signals that nobody has taken yet become one
        return super().read()


INTERRUPTS = []
set_handler = signal.signal


def set_counting_handler(signum, handler):
    """`signal.signal`, with the signals that were taken in INTERRUPTS."""
    if signum != signal.SIGINT or handler is signal.default_int_handler:
        return set_handler(signum, handler)

    def counted(signum, frame):
        INTERRUPTS.append(signum)
        handler(signum, frame)

    return set_handler(signum, counted)


@pytest.fixture
def _usual_ctrl_c():
    """As at a terminal, also where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_usual_ctrl_c")
@pytest.mark.parametrize(
    ("live", "problem"), [(True, ""), (False, "stopped by Ctrl-C after 1 of 2 frames")]
)
def test_ctrl_c_is_how_a_camera_ends_and_cuts_a_recording(
    two_portraits, tmp_path, monkeypatch, live, problem
):
    monkeypatch.setattr(
        pipeline, "open_camera", lambda source: InterruptingCamera(source, 2, live=live)
    )
    monkeypatch.setattr(signal, "signal", set_counting_handler)
    run = run_pipeline(settings_for(two_portraits, tmp_path), tmp_path)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert (run.finished, run.problem) == (True, problem)
    assert run.frames == 1 or (live and run.frames == 0)  # a camera's last frame may go unseen
    assert summarise(tmp_path).run == run


def test_the_third_ctrl_c_gives_up(two_portraits, tmp_path):
    """In a process of its own: what it leaves behind would stay in this one."""
    code = """if True:
        from tests.facepipe_io.local.test_pipeline import *
        signal.signal = set_counting_handler
        pipeline.open_camera = lambda source: InterruptingCamera(source, 3, live=False)
        from facepipe_io.cli import main
        main()
    """
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(two_portraits), "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.endswith("Given up, without a report.\n")
    assert "Traceback" not in done.stderr


class VastCamera(ImageFolder):
    """A source of one frame too wide for a JPEG."""

    def read(self):
        frame = super().read()
        return frame and Frame(np.zeros((2, 65_536, 3), np.uint8), frame.time)


def test_a_frame_too_large_for_a_jpeg_is_looked_at(two_portraits, tmp_path, monkeypatch):
    images = sorted(two_portraits.iterdir())
    monkeypatch.setattr(
        pipeline, "open_camera", lambda source: VastCamera(source, images, start_time=0.0)
    )
    run = run_pipeline(settings_for(two_portraits, tmp_path), tmp_path)
    assert (run.frames, run.frame_bytes, run.problem) == (2, 0.0, "")


def test_a_password_is_not_kept(two_portraits, tmp_path, monkeypatch):
    def opened(_source):
        camera = ImageFolder("-", sorted(two_portraits.iterdir()), start_time=0.0)
        camera.source = "rtsp://me:hunter2@door.lan/1"
        return camera

    monkeypatch.setattr(pipeline, "open_camera", opened)
    run = run_pipeline(settings_for(two_portraits, tmp_path), tmp_path)
    assert "door.lan" in run.source
    assert b"hunter2" not in (tmp_path / "records.sqlite").read_bytes()


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


def test_a_folder_whose_name_none_can_have_is_told(two_portraits, tmp_path):
    out = tmp_path / ("n" * 300)
    with pytest.raises(StoreError, match="File name too long; name another folder with --out"):
        run_pipeline(settings_for(two_portraits, out), out)


def test_a_folder_that_cannot_be_made(two_portraits):
    out = Path("/proc/facepipe")
    with pytest.raises(UplinkError, match="cannot store anything in /proc/facepipe"):
        run_pipeline(settings_for(two_portraits, out), out)


def test_records_that_are_none_stop_the_run_before_it_begins(two_portraits, tmp_path):
    (tmp_path / "records.sqlite").write_bytes(b"rubbish" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        run_pipeline(settings_for(two_portraits, tmp_path), tmp_path)
    assert crops_in(tmp_path) == []


def test_a_camera_is_named_after_its_source():
    names = {
        "demo": "demo",
        "0": "camera-0",
        "http://u:p@cam:80/x": "cam",
        "/": "camera",
        "rtsp://[bad/x": "camera",
    }
    assert {source: camera_name_of(source) for source in names} == names
