"""Which view of whom to send, and when."""

from __future__ import annotations

import math
from typing import Any

import attrs

#: Two sightings this far apart are no flicker. At any rate from 2 frames a second, somebody who is
#: visible for a second is seen in three frames or in two that lie this far apart.
_CERTAIN_SECONDS = 0.33

#: Whoever is not offered for this long has left. Longer than a tracker keeps a number unseen.
_GONE_SECONDS = 2.0

#: How long what was sent of a person is kept in mind after it has ceased to hold anything back.
_REMEMBER_SECONDS = 60.0


@attrs.frozen
class Shot:
    """A view that is to be sent.

    Attributes:
        track: the person's number.
        shot: 0 for the person's first, 1 for the next, and so on.
        time: when the view was taken, in seconds.
        quality: what it was rated, 0 to 1.
        view: what was offered with it.
    """

    track: int
    shot: int
    time: float
    quality: float
    view: Any = attrs.field(eq=False, repr=False)


@attrs.define
class _Window:
    """The sightings among which one view is chosen."""

    opened: float
    seen: float
    sightings: int = 1
    best: Shot | None = None


@attrs.define(eq=False)
class BestShot:
    """Chooses the view of each person that is sent, soon after they appear and now and then after.

    A window opens when a person is first offered, and again with the first view that is
    `resend_seconds` younger than the one that was sent last. It closes after `settle_seconds`, or
    when the person has left, and the best view in it is sent. So

    - the views sent of one person are never less than `resend_seconds` apart;
    - whoever stays is sent again, at most `settle_seconds` and some frames later than that;
    - whoever is seen in `min_views` frames, or for a third of a second, is sent; a detector's
      flicker is not, and its window stays open until it is certain or gone.

    Offer every sighting, and call `due` for every frame, before its faces are offered: it is what
    lets go of views and people. Times may stand still or step back: they are only compared with
    one another, and a second back counts like a second on. What was sent of a person is forgotten
    a minute after it has ceased to hold back the next view.

    Attributes:
        resend_seconds: least time between two views of a person, 0 or more and finite.
        settle_seconds: how long to wait for a better view, 0 or more.
        min_views: sightings that make a person certain; 1 for still pictures, in which nobody is
            seen twice.

    Example:
        >>> best = BestShot(resend_seconds=10.0, settle_seconds=0.5)
        >>> for time, quality in [(0.0, 0.4), (0.2, 0.9), (0.4, 0.6), (0.6, 0.8)]:
        ...     shots = best.due(time)
        ...     view = f"view at {time}" if best.improves(7, quality) else None
        ...     best.offer(7, quality, time, view)
        >>> shots
        [Shot(track=7, shot=0, time=0.2, quality=0.9)]
    """

    resend_seconds: float = attrs.field(
        default=10.0, validator=[attrs.validators.ge(0), attrs.validators.lt(math.inf)]
    )
    settle_seconds: float = attrs.field(default=0.7, validator=attrs.validators.ge(0))
    min_views: int = attrs.field(default=3, validator=attrs.validators.ge(1))
    _windows: dict[int, _Window] = attrs.field(init=False, factory=dict)
    _sent: dict[int, Shot] = attrs.field(init=False, factory=dict)  # the oldest first, no views
    _now: float = attrs.field(init=False, default=-math.inf)

    def improves(self, track: int, quality: float) -> bool:
        """Whether a view of this quality would be the best of its window, as of the last `due`.

        Where it would not, the view need not be cut: offer None in its place.
        """
        return not self._rests(track, self._now) and self._beats(track, quality)

    def offer(self, track: int, quality: float, time: float, view: Any) -> None:
        """Tell of a sighting.

        Args:
            track: the person's number.
            quality: how good a view it is, 0 to 1, as of `view_quality`.
            time: when it was taken, in seconds.
            view: what to send, kept only while it is the best; None where `improves` said no.
        """
        rests = self._rests(track, time)
        window = self._windows.get(track)
        if window is None:
            if rests:
                return
            window = self._windows[track] = _Window(opened=time, seen=time)
        elif time != window.seen:
            window.seen = time
            window.sightings += 1
        # A clock that steps back can bring an open window too close to the last view again.
        if view is not None and not rests and self._beats(track, quality):
            last = self._sent.get(track)
            window.best = Shot(track, last.shot + 1 if last else 0, time, quality, view)

    def due(self, time: float) -> list[Shot]:
        """Shots of the windows that have closed by now, in the order in which they opened."""
        self._now = time
        shots = self._take(
            [
                track
                for track, window in self._windows.items()
                if abs(time - window.opened) >= self.settle_seconds
                or abs(time - window.seen) > _GONE_SECONDS
            ]
        )
        self._forget(time)
        return shots

    def flush(self, time: float) -> list[Shot]:
        """Shots of every window that is still open, now that no more will come."""
        self._now = time
        shots = self._take(list(self._windows))
        self._windows.clear()
        return shots

    def _take(self, tracks: list[int]) -> list[Shot]:
        """Take out the shots of those whose windows close, as far as they are certain."""
        shots = []
        for track in tracks:
            best = self._windows[track].best
            if best is not None and self._certain(track):
                del self._windows[track]
                self._sent.pop(track, None)  # so that it goes to the end of the order
                self._sent[track] = attrs.evolve(best, view=None)
                shots.append(best)
        return shots

    def _certain(self, track: int) -> bool:
        window = self._windows[track]
        return (
            track in self._sent
            or window.sightings >= self.min_views
            or abs(window.seen - window.opened) >= _CERTAIN_SECONDS
        )

    def _beats(self, track: int, quality: float) -> bool:
        """Whether a view is better than the best of its window so far."""
        window = self._windows.get(track)
        return window is None or window.best is None or quality > window.best.quality

    def _rests(self, track: int, time: float) -> bool:
        """Whether too little time has passed since the person's last view."""
        last = self._sent.get(track)
        return last is not None and abs(time - last.time) < self.resend_seconds

    def _forget(self, time: float) -> None:
        """Let go of who left, and of what was sent so long ago that it matters no more."""
        for track, window in list(self._windows.items()):
            if abs(time - window.seen) > _GONE_SECONDS:
                del self._windows[track]
        memory = self.resend_seconds + self.settle_seconds + _REMEMBER_SECONDS
        while self._sent:
            oldest = next(iter(self._sent))
            if abs(time - self._sent[oldest].time) <= memory:
                break
            del self._sent[oldest]
