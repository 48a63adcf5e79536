"""Records of the pipeline on one machine: `records.sqlite`.

    runs      one row for each `facepipe run`: what it was told and its figures
    records   one row for each kept crop, as in the cloud's table: s3key, camera, captured_at, ...;
              label says what it shows: a face, or an object, which has no dominant emotion ('')
    emotions  one row for each kept emotion of a crop: s3key, type, confidence

Any SQLite client can read it. Putting a crop again replaces its record. A file of an older facepipe
gets the columns that it lacks when it is opened.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Iterator

import attrs

from facepipe.emotions import FaceEmotions
from facepipe.errors import KeyFormatError
from facepipe.keys import FACE_LABEL, parse_key
from facepipe.records import ScoredCrop
from facepipe.times import iso_millis, parse_iso
from facepipe_io.errors import StoreError

FILE_NAME = "records.sqlite"

_APPLICATION_ID = 0x66616365  # "face"; how SQLite tells one program's files from another's
_SCHEMA = (
    """
    CREATE TABLE runs (
        run TEXT PRIMARY KEY,
        started_at TEXT NOT NULL,
        source TEXT NOT NULL,
        camera TEXT NOT NULL,
        live INTEGER NOT NULL,
        detector TEXT NOT NULL,
        scorer TEXT NOT NULL,
        limits TEXT NOT NULL,
        resend_seconds REAL NOT NULL,
        finished INTEGER NOT NULL,
        seconds REAL NOT NULL,
        recorded_seconds REAL NOT NULL,
        frames INTEGER NOT NULL,
        faces INTEGER NOT NULL,
        people INTEGER NOT NULL,
        crops INTEGER NOT NULL,
        bytes_sent INTEGER NOT NULL,
        frame_bytes REAL NOT NULL,
        lost INTEGER NOT NULL,
        problem TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE records (
        s3key TEXT PRIMARY KEY,
        run TEXT NOT NULL,
        camera TEXT NOT NULL,
        captured_at TEXT NOT NULL,
        dominant TEXT NOT NULL,
        face_count INTEGER NOT NULL
    )
    """,
    """
    CREATE INDEX records_by_camera ON records (camera, captured_at)
    """,
    """
    CREATE TABLE emotions (
        s3key TEXT NOT NULL REFERENCES records ON DELETE CASCADE,
        type TEXT NOT NULL,
        confidence REAL NOT NULL,
        PRIMARY KEY (s3key, type)
    )
    """,
)

# What files have been given since the first ones: a file's user_version says how many of these.
_ADDED = (
    "ALTER TABLE records ADD COLUMN label TEXT NOT NULL DEFAULT 'face'",
    "ALTER TABLE runs ADD COLUMN labels TEXT NOT NULL DEFAULT '[]'",  # JSON
    "ALTER TABLE runs ADD COLUMN objects INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE runs ADD COLUMN things INTEGER NOT NULL DEFAULT 0",
)


def _to_millis(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@attrs.frozen
class Run:
    """One `facepipe run`.

    Attributes:
        run: tells it from others; part of its crops' keys.
        started_at: when its first frame was taken, UTC, to the millisecond; until that
            is known, when it began.
        source: as the person named it.
        camera: the camera's name in keys and records.
        live: whether the source was a camera or a stream, not a recording.
        detector: its name.
        scorer: its name.
        limits: what to know before believing the scorer.
        resend_seconds: the policy: one crop per person or object per this long.
        finished: whether it came to its end; where not, the figures below are 0.
        seconds: how long it took.
        recorded_seconds: from the first frame to the last, by their own times.
        frames: frames looked at.
        faces: faces found, each in every frame.
        people: people of whom a crop was made.
        crops: crops stored.
        bytes_sent: their bytes.
        frame_bytes: bytes of a whole frame as JPEG, the mean of a sample.
        lost: crops that could not be stored or scored.
        problem: why it is not all of its source; empty where it is.
        labels: what its detector finds, by class; empty where that is faces.
        objects: what else was found, each in every frame.
        things: things, other than people, of which a crop was made.
    """

    run: str
    started_at: datetime = attrs.field(converter=_to_millis)
    source: str
    camera: str
    live: bool
    detector: str
    scorer: str
    limits: str
    resend_seconds: float
    finished: bool = False
    seconds: float = 0.0
    recorded_seconds: float = 0.0
    frames: int = 0
    faces: int = 0
    people: int = 0
    crops: int = 0
    bytes_sent: int = 0
    frame_bytes: float = 0.0
    lost: int = 0
    problem: str = ""
    labels: tuple[str, ...] = ()
    objects: int = 0
    things: int = 0

    @property
    def of_objects(self) -> bool:
        """Whether it looked for objects alone."""
        return bool(self.labels) and FACE_LABEL not in self.labels


class Store:
    """The records in a folder. A context manager that closes itself.

    It may be used by one thread after another, not by two at once.

    Args:
        folder: the output folder.
        create: whether to make the file where there is none.

    Raises:
        StoreError: if the file is missing, unreadable, or none of facepipe's.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.path = folder / FILE_NAME
        try:
            is_file, is_there = folder.is_file(), self.path.is_file()
        except OSError as error:  # a name that is too long, say
            raise StoreError(str(folder), f"{error.strerror or error}; check the path") from error
        if is_file:
            raise StoreError(str(folder), f"it is a file; name the folder, {folder.parent}")
        if not create and not is_there:
            raise StoreError(
                str(self.path), f"there is no such file; first: facepipe run SOURCE --out {folder}"
            )
        try:
            self._db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _prepare(self) -> None:
        ((application_id,),) = self._query("PRAGMA application_id")
        ((tables,),) = self._query("SELECT count(*) FROM sqlite_master")
        if tables == 0 and application_id == 0:
            self._write(f"PRAGMA application_id = {_APPLICATION_ID}")
            with self._transaction():
                for statement in _SCHEMA:
                    self._write(statement)
                self._add_columns()
        elif application_id != _APPLICATION_ID:
            raise StoreError(
                str(self.path), "it is another program's database; move it, or name another folder"
            )
        elif self._version() < len(_ADDED):
            with self._transaction():
                self._add_columns()
        self._write("PRAGMA foreign_keys = ON")

    def _version(self) -> int:
        ((version,),) = self._query("PRAGMA user_version")
        return int(version)

    def _add_columns(self) -> None:
        # Asked within the transaction: another process may have added them just before.
        for statement in _ADDED[self._version() :]:
            self._write(statement)
        self._write(f"PRAGMA user_version = {len(_ADDED)}")

    def put_run(self, run: Run) -> None:
        """Keep what is known of a run, in place of what was known.

        Raises:
            StoreError: if it cannot be written.
        """
        values = attrs.asdict(run)
        values["started_at"] = iso_millis(run.started_at)
        values["labels"] = json.dumps(run.labels, ensure_ascii=False)
        columns = ", ".join(values)
        places = ", ".join("?" * len(values))
        updates = ", ".join(f"{name} = excluded.{name}" for name in values)
        # Not REPLACE, which would make the row a new one: `runs` goes by their order.
        self._write(
            f"INSERT INTO runs ({columns}) VALUES ({places}) "  # noqa: S608
            f"ON CONFLICT (run) DO UPDATE SET {updates}",
            *values.values(),
        )

    def drop_run(self, run: Run) -> None:
        """Forget a run that came to nothing.

        Raises:
            StoreError: if it cannot be written.
        """
        self._write("DELETE FROM runs WHERE run = ?", run.run)

    def put(self, scored: ScoredCrop) -> None:
        """Keep a crop, in place of what was known. A face without emotions makes no record.

        Raises:
            StoreError: if it cannot be written.
        """
        if scored.is_face and scored.emotions.dominant is None:
            return
        try:
            run = parse_key(scored.key).run
        except KeyFormatError:
            run = ""
        with self._transaction():
            self._write(
                "REPLACE INTO records (s3key, run, camera, captured_at, dominant, face_count,"
                " label) VALUES (?, ?, ?, ?, ?, ?, ?)",
                scored.key,
                run,
                scored.camera,
                iso_millis(scored.captured_at),
                scored.emotions.dominant or "",
                scored.face_count,
                scored.label,
            )
            for name, confidence in scored.emotions.scores.items():
                self._write("INSERT INTO emotions VALUES (?, ?, ?)", scored.key, name, confidence)

    def runs(self) -> list[Run]:
        """All runs, the one that was put last first, whatever the clock said.

        Raises:
            StoreError: if the file cannot be read.
        """
        columns = [field.name for field in attrs.fields(Run)]
        rows = self._query(f"SELECT {', '.join(columns)} FROM runs ORDER BY rowid DESC")  # noqa: S608
        runs = []
        for row in rows:
            values = dict(zip(columns, row))
            values["started_at"] = parse_iso(values["started_at"])
            values["labels"] = tuple(json.loads(values["labels"]))
            values["live"] = bool(values["live"])
            values["finished"] = bool(values["finished"])
            runs.append(Run(**values))
        return runs

    def records(self, run: str | None = None) -> list[ScoredCrop]:
        """The crops, oldest first.

        Args:
            run: only those of this run.

        Raises:
            StoreError: if the file cannot be read.
        """
        scores: dict[str, dict[str, float]] = defaultdict(dict)
        for key, name, confidence in self._query("SELECT s3key, type, confidence FROM emotions"):
            scores[key][name] = confidence
        rows = self._query(
            "SELECT s3key, camera, captured_at, face_count, label FROM records "
            "WHERE ? IS NULL OR run = ? ORDER BY captured_at, s3key",
            run,
            run,
        )
        return [
            ScoredCrop(key, camera, parse_iso(at), face_count, FaceEmotions(scores[key]), label)
            for key, camera, at, face_count, label in rows
        ]

    def _query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _write(self, statement: str, *values: object) -> None:
        self._query(statement, *values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._write("BEGIN IMMEDIATE")
        try:
            yield
            self._write("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.rollback()
            raise

    def _failure(self, error: sqlite3.Error) -> StoreError:
        if type(error) is sqlite3.DatabaseError:  # a file that is none, or not whole
            hint = "put a copy in its place, or move it away"
        else:
            hint = "make room, allow reading and writing, or move it away"
        return StoreError(str(self.path), f"{error}; {hint}")
