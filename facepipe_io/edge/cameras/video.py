"""Cameras, streams and video files, read with OpenCV."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any, Callable

import cv2

from facepipe.errors import ImageError
from facepipe.images import as_bgr
from facepipe_io.edge.cameras.base import Camera, Frame, is_device, is_live, without_secrets
from facepipe_io.edge.opencv import quiet_opencv
from facepipe_io.errors import CameraError

log = logging.getLogger(__name__)

UNKNOWN_FPS = 25.0
MAX_GAP_SECONDS = 3600.0  # a longer gap in a recording is a damaged time stamp
MAX_BAD_FRAMES = 100  # in a row, from a live camera
# Lengths are reckoned from a duration and a rate, so that a whole video may miss a few frames.
LEAST_SHARE_OF_FRAMES = 0.9
MAX_DELAY_SECONDS = 2.0  # what lies farther ahead in a stream is another part of it
# How long OpenCV waits for a stream. Both together are less than what `watch` allows an opening.
OPEN_TIMEOUT_SECONDS = 12.0
READ_TIMEOUT_SECONDS = 15.0
GIF = int.from_bytes(b"gif ", "little")  # as CAP_PROP_FOURCC has it


class VideoCamera(Camera):
    """A camera, stream or video file, read with `cv2.VideoCapture`.

    A stream of a known length counts as a file, and so does a GIF, whose length a web server may
    not let OpenCV find out. A live playlist (`.m3u8`) is shown at the pace that it was taken in,
    although its frames arrive a fragment at a time. A video that breaks off ends with what it has,
    and the log says so.

    Args:
        source: a camera's index or device, a URL or a path.
        clock: gives the time of each frame of a live camera.
        start_time: the time of a file's first frame.

    Raises:
        CameraError: when it cannot be opened or its first frame cannot be read.
    """

    def __init__(self, source: str, *, clock: Callable[[], float], start_time: float) -> None:
        self.source = without_secrets(source)
        self._clock = clock
        self._start_time = start_time
        self._position = -1.0
        self._capture = _open_capture(source)
        if not self._capture.isOpened():
            raise CameraError(self.source, _why_not(source))
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0.1 <= fps <= 1000 else None
        frames = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        endless = not 0 < frames < 1e9
        is_gif = int(self._capture.get(cv2.CAP_PROP_FOURCC)) == GIF
        self.live = is_live(source) and endless and not is_gif
        self.total = None if endless else int(frames)
        self._got = 0
        self._ended = False
        self._closed = threading.Event()
        self._playout = Playout() if self.live and ".m3u8" in source else None
        try:
            self._first = self._next()
        except CameraError:
            self.close()
            raise
        if self._first is None:
            self.close()
            raise CameraError(self.source, "it holds no frame that can be read; try another file")

    def read(self) -> Frame | None:
        """The next frame, or None at the end of a file."""
        frame, self._first = self._first, None
        if frame is None:
            frame = self._next()
        if frame is not None and self._playout is not None:
            position = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            self._closed.wait(self._playout.delay(position, time.monotonic()))
            return Frame(frame.image, self._clock())
        return frame

    def interrupt(self) -> None:
        """End a wait for the time of a frame."""
        self._closed.set()

    def close(self) -> None:
        """Let go of the camera or file."""
        self.interrupt()
        self._capture.release()

    def _next(self) -> Frame | None:
        bad_in_a_row = 0
        while True:
            try:
                ok, raw = self._capture.read()
            except cv2.error as error:
                raise CameraError(self.source, f"OpenCV failed to read it: {error}") from error
            if not ok and not self.live:
                self._check_end()
                return None
            if not ok or bad_in_a_row == MAX_BAD_FRAMES:
                raise CameraError(self.source, "it gives no picture; check its cable or network")
            self._got += 1
            taken = self._clock() if self.live else self._start_time + self._advance()
            try:
                return Frame(as_bgr(raw), taken)
            except ImageError as error:
                bad_in_a_row += 1
                self._skip(error)

    def _check_end(self) -> None:
        """Say so, once, if a recording ends early."""
        if self.total and 0 < self._got < LEAST_SHARE_OF_FRAMES * self.total and not self._ended:
            self.cut = f"it breaks off after {self._got:,} of {self.total:,} frames"
            log.warning("%s: %s; is the file whole?", self.source, self.cut)
        self._ended = True

    def _advance(self) -> float:
        """The position of the frame just read, in seconds from the first."""
        self._position = next_position(
            self._position, self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, self.fps
        )
        return self._position


class Playout:
    """When to show frames that arrive in bursts, as a player does.

    Whoever tracks faces would else see nothing for seconds and then everything at once. Late frames
    are shown at once, and those after them later by as much.
    """

    def __init__(self) -> None:
        self._start = -float("inf")  # when position 0 was due

    def delay(self, position: float, now: float) -> float:
        """How long to wait before a frame is shown.

        Args:
            position: of the frame in its stream, in seconds.
            now: by a clock that nobody sets, in seconds.

        Returns:
            Seconds, at most `MAX_DELAY_SECONDS`.

        Example:
            >>> playout = Playout()
            >>> [playout.delay(position, now=100.0) for position in (7.0, 7.5, 8.0)]
            [0.0, 0.5, 1.0]
        """
        delay = self._start + position - now
        if 0 <= delay <= MAX_DELAY_SECONDS:
            return delay
        self._start = now - position
        return 0.0


def next_position(last: float, told: float, fps: float | None) -> float:
    """Where in a recording a frame is, in seconds: what the file says if it makes sense.

    Args:
        last: the position of the frame before; negative for the first frame.
        told: what the file says.
        fps: frames a second, if the file says.

    Example:
        >>> next_position(-1, 0.0, 25.0), next_position(1.0, 1.2, 25.0)
        (0.0, 1.2)
        >>> next_position(1.0, 0.0, 25.0), next_position(1.0, float("nan"), None)
        (1.04, 1.04)
    """
    if last < 0:
        return 0.0
    if last < told < last + MAX_GAP_SECONDS:
        return told
    return last + 1 / (fps or UNKNOWN_FPS)


def _open_capture(source: str) -> Any:
    quiet_opencv()
    if source.isdigit():
        return cv2.VideoCapture(int(source))
    if is_device(source):
        return cv2.VideoCapture(source, cv2.CAP_V4L2)
    if "://" in source and hasattr(cv2, "CAP_PROP_READ_TIMEOUT_MSEC"):  # old ones: 30 s
        timeouts = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(OPEN_TIMEOUT_SECONDS * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(READ_TIMEOUT_SECONDS * 1000)),
        ]
        return cv2.VideoCapture(source, cv2.CAP_ANY, timeouts)
    return cv2.VideoCapture(source)


def _why_not(source: str) -> str:
    if is_device(source):
        return "no such camera, or another program has it; `ls /dev/video*` shows what there is"
    if "://" in source:
        return "nothing answers there; check the address, the password and the network"
    try:
        with Path(source).open("rb"):
            return "it is no video that OpenCV can read, or it is cut short; try another file"
    except OSError as error:
        return f"{error.strerror or error}; check the file's permissions"
