"""Local scorers: what Rekognition's DetectFaces says, said by a model on this machine.

They answer in DetectFaces' own form, so that all that follows is shared with the cloud. They are
no Rekognition: each one's `limits` says, in a sentence for people, what it cannot do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.detections import Detections
from facepipe_io.edge.detectors import HaarDetector
from facepipe_io.edge.opencv import cascade_path, quiet_opencv
from facepipe_io.errors import ModelError

Image = NDArray[np.uint8]
Grey = NDArray[Any]  # `(H, W)` uint8; what OpenCV says of its results is less exact
Response = dict[str, Any]

#: A crop has a margin of 0.4 of the face's side all around (`facepipe.crops`).
_FACE_OF_CROP = 1 / (1 + 2 * 0.4)

# Of the frontal face that a crop was cut for, this share of the crop's side is left at least.
_LEAST_FACE_OF_CROP = 0.3


class LocalScorer:
    """Scores the faces in a picture.

    Attributes:
        name: which one it is, for people.
        types: the emotions that it knows, by Rekognition's names.
        limits: what to know before believing it, one or two sentences.
        crops_only: whether pictures are crops cut for one face. Where no face is found in one, its
            middle counts as the face; in any other picture it does not.
    """

    name: str = ""
    types: tuple[str, ...] = ()
    limits: str = ""

    def __init__(self, *, crops_only: bool = True) -> None:
        self.crops_only = crops_only
        self._detector = HaarDetector()

    def detect_faces(self, image: Image) -> Response:
        """Score a picture.

        Args:
            image: `(H, W, 3)` uint8, BGR.

        Returns:
            A DetectFaces response: `FaceDetails`, the largest face first, each with `BoundingBox`
            (shares of the picture), `Confidence` and `Emotions` (0 to 100, highest first).
        """
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        faces = [
            _face_detail(self._score(grey, box), box, score, grey.shape)
            for box, score in self._find(image)
        ]
        faces.sort(key=lambda face: -face["BoundingBox"]["Width"])
        return {"FaceDetails": faces}

    def _find(self, image: Image) -> list[tuple[NDArray[np.float64], float]]:
        """Boxes `(4,)` and scores of the faces."""
        height, width = image.shape[:2]
        found: Detections = self._detector.detect(image).nms(0.3).clipped((width, height))
        sides = found.boxes[:, 2] - found.boxes[:, 0]
        short = min(width, height)
        if self.crops_only and not (sides >= _LEAST_FACE_OF_CROP * short).any():
            half = short * _FACE_OF_CROP / 2
            centre = np.array([width, height, width, height]) / 2
            return [(centre + np.array([-half, -half, half, half]), 0.5)]
        return list(zip(found.boxes, found.scores.tolist()))

    def _score(self, grey: Grey, box: NDArray[np.float64]) -> dict[str, float]:
        """Emotion to confidence, 0 to 100, of the face in a box."""
        raise NotImplementedError


class SmileScorer(LocalScorer):
    """Tells a smile from none, with the cascade that comes with OpenCV. It needs no file.

    The cascade looks at every place of the lower half of the face in every size; a smile is found
    many times over. The count makes the confidence: HAPPY and CALM are equal at `_EVEN` finds,
    chosen on 42 faces labelled by eye so that a closed mouth is no smile.
    """

    name = "smile"
    types = ("HAPPY", "CALM")
    limits = (
        "OpenCV's smile cascade knows only HAPPY (a broad smile) and CALM (none): whoever is sad, "
        "angry or surprised counts as one of the two. Slight smiles and turned heads are CALM to "
        "it: in the photographs it was tuned on it saw 5 of 14 smiles, and none in 28 other faces."
    )

    _MOUTH = (0.05, 0.6, 0.95, 1.08)  # x0, y0, x1, y1 in sides of the face
    _WIDTH = 120
    _LEAST = (48, 24)
    _EVEN, _SPREAD = 320.0, 55.0

    def __init__(self, *, crops_only: bool = True) -> None:
        super().__init__(crops_only=crops_only)
        self._cascade = cv2.CascadeClassifier(cascade_path("haarcascade_smile.xml"))

    def _score(self, grey: Grey, box: NDArray[np.float64]) -> dict[str, float]:
        mouth = _cut(grey, box, self._MOUTH)
        scale = self._WIDTH / mouth.shape[1]
        size = (self._WIDTH, max(round(mouth.shape[0] * scale), self._LEAST[1]))
        mouth = cv2.resize(mouth, size, interpolation=_interpolation(scale))
        finds = len(self._cascade.detectMultiScale(mouth, 1.05, 0, minSize=self._LEAST))
        happy = 100 / (1 + float(np.exp((self._EVEN - finds) / self._SPREAD)))
        return {"HAPPY": happy, "CALM": 100 - happy}


class OnnxScorer(LocalScorer):
    """An expression model in an ONNX file, run by OpenCV.

    Two layouts are known, and told apart by the width of their output:

    - mini_XCEPTION (FER-2013; O. Arriaga, face_classification): grey 64x64, -1 to 1; 7 shares.
    - FER+ (ONNX model zoo, emotion_ferplus): grey 64x64, 0 to 255; 8 logits.

    Args:
        path: the model's file.
        crops_only: see `LocalScorer`.

    Raises:
        ModelError: if it cannot be read or is of another layout.
    """

    _LAYOUTS: ClassVar = {
        7: (
            "mini_XCEPTION",
            ("ANGRY", "DISGUSTED", "FEAR", "HAPPY", "SAD", "SURPRISED", "CALM"),
        ),
        # Rekognition has no name for FER+'s last one, contempt.
        8: (
            "FER+",
            ("CALM", "HAPPY", "SURPRISED", "SAD", "ANGRY", "DISGUSTED", "FEAR", "UNKNOWN"),
        ),
    }
    _SIDE = 64

    def __init__(self, path: str, *, crops_only: bool = True) -> None:
        super().__init__(crops_only=crops_only)
        try:
            with Path(path).open("rb"):
                pass
        except OSError as error:
            raise ModelError(path, f"{error.strerror or error}; check the path") from error
        hint = "it is damaged or no expression model; use mini_XCEPTION or FER+ as ONNX"
        quiet_opencv()
        try:
            self._net = cv2.dnn.readNetFromONNX(path)
            output = self._forward(np.zeros((self._SIDE, self._SIDE), np.float32))
        except (cv2.error, SystemError) as error:
            raise ModelError(path, hint) from error
        if output.size not in self._LAYOUTS:
            raise ModelError(
                path,
                f"it answers with {output.size} numbers, an expression model with 7 "
                "(mini_XCEPTION) or 8 (FER+); give one of these",
            )
        self.name, self.types = self._LAYOUTS[output.size]
        self.limits = (
            f"The model {Path(path).name} ({self.name}) guesses an expression from a small grey "
            "picture. It was trained on posed and collected faces, and errs on others."
        )

    def _score(self, grey: Grey, box: NDArray[np.float64]) -> dict[str, float]:
        face = _cut(grey, box, (0.0, 0.0, 1.0, 1.0))
        scale = self._SIDE / face.shape[1]
        face = cv2.resize(face, (self._SIDE, self._SIDE), interpolation=_interpolation(scale))
        values = face.astype(np.float32)
        if self.name == "mini_XCEPTION":
            shares = self._forward(values / 127.5 - 1)
        else:
            logits = self._forward(values)
            shares = np.exp(logits - logits.max())
            shares /= shares.sum()
        confidences = np.clip(shares * 100.0, 0.0, 100.0)
        return dict(zip(self.types, confidences.tolist()))

    def _forward(self, grey: NDArray[np.float32]) -> NDArray[np.float64]:
        self._net.setInput(grey[None, None])
        return np.asarray(self._net.forward(), dtype=np.float64).ravel()


def open_scorer(model: str | None = None, *, crops_only: bool = True) -> LocalScorer:
    """The scorer for a model's file, or the one that needs none.

    Raises:
        ModelError: if the file is no expression model.

    Example:
        >>> open_scorer().types
        ('HAPPY', 'CALM')
    """
    if model is None:
        return SmileScorer(crops_only=crops_only)
    return OnnxScorer(model, crops_only=crops_only)


def _face_detail(
    confidences: dict[str, float], box: NDArray[np.float64], score: float, shape: tuple[int, ...]
) -> Response:
    height, width = shape
    x0, y0, x1, y1 = box.tolist()
    ranked = sorted(confidences.items(), key=lambda item: -item[1])
    return {
        "BoundingBox": {
            "Left": x0 / width,
            "Top": y0 / height,
            "Width": (x1 - x0) / width,
            "Height": (y1 - y0) / height,
        },
        "Confidence": score * 100,
        "Emotions": [{"Type": name, "Confidence": value} for name, value in ranked],
    }


def _cut(grey: Grey, box: NDArray[np.float64], part: tuple[float, ...]) -> Grey:
    """A part of a face, given in sides of its box, as far as the picture has it."""
    x0, y0, x1, y1 = box.tolist()
    width, height = x1 - x0, y1 - y0
    left, top = int(x0 + part[0] * width), int(y0 + part[1] * height)
    right, bottom = int(x0 + part[2] * width), int(y0 + part[3] * height)
    rows, columns = grey.shape
    left, top = min(max(left, 0), columns - 1), min(max(top, 0), rows - 1)
    return grey[top : max(bottom, top + 1), left : max(right, left + 1)]


def _interpolation(scale: float) -> int:
    return cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
