"""Publishing a model: an archive and the pointer to it, in the bucket that devices look into."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence

import attrs

from facepipe.errors import PointerError
from facepipe.models import (
    MAX_POINTER_BYTES,
    ModelPointer,
    ModelVersion,
    check_model_name,
    format_pointer,
    parse_pointer,
    pointer_key,
)
from facepipe_io.edge import aws
from facepipe_io.edge.models.archives import MAX_MODEL_BYTES
from facepipe_io.edge.names import bucket_name
from facepipe_io.errors import ModelError, SettingsError, StoreError, UplinkError
from facepipe_io.local.aws import aws_reason
from facepipe_io.text import printable
from facepipe_io.training.package import labels_text, pack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Told how many bytes are done, of how many.
Progress = Callable[[int, int], None]

_CHUNK_BYTES = 2**16

_HINTS = {
    "AccessDenied": "allow these credentials s3:ListBucket on it, and s3:GetObject and "
    "s3:PutObject on models/*",
    "NoSuchBucket": "check its name, or make it with Terraform",
    "NoSuchKey": "check the name",
    "PermanentRedirect": "set AWS_DEFAULT_REGION to the bucket's region",
    "AuthorizationHeaderMalformed": "set AWS_DEFAULT_REGION to the bucket's region",
    # Amazon S3 User Guide, "Conditional writes".
    "PreconditionFailed": "another one was published meanwhile; look at it, then try again",
    "ConditionalRequestConflict": "another one is being published; look at it, then try again",
}


@attrs.frozen
class PackedModel:
    """A model as devices get it.

    Attributes:
        archive: the .tar.gz file.
        version: what the pointer says of it.
    """

    archive: Path
    version: ModelVersion


def pack_model(
    model: Path, out: Path, *, name: str, detector: str, labels: Sequence[str] | None = None
) -> PackedModel:
    """Pack a model for devices, with its labels and its preprocessing.

    Args:
        model: an .onnx file. A JSON file beside it, `bottles.onnx.json` say, is packed, too.
        out: the folder for the archive, which lies in it under its key.
        name: the model's.
        detector: what runs it, as in FACEPIPE_DETECTOR.
        labels: what it finds, in the order of its classes; None for faces alone.

    Returns:
        The archive; the same files make the same bytes.

    Raises:
        ModelError: when it is larger than devices take.
        PointerError: when no model can have such a name.
        SettingsError: when the labels cannot be in a file.
        StoreError: when a file cannot be read or written.
    """
    check_model_name(name)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=out) as partial:
            onnx, archive = Path(partial, f"{name}.onnx"), Path(partial, "archive")
            shutil.copyfile(model, onnx)
            paths = [onnx]
            preprocessing = model.with_name(model.name + ".json")
            if preprocessing.is_file():
                paths.append(onnx.with_name(onnx.name + ".json"))
                shutil.copyfile(preprocessing, paths[-1])
            if labels is not None:
                paths.append(onnx.with_suffix(".txt"))
                paths[-1].write_text(labels_text(labels), "utf-8")
            if sum(path.stat().st_size for path in paths) > MAX_MODEL_BYTES:
                most = f"{MAX_MODEL_BYTES / 1e6:g} MB"
                raise ModelError(printable(str(model)), f"devices take {most} at most; shrink it")
            pack(paths, archive)
            size = archive.stat().st_size
            version = ModelVersion(name, _sha256(archive), size, detector)
            target = out / version.archive
            target.parent.mkdir(parents=True, exist_ok=True)
            archive.replace(target)
    except OSError as error:
        where = printable(str(error.filename or out))
        raise StoreError(where, error.strerror or str(error)) from error
    return PackedModel(target, version)


def parse_bucket(text: str) -> str:
    """The bucket's name in `s3://BUCKET`.

    Raises:
        SettingsError: when it is something else.

    Example:
        >>> parse_bucket("s3://deeplens-faces/")
        'deeplens-faces'
    """
    scheme, _, name = text.rstrip("/").partition("://")
    try:
        if scheme == "s3":
            return bucket_name(name)
    except ValueError:
        pass
    raise SettingsError([f"--to takes s3://BUCKET, and not {text!r}"])


def publish(
    s3: S3Client,
    bucket: str,
    packed: PackedModel,
    now: datetime,
    progress: Progress,
) -> ModelPointer:
    """Put a model into a bucket: the archive, and once that is there, the pointer.

    The version that was published until now becomes the previous one. Of two who publish at once,
    the second is told.

    Args:
        s3: a client of boto3's.
        bucket: its name.
        packed: the model.
        now: with a time zone.
        progress: told how far the archive is.

    Raises:
        UplinkError: when the bucket does not take it. The pointer is as it was then.
    """
    version = packed.version
    with _told(f"s3://{bucket}"):
        old, etag = _read_pointer(s3, bucket, version.name)
        _upload(s3, bucket, packed, progress)
        previous = None if old is None else old.version
        if old is not None and old.version.sha256 == version.sha256:
            previous = old.previous
        pointer = ModelPointer(version, now, previous)
        _write_pointer(s3, bucket, pointer, etag)
    return pointer


def roll_back(s3: S3Client, bucket: str, name: str, now: datetime) -> ModelPointer:
    """Have devices use the previous version again. There is none before that any more.

    Raises:
        PointerError: when no model can have such a name.
        SettingsError: when there is no such model, or no version before it.
        UplinkError: when the bucket does not give or take the pointer.
    """
    with _told(f"s3://{bucket}"):
        old, etag = _read_pointer(s3, bucket, name)
        if old is None:
            raise SettingsError([f"there is no model s3://{bucket}/{pointer_key(name)}"])
        if old.previous is None:
            raise SettingsError([f"there is no version of {name} before the published one"])
        pointer = ModelPointer(old.previous, now)  # or going back twice would bring it back
        _write_pointer(s3, bucket, pointer, etag)
    return pointer


def fetch_archive(
    s3: S3Client,
    bucket: str,
    key: str,
    target: Path,
    progress: Progress,
    max_bytes: int = MAX_MODEL_BYTES,
) -> None:
    """Fetch a model's archive, which is there as a whole or not at all.

    Raises:
        ModelError: when S3 does not give it, or it is larger than that.
        StoreError: when it cannot be written.
    """
    name = printable(f"s3://{bucket}/{key}")
    partial = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _told(name, ModelError), partial.open("wb") as out:
            answer = s3.get_object(Bucket=bucket, Key=key)
            total, done = answer["ContentLength"], 0
            if total > max_bytes:
                raise ModelError(name, f"it has {total / 1e6:g} MB, which no model needs")
            with contextlib.closing(answer["Body"]) as body:
                for chunk in body.iter_chunks(_CHUNK_BYTES):
                    out.write(chunk)
                    done += len(chunk)
                    progress(done, total)
        partial.replace(target)
    except OSError as error:
        raise StoreError(printable(str(target)), error.strerror or str(error)) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _read_pointer(s3: S3Client, bucket: str, name: str) -> tuple[ModelPointer | None, str | None]:
    """The pointer that is there and its ETag; None for a text that is none, which is replaced."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=pointer_key(name))
    except s3.exceptions.NoSuchKey:
        return None, None
    try:
        text = answer["Body"].read(MAX_POINTER_BYTES).decode()
        return parse_pointer(text), answer["ETag"]
    except (PointerError, UnicodeDecodeError):
        return None, answer["ETag"]


def _write_pointer(s3: S3Client, bucket: str, pointer: ModelPointer, etag: str | None) -> None:
    """Replace the pointer, unless it is no longer the one of that ETag."""
    unless: Any = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
    s3.put_object(
        Bucket=bucket,
        Key=pointer_key(pointer.version.name),
        Body=format_pointer(pointer).encode(),
        ContentType="application/json",
        **unless,
    )


def _upload(s3: S3Client, bucket: str, packed: PackedModel, progress: Progress) -> None:
    """Put the archive there, unless it is."""
    from botocore.exceptions import ClientError

    key, size = packed.version.archive, packed.version.size
    try:
        there = s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == size
    except ClientError as error:
        # Without s3:ListBucket, what is not there is forbidden ("HeadObject", API Reference).
        if aws.code(error) not in ("404", "403"):
            raise
        there = False
    done = 0

    def sent(count: int) -> None:
        nonlocal done
        done += count
        progress(done, size)

    if there:
        sent(size)
    else:
        more = {"ContentType": "application/gzip"}
        s3.upload_file(str(packed.archive), bucket, key, ExtraArgs=more, Callback=sent)


@contextlib.contextmanager
def _told(target: str, kind: type[ModelError | UplinkError] = UplinkError) -> Iterator[None]:
    """Tell in one sentence what S3 refuses."""
    from boto3.exceptions import Boto3Error
    from botocore import exceptions

    try:
        yield
    except (Boto3Error, exceptions.BotoCoreError, exceptions.ClientError) as error:
        otherwise = "check the network, then try again"
        raise kind(target, aws_reason(error, _HINTS, otherwise)) from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
            digest.update(chunk)
    return digest.hexdigest()
