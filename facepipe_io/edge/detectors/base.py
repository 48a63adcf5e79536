"""What every detector is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Sequence

import cv2

from facepipe.errors import KeyFormatError, ShapeError
from facepipe.keys import FACE_LABEL, check_label
from facepipe_io.edge.classifiers import check_labels, read_labels
from facepipe_io.edge.opencv import quiet_opencv
from facepipe_io.errors import ModelError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facepipe.detections import Detections

SSD_WH = (300, 300)  # of DeepLens' models, and of OpenCV's face detector
#: Boxes of one class that overlap by more than this are the same thing.
NMS_IOU = 0.4


class Detector:
    """Finds faces, or other things.

    Attributes:
        name: as in FACEPIPE_DETECTOR.
        min_score: what it finds with a lower score is left out.
        labels: what it finds, in the order of its classes; empty for faces alone.
        first_class: the number of the first of them.
        classes: how many it tells apart, where the model shows it.
    """

    name = ""
    min_score = 0.5
    labels: tuple[str, ...] = ()
    first_class = 0
    classes: int | None = None

    def label(self, number: int) -> str:
        """What a class of its detections is.

        Example:
            >>> detector = Detector()
            >>> detector.label(1)
            'face'
            >>> detector.labels = ("cup", "bottle")
            >>> detector.label(1), detector.label(2)
            ('bottle', 'class 2')
        """
        index = number - self.first_class
        if not self.labels:
            return FACE_LABEL
        return self.labels[index] if 0 <= index < len(self.labels) else f"class {number}"

    def name_classes(self, model: str, labels: Sequence[str]) -> None:
        """Say what its classes are.

        Args:
            model: its path, for messages.
            labels: one for each class; `Face` is a face, in capitals or not.

        Raises:
            ModelError: when there are not as many as it has classes.
            SettingsError: when one of them cannot be part of a crop's key.
        """
        check_labels(model, len(labels) if self.classes is None else self.classes, labels)
        self.labels = tuple(map(_as_label, labels))

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find what there is in a picture.

        Args:
            image: `(H, W, 3)` uint8, BGR.

        Returns:
            In pixels of the picture. Boxes may reach beyond it.
        """
        raise NotImplementedError


def labels_beside(model: str) -> tuple[str, ...] | None:
    """The labels in the text file of a model's name, `bottles.txt` for `bottles.onnx`.

    Returns:
        None where there is no such file.

    Raises:
        SettingsError: when it cannot be used.
    """
    return read_labels(str(_labels_file(model))) if has_labels_beside(model) else None


def has_labels_beside(model: str | None) -> bool:
    """Whether there is such a text file."""
    try:
        return model is not None and _labels_file(model).is_file()
    except (OSError, ValueError):  # a path may be too long, or have a null character
        return False


def _labels_file(model: str) -> Path:
    path = Path(model)
    return path.parent / f"{path.stem}.txt"


def _as_label(text: str) -> str:
    try:
        check_label(text)
    except KeyFormatError as error:
        raise SettingsError([f"the label {text[:40]!r} cannot be used: {error.reason}"]) from None
    return FACE_LABEL if text.lower() == FACE_LABEL else text


def wh_of(image: NDArray[np.uint8]) -> tuple[int, int]:
    """A picture's width and height."""
    return (image.shape[1], image.shape[0])


def load(path: str, hint: str, use: Callable[[], Any]) -> Any:
    """Do something that shows whether a model is one, and tell in one sentence when it is not."""
    quiet_opencv()
    try:
        return use()
    except (cv2.error, ShapeError, SystemError) as error:
        raise ModelError(path, hint) from error
