"""Models that SageMaker Neo compiled, run by its runtime: the package dlr.

A compiled model is a folder or an archive of native code, and perhaps the runtime's own library:
it is run as the agent itself is, so take it from nobody else.

dlr reports each load of a model to its makers; here it does not, and the code for it is not loaded.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping, Sequence

import numpy as np

from facepipe.classification import as_probabilities
from facepipe.detections import Detections
from facepipe.errors import ShapeError
from facepipe_io.edge.classifiers import Classifier, check_labels
from facepipe_io.edge.detectors.base import NMS_IOU, Detector
from facepipe_io.edge.models import fetch_model
from facepipe_io.edge.names import state_folder
from facepipe_io.edge.networks.preprocessing import MAX_SIDE, SSD_NORMAL, read_preprocessing
from facepipe_io.errors import ModelError, SettingsError
from facepipe_io.text import one_line, printable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from numpy.typing import NDArray

    Connect = Callable[[], S3Client]

_PIXELS = 1 / 255  # as std: pixels stay at 0 to 255

#: Where the model does not say: the larger of the sizes that the algorithm's documentation names.
SSD_SHAPE = (1, 3, 512, 512)

# SageMaker's image classification takes pixels as they are, and normalises them in its first layer:
# container/neo_template_image_classification.py of neo-ai/neo-ai-dlr.
CLASSIFIER_NORMAL = {3: ((0.0,) * 3, (_PIXELS,) * 3), 1: ((0.0,), (_PIXELS,))}
CLASSIFIER_SHAPE = (1, 3, 224, 224)


class NeoDetector(Detector):
    """SageMaker's built-in object detection, compiled by Neo.

    Args:
        model: a folder, a .tar.gz archive, or `s3://bucket/key` of one. Its input's size is read
            from its compiled.meta, else it is 512x512.
        connect: makes a client of boto3's for S3; by default with the credentials that it finds.

    Raises:
        ModelError: when the model cannot be used, or the native library libdlr.so is missing.
        SettingsError: when the package dlr is not installed.
    """

    name = "neo"
    min_score = 0.5

    def __init__(self, model: str, *, connect: Connect | None = None) -> None:
        self._network = _Network(model, SSD_SHAPE, SSD_NORMAL, connect)
        try:
            Detections.from_mxnet_ssd(self._network.trial, frame_wh=(1, 1))
        except ShapeError as error:
            reason = f"it is no object detection of SageMaker's: {error}; give one"
            raise ModelError(printable(model), reason) from error

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find the faces in a picture."""
        wh = (image.shape[1], image.shape[0])
        found = Detections.from_mxnet_ssd(self._network.run(image), frame_wh=wh)
        return found.above(self.min_score).nms(NMS_IOU)


class NeoClassifier(Classifier):
    """An image classifier, compiled by Neo.

    It is given pixels of 0 to 255, red, green, blue, as SageMaker's built-in image classification
    wants them, unless a JSON file beside the model says otherwise, or of one in S3 the file
    preprocessing.json in the archive: see `networks.preprocessing.read_preprocessing`. It may
    answer logits or probabilities.

    Args:
        model: a folder, a .tar.gz archive, or `s3://bucket/key` of one. Its input's size is read
            from its compiled.meta, else it is 224x224.
        labels: one for each class.
        connect: as for `NeoDetector`.

    Raises:
        ModelError: when the model cannot be used or has not as many classes as there are labels,
            or the native library libdlr.so is missing.
        SettingsError: when the package dlr is not installed.
    """

    name = "neo"

    def __init__(
        self, model: str, labels: Sequence[str], *, connect: Connect | None = None
    ) -> None:
        self._network = _Network(model, CLASSIFIER_SHAPE, CLASSIFIER_NORMAL, connect)
        self.labels = check_labels(model, self._network.trial.size, labels)

    def classify(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Tell what a picture shows."""
        return as_probabilities(self._network.run(image).ravel())


class _Network:
    """A compiled model of one input, a picture, and whose first output counts.

    Attributes:
        trial: what it answers for a black picture.
    """

    def __init__(
        self,
        model: str,
        shape: Sequence[int | None],
        normal: Mapping[int, tuple[tuple[float, ...], tuple[float, ...]]],
        connect: Connect | None,
    ) -> None:
        dlr = _load_dlr()
        folder = fetch_model(model, str(state_folder(os.environ) / "models"), connect=connect)
        with _told(model):
            self._model = dlr.DLRModel(folder, "cpu", 0)
            names = self._model.get_input_names()
        if len(names) != 1:
            reason = f"it has {len(names)} inputs, and one is given, the picture; give another"
            raise ModelError(printable(model), reason)
        self._input = names[0]
        shape = _shape(Path(folder), self._input) or shape
        # Beside an archive in S3 there is no file that could be read.
        where = str(Path(folder, "preprocessing")) if model.startswith("s3://") else model
        self._preprocessing = read_preprocessing(where, shape, normal)
        with _told(model):
            self.trial = self.run(np.zeros((64, 64, 3), np.uint8))

    def run(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The first output for a picture, `(H, W, 3)` uint8, BGR."""
        outputs = self._model.run({self._input: self._preprocessing.apply(image)})
        return np.asarray(outputs[0])


@contextlib.contextmanager
def _told(model: str) -> Iterator[None]:
    """Tell what dlr raises in one sentence."""
    from dlr.libpath import DLRLibraryNotFound

    try:
        yield
    except DLRLibraryNotFound as error:
        reason = (
            "its runtime's native library libdlr.so is missing; install the dlr wheel for this "
            "device from https://github.com/neo-ai/neo-ai-dlr/releases, or put libdlr.so into the "
            "model's archive"
        )
        raise ModelError(printable(model), reason) from error
    # It raises whatever comes to hand, Exception itself among it.
    except Exception as error:
        said = one_line(error).rpartition("Error message(s): ")[2]
        reason = f"dlr refuses it ({said}); compile it for this device and this version of dlr"
        raise ModelError(printable(model), reason) from error


def _load_dlr() -> Any:
    """The package dlr, without what reports home and without its own log."""
    # `import dlr` itself sends a report, so this comes first. It works on an installation that
    # cannot be written to as well, where its own switch, a file in its folder, does not.
    silent = ModuleType("dlr.counter")
    silent.call_phone_home = lambda function: function  # type: ignore[attr-defined]
    sys.modules.setdefault("dlr.counter", silent)
    # It writes to stderr, at every level, what it raises as well.
    logging.getLogger("dlr.neologger_logger").disabled = True
    try:
        import dlr
    except ImportError as error:
        raise SettingsError(
            [f"models of Neo need the package dlr ({error}): install facepipe[neo]"]
        ) from error
    return dlr


def _shape(folder: Path, name: str) -> list[int | None] | None:
    """The shape of an input as the compiler wrote it down; None where it did not."""
    for path in sorted(folder.glob("*.meta")):
        try:
            inputs = json.loads(path.read_text("utf-8"))["Model"]["Inputs"]
            shapes = [entry["shape"] for entry in inputs if entry["name"] == name]
            return [
                side if type(side) is int and 1 <= side <= MAX_SIDE else None for side in shapes[0]
            ]
        except (IndexError, KeyError, OSError, RecursionError, TypeError, ValueError):
            continue
    return None
