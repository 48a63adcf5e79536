"""Where a model comes from: a folder, an archive, or an archive in S3."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterable, Iterator

from facepipe_io.edge import aws
from facepipe_io.edge.models.archives import MAX_MODEL_BYTES, unpack
from facepipe_io.errors import ModelError, SettingsError
from facepipe_io.text import one_line, printable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

_CHUNK_BYTES = 2**16
S3_NAME = re.compile(r"s3://([^/]+)/(.*[^/])\Z", re.DOTALL)

#: What to do, by what S3 says.
S3_HINTS = {
    "AccessDenied": "check the name, and allow the device's role s3:GetObject on it",
    "NoSuchBucket": "check the name",
    "NoSuchKey": "check the name",
    "PermanentRedirect": "set AWS_DEFAULT_REGION to the bucket's region",
    "RequestTimeTooSkewed": "set the device's clock right",
}


def fetch_model(
    name: str,
    folder: str,
    *,
    connect: Callable[[], S3Client] | None = None,
    max_bytes: int = MAX_MODEL_BYTES,
) -> str:
    """A model as a folder on this machine.

    What was unpacked is kept, and used again for as long as the archive is the same. When S3 gives
    none that can be used, the last one is used on.

    Args:
        name: a folder, the path of a .tar.gz archive, or `s3://bucket/key` of one.
        folder: where archives are unpacked to; one folder serves all of them.
        connect: makes a client of boto3's; by default with the credentials that it finds.
        max_bytes: what an archive may take, packed and unpacked.

    Returns:
        The path of the model's folder.

    Raises:
        ModelError: when there is none that can be used; see `unpack`.
        SettingsError: when boto3 is needed and not installed.
    """
    in_s3 = name.startswith("s3://")
    if in_s3 and not S3_NAME.match(name):
        raise ModelError(printable(name), "in S3 a model is named s3://bucket/key; name it so")
    if not in_s3:
        with contextlib.suppress(OSError):  # no folder has a name that is too long
            if Path(name).is_dir():
                return name
        name = str(Path(name).absolute())
    home = Path(folder, _digest(os.fsencode(name)))
    try:
        with alone(home):
            if in_s3:
                return _from_s3(home, name, connect or _connect, max_bytes)
            return _keep(home, _content(name), name, max_bytes)
    except OSError as error:
        reason = f"{one_line(error)}; allow writing in {printable(folder)}, and make room there"
        raise ModelError(printable(name), reason) from error


@contextlib.contextmanager
def alone(home: Path) -> Iterator[None]:
    """Let no other process, nor this one a second time, change the same folder meanwhile."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _keep(home: Path, version: str, archive: str, max_bytes: int) -> str:
    """The folder of this version, unpacked if need be; older ones are deleted."""
    target = home / version
    if not target.is_dir():
        unpack(archive, str(target), max_bytes=max_bytes)
        for other in home.iterdir():
            # Among them what was left when the power was cut.
            if other.is_dir() and other != target:
                shutil.rmtree(str(other), ignore_errors=True)
    return str(target)


def _kept(home: Path) -> str | None:
    """The folder of the version that was last unpacked."""
    found = [path for path in home.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return str(max(found, key=lambda path: path.stat().st_mtime)) if found else None


def _from_s3(home: Path, name: str, connect: Callable[[], S3Client], max_bytes: int) -> str:
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    found = S3_NAME.match(name)
    assert found is not None  # noqa: S101 - for the type checker
    archive = home / ".archive"
    try:
        answer = connect().get_object(Bucket=found[1], Key=found[2])
        version = _digest(answer["ETag"].encode())
        with contextlib.closing(answer["Body"]) as body:
            if not (home / version).is_dir():
                _save(body.iter_chunks(_CHUNK_BYTES), archive, answer["ContentLength"], max_bytes)
        return _keep(home, version, str(archive), max_bytes)
    except ModelError as error:
        failure = ModelError(printable(name), error.reason)
    except (BotoCoreError, ClientError, HTTPError, RuntimeError) as error:
        hint = S3_HINTS.get(aws.code(error), "check the network and the device's credentials")
        failure = ModelError(printable(name), f"{one_line(error)}; {hint}")
    except OSError as error:
        failure = ModelError(printable(name), f"{one_line(error)}; make room for it")
    finally:
        if archive.exists():
            archive.unlink()
    kept = _kept(home)
    if kept is None:
        raise failure
    log.warning("%s; going on with the one that was fetched last", failure)
    return kept


def _save(chunks: Iterable[bytes], archive: Path, length: int, max_bytes: int) -> None:
    if length > max_bytes:
        reason = f"it has {length / 1e6:g} MB, which no model needs; give another"
        raise ModelError(str(archive), reason)
    with archive.open("wb") as out:
        for chunk in chunks:
            out.write(chunk)


def _connect() -> S3Client:
    try:
        from facepipe_io.edge.credentials import make_session
    except ImportError as error:
        raise SettingsError(
            [f"a model in S3 needs boto3 ({error}): install facepipe[aws], or name a file"]
        ) from error
    return make_session().client("s3")


def _content(path: str) -> str:
    """A digest of a file's content."""
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
                digest.update(chunk)
    except OSError as error:
        reason = f"{error.strerror or error}; check the path"
        raise ModelError(printable(path), reason) from error
    return digest.hexdigest()[:16]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
