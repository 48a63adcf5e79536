"""Names of crops in S3.

    faces/<camera>/<yyyy>/<mm>/<dd>/<hh>/<yyyymmddThhmmssfffZ>-<run>-<track>-<shot>.jpg
    faces/<camera>/<yyyy>/<mm>/<dd>/<hh>/<yyyymmddThhmmssfffZ>-<run>-<track>-<shot>-<label>.jpg

All times are UTC. Within a camera, keys sort by time. `run` tells one start of the device's
process from another, so that a restarted device, whose tracks count from 1 again, never
overwrites a crop. A crop that shows something else than a face says so at the end of its name; it
lies under the same prefix, since that is what cameras may write and the scorer is told of.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from operator import index

import attrs

from facepipe.errors import KeyFormatError
from facepipe.times import utc_millis

#: Every crop lies under this prefix; the bucket's notification and policies name it.
PREFIX = "faces/"

#: The label of a face, which no key mentions.
FACE_LABEL = "face"

# S3 takes keys of up to 1024 bytes of UTF-8 (Amazon S3 User Guide, "Naming Amazon S3 objects").
# A camera of 128 characters of 4 bytes leaves room for the rest; 128 is also what IoT takes. With a
# label of 100 bytes the name still fits into the 255 of a file's.
_CAMERA = re.compile(r"(?!\.{1,2}\Z)[^/\x00-\x1f\x7f\ud800-\udfff]{1,128}\Z")
_LABEL = re.compile(r"[^/\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]{1,64}\Z")
_LABEL_BYTES = 100
_RUN = re.compile(r"[0-9a-z]{4,32}\Z")
_KEY = re.compile(
    r"faces/(?P<camera>[^/]+)/(?P<folder>[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{2})/"
    r"(?P<stamp>[0-9]{8}T[0-9]{9}Z)-(?P<run>[0-9a-z]+)-(?P<track>[0-9]{1,18})-(?P<shot>[0-9]{1,18})"
    r"(?:-(?P<label>[^/]+))?\.jpg\Z"
)


def _to_utc_millis(moment: datetime) -> datetime:
    try:
        return utc_millis(moment)
    except ValueError as error:
        raise KeyFormatError(moment, f"captured_at {error}") from None


def _to_int(number: int) -> int:
    try:
        return index(number)
    except TypeError:
        raise KeyFormatError(number, "a track and a shot are whole numbers") from None


@attrs.frozen
class CropKey:
    """What the key of a crop says.

    Attributes:
        camera: the camera's name: 1 to 128 characters, no slash and no control character.
        captured_at: when the frame was taken, with a time zone; kept as UTC, cut to milliseconds.
        run: 4 to 32 of `0-9a-z`, another one for each start of the device's process.
        track: the person's number within the run, 0 or more.
        shot: the crop's number within the track, 0 or more.
        label: what it shows, as `check_label` has it.

    Raises:
        KeyFormatError: if one of these does not hold.
    """

    camera: str = attrs.field()
    captured_at: datetime = attrs.field(converter=_to_utc_millis)
    run: str = attrs.field()
    track: int = attrs.field(converter=_to_int)
    shot: int = attrs.field(converter=_to_int)
    label: str = attrs.field(default=FACE_LABEL)

    @camera.validator
    def _check_camera(self, _: object, camera: str) -> None:
        if not (isinstance(camera, str) and _CAMERA.match(camera)):
            raise KeyFormatError(
                camera, "a camera's name has 1 to 128 characters, no slash and no control character"
            )

    @run.validator
    def _check_run(self, _: object, run: str) -> None:
        if not (isinstance(run, str) and _RUN.match(run)):
            raise KeyFormatError(run, "a run has 4 to 32 characters of 0-9 and a-z")

    @track.validator
    @shot.validator
    def _check_number(self, attribute: attrs.Attribute[int], number: int) -> None:
        if not 0 <= number < 10**18:
            raise KeyFormatError(number, f"{attribute.name} must be 0 or more")

    @label.validator
    def _check_label(self, _: object, label: str) -> None:
        check_label(label)


def check_label(label: str) -> None:
    """Find out whether a label can be part of a crop's key.

    Raises:
        KeyFormatError: unless it has 1 to 64 characters, none of them a slash or a control
            character, and at most 100 bytes in UTF-8.

    Example:
        >>> check_label("soda bottle")
    """
    good = isinstance(label, str) and _LABEL.match(label) is not None
    if not good or len(label.encode()) > _LABEL_BYTES:
        raise KeyFormatError(
            label,
            "a label has 1 to 64 characters, 100 bytes at most, no slash and no control one",
        )


def format_key(key: CropKey) -> str:
    """The S3 key of a crop.

    Example:
        >>> taken = datetime(2026, 11, 20, 9, 30, 5, 250000, tzinfo=timezone.utc)
        >>> format_key(CropKey("hall-1", taken, run="4f9c", track=7, shot=0))
        'faces/hall-1/2026/11/20/09/20261120T093005250Z-4f9c-7-0.jpg'
        >>> format_key(CropKey("hall-1", taken, run="4f9c", track=7, shot=0, label="cup"))
        'faces/hall-1/2026/11/20/09/20261120T093005250Z-4f9c-7-0-cup.jpg'
    """
    at = key.captured_at
    # Not strftime: it does not pad years below 1000 on Linux.
    year, month, day, hour = f"{at.year:04}", f"{at.month:02}", f"{at.day:02}", f"{at.hour:02}"
    folder = f"{PREFIX}{key.camera}/{year}/{month}/{day}/{hour}"
    millis = f"{at.minute:02}{at.second:02}{at.microsecond // 1000:03}"
    name = f"{year}{month}{day}T{hour}{millis}Z-{key.run}-{key.track}-{key.shot}"
    label = "" if key.label == FACE_LABEL else f"-{key.label}"
    return f"{folder}/{name}{label}.jpg"


def parse_key(key: str) -> CropKey:
    """What an S3 key says; the inverse of `format_key`.

    Args:
        key: the key as it is in S3, not as an event encodes it.

    Raises:
        KeyFormatError: if `format_key` does not make this key.

    Example:
        >>> parse_key("faces/hall-1/2026/11/20/09/20261120T093005250Z-4f9c-7-0.jpg").camera
        'hall-1'
    """
    match = _KEY.match(key)
    if match is None:
        raise KeyFormatError(key, "it has another form")
    stamp = match.group("stamp")
    try:
        captured_at = datetime.strptime(stamp, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise KeyFormatError(key, f"no such time: {error}") from None
    parsed = CropKey(
        camera=match.group("camera"),
        captured_at=captured_at,
        run=match.group("run"),
        track=int(match.group("track")),
        shot=int(match.group("shot")),
        label=match.group("label") or FACE_LABEL,
    )
    # Leading zeros, a folder that is not the time's, or a face that says so would make two keys
    # of one crop.
    if format_key(parsed) != key:
        raise KeyFormatError(key, "its folder, its numbers or its label do not fit")
    return parsed
