"""What the live page shows: kept while frames and scores come in, told once a second."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, OrderedDict, deque
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Mapping

import attrs
import numpy as np

from facepipe.errors import ImageError, KeyFormatError
from facepipe.images import blurred, decode_image, encode_jpeg
from facepipe.keys import FACE_LABEL, parse_key
from facepipe.moods import emotion_colour, emotion_shares, emotion_word
from facepipe_io.edge.preview import box_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facepipe.records import ScoredCrop
    from facepipe_io.edge.cameras import Frame
    from facepipe_io.edge.picker import Crop, Look
    from facepipe_io.edge.stats import Stats

#: The curve: so many seconds, told at so many moments, smoothed by a Gaussian of so many seconds.
CURVE_SECONDS = 300.0
CURVE_MOMENTS = 121
CURVE_WIDTH = 15.0
#: Crops in the curve; for more, the oldest are left out. A crowd of 100 has some 3000 in 5 minutes.
CURVE_CROPS = 4096

#: How long a frame tells how many people are in view, for the curve.
PEOPLE_SECONDS = 5.0
#: An emotion is that of the person for so long, and of so many people and crops at most.
MOOD_SECONDS = 120.0
MOODS = 1024

#: The latest crops that are listed. Their pictures stay for longer: a page that is slow, or a crowd
#: of whom some 30 crops come in a second, asks for them after others have taken their places.
CROPS = 12
PICTURES = 128
#: Without a frame for so long, the page waits for one.
WAITING_SECONDS = 3.0
#: Frames a second are a mean over this many.
RATE_SECONDS = 5
TROUBLE_LENGTH = 300  # characters


@attrs.frozen
class _Mood:
    """The strongest emotion of a crop, and when that was taken, in epoch seconds."""

    time: float
    emotion: str
    confidence: float


@attrs.define
class _Picture:
    """A crop on the page; its key, and whether its JPEG may be shown as it is."""

    number: int
    key: str
    title: str
    time: str
    jpeg: bytes
    is_fit: bool


class Scene:
    """What the page shows.

    The agent's threads tell it what comes; the server's thread asks it. Times are those of frames,
    so that a recording looks the same however fast it is played. A clock that steps back, or a
    recording that begins anew, begins the curve anew. Whatever comes, memory is bounded.

    Args:
        camera: the camera's name.
        blur: whether crops are blurred.
        emotions: whether it will be told of scores.
        first_crop: the number of the first crop. Numbers are names of pictures that a browser may
            keep, so another start of the process must not give them anew.
        clock: seconds that never step back.

    Attributes:
        camera: the camera's name.
    """

    def __init__(
        self,
        camera: str,
        *,
        blur: bool = False,
        emotions: bool = False,
        first_crop: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.camera = camera
        self._blur = blur
        self._emotions = emotions
        self._clock = clock
        self._lock = threading.Lock()
        self._ended = False
        self._run = ""  # that the tracks belong to
        self._in_view: frozenset[int] = frozenset()  # tracks of faces
        self._time: float | None = None  # of the last frame
        self._shown_at = -float("inf")  # by the clock
        self._rate: deque[list[int]] = deque(maxlen=RATE_SECONDS + 1)  # a second and its frames
        self._people: deque[tuple[float, int]] = deque(maxlen=int(CURVE_SECONDS + PEOPLE_SECONDS))
        self._scores: deque[tuple[float, Mapping[str, float]]] = deque(maxlen=CURVE_CROPS)
        self._moods: OrderedDict[tuple[str, int], _Mood] = OrderedDict()  # by run and track
        self._crop_moods: OrderedDict[str, _Mood] = OrderedDict()  # by key
        self._numbers = itertools.count(first_crop)
        self._crops: deque[_Picture] = deque(maxlen=PICTURES)

    def see(self, frame: Frame, look: Look) -> None:
        """Take note of a frame that was looked at, and of what came of it."""
        tracks = zip(look.tracks.tolist(), look.names)
        in_view = frozenset(track for track, label in tracks if label == FACE_LABEL)
        now = self._clock()
        with self._lock:
            if self._time is not None and frame.time < self._time:
                self._forget_after(frame.time)
            self._time = frame.time
            self._in_view = in_view
            self._shown_at = now
            if self._rate and self._rate[-1][0] == int(now):
                self._rate[-1][1] += 1
            else:
                self._rate.append([int(now), 1])
            # One of each second is enough for a curve.
            if self._people and self._people[-1][0] // 1 == frame.time // 1:
                self._people.pop()
            self._people.append((frame.time, len(in_view)))
            for crop in look.crops:
                self._add(crop, frame)

    def scored(self, crop: ScoredCrop) -> None:
        """Take note of a crop's emotions, if it has some and its key is facepipe's."""
        try:
            key = parse_key(crop.key)
        except KeyFormatError:
            return
        emotion = crop.emotions.dominant
        if not crop.is_face or emotion is None:
            return
        taken = crop.captured_at.timestamp()
        mood = _Mood(taken, emotion, crop.emotions.scores[emotion])
        person = (key.run, key.track)
        with self._lock:
            self._scores.append((taken, crop.emotions.scores))
            _put(self._crop_moods, crop.key, mood)
            known = self._moods.get(person)
            if known is None or known.time <= taken:
                _put(self._moods, person, mood)

    def end(self) -> None:
        """Take note that there will be no more frames."""
        self._ended = True

    def texts(self, look: Look) -> list[str]:
        """What to write at each box of a frame: whose it is, and the latest emotion."""
        with self._lock:
            moods = [
                self._mood(track) if label == FACE_LABEL else None
                for track, label in zip(look.tracks.tolist(), look.names)
            ]
        return [
            f"{text} {emotion_word(mood.emotion)}" if mood else text
            for text, mood in zip(box_texts(look), moods)
        ]

    def crop(self, number: int) -> bytes | None:
        """The JPEG of one of the latest crops, blurred if need be; None if it is not there.

        Takes some milliseconds the first time that a blurred one is asked for.
        """
        with self._lock:
            found = next((crop for crop in self._crops if crop.number == number), None)
        if found is None:
            return None
        if not found.is_fit:
            try:
                image = decode_image(found.jpeg)
            except ImageError:
                return None
            whole = [[0, 0, image.shape[1], image.shape[0]]]
            found.jpeg, found.is_fit = encode_jpeg(blurred(image, whole)), True
        return found.jpeg

    def message(self, stats: Stats, viewers: int) -> dict[str, Any]:
        """Everything that the page shows but pictures, as JSON takes it.

        Args:
            stats: the agent's figures.
            viewers: how many watch.
        """
        now = self._clock()
        with self._lock:
            time = self._time or 0.0
            in_view = self._in_view
            people = list(self._people)
            scores = list(self._scores)
            crops = list(self._crops)[-CROPS:]
            crop_moods = [self._crop_moods.get(crop.key) for crop in crops]
            moods = Counter(mood.emotion for mood in map(self._mood, in_view) if mood)
            rate = self._frames_a_second(int(now))
            waits = now - self._shown_at > WAITING_SECONDS
        most_first = sorted(moods.items(), key=lambda item: (-item[1], item[0]))
        seconds = np.linspace(-CURVE_SECONDS, 0.0, CURVE_MOMENTS)
        people_then = _people_at(people, time + seconds)
        return {
            "camera": self.camera,
            "state": "ended" if self._ended else "waiting" if waits else "live",
            "blurred": self._blur,
            "now": len(in_view),
            "so_far": stats.people,
            "things": stats.things,
            "fps": round(rate, 1),
            "spool": max(stats.waiting, 0),
            "viewers": viewers,
            "trouble": (stats.last_error or "")[:TROUBLE_LENGTH],
            "emotions": self._emotions,
            "moods": [{**_shown(emotion), "people": count} for emotion, count in most_first],
            "curve": {
                "seconds": seconds.tolist(),
                "shares": _shares(scores, time, seconds, people_then) if self._emotions else [],
                "people": people_then,
            },
            "crops": [
                {
                    "id": crop.number,
                    "title": crop.title,
                    "word": emotion_word(mood.emotion) if mood else "",
                    "colour": emotion_colour(mood.emotion) if mood else "",
                    "confidence": round(mood.confidence, 1) if mood else None,
                    "time": crop.time,
                }
                for crop, mood in reversed(list(zip(crops, crop_moods)))
            ],
        }

    def _add(self, crop: Crop, frame: Frame) -> None:
        """Show a crop; one that is stored already has no picture to show."""
        try:
            key = parse_key(crop.key)
        except KeyFormatError:
            taken = datetime.fromtimestamp(frame.time, timezone.utc)
        else:
            taken, self._run = key.captured_at, key.run
        if not crop.jpeg:
            return
        title = f"{'person' if crop.label == FACE_LABEL else crop.label} {crop.track}"
        local = f"{taken.astimezone():%H:%M:%S}"
        number = next(self._numbers)
        self._crops.append(_Picture(number, crop.key, title, local, crop.jpeg, not self._blur))

    def _mood(self, track: int) -> _Mood | None:
        """The latest emotion of somebody, if that is not too long ago."""
        mood = self._moods.get((self._run, track))
        if mood is None or abs((self._time or 0.0) - mood.time) > MOOD_SECONDS:
            return None
        return mood

    def _forget_after(self, time: float) -> None:
        """Forget what was, in a future that is yet to come."""
        while self._people and self._people[-1][0] > time:
            self._people.pop()
        kept = [score for score in self._scores if score[0] <= time]
        self._scores.clear()
        self._scores.extend(kept)

    def _frames_a_second(self, second: int) -> float:
        """Over the last seconds that are over, or as much of them as there was."""
        if not self._rate:
            return 0.0
        seconds = min(RATE_SECONDS, second - self._rate[0][0])
        if seconds <= 0:  # it has just begun
            return float(self._rate[0][1])
        frames = (count for at, count in self._rate if second - seconds <= at < second)
        return sum(frames) / seconds


def _put(moods: OrderedDict[Any, _Mood], key: Any, mood: _Mood) -> None:
    moods[key] = mood
    moods.move_to_end(key)
    if len(moods) > MOODS:
        moods.popitem(last=False)


def _shown(emotion: str) -> dict[str, Any]:
    return {"type": emotion, "word": emotion_word(emotion), "colour": emotion_colour(emotion)}


def _shares(
    scores: list[tuple[float, Mapping[str, float]]],
    time: float,
    seconds: NDArray[np.float64],
    people: list[int | None],
) -> list[dict[str, Any]]:
    """The share of each emotion at each moment; None where nobody was near, or no frame."""
    near = -CURVE_SECONDS - 3 * CURVE_WIDTH
    recent = [(taken - time, each) for taken, each in scores if near <= taken - time <= CURVE_WIDTH]
    shares = emotion_shares(
        [taken for taken, _ in recent], [each for _, each in recent], seconds, CURVE_WIDTH
    )
    return [
        {
            **_shown(emotion),
            "values": [
                None if np.isnan(value) or then is None else round(value, 1)
                for value, then in zip(values.tolist(), people)
            ],
        }
        for emotion, values in shares.items()
    ]


def _people_at(people: list[tuple[float, int]], times: NDArray[np.float64]) -> list[int | None]:
    """How many people were in view at each of these times, None where no frame was looked at."""
    if not people:
        return [None] * len(times)
    known = np.array([taken for taken, _ in people])
    last = np.searchsorted(known, times, side="right") - 1
    return [
        people[index][1] if index >= 0 and time - known[index] <= PEOPLE_SECONDS else None
        for time, index in zip(times.tolist(), last.tolist())
    ]
