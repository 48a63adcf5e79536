"""Detectors: where faces, or other things, are in a frame.

Each one scales the frame down to what it needs by itself, and answers in pixels of the frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Sequence

import cv2
import numpy as np

from facepipe.detections import FACE, Detections
from facepipe.errors import ShapeError
from facepipe.images import fit_within
from facepipe_io.edge.detector import NMS_IOU, Detector, labels_beside
from facepipe_io.edge.opencv import cascade_path, is_utf8, printable, quiet_opencv
from facepipe_io.edge.optimizer import needs_optimizing, optimize
from facepipe_io.edge.ssd_onnx import OnnxSsdDetector
from facepipe_io.edge.yolo import YoloDetector
from facepipe_io.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Chosen on stills and clips with known faces, 16:9 on one thread; a smaller copy loses the faces
# that are 5 % of the frame's width, a larger one finds hardly more.
YUNET_MIN_SIDE = 64  # of less, OpenCV 4.14 makes rubbish: it reads what is not its own
YUNET_LONG_SIDE = 480  # 7 ms; all 52 faces in clips, 54 of 57 in stills, none false
HAAR_LONG_SIDE = 480  # 20 ms; 49 of 109, 3 false: frontal, upright, not much turned

SSD_WH = (300, 300)  # of DeepLens' models, and of OpenCV's face detector
SSD_MEAN = (104.0, 177.0, 123.0)  # OpenCV's samples/dnn/models.yml, opencv_fd


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
        self._net = _load(model, hint, lambda: create(model, "", (320, 320), 0.3, NMS_IOU, 5000))
        _load(model, hint, lambda: self.detect(np.zeros((64, 64, 3), np.uint8)))

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find the faces in a picture."""
        small = fit_within(image, (YUNET_LONG_SIDE, YUNET_LONG_SIDE), quick=True)
        right, below = (max(0, YUNET_MIN_SIDE - side) for side in _wh(small))
        padded: Any = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._net.setInputSize(_wh(padded))
        faces = self._net.detect(padded)[1]
        found = Detections.from_yunet(faces, input_wh=_wh(small), frame_wh=_wh(image))
        return found.above(self.min_score)


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
        self._net = _load(model, hint, lambda: read(*arguments))
        _load(model, hint, lambda: self.detect(np.zeros((64, 64, 3), np.uint8)))

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find the faces in a picture."""
        self._net.setInput(cv2.dnn.blobFromImage(image, 1.0, SSD_WH, SSD_MEAN))
        found = Detections.from_opencv_ssd(self._net.forward(), frame_wh=_wh(image))
        return found.above(self.min_score).nms(NMS_IOU, by_label=True)


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
        self._cascade = _load(path, hint, lambda: cv2.CascadeClassifier(path))
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
            rects, np.ravel(weights), input_wh=_wh(small), frame_wh=_wh(image)
        ).above(self.min_score)
        # OpenCV's threads find them in any order; what follows is to be the same each time.
        return found[np.lexsort(found.boxes.T)]


class AwscamDetector(Detector):
    """A model that AWS DeepLens runs on its own graphics chip.

    Args:
        model: path of the optimised model (`.xml`), an SSD of 300x300 input; or of a network of
            MXNet's, or the folder of one, which is optimised first: see
            `facepipe_io.edge.optimizer`.
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
        found = Detections.from_awscam(result, input_wh=self._wh, frame_wh=_wh(image))
        return found.above(self.min_score).nms(NMS_IOU, by_label=True)


DETECTORS: dict[str, Callable[..., Detector]] = {
    detector.name: detector
    for detector in (AwscamDetector, HaarDetector, YoloDetector, SsdDetector, YuNetDetector)
}


def _wh(image: NDArray[np.uint8]) -> tuple[int, int]:
    return (image.shape[1], image.shape[0])


def _load(path: str, hint: str, use: Callable[[], Any]) -> Any:
    """Do something that shows whether a model is one, and tell in one sentence when it is not."""
    quiet_opencv()
    try:
        return use()
    except (cv2.error, ShapeError, SystemError) as error:
        raise ModelError(path, hint) from error


def _beside(model: Path, suffix: str) -> str:
    same_name = model.with_suffix(suffix)
    found = [same_name] if same_name.is_file() else sorted(model.parent.glob("*" + suffix))
    if len(found) != 1:
        raise ModelError(
            str(model), f"its network's text is missing; put {same_name.name} beside it"
        )
    return str(found[0])
