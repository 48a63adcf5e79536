"""Parsers of the names in settings: of a camera, a bucket, a server and so on; and a folder's."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Mapping

from facepipe.errors import KeyFormatError
from facepipe.keys import CropKey
from facepipe_io.edge.live.address import parse_live_address

MAX_FOLDER_BYTES = 255  # of a folder's name, on every Linux file system in use
MOST_VIEWERS = 50  # of the page; its server takes some more connections than that

# Amazon S3 User Guide, "General purpose bucket naming rules"
_BUCKET = re.compile(r"(?!.*\.\.)(?!(\d+\.){3}\d+\Z)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")

# Amazon SageMaker API Reference, "CreateEndpoint"
_ENDPOINT = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}\Z")

_HOST = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}(?::(?P<port>[0-9]{1,5}))?\Z")


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
    found = _HOST.match(text)
    if not found or not 0 < int(found["port"] or 443) < 2**16:
        raise ValueError("a host's name alone, perhaps with :port, without https:// or a path")
    return text


def endpoint_name(text: str) -> str:
    """Parser of a SageMaker endpoint's name.

    Example:
        >>> endpoint_name("deeplens-faces")
        'deeplens-faces'
    """
    if not _ENDPOINT.match(text):
        raise ValueError("an endpoint's name: up to 63 letters, digits and hyphens")
    return text


def preview_name(text: str) -> str:
    """Parser of where the preview goes: a page's address, the path of a pipe, or off.

    Example:
        >>> preview_name("http://:8080"), preview_name("/tmp/results.mjpeg"), preview_name("off")
        ('http://:8080', '/tmp/results.mjpeg', 'off')
    """
    if "://" in text:
        parse_live_address(text)
    elif text != "off" and "/" not in text:  # `on`, say, names no file that anybody means
        raise ValueError(
            "a page such as http://:8080, a pipe such as /tmp/results.mjpeg, its path with a "
            "slash, or off"
        )
    return text


def viewer_count(text: str) -> int:
    """Parser of how many may look at the page at once.

    Example:
        >>> viewer_count("10")
        10
    """
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MOST_VIEWERS):
        raise ValueError(f"a whole number from 1 to {MOST_VIEWERS}")
    return int(text)


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where programs keep what has to survive them: systemd's, else the user's (XDG)."""
    service = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if service:
        return Path(service)
    home = environ.get("HOME", "")
    user = environ.get("XDG_STATE_HOME", "")
    if not user:
        return Path(home, ".local", "state", "facepipe") if home else Path("/var/lib/facepipe")
    return Path(user, "facepipe")
