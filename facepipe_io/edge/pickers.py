"""Which picker the settings ask for."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Callable

from facepipe_io.edge.aws import connector
from facepipe_io.edge.classifiers import Classifier, OnnxClassifier, read_labels
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.detectors.base import Detector
from facepipe_io.edge.detectors.sagemaker import EndpointPicker, SageMakerDetector, open_endpoint
from facepipe_io.edge.models.published import PublishedModel, is_pointer
from facepipe_io.edge.models.renewal import RenewingPicker
from facepipe_io.edge.names import state_folder
from facepipe_io.edge.networks.neo import NeoClassifier, NeoDetector
from facepipe_io.edge.picker import ClassifyPicker, CropPicker, Picker

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
    make = partial(_crop_picker, settings, stills)
    if is_pointer(settings.model):
        return RenewingPicker(_published(settings), partial(_opened, settings), make, run)
    return make(detector_of(settings), run)


def detector_of(settings: DeviceSettings) -> Detector:
    """The detector that the settings name.

    Raises:
        ModelError: when the model is missing, damaged or of another kind.
        SettingsError: when this machine cannot do what is asked for.
    """
    if is_pointer(settings.model):
        return _published(settings).start(partial(_opened, settings))[1]
    labels = None if settings.labels is None else read_labels(settings.labels)
    detector: Detector
    if settings.detector == "sagemaker":
        detector = SageMakerDetector(open_endpoint(settings))
    elif settings.detector == "neo":
        detector = NeoDetector(str(settings.model), connect=_connect_to_s3(settings))
    else:
        detector = open_detector(settings.detector, settings.model)
    if settings.min_score is not None:
        detector.min_score = settings.min_score
    if labels is not None:
        detector.name_classes(str(settings.model), labels)
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


def _crop_picker(settings: DeviceSettings, stills: bool, detector: Detector, run: str) -> Picker:
    return CropPicker(
        settings.camera,
        run,
        detector,
        resend_seconds=settings.resend_seconds,
        stills=stills,
    )


def _published(settings: DeviceSettings) -> PublishedModel:
    folder = str(state_folder(os.environ) / "models")
    return PublishedModel(str(settings.model), folder, connect=connector(settings, "s3"))


def _opened(settings: DeviceSettings, detector: str, path: str) -> Detector:
    """A version of a published model."""
    labels = None if settings.labels is None else read_labels(settings.labels)
    return open_detector(detector, path, min_score=settings.min_score, labels=labels)
