"""Uplinks: where crops and samples go."""

from __future__ import annotations

import errno
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from facepipe_io.edge import aws
from facepipe_io.edge.samples import bucket_and_key, content_type, is_sample
from facepipe_io.errors import UplinkError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from facepipe_io.edge.settings import DeviceSettings

log = logging.getLogger(__name__)

PARALLEL = 4  # hides the network's latency; more would take the live crops' bandwidth

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

# What to do, by what S3 says.
_WAIT = "nothing to do but wait"
_REGION = "set AWS_DEFAULT_REGION to the bucket's region"
_S3_HINTS = {
    "AccessDenied": "allow the device's role s3:PutObject; Terraform's may put crops under "
    "faces/<its thing's name>/ alone, so check FACEPIPE_CAMERA and FACEPIPE_BUCKET",
    "AuthorizationHeaderMalformed": _REGION,
    "ConditionalRequestConflict": _WAIT,
    "IllegalLocationConstraintException": _REGION,
    "InternalError": _WAIT,
    "NoSuchBucket": "check FACEPIPE_BUCKET",
    "PermanentRedirect": _REGION,
    "RequestTimeTooSkewed": "set the device's clock right",
    "ServiceUnavailable": _WAIT,
    "SlowDown": _WAIT,
}
# Of samples, which have buckets of their own.
_SAMPLE_HINTS = {
    "AccessDenied": "allow the device's role s3:PutObject on the samples' bucket",
    "NoSuchBucket": "check s3-bucket-name in FACEPIPE_FEEDBACK",
}


class Uplink:
    """Takes crops, and samples.

    Attributes:
        parallel: how many threads may call `put` at once.
    """

    parallel = 1

    def put(self, key: str, data: bytes) -> None:
        """Store a crop, or a file of a sample; when this returns, it is stored.

        Args:
            key: as `facepipe.format_key` makes it, or a name of `facepipe_io.edge.samples`.
            data: what it holds.

        Raises:
            UplinkError: when it was not stored. Trying again later may help.
        """
        raise NotImplementedError


class NoUplink(Uplink):
    """Takes nothing: for a device that makes no crops, but may have some of an earlier start."""

    def put(self, key: str, data: bytes) -> None:  # noqa: ARG002
        """Refuse a crop."""
        raise no_bucket()


def no_bucket() -> UplinkError:
    """The error for a crop that nobody said where to store."""
    return UplinkError("S3", "no bucket is named for crops; set FACEPIPE_BUCKET")


class S3Uplink(Uplink):
    """Puts crops into an S3 bucket, which encrypts them as it is configured to.

    Samples go into buckets of their own. Each is stored once, however often it is put: a second
    event would be scored, and paid for, again.

    Args:
        bucket: the bucket's name; None takes samples alone.
        connect: makes a client of boto3's, which brings credentials, timeouts and retries. It is
            called again when S3 no longer takes the credentials that the last client had.
    """

    parallel = PARALLEL

    def __init__(self, bucket: str | None, connect: Callable[[], S3Client]) -> None:
        def connect_once() -> S3Client:
            client = connect()
            client.meta.events.register("before-call.s3.PutObject", _only_if_new)
            return client

        self._bucket = bucket
        self.connection = aws.Connection(connect_once)

    def put(self, key: str, data: bytes) -> None:
        """Store a crop, or a file of a sample."""
        hints, kind = _S3_HINTS, "image/jpeg"
        if is_sample(key):
            kind = content_type(key)
            bucket, key = bucket_and_key(key)
            hints = {**_S3_HINTS, **_SAMPLE_HINTS}
        elif self._bucket is None:
            raise no_bucket()
        else:
            bucket = self._bucket

        def as_error(error: BaseException) -> Exception:
            otherwise = "check the bucket and the device's credentials"
            return UplinkError(f"s3://{bucket}", aws.reason(error, hints, otherwise))

        with self.connection.client(as_error) as client:
            try:
                client.put_object(Bucket=bucket, Key=key, Body=data, ContentType=kind)
            except client.exceptions.ClientError as error:
                # It is stored; an earlier put's answer was lost.
                if aws.code(error) != "PreconditionFailed":
                    raise


def _only_if_new(params: dict[str, Any], **_: Any) -> None:
    # Amazon S3 User Guide, "How to prevent object overwrites with conditional writes"; it needs
    # s3:PutObject and no more. As a header, because boto3 for Python 3.7 knows no such argument.
    params["headers"]["If-None-Match"] = "*"


def open_s3(settings: DeviceSettings) -> S3Uplink:
    """An uplink to the bucket that the settings name, with the credentials that they ask for.

    Raises:
        SettingsError: when boto3 is not installed or its configuration makes no sense, or the
            device's certificate cannot be used.
    """
    uplink = S3Uplink(settings.bucket, aws.connector(settings, "s3"))
    uplink.connection.try_out()
    return uplink


class FolderUplink(Uplink):
    """Writes crops into a folder, each under its key, and samples, each under its name.

    Args:
        folder: made if need be.

    Raises:
        UplinkError: when it cannot be made or written to.
    """

    parallel = PARALLEL

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        # One crop is written by one thread at a time, and others by others.
        self._locks = [threading.Lock() for _ in range(4 * PARALLEL)]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write(self._folder / ".facepipe", b"")
            (self._folder / ".facepipe").unlink()
        except OSError as error:
            raise self._failure(error) from error

    def put(self, key: str, data: bytes) -> None:
        """Store a crop, or a file of a sample. Readers of the folder never see a part of one."""
        path = self._folder / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._locks[hash(key) % len(self._locks)]:
                self._write(path, data)
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


def open_uplink(settings: DeviceSettings) -> Uplink:
    """An uplink to a folder or a bucket; to nowhere for a device that has nothing to store.

    Raises:
        SettingsError: when S3 cannot be used here.
        UplinkError: when the folder cannot be written to.
    """
    if settings.crops_dir is not None:
        return FolderUplink(settings.crops_dir)
    return open_s3(settings) if settings.bucket or settings.feedback else NoUplink()
