"""The agent for 100,000 frames while everything fails now and then: its memory must stay flat.

    python -m tests.soak [--frames 100000] [--model face_detection_yunet_2023mar.onnx]

People walk through the demo, over and over. In turns the camera breaks down, the detector fails,
the uplink refuses, hangs or loses answers, the spool's disk is full, the bus is gone, and who
watches the preview stops reading or leaves; at the end all is well. Ends with 1 when the process
is more than 5 % larger at the end than after the first tenth, or when a crop was lost that the
spool's bound did not drop.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import itertools
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.progress import Progress

from facepipe_io.edge.agent import Agent
from facepipe_io.edge.bus import Bus
from facepipe_io.edge.cameras import Camera, Frame
from facepipe_io.edge.cameras.demo import DemoCamera
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.detectors.base import Detector
from facepipe_io.edge.picker import CropPicker
from facepipe_io.edge.preview import PipePreview
from facepipe_io.edge.uplink import FolderUplink
from facepipe_io.edge.uplink.spool import Spool
from facepipe_io.errors import CameraError, UplinkError

WH = (320, 180)
FPS = 15.0
PERIOD = 700  # frames for which a fault goes on, and then stays away
ALLOWED_GROWTH = 1.05


class Faults:
    """Which faults there are now, by the frame's number; each has a beat of its own.

    Args:
        last: the frame from which on there are none.
    """

    def __init__(self, last: int) -> None:
        self.frame = 0
        self._last = last

    def __contains__(self, fault: str) -> bool:
        beat = 2 + sum(fault.encode()) % 5
        return self.frame < self._last and self.frame // PERIOD % beat == 1


class Walk(Camera):
    """The demo over and over, as a live camera that waits until each frame was looked at."""

    source = "soak"
    live = True

    def __init__(self, images: list[np.ndarray], numbers: Any, faults: Faults, count: int) -> None:
        self._images, self._numbers, self._faults, self._count = images, numbers, faults, count
        self.looked_at = threading.Semaphore(1)

    def read(self) -> Frame | None:
        self.looked_at.acquire(timeout=0.05)  # a frame that fails is not shown
        number = next(self._numbers)
        self._faults.frame = number
        if number >= self._count:
            return None
        if number % 1999 == 7:
            raise CameraError(self.source, "it was unplugged")
        return Frame(self._images[number % len(self._images)], 1.7e9 + number / FPS)


class FaultyDetector(Detector):
    def __init__(self, detector: Detector, faults: Faults) -> None:
        self._detector, self._faults = detector, faults

    def detect(self, image: np.ndarray) -> Any:
        if "detector" in self._faults and self._faults.frame % 10 == 0:
            raise cv2.error("a bad frame")
        return self._detector.detect(image)


class FaultyUplink(FolderUplink):
    def __init__(self, folder: Path, faults: Faults) -> None:
        super().__init__(folder)
        self._faults = faults
        self.stored: set[str] = set()
        self.unanswered: set[str] = set()

    def put(self, key: str, jpeg: bytes) -> None:
        if "uplink refuses" in self._faults:
            raise UplinkError("soak", "it refuses")
        if "uplink hangs" in self._faults:
            time.sleep(0.2)
        super().put(key, jpeg)
        self.stored.add(key)
        (self._folder / key).unlink()  # only the agent's memory and disk are of interest
        if "answers get lost" in self._faults:
            self.unanswered.add(key)
            raise UplinkError("soak", "no answer")
        self.unanswered.discard(key)


class FaultySpool(Spool):
    faults: Faults

    def write(self, key: str, jpeg: bytes) -> None:
        if "disk" in self.faults:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(key, jpeg)


class FaultyBus(Bus):
    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        if "bus" in self._faults:
            raise ConnectionError("no broker")


def watch_preview(path: Path, faults: Faults, ended: threading.Event) -> None:
    """Read the pipe as a player does, one that is often stopped, closed and opened again."""
    while not ended.is_set():
        with contextlib.suppress(OSError), path.open("rb", buffering=0) as pipe:
            os.set_blocking(pipe.fileno(), False)
            for _ in range(200):
                if "viewer stalls" not in faults:
                    pipe.read(1 << 16)
                ended.wait(0.01)
        ended.wait(0.1)


def resident_bytes() -> int:
    """What the process occupies of the machine's memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Run, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--model", help="YuNet's; OpenCV's own cascade without")
    options = parser.parse_args()
    demo = DemoCamera(0.0)
    images = [cv2.resize(demo.paint(number), WH) for number in range(demo.total or 0)]
    faults = Faults(options.frames - PERIOD)
    numbers = itertools.count()
    sizes: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        FaultySpool.faults = faults
        camera = Walk(images, numbers, faults, options.frames)
        opened = [camera]

        def open_camera() -> Camera:
            opened[0] = Walk(images, numbers, faults, options.frames)
            return opened[0]

        preview = PipePreview(str(Path(folder, "results.mjpeg")))
        ended = threading.Event()
        viewer = threading.Thread(
            target=watch_preview, args=(Path(folder, "results.mjpeg"), faults, ended)
        )
        viewer.start()
        uplink = FaultyUplink(Path(folder, "crops"), faults)
        with Progress() as progress:
            task = progress.add_task("soak", total=options.frames)

            def on_frame(frame: Frame, look: Any) -> None:
                preview.show(frame, look)
                opened[0].looked_at.release()
                if faults.frame % 100 == 0:
                    sizes.append(resident_bytes())
                    progress.update(task, completed=faults.frame)

            detector = open_detector("yunet" if options.model else "haar", options.model)
            agent = Agent(
                "soak",
                camera,
                CropPicker("soak", "0000", FaultyDetector(detector, faults)),
                uplink,
                open_camera=open_camera,
                spool=FaultySpool(Path(folder, "spool")),
                spool_bytes=300_000,
                bus=FaultyBus(faults),
                max_fps=1e6,
                on_frame=on_frame,
                backoff_seconds=0.02,
            )
            stats = agent.run()
        ended.set()
        preview.close()
        viewer.join()
        waiting = len(list(Path(folder, "spool").rglob("*.jpg")))
    tenth = len(sizes) // 10
    start, end = np.median(sizes[tenth : tenth + 10]), np.median(sizes[-10:])
    # One whose answer was lost is stored and yet waits, or was dropped.
    stored = len(uplink.stored - uplink.unanswered)
    gone = stats.crops - stored - stats.dropped - waiting
    print(stats)
    print(f"memory: {start / 1e6:.1f} MB after a tenth, {end / 1e6:.1f} MB at the end, "
          f"{end / start:.3f}; at most {max(sizes) / 1e6:.1f} MB")  # fmt: skip
    print(f"crops: {stats.crops} = {stored} stored + {stats.dropped} dropped + {waiting} waiting "
          f"+ {gone} lost")  # fmt: skip
    sys.exit(end > ALLOWED_GROWTH * start or gone != 0)


if __name__ == "__main__":
    main()
