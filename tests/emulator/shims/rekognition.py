"""Rekognition. What moto lacks, and this fills in:

- DetectFaces: unknown. Here it looks at the picture: OpenCV finds faces and facepipe's local scorer
  tells a smile from none, so that the answer depends on the crop; of the other seven emotions dice
  decide (`EmulatedScorer`). Faces have a box, a confidence and, where asked for, emotions;
  landmarks, pose, quality and all else are left out. It refuses what Rekognition refuses, with the
  same errors, and reads S3 as its caller.
"""

from __future__ import annotations

import base64
import functools
import json
import random
import threading
import zlib
from typing import Any

from moto.rekognition.responses import RekognitionResponse
from moto.s3.models import s3_backends

from facepipe.errors import ImageError
from facepipe.images import decode_image
from facepipe_io.local.scorers import SmileScorer
from tests.emulator import errors
from tests.emulator.settings import ACCOUNT, Settings
from tests.emulator.shims.iam import caller_may

# Amazon Rekognition Developer Guide, "Guidelines and quotas".
_MOST_BYTES = 5 * 1024 * 1024
_MOST_BYTES_S3 = 15 * 1024 * 1024
_LEAST_SIDE = 80
_MOST_FACES = 100

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_ATTRIBUTES = {"DEFAULT", "EMOTIONS"}
_OTHER_ATTRIBUTES = {
    "ALL",
    "AGE_RANGE",
    "BEARD",
    "EYE_DIRECTION",
    "EYEGLASSES",
    "EYES_OPEN",
    "FACE_OCCLUDED",
    "GENDER",
    "MOUTH_OPEN",
    "MUSTACHE",
    "SMILE",
    "SUNGLASSES",
}

# How much of its confidence the scorer keeps in HAPPY and CALM, and what four of the others have
# besides. In all it is less than 114, which is the most that AWS's own examples add up to.
_SMILE_SHARE = 0.55
_OTHER_CONFIDENCES = (20.0, 14.0, 12.0, 11.0)
_OTHERS = ("ANGRY", "CONFUSED", "DISGUSTED", "FEAR", "SAD", "SURPRISED", "UNKNOWN")

# OpenCV's cascades are not for two threads at a time.
_one_at_a_time = threading.Lock()


def install(_: Settings) -> None:
    """Fill the gaps."""
    RekognitionResponse.detect_faces = _respond


class EmulatedScorer(SmileScorer):
    """Answers with all nine emotions, so that each can be followed to where it is shown.

    HAPPY and CALM are seen, and lead. Which four of the others are there besides is thrown with
    dice: the same for the same picture, and no statement about the person.
    """

    def __init__(self) -> None:
        super().__init__(crops_only=False)

    def detect_faces(self, image: Any) -> dict[str, Any]:
        """Score a picture: `(H, W, 3)` uint8, BGR. A DetectFaces response."""
        response = super().detect_faces(image)
        for number, face in enumerate(response["FaceDetails"]):
            dice = random.Random(zlib.crc32(image.tobytes(), number))
            emotions = {
                each["Type"]: _SMILE_SHARE * each["Confidence"] for each in face["Emotions"]
            }
            thrown = dict(zip(dice.sample(_OTHERS, len(_OTHERS)), _OTHER_CONFIDENCES))
            emotions.update({name: thrown.get(name, 0.1) for name in _OTHERS})
            face["Emotions"] = [
                {"Type": name, "Confidence": emotions[name]}
                for name in sorted(emotions, key=lambda name: -emotions[name])
            ]
        return response


class _RefusedError(Exception):
    """Rekognition's name for an error, and what it says."""


def _invalid() -> _RefusedError:
    return _RefusedError("InvalidParameterException", "Request has invalid parameters")


def _bad_format() -> _RefusedError:
    return _RefusedError("InvalidImageFormatException", "Request has invalid image format")


def _respond(self: RekognitionResponse) -> Any:
    try:
        return json.dumps({"FaceDetails": _detect_faces(self)})
    except _RefusedError as refusal:
        code, message = refusal.args
        body, status, headers = errors.error(
            "rekognition", self.normalized_request, code, message, 400
        )
        return status, {**headers, "status": status}, body


def _detect_faces(response: RekognitionResponse) -> list[dict[str, Any]]:
    wanted = set(response._get_param("Attributes") or ["DEFAULT"])
    if wanted & _OTHER_ATTRIBUTES:
        raise NotImplementedError(f"rekognition: the attributes {wanted - _ATTRIBUTES}")
    if wanted - _ATTRIBUTES:
        raise _invalid()
    data = _read(response, response._get_param("Image") or {})
    if not data.startswith(_MAGIC):
        raise _bad_format()
    try:
        image = decode_image(data)
    except ImageError:
        raise _bad_format() from None
    if min(image.shape[:2]) < _LEAST_SIDE:
        raise _invalid()
    with _one_at_a_time:
        faces = _scorer().detect_faces(image)["FaceDetails"][:_MOST_FACES]
    if "EMOTIONS" not in wanted:
        for face in faces:
            del face["Emotions"]
    return list(faces)


@functools.lru_cache(maxsize=None)
def _scorer() -> EmulatedScorer:
    return EmulatedScorer()


def _read(response: RekognitionResponse, image: dict[str, Any]) -> bytes:
    if "Bytes" in image:
        data, most = base64.b64decode(image["Bytes"]), _MOST_BYTES
    elif "S3Object" in image:
        data, most = _read_s3(response, image["S3Object"]), _MOST_BYTES_S3
    else:
        raise _invalid()
    if len(data) > most:
        raise _RefusedError("ImageTooLargeException", f"Image is larger than {most} bytes")
    return data


def _read_s3(response: RekognitionResponse, place: dict[str, Any]) -> bytes:
    bucket = s3_backends[ACCOUNT]["aws"].buckets.get(place["Bucket"])
    key = bucket and bucket.keys.get(place["Name"])
    arn = f"arn:aws:s3:::{place['Bucket']}/{place['Name']}"
    # One and the same error for what is not there and what may not be read.
    if not key or not caller_may(response.normalized_request, "s3:GetObject", arn):
        raise _RefusedError(
            "InvalidS3ObjectException",
            "Unable to get object metadata from S3. "
            "Check object key, region and/or access permissions.",
        )
    return bytes(key.value)
