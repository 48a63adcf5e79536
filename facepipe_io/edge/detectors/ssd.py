"""Single shot detectors that OpenCV runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import cv2
import numpy as np

from facepipe.detections import Detections
from facepipe_io.edge.detectors.base import NMS_IOU, SSD_WH, Detector, load, wh_of
from facepipe_io.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SSD_MEAN = (104.0, 177.0, 123.0)  # OpenCV's samples/dnn/models.yml, opencv_fd


class SsdDetector(Detector):
    """A single shot detector that OpenCV runs: TensorFlow's `.pb` or Caffe's `.caffemodel`.

    The text that describes the network (`.pbtxt`, `.prototxt`) lies beside the model: under the
    same name, or as the only one there.
    """

    name = "ssd"
    min_score = 0.5
    first_class = 1  # 0 is the background

    def __init__(self, model: str) -> None:
        path = Path(model)
        if path.suffix == ".pb":
            read: Callable[[str, str], Any] = cv2.dnn.readNetFromTensorflow
            text = _beside(path, ".pbtxt")
            arguments = (model, text)
        elif path.suffix == ".caffemodel":
            read = cv2.dnn.readNetFromCaffe
            text = _beside(path, ".prototxt")
            arguments = (text, model)
        else:
            raise ModelError(
                model, "the detector ssd reads .onnx, .pb and .caffemodel files; give one"
            )
        hint = f"it is damaged, no SSD, or {text} belongs to another model; give a matching pair"
        self._net = load(model, hint, lambda: read(*arguments))
        load(model, hint, lambda: self.detect(np.zeros((64, 64, 3), np.uint8)))

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find the faces in a picture."""
        self._net.setInput(cv2.dnn.blobFromImage(image, 1.0, SSD_WH, SSD_MEAN))
        found = Detections.from_opencv_ssd(self._net.forward(), frame_wh=wh_of(image))
        return found.above(self.min_score).nms(NMS_IOU, by_label=True)


def _beside(model: Path, suffix: str) -> str:
    same_name = model.with_suffix(suffix)
    found = [same_name] if same_name.is_file() else sorted(model.parent.glob("*" + suffix))
    if len(found) != 1:
        raise ModelError(
            str(model), f"its network's text is missing; put {same_name.name} beside it"
        )
    return str(found[0])
