"""How the work on each frame grows, with the faces in it and with its pixels.

    python -m benchmarks --only growth

At small sizes a fixed cost hides how the rest grows, so an exponent is fitted over the upper half
of the sizes; those are all that is measured.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Callable, Iterator

import cv2
import numpy as np

from benchmarks.figures import Growth, in_turns
from facepipe.crops import crop_regions
from facepipe.detections import Detections
from facepipe.images import blurred, draw_faces, encode_jpeg, fit_within, sharpness, thumbnail
from facepipe.motion import MotionGate
from facepipe.tracks import BestShot, FaceTracker

WH = (1920, 1080)
FPS = 15.0
FRAMES = 16  # of a crowd, played to and fro
#: The upper half of 1, 4, 16, ... 4,096 faces.
FACES = (64, 256, 1024, 4096)
#: The upper half of 480p, 720p, 1080p, 1440p and 4K.
FRAME_SIZES = ((1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
PLACES = 20  # around which all faces crowd, in the worst case


def crowd(count: int) -> list[Detections]:
    """People before a camera: the more, the smaller; they sway, and the detector's boxes jitter."""
    random = np.random.default_rng(count)
    across = int(np.ceil((count * WH[0] / WH[1]) ** 0.5))
    down = -(-count // across)
    cell = np.stack([np.arange(count) % across, np.arange(count) // across], 1) + 0.5
    side = min(200.0, 0.5 * WH[0] / across) * np.exp(random.normal(0, 0.2, (count, 1)))
    centre = cell * WH / (across, down) + random.normal(0, 0.1, (count, 2)) * side
    return frames(random, centre, side)


def heap(count: int) -> list[Detections]:
    """The worst case: faces of one size on one another, around a few places."""
    random = np.random.default_rng(count)
    places = random.random((PLACES, 2)) * WH
    centre = places[np.arange(count) % PLACES] + random.normal(0, 20, (count, 2))
    return frames(random, centre, np.full((count, 1), 80.0))


def frames(random: np.random.Generator, centre: np.ndarray, side: np.ndarray) -> list[Detections]:
    """Some frames of the same faces, `(N, 2)` and `(N, 1)`."""
    count = len(centre)
    sway, scores = random.normal(0, 0.1, (count, 2)) * side, random.uniform(0.6, 1, count)
    found = []
    for step in range(FRAMES):
        at = centre + np.sin(step / FRAMES * np.pi) * sway
        at += random.normal(0, 0.02, (count, 2)) * side
        half = side / 2 * (0.85, 1.15)
        found.append(Detections(np.hstack([at - half, at + half]), scores, np.ones(count, int)))
    return found


def follow(found: list[Detections]) -> Callable[[], object]:
    """A tracker that sees one frame after the other."""
    tracker = FaceTracker()
    steps = itertools.cycle([*range(FRAMES), *reversed(range(FRAMES))])
    clock = itertools.count()

    def update() -> None:
        tracker.update(found[next(steps)], next(clock) / FPS, WH)

    update()
    return update


def choose(count: int) -> Callable[[], object]:
    """A frame in which everybody is seen."""
    best, clock = BestShot(), itertools.count()

    def offer() -> None:
        time = next(clock) / FPS
        best.due(time)
        for track in range(count):
            best.offer(track, 0.5, time, None)

    return offer


def prepare(found: Detections) -> Detections:
    """A detector's answer, as the loop uses it."""
    return Detections(found.boxes.copy(), found.scores.copy(), found.labels).above(0.7).clipped(WH)


def grown(
    what: str, size: str, sizes: list[float], calls: list[Callable[[], object]], seconds: float
) -> Growth:
    """All sizes, timed in turns."""
    rounds = in_turns(calls, seconds) * 1e6
    return Growth.of_rounds("frame", what, size, "us", sizes, rounds, bound=1.0)


def over_faces(seconds: float) -> Iterator[Growth]:
    """What is done for each face."""
    picture = np.zeros((WH[1], WH[0], 3), np.uint8)
    for where, make in (("crowd", crowd), ("20 heaps", heap)):
        scenes = {count: make(count) for count in FACES}
        firsts = [scene[0] for scene in scenes.values()]
        for scene in firsts:  # it follows them: who is seen again has no new number
            tracker = FaceTracker()
            assert np.array_equal(tracker.update(scene, 0.0), tracker.update(scene, 0.1))
        work: dict[str, list[Callable[[], object]]] = {
            "FaceTracker.update": [follow(scene) for scene in scenes.values()]
        }
        if make is crowd:  # where the faces are matters to no other
            work["BestShot.due and offer"] = [choose(count) for count in FACES]
            work["Detections, above, clipped"] = [partial(prepare, each) for each in firsts]
            work["crop_regions"] = [partial(crop_regions, each, WH) for each in firsts]
            work["draw_faces on 1080p"] = [partial(draw_faces, picture, each) for each in firsts]
        for name, calls in work.items():
            yield grown(f"{name}, {where}", "faces", list(FACES), calls, seconds)


def gate(small: np.ndarray) -> Callable[[], object]:
    """A gate before a scene in which nothing moves."""
    motion = MotionGate(linger_seconds=0, idle_seconds=1e9)
    motion.is_due(small, 0.0)
    return partial(motion.is_due, small, 0.1)


def over_pixels(seconds: float) -> Iterator[Growth]:
    """What is done for each frame."""
    random = np.random.default_rng(7)
    coarse = random.integers(0, 255, (90, 160, 3)).astype(np.uint8)
    pictures = [cv2.resize(coarse, wh, interpolation=cv2.INTER_CUBIC) for wh in FRAME_SIZES]

    def still(picture: np.ndarray) -> Callable[[], object]:
        is_due = gate(thumbnail(picture))
        return lambda: (thumbnail(picture), is_due())

    def shares(picture: np.ndarray) -> list[list[float]]:
        height, width = picture.shape[:2]
        return [[0.1 * width, 0.1 * height, 0.9 * width, 0.9 * height]]

    work: dict[str, Callable[[np.ndarray], Callable[[], object]]] = {
        "thumbnail and MotionGate": still,
        "fit_within 480x480": lambda picture: partial(fit_within, picture, (480, 480)),
        "sharpness of all of it": lambda picture: partial(sharpness, picture),
        "encode_jpeg of all of it": lambda picture: partial(encode_jpeg, picture),
        "blurred, two thirds of it": lambda picture: partial(blurred, picture, shares(picture)),
    }
    pixels = [float(width * height) for width, height in FRAME_SIZES]
    for name, make in work.items():
        calls = [make(picture) for picture in pictures]
        yield grown(name, "pixels", pixels, calls, seconds)


def figures(seconds: float) -> Iterator[Growth]:
    """Every line of the table."""
    yield from over_faces(seconds)
    yield from over_pixels(seconds)
