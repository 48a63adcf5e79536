"""The device's agent beside the workshop's loop, and its own work over the faces in view.

Both look at the same decoded frames, with the same detector, and put into the same bucket on
loopback. The scene is of two people who stay in view for six seconds. The time that frames tell is
the camera's, 15 a second, whatever the machine makes of it.

`processor` is the processor's time of all threads, `clock` what passes meanwhile; both include all
but decoding. Where YuNet's model or the clip is missing, OpenCV's own cascade and the demo serve.

The agent's own work is all but detector, decoding and JPEG; the detector then is one that knows.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator, Tuple

import attrs
import cv2
import numpy as np

from benchmarks import device, workshop
from benchmarks.figures import Growth, Ratio
from benchmarks.loopback import Counts, Loopback, LoopbackBus, loopback
from facepipe.detections import FACE, Detections
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.detectors.base import Detector
from facepipe_io.edge.picker import CropPicker
from facepipe_io.edge.uplink import S3Uplink
from facepipe_io.edge.uplink.spool import Spool

SIZES = {"480p": (854, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
FRAMES, FEWEST_FRAMES = 90, 5
FACES = (4, 16, 64)
TURNS = 6  # pictures in which each face sways once
PEER = "workshop's loop"

#: Looks at a camera's frames; how many faces it saw, and in how many frames it did not look.
Side = Callable[[device.MemoryCamera, Detector, Loopback], Tuple[int, int]]


@attrs.frozen
class Pass:
    """What one side made of the frames.

    Attributes:
        clock, processor: milliseconds a frame.
        faces: seen in all frames.
        still: frames in which nobody was looked for.
        counts: what reached the cloud.
    """

    clock: float
    processor: float
    faces: int
    still: int
    counts: Counts


def measured(
    side: Side, images: list[np.ndarray], frames: int, detector: Detector, cloud: Loopback
) -> Pass:
    """Let one side look at the frames."""
    camera = device.MemoryCamera(images, frames)
    clock, processor = time.perf_counter(), time.process_time()
    faces, still = side(camera, detector, cloud)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    return Pass(clock / frames * 1e3, processor / frames * 1e3, faces, still, cloud.take())


def agent(camera: device.MemoryCamera, detector: Detector, cloud: Loopback) -> tuple[int, int]:
    """The device's agent, with its spool on disk."""
    with tempfile.TemporaryDirectory() as folder:
        stats = Agent(
            "bench",
            camera,
            CropPicker("bench", "0000", detector),
            S3Uplink("crops", cloud.client),
            spool=Spool(folder),
            bus=LoopbackBus(cloud.broker),
            clock=lambda: camera.time,
        ).run()
    assert stats.detector_errors == stats.uplink_errors == stats.bus_errors == 0, stats
    assert stats.uploaded == stats.crops, stats
    return stats.faces, stats.still


def loop(camera: device.MemoryCamera, detector: Detector, cloud: Loopback) -> tuple[int, int]:
    """The workshop's."""
    with contextlib.closing(LoopbackBus(cloud.broker)) as bus:
        frames = iter(camera.read, None)
        return workshop.run("bench", frames, detector, cloud.client, bus), 0


def passes(
    images: list[np.ndarray], frames: int, detector: Detector, cloud: Loopback, seconds: float
) -> tuple[list[Pass], list[Pass]]:
    """Both sides in turns, for so long or once."""
    ours: list[Pass] = []
    theirs: list[Pass] = []
    end = time.perf_counter() + seconds
    while not ours or time.perf_counter() < end:
        for side, done in ((agent, ours), (loop, theirs)):
            done.append(measured(side, images, frames, detector, cloud))
    faces, seen = ours[0].faces, theirs[0].faces
    assert 0 < faces <= seen, f"the agent saw {faces} faces, the loop {seen}"
    assert faces == seen or ours[0].still, f"of {seen} faces {seen - faces} were missed"
    return ours, theirs


def ratios(what: str, ours: list[Pass], theirs: list[Pass]) -> Iterator[Ratio]:
    """A line for each figure."""
    for name in ("clock", "processor"):
        yield Ratio.of_rounds(
            "agent",
            f"{what}, a frame, {name}",
            PEER,
            "ms",
            [getattr(each, name) for each in ours],
            [getattr(each, name) for each in theirs],
        )

    def counted(name: str, unit: str, count: Callable[[Pass], float], **more: bool) -> Ratio:
        figures = count(ours[0]), count(theirs[0])
        return Ratio.of_counts("agent", f"{what}, {name}", PEER, unit, *figures, **more)

    yield counted("faces seen", "faces", lambda each: each.faces, more_is_better=True)
    yield counted("calls of S3", "calls", lambda each: each.counts.calls)
    yield counted(
        "of the crops put, left in the bucket",
        "%",
        lambda each: 100 * each.counts.kept / each.counts.calls,
        more_is_better=True,
    )
    yield counted("messages", "messages", lambda each: each.counts.messages)
    yield counted("sent", "kB", lambda each: each.counts.sent / 1e3)


def scene(wh: tuple[int, int], frames: int, data: Path) -> list[np.ndarray]:
    """Two people in view; the first half of a clip, and then backwards, so that nothing jumps."""
    path = data / "video" / device.CLIPS[0]
    count = frames // 2 + 1
    if path.is_file():
        images = device.clip(str(path), wh, count=count)
    else:
        images = device.clip("demo", wh, 50, count)
    return images + images[-2:0:-1]


class KnowingDetector(Detector):
    """Knows where the faces are in each of its pictures.

    Args:
        truth: of each picture.
    """

    name = "known"
    first_class = FACE

    def __init__(self, truth: list[tuple[np.ndarray, Detections]]) -> None:
        self._known = {id(image): found for image, found in truth}

    def detect(self, image: np.ndarray) -> Detections:
        """Say where."""
        return self._known[id(image)]


def crowd(hall: np.ndarray, faces: int) -> list[tuple[np.ndarray, Detections]]:
    """Pictures of a hall with so many faces in rows, each of which sways, and where they are."""
    portrait = np.random.default_rng(7).integers(0, 256, (90, 70, 3), np.uint8)
    portrait = cv2.GaussianBlur(portrait, (3, 3), 0)
    truth = []
    for turn in range(TURNS):
        image = hall.copy()
        boxes = []
        for number in range(faces):
            angle = 2 * math.pi * (turn / TURNS + number / 64)
            x = 80 + 230 * (number % 8) + round(8 * math.cos(angle))
            y = 30 + 130 * (number // 8) + round(8 * math.sin(angle))
            size = round(60 + 4 * math.sin(angle)), round(80 + 5 * math.sin(angle))
            image[y : y + size[1], x : x + size[0]] = cv2.resize(portrait, size)
            boxes.append((x, y, x + size[0], y + size[1]))
        found = Detections(np.array(boxes, float).reshape(-1, 4), [0.9] * faces, [FACE] * faces)
        truth.append((image, found))
    return truth


def own_work(seconds: float) -> Growth:
    """Milliseconds a frame of the agent's own, over the faces in view."""
    frames = FRAMES if seconds > 0.1 else FEWEST_FRAMES
    hall = device.clip("demo", count=1)[0]
    runs = []
    for faces in FACES:
        truth = crowd(hall, faces)
        detector, images = KnowingDetector(truth), [image for image, _ in truth]
        assert device.run(detector, images, frames)["faces"] == faces * frames
        runs.append((detector, images))
    rounds = []
    end = time.perf_counter() + 5 * seconds
    while not rounds or time.perf_counter() < end:
        rounds.append([device.run(*each, frames)["own"] for each in runs])
    table = np.array(rounds)  # (rounds, sizes)
    return Growth.of_rounds("agent", "own work at 1080p", "faces in view", "ms", FACES, table)


def figures(seconds: float) -> Iterator[Ratio | Growth]:
    """Both sides at each size, the agent's cost over the frame's area, and over the faces."""
    data = Path(os.environ.get("FACEPIPE_DATA", "../shared/data"))
    has_model = (data / device.YUNET).is_file()
    detector = open_detector("yunet", str(data / device.YUNET)) if has_model else None
    detector = detector or open_detector("haar")
    frames = FRAMES if seconds > 0.1 else FEWEST_FRAMES
    areas, spent = [], []
    with loopback() as cloud:
        for name, wh in SIZES.items():
            images = scene(wh, frames, data)
            if not spent:
                for side in (agent, loop):
                    measured(side, images, FEWEST_FRAMES, detector, cloud)  # warms up
            ours, theirs = passes(images, frames, detector, cloud, 8 * seconds)
            yield from ratios(name, ours, theirs)
            areas.append(round(wh[0] * wh[1] / 1e6, 2))
            spent.append([each.processor for each in ours])
    rounds = np.array(list(zip(*spent)))  # as many as the size that had the fewest
    yield Growth.of_rounds("agent", "a frame, processor", "megapixels", "ms", areas, rounds)
    yield own_work(seconds)
