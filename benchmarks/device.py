"""The device's agent on one core: how fast, what of that is its own work, and what it finds.

    python benchmarks/device.py [--data ../shared/data]

Everything but decoding: frames of 1920x1080 lie in memory, and go through the agent as those of a
recording do, detector, tracker, crops, JPEG, spool and a folder as uplink included. Time is the
processor's, of all threads, with the process held to one core. The detector's time includes
scaling the frame down for it.

With a folder of test data (YuNet's model, clips, photographs with known faces), these are used;
without, the demo and OpenCV's own cascade.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import cv2
import numpy as np

from facepipe.boxes import box_iou
from facepipe_io.edge import picker
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.cameras import Camera, Frame, open_camera
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.detectors.base import Detector
from facepipe_io.edge.uplink import FolderUplink
from facepipe_io.edge.uplink.spool import Spool

WH = (1920, 1080)
FPS = 15.0  # at which frames are shown; FACEPIPE_MAX_FPS by default
ROUNDS = 5
FRAMES = 300
EMPTY_FRAMES = 1500  # of an empty hall the first second is no measure: it is looked at
EMPTY = "empty hall"
SAME_FACE = 0.35  # IoU with the box that somebody drew
YUNET = "models/face_detection_yunet_2023mar.onnx"
CLIPS = ("head-pose-face-detection-female-and-male.gif", "face-demographics-walking.gif")


class MemoryCamera(Camera):
    """Frames that lie in memory, as a recording.

    Attributes:
        time: of the frame that was read last.
    """

    source = "memory"

    def __init__(self, images: list[np.ndarray], count: int, fps: float = FPS) -> None:
        self._frames = iter(
            Frame(images[index % len(images)], 1e9 + index / fps) for index in range(count)
        )
        self.time = 1e9

    def read(self) -> Frame | None:
        """The next frame."""
        frame = next(self._frames, None)
        self.time = frame.time if frame else self.time
        return frame


class Stopwatch:
    """Processor time spent in a function, in the thread that calls it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*arguments: Any, **more: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*arguments, **more)
            finally:
                self.seconds += time.thread_time() - start

        return timed


def run(detector: Detector, images: list[np.ndarray], count: int, **more: Any) -> dict[str, float]:
    """Let the agent run; milliseconds a frame in all, of its own, and what came of it."""
    finding, encoding = Stopwatch(), Stopwatch()
    found = detector.detect
    encode = picker.encode_jpeg
    with tempfile.TemporaryDirectory() as folder:
        agent = Agent(
            "bench",
            MemoryCamera(images, count),
            picker.CropPicker("bench", "0000", detector, **more),
            FolderUplink(Path(folder, "crops")),
            spool=Spool(Path(folder, "spool")),
        )
        detector.detect = finding.around(found)  # type: ignore[method-assign]
        picker.encode_jpeg = encoding.around(encode)
        start = time.process_time()
        try:
            stats = agent.run()
        finally:
            detector.detect = found  # type: ignore[method-assign]
            picker.encode_jpeg = encode
        spent = time.process_time() - start
    assert stats.uploaded == stats.crops
    assert stats.detector_errors == 0
    return {
        "ms": spent / count * 1e3,
        "own": (spent - finding.seconds - encoding.seconds) / count * 1e3,
        "people": stats.people,
        "crops": stats.crops,
        "still": stats.still / count,
        "faces": stats.faces,
    }


def median(rounds: list[dict[str, float]], name: str) -> float:
    """The median of a figure."""
    return statistics.median(each[name] for each in rounds)


def clip(
    path: str, wh: tuple[int, int] = WH, first: int = 0, count: int | None = None
) -> list[np.ndarray]:
    """A recording's frames, from the first on, in a size."""
    with contextlib.closing(open_camera(path, start_time=0.0)) as camera:
        frames = itertools.islice(iter(camera.read, None), first, count and first + count)
        return [cv2.resize(frame.image, wh, interpolation=cv2.INTER_CUBIC) for frame in frames]


def empty_hall(images: list[np.ndarray]) -> list[np.ndarray]:
    """A still scene as a sensor sees it: one picture, and noise of a standard deviation of 4."""
    random = np.random.default_rng(7)
    return [cv2.add(images[0], random.normal(0, 4, images[0].shape), dtype=cv2.CV_8U)
            for _ in range(12)]  # fmt: skip


def speed(detector: Detector, scenes: dict[str, list[np.ndarray]]) -> None:
    """Milliseconds a frame of each scene, in turns."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in scenes}
    for _ in range(ROUNDS):
        for name, images in scenes.items():
            count = EMPTY_FRAMES if name == EMPTY else FRAMES
            rounds[name].append(run(detector, images, count))
    busy = statistics.fmean(median(rounds[name], "ms") for name in scenes if name != "empty hall")
    print(
        f"{'1920x1080, ' + detector.name:34} {'ms/frame':>8} {'fps':>6} {'own ms':>7} {'faces':>6}"
    )
    for name, each in rounds.items():
        ms = median(each, "ms")
        faces = median(each, "faces") / FRAMES
        print(f"  {name:32} {ms:8.2f} {1000 / ms:6.0f} {median(each, 'own'):7.2f} {faces:6.1f}")
    ratio = median(rounds[EMPTY], "ms") / busy
    print(f"an empty, still scene costs {ratio:.3f} of a busy one")


def people(detector: Detector, clips: dict[str, tuple[list[np.ndarray], float]]) -> None:
    """Whether sparing the detector costs people."""
    print("people and crops of whole clips: every frame looked at, still ones spared")
    for name, (images, fps) in clips.items():
        made = []
        for every_frame in (True, False):
            agent_camera = MemoryCamera(images, len(images), fps)
            chosen = picker.CropPicker("bench", "0000", detector, every_frame=every_frame)
            crops, still = [], 0
            for frame in iter(agent_camera.read, None):
                look = chosen.look(frame)
                crops += look.crops
                still += look.still
            crops += chosen.flush(1e9 + len(images) / fps)
            made.append((sum(crop.shot == 0 for crop in crops), len(crops), still))
        (people0, crops0, _), (people1, crops1, still) = made
        print(
            f"  {name:46} {people0:3} {crops0:4}   {people1:3} {crops1:4}"
            f"   ({still / len(images):.0%} spared)"
        )


def known_faces(data: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Photographs and the boxes, `(N, 4)`, of the faces in them."""
    for name, truth in json.loads((data / "images/ground_truth.json").read_text()).items():
        if (data / "images" / name).is_file():
            wh = [face["box"] for face in truth["faces"] if "box" in face]
            boxes = np.array(wh, float).reshape(-1, 4)
            boxes[:, 2:] += boxes[:, :2]
            yield cv2.imread(str(data / "images" / name)), boxes


def recall(detector: Detector, data: Path) -> None:
    """Faces found on the small copy, and on the photograph as it is."""
    from facepipe_io.edge.detectors import faces

    print("faces in photographs: found, false, of all")
    for text, side in (("long side 480, as on the device", 480), ("full size", 10_000)):
        before, faces.YUNET_LONG_SIDE = faces.YUNET_LONG_SIDE, side
        hits = false = total = 0
        for image, boxes in known_faces(data):
            iou = box_iou(boxes, detector.detect(image).boxes)
            hits += int((iou.max(axis=1, initial=0) >= SAME_FACE).sum())
            false += int((iou.max(axis=0, initial=0) < SAME_FACE).sum())
            total += len(boxes)
        faces.YUNET_LONG_SIDE = before
        print(f"  {text:32} {hits:4} {false:4} {total:4}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    default = os.environ.get("FACEPIPE_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(default), help="a folder of test data")
    data = parser.parse_args().data
    cv2.setNumThreads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    has_data = (data / YUNET).is_file()
    detector = open_detector("yunet", str(data / YUNET)) if has_data else open_detector("haar")
    demo = clip("demo")
    scenes = {"demo, up to 4 people": demo[80:280]}
    if has_data:
        for name in CLIPS:
            scenes[f"{name.partition('-face')[0][:20]}, 2 people"] = clip(
                str(data / "video" / name)
            )
    scenes[EMPTY] = empty_hall(demo)
    speed(detector, scenes)
    clips = {"demo": (demo, 10.0)}
    if has_data:
        for path in sorted((data / "video").iterdir()):
            with contextlib.closing(open_camera(str(path), start_time=0.0)) as camera:
                frames = list(iter(camera.read, None))
            clips[path.name] = ([frame.image for frame in frames], camera.fps or 25.0)
    people(detector, clips)
    if has_data:
        recall(detector, data)


if __name__ == "__main__":
    main()
