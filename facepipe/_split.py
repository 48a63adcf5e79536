"""Which pictures a model learns from, and which it is judged by."""

from __future__ import annotations

from collections import Counter
from typing import Collection, Hashable, Mapping, Sequence

TRAIN, VALIDATION = "train", "validation"


def split_pictures(
    classes: Mapping[str, Collection[str]],
    earlier: Mapping[str, str] | None = None,
    groups: Mapping[str, Hashable] | None = None,
) -> dict[str, str]:
    """Which pictures a model learns from, and which it is judged by: a fifth of each class.

    It is the same everywhere, and does not depend on the order of what is given. Pictures of one
    class each are split as near to a fifth as whole pictures allow; where some have several
    classes, the rarest class goes first (Sechidis, Tsoumakas and Vlahavas, "On the Stratification
    of Multi-Label Data", 2011). A class of which there are several pictures is on both sides if
    moving one picture after the other brings it there.

    Args:
        classes: the names of what is in each picture, by the picture's digest.
        earlier: the sides of an earlier split, by digest. They are kept.
        groups: by digest, what is the same for pictures that have to be on one side.

    Returns:
        `"train"` or `"validation"` for each picture in `classes`.

    Example:
        >>> split_pictures({digest: ["bottle"] for digest in "0123456789"})["0"]
        'train'
    """
    earlier, groups = earlier or {}, groups or {}
    sides = {digest: earlier[digest] for digest in sorted(classes) if digest in earlier}
    # Pictures of no class are split as a class of their own, which no name is like.
    strata = {digest: frozenset(found) or frozenset([""]) for digest, found in classes.items()}
    named = {
        digest: ("group", groups[digest]) if digest in groups else digest for digest in classes
    }
    decided = {named[digest]: side for digest, side in sorted(sides.items())}
    units: dict[Hashable, list[str]] = {}
    for digest in sorted(set(classes) - set(sides)):
        if named[digest] in decided:
            sides[digest] = decided[named[digest]]
        else:
            units.setdefault(named[digest], []).append(digest)
    # How many units of pictures that stay together each class is in: one alone is on one side.
    apart = Counter(
        name for _, name in {(named[digest], name) for digest in strata for name in strata[digest]}
    )
    needs = _needs(strata, apart, sides)
    # The largest first, which the smaller ones then make up for.
    waiting = sorted(units.values(), key=lambda unit: (-len(unit), unit))
    placed = []
    while waiting:
        ahead = Counter(name for unit in waiting for digest in unit for name in strata[digest])
        rarest = min(ahead, key=lambda name: (ahead[name], name))
        left = []
        for unit in waiting:
            counts = Counter(name for digest in unit for name in strata[digest])
            if rarest not in counts:
                left.append(unit)
                continue
            side = max(
                (TRAIN, VALIDATION),
                key=lambda side: (needs[side][rarest], sum(needs[side][name] for name in counts)),
            )
            needs[side].subtract(counts)
            sides.update(dict.fromkeys(unit, side))
            placed.append(unit)
        waiting = left
    _bring_to_both_sides(strata, apart, placed, sides)
    return sides


def _needs(
    strata: Mapping[str, frozenset[str]], apart: Mapping[str, int], sides: Mapping[str, str]
) -> dict[str, Counter[str]]:
    """How many pictures of each class each side still lacks."""
    needs: dict[str, Counter[str]] = {TRAIN: Counter(), VALIDATION: Counter()}
    count = Counter(name for found in strata.values() for name in found)
    for name, pictures in count.items():
        fifth = (2 * pictures + 5) // 10  # rounded
        needs[VALIDATION][name] = max(fifth, 1) if apart[name] > 1 else 0
        needs[TRAIN][name] = pictures - needs[VALIDATION][name]
    for digest, side in sides.items():
        needs[side].subtract(strata[digest])
    return needs


def _bring_to_both_sides(
    strata: Mapping[str, frozenset[str]],
    apart: Mapping[str, int],
    units: Sequence[list[str]],
    sides: dict[str, str],
) -> None:
    """Move pictures until no class is wholly on one side that one move brings to both."""
    moved = True
    while moved:
        moved = False
        held = {side: _held(strata, sides, side) for side in (TRAIN, VALIDATION)}
        # A move gives a side a class that it lacks, and takes none away that can be on both: so
        # there is an end.
        for unit in sorted(units, key=lambda unit: (len(unit), unit)):
            found = (name for digest in unit for name in strata[digest])
            own = Counter(name for name in found if apart[name] > 1)
            here = sides[unit[0]]
            there = VALIDATION if here == TRAIN else TRAIN
            lacks = any(not held[there][name] for name in own)
            if lacks and all(held[here][name] > count for name, count in own.items()):
                sides.update(dict.fromkeys(unit, there))
                moved = True
                break


def _held(
    strata: Mapping[str, frozenset[str]], sides: Mapping[str, str], side: str
) -> Counter[str]:
    return Counter(name for digest in strata if sides[digest] == side for name in strata[digest])
