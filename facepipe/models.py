"""Models for devices, as they are published in S3.

    models/<name>/<sha256>.tar.gz    an archive: <name>.onnx, and what has to lie beside it
    models/<name>.json               the pointer: which of these archives devices are to use

An archive is never changed, so that a pointer says all of a model. The pointer's key is what a
device is told; what it holds is replaced, and with it the model of every device.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import attrs

from facepipe.errors import PointerError
from facepipe.times import iso_millis, parse_iso, utc_millis

#: Every published model lies under this prefix; policies name it.
MODELS_PREFIX = "models/"

#: A longer text is no pointer.
MAX_POINTER_BYTES = 2**14

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_DETECTOR = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
_VERSION = 1


def check_model_name(name: str) -> str:
    """A model's name, as it can be part of a key and of a file's name.

    Raises:
        PointerError: when it cannot.

    Example:
        >>> check_model_name("bottles-v2")
        'bottles-v2'
    """
    if not _NAME.match(name):
        raise PointerError(
            f"a model's name has 1 to 63 of A-Z, a-z, 0-9, dot, hyphen and underscore, a letter or "
            f"digit first, not {name[:80]!r}"
        )
    return name


def pointer_key(name: str) -> str:
    """The S3 key of a model's pointer.

    Raises:
        PointerError: when no model can have such a name.

    Example:
        >>> pointer_key("bottles")
        'models/bottles.json'
    """
    return f"{MODELS_PREFIX}{check_model_name(name)}.json"


@attrs.frozen
class ModelVersion:
    """One archive of a model.

    Attributes:
        name: the model's.
        sha256: of the archive, 64 hexadecimal digits.
        size: of the archive in bytes, 1 or more.
        detector: what runs the model, as in FACEPIPE_DETECTOR.

    Raises:
        PointerError: if one of these does not hold.
    """

    name: str = attrs.field()
    sha256: str = attrs.field()
    size: int = attrs.field()
    detector: str = attrs.field()

    @property
    def archive(self) -> str:
        """The S3 key of the archive."""
        return f"{MODELS_PREFIX}{self.name}/{self.sha256}.tar.gz"

    @name.validator
    def _check_name(self, _: object, name: str) -> None:
        check_model_name(name)

    @sha256.validator
    def _check_sha256(self, _: object, sha256: str) -> None:
        if not (isinstance(sha256, str) and _SHA256.match(sha256)):
            raise PointerError(f"`sha256` must be 64 hexadecimal digits, not {_short(sha256)}")

    @size.validator
    def _check_size(self, _: object, size: int) -> None:
        if not (type(size) is int and size > 0):
            raise PointerError(f"`bytes` must be a whole number from 1 on, not {_short(size)}")

    @detector.validator
    def _check_detector(self, _: object, detector: str) -> None:
        if not (isinstance(detector, str) and _DETECTOR.match(detector)):
            raise PointerError(f"`detector` must be a detector's name, not {_short(detector)}")


def _to_utc_millis(moment: datetime) -> datetime:
    try:
        return utc_millis(moment)
    except ValueError as error:
        raise PointerError(f"`published_at` {error}, unlike {_short(moment)}") from None


@attrs.frozen
class ModelPointer:
    """What a pointer says.

    Attributes:
        version: the one that devices are to use.
        published_at: when the pointer was written, with a time zone; kept as UTC, cut to
            milliseconds.
        previous: the version before it, of the same model; None if there was none.

    Raises:
        PointerError: when the two versions are of different models, or the same.
    """

    version: ModelVersion
    published_at: datetime = attrs.field(converter=_to_utc_millis)
    previous: ModelVersion | None = None

    def __attrs_post_init__(self) -> None:
        previous = self.previous
        if previous is not None and previous.name != self.version.name:
            raise PointerError(
                f"`previous` is of the model {previous.name}, and not of {self.version.name}"
            )
        if previous is not None and previous.sha256 == self.version.sha256:
            raise PointerError("`previous` is the same archive; leave it out")


def format_pointer(pointer: ModelPointer) -> str:
    """The text of a pointer: JSON.

    Example:
        >>> from datetime import timezone
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> pointer = ModelPointer(ModelVersion("bottles", 64 * "0", 12345, "onnx"), noon)
        >>> json.loads(format_pointer(pointer))["published_at"]
        '2026-11-20T12:00:00.000Z'
    """
    document: dict[str, Any] = {
        "version": _VERSION,
        **_fields(pointer.version),
        "published_at": iso_millis(pointer.published_at),
    }
    if pointer.previous is not None:
        document["previous"] = _fields(pointer.previous)
    return json.dumps(document, indent=2) + "\n"


def parse_pointer(text: str) -> ModelPointer:
    """What the text of a pointer says; the inverse of `format_pointer`.

    Raises:
        PointerError: for a field that is missing, unknown, given twice or malformed, and for a
            form of a later day.

    Example:
        >>> parse_pointer('{"version": 2}')
        Traceback (most recent call last):
            ...
        facepipe.errors.PointerError: it is no pointer to a model: it has the form of version 2, \
and this facepipe knows 1; update it
    """
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, PointerError) else "it is no JSON"
        raise _not_one(reason) from None
    if not isinstance(document, dict):
        raise _not_one("it is no JSON object")
    if type(document.get("version")) is not int:
        raise _not_one("`version` is missing, or no whole number")
    if document["version"] != _VERSION:
        form = f"the form of version {_short(document['version'])}"
        raise _not_one(f"it has {form}, and this facepipe knows {_VERSION}; update it")
    try:
        previous = document.get("previous")
        return ModelPointer(
            _version(document, {"version", "published_at", "previous"}),
            _time(document.get("published_at")),
            None if previous is None else _version(previous, set()),
        )
    except PointerError as error:
        raise _not_one(error.reason) from None


def _not_one(reason: str) -> PointerError:
    return PointerError(f"it is no pointer to a model: {reason}")


def _fields(version: ModelVersion) -> dict[str, Any]:
    return {
        "archive": version.archive,
        "sha256": version.sha256,
        "bytes": version.size,
        "detector": version.detector,
    }


def _version(document: Any, others: set[str]) -> ModelVersion:
    if not isinstance(document, dict):
        raise PointerError("`previous` must be a JSON object")
    names = ("archive", "sha256", "bytes", "detector")
    missing = [name for name in names if name not in document]
    if missing:
        raise PointerError(f"`{missing[0]}` is missing")
    unknown = sorted(set(document).difference(names, others))
    if unknown:
        raise PointerError(f"it has a field {_short(unknown[0])}, of which nothing is known")
    archive = document["archive"]
    parts = archive.split("/") if isinstance(archive, str) else []
    if len(parts) != 3:
        raise PointerError(f"`archive` must be models/NAME/SHA256.tar.gz, not {_short(archive)}")
    version = ModelVersion(parts[1], document["sha256"], document["bytes"], document["detector"])
    if version.archive != archive:
        raise PointerError(f"`archive` must be {version.archive}, not {_short(archive)}")
    return version


def _time(text: Any) -> datetime:
    try:
        moment = parse_iso(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None or iso_millis(moment) != text:
        raise PointerError(
            f"`published_at` must be a time such as 2026-11-20T09:30:05.250Z, not {_short(text)}"
        )
    return moment


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise PointerError("it has a field twice")
    return document


def _short(value: object) -> str:
    return ascii(value)[:80]
