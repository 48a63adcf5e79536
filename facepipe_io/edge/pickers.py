"""Which picker the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from facepipe_io.edge.aws import connector
from facepipe_io.edge.classifiers import Classifier, OnnxClassifier, read_labels
from facepipe_io.edge.detectors import Detector, open_detector
from facepipe_io.edge.neo import NeoClassifier, NeoDetector
from facepipe_io.edge.picker import ClassifyPicker, CropPicker, Picker
from facepipe_io.edge.sagemaker import EndpointPicker, SageMakerDetector, open_endpoint

if TYPE_CHECKING:
    from facepipe_io.edge.settings import DeviceSettings


def open_picker(settings: DeviceSettings, run: str, *, stills: bool = False) -> Picker:
    """What looks at a camera's frames, as the settings have it.

    Args:
        settings: the device's.
        run: tells this start of the process from others, as in `facepipe.CropKey`.
        stills: whether each frame is a scene of its own.

    Raises:
        ModelError: when the model is missing, damaged or of another kind.
        SettingsError: when this machine cannot do what is asked for.
    """
    if settings.mode == "classify":
        return ClassifyPicker(classifier_of(settings), top_k=settings.top_k)
    if settings.crop_at == "endpoint":
        return EndpointPicker(settings.camera, open_endpoint(settings), stills=stills)
    return CropPicker(
        settings.camera,
        run,
        detector_of(settings),
        resend_seconds=settings.resend_seconds,
        stills=stills,
    )


def detector_of(settings: DeviceSettings) -> Detector:
    """The detector that the settings name.

    Raises:
        ModelError: when the model is missing, damaged or of another kind.
        SettingsError: when this machine cannot do what is asked for.
    """
    detector: Detector
    if settings.detector == "sagemaker":
        detector = SageMakerDetector(open_endpoint(settings))
    elif settings.detector == "neo":
        detector = NeoDetector(str(settings.model), connect=_connect_to_s3(settings))
    else:
        return open_detector(settings.detector, settings.model, min_score=settings.min_score)
    if settings.min_score is not None:
        detector.min_score = settings.min_score
    return detector


def classifier_of(settings: DeviceSettings) -> Classifier:
    """The classifier that the settings name: an ONNX file's, or else one that Neo compiled.

    Raises:
        ModelError: when the model is missing, damaged or of another kind, or has not as many
            classes as there are labels.
        SettingsError: when the labels cannot be read, or this machine cannot run the model.
    """
    labels, model = read_labels(str(settings.labels)), str(settings.model)
    if model.lower().endswith(".onnx"):
        return OnnxClassifier(model, labels)
    return NeoClassifier(model, labels, connect=_connect_to_s3(settings))


def _connect_to_s3(settings: DeviceSettings) -> Callable[[], Any] | None:
    """What makes clients for a model in S3, with the device's own credentials."""
    in_s3 = str(settings.model).startswith("s3://")
    return connector(settings, "s3") if in_s3 else None
