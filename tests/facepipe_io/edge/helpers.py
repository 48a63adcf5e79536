"""Small real things to build tests of the device from."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Callable, Iterable, Sequence

import cv2
import numpy as np

from facepipe.detections import Detections
from facepipe_io.edge.cameras import Camera, Frame
from facepipe_io.edge.detectors.base import Detector
from facepipe_io.edge.uplink import Uplink
from facepipe_io.errors import CameraError, UplinkError

STANDINS = Path(__file__).resolve().parents[2] / "standins"


def forget_aws(monkeypatch) -> None:
    """Let boto3 find nothing of whoever runs the tests: no keys, region, files or proxies."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def wait_for(condition: Callable[[], object], seconds: float = 90) -> None:
    """Wait until something holds; fail when it does not come to."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come to be"
        time.sleep(0.002)


def picture(value: int = 0, wh: tuple[int, int] = (160, 120)) -> np.ndarray:
    return np.full((wh[1], wh[0], 3), value, np.uint8)


def scene(*portraits: tuple[np.ndarray, int, int, int], wh: tuple[int, int] = (640, 480)):
    """Portraits on a grey wall: each with the left, top and height that it is to have."""
    image = picture(128, wh)
    for portrait, left, top, height in portraits:
        width = round(portrait.shape[1] * height / portrait.shape[0])
        small = cv2.resize(portrait, (width, height), interpolation=cv2.INTER_AREA)
        room = image[top : top + height, left : left + width]
        room[:] = small[: room.shape[0], : room.shape[1]]
    return image


def write_video(path: Path, images: Iterable[np.ndarray], fps: float = 10.0) -> Path:
    """A motion JPEG video, which every OpenCV can write."""
    writer = None
    for image in images:
        if writer is None:
            size = (image.shape[1], image.shape[0])
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, size)
            assert writer.isOpened()
        writer.write(image)
    writer.release()
    return path


class ScriptedCamera(Camera):
    """Gives frames, and raises the errors among them; when they run out it ends or waits."""

    def __init__(
        self,
        script: Sequence[object],
        *,
        live: bool = False,
        ends: bool = True,
        after_read: Callable[[int], object] | None = None,
    ) -> None:
        self.source = "script"
        self.live = live
        self.closed = threading.Event()
        self.ran_out = threading.Event()
        self.may_end = threading.Event()
        if ends:
            self.may_end.set()
        self._script = list(script)
        self._after_read = after_read
        self._reads = 0

    def read(self) -> Frame | None:
        if self._after_read is not None:
            self._after_read(self._reads)
        if self._reads == len(self._script):
            self.ran_out.set()
            self.may_end.wait(30)
            return None
        step = self._script[self._reads]
        self._reads += 1
        if isinstance(step, BaseException):
            raise step
        return step

    def close(self) -> None:
        self.closed.set()


def frames(count: int, *, fps: float = 10.0, start: float = 1000.0) -> list[Frame]:
    return [Frame(picture(1), start + index / fps) for index in range(count)]


class ScriptedDetector(Detector):
    """Finds what it is told to, the same in every frame or by a function of the count of calls."""

    name = "scripted"

    def __init__(self, found: object) -> None:
        self._found = found
        self.calls = 0

    def detect(self, image: np.ndarray) -> Detections:
        self.calls += 1
        return self._found(self.calls) if callable(self._found) else self._found


def faces(*boxes: Sequence[float], score: float = 0.9) -> Detections:
    return Detections(np.array(boxes, float).reshape(-1, 4), [score] * len(boxes), [1] * len(boxes))


ONE_FACE = faces([40, 30, 90, 90])


class ListUplink(Uplink):
    """Keeps what it is given; refuses it while `refusing` is set, and waits while `gate` is not."""

    def __init__(self) -> None:
        self.crops: list[tuple[str, bytes]] = []
        self.refusing = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.refused = threading.Event()

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.crops]

    def put(self, key: str, jpeg: bytes) -> None:
        self.entered.set()
        assert self.gate.wait(30)
        if self.refusing.is_set():
            self.refused.set()
            raise UplinkError("nowhere", "it refuses; try later")
        self.crops.append((key, jpeg))


def camera_error() -> CameraError:
    return CameraError("script", "it gives no picture; check its cable or network")
