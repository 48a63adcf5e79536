"""What cameras, detectors and scorers alike need of OpenCV."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable

import cv2

from facepipe_io.errors import ModelError


def quiet_opencv() -> None:
    """Keep OpenCV and FFmpeg from writing to stderr what the caller is told by an exception."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if hasattr(cv2, "utils") and hasattr(cv2.utils, "logging"):  # not in every build
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def is_utf8(path: str) -> bool:
    """Whether OpenCV can be given a path; one that is no UTF-8 crashes it.

    Example:
        >>> is_utf8("hall.mp4"), is_utf8("hall" + chr(0xDCFC))
        (True, False)
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def cascade_path(name: str) -> str:
    """The path of a cascade that came with OpenCV; only pip's packages say where that is.

    Raises:
        ModelError: if this OpenCV came without it.
    """
    folders = [Path(folder) for folder in _cascade_folders()]
    for folder in folders:
        if (folder / name).is_file():
            return str(folder / name)
    raise ModelError(name, "this OpenCV came without it; set FACEPIPE_MODEL to its path")


def _cascade_folders() -> Iterable[str]:
    if hasattr(cv2, "data"):
        yield cv2.data.haarcascades
    yield "/usr/share/opencv4/haarcascades"
    yield "/usr/share/opencv/haarcascades"
