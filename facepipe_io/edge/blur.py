"""Which parts of a frame are to be blurred, for nobody in it to be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facepipe.keys import FACE_LABEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facepipe_io.edge.cameras import Frame
    from facepipe_io.edge.picker import Look

#: How long a face that is not found any more is blurred where it was. Where frames are further
#: apart than that, in the one after it at least, if that is not much later.
KEEP_SECONDS = 1.0
NEXT_SECONDS = 5.0

#: Around a face: a detector's box ends at chin and brow.
_MARGIN = 0.15

#: How far the face may have gone, in widths and heights of its box a second, when it is not found.
_DRIFT_PER_SECOND = 1.0

#: Whole people have faces, too. Labels with one of these words are theirs: COCO has "person", Open
#: Images has "Human face" and "Girl".
_LABELS = frozenset(
    {FACE_LABEL, "person", "people", "pedestrian", "head", "man", "woman", "boy", "girl", "child"}
)


class FaceBlur:
    """Says what to blur, frame by frame.

    The faces that were found, and people; and each face that was found within the last second but
    is not now, a little larger the longer that is ago, for detectors miss one now and then. Where
    a classifier looks, which finds none, all of the frame. A detector of other things leaves the
    faces of people that it does not look for.

    Example:
        >>> from facepipe.detections import Detections
        >>> from facepipe_io.edge.cameras import Frame
        >>> from facepipe_io.edge.picker import NOBODY, NO_TRACKS, Look
        >>> image, blur = np.zeros((100, 200, 3), np.uint8), FaceBlur()
        >>> found = Look(Detections([[50, 20, 70, 40]], [0.9], [1]), np.array([7]), [])
        >>> blur.boxes(Frame(image, 0.0), found)
        array([[47., 17., 73., 43.]])
        >>> blur.boxes(Frame(image, 0.5), Look(NOBODY, NO_TRACKS, []))
        array([[37.,  7., 83., 53.]])
        >>> blur.boxes(Frame(image, 1.5), Look(NOBODY, NO_TRACKS, [])).shape
        (0, 4)
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, list[float]]] = {}  # when and where, by track
        self._time = -np.inf  # of the last frame

    def boxes(self, frame: Frame, look: Look) -> NDArray[np.float64]:
        """What to blur in the next frame.

        Args:
            frame: the frame.
            look: what was found in it.

        Returns:
            `(M, 4)` float64 boxes in pixels of the frame; they may reach beyond it.
        """
        if look.probabilities is not None:
            height, width = frame.image.shape[:2]
            return np.array([[0.0, 0.0, width, height]])
        rows = [row for row, label in enumerate(look.names) if _has_face(label)]
        now = {
            track: (frame.time, box)
            for track, box in zip(look.tracks[rows].tolist(), look.detections.boxes[rows].tolist())
        }
        keep = max(KEEP_SECONDS, min(abs(frame.time - self._time), NEXT_SECONDS))
        self._time = frame.time
        missing = {
            track: seen
            for track, seen in self._seen.items()
            # In a scene that is still nothing has changed: whoever was there is there yet.
            if track not in now and (look.still or abs(frame.time - seen[0]) <= keep)
        }
        self._seen = {**missing, **now}
        found = look.detections.boxes[rows]  # all of them: two may have one track
        times = np.array([frame.time] * len(found) + [time for time, _ in missing.values()])
        boxes = np.vstack([found, *(box for _, box in missing.values())])
        away = np.minimum(np.abs(frame.time - times), KEEP_SECONDS)
        beyond = _MARGIN + _DRIFT_PER_SECOND * away
        grow = beyond[:, None] * (boxes[:, 2:] - boxes[:, :2])  # (M, 2)
        return np.hstack([boxes[:, :2] - grow, boxes[:, 2:] + grow])


def _has_face(label: str) -> bool:
    return not _LABELS.isdisjoint(label.lower().split())
