"""Detectors in ONNX files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from facepipe_io.edge.detectors import open_detector
from facepipe_io.errors import ModelError, SettingsError
from tests.facepipe_io.edge.helpers import picture
from tests.facepipe_io.local.onnx_file import means_onnx, squares_onnx

COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}
YUNET = "face_detection_yunet_2023mar.onnx"


@pytest.fixture
def model(tmp_path):
    (tmp_path / "squares.onnx").write_bytes(squares_onnx())
    (tmp_path / "squares.txt").write_text("\n".join(COLOURS), "utf-8")
    return tmp_path / "squares.onnx"


def squares(*places, wh=(640, 320)):
    """Squares of 160 pixels, each of a colour, on black; each fills a cell of the model."""
    image = picture(0, wh)
    for colour, x, y in places:
        image[y : y + 160, x : x + 160] = COLOURS[colour]
    return image


def test_what_is_there_is_found_and_named(model):
    detector = open_detector("onnx", str(model))
    found = detector.detect(squares(("blue", 0, 160), ("red", 320, 0)))
    assert len(found) == 2
    named = {detector.label(n): box for n, box in zip(found.labels.tolist(), found.boxes.tolist())}
    assert named.keys() == {"blue", "red"}
    np.testing.assert_allclose(named["blue"], [0, 160, 160, 320], atol=1)
    np.testing.assert_allclose(named["red"], [320, 0, 480, 160], atol=1)


def test_nothing_is_found_where_nothing_is(model):
    detector = open_detector("onnx", str(model))
    for wh in ((640, 320), (1, 1), (3, 900)):
        assert len(detector.detect(picture(200, wh))) == 0


def test_labels_that_are_given_beat_the_file(model):
    detector = open_detector("onnx", str(model), labels=["Face", "b", "c"])
    assert [detector.label(n) for n in range(4)] == ["face", "b", "c", "class 3"]
    model.with_suffix(".txt").unlink()
    assert open_detector("onnx", str(model)).label(2) == "face"


def test_labels_of_another_model_are_told(model):
    model.with_suffix(".txt").write_text("one\n", "utf-8")
    with pytest.raises(ModelError, match="tells 3 classes apart, and there are 1 labels"):
        open_detector("onnx", str(model))


def test_the_json_beside_it_is_followed(model):
    model.with_name("squares.onnx.json").write_text(json.dumps({"order": "BGR"}))
    detector = open_detector("onnx", str(model))
    assert [detector.label(n) for n in detector.detect(squares(("blue", 0, 0))).labels] == ["red"]


@pytest.mark.parametrize(
    ("content", "told"), [("a/b", "no slash"), ("a\n", "blank line"), ("x" * 65, "64")]
)
def test_labels_that_cannot_be_used(model, content, told):
    model.with_suffix(".txt").write_text(content + "\ny\nz", "utf-8")
    with pytest.raises(SettingsError, match=told):
        open_detector("onnx", str(model))


class TestOtherModels:
    def refusal(self, model):
        with pytest.raises(ModelError) as caught:
            open_detector("onnx", str(model))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_no_detector(self, model):
        model.write_bytes(means_onnx((1, 3, 32, 32)))
        assert "no detector of the YOLO family" in self.refusal(model)

    def test_of_several_outputs(self, data_dir):
        assert "answers 12 arrays" in self.refusal(data_dir / "models" / YUNET)

    @pytest.mark.parametrize("share", [0.2, 0.9])
    def test_truncated(self, model, share):
        data = model.read_bytes()
        model.write_bytes(data[: int(share * len(data))])
        assert "damaged" in self.refusal(model)
