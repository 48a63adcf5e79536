"""Who is who from frame to frame."""

from __future__ import annotations

import math
import pickle

import attrs
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.detections import Detections
from facepipe.errors import ShapeError
from facepipe.tracks import BestShot, FaceTracker, view_quality

FRAME = (1280, 720)


def faces(*places, side=60.0, score=0.9):
    """One square face around each of the places."""
    centres = np.array(places, dtype=float).reshape(-1, 2)
    boxes = np.hstack([centres - side / 2, centres + side / 2])
    return Detections(boxes, np.full(len(boxes), score), np.ones(len(boxes), int))


NOBODY = faces()


@st.composite
def found(draw, max_size=8):
    """Detections of a frame: few enough places and scores that they collide, repeat and tie."""
    size = draw(st.integers(0, max_size))
    numbers = [draw(st.lists(st.integers(0, 40), min_size=size, max_size=size)) for _ in range(3)]
    x, y, side = (np.array(column, dtype=float) for column in numbers)
    scores = draw(st.lists(st.sampled_from([0.5, 0.7, 0.9]), min_size=size, max_size=size))
    low = np.stack([x * 8, y * 8], axis=1)
    labels = draw(st.lists(st.sampled_from([1, 1, 1, 7]), min_size=size, max_size=size))
    return Detections(np.hstack([low, low + side[:, None] * 1.37 + 20]), scores, labels)


def clips(frames=6):
    """Frames with their times, which may stand still, step back, or leap."""
    return st.lists(
        st.tuples(found(), st.sampled_from([0.0, 0.1, 0.3, -0.2, 2.0, -50.0])), max_size=frames
    )


def play(clip, tracker, **kwargs):
    """Feed a clip to a tracker; yields (time, detections, numbers)."""
    time = 100.0
    for detections, step in clip:
        time += step
        yield time, detections, tracker.update(detections, time, **kwargs)


# Laws that hold for anything at all.


@given(clips(), st.sampled_from([None, (320, 240)]))
def test_each_detection_gets_one_number_and_new_numbers_follow_on(clip, frame_wh):
    tracker = FaceTracker()
    count = 0
    for time, detections, numbers in play(clip, tracker, frame_wh=frame_wh):
        assert numbers.shape == (len(detections),)
        assert numbers.dtype == np.int64
        new = sorted(set(numbers.tolist()) - set(range(1, count + 1)))
        assert new == list(range(count + 1, tracker.count + 1))
        assert set(numbers.tolist()) <= set(tracker.active(time).tolist())
        count = tracker.count


@given(clips())
def test_a_number_keeps_its_label(clip):
    label_of = {}
    for _, detections, numbers in play(clip, FaceTracker()):
        for number, label in zip(numbers.tolist(), detections.labels.tolist()):
            assert label_of.setdefault(number, label) == label


@given(clips(frames=12))
def test_an_ended_number_is_never_used_again(clip):
    tracker = FaceTracker(max_gap_seconds=0.5)
    last = {}
    for time, _, numbers in play(clip, tracker):
        for number in numbers.tolist():
            assert abs(time - last.get(number, time)) <= 0.5
            last[number] = time


@given(clips(), st.randoms(use_true_random=False))
def test_the_order_of_the_detections_does_not_matter(clip, random):
    one, other = FaceTracker(), FaceTracker()
    for time, detections, numbers in play(clip, one):
        order = list(range(len(detections)))
        random.shuffle(order)
        assert (
            other.update(detections[np.array(order, int)], time).tolist() == numbers[order].tolist()
        )


@given(clips())
def test_near_and_far_faces_are_treated_alike(clip):
    one, other = FaceTracker(), FaceTracker()
    for time, detections, numbers in play(clip, one):
        larger = attrs.evolve(detections, boxes=detections.boxes * 4.0)
        assert other.update(larger, time).tolist() == numbers.tolist()


@given(st.lists(st.tuples(found(), st.sampled_from([0.1, 0.4, 2.0])), max_size=6))
def test_a_frame_without_faces_changes_nothing(clip):
    one, other = FaceTracker(), FaceTracker()
    for time, detections, numbers in play(clip, one):
        assert other.update(NOBODY, time - 0.05).tolist() == []
        assert other.update(detections, time).tolist() == numbers.tolist()


@example(  # of equal scores the upper comes first, which shares 70 % with either of the others
    Detections([[0, 2, 60, 62], [12, 0, 72, 60], [24, 2, 84, 62]], [0.9] * 3, [1] * 3)
)
@example(  # and of equally high ones the left
    Detections([[12, 0, 72, 60], [0, 0, 60, 60], [24, 0, 84, 60]], [0.9] * 3, [1] * 3)
)
@given(found(max_size=12))
def test_detections_on_one_another_are_one_face(detections):
    """A slow reference: from the best on, each joins the best alike that it shares 70 % with."""
    boxes, scores = detections.boxes.tolist(), detections.scores.tolist()
    labels = detections.labels.tolist()
    leader = {}
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], *boxes[i][::-1])):
        alike = [j for j in dict.fromkeys(leader.values()) if labels[i] == labels[j]]
        leaders = [j for j in alike if shares(boxes[i], boxes[j]) > 0.7]
        leader[i] = leaders[0] if leaders else i
    numbers = FaceTracker().update(detections, 0.0).tolist()
    for i in range(len(boxes)):
        for j in range(i):
            assert (numbers[i] == numbers[j]) == (leader[i] == leader[j])


def shares(a, b):
    """Share of the smaller box that lies in the other one."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return width * height / min((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (a, b))


# People, whose truth is known.


@attrs.frozen
class Person:
    """Somebody who walks along a lane of their own."""

    lane: float
    side: float
    enters: float
    leaves: float
    x: float
    speed: float  # sides a second

    def place(self, time):
        return self.x + self.speed * self.side * (time - self.enters), self.lane


def stroll(rng, fps, seconds=6.0):
    """Frames `(time, detections, who)` of people in lanes, under a poor detector.

    It misses a face in a quarter of the frames, though never in three running, is off by 4 % of
    its size, and now and then sees a face where there is nobody: -1, never twice in one place.
    """
    people = [
        Person(
            lane=500.0 * i,
            side=rng.uniform(40, 100),
            enters=rng.uniform(0, seconds / 2),
            leaves=rng.uniform(seconds / 2, seconds),
            x=rng.uniform(0, 1000),
            speed=rng.uniform(-2.5, 2.5),
        )
        for i in range(rng.integers(1, 6))
    ]
    missed = [0] * len(people)
    ghosts = 0
    frames = []
    for index in range(int(seconds * fps)):
        time = index / fps
        boxes, who = [], []
        for i, person in enumerate(people):
            if not person.enters <= time <= person.leaves:
                continue
            missed[i] = missed[i] + 1 if missed[i] < 2 and rng.random() < 0.25 else 0
            if missed[i] == 0:
                x, y = np.array(person.place(time)) + rng.normal(0, 0.04, 2) * person.side
                half = person.side / 2 * np.exp(rng.normal(0, 0.04))
                boxes.append((x - half, y - half, x + half, y + half))
                who.append(i)
        if rng.random() < 0.1:
            ghosts += 1
            boxes.append((1000 * ghosts, 220, 1000 * ghosts + 60, 280))
            who.append(-1)
        order = rng.permutation(len(boxes))
        boxes = np.array(boxes).reshape(-1, 4)[order]
        found_here = Detections(boxes, rng.uniform(0.5, 1, len(boxes)), np.ones(len(boxes), int))
        frames.append((time, found_here, np.array(who, int)[order].tolist()))
    return frames


seeds = st.integers(0, 2**32 - 1)
frame_rates = st.sampled_from([5, 8, 15, 30])


@given(seeds, frame_rates)
def test_each_person_keeps_one_number_and_shares_it_with_nobody(seed, fps):
    tracker = FaceTracker()
    numbers_of, people_of = {}, {}
    for time, detections, who in stroll(np.random.default_rng(seed), fps):
        for number, person in zip(tracker.update(detections, time).tolist(), who):
            people_of.setdefault(number, []).append(person)
            if person >= 0:
                numbers_of.setdefault(person, set()).add(number)
    assert all(len(numbers) == 1 for numbers in numbers_of.values())
    assert all(len(set(people)) == 1 for people in people_of.values())
    assert all(people == [-1] for people in people_of.values() if -1 in people)


@given(seeds, frame_rates)
def test_each_person_seen_for_a_second_is_sent_and_nobody_too_often(seed, fps):
    tracker, best = FaceTracker(), BestShot(resend_seconds=2.0)
    rng = np.random.default_rng(seed)
    seen, shots = {}, []
    time = 0.0
    for time, detections, who in stroll(rng, fps):
        shots += best.due(time)
        for number, person in zip(tracker.update(detections, time).tolist(), who):
            seen.setdefault(person, []).append(time)
            quality = rng.random()
            best.offer(number, quality, time, person if best.improves(number, quality) else None)
    shots += best.flush(time)
    sent = [shot.view for shot in shots]
    assert -1 not in sent
    for person, times in seen.items():
        span = times[-1] - times[0]
        assert sent.count(person) <= 1 + span // 2.0
        assert person == -1 or span < 1.0 or sent.count(person) >= 1


@pytest.mark.parametrize("fps", [5, 10, 30])
@pytest.mark.parametrize("speed", [0.6, 1.5, 3.0])
@pytest.mark.parametrize("way", [1, -1], ids=["across", "down"])
def test_two_people_who_cross_keep_their_numbers(fps, speed, way):
    """The one behind is hidden while the faces overlap by half or so."""
    tracker = FaceTracker()
    truth = {}
    for index in range(int(4 * fps) + 1):
        x = speed * 60.0 * (index / fps - 2.0)
        places = [(600 + x, 300)] + ([(600 - x, 306)] if abs(2 * x) > 36 else [])
        numbers = tracker.update(faces(*[p[::way] for p in places]), index / fps).tolist()
        for person, number in enumerate(numbers):
            truth.setdefault(person, set()).add(number)
    assert truth == {0: {1}, 1: {2}}


@pytest.mark.parametrize("fps", [5, 15])
@pytest.mark.parametrize("pause", [0.4, 0.8, 1.4])
def test_who_comes_in_where_another_went_out_is_someone_else(fps, pause):
    tracker = FaceTracker()
    for step in range(-fps, 1):
        leaver = tracker.update(faces((20 - 120 * step / fps, 300)), step / fps, FRAME)
    comer = tracker.update(faces((20, 300)), pause, FRAME)
    assert (leaver.tolist(), comer.tolist()) == ([1], [2])


def test_whoever_stands_at_the_edge_of_the_frame_stays():
    tracker = FaceTracker()
    for index, x in enumerate([1278, 1281, 1276, 1282, 1279]):
        assert tracker.update(faces((x, 715)), index / 5, FRAME).tolist() == [1]


@pytest.mark.parametrize("x", [(-15, -16), (1295, 1296)], ids=["left", "right"])
@pytest.mark.parametrize("y", [(-15, -16), (735, 736)], ids=["top", "bottom"])
def test_whoever_is_a_quarter_of_a_side_outside_of_the_frame_stays_and_further_out_has_left(x, y):
    for place, number in [((x[0], y[0]), 1), ((x[1], y[0]), 2), ((x[0], y[1]), 2)]:
        tracker = FaceTracker()
        for expected in (1, number):
            assert tracker.update(faces(place), 0.0, FRAME).tolist() == [expected]


def test_a_missed_face_keeps_its_number_for_as_long_as_the_gap_allows():
    tracker = FaceTracker(max_gap_seconds=1.0)
    assert tracker.update(faces((100, 100)), 0.0).tolist() == [1]
    assert tracker.update(faces((100, 100)), 1.0).tolist() == [1]
    assert tracker.update(faces((100, 100)), 2.25).tolist() == [2]


@pytest.mark.parametrize(("step", "expected"), [(0.0, 1), (-0.5, 1), (-3600.0, 2), (3600.0, 2)])
def test_a_clock_may_stand_still_or_step_back_but_not_leap(step, expected):
    tracker = FaceTracker()
    tracker.update(faces((100, 100)), 5000.0)
    assert tracker.update(faces((110, 100)), 5000.0 + step).tolist() == [expected]
    assert tracker.update(faces((115, 100)), 5000.1 + step).tolist() == [expected]


def test_a_face_does_not_become_one_of_another_size_or_far_away():
    tracker = FaceTracker()
    tracker.update(faces((100, 100)), 0.0)
    assert tracker.update(faces((100, 100), side=130), 0.1).tolist() == [2]
    assert tracker.update(faces((300, 100)), 0.2).tolist() == [3]
    assert tracker.update(faces((110, 100), side=70), 0.3).tolist() == [1]


@pytest.mark.parametrize("side", [1.0, 60.0, 1e100])
@pytest.mark.parametrize("way", [1, -1], ids=["across", "down"])
def test_a_face_may_be_off_by_six_tenths_of_its_side_however_small_or_large_it_is(side, way):
    tracker = FaceTracker()
    for off, number in [(0.0, 1), (0.59, 1), (1.2, 2)]:
        face = faces((off * side, 0.0)[::way], side=side)
        assert tracker.update(face, 0.0).tolist() == [number]


@pytest.mark.parametrize("way", [1, -1], ids=["high", "wide"])
def test_the_side_of_a_face_is_that_of_a_square_of_its_area(way):
    tracker = FaceTracker()
    for place, number in [(0, 1), (5, 1), (12, 2)]:
        low, high = (place, 0)[::way], (place + 0.01, 1e4)[::way]
        thin = Detections([[*low, *high]], [0.9], [1])
        assert tracker.update(thin, 0.0).tolist() == [number]


def test_a_face_seen_once_may_walk_any_way_and_one_whose_way_is_known_may_not():
    once, twice = FaceTracker(), FaceTracker()
    twice.update(faces((100, 100)), 0.0)
    for tracker in (once, twice):
        tracker.update(faces((100, 100)), 0.1)
    assert once.update(faces((190, 100)), 0.5).tolist() == [1]
    assert twice.update(faces((190, 100)), 0.5).tolist() == [2]


def test_size_tells_people_apart_who_have_changed_places():
    def pair(large, small):
        boxes = [[large - 40, 60, large + 40, 140], [small - 25, 75, small + 25, 125]]
        return Detections(boxes, [0.9, 0.8], [1, 1])

    tracker = FaceTracker()
    assert tracker.update(pair(large=100, small=160), 0.0).tolist() == [1, 2]
    assert tracker.update(pair(large=150, small=85), 0.3).tolist() == [1, 2]


def test_a_chain_of_overlapping_faces_is_not_one_face():
    boxes = [[x, 0, x + 60, 60] for x in (0, 15, 30, 45)]
    numbers = FaceTracker().update(Detections(boxes, [0.9, 0.8, 0.7, 0.6], [1] * 4), 0.0)
    assert numbers.tolist() == [1, 1, 2, 2]


def test_a_hundred_faces():
    places = [(100 * x, 100 * y) for x in range(10) for y in range(10)]
    tracker = FaceTracker()
    for index in range(5):
        moved = [(x + 20 * index, y) for x, y in places]
        numbers = tracker.update(faces(*moved), index / 5)
        assert sorted(numbers.tolist()) == list(range(1, 101))
        assert numbers.tolist() == tracker.update(faces(*moved), index / 5).tolist()


def test_ended_tracks_are_forgotten():
    tracker = FaceTracker()
    sizes = []
    for index in range(300):
        tracker.update(faces((1000 * (index % 50), 50)), index * 0.5)
        sizes.append(len(pickle.dumps(tracker)))
    assert tracker.count == 300
    assert tracker.active(149.5).tolist() == [297, 298, 299, 300]
    assert tracker.active(1000.0).tolist() == []
    assert tracker.active(1000.0).dtype == np.int64
    assert max(sizes) < 1.1 * sizes[3]  # of four tracks


def test_settings_that_cannot_be_meant_are_refused():
    with pytest.raises(ValueError, match="max_gap_seconds"):
        FaceTracker(max_gap_seconds=-1.0)
    with pytest.raises(ShapeError, match="wh must be"):
        FaceTracker().update(NOBODY, 0.0, (0, 720))


def test_it_is_made_of_its_setting_alone():
    settings = [field.name for field in attrs.fields(FaceTracker) if field.init]
    assert settings == ["max_gap_seconds"]


# Real people.


@pytest.fixture(scope="module")
def filmed(data_dir):
    """YuNet's detections in two clips of two people each, at 12.5 frames a second."""
    cv2 = pytest.importorskip("cv2", reason="filmed: OpenCV is not installed")
    model = str(data_dir / "models" / "face_detection_yunet_2023mar.onnx")
    clips = {}
    for name in ("face-demographics-walking", "head-pose-face-detection-female-and-male"):
        video = cv2.VideoCapture(str(data_dir / "video" / f"{name}.gif"))
        clip = clips[name] = []
        while True:
            read, frame = video.read()
            if not read:
                break
            wh = frame.shape[1], frame.shape[0]
            detector = cv2.FaceDetectorYN.create(model, "", wh, 0.75)
            clip.append(Detections.from_yunet(detector.detect(frame)[1], input_wh=wh, frame_wh=wh))
    return clips


@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("misses", [0.0, 0.3])
@pytest.mark.parametrize(
    "clip", ["face-demographics-walking", "head-pose-face-detection-female-and-male"]
)
def test_two_filmed_people_are_two(filmed, clip, every, misses):
    """In both clips one person stays left of the other throughout, either side of x = 283."""
    rng = np.random.default_rng(1)
    tracker = FaceTracker()
    left, right = set(), set()
    for index, detections in enumerate(filmed[clip][::every]):
        detections = detections[rng.random(len(detections)) >= misses]
        numbers = tracker.update(detections, index * every / 12.5, (480, 270))
        for number, box in zip(numbers.tolist(), detections.boxes):
            (left if box[0] < 283 else right).add(number)
    assert (len(left), len(right), tracker.count) == (1, 1, 2)


# How good a view is.

rubbish = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e308])


@given(rubbish, rubbish, rubbish, rubbish)
def test_quality_is_a_share(sharpness, side, score, visible):
    assert 0.0 <= view_quality(sharpness, side, score, visible) <= 1.0


@given(
    st.tuples(*[st.floats(0, allow_infinity=True)] * 2, *[st.floats(0, 1)] * 2),
    st.integers(0, 3),
    st.floats(0),
)
def test_a_sharper_larger_surer_or_fuller_view_is_no_worse(view, argument, more):
    better = list(view)
    better[argument] += more
    assert view_quality(*better) >= view_quality(*view)


@pytest.mark.parametrize(
    "better", [(300, 60, 0.7, 0.8), (200, 90, 0.7, 0.8), (200, 60, 0.9, 0.8), (200, 60, 0.7, 1.0)]
)
def test_every_argument_tells(better):
    assert view_quality(*better) > view_quality(200, 60, 0.7, 0.8)


def test_quality_at_its_landmarks():
    assert view_quality(math.inf, math.inf, 1.0, 1.0) == 1.0
    assert view_quality(100, math.inf, 1.0, 1.0) == 0.5
    assert view_quality(math.inf, 80, 1.0, 1.0) == 0.5
    assert view_quality(math.inf, 40, 1.0, 1.0) == pytest.approx(0.2)
    assert view_quality(math.nan, 80, 1.0, 1.0) == 0.0
    assert view_quality(0.0, math.inf, 1.0, 1.0) == 0.0
    assert view_quality(math.inf, 0.5, 1.0, 1.0) == pytest.approx(0.25 / 6400.25)


@pytest.mark.parametrize(("share", "counts"), [(-0.5, 0.0), (0.0, 0.0), (0.25, 0.25), (1.5, 1.0)])
def test_score_and_what_is_visible_count_as_they_are_within_0_and_1(share, counts):
    assert view_quality(math.inf, math.inf, share, 1.0) == counts
    assert view_quality(math.inf, math.inf, 1.0, share) == counts
