"""Asking Rekognition about a crop in S3, and what its refusals mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping

import attrs
from botocore.exceptions import ClientError

from facepipe.errors import FacepipeError

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_s3 import S3Client

# The image itself is at fault, however often it is sent: no JPEG or PNG, over 15 MB, or under 80
# pixels on a side, for which Rekognition has no better name than InvalidParameterException.
_REFUSALS = {
    "ImageTooLargeException",
    "InvalidImageFormatException",
    "InvalidParameterException",
}


class CannotScoreError(FacepipeError):
    """A crop that can never be scored, so that trying again is no use.

    Attributes:
        outcome: `refused` by Rekognition, or `deleted` before it was scored.
        reason: why.
    """

    def __init__(self, outcome: str, reason: str) -> None:
        self.outcome = outcome
        self.reason = reason
        super().__init__(outcome, reason)

    def __str__(self) -> str:
        return self.reason


def error_code(error: ClientError) -> str:
    """The service's name for an error, such as `ThrottlingException`."""
    return error.response.get("Error", {}).get("Code", "")


@attrs.frozen
class FaceService:
    """DetectFaces on crops in S3.

    Attributes:
        client: boto3's Rekognition client; its configuration does the retries.
        s3: gives boto3's S3 client. Called only where a crop cannot be read, which is rare, so
            that a cold start does not pay for it.
    """

    client: RekognitionClient
    s3: Callable[[], S3Client]

    def detect_faces(self, bucket: str, key: str) -> Mapping[str, Any]:
        """DetectFaces' response on a crop.

        Raises:
            CannotScoreError: when Rekognition refuses the image, or the object is gone.
            ClientError: any other error of the service: trying again can help, if only after
                somebody has mended a permission.
            BotoCoreError: when no answer came at all.
        """
        try:
            return self.client.detect_faces(
                Image={"S3Object": {"Bucket": bucket, "Name": key}},
                # Not ALL: age, gender and the rest are nobody's business here.
                Attributes=["DEFAULT", "EMOTIONS"],
            )
        except ClientError as error:
            if error_code(error) in _REFUSALS:
                raise CannotScoreError("refused", str(error)) from error
            # One and the same error for an object that is gone and one that may not be read.
            if error_code(error) == "InvalidS3ObjectException" and self._is_gone(bucket, key):
                raise CannotScoreError("deleted", f"{key} is no longer in {bucket}") from error
            raise

    def _is_gone(self, bucket: str, key: str) -> bool:
        # S3 says 404 only to a role with s3:ListBucket on the bucket, and 403 to any other. Where
        # it does not say that the object is gone, it may be a permission, and that can be mended.
        try:
            self.s3().head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            return error_code(error) in ("404", "NoSuchKey")
        return False
