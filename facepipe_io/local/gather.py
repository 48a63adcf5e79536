"""The records of runs, out of folders, for a report on several of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Callable, Iterable, Sequence

import attrs

from facepipe.errors import KeyFormatError
from facepipe.keys import parse_key
from facepipe.records import ScoredCrop
from facepipe_io.errors import StoreError
from facepipe_io.local.objects import Thing
from facepipe_io.local.selection import Selection
from facepipe_io.local.store import Run, Store
from facepipe_io.local.summary import Person, file_size, people_and_things
from facepipe_io.local.words import human_span, listed


@attrs.frozen
class RunRecords:
    """What one camera gave in one run.

    Attributes:
        camera: its name.
        run_id: tells the run from others; empty for pictures that are of none.
        crops: their records, oldest first.
        people: whom they show.
        things: what they show besides.
        place: the folder; empty for a table.
        run: the run; None for a table, which knows of crops alone.
    """

    camera: str
    run_id: str
    crops: tuple[ScoredCrop, ...]
    people: tuple[Person, ...]
    things: tuple[Thing, ...]
    place: str = ""
    run: Run | None = None


@attrs.frozen
class Gathered:
    """What there is to report on.

    Attributes:
        source: what it was read from, as a person named it.
        records: by camera and run; the runs in the order of their beginning.
        folders: the runs' folders, by run.
        left_out: runs of a recording that was run again later.
        skipped: records that are none of facepipe's, or damaged.
    """

    source: str
    records: tuple[RunRecords, ...]
    folders: dict[str, Path] = attrs.field(factory=dict)
    left_out: tuple[Run, ...] = ()
    skipped: int = 0

    @property
    def runs(self) -> list[Run]:
        """The runs, in the order of their beginning; none of a table."""
        return list({each.run_id: each.run for each in self.records if each.run}.values())

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody."""
        return tuple(person for each in self.records for person in each.people)

    @property
    def things(self) -> tuple[Thing, ...]:
        """Every object."""
        return tuple(thing for each in self.records for thing in each.things)


def read_folders(folders: Sequence[Path], selection: Selection) -> Gathered:
    """Everything in folders that a selection asks for.

    A run that is in two folders counts once. Of a recording that one camera was run on several
    times into one folder only the latest run counts, unless runs are asked for by name.

    Args:
        folders: output folders, at least one.
        selection: which crops.

    Raises:
        StoreError: if a folder has no run or cannot be read, or nothing in them is asked for.
    """
    found: dict[str, tuple[Path, Run, list[ScoredCrop]]] = {}
    left_out: list[Run] = []
    everything: list[ScoredCrop] = []
    for folder in {folder.resolve(): folder for folder in folders}.values():
        with Store(folder) as store:
            runs, records = store.runs(), store.records()
        if not runs:
            raise StoreError(
                str(folder), f"it has no run yet; first: facepipe run SOURCE --out {folder}"
            )
        if selection.runs:
            chosen = [run for run in runs if run.run in selection.runs]
        else:
            chosen, again = _latest(runs)
            left_out += again
        by_run = {run.run: (folder, run, list[ScoredCrop]()) for run in reversed(chosen)}
        by_run = {name: entry for name, entry in by_run.items() if name not in found}
        for crop in records:
            run_id = run_of(crop)
            if run_id in by_run:
                by_run[run_id][2].append(crop)
        everything += records
        found.update(by_run)
    source = listed([str(folder) for folder in folders])
    missing = [name for name in selection.runs if name not in found]
    if missing:
        there = listed(sorted({run_of(crop) for crop in everything} - {""}) or ["none with crops"])
        raise StoreError(source, f"it has no run {listed(missing)}; there are {there}")
    names = Counter(path.name for path in {folder.resolve() for folder in folders})
    records_of_runs = []
    for folder, run, crops in sorted(found.values(), key=lambda entry: entry[1].started_at):
        name = folder.resolve().name
        place = name if names[name] == 1 else str(folder)
        records_of_runs += _by_camera(folder, place, run, crops, selection)
    if selection.of_crops and not records_of_runs:
        raise StoreError(source, nothing(selection, everything))
    folder_of = {run.run: folder for folder, run, _ in found.values()}
    return Gathered(source, tuple(records_of_runs), folder_of, tuple(left_out))


def nothing(selection: Selection, crops: Iterable[ScoredCrop]) -> str:
    """That nothing is asked for, and what there is instead.

    Args:
        selection: what was asked for.
        crops: what there is.
    """
    asked = f"it has no crop {selection.words()}".rstrip()
    times = [crop.captured_at for crop in crops]
    if not times:
        return asked
    cameras = listed(sorted({crop.camera for crop in crops}))
    return f"{asked}; it has those of {cameras}, {human_span(min(times), max(times))}"


def run_of(crop: ScoredCrop) -> str:
    """The run that a crop's key names; empty where it was not made by facepipe."""
    try:
        return parse_key(crop.key).run
    except KeyFormatError:
        return ""


def records_of(
    camera: str,
    run_id: str,
    crops: Iterable[ScoredCrop],
    quality: Callable[[ScoredCrop], float],
    *,
    place: str = "",
    run: Run | None = None,
) -> RunRecords:
    """What crops of one camera and run say."""
    crops = tuple(sorted(crops, key=lambda crop: (crop.captured_at, crop.key)))
    people, things = people_and_things(crops, quality)
    return RunRecords(camera, run_id, crops, people, things, place, run)


def _latest(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """Those that count, and those of a recording that was run again later. The latest is first."""
    seen: set[tuple[str, str]] = set()
    kept: list[Run] = []
    again: list[Run] = []
    for run in runs:
        recording = (run.camera, run.source)
        (again if not run.live and recording in seen else kept).append(run)
        seen.add(recording)
    return kept, again


def _by_camera(
    folder: Path, place: str, run: Run, crops: Sequence[ScoredCrop], selection: Selection
) -> list[RunRecords]:
    by_camera: dict[str, list[ScoredCrop]] = {}
    if not crops and not selection.of_crops:
        by_camera[run.camera] = []  # that nobody was seen is worth saying
    for crop in crops:
        if selection.keeps(crop):
            by_camera.setdefault(crop.camera, []).append(crop)
    return [
        records_of(
            camera,
            run.run,
            by_camera[camera],
            lambda crop: file_size(folder / crop.key),
            place=place,
            run=run,
        )
        for camera in sorted(by_camera)
    ]
