"""Detectors of the YOLO family, in ONNX files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facepipe.detections import Detections
from facepipe.errors import ShapeError
from facepipe.images import letterboxed
from facepipe.yolo_output import yolo_classes
from facepipe_io.edge.detectors.base import NMS_IOU, Detector
from facepipe_io.edge.networks.onnx_network import OnnxNetwork
from facepipe_io.errors import ModelError
from facepipe_io.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Pixels become 0 to 1, red, green, blue, as all of the family but YOLOX have it.
NORMAL = {3: ((0.0,) * 3, (1.0,) * 3), 1: ((0.0,), (1.0,))}
#: Where neither the model nor its JSON file says.
INPUT_WH = (640, 640)


class YoloDetector(Detector):
    """A detector in an ONNX file that answers as the YOLO family does, run by OpenCV.

    A picture is letterboxed to its input's size and
    given as 0 to 1, red, green, blue, unless a JSON file beside the model says otherwise: see
    `networks.preprocessing.read_preprocessing`.

    Args:
        model: the file's path.

    Raises:
        ModelError: when the model is missing, damaged or of another kind.
    """

    name = "onnx"
    min_score = 0.5

    def __init__(self, model: str) -> None:
        self._network = OnnxNetwork(model, "detector", NORMAL, INPUT_WH)
        try:
            self.classes = yolo_classes(self._network.trial, self._network.wh)
        except ShapeError as error:
            reason = (
                f"it is no detector of the YOLO family: {error}; for an SSD that `facepipe deploy` "
                "made, name the detector ssd"
            )
            raise ModelError(printable(model), reason) from error

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find what there is in a picture."""
        small, letterbox = letterboxed(image, self._network.wh)
        found = Detections.from_yolo(self._network.run(small), letterbox=letterbox)
        return found.above(self.min_score).nms(NMS_IOU, by_label=True)
