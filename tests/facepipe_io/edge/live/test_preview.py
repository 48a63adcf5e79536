from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
import subprocess
import sys
import threading
import weakref
from contextlib import closing, contextmanager
from pathlib import Path

import attrs
import numpy as np
import pytest

from facepipe.emotions import FaceEmotions
from facepipe.errors import ImageError
from facepipe.images import decode_image
from facepipe.keys import parse_key
from facepipe.records import ScoredCrop
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.cameras import Frame
from facepipe_io.edge.live import preview as module
from facepipe_io.edge.live import server as server_module
from facepipe_io.edge.live.preview import LivePreview
from facepipe_io.edge.picker import NO_TRACKS, NOBODY, Crop, CropPicker, Look
from facepipe_io.edge.preview import preview_jpeg
from facepipe_io.errors import SettingsError
from tests.facepipe_io.edge.helpers import (
    ListUplink,
    ScriptedCamera,
    ScriptedDetector,
    faces,
    frames,
    picture,
    wait_for,
)
from tests.facepipe_io.edge.live.clients import Watcher, fetch, run

ROOT = Path(__file__).resolve().parents[4]
NOON = 1_800_000_000.0
FACE = faces([40, 30, 90, 90])
EMPTY = Look(NOBODY, NO_TRACKS, [])


@pytest.fixture
def opened(tmp_path, monkeypatch):
    monkeypatch.setattr(server_module, "TELL_SECONDS", 0.02)

    @contextmanager
    def make(address="http://127.0.0.1:0", **options):
        options = {"max_fps": 1e6, "token_file": tmp_path / "state" / "preview-token", **options}
        before = set(threading.enumerate())
        with closing(LivePreview(address, camera="hall-1", **options)) as preview:
            yield preview
        wait_for(lambda: set(threading.enumerate()) <= before, 10)

    return make


def noise(number, wh=(160, 120)):
    """A frame unlike any other."""
    pixels = np.random.default_rng(number).integers(0, 255, (wh[1], wh[0], 3), np.uint8)
    return Frame(pixels, NOON + number / 10)


def look(*tracks, found=FACE, **more):
    return Look(found, np.array(tracks or [7]), [], **more)


def image(jpeg):
    return decode_image(jpeg).astype(int)


# ---- pictures ----


def test_a_viewer_sees_frames_with_boxes_and_what_is_known_of_people(opened):
    key = "faces/hall-1/2027/01/15/08/20270115T080000000Z-4f9c-7-0.jpg"
    scored = ScoredCrop(key, "hall-1", parse_key(key).captured_at, 1, FaceEmotions({"SAD": 90.0}))

    async def scenario(preview):
        async with Watcher(preview.url) as watcher:
            await watcher.figures(viewers=1, state="waiting")
            assert preview.viewers == 1
            for number in range(3):
                preview.show(noise(number), look())
                assert await watcher.picture() == preview_jpeg(noise(number), look(), texts=["7"])
            preview.show(noise(3), attrs.evolve(look(), crops=[Crop(key, b"a JPEG", 7, 0)]))
            preview.scored(scored)
            await watcher.figures(now=1, state="live", emotions=True)
            preview.show(noise(4), look())
            await watcher.picture(preview_jpeg(noise(4), look(), texts=["7 sad"]))
            said = await watcher.figures()
            assert [mood["word"] for mood in said["moods"]] == ["sad"]
            answer = await fetch(preview.url, f"crops/{said['crops'][0]['id']}.jpg")
            assert answer.body == b"a JPEG"

    with opened(emotions=True) as preview:
        run(scenario(preview))


def test_while_nobody_watches_nothing_is_drawn(opened, monkeypatch):
    drawn = []

    def draw(frame, *rest, **more):
        drawn.append(frame.time)
        return preview_jpeg(frame, *rest, **more)

    async def scenario(preview):
        async with Watcher(preview.url) as one, Watcher(preview.url) as other:
            await one.figures(viewers=2)
            preview.show(noise(1), look())
            for watcher in (one, other):
                await watcher.picture(preview_jpeg(noise(1), look()))
        wait_for(lambda: not preview.viewers)

    monkeypatch.setattr(module, "preview_jpeg", draw)
    with opened() as preview:
        for number in range(50):
            preview.show(noise(number), look())
        assert drawn == []
        run(scenario(preview))
        assert drawn.count(noise(1).time) == 1  # for both
        assert set(drawn) <= {noise(1).time, noise(49).time}  # the last one, when they came
        before = len(drawn)
        for number in range(50):
            preview.show(noise(number), look())
    assert len(drawn) == before


def test_who_comes_while_the_camera_waits_sees_its_last_frame(opened):
    async def scenario(preview):
        for _ in range(2):
            async with Watcher(preview.url) as watcher:
                assert await watcher.picture() == preview_jpeg(noise(9), look())
            wait_for(lambda: not preview.viewers)

    with opened() as preview:
        for number in range(10):
            preview.show(noise(number), look())
        run(scenario(preview))


def test_frames_that_come_too_fast_are_left_out_and_let_go(opened):
    async def scenario(preview):
        async with Watcher(preview.url) as watcher:
            await watcher.figures(viewers=1)
            preview.show(noise(0), look())
            await watcher.picture()
            kept = []
            for number in range(1, 50):
                frame = noise(number)
                kept.append(weakref.ref(frame))
                preview.show(frame, look())
            del frame
            assert [ref() is not None for ref in kept] == [False] * 48 + [True]

    with opened(max_fps=0.001) as preview:
        run(scenario(preview))


def test_showing_never_waits_for_who_draws_or_watches(opened, monkeypatch):
    gate, drawing = threading.Event(), threading.Event()

    def draw(*shown, **more):
        drawing.set()
        assert gate.wait(30)
        return preview_jpeg(*shown, **more)

    shown = [noise(number) for number in range(7)]

    async def scenario(preview):
        async with Watcher(preview.url) as watcher:
            await watcher.figures(viewers=1)
            preview.show(shown[0], look())
            drawing.wait(30)
            for number in range(1, 1000):
                preview.show(shown[number % 7], look())
            await watcher.figures()
            gate.set()
            assert await watcher.picture() == preview_jpeg(shown[0], look())
            assert await watcher.picture() == preview_jpeg(shown[999 % 7], look())

    monkeypatch.setattr(module, "preview_jpeg", draw)
    with opened() as preview:
        run(scenario(preview))


@pytest.mark.skipif(sys.platform != "linux", reason="niceness: threads have none of their own")
def test_drawing_lets_others_go_first(opened, monkeypatch):
    niceness = []

    def draw(*shown, **more):
        niceness.append(os.nice(0))
        return preview_jpeg(*shown, **more)

    async def scenario(preview):
        async with Watcher(preview.url) as watcher:
            await watcher.figures(viewers=1)
            preview.show(noise(0), look())
            await watcher.picture()

    monkeypatch.setattr(module, "preview_jpeg", draw)
    before = os.nice(0)
    with opened() as preview:
        run(scenario(preview))
        assert os.nice(0) == before
    assert set(niceness) == {min(before + 10, 19)}


def test_what_cannot_be_drawn_is_told_to_who_shows_it_and_passes(opened):
    bad = Frame(np.zeros((4, 4, 2), np.uint8), NOON)

    def is_told(preview, frame=bad):
        try:
            preview.show(frame, look())
        except ImageError:
            return True
        return False

    async def scenario(preview):
        async with Watcher(preview.url) as watcher:
            await watcher.figures(viewers=1)
            wait_for(lambda: is_told(preview))
            wait_for(lambda: not is_told(preview, noise(1)))
            await watcher.picture(preview_jpeg(noise(1), look()))
            wait_for(lambda: is_told(preview))
        wait_for(lambda: not preview.viewers)
        preview.show(bad, look())  # nobody watches, so nothing goes wrong

    with opened() as preview:
        preview.show(bad, look())
        run(scenario(preview))


# ---- blurring ----


def test_faces_are_blurred_also_those_that_the_detector_misses(opened):
    frame, area = noise(0), (slice(40, 80), slice(50, 80))

    def contrast(jpeg):
        return image(jpeg)[area].std()

    async def scenario(preview):
        async with Watcher(preview.url) as watcher:
            await watcher.figures(blurred=True)
            for number, found in enumerate([look(), EMPTY, EMPTY]):
                preview.show(Frame(frame.image, NOON + number / 10), found)
                shown = await watcher.picture()
                assert contrast(shown) < 25
                assert image(shown)[100:, :30].std() > 40
            preview.show(Frame(frame.image, NOON + 1.2), EMPTY)
            assert contrast(await watcher.picture()) > 40

    with opened(blur=True) as preview:
        run(scenario(preview))


def test_a_face_that_was_seen_while_nobody_watched_is_blurred_for_who_comes(opened):
    async def scenario(preview):
        async with Watcher(preview.url) as watcher:
            assert image(await watcher.picture())[40:80, 50:80].std() < 25

    with opened(blur=True) as preview:
        preview.show(noise(0), look())
        preview.show(Frame(noise(0).image, NOON + 0.1), EMPTY)
        run(scenario(preview))


# ---- the end ----


def test_the_end_is_told_and_the_last_frame_stays(opened):
    async def scenario(preview):
        async with Watcher(preview.url) as watcher:
            preview.show(noise(1), look())
            await watcher.picture()
            preview.end()
            await watcher.figures(state="ended")
        async with Watcher(preview.url) as late:
            await late.figures(state="ended")
            await late.picture(preview_jpeg(noise(1), look()))

    with opened() as preview:
        run(scenario(preview))


def test_closing_while_viewers_are_there_tells_them(opened):
    async def scenario(preview):
        async with Watcher(preview.url) as one, Watcher(preview.url) as other:
            await one.figures(viewers=2)
            preview.show(noise(1), look())
            await asyncio.get_event_loop().run_in_executor(None, preview.close)
            for watcher in (one, other):
                await watcher.figures(state="ended")
                assert await watcher.closed() == 1001
        preview.close()
        preview.show(noise(2), look())
        preview.end()

    with opened() as preview:
        run(scenario(preview))


ENDS_WHILE_DRAWING = """
import asyncio, sys, threading
from tests.facepipe_io.edge.live import test_preview as t

def draw(*shown, draw=t.preview_jpeg, **more):
    drawing.set()
    return [draw(*shown, **more) for _ in range(20)][0]

async def scenario():
    async with t.Watcher(preview.url) as watcher:
        await watcher.figures(viewers=1)
        preview.show(t.noise(0, (640, 480)), t.look())
        drawing.wait()

t.module.preview_jpeg = draw
drawing = threading.Event()
preview = t.LivePreview("http://127.0.0.1:0", camera="hall", token_file=t.Path(sys.argv[1]))
t.run(scenario())
"""


def test_a_program_may_end_while_a_frame_is_drawn(tmp_path):
    program = [sys.executable, "-c", ENDS_WHILE_DRAWING, str(tmp_path / "token")]
    ended = subprocess.run(program, cwd=str(ROOT), check=True, stderr=subprocess.PIPE)
    assert ended.stderr == b""


# ---- the address ----


def test_on_loopback_there_is_no_token(opened, tmp_path):
    with opened() as preview:
        assert preview.url.startswith("http://127.0.0.1:")
        assert preview.url.endswith("/")
    assert not list(tmp_path.iterdir())


def test_elsewhere_a_token_is_needed_and_kept_and_in_no_log(opened, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(module, "is_loopback", lambda host: False)
    urls = []
    for _ in range(2):
        with opened() as preview:
            urls.append(preview.url)
            assert run(fetch(preview.url)).code == 401
            assert run(fetch(preview.url, "?" + preview.url.partition("?")[2])).code == 303
    token = (tmp_path / "state" / "preview-token").read_text().strip()
    assert [url.partition("?token=")[2] for url in urls] == [token, token]
    assert token not in caplog.text
    assert stat.S_IMODE((tmp_path / "state" / "preview-token").stat().st_mode) == 0o600


def test_a_port_that_is_taken_is_told_in_a_sentence(opened):
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        before = threading.active_count()
        with pytest.raises(SettingsError) as told, opened(f"http://:{port}"):
            pass
    assert str(told.value) == (
        f"FACEPIPE_PREVIEW (or --live) names http://127.0.0.1:{port}/, where no page can be "
        "served: another program has that port; name another one, such as http://:8081"
    )
    assert threading.active_count() == before


def test_a_token_that_cannot_be_kept_leaves_the_port_free(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "is_loopback", lambda host: False)
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    refused = pytest.raises(SettingsError, match="FACEPIPE_PREVIEW_TOKEN_FILE names")
    with refused, opened(f"http://:{port}", token_file=tmp_path):
        pass
    with opened(f"http://:{port}", token_file=tmp_path / "token"):
        pass


@pytest.mark.parametrize("package", ["tornado.httpserver", "plotly.offline"])
def test_what_is_not_installed_is_told_in_a_sentence(opened, package, monkeypatch):
    for name in ("server", "pages", "viewer"):
        monkeypatch.delitem(sys.modules, f"facepipe_io.edge.live.{name}")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingsError) as told, opened():
        pass
    assert str(told.value).startswith("the live page needs Tornado and plotly (")
    assert str(told.value).endswith("): pip install 'facepipe[live]'")


# ---- the agent ----


def test_the_agent_shows_its_frames(opened):
    async def scenario(preview):
        async with Watcher(preview.url) as watcher:
            await watcher.figures(viewers=1)
            agent = Agent(
                "hall-1",
                ScriptedCamera(frames(40, fps=20.0, start=NOON)),
                CropPicker("hall-1", "4f9c", ScriptedDetector(FACE)),
                ListUplink(),
                on_frame=preview.show,
            )
            preview.follow(lambda: agent.stats)
            stats = await asyncio.get_event_loop().run_in_executor(None, agent.run)
            preview.end()
            last, said, is_shown = preview_jpeg(Frame(picture(1), NOON), look(1)), None, False
            while said is None or not is_shown:  # whichever comes first
                message = await watcher.next()
                is_shown = is_shown or message == last
                if isinstance(message, dict) and message["state"] == "ended":
                    said = message
            return stats, said

    with opened() as preview:
        stats, said = run(scenario(preview))
    assert (stats.frames, stats.observer_errors, stats.people) == (40, 0, 1)
    assert (said["now"], said["so_far"], said["spool"], said["trouble"]) == (1, 1, 0, "")
    assert said["emotions"] is False
    assert said["curve"]["shares"] == []
    assert [crop["title"] for crop in said["crops"]] == ["person 1"]
    assert json.dumps(said)
