"""A live camera that cannot hang whoever reads it.

A network camera that stops sending, a wedged driver and a dead daemon have in common that reading
them may never return. Here a thread of its own opens and reads the camera; if it hangs, it is left
behind.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Callable

from facepipe.times import iso_millis
from facepipe_io.edge.cameras.base import Camera
from facepipe_io.edge.handover import Handover
from facepipe_io.errors import CameraError

if TYPE_CHECKING:
    from facepipe_io.edge.cameras.base import Frame

log = logging.getLogger(__name__)

OPEN_SECONDS = 30.0
FREEZE_SECONDS = 10.0
MAX_STUCK = 4
#: How long closing waits for the thread to let go of the camera, so that it can be opened again.
CLOSE_SECONDS = 2.0
#: The start of 2020. A clock that says less was never set: the device has none of its own, and the
#: network has not told it the time yet.
EARLIEST_TIME = 1577836800.0


class CameraWatch:
    """Opens a camera, as often as need be, so that a live one cannot hang whoever reads it.

    At most `MAX_STUCK` threads are left behind at a time.

    Args:
        opener: opens the camera.
        open_seconds: how long opening it may take.
        freeze_seconds: how long it may give no picture.
    """

    def __init__(
        self,
        opener: Callable[[], Camera],
        *,
        open_seconds: float = OPEN_SECONDS,
        freeze_seconds: float = FREEZE_SECONDS,
    ) -> None:
        self._opener = opener
        self._open_seconds = open_seconds
        self._freeze_seconds = freeze_seconds
        self._source = "the camera"
        self._clock_check = _ClockCheck()
        self._threads: list[threading.Thread] = []
        self._current: WatchedCamera | None = None
        self._closed = False

    def open(self) -> Camera:
        """Open the camera.

        Returns:
            A `WatchedCamera`; or what the opener gave, if that is not live.

        Raises:
            CameraError: when opening it takes too long, or too many threads hang already. What the
                opener raises is passed on.
        """
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) >= MAX_STUCK:
            raise CameraError(
                self._source,
                f"it hung {MAX_STUCK} times and still does; restart the device if this stays",
            )
        watched = WatchedCamera(self._opener, self._freeze_seconds, self._clock_check)
        self._threads.append(watched.thread)
        self._current = watched
        if self._closed:
            watched.let_go()
        camera = watched.wait_until_open(self._open_seconds, self._source)
        self._source = camera.source
        return camera

    def close(self) -> None:
        """Let go of the camera and of whoever opens or reads it, who gets None for a frame.

        Fit for any thread and for signal handlers.
        """
        self._closed = True
        if self._current is not None:
            self._current.let_go()


class WatchedCamera(Camera):
    """A live camera that is read by a thread of its own, which keeps the newest frame only.

    `CameraWatch` makes it. Frames that a clock has stamped which was never set are not given but
    counted as skipped.
    """

    live = True

    def __init__(
        self, opener: Callable[[], Camera], freeze_seconds: float, clock_check: _ClockCheck
    ) -> None:
        self._opener = opener
        self._freeze_seconds = freeze_seconds
        self._clock_check = clock_check
        self._opened: Handover[Camera] = Handover(1, lossy=False)
        self._frames: Handover[Frame] = Handover(1, lossy=True)
        self._read_at = time.monotonic()
        self._unset = 0
        self._inside: Camera | None = None
        self._error: BaseException | None = None
        self._close_error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self.thread.start()

    def wait_until_open(self, seconds: float, source: str) -> Camera:
        """This camera once it is open, or the one inside if that is not live."""
        self.source = source
        camera = self._opened.take(seconds)
        self._opened.close()
        camera = camera or self._opened.take()  # it may have come this very moment
        if camera is not None:
            self.source, self.stills, self.fps = camera.source, camera.stills, camera.fps
            return self if camera.live else camera
        if not self._frames.closed:
            self._freeze(f"it has not opened within {seconds:g} s")
        if self._error is not None:
            raise self._error
        return self  # let go

    def read(self) -> Frame | None:
        """The newest frame that was not read yet; waits for one. None once it is let go of.

        Raises:
            CameraError: when it has given nothing for too long. What the camera inside raises is
                passed on.
        """
        while True:
            frame = self._frames.take(self._freeze_seconds)
            if frame is not None:
                return frame
            if self._frames.closed:
                break
            if time.monotonic() - self._read_at >= self._freeze_seconds:
                self._freeze(f"it has given no picture for {self._freeze_seconds:g} s")
        if self._error is not None:
            raise self._error
        return None

    def close(self) -> None:
        """Let go of the camera; a thread that hangs closes it when it ever comes back.

        What the camera inside raises on closing is passed on, once.
        """
        self.let_go()
        self.thread.join(CLOSE_SECONDS)
        error, self._close_error = self._close_error, None
        if error is not None:
            raise error

    def let_go(self) -> None:
        """Close without waiting."""
        self._opened.close()
        self._frames.close()
        camera = self._inside
        if camera is not None:
            camera.interrupt()

    def _freeze(self, what: str) -> None:
        self._error = CameraError(self.source, f"{what}; check its cable or network")
        self.let_go()

    def _run(self) -> None:
        try:
            camera = self._opener()
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            self._end(error)
            return
        self._read_at = time.monotonic()
        if self._opened.put(camera) is None and not camera.live:
            return  # it is the reader's now
        self._inside = camera
        fault: BaseException | None = None
        try:
            while not self._frames.closed and self._hand_on(camera):
                pass
        except BaseException as error:  # noqa: BLE001 - as above
            fault = error
        # Who reads learns of an error when the device is free to be opened again.
        try:
            camera.close()
        except BaseException as error:  # noqa: BLE001 - `close` raises it
            self._close_error = error
        self._end(fault)

    def _hand_on(self, camera: Camera) -> bool:
        """Read a frame and give it to who waits; tell whether there may be another."""
        try:
            frame = camera.read()
        finally:
            self._read_at = time.monotonic()
            self.skipped = camera.skipped + self._unset
        if frame is None or self._frames.closed:
            return False
        if not self._clock_check.passes(frame.time, camera.source):
            self._unset += 1
            self.skipped += 1
        elif self._frames.put(frame) is not None:
            self.missed += 1
        return True

    def _end(self, fault: BaseException | None) -> None:
        self._error = self._error or fault
        self.let_go()


class _ClockCheck:
    """Tells frames of a clock that was never set from others, and the log when that changes."""

    def __init__(self) -> None:
        self._is_set = True

    def passes(self, frame_time: float, source: str) -> bool:
        is_set = frame_time >= EARLIEST_TIME
        if is_set != self._is_set:
            self._is_set = is_set
            text = "it is set" if is_set else "waiting until it is set"
            told = iso_millis(datetime.fromtimestamp(frame_time, timezone.utc))
            log.warning("%s: the clock says %s: %s", source, told, text)
        return is_set
