"""The detector of an AWS DeepLens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from facepipe.detections import Detections
from facepipe_io.edge.detectors.base import NMS_IOU, SSD_WH, Detector, wh_of
from facepipe_io.edge.networks.optimizer import needs_optimizing, optimize
from facepipe_io.errors import ModelError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class AwscamDetector(Detector):
    """A model that AWS DeepLens runs on its own graphics chip.

    Args:
        model: path of the optimised model (`.xml`), an SSD of 300x300 input; or of a network of
            MXNet's, or the folder of one, which is optimised first: see
            `facepipe_io.edge.networks.optimizer`.
    """

    name = "awscam"
    min_score = 0.5
    first_class = 1  # 0 is the background

    def __init__(self, model: str) -> None:
        try:
            import awscam
        except ImportError as error:
            raise SettingsError(
                [f"the detector awscam works on an AWS DeepLens only; name another ({error})"]
            ) from error
        self._wh = SSD_WH
        if needs_optimizing(model):
            model, self._wh = optimize(model)
        try:
            self._model = awscam.Model(model, {"GPU": 1}, runtime=0)
        except Exception as error:  # awscam documents no types of its own
            raise ModelError(model, f"awscam refuses it ({error}); optimise it anew") from error

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find the faces in a picture."""
        # DeepLens' own samples squeeze the frame the same way, so the models were trained for it.
        small = cv2.resize(image, self._wh)
        result = self._model.parseResult("ssd", self._model.doInference(small))
        found = Detections.from_awscam(result, input_wh=self._wh, frame_wh=wh_of(image))
        return found.above(self.min_score).nms(NMS_IOU, by_label=True)
