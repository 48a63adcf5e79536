"""Networks in ONNX files, run by OpenCV: a picture in, an array out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Mapping

import cv2
import numpy as np

from facepipe_io.edge.networks.onnx import input_shape
from facepipe_io.edge.networks.preprocessing import read_preprocessing
from facepipe_io.edge.opencv import quiet_opencv
from facepipe_io.errors import ModelError
from facepipe_io.text import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray


class OnnxNetwork:
    """A network of one input, a picture, and one output.

    The input's size and channels are read from the file; how a picture is normalised, from the JSON
    file beside it, if there is one: see `networks.preprocessing.read_preprocessing`.

    Args:
        model: the file's path.
        kind: what it has to be, for messages: `classifier` say.
        normal: mean and standard deviation where no file says them, by the count of channels.
        wh: `(width, height)` of the input where neither the model nor a file says.

    Attributes:
        trial: what it answers to a black picture, float64.

    Raises:
        ModelError: when the model is missing, damaged or of another kind.
    """

    def __init__(
        self,
        model: str,
        kind: str,
        normal: Mapping[int, tuple[tuple[float, ...], tuple[float, ...]]],
        wh: tuple[int, int],
    ) -> None:
        quiet_opencv()
        try:
            data = Path(model).read_bytes()
            self._preprocessing = read_preprocessing(model, input_shape(data), normal, wh)
            # By its content: a path that is no UTF-8 crashes OpenCV.
            self._net = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
            outputs = len(self._net.getUnconnectedOutLayersNames())
            self.trial = self.run(np.zeros((64, 64, 3), np.uint8))
        except OSError as error:
            reason = f"{error.strerror or error}; check the path"
            raise ModelError(printable(model), reason) from error
        except ValueError as error:
            reason = f"it is damaged or no ONNX {kind}: {error}; give another"
            raise ModelError(printable(model), reason) from error
        except (cv2.error, SystemError) as error:
            reason = "it is damaged, or has layers that this OpenCV cannot run; give another"
            raise ModelError(printable(model), reason) from error
        if outputs != 1:
            reason = f"it answers {outputs} arrays where a {kind} answers one; give another"
            raise ModelError(printable(model), reason)

    @property
    def wh(self) -> tuple[int, int]:
        """`(width, height)` of its input."""
        return self._preprocessing.wh

    def run(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """What the network answers to a picture, `(H, W, 3)` uint8, BGR."""
        self._net.setInput(self._preprocessing.apply(image))
        return np.asarray(self._net.forward(), np.float64)
