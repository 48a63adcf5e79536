"""Cameras: where frames come from.

`open_camera` turns a source as a person names it (`awscam`, `0`, `rtsp://...`, `clip.mp4`, a folder
of images, `demo`) into a `Camera`. A live camera stamps its frames with the clock; a file or a
folder stamps them with a start time and the position in the recording, so that what comes out does
not depend on how fast it was read.
"""

from __future__ import annotations

import logging
import re
import stat
import time
from pathlib import Path
from typing import Any, Callable, Sequence

import attrs
import cv2
import numpy as np

from facepipe.errors import ImageError
from facepipe.images import as_bgr, decode_image
from facepipe_io.edge.opencv import is_utf8, printable, quiet_opencv
from facepipe_io.errors import CameraError, SettingsError

log = logging.getLogger(__name__)

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
# The pictures of a folder have nothing to do with each other: between them lies more time than a
# tracker keeps a face, so that everyone in each of them is new.
SECONDS_PER_IMAGE = 2.0
UNKNOWN_FPS = 25.0
MAX_GAP_SECONDS = 3600.0  # a longer gap in a recording is a damaged time stamp
MAX_BAD_FRAMES = 100  # in a row, from a live camera
# Lengths are reckoned from a duration and a rate, so that a whole video may miss a few frames.
LEAST_SHARE_OF_FRAMES = 0.9
GIF = int.from_bytes(b"gif ", "little")  # as CAP_PROP_FOURCC has it
AWSCAM_POLL_SECONDS = 1 / 30  # getLastFrame() returns at once, also when there is nothing new


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
    """

    source: str = ""
    live: bool = False
    stills: bool = False
    fps: float | None = None
    total: int | None = None
    skipped: int = 0

    def read(self) -> Frame | None:
        """The next frame, or None when there are no more.

        Raises:
            CameraError: when the camera gives nothing although it should.
        """
        raise NotImplementedError

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
    return source == "awscam" or _is_device(source) or "://" in source


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
    url = re.match(r"\s*([\w.+-]+:/+)(.*)", source, re.DOTALL)
    if url is None:
        return source
    scheme, rest = url.groups()
    return scheme + re.split("[?#;&=]", rest.rpartition("@")[2])[0]


def open_camera(
    source: str,
    *,
    clock: Callable[[], float] = time.time,
    start_time: float | None = None,
) -> Camera:
    """Open a source by its name.

    Args:
        source: `awscam`, `demo`, a camera's index or device (`0`, `/dev/video0`), a URL, a video
            file, an image or a folder of images. (A file called `0` or `demo` is `./0`, `./demo`.)
        clock: gives the time of each frame of a live camera, in seconds since the epoch.
        start_time: the time of the first frame of a source that is not live; the clock's by
            default.

    Raises:
        CameraError: when it cannot be opened or has no frames.
        SettingsError: when this machine has no such kind of camera.
    """
    if not source.strip():
        raise CameraError("''", "the source is empty; name a camera, a URL, a file or a folder")
    if not is_utf8(source):
        raise CameraError(printable(source), "its name is no UTF-8; rename it")
    if source == "awscam":
        return AwscamCamera(clock=clock)
    start_time = clock() if start_time is None else start_time
    if source == "demo":
        from facepipe_io.edge.demo import DemoCamera  # it needs matplotlib and scikit-image

        return DemoCamera(start_time)
    if is_live(source):
        return VideoCamera(source, clock=clock, start_time=start_time)
    path, mode = Path(source), _mode(source)
    if stat.S_ISDIR(mode):
        return ImageFolder(source, _images_in(path), start_time=start_time)
    if not stat.S_ISREG(mode):  # to read a pipe might take for ever
        raise CameraError(source, "it is neither a file nor a folder; name one")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageFolder(source, [path], start_time=start_time)
    return VideoCamera(source, clock=clock, start_time=start_time)


class VideoCamera(Camera):
    """A camera, stream or video file, read with `cv2.VideoCapture`.

    A stream of a known length counts as a file, and so does a GIF, whose length a web server may
    not let OpenCV find out. A video that breaks off ends with what it has, and the log says so.

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
        if self._first is not None:
            frame, self._first = self._first, None
            return frame
        return self._next()

    def close(self) -> None:
        """Let go of the camera or file."""
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
            log.warning(
                "%s: it breaks off after %d of %d frames; is the file whole?",
                self.source,
                self._got,
                self.total,
            )
        self._ended = True

    def _advance(self) -> float:
        """The position of the frame just read, in seconds from the first."""
        self._position = next_position(
            self._position, self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, self.fps
        )
        return self._position


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


class ImageFolder(Camera):
    """Images in a folder, by name, each a scene of its own, `SECONDS_PER_IMAGE` apart.

    Args:
        source: what to call it in messages.
        paths: the images, in order.
        start_time: the time of the first.
    """

    stills = True
    fps = 1 / SECONDS_PER_IMAGE

    def __init__(self, source: str, paths: Sequence[Path], *, start_time: float) -> None:
        self.source = source
        self.total = len(paths)
        self._paths = paths
        self._start_time = start_time
        self._index = 0

    def read(self) -> Frame | None:
        """The next image that can be read, or None after the last.

        Raises:
            CameraError: when none of the images could be read.
        """
        while self._index < len(self._paths):
            index, self._index = self._index, self._index + 1
            try:
                image = decode_image(self._paths[index].read_bytes())
            except (OSError, ImageError) as error:
                self._skip(error, printable(self._paths[index].name))
                continue
            return Frame(image, self._start_time + index * SECONDS_PER_IMAGE)
        if self.skipped == len(self._paths):
            raise CameraError(self.source, "none of its images can be read; try other files")
        return None


class AwscamCamera(Camera):
    """The camera of an AWS DeepLens.

    Args:
        clock: gives the time of each frame.
        wait: called with the seconds to leave between two looks at the camera.

    Raises:
        SettingsError: when this machine is no DeepLens.
    """

    source = "awscam"
    live = True

    def __init__(
        self, *, clock: Callable[[], float], wait: Callable[[float], object] = time.sleep
    ) -> None:
        try:
            import awscam
        except ImportError as error:
            raise SettingsError(
                [f"the source awscam works on an AWS DeepLens only; name another ({error})"]
            ) from error
        self._last_frame: Callable[[], Any] = awscam.getLastFrame
        self._clock = clock
        self._wait = wait

    def read(self) -> Frame:
        """The newest frame.

        Raises:
            CameraError: when the camera gives none.
        """
        self._wait(AWSCAM_POLL_SECONDS)
        ok, raw = self._last_frame()
        if not ok:
            raise CameraError(self.source, "it gives no picture; restart the device if this stays")
        try:
            return Frame(as_bgr(raw), self._clock())
        except ImageError as error:
            self._skip(error)
            raise CameraError(self.source, f"it gives no usable picture: {error}") from error


def _is_device(source: str) -> bool:
    return source.isdigit() or source.startswith(("/dev/video", "/dev/v4l/"))


def _mode(source: str) -> int:
    """What kind of file it is, as `stat` tells."""
    try:
        return Path(source).stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CameraError(source, "there is no such file or folder; check the path") from error
    except (OSError, ValueError) as error:  # a name that is too long, or has a null character
        reason = getattr(error, "strerror", None) or error
        raise CameraError(source, f"{reason}; check the path") from error


def _open_capture(source: str) -> Any:
    quiet_opencv()
    if source.isdigit():
        return cv2.VideoCapture(int(source))
    if _is_device(source):
        return cv2.VideoCapture(source, cv2.CAP_V4L2)
    return cv2.VideoCapture(source)


def _why_not(source: str) -> str:
    if _is_device(source):
        return "no such camera, or another program has it; `ls /dev/video*` shows what there is"
    if "://" in source:
        return "nothing answers there; check the address, the password and the network"
    try:
        with Path(source).open("rb"):
            return "it is no video that OpenCV can read, or it is cut short; try another file"
    except OSError as error:
        return f"{error.strerror or error}; check the file's permissions"


def _images_in(folder: Path) -> Sequence[Path]:
    try:
        paths = sorted(
            path
            for path in folder.iterdir()
            # A link that leads nowhere is told of when it is read; a pipe must never be.
            if path.suffix.lower() in IMAGE_SUFFIXES and (path.is_file() or not path.exists())
        )
    except OSError as error:
        raise CameraError(
            str(folder), f"{error.strerror or error}; check its permissions"
        ) from error
    if not paths:
        kinds = ", ".join(suffix[1:] for suffix in IMAGE_SUFFIXES)
        raise CameraError(str(folder), f"it holds no images ({kinds}); try another folder")
    return paths
