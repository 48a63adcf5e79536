"""Cameras: where frames come from.

`open_camera` turns a source as a person names it (`awscam`, `0`, `rtsp://...`, `kvs://stream`,
`clip.mp4`, a folder of images, `demo`) into a `Camera`. A live camera stamps its frames with the
clock; a file or a folder stamps them with a start time and the position in the recording, so that
what comes out does not depend on how fast it was read.
"""

from __future__ import annotations

import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from facepipe_io.edge.cameras.base import (
    LOOP,
    Camera,
    Frame,
    has_stills,
    is_live,
    without_secrets,
)
from facepipe_io.edge.cameras.deeplens import AwscamCamera
from facepipe_io.edge.cameras.images import (
    IMAGE_SUFFIXES,
    ImageFolder,
    LoopedFolder,
    images_in,
)
from facepipe_io.edge.cameras.video import VideoCamera
from facepipe_io.edge.opencv import is_utf8
from facepipe_io.errors import CameraError, SettingsError
from facepipe_io.text import printable

if TYPE_CHECKING:
    import boto3

__all__ = [
    "AwscamCamera",
    "Camera",
    "Frame",
    "ImageFolder",
    "LoopedFolder",
    "VideoCamera",
    "has_stills",
    "is_live",
    "open_camera",
    "without_secrets",
]


def open_camera(
    source: str,
    *,
    clock: Callable[[], float] = time.time,
    start_time: float | None = None,
    connect: Callable[[], boto3.Session] | None = None,
) -> Camera:
    """Open a source by its name.

    Args:
        source: `awscam`, `demo`, a camera's index or device (`0`, `/dev/video0`), a URL, a video
            file, an image or a folder of images; `loop:` and a folder for its images over and over,
            as a camera; `kvs://` and a Kinesis Video stream's name. (A file called `0` or `demo` is
            `./0`, `./demo`.)
        clock: gives the time of each frame of a live camera, in seconds since the epoch.
        start_time: the time of the first frame of a source that is not live; the clock's by
            default.
        connect: makes the session of boto3's that a Kinesis Video stream is opened with; boto3's
            usual credentials and region by default.

    Raises:
        CameraError: when it cannot be opened or has no frames.
        SettingsError: when this machine has no such kind of camera, or there can be none of that
            name.
    """
    if not source.strip():
        raise CameraError("''", "the source is empty; name a camera, a URL, a file or a folder")
    if not is_utf8(source):
        raise CameraError(printable(source), "its name is no UTF-8; rename it")
    if source == "awscam":
        return AwscamCamera(clock=clock)
    start_time = clock() if start_time is None else start_time
    if source == "demo":
        from facepipe_io.edge.cameras.demo import DemoCamera  # it needs matplotlib and scikit-image

        return DemoCamera(start_time)
    if source.startswith(LOOP):
        return _open_loop(source, clock)
    if source.startswith("kvs://"):
        try:
            from facepipe_io.edge.cameras.kinesis import open_stream
        except ImportError as error:
            raise SettingsError(
                [f"a kvs:// source needs boto3 ({error}): install facepipe[aws]"]
            ) from error
        return open_stream(source, clock=clock, connect=connect)
    if is_live(source):
        return VideoCamera(source, clock=clock, start_time=start_time)
    path, mode = Path(source), _mode(source)
    if stat.S_ISDIR(mode):
        return ImageFolder(source, images_in(path), start_time=start_time)
    if not stat.S_ISREG(mode):  # to read a pipe might take for ever
        raise CameraError(source, "it is neither a file nor a folder; name one")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageFolder(source, [path], start_time=start_time)
    return VideoCamera(source, clock=clock, start_time=start_time)


def _open_loop(source: str, clock: Callable[[], float]) -> LoopedFolder:
    folder = source[len(LOOP) :]
    if not folder or not stat.S_ISDIR(_mode(folder)):
        raise CameraError(source, "loop: must be followed by a folder of images; name one")
    return LoopedFolder(source, Path(folder), clock=clock)


def _mode(source: str) -> int:
    """What kind of file it is, as `stat` tells."""
    try:
        return Path(source).stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CameraError(source, "there is no such file or folder; check the path") from error
    except (OSError, ValueError) as error:  # a name that is too long, or has a null character
        reason = getattr(error, "strerror", None) or error
        raise CameraError(source, f"{reason}; check the path") from error
