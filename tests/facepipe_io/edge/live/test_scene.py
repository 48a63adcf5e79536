from __future__ import annotations

import json
import tracemalloc
from datetime import datetime, timezone

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.detections import Detections
from facepipe.emotions import FaceEmotions
from facepipe.images import decode_image, encode_jpeg
from facepipe.keys import CropKey, format_key
from facepipe.records import ScoredCrop
from facepipe_io.edge.cameras import Frame
from facepipe_io.edge.live import scene as module
from facepipe_io.edge.live.scene import CROPS, CURVE_MOMENTS, MOOD_SECONDS, PICTURES, Scene
from facepipe_io.edge.picker import NO_TRACKS, NOBODY, Crop, Look
from facepipe_io.edge.stats import Stats
from tests.facepipe_io.edge.helpers import picture
from tests.strategies import confidences

IMAGE = picture()
EMPTY = Look(NOBODY, NO_TRACKS, [])
NOON = 1_800_000_000.0


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def scene(clock):
    return Scene("hall-1", emotions=True, clock=clock)


def look(*tracks, labels=(), crops=(), still=False):
    boxes = np.tile([10.0, 10.0, 50.0, 50.0], (len(tracks), 1))
    found = Detections(boxes, [0.9] * len(tracks), [1] * len(tracks))
    return Look(found, np.array(tracks, np.int64), list(crops), labels=labels, still=still)


def key_of(time, track, *, run="4f9c", shot=0, label="face"):
    return CropKey("hall-1", datetime.fromtimestamp(time, timezone.utc), run, track, shot, label)


def crop_of(key, jpeg=b"jpeg"):
    return Crop(format_key(key), jpeg, key.track, key.shot, key.label)


def score_of(key, **emotions):
    return ScoredCrop(
        format_key(key), key.camera, key.captured_at, 1, FaceEmotions(emotions), key.label
    )


def message(scene, **figures):
    """What it tells, as a browser reads it."""
    return json.loads(json.dumps(scene.message(Stats(**figures), 2), allow_nan=False))


def meet(scene, track, time, *, run="4f9c", shot=0, **emotions):
    """Somebody is in view, and their crop is scored."""
    key = key_of(time, track, run=run, shot=shot)
    scene.see(Frame(IMAGE, time), look(track, crops=[crop_of(key)]))
    scene.scored(score_of(key, **emotions))


# ---- whatever comes ----

labels = st.sampled_from(["face", "face", "bottle", "soda bottle"])
emotions = st.dictionaries(
    st.sampled_from(["HAPPY", "SAD", "UNKNOWN", "BORED"]), confidences(), max_size=3
).map(FaceEmotions)
taken = st.floats(NOON - 400, NOON + 10) | st.sampled_from([0.0, 4e9, 2e11])
keys = st.builds(
    key_of, taken, st.integers(1, 5), run=st.sampled_from(["4f9c", "beef"]), label=labels
)


@st.composite
def looks(draw):
    tracks = draw(st.lists(st.integers(1, 5), max_size=5))
    named = draw(st.lists(labels, min_size=len(tracks), max_size=len(tracks)) | st.just([]))
    jpeg = st.sampled_from([b"", b"jpeg"])
    crops = [crop_of(key, draw(jpeg)) for key in draw(st.lists(keys, max_size=3))]
    return look(*tracks, labels=tuple(named), crops=crops, still=not tracks)


scores = st.builds(lambda key, found: score_of(key, **found.scores), keys, emotions)
foreign = scores.map(lambda crop: attrs.evolve(crop, key="faces/me.jpg"))
times = st.floats(-2, 2) | st.floats(-400, 400) | st.sampled_from([-1e9, 1e9, 0.0])
steps = st.lists(
    st.tuples(st.just("see"), times, looks())
    | st.tuples(st.just("score"), scores | foreign)
    | st.tuples(st.just("wait"), st.floats(0, 10))
    | st.tuples(st.just("end")),
    max_size=12,
)


@given(steps=steps, told=st.booleans())
def test_whatever_comes_the_message_is_json_and_makes_sense(steps, told):
    clock = Clock()
    scene = Scene("hall-1", emotions=told, clock=clock)
    time, found, seen, ended = NOON, EMPTY, False, False
    for kind, *step in steps:
        if kind == "see":
            time, found, seen = time + step[0], step[1], True
            scene.see(Frame(IMAGE, time), found)
        elif kind == "score":
            scene.scored(*step)
        elif kind == "wait":
            clock.now += step[0]
        else:
            scene.end()
            ended = True
        said = message(scene)
        faces = found.labels.count("face") if found.labels else len(found.tracks)
        assert said["now"] <= faces
        assert (said["now"] > 0) == (faces > 0)
        assert sum(mood["people"] for mood in said["moods"]) <= said["now"]
        assert all(mood["people"] > 0 for mood in said["moods"])
        assert said["state"] in (("ended",) if ended else ("live", "waiting"))
        assert said["fps"] >= 0
        curve = said["curve"]
        assert curve["people"][-1] == (said["now"] if seen else None)
        assert (curve["shares"] == []) if not told else True
        for share in curve["shares"]:
            assert len(share["values"]) == CURVE_MOMENTS
            assert all(value is None or 0 <= value <= 100 for value in share["values"])
        assert len(curve["seconds"]) == len(curve["people"]) == CURVE_MOMENTS
        numbers = [crop["id"] for crop in said["crops"]]
        assert len(numbers) <= CROPS
        assert numbers == sorted(set(numbers), reverse=True)
        assert all(scene.crop(number) == b"jpeg" for number in numbers)
        texts = scene.texts(found)
        assert len(texts) == len(found.tracks)
        for text, track in zip(texts, found.tracks.tolist()):
            assert str(track) in text.split()


def test_memory_has_a_bound(monkeypatch):
    """Of people, crops, scores and frames beyond number, none is kept for ever."""
    for name in ("CURVE_CROPS", "MOODS", "PICTURES", "CURVE_SECONDS"):
        monkeypatch.setattr(module, name, 20)
    scene = Scene("hall-1", emotions=True)

    def pass_by(numbers):
        for number in numbers:
            meet(scene, number, NOON + 7 * number, HAPPY=90.0)
        size = len(json.dumps(message(scene)))
        kept = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(True, module.__file__)]
        )
        return size, sum(each.size for each in kept.statistics("filename"))

    tracemalloc.start()
    try:
        size, memory = pass_by(range(1000, 1060))
        size_later, memory_later = pass_by(range(1060, 1310))
    finally:
        tracemalloc.stop()
    assert size_later < size + 100
    assert memory_later - memory < 12_000  # bytes; 48 for each who passed by


# ---- people and their emotions ----


def test_the_message_as_the_page_expects_it(scene):
    meet(scene, 7, NOON, HAPPY=93.14, CALM=20.0)
    said = message(scene, people=41, things=2, crops=9, uploaded=6, last_error="no network")
    seconds, curve = said["curve"].pop("seconds"), said.pop("curve")
    (crop,) = said.pop("crops")
    assert said == {
        "camera": "hall-1",
        "state": "live",
        "blurred": False,
        "now": 1,
        "so_far": 41,
        "things": 2,
        "fps": 1.0,
        "spool": 3,
        "viewers": 2,
        "trouble": "no network",
        "emotions": True,
        "moods": [{"type": "HAPPY", "word": "happy", "colour": "#d69200", "people": 1}],
    }
    assert seconds == np.linspace(-300, 0, 121).tolist()
    assert curve["people"] == [None] * 120 + [1]
    assert [share.pop("values")[-1] for share in curve["shares"]] == [82.3, 17.7]
    assert curve["shares"][1] == {"type": "CALM", "word": "calm", "colour": "#2a9d8f"}
    local = datetime.fromtimestamp(NOON).strftime("%H:%M:%S")
    assert crop == {
        "id": 1,
        "title": "person 7",
        "word": "happy",
        "colour": "#d69200",
        "confidence": 93.1,
        "time": local,
    }


def test_before_anything_comes(scene):
    said = message(scene)
    assert (said["state"], said["now"], said["fps"], said["moods"]) == ("waiting", 0, 0.0, [])
    assert said["curve"]["people"] == [None] * CURVE_MOMENTS


def test_a_box_says_whose_it_is_and_how_they_feel(scene):
    meet(scene, 7, NOON, FEAR=60.0, CALM=59.0)
    found = look(7, 8, 7, labels=("face", "face", "soda bottle"))
    assert scene.texts(found) == ["7 afraid", "8", "soda bottle 7"]
    assert scene.texts(look(7, 8)) == ["7 afraid", "8"]


def test_a_score_may_come_before_its_crop_is_shown(scene):
    key = key_of(NOON, 7)
    scene.scored(score_of(key, SAD=80.0))
    scene.see(Frame(IMAGE, NOON), look(7, crops=[crop_of(key)]))
    assert scene.texts(look(7)) == ["7 sad"]
    assert message(scene)["crops"][0]["word"] == "sad"


def test_the_latest_crop_tells_in_whatever_order_the_scores_come(scene):
    meet(scene, 7, NOON + 10, shot=1, HAPPY=90.0)
    scene.scored(score_of(key_of(NOON, 7), SAD=99.0))
    assert scene.texts(look(7)) == ["7 happy"]


def test_a_crop_of_an_earlier_start_says_nothing_of_who_is_in_view(scene):
    meet(scene, 7, NOON, HAPPY=90.0)
    scene.scored(score_of(key_of(NOON + 1, 7, run="0a0a"), SAD=99.0))
    assert scene.texts(look(7)) == ["7 happy"]
    meet(scene, 8, NOON + 2, run="beef", CALM=50.0)
    assert scene.texts(look(7, 8)) == ["7", "8 calm"]


def test_what_is_no_crop_of_a_face_or_has_no_emotion_is_left_alone(scene):
    meet(scene, 7, NOON, HAPPY=90.0)
    before = message(scene)
    scene.scored(score_of(key_of(NOON, 7, shot=1)))
    scene.scored(score_of(key_of(NOON, 7, shot=1, label="cup"), SAD=99.0))
    foreign = score_of(key_of(NOON, 7), SAD=99.0)
    scene.scored(attrs.evolve(foreign, key="faces/me.jpg"))
    assert message(scene) == before


def test_moods_are_of_those_in_view_the_most_first(scene):
    feelings = {1: "SAD", 2: "HAPPY", 3: "HAPPY", 4: "CALM"}
    for track, emotion in feelings.items():
        meet(scene, track, NOON + track, **{emotion: 90.0})
    scene.see(Frame(IMAGE, NOON + 5), look(1, 2, 3, 3, 9))
    said = message(scene)
    assert said["now"] == 4
    assert [(mood["word"], mood["people"]) for mood in said["moods"]] == [("happy", 2), ("sad", 1)]


def test_a_scene_that_does_not_change_has_nobody(scene):
    scene.see(Frame(IMAGE, NOON), look(1, 2))
    scene.see(Frame(IMAGE, NOON + 1), look(still=True))
    assert message(scene)["now"] == 0


def test_an_emotion_is_forgotten(scene):
    meet(scene, 7, NOON, HAPPY=90.0)
    scene.see(Frame(IMAGE, NOON + MOOD_SECONDS), look(7))
    assert scene.texts(look(7)) == ["7 happy"]
    scene.see(Frame(IMAGE, NOON + MOOD_SECONDS + 1), look(7))
    assert scene.texts(look(7)) == ["7"]


# ---- time ----


def test_the_curve_goes_by_the_time_of_frames(scene):
    for second in range(-320, 1):
        scene.see(Frame(IMAGE, NOON + second), look(*range(1 + (second > -100))))
        if second % 10 == 0:
            emotion = "SAD" if second <= -150 else "HAPPY"
            scene.scored(score_of(key_of(NOON + second, 1, shot=second + 400), **{emotion: 80.0}))
    curve = message(scene)["curve"]
    assert curve["people"] == [1 + (second > -100) for second in curve["seconds"]]
    sad, happy = (share["values"] for share in curve["shares"])
    assert (happy[0], happy[-1], sad[0], sad[-1]) == (0.0, 100.0, 100.0, 0.0)
    assert 0 < happy[60] < 100
    assert happy == sorted(happy)
    assert all(abs(one + other - 100) < 0.11 for one, other in zip(happy, sad))


def test_where_no_frame_was_looked_at_there_is_no_curve(scene):
    meet(scene, 1, NOON - 100, HAPPY=90.0)
    meet(scene, 2, NOON, HAPPY=90.0)
    curve = message(scene)["curve"]
    known = [second for second, people in zip(curve["seconds"], curve["people"]) if people]
    assert known == [-100.0, -97.5, -95.0, 0.0]
    (share,) = curve["shares"]
    assert [value for value in share["values"] if value is not None] == [100.0] * 4


@pytest.mark.parametrize("back", [0.5, 30.0, 1e6])
def test_after_a_step_back_the_curve_has_only_what_came_before(scene, back):
    """As of a recording that is played again: its second showing looks like the first."""
    for second in range(60):
        meet(scene, 1, NOON + second, shot=second, SAD=90.0)
    again = Scene("hall-1", emotions=True)
    for second in range(60):
        if NOON + second <= NOON + 59 - back:
            meet(again, 1, NOON + second, shot=second, SAD=90.0)
    for each in (scene, again):
        each.see(Frame(IMAGE, NOON + 59 - back), look(1, 2, 3))
    assert message(scene)["curve"] == message(again)["curve"]


def test_waiting_and_ended(scene, clock):
    scene.see(Frame(IMAGE, NOON), look(1))
    clock.now += 3.0
    assert message(scene)["state"] == "live"
    clock.now += 0.1
    assert message(scene)["state"] == "waiting"
    scene.see(Frame(IMAGE, NOON), look(1))
    assert message(scene)["state"] == "live"
    scene.end()
    assert message(scene)["state"] == "ended"
    assert message(scene)["now"] == 1


def test_frames_a_second(scene, clock):
    for _ in range(100):
        scene.see(Frame(IMAGE, NOON), look())
        clock.now += 0.125
    assert message(scene)["fps"] == 8.0
    clock.now += 2.0
    assert 3.0 < message(scene)["fps"] < 6.0
    clock.now += 5.0
    assert message(scene)["fps"] == 0.0


# ---- crops ----


def test_the_latest_crops_are_there_the_newest_first(scene):
    for number in range(1, 20):
        key = key_of(NOON + number, number, label="cup" if number == 19 else "face")
        scene.see(Frame(IMAGE, NOON + number), look(crops=[crop_of(key, b"%d" % number)]))
    crops = message(scene)["crops"]
    assert [crop["title"] for crop in crops] == [
        "cup 19",
        *(f"person {n}" for n in range(18, 7, -1)),
    ]
    assert [scene.crop(crop["id"]) for crop in crops] == [b"%d" % n for n in range(19, 7, -1)]
    assert {crop["word"] for crop in crops} == {crop["colour"] for crop in crops} == {""}
    assert {crop["confidence"] for crop in crops} == {None}
    for number in (0, crops[0]["id"] + 1, 10**18):
        assert scene.crop(number) is None


def test_pictures_stay_for_pages_that_ask_late(scene):
    for number in range(1, 200):
        crop = crop_of(key_of(NOON + number, number), b"%d" % number)
        scene.see(Frame(IMAGE, NOON + number), look(crops=[crop]))
    newest = message(scene)["crops"][0]["id"]
    assert scene.crop(newest - (PICTURES - 1)) == b"%d" % (200 - PICTURES)
    assert scene.crop(newest - PICTURES) is None


def test_a_crop_that_is_stored_elsewhere_has_no_picture(scene):
    scene.see(Frame(IMAGE, NOON), look(7, crops=[crop_of(key_of(NOON, 7), b"")]))
    assert message(scene)["crops"] == []
    scene.scored(score_of(key_of(NOON, 7), HAPPY=80.0))
    assert scene.texts(look(7)) == ["7 happy"]


def test_numbers_of_crops_begin_where_they_are_told():
    scene = Scene("hall-1", first_crop=500)
    scene.see(Frame(IMAGE, NOON), look(crops=[crop_of(key_of(NOON, 7))]))
    assert message(scene)["crops"][0]["id"] == 500


def test_crops_are_blurred(portraits):
    scene = Scene("hall-1", blur=True)
    face = portraits["hopper"][60:260, 150:350]
    crops = [crop_of(key_of(NOON, 7), encode_jpeg(face)), crop_of(key_of(NOON, 8), b"no picture")]
    scene.see(Frame(IMAGE, NOON), look(7, 8, crops=crops))
    said = message(scene)
    assert said["blurred"] is True
    damaged, shown = (scene.crop(crop["id"]) for crop in said["crops"])
    assert damaged is None
    image = decode_image(shown)
    assert image.shape == face.shape
    steps = np.abs(np.diff(face.astype(int), axis=1)).mean()
    assert np.abs(np.diff(image.astype(int), axis=1)).mean() < steps / 3
    assert np.abs(image.mean(axis=(0, 1)) - face.mean(axis=(0, 1))).max() < 3
    assert scene.crop(said["crops"][1]["id"]) is shown
