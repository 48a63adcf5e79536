from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from facepipe.boxes import box_iou, clip_boxes
from facepipe.errors import ShapeError
from facepipe.images import decode_image
from facepipe_io.edge import opencv
from facepipe_io.edge.cameras import Frame
from facepipe_io.edge.detectors import default_detector, open_detector
from facepipe_io.edge.picker import CropPicker
from facepipe_io.errors import ModelError, SettingsError
from tests.facepipe_io.edge.helpers import STANDINS, picture, scene

YUNET = "face_detection_yunet_2023mar.onnx"
SSD = "opencv_face_detector_uint8.pb"
HAAR = "haarcascade_frontalface_default.xml"

# The face in each portrait, x0, y0, x1, y1 as shares of its width and height.
FACES = {"hopper": (0.33, 0.16, 0.62, 0.51), "collins": (0.34, 0.13, 0.56, 0.42)}


@pytest.fixture(params=["haar", "yunet", "ssd"])
def detector(request):
    if request.param == "haar":
        return open_detector("haar")
    models = request.getfixturevalue("data_dir") / "models"
    return open_detector(request.param, str(models / {"yunet": YUNET, "ssd": SSD}[request.param]))


def face_in(portraits, name, left, top, height):
    """Where a portrait's face is once `scene` has put it in."""
    width = portraits[name].shape[1] * height / portraits[name].shape[0]
    x0, y0, x1, y1 = FACES[name]
    return [left + x0 * width, top + y0 * height, left + x1 * width, top + y1 * height]


def test_two_people_are_found_where_they_are(detector, portraits):
    image = scene(
        (portraits["hopper"], 20, 100, 300), (portraits["collins"], 340, 60, 290), wh=(640, 480)
    )
    expected = [
        face_in(portraits, "hopper", 20, 100, 300),
        face_in(portraits, "collins", 340, 60, 290),
    ]
    found = detector.detect(image)
    assert len(found) == 2
    assert (box_iou(expected, found.boxes).max(axis=1) > 0.4).all()
    assert (found.scores >= detector.min_score).all()


@pytest.mark.parametrize("scale", [2, 3])
def test_boxes_are_in_pixels_of_the_whole_frame(detector, portraits, scale):
    small = scene((portraits["hopper"], 200, 100, 300))
    large = cv2.resize(small, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    on_small, on_large = detector.detect(small), detector.detect(large)
    assert len(on_small) == len(on_large) == 1
    assert box_iou(on_small.boxes * scale, on_large.boxes)[0, 0] > 0.8


def test_nobody_is_found_where_nobody_is(detector):
    for wh in ((300, 200), (1920, 1080), (1, 1), (1920, 40), (40, 1920)):
        for grey in (0, 128, 255):
            assert len(detector.detect(picture(grey, wh))) == 0


def test_the_same_frame_gives_the_same_faces(detector, portraits):
    image = scene((portraits["hopper"], 20, 100, 300), (portraits["collins"], 340, 60, 290))
    assert detector.detect(image) == detector.detect(image)


@pytest.mark.parametrize("left", [(20, 180), (180, 20)])
@pytest.mark.parametrize("heights", [(290, 220), (220, 290)])
def test_what_haar_finds_comes_in_an_order_of_its_own(portraits, left, heights):
    """OpenCV's threads find faces in any order; here the one whose box ends higher is first."""
    image = scene(
        (portraits["hopper"], 20, left[0], heights[0]),
        (portraits["collins"], 340, left[1], heights[1]),
    )
    boxes = open_detector("haar").detect(image).boxes
    assert len(boxes) == 2
    assert boxes[0, 3] < boxes[1, 3]


def test_frames_may_change_in_size(detector, portraits):
    assert len(detector.detect(scene((portraits["hopper"], 20, 100, 300)))) == 1
    tall = scene((portraits["hopper"], 20, 100, 300), wh=(400, 700))
    assert len(detector.detect(tall)) == 1


def test_the_crops_go_on_when_the_camera_changes_its_frame_size(detector, portraits):
    picker = CropPicker("door", "abcd", detector, resend_seconds=1.0)
    portrait, time, crops = portraits["hopper"], 1.6e9, []
    for wh in ((640, 480), (1280, 720), (400, 700), (640, 480)):
        image = scene((portrait, wh[0] // 10, wh[1] // 10, wh[0] * 3 // 5), wh=wh)
        sent = []
        for _ in range(6):
            look = picker.look(Frame(image, time))
            time += 0.25
            assert len(look.detections) == 1
            assert (clip_boxes(look.detections.boxes, wh) == look.detections.boxes).all()
            sent += look.crops
        assert sent
        crops += sent
    for crop in crops:
        assert len(detector.detect(decode_image(crop.jpeg))) >= 1


def test_the_ssd_finds_faces_that_are_overexposed(portraits, data_dir):
    """It finds neither unless its training's mean colour is taken off."""
    detector = open_detector("ssd", str(data_dir / "models" / SSD))
    for image in portraits.values():
        overexposed = 255 - ((255 - image) * 0.2).astype(np.uint8)
        assert len(detector.detect(overexposed)) == 1


def test_a_higher_least_score_finds_fewer(portraits):
    image = scene((portraits["hopper"], 200, 100, 300))
    assert len(open_detector("haar", min_score=0.0).detect(image)) >= 1
    assert len(open_detector("haar", min_score=1.0).detect(image)) == 0


class TestBadModels:
    @pytest.mark.parametrize("name", ["yunet", "ssd", "haar", "awscam"])
    def test_missing(self, name, tmp_path):
        with pytest.raises(ModelError, match=r"No such file.*check the path"):
            open_detector(name, str(tmp_path / "missing.onnx"))

    @pytest.mark.parametrize("name", ["yunet", "ssd", "awscam"])
    def test_not_named(self, name):
        with pytest.raises(SettingsError, match="with FACEPIPE_MODEL or --model"):
            open_detector(name)

    @pytest.mark.parametrize("name", ["haar", "ssd", "yunet"])
    def test_a_name_that_is_no_utf8(self, name, tmp_path):
        """OpenCV would crash."""
        path = os.path.join(os.fsencode(str(tmp_path)), b"t\xfcr.xml")  # noqa: PTH118
        with open(path, "wb"):  # noqa: PTH123
            pass
        with pytest.raises(ModelError, match="no UTF-8; rename it"):
            open_detector(name, os.fsdecode(path))

    def test_a_folder(self, tmp_path):
        with pytest.raises(ModelError, match="Is a directory"):
            open_detector("yunet", str(tmp_path))

    @pytest.mark.parametrize(
        ("name", "file"),
        [("yunet", "a.onnx"), ("ssd", "a.pb"), ("ssd", "a.caffemodel"), ("haar", "a.xml")],
    )
    @pytest.mark.parametrize("content", [b"", b"no model"])
    def test_rubbish(self, name, file, content, tmp_path, capfd):
        (tmp_path / file).write_bytes(content)
        (tmp_path / "a.pbtxt").write_bytes(content)
        (tmp_path / "a.prototxt").write_bytes(content)
        with pytest.raises(ModelError) as caught:
            open_detector(name, str(tmp_path / file))
        assert "\n" not in str(caught.value)
        if file != "a.caffemodel":  # protobuf's reader of text has the last word
            assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(("name", "file"), [("yunet", YUNET), ("ssd", SSD), ("haar", HAAR)])
    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    @given(missing=st.floats(0, 1) | st.integers(1, 200))
    @example(missing=1)
    @example(missing=99)
    @example(missing=0.5)
    @example(missing=1.0)
    def test_truncated(self, name, file, missing, data_dir, tmp_path, portraits):
        """It is told, unless it finds the same without what is missing.

        The last 9 kB of the SSD are constants that its network does not use.
        """
        whole = data_dir / "models" / file if name != "haar" else Path(opencv.cascade_path(HAAR))
        data = whole.read_bytes()
        missing = missing if isinstance(missing, int) else round(missing * len(data))
        shutil.copy(str(data_dir / "models" / "opencv_face_detector.pbtxt"), str(tmp_path))
        (tmp_path / file).write_bytes(data[: len(data) - missing])
        try:
            detector = open_detector(name, str(tmp_path / file))
        except ModelError as error:
            assert "damaged" in error.reason or "no cascade" in error.reason
            assert "\n" not in str(error)
        else:
            assert missing < 10_000
            image = scene((portraits["hopper"], 20, 100, 300))
            assert detector.detect(image) == open_detector(name, str(whole)).detect(image)

    def test_of_another_kind(self, data_dir, capfd):
        models = data_dir / "models"
        for name, file in [
            ("yunet", "fer2013_mini_XCEPTION_102_066.onnx"),
            ("yunet", SSD),
            ("ssd", YUNET),
            ("haar", YUNET),
        ]:
            with pytest.raises(ModelError) as caught:
                open_detector(name, str(models / file))
            assert "\n" not in str(caught.value)
        assert capfd.readouterr() == ("", "")

    def test_an_ssd_whose_text_is_missing(self, data_dir, tmp_path):
        shutil.copy(str(data_dir / "models" / SSD), str(tmp_path))
        with pytest.raises(ModelError, match=r"put opencv_face_detector_uint8.pbtxt beside it"):
            open_detector("ssd", str(tmp_path / SSD))

    def test_an_ssd_whose_text_could_be_either_of_two(self, data_dir, tmp_path):
        shutil.copy(str(data_dir / "models" / SSD), str(tmp_path))
        text = data_dir / "models" / "opencv_face_detector.pbtxt"
        shutil.copy(str(text), str(tmp_path / "one.pbtxt"))
        shutil.copy(str(text), str(tmp_path / "two.pbtxt"))
        with pytest.raises(ModelError, match="beside it"):
            open_detector("ssd", str(tmp_path / SSD))
        shutil.copy(str(text), str((tmp_path / SSD).with_suffix(".pbtxt")))
        assert open_detector("ssd", str(tmp_path / SSD)).name == "ssd"

    def test_an_opencv_without_yunet(self, monkeypatch, tmp_path):
        (tmp_path / "a.onnx").write_bytes(b"model")
        monkeypatch.delattr(cv2, "FaceDetectorYN")
        with pytest.raises(ModelError, match="use the detector ssd or haar"):
            open_detector("yunet", str(tmp_path / "a.onnx"))

    def test_an_opencv_without_cascades(self, monkeypatch):
        monkeypatch.setattr(opencv, "_cascade_folders", lambda: iter(["/nowhere"]))
        with pytest.raises(ModelError, match="set FACEPIPE_MODEL"):
            open_detector("haar")

    def test_no_such_detector(self):
        with pytest.raises(SettingsError, match="use one of awscam, haar, onnx, ssd, yunet"):
            open_detector("yolo")

    def test_awscam_elsewhere(self, tmp_path):
        (tmp_path / "model.xml").write_bytes(b"<?xml")
        with pytest.raises(SettingsError, match="DeepLens only; name another"):
            open_detector("awscam", str(tmp_path / "model.xml"))


def test_another_cascade_may_be_named(portraits):
    path = cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml"
    assert len(open_detector("haar", path).detect(scene((portraits["hopper"], 9, 9, 400)))) == 1


class TestAwscam:
    @pytest.fixture
    def awscam(self, monkeypatch, tmp_path):
        monkeypatch.syspath_prepend(str(STANDINS))
        monkeypatch.delitem(sys.modules, "awscam", raising=False)
        import awscam

        yield awscam
        del sys.modules["awscam"]

    @pytest.fixture
    def model(self, tmp_path):
        (tmp_path / "model.xml").write_bytes(b"<?xml version='1.0'?>")
        return str(tmp_path / "model.xml")

    @pytest.mark.parametrize("label", [str, int])
    def test_boxes_are_in_pixels_of_the_frame_whatever_the_labels_are(self, awscam, model, label):
        awscam.LABEL = label
        image = picture(0, (1920, 1080))
        image[216:540, 192:768] = 200
        found = open_detector("awscam", model).detect(image)
        assert len(found) == 1
        np.testing.assert_allclose(found.boxes[0], [192, 216, 768, 540], atol=8)
        assert found.labels.tolist() == [1]

    def test_rubbish_is_dropped(self, awscam, model, monkeypatch):
        good = {"label": 1, "prob": 0.9, "xmin": 30, "ymin": 30, "xmax": 60, "ymax": 90}
        bad = [
            dict(good, prob=float("nan")),
            dict(good, prob=7.0),
            dict(good, xmin=float("inf")),
            dict(good, xmax=30),
            dict(good, ymax=10),
            dict(good, label=-1),
            dict(good, prob=0.1),
        ]
        monkeypatch.setattr(awscam.Model, "parseResult", lambda *_: {"ssd": [*bad, good, good]})
        found = open_detector("awscam", model).detect(picture(0, (600, 300)))
        assert found.boxes.tolist() == [[60, 30, 120, 90]]

    def test_another_kind_of_answer_says_what_was_expected(self, awscam, model, monkeypatch):
        monkeypatch.setattr(awscam.Model, "parseResult", lambda *_: {"classification": []})
        with pytest.raises(ShapeError, match="ssd"):
            open_detector("awscam", model).detect(picture())

    def test_a_model_that_awscam_refuses(self, awscam, tmp_path):
        (tmp_path / "model.xml").write_bytes(b"not a model")
        with pytest.raises(ModelError, match="awscam refuses it"):
            open_detector("awscam", str(tmp_path / "model.xml"))


@pytest.mark.parametrize(
    ("source", "model", "expected"),
    [
        ("awscam", None, "awscam"),
        ("awscam", "m.xml", "awscam"),
        ("0", "m.onnx", "yunet"),
        ("0", None, "haar"),
        ("demo", None, "haar"),
        ("demo", "opencv_face_detector_uint8.pb", "ssd"),
        ("awscam", "face.caffemodel", "ssd"),
        ("awscam", "yunet.ONNX", "yunet"),
        ("0", "cascade.xml", "haar"),
        ("0", "model", "yunet"),
    ],
)
def test_the_detector_that_suits_source_and_model(source, model, expected):
    assert default_detector(source, model) == expected


def test_an_onnx_file_with_labels_is_no_yunet():
    assert default_detector("0", "bottles.onnx", named=True) == "onnx"
    assert default_detector("0", "bottles.pb", named=True) == "ssd"
