"""Uplinks: where crops go."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facepipe_io.errors import SettingsError, UplinkError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What to do about a folder, by what the system says; else another folder is to be named.
_MAKE_ROOM = "make room, or name another folder"
_ALLOW = "allow writing, or name another folder"
_FOLDER_HINTS = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EACCES: _ALLOW,
    errno.EPERM: _ALLOW,
    errno.EROFS: _ALLOW,
    errno.ENAMETOOLONG: "give the camera a shorter name, or name a folder of a shorter path",
}


class Uplink:
    """Takes crops.

    Attributes:
        parallel: how many threads may put crops at once.
    """

    parallel = 1

    def put(self, key: str, jpeg: bytes) -> None:
        """Store a crop; when this returns, it is stored.

        Args:
            key: as `facepipe.format_key` makes it.
            jpeg: the picture.

        Raises:
            UplinkError: when it was not stored. Trying again later may help.
        """
        raise NotImplementedError


class S3Uplink(Uplink):
    """Puts crops into an S3 bucket, which encrypts them as it is configured to.

    Args:
        client: boto3's; it brings credentials, timeouts and retries.
        bucket: the bucket's name.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        self._client = client
        self._bucket = bucket
        self._errors = (BotoCoreError, ClientError, OSError)

    def put(self, key: str, jpeg: bytes) -> None:
        """Store a crop."""
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=jpeg, ContentType="image/jpeg"
            )
        except self._errors as error:
            raise UplinkError(
                f"s3://{self._bucket}", f"{error}; check the network and the device's credentials"
            ) from error


def open_s3(bucket: str) -> S3Uplink:
    """An uplink to a bucket, with the credentials that boto3 finds.

    Raises:
        SettingsError: when boto3 is not installed or its configuration makes no sense.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise SettingsError(
            [f"FACEPIPE_BUCKET needs boto3 ({error}): install facepipe[aws], or use a folder"]
        ) from error
    # Short timeouts: the agent tries again by itself, and a stop must not hang on a dead network.
    config: Any = Config(
        connect_timeout=5, read_timeout=15, retries={"mode": "standard", "max_attempts": 2}
    )
    try:
        return S3Uplink(boto3.client("s3", config=config), bucket)
    except (BotoCoreError, ValueError) as error:
        raise SettingsError([f"boto3 cannot make an S3 client: {error}"]) from error


class FolderUplink(Uplink):
    """Writes crops into a folder, each under its key.

    Args:
        folder: made if need be.

    Raises:
        UplinkError: when it cannot be made or written to.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write(self._folder / ".facepipe", b"")
            (self._folder / ".facepipe").unlink()
        except OSError as error:
            raise self._failure(error) from error

    def put(self, key: str, jpeg: bytes) -> None:
        """Store a crop. Readers of the folder never see a part of one."""
        path = self._folder / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, jpeg)
        except OSError as error:
            raise self._failure(error) from error

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        partial = path.with_name(path.name + ".part")
        try:
            partial.write_bytes(data)
            partial.replace(path)
        except OSError:
            if partial.is_file():
                partial.unlink()
            raise

    def _failure(self, error: OSError) -> UplinkError:
        hint = _FOLDER_HINTS.get(error.errno or 0, "name another folder")
        return UplinkError(str(self._folder), f"{error.strerror or error}; {hint}")


def open_uplink(bucket: str | None, folder: str | None) -> Uplink:
    """An uplink to a folder where one is named, else to a bucket.

    Raises:
        SettingsError: when neither is named, or S3 cannot be used here.
        UplinkError: when the folder cannot be written to.
    """
    if folder is not None:
        return FolderUplink(folder)
    if bucket is None:
        raise SettingsError(["crops need a place: name a bucket or a folder"])
    return open_s3(bucket)
