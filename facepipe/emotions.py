"""Emotions of a face, out of what Rekognition's DetectFaces says of it.

DetectFaces names HAPPY, SAD, ANGRY, CONFUSED, DISGUSTED, SURPRISED, CALM, FEAR and UNKNOWN (API
reference, "Emotion"), each with a confidence of 0 to 100. They are no distribution: their sum may
be anything. Types are taken as they come, so that a new one is no error.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any, Iterable, Mapping

import attrs

from facepipe.errors import ResponseError


def _descending(scores: Mapping[str, float]) -> Mapping[str, float]:
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return MappingProxyType(dict(ranked))


@attrs.frozen
class FaceEmotions:
    """The emotions of one face that passed a threshold.

    Attributes:
        scores: emotion type to confidence (0 to 100), read-only, in descending order of
            confidence; equal ones in the order of their names.
    """

    # dict is unhashable, and order is settled by the converter, so plain equality serves.
    scores: Mapping[str, float] = attrs.field(converter=_descending, hash=False)

    def __reduce__(self) -> Any:
        return FaceEmotions, (dict(self.scores),)  # a read-only mapping cannot be pickled

    @property
    def dominant(self) -> str | None:
        """The type with the highest confidence; None when no emotion passed."""
        return next(iter(self.scores), None)


def filter_emotions(face_detail: Mapping[str, Any], min_confidence: float = 10.0) -> FaceEmotions:
    """Keep the emotions whose confidence is greater than a threshold.

    Args:
        face_detail: one of DetectFaces' `FaceDetails`. Entries of its `Emotions` that name no
            type, or whose confidence is no number from 0 to 100, are dropped; of a type named
            twice the higher confidence counts.
        min_confidence: 0 to 100; an emotion exactly at it is dropped.

    Raises:
        ResponseError: if `Emotions` is missing or no list: DetectFaces gives it only when asked
            for it.

    Example:
        >>> face = {"Emotions": [{"Type": "CALM", "Confidence": 12.5},
        ...                      {"Type": "HAPPY", "Confidence": 83.1},
        ...                      {"Type": "SAD", "Confidence": 10.0}]}
        >>> emotions = filter_emotions(face)
        >>> dict(emotions.scores)
        {'HAPPY': 83.1, 'CALM': 12.5}
        >>> emotions.dominant
        'HAPPY'
    """
    emotions = face_detail.get("Emotions")
    if not isinstance(emotions, (list, tuple)):
        raise ResponseError("the face has no Emotions; ask DetectFaces for Attributes=['EMOTIONS']")
    scores: dict[str, float] = {}
    for name, confidence in _well_formed(emotions):
        if confidence > min_confidence:
            scores[name] = max(confidence, scores.get(name, confidence))
    return FaceEmotions(scores)


def _well_formed(emotions: Iterable[Any]) -> Iterable[tuple[str, float]]:
    for emotion in emotions:
        if not isinstance(emotion, Mapping):
            continue
        name, confidence = emotion.get("Type"), emotion.get("Confidence")
        if not (isinstance(name, str) and name) or isinstance(confidence, bool):
            continue
        try:
            number = float(confidence)  # type: ignore[arg-type]
        except (OverflowError, TypeError, ValueError):
            continue
        if 0.0 <= number <= 100.0:  # false for NaN
            yield name, number


def largest_face(response: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The largest face of a DetectFaces response: the person whom the crop was cut for.

    A crop has a margin, so that a neighbour may look in; the margin keeps the person it was cut
    for the largest.

    Returns:
        One of `FaceDetails`, or None when Rekognition found no face.

    Raises:
        ResponseError: if this is no DetectFaces response.

    Example:
        >>> small, large = ({"BoundingBox": {"Width": w, "Height": w}} for w in (0.1, 0.4))
        >>> largest_face({"FaceDetails": [small, large]}) is large
        True
        >>> largest_face({"FaceDetails": []}) is None
        True
    """
    faces = face_details(response)
    return max(faces, key=_area, default=None)


def face_details(response: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """All faces of a DetectFaces response.

    Raises:
        ResponseError: if this is no DetectFaces response.

    Example:
        >>> face_details({"FaceDetails": []})
        ()
    """
    faces = response.get("FaceDetails") if isinstance(response, Mapping) else None
    if not isinstance(faces, (list, tuple)) or not all(isinstance(f, Mapping) for f in faces):
        raise ResponseError("this is no DetectFaces response: it has no list of FaceDetails")
    return tuple(faces)


def _area(face: Mapping[str, Any]) -> float:
    box = face.get("BoundingBox")
    try:
        area = float(box["Width"]) * float(box["Height"])  # type: ignore[index]
    except (KeyError, OverflowError, TypeError, ValueError):
        area = 0.0
    # A face without a sane box never wins over one that has it.
    return area if 0 < area < math.inf else 0.0
