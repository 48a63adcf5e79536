"""Where the pictures on a page come from: folders, or a bucket."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Mapping, Protocol, Sequence

from facepipe.errors import ImageError
from facepipe.images import decode_image, encode_jpeg, fit_within
from facepipe_io.edge.aws import code
from facepipe_io.errors import StoreError
from facepipe_io.local.aws import aws_reason
from facepipe_io.local.gather import run_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from facepipe.records import ScoredCrop

THUMBNAIL_WH = (288, 288)

PARALLEL = 8

# What S3 says of a crop that is gone; "denied" if one may not know, for want of s3:ListBucket
# (Amazon S3 API Reference, GetObject, "Permissions").
_GONE = ("404", "NoSuchKey", "InvalidObjectState")
_DENIED = ("403", "AccessDenied")

_HINTS = {
    "NoSuchBucket": "check its name, which `terraform output -raw bucket` tells",
    "PermanentRedirect": "it is in another region: set AWS_DEFAULT_REGION",
}


class Pictures(Protocol):
    """Gives crops' files."""

    def get(self, crops: Sequence[ScoredCrop]) -> dict[str, bytes]:
        """Files by key, but for those that are gone."""


class FolderPictures:
    """Crops in output folders.

    Args:
        folders: run to its folder.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders

    def get(self, crops: Sequence[ScoredCrop]) -> dict[str, bytes]:
        """Files by key, but for those that are gone."""
        found = {}
        for crop in crops:
            folder = self._folders.get(run_of(crop))
            try:
                if folder is not None:
                    found[crop.key] = (folder / crop.key).read_bytes()
            except OSError:
                continue  # deleted since
        return found


class BucketPictures:
    """Crops in S3, where they expire after a day or so.

    Args:
        client: boto3's; it may be used by several threads.
        bucket: its name.
        on_one: called after each with how many were asked for so far, and how many there are.

    Attributes:
        denied: how many S3 did not give out; they may be gone as well.
    """

    def __init__(
        self, client: S3Client, bucket: str, on_one: Callable[[int, int], None] | None = None
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._on_one = on_one
        self.denied = 0

    def get(self, crops: Sequence[ScoredCrop]) -> dict[str, bytes]:
        """Files by key, but for those that are gone.

        Raises:
            StoreError: if the bucket cannot be read.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        keys = [crop.key for crop in crops]
        found = {}
        pool = ThreadPoolExecutor(PARALLEL)
        try:
            for number, (key, data) in enumerate(zip(keys, pool.map(self._one, keys)), start=1):
                if data:
                    found[key] = data
                self.denied += data is None
                if self._on_one is not None:
                    self._on_one(number, len(keys))
        except (BotoCoreError, ClientError) as error:
            otherwise = "try again, or leave --bucket out for a report without pictures"
            reason = aws_reason(error, _HINTS, otherwise)
            raise StoreError(f"the bucket {self._bucket}", reason) from error
        finally:
            pool.shutdown(cancel_futures=True)
        return found

    def _one(self, key: str) -> bytes | None:
        """A file; empty if it is gone, None if it was denied."""
        from botocore.exceptions import ClientError

        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if code(error) in _DENIED:
                return None
            if code(error) in _GONE:
                return b""
            raise


def thumbnails(pictures: Pictures, crops: Sequence[ScoredCrop]) -> dict[str, str]:
    """Small pictures of crops, for a page.

    Args:
        pictures: gives them.
        crops: which.

    Returns:
        Key to a data URI; those that are gone or damaged are missing.
    """
    found = {}
    for key, data in pictures.get(crops).items():
        try:
            small = encode_jpeg(fit_within(decode_image(data), THUMBNAIL_WH), quality=85)
        except ImageError:
            continue
        found[key] = "data:image/jpeg;base64," + base64.b64encode(small).decode("ascii")
    return found
