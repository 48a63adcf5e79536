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
from facepipe_io.edge.bus import BUSES
from facepipe_io.edge.detectors import DETECTORS, default_detector
from facepipe_io.errors import SettingsError
from facepipe_io.settings import load, number, one_of, positive, setting

MAX_FOLDER_BYTES = 255  # of a folder's name, on every Linux file system in use

# Amazon S3 User Guide, "General purpose bucket naming rules"
_BUCKET = re.compile(r"(?!.*\.\.)(?!(\d+\.){3}\d+\Z)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")


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
    bus: str = setting(
        "FACEPIPE_BUS",
        help="where messages go: auto, greengrasssdk, log or none",
        default="auto",
        parse=one_of("auto", *BUSES),
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
        if problems:
            raise SettingsError(problems)


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
    defaults = {"FACEPIPE_CAMERA": thing or socket.gethostname()}
    try:
        return load(DeviceSettings, {**defaults, **_set(environ)}, **given)
    except SettingsError as error:
        if not thing or environ.get("FACEPIPE_CAMERA", "").strip():
            raise
        told = ("FACEPIPE_CAMERA must be", "FACEPIPE_CAMERA must be set, or AWS_IOT_THING_NAME be")
        raise SettingsError([problem.replace(*told) for problem in error.problems]) from None


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value.strip()}
