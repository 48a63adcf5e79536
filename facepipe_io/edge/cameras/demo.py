"""The demo: a generated video of real faces, with the truth about who is in it.

Two public-domain portraits that other packages carry walk across a painted hall: Grace Hopper (US
Navy, in matplotlib) and Eileen Collins (NASA, in scikit-image). In other clothes and sizes they
make eight visitors who come, stop, pass in front of one another, leave and, one of them, return.
Everything is a function of the frame's number: two runs show the same picture, and `sightings` and
`visits` say what a perfect detector would find.
"""

from __future__ import annotations

import math
from typing import Sequence, Tuple

import attrs
import cv2
import numpy as np

from facepipe_io.edge.cameras.base import Camera, Frame
from facepipe_io.edge.cameras.demo_art import (
    COUNTER,
    HEIGHT,
    PORTRAITS,
    WIDTH,
    blend,
    cut_out,
    paint_counter,
    paint_hall,
)

FPS = 10.0
SECONDS = 42.0

#: A face counts as seen while at least this share of it is in the frame and nobody is before it.
SEEN = 0.7


Box = Tuple[float, float, float, float]
Place = Tuple[float, float, float]  # x and y of the middle of the face, scale of the portrait


@attrs.frozen
class Visitor:
    """Somebody of the demo.

    Attributes:
        name: portrait and clothes; who comes back keeps it.
        portrait: `hopper` or `collins`.
        head: height of the head in pixels of the frame; the nearer, the larger.
        mirrored: whether the portrait is turned left to right.
        hue: colour of the clothes, OpenCV's 0 to 179; None leaves them as they are.
        path: `(seconds, x)` waypoints of the middle of the face, at least two.
    """

    name: str
    portrait: str
    head: int
    mirrored: bool
    hue: int | None
    path: tuple[tuple[float, float], ...]

    @property
    def scale(self) -> float:
        """Pixels of the frame for one of the portrait."""
        top, bottom = PORTRAITS[self.portrait].head
        return self.head / (bottom - top)


LEFT, RIGHT = -260.0, 1540.0  # out of the frame, shoulders included

#: The cast, farthest first: who stands later in the list walks in front.
# fmt: off
VISITORS = (
    Visitor("collins-blue", "collins", 150, True, 103,
            ((10, RIGHT), (13, 930), (21, 890), (25, RIGHT))),
    Visitor("hopper-black", "hopper", 154, False, None,
            ((0, LEFT), (3.2, 330), (9, 380), (12.5, LEFT))),
    Visitor("hopper-red", "hopper", 152, True, 176,
            ((26, RIGHT), (29, 1010), (37, 960), (41, RIGHT))),
    Visitor("collins-plum", "collins", 156, False, 150,
            ((25, LEFT), (28.5, 250), (36, 290), (39.5, LEFT))),
    Visitor("collins-orange", "collins", 170, False, None,
            ((1.5, RIGHT), (5.5, 800), (12, 640), (17, LEFT))),
    Visitor("hopper-blue", "hopper", 172, True, 112,
            ((14, LEFT), (18, 420), (27.5, 520), (32, RIGHT))),
    Visitor("collins-orange", "collins", 170, False, None,
            ((30.5, LEFT), (34, 640), (38, 660), (41.5, LEFT))),
    Visitor("hopper-green", "hopper", 190, False, 72,
            ((19, RIGHT), (22, 1090), (24, 1080), (27, RIGHT))),
    Visitor("collins-green", "collins", 196, True, 66,
            ((5.5, LEFT), (8.6, 150), (9.6, 150), (12.2, LEFT))),
)
# fmt: on


@attrs.frozen
class Sighting:
    """One visitor in one frame.

    Attributes:
        name: the visitor.
        box: `x0, y0, x1, y1` of the face in pixels; it may reach out of the frame.
        visible: share of the face, 0 to 1, that is in the frame and behind nobody.
    """

    name: str
    box: tuple[float, float, float, float]
    visible: float


@attrs.frozen
class Visit:
    """One visitor's stay, from the first frame that shows the face to the last.

    Attributes:
        name: the visitor.
        enters: seconds from the start of the video.
        leaves: likewise; the end of the last frame in which the face is seen.
        boxes: frame number to the face's box, for the frames in which it is seen.
    """

    name: str
    enters: float
    leaves: float
    boxes: dict[int, tuple[float, float, float, float]]


def sightings(index: int) -> list[Sighting]:
    """Who is in a frame, farthest first; those wholly out of it are left out.

    Example:
        >>> [(s.name, s.visible) for s in sightings(60)]
        [('hopper-black', 1.0), ('collins-orange', 1.0)]
    """
    placed = [(visitor, _place(visitor, index)) for visitor in VISITORS]
    present = [(visitor, place) for visitor, place in placed if place is not None]
    found = []
    for depth, (visitor, place) in enumerate(present):
        box = _face_box(visitor, place)
        visible = _visible(box, present[depth + 1 :])
        if visible > 0:
            found.append(Sighting(visitor.name, box, visible))
    return found


def visits() -> list[Visit]:
    """Everybody's stays, in the order of their coming."""
    stays: list[tuple[str, dict[int, tuple[float, float, float, float]]]] = []
    open_stays: dict[str, dict[int, tuple[float, float, float, float]]] = {}
    for index in range(int(FPS * SECONDS)):
        present = {sighting.name: sighting for sighting in sightings(index)}
        open_stays = {name: boxes for name, boxes in open_stays.items() if name in present}
        for name, sighting in present.items():
            if sighting.visible >= SEEN:
                if name not in open_stays:
                    open_stays[name] = {}
                    stays.append((name, open_stays[name]))
                open_stays[name][index] = sighting.box
    return [
        Visit(name, enters=min(boxes) / FPS, leaves=(max(boxes) + 1) / FPS, boxes=boxes)
        for name, boxes in stays
    ]


class DemoCamera(Camera):
    """The demo as a camera: a recording of known length.

    Args:
        start_time: time of the first frame, seconds since the epoch.

    Raises:
        CameraError: when matplotlib or scikit-image, whose portraits it shows, is not installed.
    """

    def __init__(self, start_time: float) -> None:
        self.source = "demo"
        self.fps = FPS
        self.total = int(FPS * SECONDS)
        self._start_time = start_time
        self._index = 0
        self._hall = paint_hall()
        self._counter = paint_counter()
        self._cutouts = [
            cut_out(v.portrait, scale=v.scale, mirrored=v.mirrored, hue=v.hue) for v in VISITORS
        ]

    def read(self) -> Frame | None:
        """The next frame; None after the last."""
        index = self._index
        if index >= int(FPS * SECONDS):
            return None
        self._index += 1
        return Frame(self.paint(index), self._start_time + index / FPS)

    def paint(self, index: int) -> np.ndarray:
        """The picture with that number: `(720, 1280, 3)` uint8, BGR."""
        image = self._hall.copy()
        for visitor, (cutout, anchor) in zip(VISITORS, self._cutouts):
            place = _place(visitor, index)
            if place is not None:
                blend(image, cutout, round(place[0] - anchor[0]), round(place[1] - anchor[1]))
        blend(image, self._counter, 0, HEIGHT - len(self._counter))
        return image


def _place(visitor: Visitor, index: int) -> Place | None:
    """Where a visitor is in a frame; None when they are not there."""
    now = index / FPS
    for (t0, x0), (t1, x1) in zip(visitor.path, visitor.path[1:]):
        if t0 <= now <= t1:
            part = (now - t0) / (t1 - t0)
            x = x0 + (x1 - x0) * part * part * (3 - 2 * part)  # starts and stops gently
            step = 4.0 * abs(math.sin(x / 38.0))
            # The counter hides what the portraits do not show: 1.15 heads below the face's middle.
            y = COUNTER - 1.12 * visitor.head - step
            return x, y, visitor.scale
    return None


def _face_box(visitor: Visitor, place: Place) -> Box:
    x, y, scale = place
    x0, y0, x1, y1 = PORTRAITS[visitor.portrait].face
    half_width, half_height = (x1 - x0) * scale / 2, (y1 - y0) * scale / 2
    return x - half_width, y - half_height, x + half_width, y + half_height


def _outline(visitor: Visitor, place: Place) -> np.ndarray:
    """The person's outline in pixels of the frame: `(N, 2)` float."""
    x, y, scale = place
    portrait = PORTRAITS[visitor.portrait]
    points = (portrait.polygon() - portrait.middle()) * scale
    if visitor.mirrored:
        points[:, 0] *= -1
    return np.asarray(points + np.array((x, y)))


def _visible(box: Box, nearer: Sequence[tuple[Visitor, Place]]) -> float:
    x0, y0, x1, y1 = (round(edge) for edge in box)
    open_pixels = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
    open_pixels[:, max(-x0, 0) : max(WIDTH - x0, 0)] = 1
    for visitor, place in nearer:
        points = np.round(_outline(visitor, place) - (x0, y0)).astype(np.int32)
        cv2.fillPoly(open_pixels, [points], 0)
    return float(open_pixels.mean())
