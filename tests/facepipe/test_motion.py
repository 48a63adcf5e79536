from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facepipe.images import thumbnail
from facepipe.motion import MotionGate

pictures = arrays(np.uint8, (5, 8, 3))
seconds = st.floats(0, 100)


def looked_at(gate, frames):
    """Indices of the frames, pairs of picture and time, that are looked at."""
    return [index for index, (picture, time) in enumerate(frames) if gate.is_due(picture, time)]


@given(pictures, seconds)
def test_the_first_frame_is_looked_at(picture, time):
    assert MotionGate().is_due(picture, time)


@given(pictures, pictures, st.floats(0, 60))
def test_a_frame_that_differs_by_more_than_the_threshold_is_looked_at(one, other, threshold):
    gate = MotionGate(threshold=threshold, linger_seconds=0, idle_seconds=1e9)
    assert gate.is_due(one, 0.0)
    differs = np.abs(one.astype(int) - other).max() > threshold
    assert gate.is_due(other, 1.0) == differs


@given(pictures, st.integers(2, 30))
def test_what_changes_slowly_adds_up(picture, frames):
    """However little each frame differs from the one before."""
    gate = MotionGate(threshold=6.0, linger_seconds=0, idle_seconds=1e9)
    dark = picture // 2
    clip = [((dark + index).astype(np.uint8), float(index)) for index in range(frames)]
    assert looked_at(gate, clip) == list(range(0, frames, 7))


@given(pictures, st.floats(0.2, 3), st.floats(0.2, 5))
def test_a_still_scene_is_looked_at_for_a_while_and_then_now_and_then(picture, linger, idle):
    gate = MotionGate(linger_seconds=linger, idle_seconds=idle)
    times = [index / 10 for index in range(200)]
    seen = [times[index] for index in looked_at(gate, [(picture, time) for time in times])]
    assert [time for time in times if time < linger] == [time for time in seen if time < linger]
    gaps = np.diff([time for time in seen if time >= linger])
    assert (gaps >= idle - 1e-9).all()
    assert (gaps < idle + 0.1 + 1e-9).all()


@given(pictures, st.lists(seconds, min_size=2, max_size=20))
def test_no_clock_makes_it_blind(picture, times):
    """However it steps, a scene is looked at again idle_seconds away from the last look."""
    gate = MotionGate(idle_seconds=2.0)
    last = None
    for time in times:
        if gate.is_due(picture, time):
            last = time
        assert abs(time - last) < 2.0


def test_a_frame_of_another_size_is_looked_at():
    gate = MotionGate(linger_seconds=0)
    assert gate.is_due(np.zeros((4, 4, 3), np.uint8), 0.0)
    assert gate.is_due(np.zeros((4, 5, 3), np.uint8), 0.1)


@pytest.mark.parametrize("seed", range(3))
def test_the_noise_of_a_sensor_is_no_motion(seed):
    """A standard deviation of 6 is that of a cheap camera in bad light."""
    random = np.random.default_rng(seed)
    hall = random.integers(30, 200, (540, 960, 1)).astype(np.float32).repeat(3, axis=2)
    gate = MotionGate(linger_seconds=0, idle_seconds=1e9)
    clip = []
    for index in range(20):
        noisy = hall + random.normal(0, 6, hall.shape)
        clip.append((thumbnail(noisy.clip(0, 255).astype(np.uint8)), float(index)))
    assert looked_at(gate, clip) == [0]


@pytest.mark.parametrize("wh", [(640, 480), (1280, 720), (1920, 1080)])
def test_a_small_face_that_comes_is_motion(portraits, wh):
    """A twentieth of the frame's width, on a wall of its own mean colour."""
    import cv2

    width = wh[0] // 20
    face = cv2.resize(portraits["collins"][60:200, 170:280], (width, width * 5 // 4))
    wall = np.empty((wh[1], wh[0], 3), np.uint8)
    wall[:] = face.mean(axis=(0, 1))
    visited = wall.copy()
    visited[100 : 100 + face.shape[0], 200 : 200 + width] = face
    gate = MotionGate(linger_seconds=0, idle_seconds=1e9)
    assert looked_at(gate, [(thumbnail(wall), 0.0), (thumbnail(visited), 1.0)]) == [0, 1]


def test_a_frame_that_could_not_be_looked_at_does_not_count():
    gate = MotionGate(linger_seconds=0)
    assert gate.is_due(np.zeros((4, 4), np.uint8), 0.0)
    assert not gate.is_due(np.zeros((4, 4), np.uint8), 0.5)
    gate.reset()
    assert gate.is_due(np.zeros((4, 4), np.uint8), 0.6)


def test_unless_told_a_still_scene_is_looked_at_for_a_second_and_then_every_three():
    hall = np.zeros((4, 4), np.uint8)
    clip = [(hall, index / 2) for index in range(14)]
    assert looked_at(MotionGate(), clip) == [0, 1, 7, 13]


@pytest.mark.parametrize(("change", "is_motion"), [(8, False), (9, True)])
def test_unless_told_a_change_of_more_than_eight_is_motion(change, is_motion):
    gate = MotionGate(linger_seconds=0)
    assert gate.is_due(np.zeros((4, 4), np.uint8), 0.0)
    assert gate.is_due(np.full((4, 4), change, np.uint8), 1.0) == is_motion


@pytest.mark.parametrize("setting", ["threshold", "linger_seconds", "idle_seconds"])
def test_no_setting_is_negative(setting):
    with pytest.raises(ValueError, match=setting):
        MotionGate(**{setting: -0.5})


def test_a_gate_is_made_of_its_settings_alone():
    settings = [field.name for field in attrs.fields(MotionGate) if field.init]
    assert settings == ["threshold", "linger_seconds", "idle_seconds"]


def test_a_picture_without_a_pixel_never_differs():
    gate = MotionGate(linger_seconds=0)
    assert gate.is_due(np.zeros((0, 4, 3), np.uint8), 0.0)
    assert not gate.is_due(np.zeros((0, 4, 3), np.uint8), 1.0)
