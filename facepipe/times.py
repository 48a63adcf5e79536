"""Times: all that facepipe keeps, sends or names is UTC, to the millisecond."""

from __future__ import annotations

from datetime import datetime, timezone


def as_utc(moment: datetime) -> datetime:
    """The same time in UTC.

    Raises:
        ValueError: if it has no time zone, or there is no such time in UTC.

    Example:
        >>> from datetime import timedelta
        >>> tokyo = timezone(timedelta(hours=9))
        >>> as_utc(datetime(2026, 11, 20, 9, tzinfo=tokyo)).isoformat()
        '2026-11-20T00:00:00+00:00'
    """
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise ValueError("must be a datetime with a time zone")
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("is no time in UTC") from None


def utc_millis(moment: datetime) -> datetime:
    """The same time in UTC, cut to milliseconds.

    Raises:
        ValueError: if it has no time zone, or there is no such time in UTC.

    Example:
        >>> utc_millis(datetime(2026, 11, 20, 9, 0, 0, 999_999, tzinfo=timezone.utc)).microsecond
        999000
    """
    moment = as_utc(moment)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def iso_millis(moment: datetime) -> str:
    """A time as records and messages write it: ISO 8601, milliseconds, UTC.

    Args:
        moment: with a time zone.

    Raises:
        ValueError: if it has none, or there is no such time in UTC.

    Example:
        >>> iso_millis(datetime(2026, 11, 20, 9, 30, 5, 250000, tzinfo=timezone.utc))
        '2026-11-20T09:30:05.250Z'
    """
    return utc_millis(moment).isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_iso(text: str) -> datetime:
    """The time that `iso_millis` wrote.

    Raises:
        ValueError: if it is written otherwise.

    Example:
        >>> parse_iso("2026-11-20T09:30:05.250Z").isoformat()
        '2026-11-20T09:30:05.250000+00:00'
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
