"""The device's settings."""

from __future__ import annotations

import re
import socket
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Mapping

import attrs

from facepipe.errors import KeyFormatError
from facepipe.keys import CropKey
from facepipe_io.edge.bus import bus_name
from facepipe_io.edge.detectors import DETECTORS, default_detector
from facepipe_io.edge.identity import Identity
from facepipe_io.errors import SettingsError
from facepipe_io.settings import load, number, positive, setting

MAX_FOLDER_BYTES = 255  # of a folder's name, on every Linux file system in use

# Amazon S3 User Guide, "General purpose bucket naming rules"
_BUCKET = re.compile(r"(?!.*\.\.)(?!(\d+\.){3}\d+\Z)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")

_HOST = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]{0,252})(:\d{1,5})?\Z")


def camera_name(text: str) -> str:
    """Parser of a camera's name: it has to fit into a crop's key, a folder and an MQTT topic.

    Example:
        >>> camera_name("hall-1")
        'hall-1'
    """
    if set(text) & set("+#"):
        raise ValueError("a name without + and #, which mean something else in MQTT topics")
    try:
        CropKey(text, datetime.fromtimestamp(0, timezone.utc), "0000", 0, 0)
    except KeyFormatError:
        raise ValueError(
            "a name of 1 to 128 characters without a slash or control character"
        ) from None
    if len(text.encode()) > MAX_FOLDER_BYTES:
        raise ValueError(f"a name of at most {MAX_FOLDER_BYTES} bytes in UTF-8, to name a folder")
    return text


def bucket_name(text: str) -> str:
    """Parser of a bucket's name.

    Example:
        >>> bucket_name("deeplens-faces")
        'deeplens-faces'
    """
    if not _BUCKET.match(text):
        raise ValueError("a bucket's name alone: 3 to 63 of a-z, 0-9, hyphen and dot")
    return text


def host_name(text: str) -> str:
    """Parser of a server's name, perhaps with a port.

    Example:
        >>> host_name("c1.credentials.iot.us-east-1.amazonaws.com")
        'c1.credentials.iot.us-east-1.amazonaws.com'
    """
    if not _HOST.match(text):
        raise ValueError("a host's name alone, perhaps with :port, without https:// or a path")
    return text


def preview_name(text: str) -> str:
    """Parser of where the preview goes: the path of a pipe, or off.

    Example:
        >>> preview_name("/tmp/results.mjpeg"), preview_name("off")
        ('/tmp/results.mjpeg', 'off')
    """
    if "://" in text:
        raise ValueError("a pipe such as /tmp/results.mjpeg, or off; a page is not served yet")
    if text != "off" and "/" not in text:  # `on`, say, names no file that anybody means
        raise ValueError("a pipe such as /tmp/results.mjpeg, its path with a slash, or off")
    return text


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
        help="awscam, a camera's index, a URL, a video file, a folder of images, or demo",
        default="awscam",
    )
    detector: str = setting(
        "FACEPIPE_DETECTOR",
        help="awscam, haar, ssd or yunet; by default what suits the source and the model",
    )
    model: str | None = setting("FACEPIPE_MODEL", help="path of the detector's model")
    min_score: float | None = setting(
        "FACEPIPE_MIN_SCORE",
        help="0 to 1; faces with a lower score are left out; by default the detector's own",
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
        help="one crop per person per this long",
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
    bus: str = setting(
        "FACEPIPE_BUS",
        help="where messages go: auto, greengrass, greengrasssdk, log, none, or a broker: "
        "mqtt://[user:password@]host[:port], mqtts://... with TLS",
        default="auto",
        parse=bus_name,
    )
    preview: str = setting(
        "FACEPIPE_PREVIEW",
        help="a pipe that shows what is found, such as /tmp/results.mjpeg, for ffplay; or off",
        default="off",
        parse=preview_name,
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
        problems = []
        if self.detector is None:
            object.__setattr__(self, "detector", default_detector(self.source, self.model))
        if self.detector not in DETECTORS:
            names = ", ".join(DETECTORS)
            problems.append(f"FACEPIPE_DETECTOR must be one of {names}, not {self.detector!r}")
        elif self.detector != "haar" and self.model is None:
            problems.append(
                "FACEPIPE_MODEL (or --model) must be the path of a model for the detector "
                + self.detector
            )
        if self.model is not None:
            try:
                with Path(self.model).open("rb"):
                    pass
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                problems.append(
                    "FACEPIPE_MODEL (or --model) names a file that cannot be read: "
                    f"{self.model}: {reason}; check the path"
                )
        if self.bucket is None and self.crops_dir is None:
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
        if problems:
            raise SettingsError(problems)

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
        "FACEPIPE_SPOOL_DIR": str(_state_folder(environ) / "spool"),
    }
    try:
        return load(DeviceSettings, {**defaults, **_set(environ)}, **given)
    except SettingsError as error:
        if not thing or environ.get("FACEPIPE_CAMERA", "").strip():
            raise
        told = ("FACEPIPE_CAMERA must be", "FACEPIPE_CAMERA must be set, or AWS_IOT_THING_NAME be")
        raise SettingsError([problem.replace(*told) for problem in error.problems]) from None


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value.strip()}


def _state_folder(environ: Mapping[str, str]) -> Path:
    """Where programs keep what has to survive them: systemd's, else the user's (XDG)."""
    service = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if service:
        return Path(service)
    home = environ.get("HOME", "")
    user = environ.get("XDG_STATE_HOME", "")
    if not user:
        return Path(home, ".local", "state", "facepipe") if home else Path("/var/lib/facepipe")
    return Path(user, "facepipe")
