from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.boxes import clip_boxes
from facepipe_io.edge.blur import KEEP_SECONDS, NEXT_SECONDS, FaceBlur
from facepipe_io.edge.cameras import Frame
from facepipe_io.edge.picker import NO_TRACKS, NOBODY, Look
from tests.facepipe_io.edge.helpers import faces, picture
from tests.strategies import detections

LABELS = ["face", "person", "bottle"]
EMPTY = Look(NOBODY, NO_TRACKS, [])


def frame(time):
    return Frame(picture(), time)


def look(*boxes, tracks=None, labels=()):
    found = faces(*boxes)
    return Look(
        found, np.arange(len(found)) if tracks is None else np.array(tracks), [], labels=labels
    )


def covers(boxes, inner):
    """Whether one of some boxes has another one wholly in it."""
    boxes = boxes.reshape(-1, 4)
    return bool(
        ((boxes[:, :2] <= inner[:2]).all(axis=1) & (boxes[:, 2:] >= inner[2:]).all(axis=1)).any()
    )


@st.composite
def looks(draw):
    found = draw(detections(max_size=5, low=-50.0, high=300.0))
    count = len(found)
    tracks = np.array(draw(st.lists(st.integers(1, 6), min_size=count, max_size=count)), np.int64)
    labels = st.lists(st.sampled_from(LABELS), min_size=count, max_size=count)
    return Look(found, tracks, [], labels=tuple(draw(st.just([]) | labels)))


steps = st.lists(st.tuples(st.floats(-1, 2, width=32), looks()), max_size=8)


@given(steps=steps)
def test_every_face_of_a_frame_and_of_the_second_before_it_is_covered(steps):
    blur, time, seen = FaceBlur(), 1000.0, {}
    for elapsed, found in steps:
        time += elapsed
        boxes = blur.boxes(frame(time), found)
        assert boxes.shape == (len(boxes), 4)
        assert boxes.dtype == np.float64
        assert np.isfinite(boxes).all()
        labels = found.labels or ["face"] * len(found.tracks)
        rows = [row for row, label in enumerate(labels) if label != "bottle"]
        for row in rows:
            assert covers(boxes, found.detections.boxes[row])
            seen[int(found.tracks[row])] = (time, found.detections.boxes[row])
        keep = max(KEEP_SECONDS, abs(elapsed))
        seen = {track: each for track, each in seen.items() if abs(time - each[0]) <= keep}
        for _, box in seen.values():
            assert covers(boxes, box)
        missed = set(seen) - {int(found.tracks[row]) for row in rows}
        assert len(boxes) == len(rows) + len(missed)


@given(found=looks())
def test_what_is_found_does_not_grow_with_time(found):
    """Only what is missed does: a box that is found says where the face is."""
    early, late = FaceBlur(), FaceBlur()
    late.boxes(frame(0.0), found)
    np.testing.assert_array_equal(
        early.boxes(frame(0.5), found), late.boxes(frame(0.5), found)[: len(found.tracks)]
    )


def test_a_face_that_is_missed_is_covered_where_it_may_have_gone():
    blur, box = FaceBlur(), [40, 30, 60, 50]
    sizes = [np.ptp(blur.boxes(frame(0.0), look(box)).reshape(2, 2)[:, 0])]
    for time in (0.2, 0.6, 1.0):
        (grown,) = blur.boxes(frame(time), EMPTY)
        sizes.append(grown[2] - grown[0])
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[1] < sizes[-1]
    assert not len(blur.boxes(frame(1.01), EMPTY))


def test_who_stands_still_is_covered_while_the_detector_rests():
    blur = FaceBlur()
    blur.boxes(frame(0.0), look([40, 30, 60, 50], tracks=[7]))
    resting = Look(NOBODY, NO_TRACKS, [], still=True)
    for time in (2.0, 2.9):
        (covered,) = blur.boxes(frame(time), resting).tolist()
        assert covered[0] <= 40
        assert covered[2] >= 60
    assert not len(blur.boxes(frame(3.0), EMPTY))


def test_a_face_that_is_found_again_is_covered_once():
    blur = FaceBlur()
    blur.boxes(frame(0.0), look([40, 30, 60, 50], tracks=[7]))
    blur.boxes(frame(0.1), EMPTY)
    assert len(blur.boxes(frame(0.2), look([80, 30, 100, 50], tracks=[7]))) == 1


def test_a_face_that_is_missed_in_the_next_frame_is_covered_however_few_there_are():
    blur = FaceBlur()
    blur.boxes(frame(0.0), look([40, 30, 60, 50]))
    assert covers(blur.boxes(frame(2.5), EMPTY), np.array([40, 30, 60, 50]))
    assert not len(blur.boxes(frame(5.0), EMPTY))
    blur.boxes(frame(10.0), look([40, 30, 60, 50]))
    assert not len(blur.boxes(frame(10.0 + NEXT_SECONDS + 0.1), EMPTY))


@pytest.mark.parametrize("label", ["face", "person", "Person", "Human face", "Girl", "tall man"])
def test_people_have_faces(label):
    assert len(FaceBlur().boxes(frame(0.0), look([40, 30, 60, 50], labels=(label,)))) == 1


@pytest.mark.parametrize("label", ["bottle", "Personal care", "surface", "class 3"])
def test_things_have_none(label):
    assert not len(FaceBlur().boxes(frame(0.0), look([40, 30, 60, 50], labels=(label,))))


def test_where_nobody_looks_for_faces_all_is_covered():
    found = Look(NOBODY, NO_TRACKS, [], probabilities=np.array([0.4, 0.6]))
    boxes = FaceBlur().boxes(frame(0.0), found)
    np.testing.assert_array_equal(clip_boxes(boxes, (160, 120)), [[0, 0, 160, 120]])


def test_a_clock_that_is_set_does_not_keep_faces_for_ever():
    blur = FaceBlur()
    blur.boxes(frame(1000.0), look([40, 30, 60, 50]))
    assert not len(blur.boxes(frame(10.0), EMPTY))
    assert not len(blur.boxes(frame(1000.0), EMPTY))
