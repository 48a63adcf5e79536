"""The live page's price: the agent's frames a second, without it and with ten viewers.

    python benchmarks/live.py [--seconds 120] [--seed 7] [--data ../shared/data]

The agent's process, page included, is held to one core; the viewers are in a process of their own,
held to another one, as they would be on other machines. Frames of 1920x1080 lie in memory and come
as those of a live camera do, at nine tenths of the rate that the core can look at when it does
nothing else: what the page takes beyond the last tenth, it takes from the agent.

In turns the page is left out, and shown to ten viewers. They open it as browsers do, watch, and
leave at random: some say goodbye, some are cut off, some stop reading for a while. Turns that
follow each other are compared, so that other work on the machine weighs on both.

With a folder of test data the detector is YuNet; without, OpenCV's own cascade.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import websocket_connect

from facepipe_io.edge.agent import Agent
from facepipe_io.edge.cameras import Camera, Frame, open_camera
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.detectors.base import Detector
from facepipe_io.edge.live.preview import LivePreview
from facepipe_io.edge.picker import CropPicker
from facepipe_io.edge.preview import Preview
from facepipe_io.edge.uplink import FolderUplink

WH = (1920, 1080)
VIEWERS = 10
WATCH_SECONDS = 3.0  # the mean, of an exponential distribution
LOAD = 0.9
TURN_SECONDS = 5.0
WARM_SECONDS = 1.0  # of a turn; not counted
CALIBRATION_SECONDS = 5.0
YUNET = "models/face_detection_yunet_2023mar.onnx"


class LiveMemory(Camera):
    """Frames that lie in memory, as a live camera of so many a second."""

    source = "memory"
    live = True

    def __init__(self, images: list[np.ndarray], fps: float) -> None:
        self._images = images
        self._period = 1 / fps
        self._due = time.monotonic()
        self._count = 0

    def read(self) -> Frame:
        """The next frame, when it is due."""
        now = time.monotonic()
        self._due = max(self._due + self._period, now - self._period)  # not all of what was late
        time.sleep(max(0.0, self._due - now))
        self._count += 1
        return Frame(self._images[self._count % len(self._images)], time.time())


def demo(count: int = 60) -> list[np.ndarray]:
    """Frames of the demo in which people walk, 1920x1080."""
    images = []
    with closing(open_camera("demo", start_time=0.0)) as camera:
        for index, frame in enumerate(iter(camera.read, None)):
            if 80 <= index < 80 + count:
                images.append(cv2.resize(frame.image, WH, interpolation=cv2.INTER_CUBIC))
    return images


class Stand:
    """An agent that runs, and a page that it is told to show its frames on, or not to.

    Args:
        detector: finds the faces.
        images: what the camera shows.
        fps: the camera's.
    """

    def __init__(self, detector: Detector, images: list[np.ndarray], fps: float) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        self._page = LivePreview("http://:0", camera="bench", token_file=folder / "token")
        self.url = self._page.url
        self._shown = Preview()
        self._agent = Agent(
            "bench",
            LiveMemory(images, fps),
            CropPicker("bench", "0000", detector, every_frame=True),
            FolderUplink(folder / "crops"),
            on_frame=lambda frame, look: self._shown.show(frame, look),
            max_fps=1e6,
        )
        self._page.follow(lambda: self._agent.stats)
        self._agent.start()

    def rate(self, seconds: float, *, page: bool = False) -> float:
        """Frames looked at a second, with or without the page."""
        self._shown = self._page if page else Preview()
        time.sleep(WARM_SECONDS)
        frames, start = self._agent.stats.frames, time.monotonic()
        time.sleep(seconds - WARM_SECONDS)
        return (self._agent.stats.frames - frames) / (time.monotonic() - start)

    def close(self) -> None:
        """End."""
        self._agent.stop()
        stats = self._agent.join()
        self._page.close()
        self._folder.cleanup()
        assert stats.detector_errors == stats.observer_errors == stats.lost == 0, stats


class Viewers:
    """Ten who come and go, while they are told to.

    Args:
        seed: of what they do.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._is_told_to_go = False
        self._visits = 0
        self._pictures = 0

    async def watch(self) -> None:
        """Do as standard input says: a URL to come to, or "go"; tell at its end what was seen."""
        visitors: list[asyncio.Future[None]] = []
        loop = asyncio.get_event_loop()
        while True:
            told = (await loop.run_in_executor(None, sys.stdin.readline)).strip()
            self._is_told_to_go = not told.startswith("http")
            if self._is_told_to_go:
                await asyncio.gather(*visitors)
            else:
                visitors = [asyncio.ensure_future(self._visit(told)) for _ in range(VIEWERS)]
            if not told:
                print(json.dumps([self._visits, self._pictures]))
                return

    async def _visit(self, url: str) -> None:
        client = AsyncHTTPClient()
        while not self._is_told_to_go:
            for name in ("", "live.css", "live.js"):
                await client.fetch(url + name)
            connection = await websocket_connect(url.replace("http", "ws") + "watch")
            self._visits += 1
            await self._look(connection)
            connection.close()
            await asyncio.sleep(self._random.random() / 2)

    async def _look(self, connection: Any) -> None:
        leave = time.monotonic() + self._random.expovariate(1 / WATCH_SECONDS)
        while time.monotonic() < leave and not self._is_told_to_go:
            message = await connection.read_message()
            assert message is not None, connection.close_code
            self._pictures += isinstance(message, bytes)
        way = self._random.choice(["goodbye", "cut off", "stall"])
        if way == "stall":
            await asyncio.sleep(self._random.random())
        elif way == "cut off":
            connection.protocol.stream.close()


def hold(core: int) -> None:
    """Hold this process to one of the cores that it may use, where that is possible."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)]})


def soak(stand: Stand, viewers: subprocess.Popen[str], turns: int) -> list[tuple[float, float]]:
    """Frames a second without and with the page, pair by pair."""
    assert viewers.stdin is not None
    pairs = []
    for _ in range(turns // 2):
        without = stand.rate(TURN_SECONDS)
        print(stand.url, file=viewers.stdin, flush=True)
        pairs.append((without, stand.rate(TURN_SECONDS, page=True)))
        print("go", file=viewers.stdin, flush=True)
        print(f"  {pairs[-1][0]:10.1f} {pairs[-1][1]:10.1f}   {pairs[-1][1] / pairs[-1][0]:.3f}")
    return pairs


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="how long in all")
    parser.add_argument("--seed", type=int, default=7, help="of what viewers do")
    default = os.environ.get("FACEPIPE_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(default), help="a folder of test data")
    parser.add_argument("--watch", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.watch:
        hold(1)
        asyncio.run(Viewers(given.seed).watch())
        return

    model = given.data / YUNET
    detector = open_detector("yunet", str(model)) if model.is_file() else open_detector("haar")
    images = demo()
    cv2.setNumThreads(1)
    with ExitStack() as stack:
        command = [sys.executable, __file__, "--watch", "--seed", str(given.seed)]
        viewers = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        hold(0)
        with closing(Stand(detector, images, 1e6)) as stand:
            most = stand.rate(CALIBRATION_SECONDS)
        stand = stack.enter_context(closing(Stand(detector, images, LOAD * most)))
        print(f"1920x1080, {detector.name}, one core: {most:.1f} frames a second at most")
        print(f"a live camera of {LOAD * most:.1f}")
        print(f"  {'no page':>10} {'10 viewers':>10}   ratio")
        pairs = soak(stand, viewers, int(given.seconds / TURN_SECONDS))
        visits, pictures = json.loads(viewers.communicate()[0])
    without, watched = zip(*pairs)
    ratios = sorted(after / before for before, after in pairs)
    print(f"  {statistics.median(without):10.1f} {statistics.median(watched):10.1f}   "
          f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")  # fmt: skip
    seen = pictures / (len(pairs) * TURN_SECONDS * VIEWERS)
    print(f"{visits} visits; {seen:.1f} pictures a second for each viewer, absences included")


if __name__ == "__main__":
    main()
