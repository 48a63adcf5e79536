"""The device's settings."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

import attrs

from facepipe_io.edge.bus import bus_name
from facepipe_io.edge.detectors import DETECTORS, default_detector
from facepipe_io.edge.detectors.base import has_labels_beside
from facepipe_io.edge.feedback import read_feedback
from facepipe_io.edge.identity import Identity
from facepipe_io.edge.models.published import is_pointer
from facepipe_io.edge.names import (
    bucket_name,
    camera_name,
    endpoint_name,
    host_name,
    preview_name,
    state_folder,
    viewer_count,
)
from facepipe_io.errors import SettingsError
from facepipe_io.settings import load, number, one_of, positive, positive_int, setting

DETECTOR_NAMES = sorted([*DETECTORS, "neo", "sagemaker"])


@attrs.frozen
class DeviceSettings:
    """What the device is told by its environment. Read it with `device_settings`.

    Raises:
        SettingsError: when settings that are fine by themselves do not fit each other.
    """

    camera: str = setting(
        "FACEPIPE_CAMERA",
        help="the camera's name; by default AWS_IOT_THING_NAME, else the host's name",
        default="camera",
        parse=camera_name,
    )
    source: str = setting(
        "FACEPIPE_SOURCE",
        help="awscam, a camera's index, a URL, kvs:// and a Kinesis Video stream, a video file, a "
        "folder of images, loop: and a folder, or demo",
        default="awscam",
    )
    mode: str = setting(
        "FACEPIPE_MODE",
        help="faces, or classify: say what each frame shows, as the classifier in FACEPIPE_MODEL "
        "has it",
        default="faces",
        parse=one_of("faces", "classify"),
    )
    detector: str = setting(
        "FACEPIPE_DETECTOR",
        help="awscam, haar, neo, onnx, sagemaker, ssd or yunet; by default what suits the source "
        "and the model",
    )
    model: str | None = setting(
        "FACEPIPE_MODEL",
        help="path of the detector's or classifier's model; or s3://BUCKET/models/NAME.json, one "
        "that `facepipe deploy` published; for SageMaker Neo also s3://... of an archive",
    )
    labels: str | None = setting(
        "FACEPIPE_LABELS",
        help="path of the labels, one a line, of a classifier or of a detector that knows more "
        "than faces; by default of the latter the .txt file of the model's name",
    )
    top_k: int = setting(
        "FACEPIPE_TOP_K", help="how many labels to name of a frame", default=1, parse=positive_int
    )
    endpoint: str | None = setting(
        "FACEPIPE_ENDPOINT",
        help="the SageMaker endpoint that the detector sagemaker asks",
        parse=endpoint_name,
    )
    crop_at: str = setting(
        "FACEPIPE_CROP_AT",
        help="where crops are cut: device, or endpoint, which is sent whole frames and stores "
        "crops by itself",
        default="device",
        parse=one_of("device", "endpoint"),
    )
    min_score: float | None = setting(
        "FACEPIPE_MIN_SCORE",
        help="0 to 1; what has a lower score is left out; by default the detector's own. For "
        "crops cut at an endpoint, the endpoint's",
        parse=number(0, 1),
    )
    bucket: str | None = setting(
        "FACEPIPE_BUCKET", help="the S3 bucket that crops go to", parse=bucket_name
    )
    crops_dir: str | None = setting(
        "FACEPIPE_CROPS_DIR", help="a folder that crops go to instead of S3"
    )
    resend_seconds: float = setting(
        "FACEPIPE_RESEND_SECONDS",
        help="one crop per person per this long; for crops cut at an endpoint, the endpoint's",
        default=10.0,
        parse=number(0, 1e9),
    )
    max_fps: float = setting(
        "FACEPIPE_MAX_FPS", help="frames looked at per second", default=15.0, parse=positive
    )
    spool_dir: str = setting(
        "FACEPIPE_SPOOL_DIR",
        help="a folder in which crops wait while the network is away; by default spool in the "
        "state folder of the service or the user",
        default="/var/lib/facepipe/spool",
    )
    spool_mb: float = setting(
        "FACEPIPE_SPOOL_MB",
        help="megabytes of crops that may wait; beyond that the oldest are dropped",
        default=256.0,
        parse=number(1, 1e6),
    )
    feedback: str | None = setting(
        "FACEPIPE_FEEDBACK",
        help="which frames to keep for labelling, and where: the JSON of Greengrass's ML Feedback "
        "connector, or a file that holds it",
    )
    bus: str = setting(
        "FACEPIPE_BUS",
        help="where messages go: auto, greengrass, greengrasssdk, log, none, or a broker: "
        "mqtt://[user:password@]host[:port], mqtts://... with TLS",
        default="auto",
        parse=bus_name,
    )
    preview: str = setting(
        "FACEPIPE_PREVIEW",
        help="what shows what is found: a page, http://:8080 for this machine alone or "
        "http://0.0.0.0:8080 for the network; a pipe, /tmp/results.mjpeg, for ffplay; or off",
        default="off",
        parse=preview_name,
    )
    preview_viewers: int = setting(
        "FACEPIPE_PREVIEW_VIEWERS",
        help="how many may look at the page at once, 50 at most",
        default=10,
        parse=viewer_count,
    )
    preview_token_file: str = setting(
        "FACEPIPE_PREVIEW_TOKEN_FILE",
        help="path of the file with the word that opens the page to the network; made if it is not "
        "there; by default preview-token in the state folder",
        default="/var/lib/facepipe/preview-token",
    )
    blur: str = setting(
        "FACEPIPE_BLUR",
        help="what is blurred in the preview: faces, or off",
        default="off",
        parse=one_of("faces", "off"),
    )
    certificate: str | None = setting(
        "FACEPIPE_CERTIFICATE", help="path of the device's X.509 certificate, PEM"
    )
    private_key: str | None = setting(
        "FACEPIPE_PRIVATE_KEY", help="path of the certificate's private key, PEM"
    )
    ca: str | None = setting(
        "FACEPIPE_CA",
        help="path of the certificates that servers must be signed by; the system's by default",
    )
    credentials_endpoint: str | None = setting(
        "FACEPIPE_CREDENTIALS_ENDPOINT",
        help="host that gives AWS credentials for the certificate; without it, boto3 finds its own",
        parse=host_name,
    )
    role_alias: str | None = setting(
        "FACEPIPE_ROLE_ALIAS", help="AWS IoT's role alias to ask credentials_endpoint for"
    )

    def __attrs_post_init__(self) -> None:
        problems = [*self._problems_of_looking()]
        if self.model is not None and not self._has_fetched_model:
            try:
                with Path(self.model).open("rb"):
                    pass
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                problems.append(
                    "FACEPIPE_MODEL (or --model) names a file that cannot be read: "
                    f"{self.model}: {reason}; check the path"
                )
        if self.bucket is None and self.crops_dir is None and self.sends_crops:
            problems.append(
                "FACEPIPE_BUCKET must name the S3 bucket for the crops; "
                "or FACEPIPE_CROPS_DIR a folder"
            )
        if (self.certificate is None) != (self.private_key is None):
            missing = "FACEPIPE_PRIVATE_KEY" if self.certificate else "FACEPIPE_CERTIFICATE"
            problems.append(f"{missing} must be set: a certificate and its key go together")
        if self.credentials_endpoint is not None:
            wanted = {
                "FACEPIPE_ROLE_ALIAS": self.role_alias,
                "FACEPIPE_CERTIFICATE": self.certificate or self.private_key,
            }
            problems += [
                f"{name} must be set, for FACEPIPE_CREDENTIALS_ENDPOINT is"
                for name, value in wanted.items()
                if value is None
            ]
        try:
            read_feedback(self.feedback, self.camera)
        except SettingsError as error:
            problems.extend(error.problems)
        if problems:
            raise SettingsError(problems)

    def _problems_of_looking(self) -> Iterator[str]:
        """What is wrong with what looks at frames."""
        if self.labels is not None and not _is_there(self.labels, Path.exists):
            yield f"FACEPIPE_LABELS names no file that is there: {self.labels}; check the path"
        if self.mode == "classify":
            object.__setattr__(self, "detector", "none")
            if self.model is None:
                yield "FACEPIPE_MODEL must be the path of a classifier, for FACEPIPE_MODE=classify"
            elif is_pointer(self.model):
                yield "FACEPIPE_MODEL must be no pointer, for FACEPIPE_MODE=classify"
            if self.labels is None:
                yield "FACEPIPE_LABELS must be the path of its labels, for FACEPIPE_MODE=classify"
            if self.crop_at == "endpoint":
                yield "FACEPIPE_CROP_AT must be device, for FACEPIPE_MODE=classify"
            return
        if is_pointer(self.model):
            if self.detector not in (None, "onnx"):
                yield "FACEPIPE_DETECTOR must be left out: a published model says what runs it"
            object.__setattr__(self, "detector", "onnx")
        if self.detector is None:
            object.__setattr__(self, "detector", self._default_detector)
        if self.detector not in DETECTOR_NAMES:
            names = ", ".join(DETECTOR_NAMES)
            yield f"FACEPIPE_DETECTOR must be one of {names}, not {self.detector!r}"
        elif self.detector == "sagemaker":
            if self.endpoint is None:
                yield "FACEPIPE_ENDPOINT must name the endpoint, for FACEPIPE_DETECTOR=sagemaker"
        elif self.detector != "haar" and self.model is None:
            yield (
                "FACEPIPE_MODEL (or --model) must be the path of a model for the detector "
                + self.detector
            )
        if self.crop_at == "endpoint" and self.detector != "sagemaker":
            yield "FACEPIPE_DETECTOR must be sagemaker, for FACEPIPE_CROP_AT=endpoint"

    @property
    def _default_detector(self) -> str:
        named = self.labels is not None or has_labels_beside(self.model)
        return default_detector(self.source, self.model, named=named)

    @property
    def _has_fetched_model(self) -> bool:
        """Whether the model may be a folder, or be somewhere else."""
        if is_pointer(self.model):
            return True
        neo = self.detector == "neo" or self.mode == "classify"
        model = str(self.model)
        return neo and (model.startswith("s3://") or _is_there(model, Path.is_dir))

    @property
    def sends_crops(self) -> bool:
        """Whether the device itself has crops to store."""
        return self.mode == "faces" and self.crop_at == "device"

    @property
    def identity(self) -> Identity | None:
        """The device's certificate, where it has one."""
        if self.certificate is None or self.private_key is None:
            return None
        return Identity(self.certificate, self.private_key, self.ca)


def device_settings(environ: Mapping[str, str], **given: Any) -> DeviceSettings:
    """Read the device's settings.

    Args:
        environ: the environment.
        given: arguments, which beat it; None counts as not given.

    Raises:
        SettingsError: with a sentence for each setting that makes no sense.

    Example:
        >>> device_settings({"FACEPIPE_SOURCE": "0", "FACEPIPE_BUCKET": "crops"}).detector
        'haar'
    """
    thing = environ.get("AWS_IOT_THING_NAME", "").strip()
    defaults = {
        "FACEPIPE_CAMERA": thing or socket.gethostname(),
        "FACEPIPE_SPOOL_DIR": str(state_folder(environ) / "spool"),
        "FACEPIPE_PREVIEW_TOKEN_FILE": str(state_folder(environ) / "preview-token"),
    }
    try:
        return load(DeviceSettings, {**defaults, **_set(environ)}, **given)
    except SettingsError as error:
        if not thing or environ.get("FACEPIPE_CAMERA", "").strip():
            raise
        told = ("FACEPIPE_CAMERA must be", "FACEPIPE_CAMERA must be set, or AWS_IOT_THING_NAME be")
        raise SettingsError([problem.replace(*told) for problem in error.problems]) from None


def _is_there(path: str, kind: Callable[[Path], bool]) -> bool:
    """Whether a path leads anywhere; one that is too long, or not to be looked at, does not."""
    try:
        return kind(Path(path))
    except (OSError, ValueError):
        return False


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value.strip()}
