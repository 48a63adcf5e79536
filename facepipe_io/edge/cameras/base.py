"""What a camera is, and what the name of a source tells."""

from __future__ import annotations

import logging
import re

import attrs
import numpy as np

log = logging.getLogger(__name__)

LOOP = "loop:"  # and a folder: its images over and over


@attrs.frozen(eq=False)
class Frame:
    """One picture and when it was taken.

    Attributes:
        image: `(H, W, 3)` uint8, BGR.
        time: seconds since the epoch.
    """

    image: np.ndarray
    time: float


class Camera:
    """Something that gives frames, one after the other. A context manager that closes itself.

    Attributes:
        source: what it was opened as, for messages.
        live: whether frames come by the clock and are lost when nobody takes them; a camera or a
            stream is live, a file is not.
        stills: whether each frame is a scene of its own, so that nobody is seen twice.
        fps: frames a second, where known.
        total: how many frames there will be, where known. A guess: a damaged file has fewer.
        skipped: frames that could not be used (unreadable, or of zero size).
        cut: where a recording broke off; empty where it did not.
        missed: frames of a live camera that newer ones replaced before they were read.
    """

    source: str = ""
    live: bool = False
    stills: bool = False
    fps: float | None = None
    total: int | None = None
    skipped: int = 0
    cut: str = ""
    missed: int = 0

    def read(self) -> Frame | None:
        """The next frame, or None when there are no more.

        Raises:
            CameraError: when the camera gives nothing although it should.
        """
        raise NotImplementedError

    def interrupt(self) -> None:
        """End a wait for the next frame, if there is one. From any thread."""

    def close(self) -> None:
        """Let go of the device or file. Closing twice is fine."""

    def _skip(self, error: Exception, what: str = "a frame") -> None:
        """Count a frame that cannot be used, and say so the first time."""
        if not self.skipped:
            log.warning(
                "%s: skipping %s, and what else cannot be used: %s", self.source, what, error
            )
        self.skipped += 1

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def is_live(source: str) -> bool:
    """Whether a source is a camera or a stream, which may come back after it has failed.

    Going by its name alone: what is behind a URL may turn out to be a recording, and then the open
    camera's own `live` tells.

    Example:
        >>> [is_live(source) for source in ("awscam", "0", "rtsp://door/1", "clip.mp4", "demo")]
        [True, True, True, False, False]
    """
    return source == "awscam" or is_device(source) or "://" in source or has_stills(source)


def has_stills(source: str) -> bool:
    """Whether each frame of a live source is a scene of its own, so that nobody is seen twice.

    Going by its name alone; whether something else is a folder of images, the open camera's own
    `stills` tells.

    Example:
        >>> has_stills("loop:images"), has_stills("rtsp://door/1")
        (True, False)
    """
    return source.startswith(LOOP)


def is_device(source: str) -> bool:
    """Whether a source is a camera of this machine: an index or a device."""
    return source.isdigit() or source.startswith(("/dev/video", "/dev/v4l/"))


def without_secrets(source: str) -> str:
    """A source as it may stand in a log or a report: a URL loses its user, password and query.

    Rather too much is taken away than too little: all up to the last `@`, and all from the first
    sign of a parameter on.

    Example:
        >>> without_secrets("rtsp://me:p@ss/w?rd@door:554/1"), without_secrets("http://door/1?pw=x")
        ('rtsp://door:554/1', 'http://door/1')
        >>> without_secrets("clips/hall.mp4")
        'clips/hall.mp4'
    """
    url = re.match(r"\s*([\w.+-]+:/{1,2})(.*)", source, re.DOTALL)
    if url is None or source.startswith(LOOP):
        return source
    scheme, rest = url.groups()
    return scheme + re.split("[?#;&=]", rest.rpartition("@")[2])[0]
