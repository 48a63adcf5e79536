"""Whom to send, and which view: tracking and the best shot, beside plainer ways, and their cost.

    python -m benchmarks --only choosing

The peers send every face of every frame that is looked at, or all faces of one frame in
`RESEND_SECONDS`, or one face of each place in the picture in so long. Scenes are the demo, whose
people are known, clips of two people who keep to their half of the picture, where `FACEPIPE_DATA`
names a folder that has them, and made-up crowds: people come, walk, turn away and back, and leave
after 2 to 60 seconds, the nearer hide the farther, and the detector misses one face in seven.

People are those in view for a second or more. A chosen view is worth its sharpness; in a crowd,
where the truth about every view is known, the share of that person's views that are no better.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Callable, Iterator

import attrs
import numpy as np

from benchmarks.figures import Ratio, in_turns
from facepipe.boxes import box_area, box_iou
from facepipe.crops import crop_regions, cut
from facepipe.detections import Detections
from facepipe.images import sharpness
from facepipe.tracks import BestShot, FaceTracker, view_quality
from facepipe_io.edge.cameras import open_camera
from facepipe_io.edge.cameras.demo import FPS, SECONDS, SEEN, DemoCamera, sightings, visits
from facepipe_io.edge.detectors import open_detector

RESEND_SECONDS = 10.0
CLIPS = {  # and where the left half ends, in pixels
    "face-demographics-walking.gif": 285,
    "head-pose-face-detection-female-and-male.gif": 200,
}
YUNET = "models/face_detection_yunet_2023mar.onnx"
WH = (1920, 1080)
CROWD_FPS = 10.0
CROWD_SECONDS = 60.0
CROWDS = (5, 50)  # in view at a time
MISSED = 1 / 7
PLACES = 8  # of the picture on each side, for the peer that has no tracks
QUICK = 0.1  # seconds a line, below which the demo is looked at now and then


@attrs.frozen(eq=False)
class Scene:
    """What a detector finds in a recording, and the truth about it.

    Attributes:
        name: of it.
        wh: the picture's `(width, height)`.
        frames: `(time, faces, who, quality, worth)`, all but the first of one length.
        people: who is in view for a second or more.
        unit: of `worth`.
    """

    name: str
    wh: tuple[int, int]
    frames: list[tuple[float, Detections, np.ndarray, np.ndarray, np.ndarray]]
    people: set[int]
    unit: str


Sent = "list[tuple[int, float]]"  # who, and what the view is worth


def best_shots(scene: Scene) -> Sent:
    """As the device does it."""
    tracker, best = FaceTracker(), BestShot(resend_seconds=RESEND_SECONDS)
    shots = []
    for time, faces, who, quality, worth in scene.frames:
        shots += best.due(time)
        for index, track in enumerate(tracker.update(faces, time, scene.wh).tolist()):
            best.offer(track, quality[index], time, (int(who[index]), float(worth[index])))
    return [shot.view for shot in shots + best.flush(time)]


def every_face(scene: Scene) -> Sent:
    """All that is found."""
    return [
        view for _, _, who, _, worth in scene.frames for view in zip(who.tolist(), worth.tolist())
    ]


def by_the_clock(scene: Scene) -> Sent:
    """All faces of a frame, once in so long."""
    sent, due = [], -np.inf
    for time, _, who, _, worth in scene.frames:
        if time >= due:
            due = time + RESEND_SECONDS
            sent += zip(who.tolist(), worth.tolist())
    return sent


def by_place(scene: Scene) -> Sent:
    """A face of each place, once in so long."""
    sent, due = [], {}
    for time, faces, who, _, worth in scene.frames:
        middle = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
        places = np.floor(middle * PLACES / scene.wh).astype(int).tolist()
        for place, *view in zip(map(tuple, places), who.tolist(), worth.tolist()):
            if time >= due.get(place, -np.inf):
                due[place] = time + RESEND_SECONDS
                sent.append(tuple(view))
    return sent


PEERS = {
    "every face": every_face,
    f"all faces every {RESEND_SECONDS:.0f} s": by_the_clock,
    f"each place every {RESEND_SECONDS:.0f} s": by_place,
}


def rated(
    image: np.ndarray, time: float, faces: Detections, who: list[int]
) -> tuple[float, Detections, np.ndarray, np.ndarray, np.ndarray]:
    """A frame of a scene, from a picture."""
    wh = image.shape[1::-1]
    regions = crop_regions(faces, wh, margin=0, min_side=1, square=False)
    sharp = [sharpness(cut(image, region)) for region in regions]
    sides, scores = np.sqrt(box_area(faces.boxes)).tolist(), faces.scores.tolist()
    quality = [view_quality(*rest, 1.0) for rest in zip(sharp, sides, scores)]
    return time, faces, np.array(who, int), np.array(quality), np.array(sharp)


def demo(step: int) -> Scene:
    """Every so many frames of the demo, as a perfect detector sees it."""
    camera, frames = DemoCamera(0.0), []
    stays = list(enumerate(visits()))
    for index in range(0, int(FPS * SECONDS), step):
        seen = [each for each in sightings(index) if each.visible >= SEEN]
        boxes = np.array([each.box for each in seen]).reshape(-1, 4)
        faces = Detections(boxes, np.full(len(seen), 0.9), np.ones(len(seen), int))
        who = [
            next(n for n, stay in stays if stay.name == each.name and index in stay.boxes)
            for each in seen
        ]
        image = camera.paint(index)
        frames.append(rated(image, index / FPS, faces, who))
    people = {number for number, stay in stays if stay.leaves - stay.enters >= 1.0}
    return Scene("demo", image.shape[1::-1], frames, people, "variance")


def clip(data: Path, name: str, middle: int) -> Scene:
    """A clip of two people, as YuNet sees it."""
    detector = open_detector("yunet", str(data / YUNET))
    frames = []
    with contextlib.closing(open_camera(str(data / "video" / name), start_time=0.0)) as camera:
        for frame in iter(camera.read, None):
            wh = frame.image.shape[1::-1]
            faces = detector.detect(frame.image).clipped(wh)
            who = (faces.boxes[:, [0, 2]].mean(axis=1) > middle).astype(int).tolist()
            frames.append(rated(frame.image, frame.time, faces, who))
    return Scene(" ".join(name.split("-")[:2]), wh, frames, {0, 1}, "variance")


def crowd(count: int) -> Scene:
    """Some 5 to 50 people in view, who come and go."""
    random = np.random.default_rng(count)
    stays = np.exp(random.uniform(np.log(2), np.log(60), 40 * count))
    enters = np.cumsum(random.exponential(stays.mean() / count, len(stays))) - 60
    there = (enters < CROWD_SECONDS - 2) & (enters + stays > 0)
    enters, stays = enters[there], stays[there]
    n = len(stays)
    side = np.exp(random.normal(np.log(300 / count**0.4), 0.25, n))
    start = random.random((n, 2)) * WH
    velocity = random.normal(0, 0.6, (n, 2)) * side[:, None] * (1, 0.2)
    turn, phase = random.uniform(2, 8, n), random.uniform(0, 2 * np.pi, n)
    found, views = [], []
    first, last = np.full(n, np.inf), np.full(n, -np.inf)
    for step in range(int(CROWD_SECONDS * CROWD_FPS)):
        time = step / CROWD_FPS
        middle = start + velocity * np.maximum(time - enters, 0)[:, None]
        inside = ((middle > 0) & (middle < WH)).all(axis=1)
        here = np.flatnonzero((enters <= time) & (time < enters + stays) & inside)
        first[here], last[here] = np.minimum(first[here], time), time
        here = here[np.argsort(-side[here])]  # the nearest first
        half = side[here, None] / 2 * (0.85, 1.15)
        boxes = np.hstack([middle[here] - half, middle[here] + half])
        hidden = np.triu(box_iou(boxes, boxes) > 0.25, 1).any(axis=0)
        seen = ~hidden & (random.random(len(here)) > MISSED)
        who, boxes = here[seen], boxes[seen]
        boxes = boxes + random.normal(0, 0.03, boxes.shape) * side[who, None]
        # Sharp where they face the camera and stand still; the detector is surer of these, too.
        facing = (1 + np.sin(2 * np.pi * time / turn[who] + phase[who])) / 2
        sharp = 600 * (0.05 + facing) * np.exp(random.normal(0, 0.3, len(who)))
        scores = np.clip(0.6 + 0.35 * facing + random.normal(0, 0.03, len(who)), 0, 1)
        true = [view_quality(*each, 1.0) for each in zip(sharp, side[who], scores)]
        measured = sharp * np.exp(random.normal(0, 0.1, len(who)))
        sides = np.sqrt(box_area(boxes))
        quality = [view_quality(*each, 1.0) for each in zip(measured, sides, scores)]
        found.append((time, Detections(boxes, scores, np.ones(len(who), int)), who, quality))
        views.append(np.array(true))
    everyone, every = np.concatenate([each[2] for each in found]), np.concatenate(views)
    of = {person: np.sort(every[everyone == person]) for person in np.unique(everyone).tolist()}
    frames = []
    for (time, faces, who, quality), true in zip(found, views):
        rank = [np.searchsorted(of[p], v, "right") / len(of[p]) for p, v in zip(who.tolist(), true)]
        frames.append((time, faces, who, np.array(quality), 100.0 * np.array(rank)))
    people = set(np.flatnonzero(last - first >= 1.0).tolist())
    return Scene(f"crowd of {count}", WH, frames, people, "percentile")


def chosen(scene: Scene) -> Iterator[Ratio]:
    """People, crops and sharpness, beside each peer."""

    def told(sent: Sent) -> tuple[float, float, float]:
        worth = [worth for _, worth in sent]
        return len(scene.people & {who for who, _ in sent}), len(sent), float(np.median(worth))

    people, crops, worth = told(best_shots(scene))
    for peer, strategy in PEERS.items():
        theirs = told(strategy(scene))
        row = partial(Ratio.of_counts, "choosing")
        what = f"people of {len(scene.people)} sent, {scene.name}"
        yield row(what, peer, "people", people, theirs[0], more_is_better=True)
        yield row(f"crops sent, {scene.name}", peer, "crops", crops, theirs[1])
        what = f"sharpness of what is sent, {scene.name}"
        yield row(what, peer, scene.unit, worth, theirs[2], more_is_better=True)


class GreedyIou:
    """The tracker that most projects carry: the greatest overlap with the last box."""

    def __init__(self) -> None:
        self.tracks = {}
        self.count = 0

    def update(self, boxes: np.ndarray, time: float) -> list[int]:
        """Numbers of the boxes."""
        self.tracks = {n: seen for n, seen in self.tracks.items() if time - seen[1] <= 1.5}
        known = list(self.tracks)
        numbers = [0] * len(boxes)
        if known and len(boxes):
            last = np.array([self.tracks[number][0] for number in known])
            low = np.maximum(last[:, None, :2], boxes[None, :, :2])
            high = np.minimum(last[:, None, 2:], boxes[None, :, 2:])
            shared = np.maximum(high - low, 0).prod(axis=2)
            area = [(each[:, 2:] - each[:, :2]).prod(axis=1) for each in (last, boxes)]
            iou = shared / (area[0][:, None] + area[1] - shared)
            rows, columns = np.nonzero(iou > 0.3)
            taken = set()
            for k in np.argsort(-iou[rows, columns]).tolist():
                row, column = int(rows[k]), int(columns[k])
                if row not in taken and not numbers[column]:
                    taken.add(row)
                    numbers[column] = known[row]
        for column, box in enumerate(boxes):
            if not numbers[column]:
                self.count += 1
                numbers[column] = self.count
            self.tracks[numbers[column]] = (box, time)
        return numbers


def played(scene: Scene, step: Callable[..., object]) -> Callable[[], object]:
    """One frame after the other; the scene begins again and again, and time goes on."""
    frames = itertools.cycle(scene.frames)
    clock = itertools.count()

    def run() -> None:
        _, faces, _, quality, _ = next(frames)
        step(faces, next(clock) / CROWD_FPS, quality)

    return run


def costs(scene: Scene, seconds: float) -> Iterator[Ratio]:
    """Time for one frame."""
    tracker, best, naive = FaceTracker(), BestShot(), GreedyIou()

    def ours(faces: Detections, time: float, quality: np.ndarray) -> None:
        best.due(time)
        for track, rating in zip(tracker.update(faces, time, WH).tolist(), quality.tolist()):
            best.offer(track, rating, time, None)

    peers = {"greedy IoU, no choice": lambda f, time, _: naive.update(f.boxes, time)}
    bytetrack = open_bytetrack()
    if bytetrack is not None:
        peers["supervision, no choice"] = bytetrack
    calls = [played(scene, ours), *(played(scene, peer) for peer in peers.values())]
    times = in_turns(calls, seconds * len(peers)) * 1e6
    what = f"track and choose, a frame, {scene.name}"
    for column, peer in enumerate(peers, 1):  # neither merges faces found twice, or expects any
        yield Ratio.of_rounds("choosing", what, peer, "us", times[:, 0], times[:, column])


def open_bytetrack() -> Callable[..., object] | None:
    """The tracker of supervision, where it is installed."""
    try:
        import supervision
    except ImportError:
        return None
    if not hasattr(supervision, "ByteTrack"):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tracker = supervision.ByteTrack(frame_rate=int(CROWD_FPS))

    def update(faces: Detections, _time: float, _quality: np.ndarray) -> object:
        found = supervision.Detections(
            xyxy=faces.boxes, confidence=faces.scores, class_id=faces.labels
        )
        return tracker.update_with_detections(found)

    return update


def figures(seconds: float) -> Iterator[Ratio]:
    """Every line of the table."""
    yield from chosen(demo(1 if seconds >= QUICK else 12))
    data = Path(os.environ.get("FACEPIPE_DATA", "../shared/data"))
    for name, middle in CLIPS.items():
        if (data / YUNET).is_file() and (data / "video" / name).is_file():
            yield from chosen(clip(data, name, middle))
    if open_bytetrack() is None:
        print("choosing: supervision has no ByteTrack here (0.25 has)", file=sys.stderr)
    for count in CROWDS:
        scene = crowd(count)
        yield from chosen(scene)
        yield from costs(scene, seconds)
