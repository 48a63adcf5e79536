"""Detectors: where faces, or other things, are in a frame.

Each one scales the frame down to what it needs by itself, and answers in pixels of the frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Sequence

from facepipe_io.edge.detectors.base import Detector, labels_beside
from facepipe_io.edge.detectors.deeplens import AwscamDetector
from facepipe_io.edge.detectors.faces import HaarDetector, YuNetDetector
from facepipe_io.edge.detectors.ssd import SsdDetector
from facepipe_io.edge.detectors.ssd_onnx import OnnxSsdDetector
from facepipe_io.edge.detectors.yolo import YoloDetector
from facepipe_io.edge.opencv import is_utf8
from facepipe_io.errors import ModelError, SettingsError
from facepipe_io.text import printable

__all__ = ["DETECTORS", "Detector", "HaarDetector", "default_detector", "open_detector"]

DETECTORS: dict[str, Callable[..., Detector]] = {
    detector.name: detector
    for detector in (AwscamDetector, HaarDetector, YoloDetector, SsdDetector, YuNetDetector)
}


def default_detector(source: str, model: str | None, *, named: bool = False) -> str:
    """The detector for a source when nobody names one.

    Args:
        source: the camera's.
        model: the model's path, if there is one.
        named: whether there are labels for what it finds.

    Example:
        >>> default_detector("awscam", "/opt/face.xml"), default_detector("0", "yunet.onnx")
        ('awscam', 'yunet')
        >>> default_detector("clip.mp4", "face.pb"), default_detector("clip.mp4", None)
        ('ssd', 'haar')
    """
    suffix = "" if model is None else Path(model).suffix.lower()
    if suffix in (".pb", ".caffemodel"):
        return "ssd"
    if suffix == ".onnx":
        return "onnx" if named else "yunet"
    if source == "awscam":
        return "awscam"
    return "haar" if model is None or suffix == ".xml" else "yunet"


def open_detector(
    name: str,
    model: str | None = None,
    *,
    min_score: float | None = None,
    labels: Sequence[str] | None = None,
) -> Detector:
    """Open a detector by its name.

    Args:
        name: `awscam`, `haar`, `onnx`, `ssd` or `yunet`.
        model: path of the model. `haar` has one of its own, the others need it.
        min_score: 0 to 1; the detector's own by default.
        labels: what it finds, in the order of its classes. By default those of an ONNX model are
            in the text file of its name, `bottles.txt` for `bottles.onnx`, one a line; where there
            are none, it finds faces.

    Raises:
        ModelError: when the model is missing, damaged or of another kind.
        SettingsError: when there is no such detector, or it needs a model and has none.
    """
    if name not in DETECTORS:
        raise SettingsError([f"there is no detector {name!r}: use one of {', '.join(DETECTORS)}"])
    if model is None and name != "haar":
        raise SettingsError(
            [f"the detector {name} needs a model: give its path with FACEPIPE_MODEL or --model"]
        )
    if model is not None:
        if not is_utf8(model):
            raise ModelError(printable(model), "its name is no UTF-8; rename it")
        try:
            if name != "awscam" or not Path(model).is_dir():
                with Path(model).open("rb"):
                    pass
        except OSError as error:
            raise ModelError(model, f"{error.strerror or error}; check the path") from error
    suffix = "" if model is None else Path(model).suffix.lower()
    kind: Callable[..., Detector] = DETECTORS[name]
    if (name, suffix) == ("ssd", ".onnx"):
        kind = OnnxSsdDetector
    detector = kind(model)
    if min_score is not None:
        detector.min_score = min_score
    if labels is None and kind in (OnnxSsdDetector, YoloDetector):
        labels = labels_beside(str(model))
    if labels is not None:
        detector.name_classes(str(model), labels)
    return detector
