"""Detectors of faces that OpenCV runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from facepipe.detections import FACE, Detections
from facepipe.images import fit_within
from facepipe_io.edge.detectors.base import NMS_IOU, Detector, load, wh_of
from facepipe_io.edge.opencv import cascade_path
from facepipe_io.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Chosen on stills and clips with known faces, 16:9 on one thread; a smaller copy loses the faces
# that are 5 % of the frame's width, a larger one finds hardly more.
YUNET_MIN_SIDE = 64  # of less, OpenCV 4.14 makes rubbish: it reads what is not its own
YUNET_LONG_SIDE = 480  # 7 ms; all 52 faces in clips, 54 of 57 in stills, none false
HAAR_LONG_SIDE = 480  # 20 ms; 49 of 109, 3 false: frontal, upright, not much turned


class YuNetDetector(Detector):
    """YuNet, from OpenCV's model zoo (`face_detection_yunet_2023mar.onnx`)."""

    name = "yunet"
    min_score = 0.75
    first_class = FACE

    def __init__(self, model: str) -> None:
        if not hasattr(cv2, "FaceDetectorYN"):
            raise ModelError(
                model, f"OpenCV {cv2.__version__} cannot run YuNet; use the detector ssd or haar"
            )
        hint = (
            "it is damaged or no YuNet model; use face_detection_yunet_2023mar.onnx, or the "
            "detector onnx for a model of your own"
        )
        # OpenCV's own threshold stays low, so that `min_score` alone decides.
        create = cv2.FaceDetectorYN.create
        self._net = load(model, hint, lambda: create(model, "", (320, 320), 0.3, NMS_IOU, 5000))
        load(model, hint, lambda: self.detect(np.zeros((64, 64, 3), np.uint8)))

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find the faces in a picture."""
        small = fit_within(image, (YUNET_LONG_SIDE, YUNET_LONG_SIDE), quick=True)
        right, below = (max(0, YUNET_MIN_SIDE - side) for side in wh_of(small))
        padded: Any = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._net.setInputSize(wh_of(padded))
        faces = self._net.detect(padded)[1]
        found = Detections.from_yunet(faces, input_wh=wh_of(small), frame_wh=wh_of(image))
        return found.above(self.min_score)


class HaarDetector(Detector):
    """OpenCV's cascade of Haar features, which comes with OpenCV: faces seen from the front.

    Args:
        model: another cascade's XML file.
    """

    name = "haar"
    min_score = 0.4
    first_class = FACE

    def __init__(self, model: str | None = None) -> None:
        path = model or cascade_path("haarcascade_frontalface_default.xml")
        hint = "it is no cascade that OpenCV can read; name no model to use OpenCV's own"
        self._cascade = load(path, hint, lambda: cv2.CascadeClassifier(path))
        if self._cascade.empty():
            raise ModelError(path, hint)

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find the faces in a picture."""
        small = fit_within(image, (HAAR_LONG_SIDE, HAAR_LONG_SIDE))
        rects, _, weights = self._cascade.detectMultiScale3(
            cv2.cvtColor(small, cv2.COLOR_BGR2GRAY),
            scaleFactor=1.15,
            minNeighbors=3,
            minSize=(24, 24),
            outputRejectLevels=True,
        )
        found = Detections.from_cascade(
            rects, np.ravel(weights), input_wh=wh_of(small), frame_wh=wh_of(image)
        ).above(self.min_score)
        # OpenCV's threads find them in any order; what follows is to be the same each time.
        return found[np.lexsort(found.boxes.T)]
