"""Workloads: what a fleet of cameras sees, and by which policy it sends crops."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Callable

import attrs

from facepipe._prices import exact, exactly
from facepipe.errors import CostsError

#: Where faces are looked for (docs/inference.md): on the device; at an endpoint, while the device
#: cuts the crops; at an endpoint that cuts them, too.
MODES = ("edge", "cloud", "endpoint")

#: A view is chosen from so long a window (`BestShot.settle_seconds`): no crops are closer together.
SETTLE_SECONDS = Decimal("0.7")

#: Frames are sent for so long after a face was last seen (`FaceTracker.max_gap_seconds`), and of a
#: still scene one in so many seconds (`MotionGate.idle_seconds`).
FOLLOWED_SECONDS = 1.5
IDLE_SECONDS = 3


def _between(low: float, high: float, optional: bool = False) -> Callable[[Any, Any, Any], None]:
    """A validator: a number, its ends included."""

    def check(_: object, field: attrs.Attribute[Any], value: Any) -> None:
        if optional and value is None:
            return
        # A NaN is between nothing.
        if type(value) not in (int, float) or not low <= value <= high:
            raise CostsError(
                f"{field.name} must be a number from {low:g} to {high:g}, not {str(value)[:40]}"
            )

    return check


def _whole(low: int, high: int) -> Callable[[Any, Any, Any], None]:
    """A validator: a whole number, its ends included."""

    def check(_: object, field: attrs.Attribute[Any], value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise CostsError(
                f"{field.name} must be a whole number from {low:,} to {high:,}, "
                f"not {str(value)[:40]}"
            )

    return check


def _one_of(_: object, field: attrs.Attribute[Any], value: Any) -> None:
    if value not in MODES:
        raise CostsError(f"{field.name} must be one of {', '.join(MODES)}, not {str(value)[:40]}")


@attrs.frozen
class Workload:
    """What a fleet sees in a month.

    Measured defaults are of the demo, 42 seconds of 1280x720 (`benchmarks/modes.py`); the others
    are the settings' own, or say that they are assumed.

    Attributes:
        cameras: how many there are.
        hours: a day, for which each of them looks.
        days: a month, on which they do.
        people_per_hour: who pass each camera; assumed.
        seconds_in_view: of each of them, on average; 8.7 in the demo.
        resend_seconds: one crop of each person per this long (`FACEPIPE_RESEND_SECONDS`).
        crops_per_person: where they were counted; None to have them from the two above, as at most
            one at once and one for each `resend_seconds` after.
        crops_a_second: crops of each person in view in every second, for a device that has no
            policy and sends every face of every frame that it looks at; None for one that has.
        fps: frames that each camera looks at in a second (`FACEPIPE_MAX_FPS`).
        moving: share of the frames, 0 to 1, in which something moves, so that an endpoint is asked;
            None to have it from who is in view.
        crop_bytes: of a crop.
        frame_bytes: of a whole frame, which an endpoint that cuts crops is sent.
        small_frame_bytes: of one scaled down to 480 pixels, which any other endpoint is sent.
        mode: one of `MODES`.
        peak: how many times the mean the busiest hour has; assumed.
        max_concurrency: crops that are scored at once (Terraform's variable of that name).

    Raises:
        CostsError: if one of these is out of range.

    Example:
        >>> Workload(people_per_hour=1800, seconds_in_view=10).people_in_view
        5.0
    """

    cameras: int = attrs.field(default=10, validator=_whole(0, 1_000_000))
    hours: float = attrs.field(default=8.0, validator=_between(0, 24))
    days: float = attrs.field(default=30.0, validator=_between(0, 31))
    people_per_hour: float = attrs.field(default=300.0, validator=_between(0, 1e6))
    seconds_in_view: float = attrs.field(default=10.0, validator=_between(0, 86400))
    resend_seconds: float = attrs.field(default=10.0, validator=_between(0, 1e9))
    crops_per_person: float | None = attrs.field(
        default=None, validator=_between(0, 1e6, optional=True)
    )
    crops_a_second: float | None = attrs.field(
        default=None, validator=_between(0, 1000, optional=True)
    )
    fps: float = attrs.field(default=15.0, validator=_between(0, 1000))
    moving: float | None = attrs.field(default=None, validator=_between(0, 1, optional=True))
    crop_bytes: float = attrs.field(default=13_400, validator=_between(0, 15e6))
    frame_bytes: float = attrs.field(default=107_800, validator=_between(0, 1e8))
    small_frame_bytes: float = attrs.field(default=25_200, validator=_between(0, 1e8))
    mode: str = attrs.field(default="edge", validator=_one_of)
    peak: float = attrs.field(default=3.0, validator=_between(1, 1000))
    max_concurrency: int = attrs.field(default=5, validator=_whole(2, 1000))

    @property
    def people_in_view(self) -> float:
        """People in front of a camera at once, on average (Little's law)."""
        return self.people_per_hour / 3600 * self.seconds_in_view

    @property
    def crops_each(self) -> Decimal:
        """Crops of each person."""
        seconds = exact(self.seconds_in_view)
        with exactly():
            if self.crops_a_second is not None:
                return seconds * exact(self.crops_a_second)
            if self.crops_per_person is not None:
                return exact(self.crops_per_person)
            return 1 + seconds / max(exact(self.resend_seconds), SETTLE_SECONDS)

    @property
    def watched(self) -> float:
        """Share of the time, 0 to 1, in which somebody is in view.

        People come independently of one another: how many are there has Poisson's distribution
        (the queue M/G/infinity), whatever the distribution of the times that they stay.
        """
        return -math.expm1(-self.people_in_view)

    @property
    def busy(self) -> float:
        """Share of the time, 0 to 1, in which an endpoint is asked about every frame."""
        if self.moving is not None:
            return self.moving
        each = self.seconds_in_view + FOLLOWED_SECONDS
        return -math.expm1(-self.people_per_hour / 3600 * each)

    @property
    def frames_a_second(self) -> Decimal:
        """Frames that a camera sends to an endpoint in a second, on average."""
        if self.mode == "edge":
            return Decimal(0)
        fps, busy = exact(self.fps), exact(self.busy)
        with exactly():
            return fps * busy + min(fps, 1 / Decimal(IDLE_SECONDS)) * (1 - busy)

    @property
    def sent_frame_bytes(self) -> float:
        """Bytes of a frame as it is sent; 0 where none is."""
        whole = {"edge": 0.0, "cloud": self.small_frame_bytes, "endpoint": self.frame_bytes}
        return min(whole[self.mode], self.frame_bytes)
