"""Cropping, encoding and rating faces, beside bare slices and bare OpenCV.

    python -m benchmarks --only crops

What is compared is what facepipe's checks and its arithmetic of regions cost on top: the peers get
regions that are whole, inside the frame and large enough.
"""

from __future__ import annotations

from functools import partial
from typing import Iterator

import cv2
import numpy as np

from benchmarks.figures import Ratio, in_turns
from facepipe.crops import crop_regions, cut
from facepipe.detections import Detections
from facepipe.images import encode_jpeg, fit_within, sharpness
from facepipe_io.edge.cameras.demo import DemoCamera, sightings

WH = (1920, 1080)
FRAME = 60  # of the demo
FACES = (1, 5, 20, 100)
QUALITY = 90
PAD = 40  # pixels that the workshop adds on each side, of whatever face
INTO = ((960, 540), (480, 480), (320, 320))
SIDES = (60, 120, 300)  # of a face, in pixels


def picture() -> tuple[np.ndarray, np.ndarray]:
    """A frame of the demo, `WH`, and a face of it."""
    image = DemoCamera(0.0).paint(FRAME)
    x0, y0, x1, y1 = (round(at) for at in sightings(FRAME)[0].box)
    return cv2.resize(image, WH, interpolation=cv2.INTER_CUBIC), image[y0:y1, x0:x1]


def crowd(count: int) -> Detections:
    """Faces all over the frame, 40 to 120 pixels wide, the smaller the more they are."""
    random = np.random.default_rng(count)
    side = max(40.0, 120.0 / count**0.25) * random.uniform(0.8, 1.2, (count, 1))
    low = PAD + random.random((count, 2)) * (np.array(WH) - 2 * PAD - 1.15 * side)
    boxes = np.hstack([low, low + side * (0.85, 1.15)])
    return Detections(boxes, random.uniform(0.6, 1, count), np.ones(count, int))


def ours(frame: np.ndarray, faces: Detections) -> list[bytes]:
    """Regions, crops and JPEGs."""
    regions = crop_regions(faces, WH)
    return [encode_jpeg(cut(frame, region), QUALITY) for region in regions]


def bare(frame: np.ndarray, regions: list[list[int]]) -> list[bytes]:
    """Slices and JPEGs of regions that are known."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return [
        cv2.imencode(".jpg", frame[y0:y1, x0:x1], parameters)[1].tobytes()
        for x0, y0, x1, y1 in regions
    ]


def workshop(frame: np.ndarray, boxes: list[list[int]]) -> list[bytes]:
    """Padding by a number of pixels, no bounds, each crop encoded twice: to send and to show."""
    sent = []
    for x0, y0, x1, y1 in boxes:
        crop = frame[y0 - PAD : y1 + PAD, x0 - PAD : x1 + PAD]
        _, jpeg = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        _, shown = cv2.imencode(".jpg", crop)
        assert len(shown)
        sent.append(jpeg.tobytes())
    return sent


def bare_sharpness(face: np.ndarray) -> float:
    """The same measure of the same size, as samples write it."""
    grey = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_64F).var())


def ratio(what: str, peer: str, unit: str, one: object, other: object, seconds: float) -> Ratio:
    """Both, timed in turns."""
    scale = {"us": 1e6, "ms": 1e3}[unit]
    times = in_turns([one, other], seconds) * scale
    return Ratio.of_rounds("crops", what, peer, unit, times[:, 0], times[:, 1])


def figures(seconds: float) -> Iterator[Ratio]:
    """Every line of the table."""
    frame, portrait = picture()
    for count in FACES:
        faces = crowd(count)
        regions = crop_regions(faces, WH).tolist()
        assert ours(frame, faces) == bare(frame, regions), "the crops differ"
        what = f"crop and encode {count} face{'s' * (count > 1)} of 1080p"
        run = partial(ours, frame, faces)
        yield ratio(what, "slice, cv2.imencode", "us", run, partial(bare, frame, regions), seconds)
        whole = faces.boxes.astype(int).tolist()
        assert len(workshop(frame, whole)) == count
        yield ratio(what, "the workshop's", "us", run, partial(workshop, frame, whole), seconds)
    for wh in INTO:
        small = fit_within(frame, wh)
        size = small.shape[1::-1]
        mean = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        off = np.abs(small.astype(int) - mean).mean()
        assert off < 1.5, f"a picture that is off by {off}"
        yield ratio(
            f"fit 1080p within {wh[0]}x{wh[1]}",
            "cv2.resize INTER_AREA",
            "us",
            partial(fit_within, frame, wh),
            partial(cv2.resize, frame, size, interpolation=cv2.INTER_AREA),
            seconds,
        )
    for side in SIDES:
        face = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
        one, other = sharpness(face), bare_sharpness(face)
        assert 0.6 < one / other < 1.6, f"a sharpness of {one}, not {other}"
        run, peer = partial(sharpness, face), partial(bare_sharpness, face)
        yield ratio(f"sharpness of a {side} px face", "cv2.Laplacian", "us", run, peer, seconds)
