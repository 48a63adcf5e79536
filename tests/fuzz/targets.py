"""The parsers of what comes from outside, in groups that are fuzzed together.

A target takes bytes, and raises only when a law is broken. The first line names one of its parsers,
and the rest is what that is given.
"""

from __future__ import annotations

from typing import Callable, Mapping

from tests.fuzz.laws import (
    answers,
    archives,
    detections,
    events,
    labels,
    live,
    models,
    requests,
    settings,
)

Parser = Callable[[bytes], None]

#: Each group's parsers by their names.
GROUPS: Mapping[str, Mapping[str, Parser]] = {
    "answers": answers.PARSERS,
    "archives": {**archives.PARSERS, **models.PARSERS},
    "detections": detections.PARSERS,
    "events": events.PARSERS,
    "labels": labels.PARSERS,
    "live": live.PARSERS,
    "requests": requests.PARSERS,
    "settings": settings.PARSERS,
}


def target(group: str) -> Parser:
    """What is called with all that a fuzzer thinks of."""
    parsers = GROUPS[group]
    names = sorted(parsers)

    def run(data: bytes) -> None:
        line, _, rest = data.partition(b"\n")
        # A name that the fuzzer has changed is that of some other parser.
        name = line.decode("latin-1")
        parsers[name if name in parsers else names[sum(line) % len(names)]](rest)

    return run
