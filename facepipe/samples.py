"""Samples: frames that are kept for labelling, each with a record of what the model said of it.

    <prefix>/<camera>/<yyyymmddThhmmssfffZ>-<run>-<number>.jpg      or .jpeg, or .png
    <prefix>/<camera>/<yyyymmddThhmmssfffZ>-<run>-<number>.json

The record is one line: what AWS's ML Feedback connector published of a sample, and for faces the
label that a bounding box job of Amazon SageMaker Ground Truth would have written ("Label job output
data" in its developer guide). So the records of a prefix, put together, are a manifest.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Sequence

import attrs

from facepipe._ground_truth import bounding_boxes
from facepipe.errors import KeyFormatError
from facepipe.keys import FACE_LABEL, PREFIX, CropKey, format_key, parse_key
from facepipe.sampling import PICTURES, prefix_problem
from facepipe.times import as_utc

if TYPE_CHECKING:
    from facepipe.detections import Detections
    from facepipe.sampling import FeedbackConfig

#: The extension of a record.
RECORD = "json"

_EXTENSIONS = (*(each for extensions in PICTURES.values() for each in extensions), RECORD)
_KEY = re.compile(
    r"(?:(?P<prefix>.+)/)?(?P<camera>[^/]+)/"
    r"(?P<name>(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})T(?P<hour>[0-9]{2})[0-9]{7}Z"
    r"-[0-9a-z]+-[0-9]+)\.(?P<extension>[a-z]+)\Z"
)


@attrs.frozen
class SampleKey:
    """What the key of a sample says.

    Attributes:
        prefix: what the key begins with, without a slash at its end; may be empty.
        camera: the camera's name, as in a crop's key.
        captured_at: when the frame was taken, UTC, to the millisecond.
        run: 4 to 32 of `0-9a-z`, another one for each start of the device's process.
        number: the sample's number within the run, 0 or more.
        extension: `jpg`, `jpeg`, `png`, or `json` for the record.
    """

    prefix: str
    camera: str
    captured_at: datetime
    run: str
    number: int
    extension: str


def sample_key(
    prefix: str, camera: str, captured_at: datetime, run: str, number: int, extension: str
) -> str:
    """The S3 key of a sample, from what `SampleKey` names.

    Args:
        prefix: what it begins with, without a slash at its end; may be empty.
        camera: the camera's name.
        captured_at: when the frame was taken, with a time zone.
        run: 4 to 32 of `0-9a-z`, another one for each start of the process.
        number: the sample's within the run, 0 or more.
        extension: `jpg` or another that samples have.

    Raises:
        KeyFormatError: if one of these cannot be part of a key, or it would be a crop's.

    Example:
        >>> from datetime import timezone
        >>> taken = datetime(2026, 11, 20, 9, 30, 5, 250000, tzinfo=timezone.utc)
        >>> sample_key("samples", "hall-1", taken, "4f9c", 7, "jpg")
        'samples/hall-1/20261120T093005250Z-4f9c-7.jpg'
    """
    problem = prefix_problem(prefix)
    if problem is not None:
        raise KeyFormatError(prefix, f"a prefix {problem}")
    if extension not in _EXTENSIONS:
        raise KeyFormatError(extension, f"an extension must be one of {', '.join(_EXTENSIONS)}")
    # A crop's key has the same parts, under the same conditions, and its name ends with the shot.
    crop = format_key(CropKey(camera, captured_at, run, number, 0))
    name = crop.rpartition("/")[2].rpartition("-")[0]
    key = "/".join(filter(None, (prefix, camera, f"{name}.{extension}")))
    if key.startswith(PREFIX):
        raise KeyFormatError(camera, f"without a prefix this camera's samples lie under {PREFIX}")
    return key


def parse_sample_key(key: str) -> SampleKey:
    """What an S3 key says; the inverse of `sample_key`.

    Raises:
        KeyFormatError: if `sample_key` does not make this key.

    Example:
        >>> parse_sample_key("samples/hall-1/20261120T093005250Z-4f9c-7.jpg").number
        7
    """
    match = _KEY.match(key)
    if match is None:
        raise KeyFormatError(key, "it has another form")
    year, month, day, hour = match.group("year", "month", "day", "hour")
    folder = f"{PREFIX}{match.group('camera')}/{year}/{month}/{day}/{hour}"
    crop = parse_key(f"{folder}/{match.group('name')}-0.jpg")
    parsed = SampleKey(
        prefix=match.group("prefix") or "",
        camera=crop.camera,
        captured_at=crop.captured_at,
        run=crop.run,
        number=crop.track,
        extension=match.group("extension"),
    )
    sample_key(**attrs.asdict(parsed))  # raises where the rest of it is no sample's
    return parsed


def sample_record(
    config: FeedbackConfig,
    key: str,
    predictions: Sequence[Sequence[float]],
    *,
    camera: str,
    captured_at: datetime,
    detections: Detections | None = None,
    labels: Sequence[str] = (),
    wh: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """The record of a sample: a line of a manifest, as plain values.

    Args:
        config: by which it was kept.
        key: the picture's, as of `sample_key`.
        predictions: as for `facepipe.sampling.keeps`. Of a classifier there is one.
        camera: the camera's name.
        captured_at: when the frame was taken, with a time zone.
        detections: what a detector found, in pixels of the picture; None for a classifier.
        labels: what each of them is; empty where all are faces.
        wh: with them, `(width, height)` of the picture.

    Raises:
        ValueError: if `captured_at` has no time zone.

    Example:
        >>> from datetime import timezone
        >>> from facepipe.sampling import FeedbackConfig
        >>> config = FeedbackConfig("unsure", "samples")
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> record = sample_record(config, "a.jpg", [[0.6, 0.4]], camera="hall", captured_at=noon)
        >>> record["source-ref"], record["model-prediction"], record["metadata"]["publish-ts"]
        ('s3://samples/a.jpg', [0.6, 0.4], '2026-11-20 12:00:00.000000')
    """
    taken = as_utc(captured_at).replace(tzinfo=None)
    said = [[round(float(p), 6) for p in prediction] for prediction in predictions]
    record: dict[str, Any] = {
        "source-ref": f"s3://{config.bucket}/{key}",
        "config-id": config.id,
        "model-prediction": said if detections is not None else (said or [[]])[0],
        "metadata": {"publish-ts": taken.isoformat(" ", "microseconds"), "camera": camera},
    }
    if detections is not None and wh is not None:
        named = labels or [FACE_LABEL] * len(detections)
        classes = sorted(set(named)) or [FACE_LABEL]
        numbers = [classes.index(name) for name in named]
        found = attrs.evolve(detections, labels=numbers).clipped(wh)
        boxes = zip(found.labels.tolist(), found.boxes.tolist())
        record.update(
            bounding_boxes(
                "faces",
                wh,
                [(number, *_around(*box)) for number, box in boxes],
                confidences=[round(score, 6) for score in found.scores.tolist()],
                classes=classes,
                by_hand=False,
                created=captured_at,
            )
        )
    return record


def _around(x0: float, y0: float, x1: float, y1: float) -> tuple[int, int, int, int]:
    """The whole pixels that hold all of a box."""
    return math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)
