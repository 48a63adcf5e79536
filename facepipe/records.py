"""What is kept and charted of a crop, as the plain values that AWS takes.

A record is an item of the DynamoDB table. A face's has one number attribute per kept emotion, in
capitals, beside `s3key`, `dominant`, `camera`, `captured_at`, `face_count` and `expires_at`. That
of anything else, whose crop's key says what it is, has `s3key`, `label`, `camera`, `captured_at`
and `expires_at`: an object has no emotions.

Metrics are CloudWatch's: one per emotion, and `FacesScored`, each once over all cameras and once
with the dimension `Camera`; for objects `ObjectsSeen`, once with the dimension `Label` and once
with `Camera` and `Label`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Iterable, Mapping

import attrs

from facepipe.emotions import FaceEmotions, face_details, filter_emotions, largest_face
from facepipe.errors import KeyFormatError, ResponseError
from facepipe.keys import FACE_LABEL, parse_key
from facepipe.times import iso_millis, parse_iso

#: The camera of a crop whose key was not made by facepipe.
UNKNOWN_CAMERA = "unknown"

_FIXED = ("s3key", "dominant", "camera", "captured_at", "face_count", "expires_at")


@attrs.frozen
class ScoredCrop:
    """A crop and what was found in it.

    Attributes:
        key: its S3 key.
        camera: the camera that took it.
        captured_at: when, UTC.
        face_count: faces that Rekognition found in it; 0 for an object, which it is not asked of.
        emotions: those of the largest face that passed the threshold; there may be none.
        label: what it shows.
    """

    key: str
    camera: str
    captured_at: datetime
    face_count: int
    emotions: FaceEmotions
    label: str = FACE_LABEL

    @property
    def is_face(self) -> bool:
        """Whether it shows a face, which has emotions; anything else is an object."""
        return self.label == FACE_LABEL


def seen_object(key: str) -> ScoredCrop | None:
    """What there is to say of an object's crop: all of it stands in its key.

    Args:
        key: the crop's S3 key, decoded.

    Returns:
        None for a face's crop, and for a key that was not made by facepipe.

    Example:
        >>> stem = "faces/hall/2026/11/20/09/20261120T093005250Z-4f9c-7-0"
        >>> seen_object(f"{stem}-soda bottle.jpg").label
        'soda bottle'
        >>> seen_object(f"{stem}.jpg") is None
        True
    """
    try:
        parsed = parse_key(key)
    except KeyFormatError:
        return None
    if parsed.label == FACE_LABEL:
        return None
    return ScoredCrop(
        key, parsed.camera, parsed.captured_at, 0, FaceEmotions({}), label=parsed.label
    )


def score_crop(
    key: str,
    response: Mapping[str, Any],
    *,
    event_time: datetime,
    min_confidence: float = 10.0,
) -> ScoredCrop:
    """Turn a DetectFaces response into a face's scored crop.

    Args:
        key: the crop's S3 key, decoded. A key of facepipe's own names camera and time; of any
            other the camera is `unknown` and the time is the event's.
        response: DetectFaces' answer, asked for `EMOTIONS` at least.
        event_time: when the crop was put, with a time zone.
        min_confidence: emotions must be greater than this, 0 to 100.

    Raises:
        ResponseError: if the response is no DetectFaces response.

    Example:
        >>> from datetime import timezone
        >>> face = {"Emotions": [{"Type": "HAPPY", "Confidence": 97.123}]}
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> scored = score_crop("faces/me.jpg", {"FaceDetails": [face]}, event_time=noon)
        >>> scored.camera, scored.emotions.dominant
        ('unknown', 'HAPPY')
    """
    face = largest_face(response)
    try:
        parsed = parse_key(key)
        camera, captured_at = parsed.camera, parsed.captured_at
    except KeyFormatError:
        camera, captured_at = UNKNOWN_CAMERA, event_time
    return ScoredCrop(
        key=key,
        camera=camera,
        captured_at=captured_at,
        face_count=len(face_details(response)),
        emotions=FaceEmotions({}) if face is None else filter_emotions(face, min_confidence),
    )


def to_item(scored: ScoredCrop, expires_at: int) -> dict[str, dict[str, str]]:
    """The DynamoDB item of a crop, in DynamoDB's own notation.

    Args:
        scored: an object's crop, or a face's with at least one emotion.
        expires_at: epoch seconds after which DynamoDB deletes it (its TTL attribute).

    Raises:
        ResponseError: if it is a face's of which no emotion passed the threshold: such a crop
            makes no record.
        ValueError: if its time has no time zone.

    Example:
        >>> from datetime import timezone
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> crop = ScoredCrop("faces/a.jpg", "hall", noon, 1, FaceEmotions({"HAPPY": 97.125}))
        >>> item = to_item(crop, expires_at=1800000000)
        >>> item["HAPPY"], item["captured_at"]
        ({'N': '97.12'}, {'S': '2026-11-20T12:00:00.000Z'})
    """
    item = {
        "s3key": {"S": scored.key},
        "camera": {"S": scored.camera},
        "captured_at": {"S": iso_millis(scored.captured_at)},
        "expires_at": {"N": str(expires_at)},
    }
    if not scored.is_face:
        return {**item, "label": {"S": scored.label}}
    if scored.emotions.dominant is None:
        raise ResponseError("a crop without emotions makes no record")
    return {
        **{name: {"N": f"{value:.2f}"} for name, value in scored.emotions.scores.items()},
        # After them, so that no emotion type, whatever its name, can take their place.
        **item,
        "dominant": {"S": scored.emotions.dominant},
        "face_count": {"N": str(scored.face_count)},
    }


def from_item(item: Mapping[str, Mapping[str, str]]) -> ScoredCrop:
    """The crop that an item was made of, its confidences to two decimals.

    Raises:
        KeyError: if it is no item of `to_item`.

    Example:
        >>> from datetime import timezone
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> crop = ScoredCrop("faces/a.jpg", "hall", noon, 1, FaceEmotions({"HAPPY": 97.12}))
        >>> from_item(to_item(crop, expires_at=1800000000)) == crop
        True
    """
    key, camera = item["s3key"]["S"], item["camera"]["S"]
    captured_at = parse_iso(item["captured_at"]["S"])
    if "S" in item.get("label", ()):  # a number is an emotion of that name
        label = item["label"]["S"]
        return ScoredCrop(key, camera, captured_at, 0, FaceEmotions({}), label=label)
    return ScoredCrop(
        key=key,
        camera=camera,
        captured_at=captured_at,
        face_count=int(item["face_count"]["N"]),
        emotions=FaceEmotions(
            {name: float(value["N"]) for name, value in item.items() if name not in _FIXED}
        ),
    )


def metric_data(scored: Iterable[ScoredCrop]) -> list[dict[str, Any]]:
    """The CloudWatch data of crops, for one PutMetricData call.

    Args:
        scored: objects' crops, and faces', of which those in which no face was found give nothing.

    Returns:
        `MetricDatum` structures as boto3 takes them.

    Example:
        >>> from datetime import timezone
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> crop = ScoredCrop("faces/a.jpg", "hall", noon, 1, FaceEmotions({"HAPPY": 97.125}))
        >>> for datum in metric_data([crop]):
        ...     print(datum["MetricName"], datum["Value"], datum.get("Dimensions"))
        HAPPY 97.12 None
        HAPPY 97.12 [{'Name': 'Camera', 'Value': 'hall'}]
        FacesScored 1 None
        FacesScored 1 [{'Name': 'Camera', 'Value': 'hall'}]
    """
    data = []
    for crop in scored:
        if not crop.is_face:
            data += _datum(crop, "ObjectsSeen", 1, "Count")
        elif crop.face_count:
            for name, value in crop.emotions.scores.items():
                data += _datum(crop, name, round(value, 2), "Percent")
            data += _datum(crop, "FacesScored", 1, "Count")
    return data


def _datum(crop: ScoredCrop, name: str, value: float, unit: str) -> list[dict[str, Any]]:
    datum = {"MetricName": name, "Timestamp": crop.captured_at, "Value": value, "Unit": unit}
    camera = {"Name": "Camera", "Value": crop.camera}
    if crop.is_face:
        return [datum, {**datum, "Dimensions": [camera]}]
    label = {"Name": "Label", "Value": crop.label}
    return [{**datum, "Dimensions": [label]}, {**datum, "Dimensions": [camera, label]}]
