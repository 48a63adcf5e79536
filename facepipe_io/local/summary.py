"""What a run found, put together from its records: people, moods, objects and savings."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Callable, Iterable

import attrs

from facepipe.errors import KeyFormatError
from facepipe.keys import FACE_LABEL, parse_key
from facepipe.records import ScoredCrop
from facepipe.times import iso_millis
from facepipe_io.errors import StoreError
from facepipe_io.local.objects import Thing, thing_json
from facepipe_io.local.store import Run, Store


@attrs.frozen
class Person:
    """Somebody whom a run saw: a face followed from frame to frame.

    Whoever leaves and comes back is another person: facepipe recognises nobody.

    Attributes:
        track: their number in the run.
        crops: their scored crops, oldest first; at least one.
        best: the one to show.
    """

    track: int
    crops: tuple[ScoredCrop, ...]
    best: ScoredCrop

    @property
    def emotions(self) -> dict[str, float]:
        """Emotion to mean confidence over the crops, 0 to 100, highest first."""
        return mean_emotions(self.crops)

    @property
    def dominant(self) -> str:
        """The emotion with the highest mean confidence."""
        return next(iter(self.emotions))


@attrs.frozen
class Summary:
    """What a run found.

    Attributes:
        run: the run.
        people: in the order of their coming.
        others: the folder's other runs, the latest first.
        objects: in the order of their coming.
    """

    run: Run
    people: tuple[Person, ...]
    others: tuple[Run, ...]
    objects: tuple[Thing, ...] = ()

    @property
    def crops(self) -> tuple[ScoredCrop, ...]:
        """All scored crops of the run, which are those of people, oldest first."""
        return crops_of(self.people)

    @property
    def moods(self) -> list[tuple[str, int]]:
        """Dominant emotions and how many people have each, the most frequent first."""
        return mood_counts(self.people)

    @property
    def objects_alone(self) -> bool:
        """Whether it is about objects and nobody's mood."""
        return not self.people and (bool(self.objects) or self.run.of_objects)

    @property
    def calls(self) -> int:
        """Crops that were scored: all but those of objects."""
        kept = sum(len(thing.crops) for thing in self.objects)
        return max(self.run.crops - kept, 0)  # the figures of an unfinished run are 0

    @property
    def bytes_of_frames(self) -> float:
        """What sending every frame as JPEG would have taken: frames times a sample's mean."""
        return self.run.frames * self.run.frame_bytes

    @property
    def bytes_saved(self) -> float | None:
        """Share of the bytes not sent, 0 to 1; None where none was saved.

        What was lost was not saved: a run that lost crops has nothing to compare with.
        """
        return None if self.run.lost else _saved(self.run.bytes_sent, self.bytes_of_frames)

    @property
    def calls_saved(self) -> float | None:
        """Share of the calls not made had every face in every frame been scored, 0 to 1."""
        return None if self.run.lost else _saved(self.calls, self.run.faces)

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values, for programs."""
        run = attrs.asdict(self.run)
        run["started_at"] = iso_millis(self.run.started_at)
        return {
            "run": run,
            "bytes_of_frames": round(self.bytes_of_frames),
            "bytes_saved": self.bytes_saved,
            "calls_saved": self.calls_saved,
            "people": [person_json(person) for person in self.people],
            "objects": [thing_json(thing) for thing in self.objects],
        }


def summarise(folder: Path, run_id: str | None = None) -> Summary:
    """What a run in a folder found.

    Args:
        folder: the output folder.
        run_id: which run; by default the one that was begun last.

    Raises:
        StoreError: if the folder has no run, or its records cannot be read.
    """
    with Store(folder) as store:
        runs = store.runs()
        chosen = [run for run in runs if run_id in (None, run.run)][:1]
        if not chosen:
            raise StoreError(
                str(store.path),
                f"it has no run {run_id or 'yet'}; first: facepipe run SOURCE --out {folder}",
            )
        (run,) = chosen
        records = store.records(run.run)
    people, objects = people_and_things(records, lambda crop: file_size(folder / crop.key))
    return Summary(
        run=run,
        people=people,
        others=tuple(other for other in runs if other != run),
        objects=objects,
    )


def people_and_things(
    crops: Iterable[ScoredCrop], quality: Callable[[ScoredCrop], float]
) -> tuple[tuple[Person, ...], tuple[Thing, ...]]:
    """Whom and what the crops of one run show.

    Args:
        crops: oldest first. Each whose key is not of facepipe's making, as somebody's upload is
            not, shows a person of their own.
        quality: the crop of which it is highest is the one to show.

    Returns:
        In the order of their numbers, which is that of their coming.
    """
    by_track: dict[tuple[int, str], list[ScoredCrop]] = {}
    uploads = []
    for crop in crops:
        try:
            by_track.setdefault((parse_key(crop.key).track, crop.label), []).append(crop)
        except KeyFormatError:
            uploads.append(crop)
    people, things = [], []
    for (track, label), group in sorted(by_track.items()):
        best = max(group, key=quality)
        if label == FACE_LABEL:
            people.append(Person(track, tuple(group), best))
        else:
            things.append(Thing(track, label, tuple(group), best))
    people += [Person(number, (crop,), crop) for number, crop in enumerate(uploads, start=1)]
    return tuple(people), tuple(things)


def crops_of(people: Iterable[Person]) -> tuple[ScoredCrop, ...]:
    """All crops of people, oldest first."""
    each = [crop for person in people for crop in person.crops]
    return tuple(sorted(each, key=lambda crop: (crop.captured_at, crop.key)))


def mood_counts(people: Iterable[Person]) -> list[tuple[str, int]]:
    """Dominant emotions and how many people have each, the most frequent first."""
    counts = Counter(person.dominant for person in people)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def mean_emotions(crops: Iterable[ScoredCrop]) -> dict[str, float]:
    """Emotion to mean confidence over crops, highest first; one that did not pass counts as 0.

    Example:
        >>> from datetime import datetime, timezone
        >>> from facepipe.emotions import FaceEmotions
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> scores = ({"CALM": 20.0, "HAPPY": 80.0}, {"CALM": 90.0})
        >>> mean_emotions([ScoredCrop("k", "c", noon, 1, FaceEmotions(s)) for s in scores])
        {'CALM': 55.0, 'HAPPY': 40.0}
    """
    crops = list(crops)
    totals: dict[str, float] = {}  # a Counter takes several times as long
    for crop in crops:
        for name, value in crop.emotions.scores.items():
            totals[name] = totals.get(name, 0.0) + value
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return {name: total / len(crops) for name, total in ranked}


def person_json(person: Person) -> dict[str, Any]:
    """A person as plain values, for programs."""
    return {
        "track": person.track,
        "dominant": person.dominant,
        "emotions": {name: round(value, 2) for name, value in person.emotions.items()},
        "first_seen": iso_millis(person.crops[0].captured_at),
        "last_seen": iso_millis(person.crops[-1].captured_at),
        "best_crop": person.best.key,
        "crops": [
            {
                "s3key": crop.key,
                "captured_at": iso_millis(crop.captured_at),
                "dominant": crop.emotions.dominant,
                "emotions": {name: round(v, 2) for name, v in crop.emotions.scores.items()},
            }
            for crop in person.crops
        ],
    }


def _saved(used: float, otherwise: float) -> float | None:
    return 1 - used / otherwise if otherwise > used else None


def file_size(path: Path) -> int:
    """The quality of a crop: at one JPEG quality the larger and sharper make the larger files."""
    try:
        return path.stat().st_size
    except OSError:
        return 0  # deleted since; another one of the person is shown, if there is one
