"""A festival's crowd before a fleet's cameras, and when each of its crops reaches the queue."""

from __future__ import annotations

from typing import Sequence

import attrs
import numpy as np

from benchmarks.fleet.limits import SPOOL_MB
from facepipe._workload import SETTLE_SECONDS
from facepipe.costs import Workload

#: An evening in pieces: how many seconds, and how many times the mean then come; the mean is 1 and
#: the most is `Workload.peak`.
EVENING = (
    ("early", 1800, 0.4),
    ("doors", 3600, 1.7),
    ("first act", 5400, 0.6),
    ("interval", 1800, 1.4),
    ("second act", 5400, 0.5),
    ("before the headliner", 3600, 3.0),
    ("headliner", 5400, 0.35),
    ("way out", 1800, 0.45),
)

#: From a crop's choice until its news is in the queue: the upload, and S3's notification.
NEWS_SECONDS = 1.0
#: A camera that comes back online sends so many crops a second: three at once, since one of its
#: four threads is for live crops, 0.2 s each; and it had last tried up to 30 s ago.
EMPTIED_A_SECOND = 15.0
LAST_TRY_SECONDS = 30.0


@attrs.frozen
class Fault:
    """Something that is away for a while.

    Attributes:
        what: `network` of the cameras, `rekognition`, or `scorer`: a function that breaks at once.
        start: when it begins.
        seconds: for which it lasts.
        share: of the cameras whose network it is, 0 to 1.
    """

    what: str
    start: float
    seconds: float
    share: float = 1.0

    @property
    def end(self) -> float:
        """When it is over."""
        return self.start + self.seconds

    def is_on(self, now: float) -> bool:
        """Whether it lasts."""
        return self.start <= now < self.end


@attrs.frozen
class Crops:
    """Crops in the order in which they reach the queue.

    Attributes:
        captured: when each was chosen.
        queued: when its news was in the queue.
        dropped: how many a full spool dropped; they are not among these.
    """

    captured: np.ndarray
    queued: np.ndarray
    dropped: int = 0


def steady(seconds: float, factor: float) -> Sequence[tuple[str, float, float]]:
    """Like `EVENING`: one piece, with so many times the mean."""
    return (("steady", seconds, factor),)


def crops(
    workload: Workload,
    pieces: Sequence[tuple[str, float, float]],
    rng: np.random.Generator,
    fault: Fault | None = None,
    spool_mb: float = SPOOL_MB,
) -> Crops:
    """What a fleet sends.

    People come independently of one another, as a Poisson process in each piece, and stay for
    exponential times. A crop of each follows soon after they appear, then one per `resend_seconds`,
    and one for the rest with the probability that it falls into their stay: on average as many as
    the bill counts.
    """
    appear, start = [], 0.0
    for _, seconds, factor in pieces:
        mean = workload.cameras * workload.people_per_hour / 3600 * factor * seconds
        appear.append(start + seconds * rng.random(rng.poisson(mean)))
        start += seconds
    people = np.concatenate(appear)
    more = float(workload.crops_each) - 1
    stay = rng.exponential(more, len(people))  # in resend_seconds
    count = 1 + np.floor(stay + rng.random(len(people))).astype(int)
    first = np.repeat(np.cumsum(count) - count, count)
    shot = np.arange(count.sum()) - first
    resend = max(workload.resend_seconds, float(SETTLE_SECONDS))
    captured = np.repeat(people + float(SETTLE_SECONDS), count) + shot * resend
    queued, dropped = captured + NEWS_SECONDS, 0
    if fault is not None and fault.what == "network":
        camera = np.repeat(rng.integers(0, workload.cameras, len(people)), count)
        captured, queued = _spooled(captured, camera, workload, fault, rng, spool_mb)
        dropped = len(first) - len(captured)
    order = np.argsort(queued, kind="stable")
    return Crops(captured[order], queued[order], dropped)


def _spooled(
    captured: np.ndarray,
    camera: np.ndarray,
    workload: Workload,
    fault: Fault,
    rng: np.random.Generator,
    spool_mb: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Crops that had to wait on their cameras, less the oldest of those that had no room there."""
    queued = captured + NEWS_SECONDS
    away = np.arange(workload.cameras) < round(fault.share * workload.cameras)
    waits = away[camera] & (fault.start <= captured) & (captured < fault.end)
    back = fault.end + LAST_TRY_SECONDS * rng.random(workload.cameras)
    room = int(spool_mb * 1e6 // workload.crop_bytes)
    kept = np.ones(len(captured), bool)
    for each in np.unique(camera[waits]):
        of_it = np.flatnonzero(waits & (camera == each))
        of_it = of_it[np.argsort(captured[of_it])]
        kept[of_it[: max(0, len(of_it) - room)]] = False
        of_it = of_it[max(0, len(of_it) - room) :]
        queued[of_it] = back[each] + np.arange(len(of_it)) / EMPTIED_A_SECOND + NEWS_SECONDS
    return captured[kept], queued[kept]
