"""The objects that a run saw: what has a label and no mood."""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterable

import attrs

from facepipe.records import ScoredCrop
from facepipe.times import iso_millis


@attrs.frozen
class Thing:
    """An object that a run saw, followed from frame to frame.

    What leaves and comes back is another one.

    Attributes:
        track: its number in the run.
        label: what the detector takes it for.
        crops: its crops, oldest first; at least one.
        best: the one to show.
    """

    track: int
    label: str
    crops: tuple[ScoredCrop, ...]
    best: ScoredCrop


def label_counts(things: Iterable[Thing]) -> list[tuple[str, int]]:
    """Labels and how many things have each, the most frequent first."""
    counts = Counter(thing.label for thing in things)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def objects_headline(labels: list[tuple[str, int]]) -> str:
    """How many objects of which labels, in one short line.

    Args:
        labels: as `label_counts` gives them, at least one.

    Example:
        >>> objects_headline([("bottle", 2), ("cup", 1)])
        '3 objects: 2 bottle, 1 cup'
        >>> objects_headline([("bottle", 7)]), objects_headline([("bottle", 1)])
        ('7 objects: all bottle', '1 object: bottle')
    """
    total = sum(count for _, count in labels)
    if len(labels) == 1:
        ((label, _),) = labels
        return f"1 object: {label}" if total == 1 else f"{total:,} objects: all {label}"
    first = ", ".join(f"{count:,} {label}" for label, count in labels[:3])
    return f"{total:,} objects: {first}{' and others' if len(labels) > 3 else ''}"


def thing_json(thing: Thing) -> dict[str, Any]:
    """A thing as plain values, for programs."""
    return {
        "track": thing.track,
        "label": thing.label,
        "first_seen": iso_millis(thing.crops[0].captured_at),
        "last_seen": iso_millis(thing.crops[-1].captured_at),
        "best_crop": thing.best.key,
        "crops": [
            {"s3key": crop.key, "captured_at": iso_millis(crop.captured_at)} for crop in thing.crops
        ],
    }
