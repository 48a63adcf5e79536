"""Who is who from frame to frame, and which view of whom to send.

`FaceTracker` numbers faces, `view_quality` rates one view of a face, and `BestShot` decides which
views are sent and when. None of them looks at pixels or at a clock: boxes, ratings and times are
passed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from facepipe._arrays import as_wh
from facepipe._best_shot import BestShot, Shot
from facepipe.boxes import box_area, box_iou

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from facepipe.detections import Detections

__all__ = ["BestShot", "FaceTracker", "Shot", "view_quality"]

# Lengths are in sides of the face, the square root of its box's area, so that near and far people
# are treated alike. A face is some 0.16 m wide; a walk across the picture at 1.4 m/s is 9 sides/s.

#: How far from where it is expected a face may be: at once, and more with every second unseen.
_REACH, _REACH_PER_SECOND = 0.6, 6.0

#: The most of it, for a face seen once, which may walk any way, and for one whose way is known.
_REACH_FIRST, _REACH_LATER = 2.0, 1.2

#: How much a face may grow or shrink between sightings, as a power of two: 0.8 is 1.74 times.
_RESIZE = 0.8

#: A velocity is worth less the longer ago it was seen, half after this many seconds.
_HORIZON_SECONDS = 3.0

#: A velocity follows what is seen within about this many seconds; what is quicker is jitter.
_SMOOTHING_SECONDS = 0.1

#: Boxes that share more of the smaller one than this are the same face, found twice.
_SAME_FACE = 0.7

#: Faces in focus measure some 200 to 1600, smeared ones less than 100, which is also where the
#: variance of the Laplacian is commonly taken to tell sharp from blurred.
_SHARPNESS_HALF = 100.0

#: Rekognition's smallest face is 40 pixels a side in a Full HD frame, which rates a fifth, and
#: its smallest picture 80 (developer guide, "Guidelines and quotas"); 160 rates four fifths.
_SIDE_HALF = 80.0

#: Whoever is expected this far outside of the frame has left it; nearer, it may be jitter.
_BEYOND = 0.25

_TRACK = np.dtype(
    [
        ("number", np.int64),
        ("time", np.float64),  # when last seen, in seconds
        ("centre", np.float64, 2),
        ("side", np.float64),
        ("velocity", np.float64, 2),  # pixels a second
        ("moving", np.bool_),  # whether the velocity is known: seen more than once
        ("label", np.int64),
    ]
)


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
    _tracks: NDArray[np.void] = attrs.field(init=False, factory=lambda: np.empty(0, _TRACK))

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
        known = self._tracks[np.abs(time - self._tracks["time"]) <= self.max_gap_seconds]
        expected = _expected(known, time)
        if frame_wh is not None:
            beyond = np.maximum(-expected, expected - as_wh(frame_wh))  # (T, 2), of either edge
            inside = (beyond <= _BEYOND * known["side"][:, None]).all(axis=1)
            known, expected = known[inside], expected[inside]
        self._tracks = known
        if not len(detections):
            return np.empty(0, np.int64)
        # In an order of their own, so that the one they came in does not matter.
        order = np.lexsort((detections.labels, *detections.boxes.T, -detections.scores))
        ordered = detections[order]
        faces, face_of = np.unique(_leaders(ordered), return_inverse=True)
        numbers = np.empty(len(ordered), np.int64)
        numbers[order] = self._number(_sighted(ordered[faces], time), expected)[face_of]
        return numbers

    def active(self, time: float) -> NDArray[np.int64]:
        """Numbers of the faces that were seen within `max_gap_seconds` of a time, oldest first."""
        recent = np.abs(time - self._tracks["time"]) <= self.max_gap_seconds
        return self._tracks["number"][recent]

    def _number(self, seen: NDArray[np.void], expected: NDArray[np.float64]) -> NDArray[np.int64]:
        """Join the faces of a frame with the tracks, and start tracks for the rest."""
        known = self._tracks
        tracks, faces = _closest_first(*_cost(known, expected, seen))
        elapsed = _elapsed(known[tracks], seen["time"][faces])
        surprise = seen["centre"][faces] - expected[tracks]
        change = surprise / (elapsed + _SMOOTHING_SECONDS)[:, None]
        seen["velocity"][faces] = known["velocity"][tracks] + change
        seen["number"][faces] = known["number"][tracks]
        seen["moving"][faces] = True
        known[tracks] = seen[faces]

        new = np.flatnonzero(seen["number"] == 0)
        seen["number"][new] = self.count + 1 + np.arange(len(new))
        self.count += len(new)
        self._tracks = np.concatenate([known, seen[new]])
        return seen["number"]


def _sighted(faces: Detections, time: float) -> NDArray[np.void]:
    """Tracks of one sighting each, without a number."""
    boxes = faces.boxes
    tracks = np.zeros(len(boxes), _TRACK)
    tracks["time"] = time
    tracks["label"] = faces.labels
    tracks["centre"] = (boxes[:, :2] + boxes[:, 2:]) / 2
    tracks["side"] = np.sqrt(np.maximum(box_area(boxes), 1.0))  # no face is less than a pixel
    return tracks


def _elapsed(tracks: NDArray[np.void], time: ArrayLike) -> NDArray[np.float64]:
    """How long each track was not seen, `(T,)`; 0 where the clock went back."""
    return np.maximum(time - tracks["time"], 0.0)


def _expected(tracks: NDArray[np.void], time: float) -> NDArray[np.float64]:
    """Where the centre of each track should be, `(T, 2)`."""
    elapsed = _elapsed(tracks, time)
    glide = elapsed / (1 + elapsed / _HORIZON_SECONDS)
    return tracks["centre"] + tracks["velocity"] * glide[:, None]


def _cost(
    known: NDArray[np.void], expected: NDArray[np.float64], seen: NDArray[np.void]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How badly each track fits each face of a frame, and whether it may be that face: `(T, N)`."""
    offset = expected[:, None, :] - seen["centre"]  # (T, N, 2)
    one, other = known["side"][:, None], seen["side"]
    distance = np.hypot(offset[..., 0], offset[..., 1]) / ((one + other) / 2)  # (T, N)
    resize = np.abs(np.log2(one / other))  # (T, N)
    most = np.where(known["moving"], _REACH_LATER, _REACH_FIRST)
    reach = np.minimum(_REACH + _REACH_PER_SECOND * _elapsed(known, seen["time"][0]), most)
    alike = known["label"][:, None] == seen["label"]
    return distance + resize, alike & (distance <= reach[:, None]) & (resize <= _RESIZE)


def _leaders(faces: Detections) -> NDArray[np.int64]:
    """For each box, best first, the row of the best box on the same face, often its own."""
    boxes, labels = faces.boxes, faces.labels
    leaders = np.arange(len(boxes))
    areas = box_area(boxes)
    overlap = box_iou(boxes, boxes)
    shared = overlap / (1 + overlap) * (areas[:, None] + areas[None, :])  # (N, N)
    same = shared > _SAME_FACE * np.minimum(areas[:, None], areas[None, :])
    same &= labels[:, None] == labels
    for row in np.flatnonzero(np.triu(same, 1).any(axis=0)):
        better = np.flatnonzero(same[:row, row] & (leaders[:row] == np.arange(row)))
        if len(better):
            leaders[row] = better[0]
    return leaders


def _closest_first(
    cost: NDArray[np.float64], possible: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Join rows with columns, cheapest pairs first, each at most once; older tracks win ties.

    On crowded walks an optimal assignment was no better at keeping people apart.
    """
    rows, columns = np.nonzero(possible)
    cheapest = np.argsort(cost[possible], kind="stable")
    taken_rows, taken_columns = set(), set()
    pairs = []
    for row, column in zip(rows[cheapest].tolist(), columns[cheapest].tolist()):
        if row not in taken_rows and column not in taken_columns:
            taken_rows.add(row)
            taken_columns.add(column)
            pairs.append((row, column))
    joined = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return joined[:, 0], joined[:, 1]


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
