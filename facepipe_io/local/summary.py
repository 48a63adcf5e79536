"""What a run found, put together from its records: people, moods, objects and savings."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Iterable, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from facepipe.keys import FACE_LABEL, parse_key
from facepipe.records import ScoredCrop, iso_millis
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
        cameras: camera to mean confidences, over every run in the folder.
        objects: in the order of their coming.
    """

    run: Run
    people: tuple[Person, ...]
    others: tuple[Run, ...]
    cameras: dict[str, dict[str, float]]
    objects: tuple[Thing, ...] = ()

    @property
    def crops(self) -> tuple[ScoredCrop, ...]:
        """All scored crops of the run, which are those of people, oldest first."""
        each = [crop for person in self.people for crop in person.crops]
        return tuple(sorted(each, key=lambda crop: (crop.captured_at, crop.key)))

    @property
    def moods(self) -> list[tuple[str, int]]:
        """Dominant emotions and how many people have each, the most frequent first."""
        counts = Counter(person.dominant for person in self.people)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

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
            "people": [_person_json(person) for person in self.people],
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
        records, all_records = store.records(run.run), store.records()
    by_track: dict[tuple[int, str], list[ScoredCrop]] = {}
    by_camera: dict[str, list[ScoredCrop]] = {}
    for crop in records:
        by_track.setdefault((parse_key(crop.key).track, crop.label), []).append(crop)
    for crop in all_records:
        if crop.is_face:
            by_camera.setdefault(crop.camera, []).append(crop)
    people, objects = [], []
    for (track, label), crops in sorted(by_track.items()):
        best = max(crops, key=lambda crop: _file_size(folder / crop.key))
        if label == FACE_LABEL:
            people.append(Person(track, tuple(crops), best))
        else:
            objects.append(Thing(track, label, tuple(crops), best))
    return Summary(
        run=run,
        people=tuple(people),
        others=tuple(other for other in runs if other != run),
        cameras={camera: mean_emotions(by_camera[camera]) for camera in sorted(by_camera)},
        objects=tuple(objects),
    )


def mean_emotions(crops: Iterable[ScoredCrop]) -> dict[str, float]:
    """Emotion to mean confidence over crops, highest first; one that did not pass counts as 0.

    Example:
        >>> from datetime import timezone
        >>> from facepipe.emotions import FaceEmotions
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> scores = ({"CALM": 20.0, "HAPPY": 80.0}, {"CALM": 90.0})
        >>> mean_emotions([ScoredCrop("k", "c", noon, 1, FaceEmotions(s)) for s in scores])
        {'CALM': 55.0, 'HAPPY': 40.0}
    """
    crops = list(crops)
    totals: Counter[str] = Counter()
    for crop in crops:
        totals.update(crop.emotions.scores)
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return {name: total / len(crops) for name, total in ranked}


def emotion_curve(
    crops: Sequence[ScoredCrop], start: datetime, end: datetime, *, points: int = 240
) -> tuple[list[datetime], dict[str, list[float | None]], float]:
    """How the share of each emotion goes, smoothed over time.

    Around each moment the crops count by how near they are (a Gaussian of `width` seconds). Where
    no crop is within three widths there is nothing to say.

    Args:
        crops: at least one.
        start: the curve's first moment.
        end: its last.
        points: how many moments it has.

    Returns:
        The moments; emotion to its share at each, 0 to 100, of all at that moment, or None; and
        the width in seconds.
    """
    seconds = np.array([(crop.captured_at - start).total_seconds() for crop in crops])
    length = (end - start).total_seconds()
    width = min(max(length / 16, 1.5), 600.0)
    moments = np.linspace(0.0, length, points)
    offsets = (moments[:, None] - seconds[None, :]) / width  # (points, N)
    weights = np.where(np.abs(offsets) <= 3, np.exp(-0.5 * offsets**2), 0.0)
    types = list(mean_emotions(crops))
    confidences = np.array([[crop.emotions.scores.get(t, 0.0) for t in types] for crop in crops])
    summed: NDArray[np.float64] = weights @ confidences  # (points, types)
    totals = summed.sum(axis=1)
    shares = {
        name: [float(100 * s / t) if t > 0 else None for s, t in zip(summed[:, index], totals)]
        for index, name in enumerate(types)
    }
    return [start + timedelta(seconds=float(moment)) for moment in moments], shares, width


def _person_json(person: Person) -> dict[str, Any]:
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


def _file_size(path: Path) -> int:
    """Of crops at one JPEG quality the larger and sharper ones make the larger files."""
    try:
        return path.stat().st_size
    except OSError:
        return 0  # deleted since; another one of the person is shown, if there is one
