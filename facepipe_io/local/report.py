"""The report: one page that needs nothing but a browser.

It is about one run, with the others in its folder beside it, or about several runs, of folders or
out of the cloud's table.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Callable, Sequence

from facepipe.records import ScoredCrop
from facepipe_io.local.charts import crowd_chart, run_chart, side_charts, types_of
from facepipe_io.local.comparison import LEVEL, MIN_PEOPLE, TEST, Comparison, Share, compare
from facepipe_io.local.crowds import HAPPY, crowds_by
from facepipe_io.local.files import replacing
from facepipe_io.local.gather import Gathered, read_folders, run_of
from facepipe_io.local.objects import Thing, label_counts, objects_headline
from facepipe_io.local.page import make_page
from facepipe_io.local.pictures import FolderPictures, Pictures, thumbnails
from facepipe_io.local.selection import Selection
from facepipe_io.local.store import Run
from facepipe_io.local.summary import Person, Summary, mean_emotions, mood_counts, summarise
from facepipe_io.local.words import (
    human_span,
    in_text,
    mood_words,
    plural,
)

FILE_NAME = "report.html"

#: More faces, or objects, than this make a page that no one reads to its end.
SHOWN_PEOPLE = 60

#: Likewise rows of a table, and curves of crowds.
SHOWN_ROWS = 1000
SHOWN_CURVES = 12

# Where scores are the cloud's, no run says so.
_REKOGNITION = (
    "Amazon Rekognition says what a face looks like. That is no measure of what is felt (Amazon "
    "Rekognition Developer Guide, “Emotion”), and it errs on some people more than on others."
)


def write_report(folder: Path, run_id: str | None = None, out: Path | None = None) -> Path:
    """Write the page on one run of an output folder.

    Args:
        folder: the output folder.
        run_id: the run to show; by default the one that was begun last.
        out: the page; by default `report.html` in the folder.

    Returns:
        The report's path.

    Raises:
        StoreError: if the folder has no run or cannot be read or written.
    """
    summary = summarise(folder, run_id)
    gathered = read_folders([folder], Selection())
    comparison = compare(*crowds_by(gathered, None))
    return write_page(render(summary, folder, gathered, comparison), out or folder / FILE_NAME)


def write_page(page: str, path: Path) -> Path:
    """Write a page, in place of what was there.

    Returns:
        Its path.

    Raises:
        StoreError: if it cannot be written.
    """
    with replacing(path) as stream:
        stream.write(page)
    return path


def render(summary: Summary, folder: Path, gathered: Gathered, comparison: Comparison) -> str:
    """The page on one run.

    Args:
        summary: the run.
        folder: where its crops are.
        gathered: the folder's runs.
        comparison: of these.
    """
    run = summary.run
    shown = summary.people[-SHOWN_PEOPLE:]
    things = summary.objects[-SHOWN_PEOPLE:]
    pictures = thumbnails(
        FolderPictures({run.run: folder}), [*(p.best for p in shown), *(t.best for t in things)]
    )
    side_by_side = len(comparison.sides) > 1 and any(side.happy.of for side in comparison.sides)
    types = types_of([*summary.people, *(gathered.people if side_by_side else ())])
    charts = {}
    curve = run_chart(summary.people, run, types) if summary.people else None
    if curve is not None:
        charts["curve"] = curve["figure"]
    return make_page(
        "report.html",
        types,
        charts,
        _side_by_side(comparison, gathered, types, charts) if side_by_side else {},
        headline=headline(summary),
        s=summary,
        run=run,
        curve=curve,
        source=run.source if "://" in run.source else Path(run.source).name,
        people=[(person, "", pictures.get(person.best.key)) for person in shown],
        things=[(thing, "", pictures.get(thing.best.key)) for thing in things],
        objects=summary.objects,
        labels=label_counts(summary.objects),
        clock=lambda crop: _since_start(run, crop.captured_at),
        shown_rows=SHOWN_ROWS,
    )


def render_crowds(
    gathered: Gathered, comparison: Comparison, selection: Selection, pictures: Pictures | None
) -> str:
    """The page on everything that was gathered.

    Args:
        gathered: what there is.
        comparison: of its crowds.
        selection: what was asked for.
        pictures: gives the crops; None for a page without pictures.
    """
    crowds = [side.crowd for side in comparison.sides]
    people, things = gathered.people, gathered.things
    side_by_side = len(crowds) > 1 and bool(people)
    shown = _some_of_each([(crowd.people, crowd.name) for crowd in crowds])
    shown_things = _some_of_each([(crowd.things, crowd.name) for crowd in crowds])
    files: dict[str, str] = {}
    if pictures is not None:
        files = thumbnails(pictures, [one.best for one, _ in (*shown, *shown_things)])
    types = types_of(people)
    charts = {}
    curve = crowd_chart(crowds[0], types) if people and not side_by_side else None
    if curve is not None:
        charts["curve"] = curve["figure"]
    happy = dict(mood_counts(people)).get(HAPPY, 0)
    several = len(crowds) > 1
    return make_page(
        "crowd.html",
        types,
        charts,
        _side_by_side(comparison, gathered, types, charts) if side_by_side else {},
        headline=crowds_headline(gathered, comparison),
        lead=_lead(gathered, selection),
        moods=mood_counts(people),
        everybody=len(people),
        happy=Share(happy, len(people)),
        crops=sum(len(each.crops) for each in gathered.records),
        cameras=sorted({in_text(each.camera) for each in gathered.records}),
        places=sorted({each.place for each in gathered.records if each.place}) or [gathered.source],
        curve=curve,
        people=_cards(shown, files, several),
        things=_cards(shown_things, files, several),
        objects=things,
        labels=label_counts(things),
        pictured=pictures is not None,
        clock=_clock(gathered),
        gathered=gathered,
        selection=selection.words(),
        limits=list(dict.fromkeys(run.limits for run in gathered.runs)) or [_REKOGNITION],
    )


def headline(summary: Summary) -> str:
    """The run in one short line.

    Example:
        >>> from datetime import timezone
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> run = Run("4f9c", noon, "demo", "demo", False, "haar", "smile", "", 10.0)
        >>> headline(Summary(run, (), ()))
        'Nobody was seen'
    """
    if summary.objects:
        objects = objects_headline(label_counts(summary.objects))
        return f"{mood_words(summary.moods)}; {objects}" if summary.people else objects
    run = summary.run
    if summary.people:
        return mood_words(summary.moods)
    if run.crops:
        return "Faces were seen, but no clear emotion"
    if run.lost:
        return "Every crop was lost"
    return "Nothing was seen" if run.of_objects else "Nobody was seen"


def crowds_headline(gathered: Gathered, comparison: Comparison) -> str:
    """Everything that was gathered, in one short line."""
    moods = mood_counts(gathered.people)
    if moods and len(comparison.sides) > 1:
        return comparison.headline
    parts = [mood_words(moods)] if moods else []
    if gathered.things:
        parts.append(objects_headline(label_counts(gathered.things)))
    return "; ".join(parts) or "Nobody was seen"


def _side_by_side(
    comparison: Comparison, gathered: Gathered, types: Sequence[str], charts: dict[str, str]
) -> dict[str, Any]:
    """What the section needs; its charts are added to those of the page."""
    crowds = [side.crowd for side in comparison.sides if side.crowd.people]
    largest = sorted(crowds, key=lambda crowd: -len(crowd.people))[:SHOWN_CURVES]
    drawn = [crowd for crowd in crowds if crowd in largest]
    figures, width, by_clock = side_charts(drawn, types)
    ids = {crowd.name: f"side{number}" for number, crowd in enumerate(drawn)}
    charts.update(zip(ids.values(), figures))
    return {
        "comparison": comparison,
        "emotions": {side.crowd.name: mean_emotions(side.crowd.crops) for side in comparison.sides},
        "side_curves": ids,
        "side_width": width,
        "side_clock": by_clock,
        "with_people": len(crowds),
        "left_out": gathered.left_out,
        "test": TEST,
        "level": LEVEL,
        "min_people": MIN_PEOPLE,
    }


def _some_of_each(groups: Sequence[tuple[Sequence[Any], str]]) -> list[tuple[Any, str]]:
    """The last of each group, as many as the page shows, each with the group's name."""
    room, taken = SHOWN_PEOPLE, dict.fromkeys(range(len(groups)), 0)
    while room and any(taken[i] < len(group) for i, (group, _) in enumerate(groups)):
        for number, (group, _) in enumerate(groups):
            if room and taken[number] < len(group):
                taken[number] += 1
                room -= 1
    return [
        (one, name)
        for number, (group, name) in enumerate(groups)
        for one in group[len(group) - taken[number] :]
    ]


def _cards(
    shown: Sequence[tuple[Person | Thing, str]], files: dict[str, str], several: bool
) -> list[tuple[Person | Thing, str, str | None]]:
    return [(one, name if several else "", files.get(one.best.key)) for one, name in shown]


def _lead(gathered: Gathered, selection: Selection) -> str:
    crops = [crop for each in gathered.records for crop in each.crops]
    scored = sum(crop.is_face for crop in crops)
    parts = [gathered.source if not gathered.runs else plural(len(gathered.runs), "run")]
    if crops:
        times = [crop.captured_at for crop in crops]
        parts.append(human_span(min(times), max(times)))
    parts.append(f"{plural(scored, 'crop')} scored")
    if len(crops) > scored:
        parts.append(f"{plural(len(crops) - scored, 'crop')} of objects")
    if selection.of_crops or selection.runs:
        parts.append(f"only {selection.words()}")
    return " · ".join(parts)


def _clock(gathered: Gathered) -> Callable[[ScoredCrop], str]:
    runs = {run.run: run for run in gathered.runs}

    def said(crop: ScoredCrop) -> str:
        return _since_start(runs.get(run_of(crop)), crop.captured_at)

    return said


def _since_start(run: Run | None, moment: datetime) -> str:
    """A moment of a recording counted from its start; of a camera, by the clock."""
    if run is None or run.live:
        return f"{moment:%H:%M:%S}"
    seconds = max(round((moment - run.started_at).total_seconds()), 0)
    hours = f"{seconds // 3600}:{seconds // 60 % 60:02}" if seconds >= 3600 else f"{seconds // 60}"
    return f"{hours}:{seconds % 60:02}"
