"""Which faces of a frame are one face found twice, and which of them are whom we know.

Only what is near is compared: a grid is laid over the frame, and those that touch the same cells
are looked at. So the work grows with the faces and with how many of them crowd around each, and
not with the pairs that could be made of them. It is plain Python: a frame has a few faces, for
which a call of NumPy costs more than the arithmetic.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Iterable, Sequence, Tuple

import attrs

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

#: Boxes that share more of the smaller one than this are the same face, found twice.
_SAME_FACE = 0.7

#: Up to so many pairs, comparing all is quicker than a grid.
_FEW_PAIRS = 1024

# How wide a side of a track's is, of the mean of it and a face's, at most; and a little more, since
# it decides only what is compared.
_WIDEST = (1 + 2**_RESIZE) / 2 * 1.001

Box = Sequence[float]
Cell = Tuple[int, int]
Place = Tuple[float, float, float]

_ONE_CELL = ((0, 0),)


@attrs.define(eq=False)
class Track:
    """Somebody who is followed, as last seen.

    Attributes:
        number: theirs, from 1; 0 where it is not known yet.
        time: of the sighting, in seconds.
        x, y: the middle of the face, in pixels.
        side: of the face, in pixels.
        label: the detector's class number.
        vx, vy: their velocity, in pixels a second.
        moving: whether the velocity is known, since they were seen more than once.
    """

    number: int
    time: float
    x: float
    y: float
    side: float
    label: int
    vx: float = 0.0
    vy: float = 0.0
    moving: bool = False

    def elapsed(self, time: float) -> float:
        """How long they were not seen; 0 where the clock went back."""
        return max(time - self.time, 0.0)

    def expected(self, time: float) -> Place:
        """Where the middle of the face should be, and how far from there it may be, in sides."""
        elapsed = self.elapsed(time)
        glide = elapsed / (1 + elapsed / _HORIZON_SECONDS)
        most = _REACH_LATER if self.moving else _REACH_FIRST
        reach = min(_REACH + _REACH_PER_SECOND * elapsed, most)
        return self.x + self.vx * glide, self.y + self.vy * glide, reach


def leaders(boxes: Sequence[Box], labels: Sequence[int]) -> list[int]:
    """For each box, best first, the index of the best box on the same face, often its own.

    A box is compared with the leaders of its cells. Boxes of one size that are not on one another
    leave room for few of these, so that the work is linear however many lie in one place. It is
    quadratic where many great boxes hold many small ones.
    """
    areas = [(x1 - x0) * (y1 - y0) if x0 < x1 else 0.0 for x0, y0, x1, y1 in boxes]
    side = _cell_side(boxes, len(boxes) ** 2)
    near: dict[Cell, list[int]] = defaultdict(list)
    found: list[int] = []
    for index, box in enumerate(boxes):
        x0, y0, x1, y1 = box
        cells, leader = _cells(box, side), index
        for cell in cells:
            for other in near[cell]:  # the best first
                if other >= leader:
                    break
                a0, b0, a1, b1 = boxes[other]
                if x0 < a1 and a0 < x1 and y0 < b1 and b0 < y1 and labels[other] == labels[index]:
                    width = (x1 if x1 < a1 else a1) - (x0 if x0 > a0 else a0)
                    height = (y1 if y1 < b1 else b1) - (y0 if y0 > b0 else b0)
                    if width * height > _SAME_FACE * min(areas[index], areas[other]) > 0.0:
                        leader = other
                        break
        if leader == index:
            for cell in cells:
                near[cell].append(index)
        found.append(leader)
    return found


def closest_first(
    known: Sequence[Track], expected: Sequence[Place], seen: Sequence[Track]
) -> list[tuple[int, int]]:
    """Join tracks with the faces of a frame, the pairs that fit best first, each at most once.

    Older tracks win ties. On crowded walks an optimal assignment was no better at keeping people
    apart. A track is compared with the faces of the cells that it reaches. Those are few as long as
    no two faces are on one another, but where many small ones are before a great one.

    Args:
        known: the tracks, the oldest first.
        expected: where each should be, and how far from there it may be.
        seen: the faces of the frame.

    Returns:
        Pairs of an index into `known` and one into `seen`.
    """
    if not (known and seen):
        return []
    areas = []  # in which the middle of each face must be
    for track, (x, y, reach) in zip(known, expected):
        far = reach * track.side * _WIDEST
        areas.append((x - far, y - far, x + far, y + far))
    side = _cell_side(areas, len(known) * len(seen))
    near: dict[Cell, list[tuple[float, float, int]]] = defaultdict(list)
    for column, face in enumerate(seen):
        for cell in _cells((face.x, face.y, face.x, face.y), side):
            near[cell].append((face.x, face.y, column))
    fits = []
    for row, area in enumerate(areas):
        left, top, right, bottom = area
        for cell in _cells(area, side):
            for x, y, column in near.get(cell, ()):
                if left <= x <= right and top <= y <= bottom:
                    misfit = _misfit(known[row], expected[row], seen[column])
                    if misfit is not None:
                        fits.append((misfit, row, column))
    fits.sort()
    rows, columns = set(), set()
    pairs = []
    for _, row, column in fits:
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((row, column))
    return pairs


def _misfit(track: Track, expected: Place, face: Track) -> float | None:
    """How badly a track fits a face; None if it cannot be that face."""
    x, y, reach = expected
    distance = math.hypot(x - face.x, y - face.y)
    distance /= (track.side + face.side) / 2
    resize = abs(math.log2(track.side / face.side))
    if distance > reach or resize > _RESIZE or track.label != face.label:
        return None
    return distance + resize


def _cell_side(boxes: Sequence[Box], pairs: int) -> float:
    """How wide cells should be; infinitely wide where there are few pairs.

    At twice the root of the mean square of the boxes' longer sides, a box touches two or three of
    them on average, however the sizes differ.
    """
    if pairs <= _FEW_PAIRS:
        return math.inf
    sides = [max(x1 - x0, y1 - y0, 1.0) for x0, y0, x1, y1 in boxes]
    return 2.0 * math.sqrt(sum([side * side for side in sides]) / len(sides))


def _cells(box: Box, side: float) -> Iterable[Cell]:
    """The cells that a box touches; of infinitely wide ones there is one."""
    if side == math.inf:
        return _ONE_CELL
    x0, y0, x1, y1 = box
    left, right = int(x0 // side), int(x1 // side)
    top, bottom = int(y0 // side), int(y1 // side)
    if left == right and top == bottom:
        return ((left, top),)
    return [(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)]
