"""Folders of images."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Callable, Iterator, Sequence

import numpy as np

from facepipe.errors import ImageError
from facepipe.images import decode_image
from facepipe_io.edge.cameras.base import Camera, Frame
from facepipe_io.errors import CameraError
from facepipe_io.text import printable

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
# The pictures of a folder have nothing to do with each other: between them lies more time than a
# tracker keeps a face, so that everyone in each of them is new.
SECONDS_PER_IMAGE = 2.0


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


class LoopedFolder(Camera):
    """The images of a folder over and over, as if a camera saw one after the other.

    Each round looks into the folder anew. An image that cannot be read is skipped, and counted in
    each round.

    Args:
        source: what to call it in messages.
        folder: where the images are.
        clock: gives the time of each frame.
        period: seconds from one frame to the next.

    Raises:
        CameraError: when there are no images.
    """

    live = True
    stills = True

    def __init__(
        self,
        source: str,
        folder: Path,
        *,
        clock: Callable[[], float],
        period: float = SECONDS_PER_IMAGE,
    ) -> None:
        self.source = source
        self.fps = 1 / period
        self._folder = folder
        self._clock = clock
        self._period = period
        self._due = -float("inf")  # by a clock that nobody sets
        self._closed = threading.Event()
        self._images = self._decoded(images_in(folder))

    def read(self) -> Frame | None:
        """The next image that can be read, once it is due; None when the camera is closed.

        Raises:
            CameraError: when there are no images any more, or none of them can be read.
        """
        if self._closed.wait(max(0.0, self._due - time.monotonic())):
            return None
        image = next(self._images, None)
        if image is None:
            self._images = self._decoded(images_in(self._folder))
            image = next(self._images, None)
        if image is None:
            raise CameraError(self.source, "none of its images can be read; try other files")
        self._due = time.monotonic() + self._period
        return Frame(image, self._clock())

    def interrupt(self) -> None:
        """End a wait for the next image, and give no more."""
        self._closed.set()

    def close(self) -> None:
        """Give no more images."""
        self.interrupt()

    def _decoded(self, paths: Sequence[Path]) -> Iterator[np.ndarray]:
        for path in paths:
            try:
                image = decode_image(path.read_bytes())
            except (OSError, ImageError) as error:
                self._skip(error, printable(path.name))
            else:
                yield image


def images_in(folder: Path) -> Sequence[Path]:
    """The images in a folder, by name.

    Raises:
        CameraError: when there are none, or it cannot be looked into.
    """
    try:
        paths = sorted(
            path
            for path in folder.iterdir()
            # A link that leads nowhere is told of when it is read; a pipe must never be.
            if path.suffix.lower() in IMAGE_SUFFIXES and (path.is_file() or not path.exists())
        )
    except OSError as error:
        raise CameraError(
            str(folder), f"{error.strerror or error}; check the path and its permissions"
        ) from error
    if not paths:
        kinds = ", ".join(suffix[1:] for suffix in IMAGE_SUFFIXES)
        raise CameraError(str(folder), f"it holds no images ({kinds}); try another folder")
    return paths
