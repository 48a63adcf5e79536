"""The preview: what the device sees and finds, for somebody who stands beside it.

It is a stream of JPEGs through a named pipe, as the projects of AWS DeepLens had it. Either of
these shows it:

    ffplay -f mjpeg -probesize 32 /tmp/results.mjpeg
    mplayer -demuxer lavf -lavfdopts format=mjpeg:probesize=32 /tmp/results.mjpeg
"""

from __future__ import annotations

import atexit
import errno
import os
import select
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Sequence

import attrs

from facepipe.boxes import scale_boxes
from facepipe.images import blurred, draw_faces, encode_jpeg, fit_within
from facepipe.keys import FACE_LABEL
from facepipe_io.edge.blur import FaceBlur
from facepipe_io.edge.handover import Handover
from facepipe_io.edge.resilience import Pace
from facepipe_io.errors import SettingsError
from facepipe_io.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facepipe.records import ScoredCrop
    from facepipe_io.edge.cameras import Frame
    from facepipe_io.edge.picker import Look
    from facepipe_io.edge.settings import DeviceSettings
    from facepipe_io.edge.stats import Stats

MAX_SIDE = 1280  # pixels; larger frames are scaled down, for a small device to keep up
MAX_FPS = 15.0
JPEG_QUALITY = 80
#: How often a frame that its reader does not take looks whether the preview was closed.
STALL_SECONDS = 0.2
CLOSE_SECONDS = 5.0


class Preview:
    """Shows frames; this one shows them to nobody.

    Attributes:
        url: where a person is to look; empty where that is no page.
    """

    url: str = ""

    @property
    def viewers(self) -> int:
        """How many look at the page now."""
        return 0

    def show(self, frame: Frame, look: Look) -> None:
        """Show a frame and what was found in it. Never waits for who watches.

        Raises:
            Exception: what went wrong with the frame before, until one is shown again. This one is
                tried all the same.
        """

    def follow(self, stats: Callable[[], Stats]) -> None:
        """Be told where the agent's figures are, for a preview that shows some."""

    def scored(self, crop: ScoredCrop) -> None:
        """Be told of the emotions in a crop, where they are known on this machine."""

    def end(self) -> None:
        """Be told that there will be no more frames."""

    def close(self) -> None:
        """Show nothing more. Closing twice is fine."""


class PipePreview(Preview):
    """Writes frames into a named pipe.

    While nobody reads, frames are not even drawn. A reader gets whole frames, each as new as can
    be, and may come, stall and leave as it likes. The pipe is made for its owner alone, for it
    shows people, and stays when the preview is closed, so that a reader can wait for the next one.

    Args:
        path: the pipe's; made if it is not there, and again if it is deleted.
        blur: whether to blur faces.
        max_fps: frames a second at most.

    Raises:
        SettingsError: when there can be no pipe, or there is something else.
    """

    def __init__(self, path: str, *, blur: bool = False, max_fps: float = MAX_FPS) -> None:
        self._path = path
        self._blur = FaceBlur() if blur else None
        self._pace = Pace(max_fps)
        self._frames: Handover[tuple[Frame, Look, NDArray[np.float64] | None]]
        self._frames = Handover(1, lossy=True)
        self._error: Exception | None = None
        self._pipe: int | None = None
        self._connect()  # what is wrong with the path is told at once
        self._thread = threading.Thread(target=self._run, name="preview", daemon=True)
        self._thread.start()
        # A daemon thread that is inside OpenCV when the interpreter ends aborts the process.
        atexit.register(self.close)

    def show(self, frame: Frame, look: Look) -> None:
        """Show a frame, if the last one was not too short a time ago."""
        # Of every frame, for a face that is missed in the next one is blurred where it was in this.
        blur = self._blur.boxes(frame, look) if self._blur else None
        if self._pace.is_due(time.monotonic()):
            self._frames.put((frame, look, blur))
        error = self._error
        if error is not None:
            raise error

    def close(self) -> None:
        """Let the reader have the frame it is taking, and leave."""
        atexit.unregister(self.close)
        self._frames.close()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while True:
            shown = self._frames.take()
            if shown is None:
                break
            wrong: Exception | None = None
            try:
                if self._connect():
                    frame, look, blur = shown
                    self._write(preview_jpeg(frame, look, blur=blur))
            except BrokenPipeError:  # the reader left; the next one begins with a whole frame
                self._disconnect()
            except (OSError, SettingsError) as error:
                self._disconnect()
                wrong = error
            except Exception as error:  # noqa: BLE001 - one bad frame; `show` raises what it was
                wrong = error
            self._error = wrong
        self._disconnect()

    def _connect(self) -> bool:
        """See to it that the pipe is there, and open if somebody reads; whether it is open."""
        try:
            with suppress(FileExistsError):
                os.mkfifo(self._path, 0o600)
            status = os.lstat(self._path)
        except (OSError, ValueError) as error:  # a path may have a null character
            reason = getattr(error, "strerror", None) or error
            raise self._refusal(
                f"where no pipe can be made: {reason}; name one in a folder that can be written to"
            ) from error
        self._check(status)  # before it is opened, for that might set off a device
        if self._pipe is None:
            try:
                pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nobody reads
                    return False
                raise self._refusal(f"which cannot be opened: {error.strerror}") from error
            self._pipe = pipe
            self._check(os.fstat(pipe))
        return True

    def _check(self, status: os.stat_result) -> None:
        """Refuse what somebody else may have put there, in a folder that all can write to."""
        if not stat.S_ISFIFO(status.st_mode):
            raise self._refusal("which is there but is no pipe; remove it, or name another")
        if status.st_uid not in (os.geteuid(), 0):
            raise self._refusal("a pipe of another user; remove it, or name another")

    def _refusal(self, reason: str) -> SettingsError:
        return SettingsError([f"FACEPIPE_PREVIEW names {printable(self._path)}, {reason}"])

    def _write(self, jpeg: bytes) -> None:
        """Write all of a frame; it is larger than what a pipe holds."""
        assert self._pipe is not None  # noqa: S101 - for the type checker
        poll = select.poll()
        poll.register(self._pipe, select.POLLOUT)
        rest = memoryview(jpeg)
        while rest:
            if poll.poll(STALL_SECONDS * 1000):
                rest = rest[os.write(self._pipe, rest) :]
            elif self._frames.closed:
                return

    def _disconnect(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def open_preview(settings: DeviceSettings, *, emotions: bool = False) -> Preview:
    """Open the preview that the settings name.

    Args:
        settings: the device's.
        emotions: whether it will be told of those, since crops are scored on this machine.

    Raises:
        SettingsError: when there can be no pipe of that name, or no page at that address.
    """
    blur = settings.blur == "faces"
    if settings.preview == "off":
        return Preview()
    if "://" not in settings.preview:
        return PipePreview(settings.preview, blur=blur)
    from facepipe_io.edge.live.preview import LivePreview  # it needs Tornado and plotly

    return LivePreview(
        settings.preview,
        camera=settings.camera,
        blur=blur,
        emotions=emotions,
        viewers=settings.preview_viewers,
        token_file=Path(settings.preview_token_file),
    )


def preview_jpeg(
    frame: Frame,
    look: Look,
    *,
    texts: Sequence[str] | None = None,
    blur: NDArray[np.float64] | None = None,
) -> bytes:
    """A frame with boxes around faces, or what else there is, and the number of each, as JPEG.

    Args:
        frame: the frame.
        look: what was found in it.
        texts: what to write at each box, ASCII, instead of its number.
        blur: `(N, 4)`, what to blur, in pixels of the frame; it need not have been found in it.
    """
    image = fit_within(frame.image, (MAX_SIDE, MAX_SIDE))
    frame_wh = (frame.image.shape[1], frame.image.shape[0])
    image_wh = (image.shape[1], image.shape[0])
    if blur is not None:
        image = blurred(image, scale_boxes(blur, frame_wh, image_wh))
    boxes = scale_boxes(look.detections.boxes, frame_wh, image_wh)
    faces = attrs.evolve(look.detections, boxes=boxes)
    return encode_jpeg(draw_faces(image, faces, texts or box_texts(look)), JPEG_QUALITY)


def box_texts(look: Look) -> list[str]:
    """What to write at the box of each face, or of what else there is: whose it is."""
    return [
        str(track) if label == FACE_LABEL else f"{label} {track}"
        for track, label in zip(look.tracks.tolist(), look.names)
    ]
