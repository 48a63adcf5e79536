"""How a recording is played: some of its frames, or all in their own time."""

from __future__ import annotations

import time
from typing import Callable

from facepipe_io.edge.cameras import Camera, Frame

#: A gap between two frames that is longer, as between stills, is cut to this.
LONGEST_GAP_SECONDS = 1.0
#: By how much a recording may be behind its time and still make up for it.
HURRY_SECONDS = 0.5


class _Played(Camera):
    """Another camera's frames, given in a way of its own."""

    def __init__(self, camera: Camera) -> None:
        self.source = camera.source
        self.live = camera.live
        self.stills = camera.stills
        self.fps = camera.fps
        self.total = camera.total
        self._camera = camera

    @property
    def skipped(self) -> int:  # type: ignore[override]
        """Frames that could not be used."""
        return self._camera.skipped

    @property
    def cut(self) -> str:  # type: ignore[override]
        """Where a recording broke off."""
        return self._camera.cut

    def close(self) -> None:
        """Let go of the camera."""
        self._camera.close()


class EveryNth(_Played):
    """One in so many frames of a camera.

    Args:
        camera: gives the frames.
        every: which are kept: the first, and every so many after it.
    """

    def __init__(self, camera: Camera, every: int) -> None:
        super().__init__(camera)
        self.fps = None if camera.fps is None else camera.fps / every
        self.total = None if camera.total is None else -(-camera.total // every)
        self._every = every
        self._first = True

    def read(self) -> Frame | None:
        """The next of the frames that are kept, or None when there are no more."""
        passed = 0 if self._first else self._every - 1
        self._first = False
        for _ in range(passed):
            if self._camera.read() is None:
                return None
        return self._camera.read()


class RealTime(_Played):
    """A recording in its own time, for somebody to watch; no frame is left out.

    Args:
        camera: gives the frames.
        clock: seconds that never step back.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        camera: Camera,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(camera)
        self._clock = clock
        self._sleep = sleep
        self._last_time: float | None = None
        self._due = 0.0

    def read(self) -> Frame | None:
        """The next frame, once it is due, or None when there are no more."""
        frame = self._camera.read()
        if frame is None:
            return None
        now = self._clock()
        if self._last_time is None:
            self._due = now
        else:
            gap = min(max(frame.time - self._last_time, 0.0), LONGEST_GAP_SECONDS)
            # Where frames take longer than they last, the rest comes later; nothing is rushed.
            self._due = max(self._due + gap, now - HURRY_SECONDS)
        self._last_time = frame.time
        if self._due > now:
            self._sleep(self._due - now)
        return frame
