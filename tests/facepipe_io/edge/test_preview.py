from __future__ import annotations

import logging
import os
import select
import shutil
import stat
import subprocess
import sys
import threading
import time
import weakref
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from facepipe.errors import ImageError
from facepipe.images import decode_image
from facepipe_io.edge import preview as module
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.cameras import Camera, Frame
from facepipe_io.edge.picker import NO_TRACKS, NOBODY, CropPicker, Look
from facepipe_io.edge.preview import PipePreview, open_preview, preview_jpeg
from facepipe_io.edge.resilience import Pace
from facepipe_io.edge.settings import device_settings
from facepipe_io.errors import SettingsError
from tests.facepipe_io.edge.helpers import (
    ONE_FACE,
    ListUplink,
    ScriptedCamera,
    ScriptedDetector,
    faces,
    frames,
    picture,
)

ROOT = Path(__file__).resolve().parents[3]
WAIT = 90  # seconds, after which a test has failed; nothing takes that long


def noise(number, wh=(640, 480)):
    """A frame unlike any other; its JPEG is some times larger than what a pipe holds."""
    pixels = np.random.default_rng(number).integers(0, 255, (wh[1], wh[0], 3), np.uint8)
    return Frame(pixels, float(number))


def look(*tracks, found=ONE_FACE):
    return Look(found, np.array(tracks or range(1, len(found) + 1)), [])


LOOK = look(7)


def until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def opened(path, **more):
    more.setdefault("max_fps", 1e6)
    return closing(PipePreview(str(path), **more))


def shows_the_face(image):
    """Whether a picture, of 200 all around it, has a box around ONE_FACE and a label on that."""
    image = image.astype(int)
    x0, y0, x1, y1 = ONE_FACE.boxes[0].astype(int)
    edges = [image[y0, x0:x1], image[y1 - 1, x0:x1], image[y0:y1, x0], image[y0:y1, x1 - 1]]
    label = image[y0 - 12 : y0 - 2, x0 : x0 + 8].reshape(-1, 3)
    inside = image[y0 + 4 : y1 - 4, x0 + 4 : x1 - 4]
    for part in (*edges, label):  # JPEG blurs colours
        blue, green, red = np.median(part, axis=0)
        if green < max(blue, red) + 40:
            return False
    return np.abs(np.median(inside, axis=(0, 1)) - 200).max() < 5


class Reader:
    """Opens a pipe without waiting for who writes, and takes one JPEG after the other."""

    def __init__(self, path):
        self._pipe = os.open(str(path), os.O_RDONLY | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)
        self._data = b""

    def wait(self):
        assert self._poll.poll(WAIT * 1000), "nothing came"

    def jpeg(self):
        while b"\xff\xd9" not in self._data:
            self.wait()
            more = os.read(self._pipe, 1 << 16)
            if not more:
                raise EOFError(f"it ended, with {len(self._data)} bytes of a frame")
            self._data += more
        jpeg, end, self._data = self._data.partition(b"\xff\xd9")
        return jpeg + end

    def close(self):
        os.close(self._pipe)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.mjpeg"


def test_off_shows_nothing():
    preview = open_preview(device_settings({"FACEPIPE_SOURCE": "demo", "FACEPIPE_BUCKET": "crops"}))
    preview.show(noise(0), LOOK)
    preview.close()


def test_a_preview_is_opened_by_its_settings(path, tmp_path):
    named = {"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops", "FACEPIPE_BLUR": "faces"}
    with closing(open_preview(device_settings({**named, "FACEPIPE_PREVIEW": str(path)}))) as pipe:
        assert isinstance(pipe, PipePreview)
    page = {"FACEPIPE_PREVIEW": "http://:0", "FACEPIPE_PREVIEW_VIEWERS": "3"}
    with closing(open_preview(device_settings({**named, **page}))) as live:
        assert live.url.startswith("http://127.0.0.1:")


def test_faces_are_blurred_and_their_boxes_drawn(path):
    frame = noise(1)
    plain = decode_image(preview_jpeg(frame, LOOK))
    with opened(path, blur=True) as preview, closing(Reader(path)) as reader:
        preview.show(frame, LOOK)
        shown = decode_image(reader.jpeg())
    x0, y0, x1, y1 = ONE_FACE.boxes[0].astype(int)
    inside = np.s_[y0 + 6 : y1 - 6, x0 + 6 : x1 - 6]
    assert shown[inside].std() < plain[inside].std() / 3
    far = np.s_[y1 + 60 :, x1 + 60 :]
    assert np.abs(shown[far].astype(int) - plain[far]).mean() < 5
    assert (shown[y0, x0:x1, 1].astype(int) > shown[y0, x0:x1, 2] + 40).mean() > 0.8  # the box


def test_a_face_is_blurred_that_was_found_only_in_a_frame_that_was_left_out(path):
    nobody = Look(NOBODY, NO_TRACKS, [])
    with opened(path, blur=True, max_fps=0.001) as preview:
        preview.show(noise(1), nobody)
        preview.show(noise(1), LOOK)
        preview._pace = Pace(1e6)
        with closing(Reader(path)) as reader:
            preview.show(noise(1), nobody)
            shown = decode_image(reader.jpeg())
    plain = decode_image(preview_jpeg(noise(1), nobody))
    x0, y0, x1, y1 = ONE_FACE.boxes[0].astype(int)
    assert shown[y0:y1, x0:x1].std() < plain[y0:y1, x0:x1].std() / 3


def test_the_pipe_is_made_for_its_owner_alone_and_stays(path):
    PipePreview(str(path)).close()
    assert stat.S_ISFIFO(path.lstat().st_mode)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    PipePreview(str(path)).close()


def test_a_reader_gets_whole_frames_with_boxes_and_numbers(path):
    with opened(path) as preview, closing(Reader(path)) as reader:
        for number in range(5):
            preview.show(noise(number), LOOK)
            assert reader.jpeg() == preview_jpeg(noise(number), LOOK)
        preview.show(Frame(picture(200), 0.0), LOOK)
        image = decode_image(reader.jpeg())
    assert image.shape == (120, 160, 3)
    assert shows_the_face(image)


@pytest.mark.parametrize(
    ("wh", "shown_wh"),
    [((1920, 1080), (1280, 720)), ((1080, 1920), (720, 1280)), ((1280, 720), (1280, 720))],
)
def test_a_large_frame_is_scaled_down_with_its_boxes(wh, shown_wh):
    box = np.array([0.5 * wh[0], 0.5 * wh[1], 0.75 * wh[0], 0.75 * wh[1]])
    image = decode_image(preview_jpeg(Frame(picture(0, wh), 0.0), look(1, found=faces(box))))
    assert image.shape == (shown_wh[1], shown_wh[0], 3)
    x0, y0, x1, y1 = (box * shown_wh[0] / wh[0]).astype(int)
    assert (image[y0 : y1 - 1, [x0, x1 - 1], 1] > 150).all()
    assert not (image[y1 + 5 :] > 50).any()
    assert not (image[:, x1 + 5 :] > 50).any()


def test_while_nobody_reads_nothing_is_drawn(path, monkeypatch):
    drawn = []
    draw = preview_jpeg
    monkeypatch.setattr(
        module,
        "preview_jpeg",
        lambda frame, look, **_: drawn.append(frame.time) or draw(frame, look),
    )
    with opened(path) as preview:
        for number in range(100):
            preview.show(noise(number, (64, 48)), LOOK)
    assert drawn == []
    with opened(path) as preview, closing(Reader(path)) as reader:
        preview.show(noise(1), LOOK)
        assert reader.jpeg()
    assert drawn == [1.0]


def is_held(path):
    """Whether this process has the pipe open."""
    for descriptor in range(256):
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return True
    return False


def test_readers_come_and_go(path):
    with opened(path) as preview:
        for number in range(4):
            with closing(Reader(path)) as reader:
                preview.show(noise(number), LOOK)
                while reader.jpeg() != preview_jpeg(noise(number), LOOK):
                    pass
            until(lambda: preview.show(Frame(picture(), 0.0), LOOK) or not is_held(path))


def test_after_a_reader_that_left_amid_a_frame_the_next_gets_a_whole_one(path):
    with opened(path) as preview:
        with closing(Reader(path)) as reader:
            preview.show(noise(0), LOOK)
            reader.wait()
        until(lambda: not is_held(path))
        with closing(Reader(path)) as reader:
            preview.show(noise(1), LOOK)
            assert reader.jpeg() == preview_jpeg(noise(1), LOOK)


def test_a_reader_that_stalls_holds_up_nothing_and_gets_the_newest_frame_next(path):
    with opened(path) as preview, closing(Reader(path)) as reader:
        preview.show(noise(0), LOOK)
        reader.wait()  # the beginning of the frame fills the pipe
        kept = []
        for number in range(1, 200):
            frame = noise(number, (320, 240))
            kept.append(weakref.ref(frame))
            preview.show(frame, LOOK)
        del frame
        assert [ref() is not None for ref in kept] == [False] * 198 + [True]
        assert reader.jpeg() == preview_jpeg(noise(0), LOOK)
        assert reader.jpeg() == preview_jpeg(noise(199, (320, 240)), LOOK)


def test_frames_that_come_too_fast_are_left_out(path):
    with opened(path, max_fps=0.001) as preview, closing(Reader(path)) as reader:
        for number in range(3):
            preview.show(noise(number), LOOK)
        assert reader.jpeg() == preview_jpeg(noise(0), LOOK)
        preview.close()
        with pytest.raises(EOFError, match="with 0 bytes"):
            reader.jpeg()


def test_closing_ends_the_stream_after_a_whole_frame(path, monkeypatch):
    monkeypatch.setattr(module, "STALL_SECONDS", WAIT)
    with opened(path) as preview, closing(Reader(path)) as reader:
        preview.show(noise(0), LOOK)
        threading.Thread(target=preview.close).start()
        assert reader.jpeg() == preview_jpeg(noise(0), LOOK)
        with pytest.raises(EOFError, match="with 0 bytes"):
            reader.jpeg()
        preview.show(noise(1), LOOK)


def test_closing_does_not_wait_for_a_reader_that_stalls(path):
    with opened(path) as preview, closing(Reader(path)) as reader:
        preview.show(noise(0), LOOK)
        reader.wait()
        preview.close()
        assert "preview" not in [thread.name for thread in threading.enumerate()]
        with pytest.raises(EOFError, match="bytes of a frame"):
            reader.jpeg()


ENDS_WHILE_DRAWING = """
import os, sys, threading
from tests.facepipe_io.edge import test_preview as t

def draw(*shown, draw=t.preview_jpeg, **_):
    drawing.set()
    return [draw(*shown) for _ in range(20)][0]

t.module.preview_jpeg = draw
drawing = threading.Event()
preview = t.PipePreview(sys.argv[1])
reader = t.Reader(sys.argv[1])
preview.show(t.noise(0), t.LOOK)
drawing.wait()
"""


def test_a_program_may_end_while_a_frame_is_drawn(path):
    program = [sys.executable, "-c", ENDS_WHILE_DRAWING, str(path)]
    subprocess.run(program, cwd=str(ROOT), check=True)


def test_a_pipe_that_is_deleted_is_made_again(path):
    with opened(path) as preview:
        path.unlink()
        preview.show(noise(0), LOOK)
        until(path.exists)
        with closing(Reader(path)) as reader:
            preview.show(noise(1), LOOK)
            while reader.jpeg() != preview_jpeg(noise(1), LOOK):
                pass
            path.unlink()
            preview.show(noise(2), LOOK)
            until(path.exists)
            assert stat.S_ISFIFO(path.lstat().st_mode)
        preview.show(noise(3), LOOK)


def put_file(path):
    path.with_name("other").write_bytes(b"mine")
    path.with_name("other").replace(path)


def put_link_to_a_pipe(path):
    os.mkfifo(str(path.parent / "other"))
    path.symlink_to(path.parent / "other")


def put_link_to_nothing(path):
    path.symlink_to(path.parent / "other")


@pytest.mark.parametrize("put", [put_file, put_link_to_a_pipe, put_link_to_nothing, Path.mkdir])
def test_what_is_there_and_no_pipe_is_refused(path, put):
    put(path)
    before = path.lstat()
    with pytest.raises(SettingsError) as told:
        PipePreview(str(path))
    assert str(told.value) == (
        f"FACEPIPE_PREVIEW names {path}, which is there but is no pipe; remove it, or name another"
    )
    assert path.lstat() == before


def test_a_device_is_refused():
    with pytest.raises(SettingsError, match="/dev/null, which is there but is no pipe"):
        PipePreview("/dev/null")


def test_a_pipe_of_somebody_else_is_refused(path, monkeypatch):
    os.mkfifo(str(path))
    if os.geteuid() == 0:
        os.chown(str(path), 65534, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 65534)
    with pytest.raises(SettingsError, match="a pipe of another user; remove it, or name another"):
        PipePreview(str(path))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere/results.mjpeg", "No such file or directory"),
        ("x" * 300, "File name too long"),
        ("results\0.mjpeg", "embedded null"),
        ("", "No such file or directory"),
    ],
)
def test_a_place_for_no_pipe_is_told_at_the_start(tmp_path, monkeypatch, name, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=f"no pipe can be made: {reason}") as told:
        PipePreview(name)
    assert len(told.value.problems) == 1


def show_until_told(preview, frame):
    """What the preview says went wrong, once it does."""
    told = []

    def is_told():
        try:
            preview.show(frame, LOOK)
        except (SettingsError, ImageError) as error:
            told.append(error)
        return told

    until(is_told)
    return told[0]


def is_well(preview, frame):
    try:
        preview.show(frame, LOOK)
    except (SettingsError, ImageError):
        return False
    return True


def test_what_goes_wrong_on_the_way_is_told_and_passes(path):
    fine, no_picture = Frame(picture(), 0.0), Frame(np.zeros((4, 4, 2), np.uint8), 0.0)
    with opened(path) as preview:
        put_file(path)
        assert "which is there but is no pipe" in str(show_until_told(preview, fine))
        assert path.read_bytes() == b"mine"
        path.unlink()
        until(lambda: is_well(preview, fine) and path.exists())
        with closing(Reader(path)) as reader:
            until(lambda: isinstance(show_until_told(preview, no_picture), ImageError))
            is_well(preview, noise(0))
            while reader.jpeg() != preview_jpeg(noise(0), LOOK):
                pass
            until(lambda: is_well(preview, fine))


def watched(camera, preview):
    return Agent(
        "hall",
        camera,
        CropPicker("hall", "4f9c", ScriptedDetector(ONE_FACE)),
        ListUplink(),
        on_frame=preview.show,
        max_fps=1000.0,
    )


def test_the_agent_shows_its_frames(path):
    with opened(path) as preview, closing(Reader(path)) as reader:
        stats = watched(ScriptedCamera(frames(9)), preview).run()
        assert reader.jpeg() == preview_jpeg(frames(1)[0], look(1))
    assert (stats.frames, stats.observer_errors) == (9, 0)


def test_the_agent_counts_what_goes_wrong_says_so_once_and_goes_on(path, caplog):
    class Endless(Camera):
        live = True
        reads = 0

        def read(self):
            self.reads += 1
            return Frame(picture(), 1000 + self.reads / 10)

    with opened(path) as preview, caplog.at_level(logging.INFO):
        agent = watched(Endless(), preview)
        agent.start()
        put_file(path)
        until(lambda: agent.stats.observer_errors > 2)
        agent.stop()
        stats = agent.join()
    assert (stats.crops, stats.lost) == (stats.uploaded, 0)
    assert "no pipe" in stats.last_error
    (told,) = [record for record in caplog.records if record.levelno > logging.INFO]
    assert told.exc_info is None


class Player:
    """A program that reads the pipe while frames are shown."""

    def __init__(self, folder, command, package):
        words = command.split()
        if shutil.which(words[0]) is None:
            pytest.skip(f"{package}: not installed")
        self._output = folder / "output"
        dummies = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "HOME": str(folder)}
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=str(folder),
                env={**os.environ, **dummies},
            )

    @property
    def output(self):
        return self._output.read_text("utf-8", "replace")

    def watch(self, preview, until_it_says=None):
        """Show frames until the program says something, or ends."""
        shown = noise(0)
        shown.image[:240] = 200

        def enough():
            preview.show(shown, LOOK)
            said = until_it_says is not None and until_it_says in self.output
            return said or self._process.poll() is not None

        until(enough)

    def end(self):
        """Wait for its end; its exit code."""
        return self._process.wait(WAIT)

    def close(self):
        self._process.kill()
        self._process.wait()


def test_ffmpeg_reads_it_and_so_does_the_next(path, tmp_path):
    command = "ffmpeg -nostdin -f mjpeg -i results.mjpeg -frames:v 3"
    command += " -pix_fmt bgr24 -f rawvideo -y read"
    with opened(path) as preview:
        for _ in range(2):
            with closing(Player(tmp_path, command, "ffmpeg")) as player:
                player.watch(preview)
                assert player.end() == 0, player.output
            read = np.fromfile(str(tmp_path / "read"), np.uint8).reshape(-1, 480, 640, 3)
            assert [shows_the_face(image) for image in read] == [True] * 3


def test_ffplay_shows_it(path, tmp_path):
    command = "ffplay -v verbose -f mjpeg -probesize 32 -autoexit results.mjpeg"
    with opened(path) as preview, closing(Player(tmp_path, command, "ffmpeg")) as player:
        player.watch(preview, "Created 640x480 texture")
        preview.close()
        assert player.end() == 0
        assert "Created 640x480 texture" in player.output


def test_mplayer_shows_it_as_on_a_deeplens(path, tmp_path):
    command = "mplayer -demuxer lavf -lavfdopts format=mjpeg:probesize=32 results.mjpeg"
    command += " -nolirc -vo null -frames 5"
    with opened(path) as preview, closing(Player(tmp_path, command, "mplayer")) as player:
        player.watch(preview)
        assert player.end() == 0
        assert "VO: [null] 640x480" in player.output
