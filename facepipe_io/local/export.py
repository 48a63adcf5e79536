"""A report's figures for other programs: CSV and JSON."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Iterable, Sequence, TextIO

import attrs

from facepipe.moods import EMOTION_COLOURS
from facepipe.records import ScoredCrop
from facepipe.times import iso_millis
from facepipe_io.local.comparison import LEVEL, TEST, Comparison, Side
from facepipe_io.local.files import replacing
from facepipe_io.local.gather import Gathered, RunRecords
from facepipe_io.local.objects import thing_json
from facepipe_io.local.selection import Selection
from facepipe_io.local.summary import mean_emotions, person_json

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"), the wide forms
# of East Asian keyboards included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_BEFORE = ("camera", "captured_at", "run", "person", "label", "dominant")
_AFTER = ("s3key",)


def write_csv(gathered: Gathered, stream: TextIO) -> None:
    """Write one row for each crop, the oldest first.

    Its columns are camera, captured_at (ISO 8601, UTC), run, person (the number of the person or
    object in the run), label, dominant, one for each emotion (0 to 100; empty where it did not
    pass), and s3key. The emotions that Rekognition knows are always there.

    Args:
        gathered: what there is.
        stream: takes the text.
    """
    known = tuple(EMOTION_COLOURS)
    rows = sorted(_rows(gathered.records), key=lambda row: (row[0].captured_at, row[0].key))
    found = {name for crop, _, _ in rows for name in crop.emotions.scores}
    emotions = (*known, *sorted(found.difference(known)))
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(safe_cell(name) for name in (*_BEFORE, *emotions, *_AFTER))
    for crop, run_id, number in rows:
        scores = crop.emotions.scores
        cells = (
            crop.camera,
            iso_millis(crop.captured_at),
            run_id,
            str(number),
            crop.label,
            crop.emotions.dominant or "",
            *(f"{scores[name]:.2f}" if name in scores else "" for name in emotions),
            crop.key,
        )
        writer.writerow(safe_cell(cell) for cell in cells)


def write_csv_file(gathered: Gathered, path: Path) -> None:
    """Write the rows into a file, in place of what was there.

    Raises:
        StoreError: if it cannot be written.
    """
    with replacing(path) as stream:
        write_csv(gathered, stream)


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe goes before one that it would.

    Example:
        >>> safe_cell("=1+1"), safe_cell("hall-1")
        ("'=1+1", 'hall-1')
    """
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def report_json(gathered: Gathered, comparison: Comparison, selection: Selection) -> dict[str, Any]:
    """A report as plain values.

    Returns:
        `source`; `selection`; `runs`; `people` and `objects`, as `facepipe run --json` has them,
        and `camera` and `run` with each; `side_by_side`: what crowds are `by`, the `answer`, the
        `test`, its `p_value`, the `level` below which it counts as more than chance, and the
        `sides`, the happiest first; and `skipped`, records that could not be read.
    """
    several = len(comparison.sides) > 1
    return {
        "source": gathered.source,
        "selection": {
            "since": None if selection.since is None else iso_millis(selection.since),
            "until": None if selection.until is None else iso_millis(selection.until),
            "cameras": list(selection.cameras),
            "runs": list(selection.runs),
        },
        "runs": [
            {**attrs.asdict(run), "started_at": iso_millis(run.started_at)} for run in gathered.runs
        ],
        "people": [
            {"camera": each.camera, "run": each.run_id, **person_json(person)}
            for each in gathered.records
            for person in each.people
        ],
        "objects": [
            {"camera": each.camera, "run": each.run_id, **thing_json(thing)}
            for each in gathered.records
            for thing in each.things
        ],
        "side_by_side": {
            "by": comparison.by,
            "answer": comparison.answer if several else None,
            "test": TEST,
            "p_value": comparison.p_value,
            "level": LEVEL,
            "sides": [_side_json(side) for side in comparison.sides],
        },
        "skipped": gathered.skipped,
    }


def _side_json(side: Side) -> dict[str, Any]:
    crowd = side.crowd
    low, high = side.happy.interval
    crops = crowd.crops
    return {
        "name": crowd.name,
        "camera": crowd.records[0].camera,
        "runs": [each.run_id for each in crowd.records],
        "people": side.happy.of,
        "crops": len(crops),
        "first_seen": iso_millis(crops[0].captured_at) if crops else None,
        "last_seen": iso_millis(crops[-1].captured_at) if crops else None,
        "moods": dict(crowd.moods),
        "emotions": {name: round(value, 2) for name, value in mean_emotions(crops).items()},
        "happy": side.happy.count,
        "happy_share": side.happy.value,
        "happy_interval": [low, high],
    }


def _rows(records: Iterable[RunRecords]) -> Iterable[tuple[ScoredCrop, str, int]]:
    for each in records:
        seen: Sequence[Any] = (*each.people, *each.things)
        for one in seen:
            for crop in one.crops:
                yield crop, each.run_id, one.track
