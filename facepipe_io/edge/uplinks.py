"""Uplinks: where crops go."""

from __future__ import annotations

import errno
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from facepipe_io.edge.resilience import one_line
from facepipe_io.errors import SettingsError, UplinkError

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

# What S3 says of credentials that it does not take: Amazon S3 API Reference, "Error responses".
_STALE = (
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
)

# What to do, by what S3 says.
_WAIT = "nothing to do but wait"
_REGION = "set AWS_DEFAULT_REGION to the bucket's region"
_S3_HINTS = {
    **dict.fromkeys(_STALE, "the next try gets new credentials; if it fails, too, check the clock"),
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


class Uplink:
    """Takes crops.

    Attributes:
        parallel: how many threads may call `put` at once.
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

    A crop is stored once, however often it is put: a second event would be scored, and paid for,
    again.

    Args:
        bucket: the bucket's name.
        connect: makes a client of boto3's, which brings credentials, timeouts and retries. It is
            called again when S3 no longer takes the credentials that the last client had.
    """

    parallel = PARALLEL

    def __init__(self, bucket: str, connect: Callable[[], S3Client]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        self._bucket = bucket
        self._connect = connect
        self._client: S3Client | None = None
        self._lock = threading.Lock()
        # A RuntimeError is what botocore raises for new credentials that have already run out.
        self._errors = (BotoCoreError, ClientError, OSError, RuntimeError)
        self._no_credentials = NoCredentialsError

    def connect(self) -> S3Client:
        """The client; there is one at a time."""
        with self._lock:
            if self._client is None:
                self._client = self._connect()
                self._client.meta.events.register("before-call.s3.PutObject", _only_if_new)
            return self._client

    def put(self, key: str, jpeg: bytes) -> None:
        """Store a crop."""
        client = None
        try:
            client = self.connect()
            client.put_object(Bucket=self._bucket, Key=key, Body=jpeg, ContentType="image/jpeg")
        except self._errors as error:
            code = _code(error)
            if code == "PreconditionFailed":  # it is stored; an earlier put's answer was lost
                return
            if code in _STALE or isinstance(error, self._no_credentials):
                with self._lock:
                    if self._client is client:
                        self._client = None
            reason = "; ".join(filter(None, (one_line(error), _hint(error))))
            raise UplinkError(f"s3://{self._bucket}", reason) from error


def _only_if_new(params: dict[str, Any], **_: Any) -> None:
    # Amazon S3 User Guide, "How to prevent object overwrites with conditional writes"; it needs
    # s3:PutObject and no more. As a header, because boto3 for Python 3.7 knows no such argument.
    params["headers"]["If-None-Match"] = "*"


def _code(error: BaseException) -> str:
    """S3's word for an error; empty when it is not S3's."""
    found = getattr(error, "response", {}).get("Error", {}).get("Code", "")
    return str(found)


def _hint(error: BaseException) -> str:
    """What to do about an error of boto3's; empty where it says so itself."""
    from botocore import exceptions

    from facepipe_io.edge.credentials import CredentialsError

    if isinstance(error, exceptions.ClientError):
        return _S3_HINTS.get(_code(error), "check the bucket and the device's credentials")
    hints: dict[type[BaseException], str] = {
        CredentialsError: "",
        exceptions.CredentialRetrievalError: "check the network, and who gives the credentials",
        exceptions.NoCredentialsError: "set FACEPIPE_CREDENTIALS_ENDPOINT, or give boto3 its own",
        exceptions.SSLError: "check the device's clock, and AWS_CA_BUNDLE if it is set",
        RuntimeError: "set the device's clock right",
    }
    found = (hint for kind, hint in hints.items() if isinstance(error, kind))
    return next(found, "check the network")


def open_s3(settings: DeviceSettings) -> S3Uplink:
    """An uplink to the bucket that the settings name, with the credentials that they ask for.

    Raises:
        SettingsError: when boto3 is not installed or its configuration makes no sense, or the
            device's certificate cannot be used.
    """
    try:
        from botocore import exceptions
        from botocore.config import Config

        from facepipe_io.edge.credentials import IotCredentials, make_session
    except ImportError as error:
        raise SettingsError(
            [f"FACEPIPE_BUCKET needs boto3 ({error}): install facepipe[aws], or use a folder"]
        ) from error
    provider = None
    endpoint, role_alias = settings.credentials_endpoint, settings.role_alias
    if endpoint and role_alias and settings.identity:
        provider = IotCredentials(endpoint, role_alias, settings.camera, settings.identity)
    # Short timeouts: the agent tries again by itself, and a stop must not hang on a dead network.
    config: Any = Config(
        connect_timeout=5, read_timeout=15, retries={"mode": "standard", "max_attempts": 2}
    )

    def connect() -> S3Client:
        return make_session(provider).client("s3", config=config)

    uplink = S3Uplink(str(settings.bucket), connect)
    try:
        uplink.connect()
    except (
        exceptions.ClientError,
        exceptions.ConnectionError,
        exceptions.CredentialRetrievalError,
        exceptions.HTTPClientError,
    ) as error:
        # Who gives them may be up later; until then crops wait.
        log.warning("no AWS credentials yet: %s", one_line(error))
    except (exceptions.BotoCoreError, ValueError) as error:
        raise SettingsError([f"boto3 cannot make an S3 client: {error}"]) from error
    return uplink


class FolderUplink(Uplink):
    """Writes crops into a folder, each under its key.

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

    def put(self, key: str, jpeg: bytes) -> None:
        """Store a crop. Readers of the folder never see a part of one."""
        path = self._folder / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._locks[hash(key) % len(self._locks)]:
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


def open_uplink(settings: DeviceSettings) -> Uplink:
    """An uplink to a folder where one is named, else to a bucket.

    Raises:
        SettingsError: when S3 cannot be used here.
        UplinkError: when the folder cannot be written to.
    """
    return open_s3(settings) if settings.crops_dir is None else FolderUplink(settings.crops_dir)
