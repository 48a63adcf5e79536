"""What cameras, detectors and scorers alike need of OpenCV."""

from __future__ import annotations

import os
import re
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


# What moves a cursor, begins a line, or turns the direction of the text behind it.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """A path as any log and terminal can take it."""
    return _CONTROLS.sub(
        lambda found: ascii(found[0])[1:-1], text.encode("utf-8", "backslashreplace").decode()
    )


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
