"""Crowds: the people of one camera, or of one run, as they stand side by side."""

from __future__ import annotations

from typing import Callable, Sequence

import attrs

from facepipe.records import ScoredCrop
from facepipe_io.local.gather import Gathered, RunRecords
from facepipe_io.local.objects import Thing
from facepipe_io.local.summary import Person, crops_of, mood_counts
from facepipe_io.local.words import human_day, human_span, plural

HAPPY = "HAPPY"


@attrs.frozen
class Crowd:
    """People who are shown side by side with others.

    Attributes:
        name: of their camera, and what else it takes to tell them from the others.
        records: what is known of them, by run; at least one.
    """

    name: str
    records: tuple[RunRecords, ...]

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody, run by run."""
        return tuple(person for each in self.records for person in each.people)

    @property
    def things(self) -> tuple[Thing, ...]:
        """Every object, run by run."""
        return tuple(thing for each in self.records for thing in each.things)

    @property
    def crops(self) -> tuple[ScoredCrop, ...]:
        """All crops of people, oldest first."""
        return crops_of(self.people)

    @property
    def moods(self) -> list[tuple[str, int]]:
        """Dominant emotions and how many people have each, the most frequent first."""
        return mood_counts(self.people)

    @property
    def happy(self) -> int:
        """How many people looked happy: that was their dominant emotion."""
        return dict(self.moods).get(HAPPY, 0)

    @property
    def by_clock(self) -> bool:
        """Whether time of day says something: a recording has none."""
        return all(each.run is None or each.run.live for each in self.records)

    @property
    def about(self) -> str:
        """Where and when they were seen, in one line."""
        parts = []
        sources = list(dict.fromkeys(each.run.source for each in self.records if each.run))
        if len(sources) == 1 and self.by_clock:
            parts.append(sources[0])
        elif sources:
            names = [name if "://" in name else name.rstrip("/").split("/")[-1] for name in sources]
            parts.append(names[0] if len(names) == 1 else plural(len(names), "source"))
        if len(self.records) > 1:
            parts.append(plural(len(self.records), "run"))
        times = [crop.captured_at for each in self.records for crop in each.crops]
        begun = [each.run.started_at for each in self.records if each.run]
        if times and self.by_clock:
            parts.append(human_span(min(times), max(times)))
        elif begun:
            parts.append(human_day(min(begun)))
        return " · ".join(parts)


def crowds_by(gathered: Gathered, by: str | None) -> tuple[list[Crowd], str]:
    """Everybody, in crowds to be compared.

    Args:
        gathered: what there is.
        by: `camera`, where each camera of each folder is one, or `run`; by default cameras, or
            runs where there is one camera alone.

    Returns:
        The crowds, by name, and what they are by.
    """
    if by != "run":
        by_camera: dict[tuple[str, str], list[RunRecords]] = {}
        for each in gathered.records:
            by_camera.setdefault((each.camera, each.place), []).append(each)
        if by == "camera" or len(by_camera) > 1:
            names = _names(
                list(by_camera.values()),
                _camera,
                lambda each: each.place if _of_one_camera(gathered) else "",
                lambda each: f"{each.camera}, {each.place}",
            )
            return _sorted(names, list(by_camera.values())), "camera"
    runs = [[each] for each in gathered.records]
    names = _names(
        runs,
        _camera,
        lambda each: f"{each.camera}, {_begun(each)}",
        lambda each: f"{each.camera}, run {each.run_id or 'unknown'}",
    )
    return _sorted(names, runs), "run"


def _names(
    groups: Sequence[Sequence[RunRecords]], *namings: Callable[[RunRecords], str]
) -> list[str]:
    """What to call each group: by the first way of naming that tells all of them apart."""
    for naming in namings:
        names = [naming(group[0]) for group in groups]
        if len(set(names)) == len(names) and all(names):
            break
    return names


def _sorted(names: Sequence[str], groups: Sequence[Sequence[RunRecords]]) -> list[Crowd]:
    crowds = [Crowd(name, tuple(group)) for name, group in zip(names, groups)]
    return sorted(crowds, key=lambda crowd: crowd.name)


def _camera(each: RunRecords) -> str:
    return each.camera


def _of_one_camera(gathered: Gathered) -> bool:
    return len({each.camera for each in gathered.records}) == 1


def _begun(each: RunRecords) -> str:
    return human_day(each.run.started_at if each.run else each.crops[0].captured_at)
