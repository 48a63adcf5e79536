"""How figures and names are said to people."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timezone
from typing import Sequence

from facepipe.moods import emotion_word

# Characters that turn or embed the text around them (Unicode Standard Annex 9, "Directional
# formatting characters"): in a name they would turn the sentence that it stands in.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ISOLATE, _END = "\u2068", "\u2069"  # first strong isolate, pop directional isolate


def human_bytes(count: float) -> str:
    """A number of bytes as a person reads it.

    Example:
        >>> human_bytes(532), human_bytes(198_484), human_bytes(45_192_000)
        ('532 bytes', '198 kB', '45.2 MB')
    """
    if count < 1000:
        return f"{count:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.5 or unit == "GB":
            break
    return f"{count:.3g} {unit}" if count < 999.5 else f"{count:,.0f} {unit}"


def human_seconds(seconds: float) -> str:
    """A duration as a person reads it.

    Example:
        >>> human_seconds(4.21), human_seconds(41.9), human_seconds(754), human_seconds(7500)
        ('4.2 seconds', '42 seconds', '12 min 34 s', '2 h 5 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} seconds"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} seconds"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def human_day(moment: datetime) -> str:
    """A time as a person reads it.

    Example:
        >>> human_day(datetime(2026, 11, 20, 9, 5, tzinfo=timezone.utc))
        '20 November 2026, 09:05 UTC'
    """
    moment = moment.astimezone(timezone.utc)
    return f"{moment.day} {moment:%B} {moment.year}, {moment:%H:%M} UTC"


def human_span(first: datetime, last: datetime) -> str:
    """From when to when, as a person reads it.

    Example:
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> human_span(noon, noon), human_span(noon, noon.replace(hour=14))
        ('20 November 2026, 12:00 UTC', '20 November 2026, 12:00 to 14:00 UTC')
        >>> human_span(noon, noon.replace(day=21))
        '20 November 2026, 12:00 UTC to 21 November 2026, 12:00 UTC'
    """
    start, end = human_day(first), human_day(last)
    if start == end:
        return start
    day, time = end.split(", ")
    return f"{start[:-4]} to {time}" if start.startswith(f"{day}, ") else f"{start} to {end}"


def plural(count: int, noun: str) -> str:
    """A number of something.

    Example:
        >>> plural(1, "crop"), plural(1200, "crop"), plural(2, "person")
        ('1 crop', '1,200 crops', '2 people')
    """
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {'people' if noun == 'person' else noun + 's'}"


def mood_words(moods: Sequence[tuple[str, int]]) -> str:
    """How people looked, in one short line.

    Args:
        moods: dominant emotions and how many people have each, the most frequent first; at least
            one.

    Example:
        >>> mood_words([("HAPPY", 1)]), mood_words([("CALM", 3), ("FEAR", 1)])
        ('One person, who looked happy', '3 of 4 people looked calm')
    """
    people = sum(count for _, count in moods)
    name, count = moods[0]
    if people == 1:
        return f"One person, who looked {emotion_word(name)}"
    if count == people:
        return f"All {people:,} people looked {emotion_word(name)}"
    if count * 2 > people:
        return f"{count:,} of {people:,} people looked {emotion_word(name)}"
    first = ", ".join(f"{count:,} {emotion_word(name)}" for name, count in moods[:3])
    return f"{people:,} people: {first}{' and others' if len(moods) > 3 else ''}"


def in_text(name: str) -> str:
    """A name as it may stand in a sentence: it turns nothing around it.

    One that is written from right to left keeps to itself.

    Example:
        >>> in_text("hall 1"), in_text("\u202ehall"), in_text("\u05d0") == "\u2068\u05d0\u2069"
        ('hall 1', 'hall', True)
    """
    name = _TURNING.sub("", name)
    turns = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in name)
    return f"{_ISOLATE}{name}{_END}" if turns else name


def listed(names: Sequence[str], shown: int = 8) -> str:
    """Names in one line.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"]), listed("abcd", shown=2)
        ('a', 'a, b and c', 'a, b and 2 others')
    """
    if len(names) > shown + 1:
        return f"{', '.join(names[:shown])} and {len(names) - shown:,} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
