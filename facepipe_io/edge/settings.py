"""The device's settings."""

from __future__ import annotations

import socket
from datetime import datetime, timezone
from typing import Any, Mapping

import attrs

from facepipe.errors import KeyFormatError
from facepipe.keys import CropKey
from facepipe_io.edge.bus import BUSES
from facepipe_io.edge.detectors import DETECTORS, default_detector
from facepipe_io.errors import SettingsError
from facepipe_io.settings import load, number, one_of, positive, setting


def camera_name(text: str) -> str:
    """Parser of a camera's name: it has to fit into a crop's key."""
    try:
        CropKey(text, datetime.fromtimestamp(0, timezone.utc), "0000", 0, 0)
    except KeyFormatError:
        raise ValueError(
            "a name of 1 to 128 characters without a slash or control character"
        ) from None
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
        parse=one_of(*DETECTORS),
    )
    model: str | None = setting("FACEPIPE_MODEL", help="path of the detector's model")
    min_score: float | None = setting(
        "FACEPIPE_MIN_SCORE",
        help="0 to 1; faces with a lower score are left out; by default the detector's own",
        parse=number(0, 1),
    )
    bucket: str | None = setting("FACEPIPE_BUCKET", help="the S3 bucket that crops go to")
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
        if self.detector != "haar" and self.model is None:
            problems.append(
                f"FACEPIPE_MODEL must be the path of a model for the detector {self.detector}"
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
    name = environ.get("AWS_IOT_THING_NAME", "").strip() or socket.gethostname()
    return load(DeviceSettings, {"FACEPIPE_CAMERA": name, **_set(environ)}, **given)


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value.strip()}
