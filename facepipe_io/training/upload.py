"""A data set's way into a bucket, which may be taken up again where it broke off."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Callable, Sequence

import attrs

from facepipe_io.edge.names import bucket_name
from facepipe_io.errors import SettingsError, StoreError, UplinkError
from facepipe_io.local.aws import aws_reason
from facepipe_io.local.files import replacing
from facepipe_io.text import printable
from facepipe_io.training.folder import (
    ABOUT,
    CLASSES,
    IMAGES,
    MANIFESTS,
    PREVIEW,
    image_path,
    read_about,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PARALLEL = 8

# The metadata that tells a file by, where an ETag does not: with a KMS key it is no MD5 (Amazon S3
# API Reference, "Object").
_DIGEST = "sha256"

_TYPES = {".jpg": "image/jpeg", ".json": "application/json", ".txt": "text/plain; charset=utf-8"}

_HINTS = {
    "AccessDenied": "allow these credentials s3:ListBucket on it, and s3:GetObject and "
    "s3:PutObject on what is in it",
    "NoSuchBucket": "check its name, or make it with Terraform",
    "PermanentRedirect": "set AWS_DEFAULT_REGION to the bucket's region",
    "AuthorizationHeaderMalformed": "set AWS_DEFAULT_REGION to the bucket's region",
}

# Amazon S3 User Guide, "Naming Amazon S3 objects": safe characters; no part may look like a path's.
_PREFIX = re.compile(r"(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9!_.*'()-]+(?:/[A-Za-z0-9!_.*'()-]+)*\Z")

Progress = Callable[[str, int, int], None]


@attrs.frozen
class Target:
    """Where a data set goes.

    Attributes:
        bucket: its name.
        prefix: what keys begin with, without a slash at either end.
    """

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@attrs.frozen
class Uploaded:
    """What became of an upload.

    Attributes:
        sent: how many files were sent.
        there: how many were there already.
        bytes_sent: of the files sent.
    """

    sent: int
    there: int
    bytes_sent: int


def parse_target(text: str) -> Target:
    """Read an address such as `s3://deeplens-faces/datasets/bottles`.

    Raises:
        SettingsError: if it is none.

    Example:
        >>> parse_target("s3://deeplens-faces/datasets/bottles/").prefix
        'datasets/bottles'
    """
    scheme, _, rest = text.partition("://")
    bucket, _, prefix = rest.partition("/")
    try:
        good = scheme == "s3" and bucket_name(bucket) and _PREFIX.match(prefix.rstrip("/"))
    except ValueError:
        good = None
    if not good:
        raise SettingsError([f"--to takes s3://BUCKET/datasets/NAME, and not {text!r}"])
    return Target(bucket, prefix.rstrip("/"))


def upload_data_set(folder: Path, target: Target, client: S3Client, progress: Progress) -> Uploaded:
    """Send what of a data set is not in the bucket yet, the manifests last.

    So nothing ever trains on half of one. Afterwards the folder's own manifests name the bucket's
    pictures, too, and dataset.json the place.

    Args:
        folder: the data set's.
        target: where it goes.
        client: brings credentials and retries.
        progress: is told what is being done, how much of it is done, and of how much.

    Raises:
        StoreError: when the folder is none of a data set.
        UplinkError: when not all of it could be sent. Another try sends the rest.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    about = {**read_about(folder), "uploaded_to": str(target)}
    last = {ABOUT: f"{json.dumps(about, indent=2, ensure_ascii=False)}\n".encode()}
    first = [PREVIEW, CLASSES]
    for manifest in MANIFESTS.values():
        try:
            lines = _read(folder / manifest).decode().splitlines()
            records = [_addressed(json.loads(line), target) for line in lines]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            reason = "it is damaged; make the data set again"
            raise StoreError(printable(str(folder / manifest)), reason) from error
        first += [image_path(PurePosixPath(record["source-ref"]).stem) for record in records]
        last[manifest] = "".join(f"{json.dumps(record)}\n" for record in records).encode()
    upload = _Upload(target, client)
    try:
        upload.look(about["side"], about["classes"])
        upload.send(first, lambda name: _read(folder / name), progress)
        for name, data in last.items():
            upload.send_one(name, data)
    except (BotoCoreError, ClientError) as error:
        otherwise = "check the network, then try again: what was sent is not sent again"
        raise UplinkError(str(target), aws_reason(error, _HINTS, otherwise)) from error
    for name, data in last.items():
        with replacing(folder / name) as file:
            file.write(data.decode())
    return Uploaded(upload.sent, upload.there, upload.bytes_sent)


class _Upload:
    """What is in the bucket, and what was sent there."""

    def __init__(self, target: Target, client: S3Client) -> None:
        self.sent = self.there = self.bytes_sent = 0
        self._target = target
        self._client = client
        self._known: dict[str, tuple[int, str]] = {}  # size and ETag, by key
        self._lock = threading.Lock()

    def look(self, side: int, classes: Sequence[str]) -> None:
        """See what is there already, and that it is not another data set's."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._target.bucket, Prefix=f"{self._target.prefix}/"
        )
        for page in pages:
            for entry in page.get("Contents", ()):
                self._known[entry["Key"]] = (entry["Size"], entry["ETag"].strip('"'))
        key = self._key(ABOUT)
        if key in self._known:
            answer = self._client.get_object(Bucket=self._target.bucket, Key=key)
            try:
                about = json.loads(answer["Body"].read())
                other, named = about["side"], list(about["classes"])
            except (ValueError, KeyError, TypeError, RecursionError):
                other, named = None, []
            # Its manifests would name pictures of which some have another size. One that grew has
            # the classes that it had, and perhaps more.
            if other != side or named != list(classes[: len(named)]):
                what = f"squares of {other}, of {', '.join(map(str, named)) or 'nothing'}"
                reason = f"a data set of {what}, is there; name another place with --to"
                raise UplinkError(str(self._target), reason)

    def send(self, names: Sequence[str], read: Callable[[str], bytes], progress: Progress) -> None:
        """Send files, several at once, but for those that are there."""
        pool = ThreadPoolExecutor(PARALLEL)
        try:
            progress("files", 0, len(names))
            sent = pool.map(lambda name: self.send_one(name, read(name)), names)
            for done, _ in enumerate(sent, 1):
                progress("files", done, len(names))
        finally:
            pool.shutdown(cancel_futures=True)

    def send_one(self, name: str, data: bytes) -> None:
        """Send a file, unless it is there."""
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        digest = hashlib.sha256(data).hexdigest()
        is_there = self._is_there(self._key(name), len(data), md5.hex(), digest)
        if not is_there:
            self._client.put_object(
                Bucket=self._target.bucket,
                Key=self._key(name),
                Body=data,
                ContentType=_TYPES.get(PurePosixPath(name).suffix, "application/jsonlines"),
                ContentMD5=base64.b64encode(md5).decode(),
                Metadata={_DIGEST: digest},
            )
        with self._lock:
            self.there += is_there
            self.sent += not is_there
            self.bytes_sent += 0 if is_there else len(data)

    def _is_there(self, key: str, size: int, md5: str, digest: str) -> bool:
        known_size, etag = self._known.get(key, (-1, ""))
        if known_size != size:
            return False
        if etag == md5:
            return True
        head = self._client.head_object(Bucket=self._target.bucket, Key=key)
        return head["Metadata"].get(_DIGEST) == digest

    def _key(self, name: str) -> str:
        return f"{self._target.prefix}/{name}"


def _addressed(record: Any, target: Target) -> dict[str, Any]:
    """A manifest's line that names the picture in the bucket."""
    name = PurePosixPath(record["source-ref"]).name
    return {**record, "source-ref": f"{target}/{IMAGES}/{name}"}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = f"{error.strerror or error}; make the data set again"
        raise StoreError(printable(str(path)), reason) from error
