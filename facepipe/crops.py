"""Which part of a frame to send for a face.

Rekognition scores a face better with head and shoulders around it than cut at the chin, and
refuses pictures of less than 80 pixels a side (developer guide, "Guidelines and quotas").
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from facepipe._arrays import LONGEST_SIDE, as_wh
from facepipe.boxes import clip_boxes
from facepipe.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facepipe.detections import Detections


def crop_regions(
    detections: Detections,
    frame_wh: tuple[int, int],
    *,
    margin: float = 0.4,
    min_side: int = 80,
    square: bool = True,
) -> NDArray[np.int64]:
    """The region of the frame to cut for each detection.

    A region lies wholly inside the frame, contains its face as far as that does, and is at least
    `min_side` wide and high wherever the frame is. It is centred on the face, and moved aside
    where the frame ends.

    Args:
        detections: `N` detections in pixels of the frame.
        frame_wh: the frame's `(width, height)`, whole pixels.
        margin: share of the face's width added left and right, and of its height above and below.
        min_side: the least width and height, in pixels; 80 is Rekognition's.
        square: whether to make width and height equal wherever the frame has room for it.

    Returns:
        `(N, 4)` int64 regions `x0, y0, x1, y1`; row `i` is that of detection `i`.

    Raises:
        ShapeError: if `frame_wh` is no size, or `margin` or `min_side` no finite number.

    Example:
        >>> from facepipe.detections import Detections
        >>> found = Detections([[100, 100, 200, 200], [0, 0, 10, 10]], [0.9, 0.8], [1, 1])
        >>> crop_regions(found, (640, 480))
        array([[ 60,  60, 240, 240],
               [  0,   0,  80,  80]])
    """
    if not (math.isfinite(margin) and math.isfinite(min_side)):
        raise ShapeError("margin and min_side", "finite numbers", f"{margin} and {min_side}")
    width, height = as_wh(frame_wh, "frame_wh")
    if width % 1 or height % 1 or max(width, height) > LONGEST_SIDE:
        raise ShapeError("frame_wh", "a frame's (width, height) in whole pixels", repr(frame_wh))
    frame = np.array([width, height])
    boxes = clip_boxes(detections.boxes, frame_wh)
    face, far = boxes[:, :2], boxes[:, 2:]
    wh = far - face
    low, high = np.floor(face), np.ceil(far)  # (N, 2), as all that follow
    least = np.maximum(high - low, min_side)
    sides = np.maximum(np.ceil(wh * (1 + 2 * margin)), least)
    if square:
        # Not larger than the frame's shorter side: a region that has to give up a part of its
        # margin is better than one that is not square.
        sides = np.minimum(np.maximum(sides, sides[:, ::-1]), frame.min())
    sides = np.minimum(np.maximum(sides, least), frame)
    start = np.rint(face + (wh - sides) / 2)
    start = np.maximum(start, np.maximum(high - sides, 0))
    start = np.minimum(start, np.minimum(low, frame - sides))
    regions = np.empty((len(boxes), 4), np.int64)
    regions[:, :2] = start
    regions[:, 2:] = start + sides
    return regions


def cut(frame: NDArray[Any], region: Sequence[int]) -> NDArray[Any]:
    """The part of a frame that a region names.

    Args:
        frame: `(H, W)` or `(H, W, C)`.
        region: `x0, y0, x1, y1`, one row of `crop_regions`.

    Returns:
        A view of the frame, not a copy: copy it before the frame is reused, or to let go of the
        frame's memory.

    Example:
        >>> cut(np.zeros((480, 640, 3)), [60, 60, 240, 240]).shape
        (180, 180, 3)
    """
    # Python slices several times faster with its own numbers than with those of NumPy.
    x0, y0, x1, y1 = region.tolist() if isinstance(region, np.ndarray) else region
    return frame[y0:y1, x0:x1]
