"""Classifiers: what a picture shows, out of a list of labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from facepipe.classification import as_probabilities, parse_labels
from facepipe.errors import ShapeError
from facepipe_io.edge.networks.onnx_network import OnnxNetwork
from facepipe_io.errors import ModelError, SettingsError
from facepipe_io.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Mean and standard deviation by the count of channels: of ImageNet (torchvision's documentation,
#: "Models and pre-trained weights"), and -1 to 1 for grey (O. Arriaga, face_classification).
NORMAL = {3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), 1: ((0.5,), (0.5,))}


class Classifier:
    """Tells what a picture shows.

    Attributes:
        name: of its kind.
        labels: what it can tell apart.
    """

    name = ""
    labels: tuple[str, ...] = ()

    def classify(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Tell what a picture shows.

        Args:
            image: `(H, W, 3)` uint8, BGR.

        Returns:
            `(N,)` float64 probabilities, one for each label.
        """
        raise NotImplementedError


class OnnxClassifier(Classifier):
    """An image classifier in an ONNX file, run by OpenCV.

    Its input's size and channels are read from the file. Grey ones get -1 to 1, others ImageNet's
    normalisation, unless a JSON file beside the model says otherwise: see
    `networks.preprocessing.read_preprocessing`. It may answer logits or probabilities.

    Args:
        model: the file's path.
        labels: one for each class.

    Raises:
        ModelError: when the model is missing, damaged or of another kind, or has not as many
            classes as there are labels.
    """

    name = "onnx"

    def __init__(self, model: str, labels: Sequence[str]) -> None:
        self._network = OnnxNetwork(model, "classifier", NORMAL, (224, 224))
        self.labels = check_labels(model, self._network.trial.size, labels)

    def classify(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Tell what a picture shows."""
        return as_probabilities(self._network.run(image).ravel())


def check_labels(model: str, count: int, labels: Sequence[str]) -> tuple[str, ...]:
    """The labels, when they are as many as the model has classes.

    Raises:
        ModelError: when they are not.
    """
    if len(labels) != count:
        raise ModelError(
            printable(model),
            f"it tells {count} classes apart, and there are {len(labels)} labels; "
            "give the labels that belong to it",
        )
    return tuple(labels)


def read_labels(path: str) -> tuple[str, ...]:
    """Read a file of labels.

    Args:
        path: of a text file with one label a line, in the order of the model's output.

    Raises:
        SettingsError: when it cannot be read.
    """
    try:
        return parse_labels(Path(path).read_bytes().decode())
    except OSError as error:
        reason = error.strerror or str(error)
    except UnicodeDecodeError:
        reason = "it is no text in UTF-8"
    except ShapeError as error:
        reason = str(error)
    raise SettingsError([f"the file of labels {printable(path)} cannot be used: {reason}"])
