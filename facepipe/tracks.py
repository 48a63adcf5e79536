"""Who is who from frame to frame, and which view of whom to send.

`FaceTracker` numbers faces, `view_quality` rates one view of a face, and `BestShot` decides which
views are sent and when. None of them looks at pixels or at a clock: boxes, ratings and times are
passed in.
"""

from __future__ import annotations

import math
from itertools import compress
from typing import TYPE_CHECKING

import attrs
import numpy as np

from facepipe._arrays import as_wh
from facepipe._best_shot import BestShot, Shot
from facepipe._matching import Place, Track, closest_first, leaders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facepipe.detections import Detections

__all__ = ["BestShot", "FaceTracker", "Shot", "view_quality"]

#: A velocity follows what is seen within about this many seconds; what is quicker is jitter.
_SMOOTHING_SECONDS = 0.1

#: Faces in focus measure some 200 to 1600, smeared ones less than 100, which is also where the
#: variance of the Laplacian is commonly taken to tell sharp from blurred.
_SHARPNESS_HALF = 100.0

#: Rekognition's smallest face is 40 pixels a side in a Full HD frame, which rates a fifth, and
#: its smallest picture 80 (developer guide, "Guidelines and quotas"); 160 rates four fifths.
_SIDE_HALF = 80.0

#: Whoever is expected this far outside of the frame has left it; nearer, it may be jitter.
_BEYOND = 0.25

#: No face is less than a pixel, and none is so large that its numbers overflow.
_LEAST_AREA, _MOST_AREA = 1.0, 1e300


@attrs.define(eq=False)
class FaceTracker:
    """Gives each face the number that it had in earlier frames.

    Each face is expected where its velocity takes it; the closest pairs of expected and detected
    faces, by place and by size, are joined first. A face that is missed keeps its number for
    `max_gap_seconds`; after that the number is never used again. Detections that lie on one
    another are one face and have one number. It follows other things as well; what has another
    label is another thing.

    The numbers depend on the detections, not on their order. A clock that stands still or steps
    back is borne; one that steps by more than `max_gap_seconds`, either way, ends every track.
    There is no picture behind the numbers: somebody who comes back after that has a new one.

    Attributes:
        max_gap_seconds: how long a face may go unseen, 0 or more. To be followed at all, it has
            to be looked for more often than that.
        count: how many faces were numbered so far, which is the last number given.

    Example:
        >>> from facepipe.detections import Detections
        >>> tracker = FaceTracker()
        >>> ann, bob, carl = [10, 10, 50, 60], [200, 20, 240, 70], [400, 20, 440, 70]
        >>> tracker.update(Detections([ann, bob], [0.9, 0.8], [1, 1]), time=0.0)
        array([1, 2])
        >>> tracker.update(Detections([bob, carl], [0.8, 0.7], [1, 1]), time=0.1)
        array([2, 3])
        >>> tracker.update(Detections([ann, bob], [0.8, 0.7], [1, 1]), time=0.2)
        array([1, 2])
    """

    max_gap_seconds: float = attrs.field(default=1.5, validator=attrs.validators.ge(0))
    count: int = attrs.field(default=0, init=False)
    _tracks: list[Track] = attrs.field(init=False, factory=list)

    def update(
        self, detections: Detections, time: float, frame_wh: tuple[float, float] | None = None
    ) -> NDArray[np.int64]:
        """Number the faces of the next frame.

        Args:
            detections: what was found in the frame, nothing included.
            time: when the frame was taken, in seconds on any one clock.
            frame_wh: the frame's `(width, height)`. Where it is given, whoever is expected to
                have walked out of the frame ends there, and cannot be mistaken for the next
                person who comes in by the same door.

        Returns:
            `(N,)` int64 numbers, from 1, one for each detection.

        Raises:
            ShapeError: if `frame_wh` is no size.
        """
        known = [one for one in self._tracks if abs(time - one.time) <= self.max_gap_seconds]
        expected = [one.expected(time) for one in known]
        if frame_wh is not None:
            wh = as_wh(frame_wh)
            stay = [
                _is_inside(x, y, _BEYOND * one.side, wh) for one, (x, y, _) in zip(known, expected)
            ]
            known, expected = list(compress(known, stay)), list(compress(expected, stay))
        self._tracks = known
        # In an order of their own, so that the one they came in does not matter.
        boxes, labels = detections.boxes.tolist(), detections.labels.tolist()
        falling = (-detections.scores).tolist()
        keys = ((falling[i], *boxes[i][::-1], labels[i], i) for i in range(len(boxes)))
        order = [key[-1] for key in sorted(keys)]
        led = leaders([boxes[i] for i in order], [labels[i] for i in order])
        faces = {lead: _sighted(boxes[order[lead]], labels[order[lead]], time) for lead in led}
        self._number(list(faces.values()), expected)
        numbers = np.empty(len(order), np.int64)
        numbers[order] = [faces[lead].number for lead in led]
        return numbers

    def active(self, time: float) -> NDArray[np.int64]:
        """Numbers of the faces that were seen within `max_gap_seconds` of a time, oldest first."""
        recent = [one for one in self._tracks if abs(time - one.time) <= self.max_gap_seconds]
        return np.array([one.number for one in recent], np.int64)

    def _number(self, seen: list[Track], expected: list[Place]) -> None:
        """Join the faces of a frame with the tracks, and start tracks for the rest."""
        for row, column in closest_first(self._tracks, expected, seen):
            one, face = self._tracks[row], seen[column]
            x, y, _ = expected[row]
            while_seen = one.elapsed(face.time) + _SMOOTHING_SECONDS
            face.vx = one.vx + (face.x - x) / while_seen
            face.vy = one.vy + (face.y - y) / while_seen
            face.number, face.moving = one.number, True
            self._tracks[row] = face
        for face in seen:
            if not face.number:
                self.count += 1
                face.number = self.count
                self._tracks.append(face)


def _sighted(box: list[float], label: int, time: float) -> Track:
    """A track of one sighting, without a number."""
    x0, y0, x1, y1 = box
    area = max(x1 - x0, 0.0) * max(y1 - y0, 0.0)
    side = math.sqrt(min(max(_LEAST_AREA, area), _MOST_AREA))
    return Track(0, time, x0 / 2 + x1 / 2, y0 / 2 + y1 / 2, side, label)


def _is_inside(x: float, y: float, slack: float, wh: tuple[float, float]) -> bool:
    """Whether a place is in a frame, or outside it by no more than that."""
    return -slack <= x <= wh[0] + slack and -slack <= y <= wh[1] + slack


def view_quality(sharpness: float, side: float, score: float, visible: float) -> float:
    """Rate one view of a face, so that the best of several can be sent.

    The product of four shares, none of which falls when its argument rises. The first two are
    half full at 100 and at 80 pixels.

    Args:
        sharpness: of the face, 0 or more, as of `facepipe.images.sharpness`.
        side: of the face, in pixels of the frame that it is cut from.
        score: the detector's, 0 to 1.
        visible: how much of the face lies inside the frame, 0 to 1.

    Returns:
        0 to 1. What is out of range counts as the end of the range, NaN as 0.

    Example:
        >>> round(view_quality(sharpness=700, side=160, score=0.9, visible=1.0), 2)
        0.63
        >>> round(view_quality(sharpness=700, side=40, score=0.9, visible=1.0), 2)
        0.16
    """
    sharp = 1 - _SHARPNESS_HALF / (_SHARPNESS_HALF + max(0.0, sharpness))
    large = 1 - _SIDE_HALF**2 / (_SIDE_HALF**2 + max(0.0, side) * max(0.0, side))
    return sharp * large * min(max(0.0, score), 1.0) * min(max(0.0, visible), 1.0)
