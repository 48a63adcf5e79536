"""CSV and JSON say what the records say, and no spreadsheet takes a cell for a formula."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.keys import parse_key
from facepipe.moods import EMOTION_COLOURS
from facepipe.times import parse_iso
from facepipe_io.local.comparison import compare
from facepipe_io.local.crowds import crowds_by
from facepipe_io.local.export import report_json, safe_cell, write_csv
from facepipe_io.local.gather import Gathered, records_of, run_of
from facepipe_io.local.selection import Selection
from tests.facepipe_io.local.crowd_data import crop_of, records
from tests.facepipe_io.local.test_store import NOON


def gathered(crops):
    groups: dict = {}
    for crop in crops:
        groups.setdefault((crop.camera, run_of(crop)), []).append(crop)
    return Gathered(
        "table t",
        tuple(records_of(*key, each, lambda crop: 0.0) for key, each in groups.items()),
    )


def written(crops):
    stream = io.StringIO()
    write_csv(gathered(crops), stream)
    return stream.getvalue()


def unquoted(cell):
    return cell[1:] if cell.startswith("'") else cell


@given(text=st.text() | st.text("=+-@\t\r\n '\u00a0\uff1da", max_size=4))
@example("=1+1")
@example(" @SUM(A1)")
def test_no_cell_begins_a_formula_and_none_loses_a_letter(text):
    cell = safe_cell(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))
    assert cell[:1] not in ("\t", "\r", "\n")
    assert cell in (text, f"'{text}")


@given(crops=records())
def test_each_crop_is_a_row_that_says_what_its_record_says(crops):
    text = written(crops)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    ordered = sorted(crops, key=lambda crop: (crop.captured_at, crop.key))
    assert len(rows) == len(crops)
    for row, crop in zip(rows, ordered):
        key = parse_key(crop.key)
        assert unquoted(row["camera"]) == crop.camera
        assert parse_iso(row["captured_at"]) == crop.captured_at
        assert (row["run"], row["person"], row["label"]) == (key.run, str(key.track), crop.label)
        assert row["dominant"] == (crop.emotions.dominant or "")
        assert row["s3key"] == crop.key
        scores = {name: float(row[name]) for name in row if name.isupper() and row[name]}
        assert scores == pytest.approx(dict(crop.emotions.scores))


@given(crops=records())
def test_no_cell_of_a_file_is_a_formula(crops):
    for row in csv.reader(io.StringIO(written(crops), newline="")):
        assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row)


def test_the_columns_are_always_those_of_rekognition_and_whatever_else_there_is():
    known = list(EMOTION_COLOURS)
    header, *rows = list(csv.reader(io.StringIO(written([crop_of("hall", "4f9c", 1)]))))
    before = ["camera", "captured_at", "run", "person", "label", "dominant"]
    assert header == [*before, *known, "s3key"]
    assert rows == [
        ["hall", "2026-11-20T12:00:00.000Z", "4f9c", "1", "face", "HAPPY", "97.50"]
        + [""] * (len(known) - 1)
        + ["faces/hall/2026/11/20/12/20261120T120000000Z-4f9c-1-0.jpg"]
    ]
    odd = crop_of("hall", "4f9c", 1, **{"AMUSED": 50.0, "=CMD": 40.0})
    header, _ = csv.reader(io.StringIO(written([odd])))
    assert header == [*before, *known, "'=CMD", "AMUSED", "s3key"]


@given(crops=records())
def test_json_has_everybody_once_and_its_sides_add_up(crops):
    found = gathered(crops)
    comparison = compare(*crowds_by(found, None))
    selection = Selection(since=NOON, cameras=("hall",))
    document = json.loads(json.dumps(report_json(found, comparison, selection), allow_nan=False))
    faces = [crop.key for crop in crops if crop.is_face]
    listed = [crop["s3key"] for person in document["people"] for crop in person["crops"]]
    assert sorted(listed) == sorted(faces)
    side_by_side = document["side_by_side"]
    sides = side_by_side["sides"]
    assert sum(side["people"] for side in sides) == len(document["people"])
    assert sum(side["crops"] for side in sides) == len(faces)
    for side in sides:
        assert sum(side["moods"].values()) == side["people"]
        assert side["happy"] == side["moods"].get("HAPPY", 0)
        low, high = side["happy_interval"]
        assert 0 <= low <= high <= 1
    assert (side_by_side["answer"] is None) == (len(sides) == 1)
    assert document["selection"] == {
        "since": "2026-11-20T12:00:00.000Z",
        "until": None,
        "cameras": ["hall"],
        "runs": [],
    }
