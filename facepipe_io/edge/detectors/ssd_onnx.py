"""SSDs that MXNet or SageMaker trained, as ONNX files, run by OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from facepipe.detections import Detections
from facepipe.errors import ShapeError
from facepipe.images import letterboxed
from facepipe.ssd_output import detection_rows
from facepipe_io.edge.detectors.base import Detector
from facepipe_io.edge.networks.onnx_network import OnnxNetwork
from facepipe_io.edge.networks.preprocessing import SSD_NORMAL
from facepipe_io.errors import ModelError
from facepipe_io.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Where neither the model nor its JSON file says.
INPUT_WH = (512, 512)


class OnnxSsdDetector(Detector):
    """A single shot detector that `facepipe_io.training.onnx_export` wrote.

    A picture is letterboxed, as `facepipe dataset` does with those that it was trained on, and
    normalised as SageMaker does unless the JSON file beside the model says otherwise: see
    `networks.preprocessing.read_preprocessing`. The output is `(1, N, 4 + C)`: see
    `facepipe.ssd_output.detection_rows`.

    Args:
        model: the file's path.

    Raises:
        ModelError: when the model is missing, damaged or of another kind.
    """

    name = "ssd"
    min_score = 0.5

    def __init__(self, model: str) -> None:
        self._network = OnnxNetwork(model, "detector", SSD_NORMAL, INPUT_WH)
        trial = self._network.trial
        try:
            detection_rows(trial)
        except ShapeError as error:
            reason = f"it is no SSD that facepipe exported: {error}; give another"
            raise ModelError(printable(model), reason) from error
        if trial.ndim != 3:  # a classifier's has two, which the rows may have as well
            reason = f"it is no SSD that facepipe exported: its output is {trial.shape}"
            raise ModelError(printable(model), f"{reason}; give another")
        self.classes = trial.shape[-1] - 4

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find what there is in a picture."""
        small, letterbox = letterboxed(image, self._network.wh)
        rows = detection_rows(self._network.run(small))
        found = Detections.from_mxnet_ssd(rows, frame_wh=letterbox.into_wh).above(self.min_score)
        return attrs.evolve(found, boxes=letterbox.unmap(found.boxes))
