"""The settings of a device, as the file from which systemd sets its environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Mapping

from facepipe_io.device.stack import Stack
from facepipe_io.edge.bus.mqtt import parse_broker
from facepipe_io.edge.cameras import is_live
from facepipe_io.edge.models.published import is_pointer
from facepipe_io.edge.settings import DeviceSettings, device_settings
from facepipe_io.errors import SettingsError
from facepipe_io.settings import misspelt

# Where install.sh puts things on the device.
SETTINGS_FOLDER = "/etc/facepipe"
MODELS_FOLDER = "/opt/facepipe/models"
STATE_FOLDER = "/var/lib/facepipe"

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")


def device_environment(stack: Stack, camera: str, given: Mapping[str, str]) -> dict[str, str]:
    """All that a device is told by its environment.

    Args:
        stack: where it is to send to.
        camera: its name.
        given: settings that beat the stack's.
    """
    return {
        "FACEPIPE_CAMERA": camera,
        "FACEPIPE_BUCKET": stack.bucket,
        "AWS_DEFAULT_REGION": stack.region,
        "FACEPIPE_CREDENTIALS_ENDPOINT": stack.credentials_endpoint,
        "FACEPIPE_ROLE_ALIAS": stack.role_alias,
        "FACEPIPE_CERTIFICATE": f"{SETTINGS_FOLDER}/certificate.pem",
        "FACEPIPE_PRIVATE_KEY": f"{SETTINGS_FOLDER}/private.key",
        "FACEPIPE_CA": f"{SETTINGS_FOLDER}/ca.pem",
        "FACEPIPE_BUS": stack.bus,
        # Said outright, for the systemd of a DeepLens sets no STATE_DIRECTORY.
        "FACEPIPE_SPOOL_DIR": f"{STATE_FOLDER}/spool",
        "FACEPIPE_PREVIEW_TOKEN_FILE": f"{STATE_FOLDER}/preview-token",
        **({"FACEPIPE_ENDPOINT": stack.endpoint_name} if stack.endpoint_name else {}),
        **given,
    }


def check_environment(environ: Mapping[str, str], camera: str, model: Path | None) -> None:
    """Find now what the device would complain of.

    Args:
        environ: as of `device_environment`.
        camera: its name.
        model: here, the file that FACEPIPE_MODEL is to name on the device; None where the device
            has it already, so that it cannot be looked at.

    Raises:
        SettingsError: with a sentence for each setting that makes no sense.
    """
    problems = []
    for name, value in environ.items():
        if not _VARIABLE.match(name):
            problems.append(f"{name!r} is no variable's name: capitals, digits and underscores")
        if not value.isprintable():
            problems.append(f"{name} must be one line of text without control characters")
    for name, near in misspelt(environ, DeviceSettings).items():
        hint = f"did you mean {near}?" if near else "`facepipe check` lists them"
        problems.append(f"{name} is no setting of facepipe; {hint}")
    if environ["FACEPIPE_CAMERA"] != camera:
        problems.append(f"FACEPIPE_CAMERA must be {camera}, whose certificate this is")
    source = environ.get("FACEPIPE_SOURCE", "")
    if source and source.isprintable() and not is_live(source):
        problems.append(
            "FACEPIPE_SOURCE must be awscam, a camera's index or device, a URL, kvs://STREAM or "
            f"loop:FOLDER, not {source!r}"
        )
    if environ.get("FACEPIPE_PREVIEW", "").startswith("/tmp/"):  # noqa: S108
        problems.append(
            "FACEPIPE_PREVIEW must lie elsewhere, say /run/facepipe/results.mjpeg: the service's "
            "/tmp is its own"
        )
    try:
        bus = environ.get("FACEPIPE_BUS", "")
        if "://" in bus:
            parse_broker(bus)
    except SettingsError as error:
        problems.extend(error.problems)
    here = dict(environ)
    if "FACEPIPE_MODEL" in here and not is_pointer(here["FACEPIPE_MODEL"]):
        here["FACEPIPE_MODEL"] = os.devnull if model is None else str(model)
    if "FACEPIPE_LABELS" in here:  # on the device
        here["FACEPIPE_LABELS"] = os.devnull
    if not here.get("FACEPIPE_FEEDBACK", "").startswith("{"):  # else a file on the device
        here.pop("FACEPIPE_FEEDBACK", None)
    try:
        device_settings(here)
    except SettingsError as error:
        problems.extend(error.problems)
    if problems:
        raise SettingsError(problems)


def environment_file(environ: Mapping[str, str]) -> str:
    r"""Write an environment as systemd's EnvironmentFile= reads it, and sh's `.` likewise.

    Example:
        >>> environment_file({"FACEPIPE_SOURCE": 'rtsp://a/?b&c="d"'})
        'FACEPIPE_SOURCE="rtsp://a/?b&c=\\"d\\""\n'
    """
    lines = (f'{name}="{_escaped(value)}"\n' for name, value in environ.items())
    return "".join(lines)


def _escaped(value: str) -> str:
    return re.sub(r'(["\\$`])', r"\\\1", value)
