from __future__ import annotations

import contextlib
import functools
import http.server
import itertools
import math
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.tracks import FaceTracker
from facepipe_io.edge.cameras import (
    AwscamCamera,
    Camera,
    LoopedFolder,
    has_stills,
    is_live,
    open_camera,
    video,
    without_secrets,
)
from facepipe_io.edge.cameras.video import (
    MAX_BAD_FRAMES,
    MAX_DELAY_SECONDS,
    MAX_GAP_SECONDS,
    Playout,
    next_position,
)
from facepipe_io.edge.cameras.watch import CameraWatch
from facepipe_io.errors import CameraError, SettingsError
from tests.facepipe_io.edge.helpers import STANDINS, picture, write_video
from tests.facepipe_io.edge.streams import MjpegServer


def read_all(camera: Camera):
    with camera:
        return list(iter(camera.read, None))


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.avi", [picture(10 * i) for i in range(12)], fps=8.0)


@pytest.mark.parametrize(
    ("source", "live"),
    [
        ("awscam", True),
        ("0", True),
        ("/dev/video0", True),
        ("rtsp://camera/1", True),
        ("http://camera/mjpeg", True),
        ("kvs://stream", True),
        ("loop:images", True),
        ("demo", False),
        ("clip.mp4", False),
        ("./0", False),
        ("/dev/v4l/by-id/usb-camera", True),
        ("/dev/shm/clip.mp4", False),
        ("/videos/2026", False),
    ],
)
def test_sources_that_may_come_back_are_live(source, live):
    assert is_live(source) is live


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("", ""),
        ("clip.mp4", "clip.mp4"),
        ("a:b@c.mp4", "a:b@c.mp4"),
        ("rtsp://h/1", "rtsp://h/1"),
        ("kvs://hall", "kvs://hall"),
        ("loop:/srv/a@b=c", "loop:/srv/a@b=c"),
        ("rtsp://user:p@s3cr@h/1", "rtsp://h/1"),
        ("rtsp://user:p/s3cr@h/1", "rtsp://h/1"),
        ("rtsp://user:p?s3cr#@h/1", "rtsp://h/1"),
        ("rtsp://user:s3\ncr@h/1", "rtsp://h/1"),
        ("rtsp:/user:s3cr@h/1", "rtsp:/h/1"),
        (" rtsp://user:s3cr@h/1", "rtsp://h/1"),
        ("http://h/video?password=s3cr", "http://h/video"),
        ("http://h/video;password=s3cr", "http://h/video"),
        ("rtsp://h:554/user=admin_password=s3cr_channel=1.sdp", "rtsp://h:554/user"),
    ],
)
def test_what_is_shown_of_a_source(source, shown):
    assert without_secrets(source) == shown


@given(user=st.text(), password=st.text(), query=st.text(st.characters(blacklist_characters="@")))
@example(user="/", password="", query="")
def test_no_user_and_no_password_is_ever_shown(user, password, query):
    shown = without_secrets(f"rtsp://{user}:{password}@door:554/1?{query}")
    assert shown == without_secrets(shown) == "rtsp://door:554/1"


class TestBadNames:
    @pytest.mark.parametrize("source", ["", " ", "\t"])
    def test_empty(self, source):
        with pytest.raises(CameraError, match="the source is empty; name a camera"):
            open_camera(source)

    def test_no_utf8(self, clip):
        """OpenCV would crash."""
        renamed = os.fsencode(str(clip)) + b"\xfc.avi"
        os.rename(str(clip), renamed)  # noqa: PTH104
        with pytest.raises(CameraError, match="no UTF-8; rename it") as caught:
            open_camera(os.fsdecode(renamed))
        assert str(caught.value).encode()

    def test_a_null_character_and_a_name_that_is_too_long(self):
        for source in ("a\0b.mp4", "a" * 300):
            with pytest.raises(CameraError, match="check the path"):
                open_camera(source)

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(str(tmp_path / "pipe.mp4"))
        for source in (str(tmp_path / "pipe.mp4"), "/dev/null"):
            with pytest.raises(CameraError, match="neither a file nor a folder; name one"):
                open_camera(source)

    def test_a_pipe_among_images_is_left_out(self, tmp_path):
        os.mkfifo(str(tmp_path / "a.png"))
        cv2.imwrite(str(tmp_path / "b.png"), picture(3))
        assert len(read_all(open_camera(str(tmp_path)))) == 1


class TestVideoFile:
    def test_every_frame_comes_with_its_place_in_the_recording(self, clip):
        camera = open_camera(str(clip), start_time=1000.0)
        assert (camera.live, camera.stills, camera.fps, camera.total) == (False, False, 8.0, 12)
        frames = read_all(camera)
        assert [frame.time for frame in frames] == pytest.approx(
            [1000 + i / 8 for i in range(12)], abs=1e-6
        )
        for index, frame in enumerate(frames):
            assert frame.image.shape == (120, 160, 3)
            assert frame.image.dtype == np.uint8
            assert abs(float(frame.image.mean()) - 10 * index) < 4

    def test_times_do_not_depend_on_the_clock_after_the_start(self, clip):
        clock = itertools.count(50.0, 1000.0)
        times = [frame.time for frame in read_all(open_camera(str(clip), clock=clock.__next__))]
        assert times == pytest.approx([50 + i / 8 for i in range(12)], abs=1e-6)

    def test_a_gif_is_a_video(self, data_dir):
        path = data_dir / "video" / "face-demographics-walking.gif"
        camera = open_camera(str(path), start_time=0.0)
        total = camera.total
        times = [frame.time for frame in read_all(camera)]
        assert len(times) == total == 35
        assert times[0] == 0.0
        assert (np.diff(times) > 0).all()
        assert times[-1] == pytest.approx(34 / 12.5, abs=0.2)  # its frames are 80 or 90 ms long

    def test_a_video_that_breaks_off_ends_with_what_it_has(self, clip, caplog):
        data = clip.read_bytes()
        clip.write_bytes(data[: len(data) * 2 // 3])
        camera = open_camera(str(clip))
        frames = read_all(camera)
        assert 0 < len(frames) < 12
        assert camera.read() is None
        (record,) = caplog.records
        assert f"it breaks off after {len(frames)} of 12 frames" in record.getMessage()

    def test_a_whole_video_is_no_reason_for_a_warning(self, clip, caplog):
        read_all(open_camera(str(clip)))
        assert not caplog.records

    @pytest.mark.parametrize("length", [0, 100, 3000])
    def test_a_video_without_a_single_frame(self, clip, length):
        clip.write_bytes(clip.read_bytes()[:length])
        with pytest.raises(CameraError, match="try another file"):
            open_camera(str(clip))

    def test_a_file_that_is_no_video(self, tmp_path):
        (tmp_path / "clip.mp4").write_text("not a video")
        with pytest.raises(CameraError, match="no video that OpenCV can read"):
            open_camera(str(tmp_path / "clip.mp4"))

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(CameraError, match="no such file or folder; check the path"):
            open_camera(str(tmp_path / "nothing.mp4"))


class ScriptedCapture:
    """What cv2.VideoCapture gives in cases that no file makes it give."""

    def __init__(self, answers, frames=0.0):
        self.answers = iter(answers)
        self.frames = frames

    def isOpened(self):  # noqa: N802
        return True

    def get(self, what):
        return self.frames if what == cv2.CAP_PROP_FRAME_COUNT else 0.0

    def read(self):
        return next(self.answers)

    def release(self):
        pass


def test_frames_of_zero_size_are_skipped_counted_and_logged_once(monkeypatch, caplog, clip):
    empty = (True, np.empty((0, 0, 3), np.uint8))
    answers = [empty, (True, picture(1)), empty, empty, (True, picture(2)), (False, None)]
    monkeypatch.setattr(video, "_open_capture", lambda source: ScriptedCapture(answers, 5.0))
    camera = open_camera(str(clip))
    assert [frame.image[0, 0, 0] for frame in read_all(camera)] == [1, 2]
    assert camera.skipped == 3
    assert len(caplog.records) == 1


def test_a_live_camera_of_nothing_but_zero_size_frames_is_an_error(monkeypatch):
    empty = (True, np.empty((0, 0, 3), np.uint8))
    monkeypatch.setattr(
        video, "_open_capture", lambda source: ScriptedCapture(itertools.repeat(empty))
    )
    with pytest.raises(CameraError, match="no picture"):
        open_camera("0")
    monkeypatch.setattr(
        video,
        "_open_capture",
        lambda source: ScriptedCapture([empty] * MAX_BAD_FRAMES + [(False, None)]),
    )
    with pytest.raises(CameraError, match="no picture"):
        open_camera("0")


@pytest.mark.parametrize(
    "raw",
    [
        np.full((4, 6), 77, np.uint8),
        np.full((4, 6, 1), 77, np.uint8),
        np.full((4, 6, 4), 77, np.uint8),
        np.full((4, 6), 77 * 257, np.uint16),
        np.full((4, 6, 3), 77 * 257, np.uint16),
    ],
)
def test_grey_and_16_bit_frames_become_colour_of_8_bits(monkeypatch, raw):
    monkeypatch.setattr(
        video, "_open_capture", lambda source: ScriptedCapture([(True, raw), (False, None)])
    )
    image = open_camera("0").read().image
    assert image.shape == (4, 6, 3)
    assert image.dtype == np.uint8
    assert (abs(image.astype(int) - 77) <= 1).all()


def test_a_frame_that_opencv_chokes_on_is_a_camera_error(monkeypatch):
    class Choking(ScriptedCapture):
        def read(self):
            return cv2.imdecode(np.empty(0, np.uint8), 1)

    monkeypatch.setattr(video, "_open_capture", lambda source: Choking([]))
    with pytest.raises(CameraError, match="OpenCV failed"):
        open_camera("0")


@given(
    last=st.floats(-1, 1e6),
    told=st.floats(),
    fps=st.none() | st.floats(0.1, 1000),
)
def test_positions_always_go_on_and_never_far(last, told, fps):
    position = next_position(last, told, fps)
    assert position >= 0
    assert last < position < max(last, 0) + MAX_GAP_SECONDS
    if last >= 0 and last < told < last + MAX_GAP_SECONDS:
        assert position == told


@pytest.mark.parametrize("told", [0.0, 1.0, -1.0, math.nan, math.inf, 1e9])
def test_a_position_that_makes_no_sense_is_reckoned_from_the_rate(told):
    assert next_position(1.0, told, 4.0) == 1.25


@given(st.lists(st.tuples(st.floats(), st.floats(0, 1e9))))
def test_no_frame_is_ever_held_back_for_long(arrivals):
    playout = Playout()
    for position, now in arrivals:
        assert 0 <= playout.delay(position, now) <= MAX_DELAY_SECONDS


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
    st.sampled_from([5, 12, 30]),
    st.floats(0, 1e6),
    st.data(),
)
def test_frames_that_come_in_bursts_are_shown_at_their_pace(bursts, fps, start, data):
    """Never closer than they were taken; and evenly, while the next burst is there in time."""
    playout, now, index = Playout(), 0.0, 0
    shown = []
    for frames in bursts:
        late = data.draw(st.sampled_from([0.0, 0.0, 0.5, 3.0]))
        now += late
        for _ in range(frames):
            now += playout.delay(start + index / fps, now)
            shown.append((now, late if index else 0.0))
            late, index = 0.0, index + 1
    for (before, _), (after, late) in zip(shown, shown[1:]):
        assert after - before == pytest.approx(max(1 / fps, late), abs=1e-6)


def test_a_jump_in_a_stream_is_not_waited_for():
    playout = Playout()
    assert [playout.delay(position, 50.0) for position in (1.0, 9.0, 9.5, 2.0, 2.5)] == [
        *(0.0, 0.0, 0.5),
        *(0.0, 0.5),
    ]


class TestLive:
    @pytest.mark.parametrize("source", ["97", "/dev/video97"])
    def test_a_camera_that_is_not_there(self, source):
        with pytest.raises(CameraError, match="no such camera"):
            open_camera(source)

    def test_a_stream_that_nobody_serves_does_not_tell_its_password(self):
        with pytest.raises(CameraError, match="nothing answers") as caught:
            open_camera("rtsp://me:secret@127.0.0.1:9/door")
        assert "secret" not in str(caught.value)
        assert "127.0.0.1:9/door" in str(caught.value)

    def test_a_stream_goes_by_the_clock_and_its_end_is_an_error(self, http_server):
        class Stream(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=frame")
                self.end_headers()
                for value in range(9):
                    jpeg = cv2.imencode(".jpg", picture(20 * value))[1].tobytes()
                    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
                    self.wfile.write(head % len(jpeg) + jpeg + b"\r\n")

        clock = itertools.count(500.0)
        camera = open_camera(http_server(Stream) + "/mjpeg", clock=clock.__next__)
        assert (camera.live, camera.total) == (True, None)
        first = next(clock) - 1
        with camera:
            times = [camera.read().time for _ in range(9)]
            with pytest.raises(CameraError, match="no picture; check its cable or network"):
                camera.read()
        assert times[1:] == [first + 2 + i for i in range(8)]

    def test_a_stream_that_stops_without_an_end(self, monkeypatch):
        """OpenCV itself gives up after a while, so that whoever reads comes back."""
        monkeypatch.setattr(video, "OPEN_TIMEOUT_SECONDS", 0.3)
        monkeypatch.setattr(video, "READ_TIMEOUT_SECONDS", 0.3)
        server = MjpegServer([picture(50)])
        with contextlib.closing(server), open_camera(server.url) as camera:
            server.stalled.set()
            with pytest.raises(CameraError, match="no picture; check its cable or network"):
                read_all(camera)
            with pytest.raises(CameraError, match="nothing answers there"):
                open_camera(server.url)

    def test_an_opencv_that_knows_no_timeouts(self, monkeypatch):
        monkeypatch.delattr(cv2, "CAP_PROP_READ_TIMEOUT_MSEC", raising=False)
        server = MjpegServer([picture(50)])
        with contextlib.closing(server), open_camera(server.url) as camera:
            assert camera.live
            assert abs(float(camera.read().image.mean()) - 50) < 4

    def test_a_gif_on_a_web_server_that_does_not_tell_its_length(self, http_server, data_dir):
        handler = functools.partial(
            http.server.SimpleHTTPRequestHandler, directory=str(data_dir / "video")
        )
        url = http_server(handler) + "/face-demographics-walking.gif?s=1"
        camera = open_camera(url, start_time=0.0)
        assert (camera.live, camera.total) == (False, None)
        assert len(read_all(camera)) == 35

    def test_a_clip_on_a_web_server_is_a_file(self, http_server, clip):
        handler = functools.partial(
            http.server.SimpleHTTPRequestHandler, directory=str(clip.parent)
        )
        camera = open_camera(http_server(handler) + "/clip.avi", start_time=0.0)
        assert (camera.live, camera.total) == (False, 12)
        assert [f.time for f in read_all(camera)] == pytest.approx([i / 8 for i in range(12)])

    @pytest.fixture
    def http_server(self):
        servers = []

        def serve(handler):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            servers.append(server)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            return f"http://127.0.0.1:{server.server_port}"

        yield serve
        for server in servers:
            server.shutdown()
            server.server_close()


class TestFolder:
    def test_images_come_by_name_each_as_a_scene_of_its_own(self, tmp_path):
        for name, size in (("b.png", (50, 40)), ("a.JPG", (30, 20)), ("c.bmp", (90, 80))):
            cv2.imwrite(str(tmp_path / name), picture(99, size))
        (tmp_path / "notes.txt").write_text("no image")
        (tmp_path / "sub.png").mkdir()
        camera = open_camera(str(tmp_path), start_time=7.0)
        assert (camera.live, camera.stills, camera.total) == (False, True, 3)
        frames = read_all(camera)
        assert [frame.image.shape[1::-1] for frame in frames] == [(30, 20), (50, 40), (90, 80)]
        assert frames[0].time == 7.0
        assert np.diff([f.time for f in frames]).min() > FaceTracker().max_gap_seconds

    def test_images_of_any_kind_come_in_colour_of_8_bits(self, tmp_path):
        grey = np.full((20, 30), 128, np.uint8)
        cv2.imwrite(str(tmp_path / "grey.png"), grey)
        cv2.imwrite(str(tmp_path / "grey16.png"), grey.astype(np.uint16) * 257)
        cv2.imwrite(str(tmp_path / "alpha.png"), np.full((20, 30, 4), 128, np.uint8))
        for frame in read_all(open_camera(str(tmp_path))):
            assert (frame.image.shape, frame.image.dtype) == ((20, 30, 3), np.uint8)
            assert (abs(frame.image.astype(int) - 128) <= 1).all()

    def test_what_cannot_be_read_is_skipped_counted_and_logged_once(self, tmp_path, caplog):
        cv2.imwrite(str(tmp_path / "c.png"), picture(5))
        good = (tmp_path / "c.png").read_bytes()
        (tmp_path / "a.png").write_bytes(b"")
        (tmp_path / "b.jpg").write_bytes(b"no image")
        (tmp_path / "d.png").write_bytes(good[: len(good) // 3])
        (tmp_path / "e.png").symlink_to(tmp_path / "gone.png")
        camera = open_camera(str(tmp_path), start_time=0.0)
        frames = read_all(camera)
        assert len(frames) + camera.skipped == camera.total == 5
        assert camera.skipped >= 3  # OpenCV may make something of the one that is cut short
        (record,) = caplog.records
        assert "skipping a.png, and what else cannot be used" in record.getMessage()

    def test_an_image_alone(self, tmp_path):
        path = tmp_path / "photo1.jpg"
        cv2.imwrite(str(path), picture(3))
        cv2.imwrite(str(tmp_path / "photo2.jpg"), picture(3))
        assert len(read_all(open_camera(str(path)))) == 1

    def test_a_folder_without_images(self, tmp_path):
        (tmp_path / "notes.txt").write_text("no image")
        with pytest.raises(CameraError, match=r"holds no images .*try another folder"):
            open_camera(str(tmp_path))

    def test_a_folder_of_nothing_but_broken_images(self, tmp_path):
        (tmp_path / "a.png").write_bytes(b"no image")
        with pytest.raises(CameraError, match="none of its images can be read"):
            read_all(open_camera(str(tmp_path)))


class TestLoop:
    @pytest.fixture
    def folder(self, tmp_path):
        for name, value in (("b.png", 20), ("a.png", 10)):
            cv2.imwrite(str(tmp_path / name), picture(value))
        return tmp_path

    @staticmethod
    def values(camera, count):
        return [int(camera.read().image[0, 0, 0]) for _ in range(count)]

    def test_it_is_a_camera_of_stills(self, folder):
        assert has_stills(f"loop:{folder}")
        assert not has_stills(str(folder))
        clock = itertools.count(50.0)
        with open_camera(f"loop:{folder}", clock=clock.__next__) as camera:
            assert (camera.live, camera.stills, camera.total) == (True, True, None)
            assert (camera.source, camera.fps) == (f"loop:{folder}", 0.5)
            frame = camera.read()
        assert (frame.time, frame.image.shape) == (next(clock) - 1, (120, 160, 3))

    def test_images_come_over_and_over_and_each_round_looks_anew(self, folder):
        camera = LoopedFolder("loop", folder, clock=time.time, period=1e-3)
        assert self.values(camera, 5) == [10, 20, 10, 20, 10]
        cv2.imwrite(str(folder / "c.png"), picture(30))
        (folder / "a.png").unlink()
        assert self.values(camera, 4) == [20, 20, 30, 20]

    def test_each_image_is_waited_for(self, folder):
        camera = LoopedFolder("loop", folder, clock=time.monotonic, period=0.05)
        times = [camera.read().time for _ in range(4)]
        assert np.diff(times).min() >= 0.049

    def test_what_cannot_be_read_is_skipped_counted_and_logged_once(self, folder, caplog):
        (folder / "aa.png").write_bytes(b"no image")
        camera = LoopedFolder("loop", folder, clock=time.time, period=1e-3)
        assert self.values(camera, 4) == [10, 20, 10, 20]
        assert camera.skipped == 2
        (record,) = caplog.records
        assert "loop: skipping aa.png" in record.getMessage()

    def test_an_image_that_went_away_in_its_round(self, folder):
        camera = LoopedFolder("loop", folder, clock=time.time, period=1e-3)
        (folder / "a.png").unlink()
        assert self.values(camera, 2) == [20, 20]
        assert camera.skipped == 1

    def test_a_folder_that_is_emptied_and_filled_again(self, folder):
        watch = CameraWatch(
            lambda: LoopedFolder(f"loop:{folder}", folder, clock=time.time, period=1e-3)
        )
        camera = watch.open()
        assert camera.stills
        for path in folder.iterdir():
            path.unlink()
        with camera, pytest.raises(CameraError, match="it holds no images"):
            read_all(camera)
        with pytest.raises(CameraError, match="it holds no images"):
            watch.open()
        cv2.imwrite(str(folder / "d.png"), picture(40))
        with watch.open() as camera:
            assert self.values(camera, 2) == [40, 40]
        watch.close()

    def test_images_that_all_get_damaged(self, folder):
        camera = LoopedFolder("loop", folder, clock=time.time, period=1e-3)
        assert self.values(camera, 2) == [10, 20]
        for path in folder.iterdir():
            path.write_bytes(b"no image")
        with pytest.raises(CameraError, match="none of its images can be read; try other files"):
            camera.read()

    def test_closing_it_ends_a_wait(self, folder):
        camera = LoopedFolder("loop", folder, clock=time.time, period=1e6)
        assert self.values(camera, 1) == [10]
        frames = []
        reader = threading.Thread(target=lambda: frames.append(camera.read()), daemon=True)
        reader.start()
        camera.close()
        reader.join(30)
        assert frames == [None]
        assert camera.read() is None

    @pytest.mark.parametrize("name", ["", "a.png"])
    def test_what_is_no_folder(self, folder, name):
        source = "loop:" + (name and str(folder / name))
        with pytest.raises(CameraError, match="must be followed by a folder of images; name one"):
            open_camera(source)

    def test_a_folder_that_is_not_there(self, folder):
        with pytest.raises(CameraError, match="no such file or folder; check the path"):
            open_camera(f"loop:{folder}/none")


class TestAwscam:
    @pytest.fixture
    def device(self, monkeypatch, tmp_path):
        monkeypatch.syspath_prepend(str(STANDINS))
        monkeypatch.delitem(sys.modules, "awscam", raising=False)
        monkeypatch.setenv("AWSCAM_FRAMES", str(tmp_path / "frames.npy"))
        yield tmp_path / "frames.npy"
        sys.modules.pop("awscam", None)

    def test_the_newest_frame_with_the_clocks_time(self, device):
        np.save(device, np.stack([picture(1), picture(2)]))
        waits = []
        camera = AwscamCamera(clock=itertools.count(9.0).__next__, wait=waits.append)
        assert camera.live
        read = [camera.read() for _ in range(3)]
        assert [(f.image[0, 0, 0], f.time) for f in read] == [(1, 9.0), (2, 10.0), (1, 11.0)]
        assert len(waits) == 3
        assert min(waits) > 0

    def test_a_camera_that_gives_nothing_and_comes_back(self, device):
        camera = open_camera("awscam")
        with pytest.raises(CameraError, match="no picture"):
            camera.read()
        np.save(device, picture(1)[None])
        assert camera.read().image.shape == (120, 160, 3)

    def test_a_camera_that_gives_frames_of_zero_size(self, device):
        np.save(device, np.empty((1, 0, 0, 3), np.uint8))
        camera = open_camera("awscam")
        with pytest.raises(CameraError, match="no usable picture"):
            camera.read()
        assert camera.skipped == 1

    def test_elsewhere_the_person_is_told_to_name_another_source(self):
        with pytest.raises(SettingsError, match="DeepLens only; name another"):
            open_camera("awscam")


def test_opencv_and_ffmpeg_do_not_write_to_the_terminal(tmp_path, clip):
    """What is wrong is in the exception; the libraries' own words would bury it."""
    cut_short = tmp_path / "cut.avi"
    shutil.copy(str(clip), str(cut_short))
    cut_short.write_bytes(clip.read_bytes()[:-500])
    code = """
import sys
from facepipe_io.edge.cameras import open_camera
from facepipe_io.errors import CameraError
for source in sys.argv[1:]:
    try:
        with open_camera(source) as camera:
            while camera.read() is not None:
                pass
    except CameraError:
        pass
"""
    sources = [
        "97",
        "/dev/video97",
        "rtsp://127.0.0.1:9/x",
        str(cut_short),
        str(tmp_path / "x.mp4"),
    ]
    (tmp_path / "x.mp4").write_bytes(b"no video" * 1000)
    done = subprocess.run(
        [sys.executable, "-c", code, *sources],
        cwd=str(Path(__file__).resolve().parents[4]),
        env=dict(os.environ),
        capture_output=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
