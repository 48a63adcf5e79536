"""Which crops a report is about."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone

import attrs

from facepipe.records import ScoredCrop
from facepipe.times import iso_millis
from facepipe_io.local.words import in_text, listed

_AGO = re.compile(r"([0-9]{1,6})\s*([smhd])\s+ago\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@attrs.frozen
class Selection:
    """Which crops a report is about: those that pass all that is set.

    Attributes:
        since: taken then or later; with a time zone.
        until: taken before then; with a time zone.
        cameras: taken by one of these, if there are any.
        runs: of one of these, if there are any.
    """

    since: datetime | None = None
    until: datetime | None = None
    cameras: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    @property
    def of_crops(self) -> bool:
        """Whether it goes by crops, and not by whole runs alone."""
        return bool(self.cameras) or self.since is not None or self.until is not None

    def keeps(self, crop: ScoredCrop) -> bool:
        """Whether a crop is one of them, by its time and camera.

        Example:
            >>> from facepipe.emotions import FaceEmotions
            >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
            >>> crop = ScoredCrop("k", "hall", noon, 1, FaceEmotions({"CALM": 90.0}))
            >>> Selection(since=noon).keeps(crop), Selection(until=noon).keeps(crop)
            (True, False)
        """
        return (
            (not self.cameras or crop.camera in self.cameras)
            and (self.since is None or crop.captured_at >= self.since)
            and (self.until is None or crop.captured_at < self.until)
        )

    def words(self) -> str:
        """What it asks for, to be said after "no crop"; empty if it asks for all.

        Example:
            >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
            >>> Selection(since=noon, cameras=("hall", "door")).words()
            'of camera hall or door, since 2026-11-20T12:00:00.000Z'
        """
        parts = []
        if self.cameras:
            parts.append(f"of camera {' or '.join(in_text(name) for name in self.cameras)}")
        if self.runs:
            parts.append(f"of run {listed(self.runs)}")
        if self.since is not None:
            parts.append(f"since {iso_millis(self.since)}")
        if self.until is not None:
            parts.append(f"before {iso_millis(self.until)}")
        return ", ".join(parts)


def parse_moment(text: str, now: datetime, *, end: bool = False) -> datetime:
    """A time as a person types it.

    Args:
        text: `2026-11-20`, `2026-11-20T14:30`, with `Z` or `+01:00` for its zone, else it is UTC;
            or so long ago: `30m ago`, `2h ago`, `7d ago`.
        now: with a time zone.
        end: whether a day is meant up to its end, and not from its start.

    Returns:
        In UTC.

    Raises:
        ValueError: if it is none of these.

    Example:
        >>> now = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> parse_moment("2026-11-20", now, end=True).isoformat()
        '2026-11-21T00:00:00+00:00'
        >>> parse_moment("2026-11-20 14:30+01:00", now).isoformat()
        '2026-11-20T13:30:00+00:00'
        >>> parse_moment("2h ago", now).isoformat()
        '2026-11-20T10:00:00+00:00'
    """
    text = text.strip()
    try:
        ago = _AGO.match(text)
        if ago:
            return now - timedelta(**{_UNITS[ago.group(2)]: int(ago.group(1))})
        if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", text):
            day = datetime.combine(date.fromisoformat(text), time(), timezone.utc)
            return day + timedelta(days=1) if end else day
        # Before CPython 3.11 it knows no Z.
        moment = datetime.fromisoformat(re.sub(r"[Zz]\Z", "+00:00", text))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time; write it like 2026-11-20, 2026-11-20T14:30, with Z or +01:00 "
            "for another zone than UTC, or '2h ago'"
        ) from None
