"""The store gives back what it was given, once each, and spoils nobody's file."""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.emotions import FaceEmotions
from facepipe.keys import CropKey, format_key
from facepipe.records import ScoredCrop, seen_object
from facepipe_io.errors import StoreError
from facepipe_io.local.store import Run, Store

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
RUN = Run(
    run="4f9c0a1b",
    started_at=NOON,
    source="hall.mp4",
    camera="hall",
    live=False,
    detector="haar",
    scorer="smile",
    limits="It knows little.",
    resend_seconds=10.0,
)


def scored(track=1, shot=0, run="4f9c0a1b", seconds=0.0, **emotions):
    taken = NOON + timedelta(seconds=seconds)
    key = format_key(CropKey("hall", taken, run, track, shot))
    return ScoredCrop(key, "hall", taken, 1, FaceEmotions(emotions or {"HAPPY": 97.5}))


@st.composite
def scored_crops(draw):
    """A scored crop with at least one emotion of any type, from a camera of any name."""
    taken = draw(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))).replace(
        microsecond=draw(st.integers(0, 999)) * 1000, tzinfo=timezone.utc
    )
    names = st.from_regex(r"[\w +%'\"-]{1,20}", fullmatch=True)
    camera = draw(names)
    key = CropKey(camera, taken, "abcd", draw(st.integers(0, 99)), draw(st.integers(0, 99)))
    types = st.sampled_from(["HAPPY", "CALM", "SAD", "MOOD'; DROP TABLE records"])
    emotions = draw(st.dictionaries(types, st.floats(0, 100), min_size=1))
    count = draw(st.integers(1, 100))
    return ScoredCrop(format_key(key), camera, taken, count, FaceEmotions(emotions))


@given(crops=st.lists(scored_crops(), max_size=4, unique_by=lambda crop: crop.key))
def test_what_was_put_comes_back(crops):
    with tempfile.TemporaryDirectory() as folder:
        with Store(Path(folder), create=True) as store:
            for crop in crops:
                store.put(crop)
        with Store(Path(folder)) as store:
            assert store.records() == sorted(crops, key=lambda c: (c.captured_at, c.key))
            assert store.records("abcd") == store.records()
            assert store.records("other") == []


def cup(track=1):
    return seen_object(format_key(CropKey("hall", NOON, "4f9c0a1b", track, 0, label="soda cup")))


def test_an_object_comes_back_with_its_label_and_without_emotions(tmp_path):
    with Store(tmp_path, create=True) as store:
        for crop in (cup(), scored(), cup()):
            store.put(crop)
        assert store.records() == [cup(), scored()] == store.records("4f9c0a1b")
    rows = sqlite3.connect(tmp_path / "records.sqlite").execute(
        "SELECT label, dominant FROM records ORDER BY label"
    )
    assert rows.fetchall() == [("face", "HAPPY"), ("soda cup", "")]


def old_file(folder):
    """A file as facepipe made it before it knew objects, with RUN and a face."""
    db = sqlite3.connect(folder / "records.sqlite")
    db.executescript(Path(__file__).with_name("before_objects.sql").read_text("utf-8"))
    db.close()


@pytest.mark.parametrize("create", [True, False])
def test_an_old_file_is_read_and_added_to(tmp_path, create):
    old_file(tmp_path)
    later = attrs.evolve(RUN, run="bbbb", labels=("soda cup",), objects=7, things=1)
    with Store(tmp_path, create=create) as store:
        assert (store.runs(), store.records()) == ([RUN], [scored()])
        store.put_run(later)
        store.put(cup())
    with Store(tmp_path) as store:
        assert store.runs() == [later, RUN]
        assert store.records() == [cup(), scored()]


def test_an_old_file_that_another_process_is_faster_to_open(tmp_path):
    class Slower(Store):
        def _transaction(self):
            Store(tmp_path).close()
            return super()._transaction()

    old_file(tmp_path)
    with Slower(tmp_path) as store:
        assert store.records() == [scored()]


def test_an_old_file_that_cannot_be_added_to_stays_what_it_was(tmp_path):
    old_file(tmp_path)
    db = sqlite3.connect(tmp_path / "records.sqlite")
    db.execute("ALTER TABLE runs ADD COLUMN things TEXT")
    db.close()
    before = (tmp_path / "records.sqlite").read_bytes()
    with pytest.raises(StoreError, match="duplicate column name: things"):
        Store(tmp_path)
    assert (tmp_path / "records.sqlite").read_bytes() == before


def test_scoring_twice_makes_one_record_the_latest(tmp_path):
    with Store(tmp_path, create=True) as store:
        store.put(scored(HAPPY=60.0, SAD=30.0))
        store.put(scored(CALM=90.0))
        assert [dict(crop.emotions.scores) for crop in store.records()] == [{"CALM": 90.0}]
    rows = sqlite3.connect(tmp_path / "records.sqlite").execute("SELECT type FROM emotions")
    assert rows.fetchall() == [("CALM",)]


def test_a_crop_without_emotion_makes_no_record(tmp_path):
    with Store(tmp_path, create=True) as store:
        store.put(attrs.evolve(scored(), emotions=FaceEmotions({})))
        assert store.records() == []


def test_runs_come_back_the_last_put_first_and_once_each(tmp_path):
    later = attrs.evolve(RUN, run="bbbb", started_at=NOON - timedelta(hours=1), live=True)
    with Store(tmp_path, create=True) as store:
        store.put_run(RUN)
        store.put_run(later)
        done = attrs.evolve(RUN, finished=True, frames=10, frame_bytes=12.5)
        store.put_run(done)
        assert store.runs() == [later, done]


def test_any_sqlite_client_can_read_it(tmp_path):
    with Store(tmp_path, create=True) as store:
        store.put(scored())
    (row,) = sqlite3.connect(tmp_path / "records.sqlite").execute(
        "SELECT camera, captured_at, dominant, face_count, type, confidence "
        "FROM records JOIN emotions USING (s3key)"
    )
    assert row == ("hall", "2026-11-20T12:00:00.000Z", "HAPPY", 1, "HAPPY", 97.5)


def test_without_a_file_reading_says_how_to_get_one(tmp_path):
    with pytest.raises(StoreError, match=r"no such file; first: facepipe run"):
        Store(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" * 100])
def test_a_malformed_file_is_named_and_left_alone(tmp_path, content, create):
    path = tmp_path / "records.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"records\.sqlite: file is not a database; .*move it"):
        Store(tmp_path, create=create)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "records.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE records (wine TEXT)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program's database"):
        Store(tmp_path, create=True)
    assert path.read_bytes() == before


def test_a_damaged_database_is_an_error_of_one_line(tmp_path):
    with Store(tmp_path, create=True) as store:
        for track in range(300):
            store.put(scored(track=track))
    path = tmp_path / "records.sqlite"
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)
    with Store(tmp_path) as store, pytest.raises(StoreError, match="malformed") as caught:
        store.records()
    assert "\n" not in str(caught.value)


def test_a_failed_write_leaves_what_was_there(tmp_path):
    with Store(tmp_path, create=True) as store:
        store.put(scored(HAPPY=60.0))
        store._db.execute("CREATE TRIGGER full BEFORE INSERT ON emotions "
                          "BEGIN SELECT RAISE(ABORT, 'disk full'); END")  # fmt: skip
        with pytest.raises(StoreError, match="disk full; make room"):
            store.put(scored(CALM=90.0))
        assert [dict(crop.emotions.scores) for crop in store.records()] == [{"HAPPY": 60.0}]


def test_a_folder_that_cannot_be_written_to():
    with pytest.raises(StoreError, match="unable to open database file; make room"):
        Store(Path("/proc/facepipe"), create=True)


def test_damage_is_told_from_a_full_disk(tmp_path):
    (tmp_path / "records.sqlite").write_bytes(b"no database, but long enough to be one " * 100)
    with pytest.raises(StoreError, match="not a database; put a copy in its place"):
        Store(tmp_path)


def test_a_folder_whose_name_none_can_have_is_told(tmp_path):
    with pytest.raises(StoreError, match="File name too long; check the path"):
        Store(tmp_path / ("n" * 300))


def test_a_file_in_place_of_its_folder_is_told(tmp_path):
    Store(tmp_path, create=True).close()
    with pytest.raises(StoreError, match="it is a file; name the folder"):
        Store(tmp_path / "records.sqlite")
