from __future__ import annotations

import contextlib
import functools
import itertools
import os
import sys
import threading
import time

import numpy as np
import pytest

from facepipe.images import encode_jpeg
from facepipe_io.edge.cameras import Camera, LoopedFolder, open_camera
from facepipe_io.edge.cameras import watch as watch_module
from facepipe_io.edge.cameras.watch import EARLIEST_TIME, MAX_STUCK, CameraWatch, WatchedCamera
from facepipe_io.errors import CameraError, SettingsError
from tests.facepipe_io.edge.helpers import (
    STANDINS,
    ScriptedCamera,
    camera_error,
    frames,
    picture,
    wait_for,
)
from tests.facepipe_io.edge.streams import MjpegServer, RtspServer

SOON = 30.0  # a test that waits as long has failed
NOW = 1.6e9


class HangingCamera(Camera):
    """A live camera whose `read` returns, with a frame of 1970, only once it is let go."""

    source = "hanging"
    live = True

    def __init__(self) -> None:
        self.reading = threading.Event()
        self.released = threading.Event()
        self.closed = threading.Event()

    def read(self):
        self.reading.set()
        self.released.wait(SOON)
        return frames(1, start=0.0)[0]

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def watched():
    """Make a `CameraWatch`; at the end, see that its threads end."""
    watches = []

    def make(opener, **options):
        watches.append(CameraWatch(opener, **options))
        return watches[-1]

    yield make
    for watch in watches:
        watch.close()
    for thread in camera_threads():
        thread.join(SOON)
        assert not thread.is_alive()


def camera_threads():
    return [thread for thread in threading.enumerate() if thread.name == "camera"]


def live(*script, **options):
    return ScriptedCamera(script, live=True, **options)


def read_on(camera):
    while True:
        camera.read()


def read_through(watch, failures):
    """As an agent does: open it, and again after each failure, until there is a frame."""
    while True:
        try:
            camera = watch.open()
            return camera, camera.read()
        except CameraError as error:
            failures.append(str(error))


class TestFrames:
    def test_a_reader_gets_the_newest_frame_and_the_others_are_counted(self, watched):
        taken = frames(5, start=NOW)
        camera = live(*taken, ends=False)
        with watched(lambda: camera).open() as reader:
            assert isinstance(reader, WatchedCamera)
            assert camera.ran_out.wait(SOON)
            assert reader.read() is taken[4]
            assert reader.missed == 4
            camera.may_end.set()
            assert reader.read() is None
        assert camera.closed.is_set()

    def test_it_tells_what_the_camera_tells(self, watched):
        camera = live(ends=False)
        camera.source, camera.fps, camera.stills = "door", 12.5, True
        camera.skipped = 3  # while it was opened
        with watched(lambda: camera).open() as reader:
            assert (reader.source, reader.fps, reader.stills) == ("door", 12.5, True)
            assert (reader.live, reader.total) == (True, None)
            camera.may_end.set()
            assert reader.read() is None
            assert reader.skipped == 3

    def test_no_frame_of_a_recording_is_lost(self, watched):
        """Behind a URL there may be one. Its times are its own: no clock has to be set."""
        taken = frames(50, start=0.0)
        inside = ScriptedCamera(taken)
        camera = watched(lambda: inside).open()
        assert camera is inside
        assert list(iter(camera.read, None)) == taken
        camera.close()

    @pytest.mark.parametrize("error", [camera_error(), OSError("gone"), ZeroDivisionError()])
    def test_what_reading_raises_is_raised_once_the_camera_is_closed(self, watched, error):
        camera = live(frames(1, start=NOW)[0], error)
        reader = watched(lambda: camera).open()
        assert reader.read() is not None
        for _ in range(2):
            with pytest.raises(type(error)) as caught:
                reader.read()
            assert caught.value is error
        assert camera.closed.is_set()

    @pytest.mark.parametrize("error", [SettingsError(["no"]), camera_error(), OSError("gone")])
    def test_what_opening_raises_is_raised(self, watched, error):
        def opener():
            raise error

        with pytest.raises(type(error)) as caught:
            watched(opener).open()
        assert caught.value is error

    @pytest.mark.parametrize("script", [[], [camera_error()]])
    def test_what_closing_raises_is_raised_by_closing_once(self, watched, script):
        class Bad(ScriptedCamera):
            def close(self):
                raise OSError("cannot be closed")

        camera = watched(lambda: Bad(script, live=True)).open()
        with contextlib.suppress(CameraError):
            assert camera.read() is None
        with pytest.raises(OSError, match="cannot be closed"):
            camera.close()
        camera.close()


class TestHanging:
    def test_a_camera_that_freezes_is_left_and_opened_again(self, watched, caplog):
        frozen, failures = HangingCamera(), []
        good = live(*frames(999, start=NOW), after_read=lambda _: time.sleep(0.001))
        cameras = itertools.chain([frozen], itertools.repeat(good))
        watch = watched(lambda: next(cameras), freeze_seconds=0.05)
        reader = watch.open()
        for _ in range(2):
            with pytest.raises(CameraError, match=r"hanging: it has given no picture for 0.05 s"):
                reader.read()
        assert not frozen.closed.is_set()
        again, frame = read_through(watch, failures)
        assert frame.time >= NOW
        frozen.released.set()
        assert frozen.closed.wait(SOON)
        with pytest.raises(CameraError, match="no picture"):
            reader.read()
        assert not caplog.records  # the late frame went nowhere
        again.close()

    def test_a_camera_that_hangs_while_it_is_opened(self, watched):
        camera, released = live(), threading.Event()

        def opener():
            released.wait(SOON)
            return camera

        with pytest.raises(CameraError, match=r"the camera: it has not opened within 0.05 s"):
            watched(opener, open_seconds=0.05).open()
        released.set()
        assert camera.closed.wait(SOON)

    def test_a_camera_that_hangs_while_it_is_closed_after_an_error(self, watched):
        camera = live(camera_error())
        released = threading.Event()
        camera.close = lambda: released.wait(SOON)
        with pytest.raises(CameraError, match="no picture for"):
            watched(lambda: camera, freeze_seconds=0.05).open().read()
        released.set()

    def test_only_so_many_threads_hang_at_a_time(self, watched):
        """However often it is tried, and it goes on once one of them comes back."""
        cameras, opened = [HangingCamera() for _ in range(MAX_STUCK + 1)], itertools.count()
        watch = watched(lambda: cameras[next(opened)], freeze_seconds=0.01)
        for _ in range(MAX_STUCK):
            with pytest.raises(CameraError, match="no picture"):
                watch.open().read()
        for _ in range(100):
            with pytest.raises(CameraError, match=r"hanging: it hung 4 times and still does"):
                watch.open()
        assert len(camera_threads()) == MAX_STUCK
        cameras[2].released.set()
        assert cameras[2].closed.wait(SOON)
        wait_for(lambda: len(camera_threads()) < MAX_STUCK)
        watch.open()
        assert cameras[MAX_STUCK].reading.wait(SOON)
        for camera in cameras:
            camera.released.set()

    def test_a_slow_reader_is_not_told_that_the_camera_froze(self, watched):
        camera = live(*frames(1, start=NOW), ends=False)
        with watched(lambda: camera, freeze_seconds=0.2).open() as reader:
            assert camera.ran_out.wait(SOON)
            time.sleep(0.3)
            assert reader.read().time == NOW
            camera.may_end.set()


class TestClosing:
    def test_closing_lets_go_of_who_reads(self, watched):
        camera, read = HangingCamera(), []
        watch = watched(lambda: camera)
        reader = watch.open()
        thread = threading.Thread(target=lambda: read.append(reader.read()))
        thread.start()
        assert camera.reading.wait(SOON)
        watch.close()
        thread.join(SOON)
        assert read == [None]
        camera.released.set()

    def test_closing_lets_go_of_who_opens(self, watched):
        camera, opening, released, read = live(), threading.Event(), threading.Event(), []

        def opener():
            opening.set()
            released.wait(SOON)
            return camera

        watch = watched(opener)
        thread = threading.Thread(target=lambda: read.append(watch.open().read()))
        thread.start()
        assert opening.wait(SOON)
        watch.close()
        thread.join(SOON)
        assert read == [None]
        released.set()
        assert camera.closed.wait(SOON)

    def test_what_is_opened_after_closing_ends(self, watched):
        camera = live(*frames(3, start=NOW) * 1000)
        watch = watched(lambda: camera)
        watch.close()
        assert len(list(iter(watch.open().read, None))) <= 1
        assert camera.closed.wait(SOON)

    def test_closing_waits_until_the_camera_is_free(self, watched):
        camera = live(ends=False)
        camera.close = lambda: (time.sleep(0.1), camera.closed.set())
        reader = watched(lambda: camera).open()
        camera.may_end.set()
        reader.close()
        reader.close()
        assert camera.closed.is_set()


class TestClock:
    def test_frames_of_a_clock_that_was_never_set_are_counted_and_told_once(self, watched, caplog):
        camera = live(*frames(40, start=310.0), *frames(1, start=NOW), ends=False)
        with watched(lambda: camera).open() as reader:
            assert reader.read().time == NOW
            assert (reader.skipped, reader.missed) == (40, 0)
            camera.may_end.set()
        assert [record.getMessage() for record in caplog.records] == [
            "script: the clock says 1970-01-01T00:05:10.000Z: waiting until it is set",
            "script: the clock says 2020-09-13T12:26:40.000Z: it is set",
        ]

    def test_it_is_told_once_however_often_the_camera_is_opened(self, watched, caplog):
        watch = watched(lambda: live(*frames(3, start=0.0), camera_error()))
        for _ in range(5):
            with pytest.raises(CameraError):
                watch.open().read()
        assert len(caplog.records) == 1

    def test_a_camera_whose_clock_is_not_set_is_not_frozen(self, watched):
        """Nor is one that gives nothing but such frames for longer than a freeze may take."""
        clock = iter([EARLIEST_TIME - 1] * 40 + [EARLIEST_TIME])

        class Ticking(ScriptedCamera):
            def read(self):
                time.sleep(0.02)
                return frames(1, start=next(clock, EARLIEST_TIME + 1))[0]

        with watched(lambda: Ticking([], live=True), freeze_seconds=0.5).open() as reader:
            assert reader.read().time >= EARLIEST_TIME
            assert reader.skipped == 40

    def test_a_camera_that_freezes_before_the_clock_is_set(self, watched):
        camera = live(*frames(3, start=0.0), ends=False)
        reader = watched(lambda: camera, freeze_seconds=0.05).open()
        with pytest.raises(CameraError, match="no picture for"):
            reader.read()
        camera.may_end.set()


def shade(frame):
    return round(float(frame.image.mean()) / 10)


@pytest.mark.parametrize("kind", [MjpegServer, RtspServer])
class TestStreams:
    """Real servers, read by the real OpenCV."""

    @pytest.fixture
    def serve(self, kind):
        servers = []

        def start(*shades, port=0, wh=(320, 240)):
            servers.append(kind([picture(10 * shade, wh) for shade in shades], port))
            return servers[-1]

        yield start
        for server in servers:
            server.close()

    @pytest.fixture
    def watch_url(self, watched):
        def make(server, **options):
            return watched(functools.partial(open_camera, server.url), **options)

        return make

    def test_it_freezes_without_an_error_and_goes_on(self, serve, watch_url):
        server, failures = serve(5), []
        watch = watch_url(server, freeze_seconds=0.3)
        camera, frame = read_through(watch, failures)
        assert (shade(frame), camera.live, camera.total) == (5, True, None)
        server.stalled.set()
        with pytest.raises(CameraError, match=r"no picture for 0.3 s; check its cable or network"):
            read_on(camera)
        camera.close()
        server.pictures = [picture(120, (320, 240))]
        server.stalled.clear()
        camera, frame = read_through(watch, failures)
        assert shade(frame) == 12
        assert server.opened >= 2
        camera.close()

    def test_it_freezes_while_it_is_opened(self, serve, watch_url):
        server = serve(5)
        server.stalled.set()
        watch = watch_url(server, open_seconds=0.3)
        with pytest.raises(CameraError, match=r"not opened within 0.3 s"):
            watch.open()
        server.close()

    def test_it_goes_away_and_comes_back(self, serve, watch_url):
        server, failures = serve(5), []
        watch = watch_url(server, freeze_seconds=SOON)
        camera, _ = read_through(watch, failures)
        server.close()
        with pytest.raises(CameraError, match="it gives no picture; check its cable or network"):
            read_on(camera)
        with pytest.raises(CameraError, match="nothing answers there"):
            watch.open()
        serve(12, port=server.port)
        camera, frame = read_through(watch, failures)
        assert shade(frame) == 12
        assert not failures
        camera.close()

    def test_it_changes_the_size_of_its_pictures(self, serve, watch_url):
        """OpenCV 4 goes on with the first size, and stretches the pictures to it."""
        server, failures = serve(5), []
        camera, frame = read_through(watch_url(server, freeze_seconds=SOON), failures)
        assert frame.image.shape == (240, 320, 3)
        for number, size in ((16, (640, 480)), (4, (160, 120)), (9, (240, 320))):
            server.pictures = [picture(10 * number, size)]
            while shade(frame) != number:
                frame = camera.read()
            assert (abs(frame.image.astype(int) - 10 * number) < 9).all()
        assert not failures
        camera.close()

    def test_a_slow_reader_gets_the_newest_picture(self, serve, watch_url):
        """Not one out of a buffer that grows."""
        server, failures = serve(5), []
        camera, _ = read_through(watch_url(server, freeze_seconds=SOON), failures)
        server.pictures = [picture(200, (320, 240))]
        missed = camera.missed
        wait_for(lambda: camera.missed > missed + 50)
        assert shade(camera.read()) == 20
        camera.close()


class TestAwscam:
    @pytest.fixture
    def awscam(self, monkeypatch, tmp_path):
        monkeypatch.syspath_prepend(str(STANDINS))
        monkeypatch.delitem(sys.modules, "awscam", raising=False)
        monkeypatch.setenv("AWSCAM_FRAMES", str(tmp_path / "frames.npy"))
        np.save(tmp_path / "frames.npy", picture(7)[None])
        import awscam

        yield awscam
        del sys.modules["awscam"]

    def test_it_gives_nothing_and_comes_back(self, awscam, watched):
        watch, failures = watched(functools.partial(open_camera, "awscam")), []
        path, away = os.environ["AWSCAM_FRAMES"], os.environ["AWSCAM_FRAMES"] + ".away"
        camera, _ = read_through(watch, failures)
        os.rename(path, away)  # noqa: PTH104
        with pytest.raises(CameraError, match="it gives no picture"):
            read_on(camera)
        with pytest.raises(CameraError, match="it gives no picture"):
            watch.open().read()
        os.rename(away, path)  # noqa: PTH104
        camera, frame = read_through(watch, failures)
        assert frame.image[0, 0, 0] == 7
        assert not failures
        camera.close()

    def test_it_hangs_and_comes_back(self, awscam, watched, monkeypatch):
        released, works = threading.Event(), awscam.getLastFrame

        def hangs():
            released.wait(SOON)
            return works()

        monkeypatch.setattr(awscam, "getLastFrame", hangs)
        watch = watched(functools.partial(open_camera, "awscam"), freeze_seconds=0.1)
        with pytest.raises(CameraError, match=r"from awscam: it has given no picture for 0.1 s"):
            watch.open().read()
        released.set()
        failures = []
        camera, frame = read_through(watch, failures)
        assert frame.image[0, 0, 0] == 7
        camera.close()


def test_the_earliest_time_is_the_start_of_2020():
    assert time.gmtime(watch_module.EARLIEST_TIME)[:6] == (2020, 1, 1, 0, 0, 0)


def test_a_looped_folder_that_is_let_go_of_does_not_wait_for_its_next_image(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encode_jpeg(picture()))
    opened = CameraWatch(
        lambda: LoopedFolder("loop:a", tmp_path, clock=lambda: EARLIEST_TIME, period=600)
    )
    camera = opened.open()
    assert camera.read() is not None
    camera.close()
    assert not camera.thread.is_alive()
