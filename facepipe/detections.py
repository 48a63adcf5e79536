"""What a detector found in a frame.

`Detections` holds boxes, scores and labels side by side; one constructor for each wire format
turns a detector's raw output into it. All of them speak in pixels of the whole frame, and drop a
detector's rubbish: rows with a NaN or an infinity, empty or inverted boxes, the background class,
scores outside 0 to 1.
"""

from __future__ import annotations

import operator
from itertools import chain
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import attrs
import numpy as np

from facepipe._arrays import LONGEST_SIDE, as_boxes, as_floats, as_vector, as_wh
from facepipe.boxes import clip_boxes, nms
from facepipe.errors import ShapeError
from facepipe.yolo_output import yolo_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from facepipe.letterbox import Letterbox

#: The label of detectors that know faces only.
FACE = 1

# The weights of detectMultiScale3 are sums over a cascade's last stage and have no upper bound.
# weight / (weight + 3) puts them in 0-1 in the same order; a clear frontal face scores above 0.5.
_HALF_WEIGHT = 3.0


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """The array itself where it is nobody else's and cannot be written to, else such a copy."""
    if array.flags.writeable or array.base is not None:
        array = array.copy()
        array.flags.writeable = False
    return array


def _own_boxes(boxes: ArrayLike) -> NDArray[np.float64]:
    return _own(as_boxes(boxes))


def _own_scores(scores: ArrayLike) -> NDArray[np.float64]:
    return _own(as_vector(scores, None, "scores"))


def _own_labels(labels: ArrayLike) -> NDArray[np.int64]:
    return _own(as_vector(labels, None, "labels", np.int64))


_SAME = attrs.cmp_using(eq=np.array_equal)


@attrs.frozen
class Detections:
    """What a detector found in one frame, in the detector's own order.

    Attributes:
        boxes: `(N, 4)` float64, `x0, y0, x1, y1` in pixels of the frame, read-only.
        scores: `(N,)` float64, 0 to 1, read-only.
        labels: `(N,)` int64, the detector's class numbers, read-only.

    Raises:
        ShapeError: if they do not fit each other, or hold a NaN or an infinity.

    Example:
        >>> found = Detections([[10, 10, 50, 60], [12, 9, 52, 58]], [0.9, 0.7], [1, 1])
        >>> len(found), len(found.above(0.8)), len(found.nms(0.5))
        (2, 1, 1)
        >>> found[found.scores < 0.8].boxes
        array([[12.,  9., 52., 58.]])
    """

    boxes: NDArray[np.float64] = attrs.field(converter=_own_boxes, eq=_SAME)
    scores: NDArray[np.float64] = attrs.field(converter=_own_scores, eq=_SAME)
    labels: NDArray[np.int64] = attrs.field(converter=_own_labels, eq=_SAME)

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def __attrs_post_init__(self) -> None:
        as_vector(self.scores, len(self.boxes), "scores")
        as_vector(self.labels, len(self.boxes), "labels", np.int64)
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.scores).all()):
            raise ShapeError("boxes and scores", "finite numbers", "NaN or infinity")

    @classmethod
    def _of(cls, boxes: Any, scores: Any, labels: Any) -> Detections:
        """Detections of arrays that are good, and nobody else's: this costs no check, no copy."""
        made = object.__new__(cls)
        for name, array in (("boxes", boxes), ("scores", scores), ("labels", labels)):
            array.flags.writeable = False
            object.__setattr__(made, name, array)
        return made

    def __reduce__(self) -> Any:
        # Through the constructor: arrays come out of a pickle writeable.
        return Detections, (self.boxes, self.scores, self.labels)

    @classmethod
    def empty(cls) -> Detections:
        """No detections.

        Example:
            >>> len(Detections.empty())
            0
        """
        return cls([], [], [])

    @classmethod
    def from_awscam(
        cls,
        result: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        input_wh: tuple[float, float],
        frame_wh: tuple[float, float],
    ) -> Detections:
        """Read `awscam.Model.parseResult("ssd", ...)`.

        Args:
            result: `{"ssd": [...]}` or its list, of `{"label", "prob", "xmin", "ymin", "xmax",
                "ymax"}` in pixels of the model's input; a label may be a number or its text.
            input_wh: `(width, height)` of the model's input; 300x300 for DeepLens' own.
            frame_wh: `(width, height)` of the frame.

        Raises:
            ShapeError: if this is no such list, or a row lacks one of these.

        Example:
            >>> row = {"label": "1", "prob": 0.9, "xmin": 30, "ymin": 30, "xmax": 60, "ymax": 90}
            >>> rows = {"ssd": [row]}
            >>> Detections.from_awscam(rows, input_wh=(300, 300), frame_wh=(1920, 1080)).boxes
            array([[192., 108., 384., 324.]])
        """
        rows = result.get("ssd") if isinstance(result, Mapping) else result
        names = ("label", "prob", "xmin", "ymin", "xmax", "ymax")
        try:
            found = list(map(operator.itemgetter(*names), rows))  # type: ignore[arg-type]
        except (KeyError, IndexError, TypeError):
            raise ShapeError(
                "result", "parseResult's {'ssd': [...]} of " + ", ".join(names), repr(result)[:80]
            ) from None
        try:
            flat = np.fromiter(chain.from_iterable(found), np.float64)
        except (TypeError, ValueError, OverflowError):  # rubbish among them: one by one is slower
            flat = np.array([_number(value) for row in found for value in row])
        table = flat.reshape(len(found), 6)
        return cls._from_rows(table, _ratio(input_wh, frame_wh), first_label=0)

    @classmethod
    def from_mxnet_ssd(
        cls, rows: Mapping[str, Any] | ArrayLike, *, frame_wh: tuple[float, float]
    ) -> Detections:
        """Read MXNet's MultiBoxDetection, or the answer of SageMaker's object detection.

        Args:
            rows: `(N, 6)` or `(1, N, 6)` rows `class, score, x0, y0, x1, y1`, boxes normalised
                to 0-1, class -1 for background; or `{"prediction": rows}`.
            frame_wh: `(width, height)` of the frame.

        Raises:
            ShapeError: for any other shape.

        Example:
            >>> answer = {"prediction": [[0, 0.9, 0.1, 0.1, 0.2, 0.3], [-1, 0, 0, 0, 0, 0]]}
            >>> Detections.from_mxnet_ssd(answer, frame_wh=(1920, 1080)).boxes
            array([[192., 108., 384., 324.]])
        """
        found = rows.get("prediction") if isinstance(rows, Mapping) else rows
        table = _table(found, "rows", 6, "(N, 6) rows of class, score, x0, y0, x1, y1")
        return cls._from_rows(table, as_wh(frame_wh, "frame_wh"), first_label=0)

    @classmethod
    def from_opencv_ssd(cls, output: ArrayLike, *, frame_wh: tuple[float, float]) -> Detections:
        """Read the DetectionOutput layer of an SSD run by `cv2.dnn`.

        Args:
            output: `(1, 1, N, 7)` or `(N, 7)` rows `image, label, score, x0, y0, x1, y1`, boxes
                normalised to 0-1, label 0 for background.
            frame_wh: `(width, height)` of the frame.

        Raises:
            ShapeError: for any other shape.

        Example:
            >>> output = [[[[0, 1, 0.9, 0.1, 0.1, 0.2, 0.3]]]]
            >>> Detections.from_opencv_ssd(output, frame_wh=(1920, 1080)).boxes
            array([[192., 108., 384., 324.]])
        """
        form = "(1, 1, N, 7) rows of image, label, score, x0, y0, x1, y1"
        table = _table(output, "output", 7, form)[:, 1:]
        return cls._from_rows(table, as_wh(frame_wh, "frame_wh"), first_label=1)

    @classmethod
    def from_yunet(
        cls,
        faces: ArrayLike | None,
        *,
        input_wh: tuple[float, float],
        frame_wh: tuple[float, float],
    ) -> Detections:
        """Read `cv2.FaceDetectorYN.detect`.

        Args:
            faces: `(N, 15)` rows `x, y, width, height, five landmarks, score` in pixels of the
                picture that was looked at, or None, which is how OpenCV says "no face".
            input_wh: `(width, height)` of that picture.
            frame_wh: `(width, height)` of the frame.

        Raises:
            ShapeError: for any other shape.

        Example:
            >>> face = [[30, 30, 30, 60, *[0] * 10, 0.9]]
            >>> Detections.from_yunet(face, input_wh=(300, 300), frame_wh=(1920, 1080)).boxes
            array([[192., 108., 384., 324.]])
        """
        if faces is None:
            return cls.empty()
        rows = _table(faces, "faces", 15, "(N, 15) rows of x, y, width, height, ..., score")
        return cls._from_xywh(rows[:, :4], rows[:, 14], _ratio(input_wh, frame_wh))

    @classmethod
    def from_cascade(
        cls,
        rects: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        input_wh: tuple[float, float],
        frame_wh: tuple[float, float],
    ) -> Detections:
        """Read `cv2.CascadeClassifier.detectMultiScale` or `detectMultiScale3`.

        Args:
            rects: `(N, 4)` rows `x, y, width, height` in pixels of the picture that was looked
                at, or an empty tuple, which is how OpenCV says "nothing".
            weights: `(N,)` level weights of `detectMultiScale3`. They become scores, larger ones
                larger; without them every score is 1.
            input_wh: `(width, height)` of that picture.
            frame_wh: `(width, height)` of the frame.

        Raises:
            ShapeError: for any other shape.

        Example:
            >>> found = Detections.from_cascade(
            ...     [[30, 30, 30, 60]], [9.0], input_wh=(300, 300), frame_wh=(1920, 1080))
            >>> found.boxes, found.scores
            (array([[192., 108., 384., 324.]]), array([0.75]))
        """
        rects = _table(rects, "rects", 4, "(N, 4) rows of x, y, width, height")
        scores = np.ones(len(rects))
        if weights is not None:
            flat = as_floats(weights, "weights", "a number for each").ravel()
            weight = np.clip(as_vector(flat, len(rects), "weights"), 0.0, 1e300)
            scores = weight / (weight + _HALF_WEIGHT)
        return cls._from_xywh(rects, scores, _ratio(input_wh, frame_wh))

    @classmethod
    def from_yolo(cls, output: ArrayLike, *, letterbox: Letterbox) -> Detections:
        """Read the answer of a model of the YOLO family, its boxes in pixels of its input.

        Args:
            output: of any number of classes, counted from 0. `(1, 4 + classes, N)`, the columns
                being `x, y` of the centre, `width, height` and each class's score, as of YOLOv8
                and later; `(1, N, 5 + classes)` rows that have the box's own score before the
                classes', as of YOLOv5 to YOLOv7 and of a YOLOX that was exported with
                `--decode_in_inference`; or `(1, N, 6)` rows `x0, y0, x1, y1, score, class`, as of
                YOLOv10 and of models exported with their suppression.
            letterbox: how the frame was made into the model's input.

        Raises:
            ShapeError: for any other shape.

        Example:
            >>> from facepipe.letterbox import Letterbox
            >>> row = [[[192, 140, 224, 172, 0.9, 2]]]
            >>> box = Letterbox.fit((1280, 640), (640, 640))
            >>> found = Detections.from_yolo(row, letterbox=box)
            >>> found.boxes, found.labels
            (array([[384., -40., 448.,  24.]]), array([2]))
        """
        rows = yolo_rows(output, letterbox.into_wh)
        found = cls._from_rows(rows, (1.0, 1.0), first_label=0)
        boxes = letterbox.unmap(found.boxes)
        # One that was next to nothing may have rounded to nothing.
        kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return cls(boxes[kept], found.scores[kept], found.labels[kept])

    @classmethod
    def _from_xywh(
        cls, xywh: NDArray[np.float64], scores: NDArray[np.float64], scale: tuple[float, float]
    ) -> Detections:
        table = np.empty((len(xywh), 6))
        table[:, 0] = FACE
        table[:, 1] = scores
        table[:, 2:4] = xywh[:, :2]
        with np.errstate(all="ignore"):  # rubbish may overflow on its way out
            table[:, 4:] = xywh[:, :2] + xywh[:, 2:]
        return cls._from_rows(table, scale, first_label=FACE)

    @classmethod
    def _from_rows(
        cls, table: NDArray[np.float64], scale: tuple[float, float], first_label: int
    ) -> Detections:
        """From `(N, 6)` rows `label, score, x0, y0, x1, y1`, scaled and freed of rubbish."""
        # Column by column: NumPy is several times faster along the last, contiguous axis.
        columns = np.array(table.T, order="C")
        with np.errstate(all="ignore"):
            columns[2::2] *= scale[0]
            columns[3::2] *= scale[1]
            good = (np.abs(columns) <= LONGEST_SIDE).all(axis=0)  # false for NaN, too
        label, score, x0, y0, x1, y1 = columns
        good &= (x1 > x0) & (y1 > y0) & (label >= first_label) & (score >= 0.0) & (score <= 1.0)
        columns = columns[:, good]
        return cls._of(columns[2:].T.copy(), columns[1], columns[0].astype(np.int64))

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Any) -> Detections:
        """Some of the detections: an index, a slice, or a sequence of indices or of booleans.

        Raises:
            IndexError: if there is none at an index, or for any other kind of index.
        """
        if not isinstance(index, slice):
            if np.ndim(index) > 1 or isinstance(index, (bool, np.bool_)):
                raise IndexError("an index is a number, a slice, or a sequence of one dimension")
            if np.ndim(index) == 0:
                index = [index]
        return self._of(self.boxes[index], self.scores[index], self.labels[index])

    def above(self, score: float) -> Detections:
        """Those whose score is at least this, 0 to 1."""
        return self[self.scores >= score]

    def nms(self, iou_threshold: float, *, by_label: bool = False) -> Detections:
        """Those that non-maximum suppression keeps, best first.

        Args:
            iou_threshold: 0 to 1; see `facepipe.boxes.nms`.
            by_label: whether a box suppresses only those of its own label.
        """
        if not by_label:
            return self[nms(self.boxes, self.scores, iou_threshold)]
        kept = [np.empty(0, np.int64)]
        for label in np.unique(self.labels):
            rows = np.flatnonzero(self.labels == label)
            kept.append(rows[nms(self.boxes[rows], self.scores[rows], iou_threshold)])
        found = np.sort(np.concatenate(kept))
        return self[found[np.argsort(-self.scores[found], kind="stable")]]

    def clipped(self, wh: tuple[float, float]) -> Detections:
        """Cut to a frame of `(width, height)`; what lies wholly outside is dropped."""
        boxes = clip_boxes(self.boxes, wh)
        inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        return self._of(boxes[inside], self.scores[inside], self.labels[inside])


def _ratio(from_wh: tuple[float, float], to_wh: tuple[float, float]) -> tuple[float, float]:
    from_width, from_height = as_wh(from_wh, "input_wh")
    to_width, to_height = as_wh(to_wh, "frame_wh")
    return to_width / from_width, to_height / from_height


def _table(rows: Any, name: str, columns: int, form: str) -> NDArray[np.float64]:
    """Rows of that many columns; leading axes of length 1 are dropped, and none is no rows."""
    array = as_floats(rows, name, form)
    if array.shape == (0,):
        return np.empty((0, columns))
    if array.ndim >= 2 and array.shape[-1] == columns and array.size == array.shape[-2] * columns:
        return array.reshape(array.shape[-2:])
    raise ShapeError(name, form, f"an array of shape {array.shape}")


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
