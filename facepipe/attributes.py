"""What a device says of a frame that it sends to a SageMaker endpoint.

    camera=hall-1&captured_at=2026-11-20T09:30:05.250Z&stills=1&last=1

It travels beside the frame, in the header `X-Amzn-SageMaker-Custom-Attributes`, which takes 1024
visible characters of US-ASCII (Amazon SageMaker API Reference, "InvokeEndpoint"): hence the
encoding of a URL's query.
"""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import quote, unquote_plus

import attrs

from facepipe.errors import AttributesError, KeyFormatError
from facepipe.keys import CropKey
from facepipe.times import iso_millis, parse_iso

#: As many characters as SageMaker takes.
MAX_LENGTH = 1024

_TEXT = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})+\Z")
_FLAGS = ("stills", "last")
_NAMES = ("camera", "captured_at", *_FLAGS)


@attrs.frozen
class FrameAttributes:
    """What the custom attributes of a frame say.

    Attributes:
        camera: the camera's name, as in `facepipe.CropKey`.
        captured_at: when the frame was taken, with a time zone; kept as UTC, cut to milliseconds.
        stills: whether each of the camera's frames is a scene of its own.
        last: whether no frame comes after this one, so that what is still to be sent is sent now.

    Raises:
        AttributesError: when there can be no such camera or time.
    """

    camera: str
    captured_at: datetime
    stills: bool = False
    last: bool = False

    def __attrs_post_init__(self) -> None:
        try:
            key = CropKey(self.camera, self.captured_at, run="0000", track=0, shot=0)
        except KeyFormatError as error:
            raise AttributesError(error.reason) from None
        object.__setattr__(self, "captured_at", key.captured_at)


def format_attributes(attributes: FrameAttributes) -> str:
    """The custom attributes of a frame.

    Raises:
        AttributesError: when the camera's name takes more room than SageMaker gives.

    Example:
        >>> from datetime import timezone
        >>> taken = datetime(2026, 11, 20, 9, 30, 5, 250000, tzinfo=timezone.utc)
        >>> format_attributes(FrameAttributes("hall 1", taken, last=True))
        'camera=hall%201&captured_at=2026-11-20T09:30:05.250Z&last=1'
    """
    fields = [
        "camera=" + quote(attributes.camera),
        "captured_at=" + iso_millis(attributes.captured_at),
    ]
    fields += [flag + "=1" for flag in _FLAGS if getattr(attributes, flag)]
    text = "&".join(fields)
    if len(text) > MAX_LENGTH:
        raise AttributesError(
            f"the camera's name is too long for the {MAX_LENGTH} characters that SageMaker takes; "
            "use a shorter one, or one of ASCII"
        )
    return text


def parse_attributes(text: str) -> FrameAttributes:
    """What custom attributes say; the inverse of `format_attributes`.

    The fields may come in any order, and in any encoding that a URL's query can have.

    Raises:
        AttributesError: when a field is unknown, repeated, missing or malformed.

    Example:
        >>> parse_attributes("camera=hall+1&captured_at=2026-11-20T09%3A30%3A05.250Z").camera
        'hall 1'
    """
    if len(text) > MAX_LENGTH:
        raise AttributesError(f"custom attributes have at most {MAX_LENGTH} characters")
    if not _TEXT.match(text):
        raise AttributesError("custom attributes must be encoded like the query of a URL")
    fields: dict[str, str] = {}
    for field in text.split("&"):
        name, _, value = field.partition("=")
        if name not in _NAMES:
            raise AttributesError(
                f"custom attributes have no field {name!r}, only {', '.join(_NAMES)}"
            )
        if name in fields:
            raise AttributesError(f"custom attributes name {name} twice")
        try:
            fields[name] = unquote_plus(value, errors="strict")
        except UnicodeDecodeError:
            raise AttributesError(f"{name} in custom attributes must be UTF-8") from None
    for name in ("camera", "captured_at"):
        if name not in fields:
            raise AttributesError(f"custom attributes must say {name}=...")
    for flag in _FLAGS:
        if fields.get(flag, "1") != "1":
            raise AttributesError(f"{flag} in custom attributes must be 1 or left out")
    return FrameAttributes(
        fields["camera"],
        _parse_time(fields["captured_at"]),
        stills="stills" in fields,
        last="last" in fields,
    )


def _parse_time(text: str) -> datetime:
    try:
        moment = parse_iso(text)
    except ValueError:
        moment = None
    if moment is None or iso_millis(moment) != text:
        raise AttributesError(
            f"captured_at must be a time such as 2026-11-20T09:30:05.250Z, not {text!r}"
        )
    return moment
