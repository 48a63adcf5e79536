"""Models that `facepipe deploy` published: a pointer in S3, and the archives that it names.

What a device fetched it keeps, with the version before it, so that it starts without a network and
can go back. A version that cannot be used is remembered, and not fetched again until it is
published anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Callable, Iterable, Iterator, TypeVar

import attrs

from facepipe.errors import PointerError
from facepipe.models import MAX_POINTER_BYTES, ModelPointer, ModelVersion, parse_pointer
from facepipe.times import iso_millis
from facepipe_io.edge import aws
from facepipe_io.edge.models import S3_HINTS, S3_NAME
from facepipe_io.edge.models.archives import MAX_MODEL_BYTES, unpack
from facepipe_io.edge.models.store import KeptVersion, ModelStore, Shelf
from facepipe_io.errors import ModelError
from facepipe_io.text import one_line, printable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Opens a model: given what runs it, as in FACEPIPE_DETECTOR, and the path of its .onnx file.
Open = Callable[[str, str], T]

#: A version is given up when so many processes ended while they opened it.
MAX_TRIES = 3

_CHUNK_BYTES = 2**16


def is_pointer(model: str | None) -> bool:
    """Whether a model's name is a pointer's.

    Example:
        >>> is_pointer("s3://crops/models/bottles.json"), is_pointer("s3://crops/face.tar.gz")
        (True, False)
    """
    return model is not None and model.startswith("s3://") and model.lower().endswith(".json")


class PublishedModel:
    """A model that a pointer in S3 names, and the versions of it that this machine keeps.

    Args:
        name: the pointer's, `s3://bucket/models/<name>.json`.
        folder: where models are kept; one folder serves all of them.
        connect: makes a client of boto3's for S3.
        max_bytes: what an archive may take, packed and unpacked.

    Attributes:
        errors: times that the model could not be fetched, or a version not be used.

    Raises:
        ModelError: when the name is half a name.
    """

    def __init__(
        self,
        name: str,
        folder: str,
        *,
        connect: Callable[[], S3Client],
        max_bytes: int = MAX_MODEL_BYTES,
    ) -> None:
        found = S3_NAME.match(name)
        if found is None:
            reason = "in S3 a model is named s3://bucket/models/NAME.json; name it so"
            raise ModelError(printable(name), reason)
        self._name = printable(name)
        self._bucket, self._key = found.groups()
        self._connection = aws.Connection(connect)
        self._max_bytes = max_bytes
        self._store = ModelStore(Path(folder, hashlib.sha256(name.encode()).hexdigest()[:16]))
        self.errors = 0

    def start(self, open_model: Open[T], *, newest: bool = True) -> tuple[KeptVersion, T]:
        """Open the version that is published now, or else the last one that could be used.

        Args:
            open_model: opens it.
            newest: whether to look which version is published; otherwise S3 is asked only when
                there is none on this machine.

        Returns:
            The version, and what `open_model` gave.

        Raises:
            ModelError: when there is none that can be used.
        """
        with self._alone():
            shelf, looked = self._store.read(), False
            while True:
                if not looked and (newest or shelf.current is None):
                    looked = True
                    try:
                        shelf = self._newest(shelf)
                    except ModelError as error:
                        self.errors += 1
                        if shelf.current is None:
                            raise
                        log.warning("model: %s; going on with the one fetched last", error)
                try:
                    shelf, opened = self._opened(shelf, open_model)
                except ModelError:
                    if looked:
                        raise
                    newest = True  # there may be a better one by now
                    continue
                if opened is not None:
                    return opened

    def renew(self, in_use: KeptVersion, open_model: Open[T]) -> tuple[KeptVersion, T] | None:
        """Open the version that is published now, unless it is in use or was refused.

        Returns:
            None if the one in use is to be used on.

        Raises:
            ModelError: when S3 cannot be asked, or what it has not be stored.
        """
        with self._alone(), self._counting():
            shelf = self._newest(self._store.read())
            if in_use.is_same(shelf.current):
                return None
            shelf, opened = self._opened(shelf, open_model)
            return None if opened is None or in_use.is_same(opened[0]) else opened

    def go_back(
        self, version: KeptVersion, reason: str, open_model: Open[T]
    ) -> tuple[KeptVersion, T] | None:
        """Refuse a version that was opened and then failed, and open the one before it.

        Returns:
            None if there is none before it. The version is then used on, for want of a better one.
        """
        with self._alone(), self._counting():
            shelf = self._store.read()
            if not version.is_same(shelf.current) or shelf.previous is None:
                self._tell(version, f"{reason}; there is none to go back to")
                return None
            return self._opened(self._rejected(shelf, reason), open_model)[1]

    def prove(self, version: KeptVersion) -> None:
        """Note that a version has looked at real frames: later ones can go back to it."""
        with self._alone():
            shelf = self._store.read()
            if version.is_same(shelf.current) and not shelf.proven:
                self._save(attrs.evolve(shelf, proven=True))

    def _opened(
        self, shelf: Shelf, open_model: Open[T]
    ) -> tuple[Shelf, tuple[KeptVersion, T] | None]:
        """What the current version was opened as; None, and without it, if that failed.

        Raises:
            ModelError: when there is none.
        """
        version = shelf.current
        if version is None:
            raise ModelError(self._name, "no version of it can be used; publish one that can")
        if shelf.tries >= MAX_TRIES:
            return self._rejected(shelf, f"{MAX_TRIES} processes ended while they opened it"), None
        shelf = attrs.evolve(shelf, tries=shelf.tries + 1)
        self._save(shelf)
        try:
            opened = open_model(version.detector, _onnx_in(self._store.path(version.sha256)))
        # OpenCV and whatever else opens models raise what they like, and one that does not open is
        # no reason to stop.
        except Exception as error:
            if shelf.proven or shelf.previous is not None:
                shelf = self._rejected(shelf, one_line(error))
                if shelf.current is None:  # none opens: so it is hardly the fault of each
                    shelf = attrs.evolve(shelf, refused=())
                    self._save(shelf)
                return shelf, None
            # Nothing is gained by refusing the only one, and what is wrong may be this device's
            # labels, its OpenCV or its memory: it is kept, and opened at the next start.
            self._save(attrs.evolve(shelf, tries=0))
            reason = f"its version {version.short} is no good: {one_line(error)}"
            raise ModelError(self._name, reason) from error
        shelf = attrs.evolve(shelf, tries=0)
        self._save(shelf)
        log.info("model: version %s of %s", version.short, self._name)
        return shelf, (version, opened)

    def _rejected(self, shelf: Shelf, reason: str) -> Shelf:
        """Without the current version, which is told."""
        assert shelf.current is not None  # noqa: S101 - for the type checker
        self._tell(shelf.current, reason)
        shelf = shelf.reject(reason)
        self._save(shelf)
        return shelf

    def _newest(self, shelf: Shelf) -> Shelf:
        """With the published version as the current one, fetched if need be.

        Raises:
            ModelError: when S3 cannot be asked, or what it has not be stored; or when there is no
                version but one that cannot be used.
        """
        pointer = self._pointer()
        published = pointer.version
        version = KeptVersion(
            published.sha256, published.detector, iso_millis(pointer.published_at)
        )
        if version.is_same(shelf.current):
            return shelf
        reason = shelf.why_refused(version)
        if reason is None:
            reason = self._fetch(published)
            if reason is None:
                shelf = shelf.take(version)
                self._save(shelf)
                return shelf
            shelf = shelf.refuse(version, reason)
            self._save(shelf)
            if shelf.current is not None:
                self._tell(version, reason)
        if shelf.current is None:
            raise ModelError(self._name, f"its version {version.short} is no good: {reason}")
        return shelf

    def _pointer(self) -> ModelPointer:
        with self._answer(self._key) as answer:
            data = answer["Body"].read(MAX_POINTER_BYTES)
        try:
            return parse_pointer(data.decode())
        except (PointerError, UnicodeDecodeError) as error:
            reason = f"{one_line(error)}; publish it with `facepipe deploy`"
            raise ModelError(self._name, reason) from error

    def _fetch(self, version: ModelVersion) -> str | None:
        """Fetch and unpack a version that is not there yet; why it is no good, if it is not."""
        folder, archive = self._store.path(version.sha256), self._store.archive
        if folder.is_dir():
            return None
        if version.size > self._max_bytes:
            return f"it has {version.size / 1e6:g} MB, which no model needs"
        try:
            with archive.open("wb") as out, self._answer(version.archive) as answer:
                got = self._copy(answer["Body"].iter_chunks(_CHUNK_BYTES), version.size, out)
            if got != version.sha256:
                return "its archive is not what its pointer says, going by size and SHA-256"
            unpack(str(archive), str(folder), max_bytes=self._max_bytes)
        except ModelError as error:
            # Only a disk's errors have a number: those of gzip and tarfile have none.
            disk = getattr(error.__cause__, "errno", None) is not None
            if error.path != printable(str(archive)) or disk:
                raise
            return error.reason
        finally:
            with contextlib.suppress(OSError):
                archive.unlink()
        return None

    def _copy(self, chunks: Iterable[bytes], length: int, out: IO[bytes]) -> str:
        """Store what comes, as long as it is no longer than that; the SHA-256 of what came."""
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
            length -= len(chunk)
            if length < 0:
                break
            try:
                out.write(chunk)
                out.flush()
            except OSError as error:
                reason = f"{one_line(error)}; make room for it"
                raise ModelError(self._name, reason) from error
        return digest.hexdigest() if length == 0 else ""

    @contextlib.contextmanager
    def _answer(self, key: str) -> Iterator[Any]:
        """What S3 has under a key.

        Raises:
            ModelError: when it gives nothing.
        """
        from urllib3.exceptions import HTTPError

        def as_error(error: BaseException) -> ModelError:
            hint = "check the network and the device's credentials"
            where = printable(f"s3://{self._bucket}/{key}")
            return ModelError(where, aws.reason(error, S3_HINTS, hint))

        with self._connection.client(as_error) as s3:
            try:
                answer = s3.get_object(Bucket=self._bucket, Key=key)
                with contextlib.closing(answer["Body"]):
                    yield answer
            except HTTPError as error:  # what botocore lets through
                raise OSError(one_line(error)) from error

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with self._store.alone():
                yield
        except OSError as error:
            reason = f"{one_line(error)}; allow writing where models are kept, and make room there"
            raise ModelError(self._name, reason) from error

    @contextlib.contextmanager
    def _counting(self) -> Iterator[None]:
        try:
            yield
        except ModelError:
            self.errors += 1
            raise

    def _save(self, shelf: Shelf) -> None:
        """Note which version is what, if the disk lets; the process goes on without."""
        try:
            self._store.write(shelf)
        except OSError as error:
            log.warning("model: what is used cannot be noted: %s", one_line(error))

    def _tell(self, version: KeptVersion, reason: str) -> None:
        self.errors += 1
        log.warning("model: version %s is not used: %s", version.short, reason)


def _onnx_in(folder: Path) -> str:
    """The path of the one model in a folder."""
    found = sorted(path for path in folder.iterdir() if path.suffix == ".onnx" and path.is_file())
    if len(found) != 1:
        raise ModelError(
            printable(str(folder)), f"it holds {len(found)} .onnx files, and is to hold one"
        )
    return str(found[0])
