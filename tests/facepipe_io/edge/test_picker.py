from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.errors import KeyFormatError
from facepipe.images import decode_image
from facepipe.keys import parse_key
from facepipe_io.edge.cameras import Frame
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.picker import CropPicker
from tests.facepipe_io.edge.helpers import ONE_FACE, ScriptedDetector, faces, frames, picture, scene


def make(detector, **more):
    """Scripted detectors do not go by what they are shown, and have to see every frame."""
    return CropPicker("hall", "4f9c", detector, every_frame=True, **more)


def pick(picker, frames):
    """Every crop of a run."""
    crops = [crop for frame in frames for crop in picker.look(frame).crops]
    return crops + picker.flush(frames[-1].time)


def walk(portraits, count=20):
    """Two people: one walks from the left to the middle, the other stays."""
    return [
        Frame(
            scene(
                (portraits["hopper"], 10 + 4 * index, 120, 300),
                (portraits["collins"], 380, 100, 280),
            ),
            1700000000.0 + index / 10,
        )
        for index in range(count)
    ]


def test_each_person_is_sent_once(portraits):
    crops = pick(CropPicker("hall", "4f9c", open_detector("haar")), walk(portraits))
    keys = [parse_key(crop.key) for crop in crops]
    assert sorted((key.track, key.shot) for key in keys) == [(1, 0), (2, 0)]
    assert [(key.track, key.shot) for key in keys] == [(crop.track, crop.shot) for crop in crops]
    for key, crop in zip(keys, crops):
        assert (key.camera, key.run) == ("hall", "4f9c")
        assert 1700000000.0 <= key.captured_at.timestamp() <= 1700000002.0
        image = decode_image(crop.jpeg)
        assert min(image.shape[:2]) >= 80
        assert len(open_detector("haar").detect(image)) == 1


def test_the_same_frames_give_the_same_crops(portraits):
    def run():
        return pick(CropPicker("hall", "4f9c", open_detector("haar")), walk(portraits))

    assert run() == run()


def test_who_stays_is_sent_again_now_and_then():
    picker = make(ScriptedDetector(ONE_FACE), resend_seconds=5.0)
    crops = pick(picker, frames(91, fps=10))
    assert [crop.shot for crop in crops] == [0, 1]


def test_in_still_pictures_everyone_is_sent_at_once():
    detector = ScriptedDetector(faces([10, 10, 40, 50], [80, 10, 120, 60]))
    crops = pick(make(detector, stills=True), frames(3, fps=0.5))
    assert [crop.shot for crop in crops] == [0] * 6
    assert len({crop.track for crop in crops}) == 6


def test_a_flicker_is_not_sent():
    detector = ScriptedDetector(lambda call: ONE_FACE if call == 3 else faces())
    assert pick(make(detector), frames(40)) == []


coordinates = st.floats(-300, 500)


@given(
    boxes=st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), max_size=5),
    scores=st.lists(st.floats(0, 1), min_size=5, max_size=5),
)
def test_whatever_boxes_a_detector_gives_no_crop_is_empty(boxes, scores):
    """Boxes wholly or partly outside of the frame, on one another, thin as a line or inverted."""
    from facepipe.detections import Detections

    boxes = np.array(boxes, float).reshape(-1, 4)
    detector = ScriptedDetector(Detections(boxes, scores[: len(boxes)], [1] * len(boxes)))
    picker = make(detector)
    crops = []
    for frame in frames(12):
        look = picker.look(frame)
        inside = look.detections.boxes
        assert len(look.tracks) == len(inside) <= len(boxes)
        assert (inside >= 0).all()
        assert (inside[:, 2:] <= [160, 120]).all()
        assert (inside[:, :2] < inside[:, 2:]).all()
        crops += look.crops
    for crop in crops + picker.flush(1001.2):
        assert min(decode_image(crop.jpeg).shape[:2]) >= 80


def test_a_frame_that_the_detector_fails_on_loses_no_crop():
    def found(call):
        if call > 5:
            raise RuntimeError("the detector broke")
        return ONE_FACE

    picker = make(ScriptedDetector(found))
    crops = []
    for frame in frames(40):
        with contextlib.suppress(RuntimeError):
            crops += picker.look(frame).crops
    assert len(crops + picker.flush(1004.0)) == 1


def test_a_fault_after_a_crop_was_decided_on_loses_no_crop(monkeypatch):
    """Something fails in every other frame, so also in the one that a crop is due in."""
    for broken in (0, 1):
        calls = []

        def failing(image, calls=calls, broken=broken):
            calls.append(image)
            if len(calls) % 2 == broken:
                raise RuntimeError("a fault")
            return 1.0

        monkeypatch.setattr("facepipe_io.edge.picker.sharpness", failing)
        picker = make(ScriptedDetector(ONE_FACE))
        crops = []
        for frame in frames(40):
            with contextlib.suppress(RuntimeError):
                crops += picker.look(frame).crops
        assert [crop.shot for crop in crops] == [0]


def test_a_crop_does_not_change_with_the_frame_it_was_cut_from():
    """Cameras may use the memory of a frame again."""
    picker = make(ScriptedDetector(ONE_FACE))
    image = picture(200)
    for index in range(5):
        picker.look(Frame(image, 1000 + index / 10))
    image[:] = 0
    (crop,) = picker.flush(1000.5)
    assert decode_image(crop.jpeg).mean() > 190


@pytest.mark.parametrize(
    ("camera", "run"), [("a/b", "4f9c"), ("", "4f9c"), ("hall", "X"), ("hall", "")]
)
def test_a_name_that_fits_into_no_key_is_refused_at_the_start(camera, run):
    with pytest.raises(KeyFormatError):
        CropPicker(camera, run, ScriptedDetector(ONE_FACE))


class TestStillScenes:
    def test_an_empty_scene_that_does_not_change_spares_the_detector(self):
        detector = ScriptedDetector(faces())
        picker = CropPicker("hall", "4f9c", detector)
        still = [picker.look(frame).still for frame in frames(100, fps=10)]
        assert detector.calls == still.count(False) <= 15  # a second of it, then every third second
        assert not any(still[:10])

    def test_whoever_comes_is_looked_for_and_followed(self, portraits):
        """Also while standing as still as a picture."""
        empty = [Frame(scene(), 1700000000.0 + index / 10) for index in range(50)]
        person = scene((portraits["collins"], 200, 100, 280))
        visit = [Frame(person, 1700000005.0 + index / 10) for index in range(40)]
        picker = CropPicker("hall", "4f9c", open_detector("haar"))
        looks = [picker.look(frame) for frame in empty + visit]
        assert sum(look.still for look in looks[:50]) > 30
        assert not any(look.still for look in looks[50:])
        crops = [crop for look in looks for crop in look.crops]
        assert [(crop.track, crop.shot) for crop in crops] == [(1, 0)]

    def test_crops_that_are_due_are_sent_although_nothing_moves(self):
        detector = ScriptedDetector(lambda call: ONE_FACE if call <= 4 else faces())
        picker = CropPicker("hall", "4f9c", detector)
        looks = [picker.look(frame) for frame in frames(60, fps=10)]
        assert sum(len(look.crops) for look in looks) == 1

    def test_pictures_that_have_nothing_to_do_with_each_other_are_all_looked_at(self):
        detector = ScriptedDetector(faces())
        picker = CropPicker("hall", "4f9c", detector, stills=True)
        assert not any(picker.look(frame).still for frame in frames(30, fps=10))
        assert detector.calls == 30


def test_what_is_no_face_says_so_in_its_key():
    detector = ScriptedDetector(faces([10, 10, 40, 50], [80, 10, 120, 60]))
    detector.labels = ("cup", "bottle")
    picker = make(detector)
    clip = frames(20)
    looks = [picker.look(frame) for frame in clip]
    assert {look.labels for look in looks} == {("bottle", "bottle")}
    assert looks[0].objects == 2
    crops = [crop for look in looks for crop in look.crops] + picker.flush(clip[-1].time)
    assert [(crop.label, parse_key(crop.key).label) for crop in crops] == [("bottle", "bottle")] * 2
