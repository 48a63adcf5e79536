from __future__ import annotations

import json
import os

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from facepipe.boxes import scale_boxes
from facepipe.classification import softmax, top_k
from facepipe.crops import crop_regions, cut
from facepipe.detections import Detections
from facepipe_io.edge.classifiers import OnnxClassifier, read_labels
from facepipe_io.errors import ModelError, SettingsError
from tests.facepipe_io.edge.detectors.test_detectors import FACES
from tests.facepipe_io.edge.helpers import picture
from tests.facepipe_io.local.onnx_file import linear_onnx, means_onnx

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
MINI_XCEPTION = "fer2013_mini_XCEPTION_102_066.onnx"


@pytest.fixture
def mini_xception(data_dir):
    return str(data_dir / "models" / MINI_XCEPTION)


@pytest.fixture
def labels(tmp_path):
    def write(*names):
        (tmp_path / "labels.txt").write_text("\n".join(names) + "\n", "utf-8")
        return str(tmp_path / "labels.txt")

    return write


def face(portrait, box):
    wh = (portrait.shape[1], portrait.shape[0])
    found = Detections(scale_boxes([box], (1, 1), wh), [1.0], [1])
    return cut(portrait, crop_regions(found, wh, margin=0.1)[0])


@pytest.fixture
def means(tmp_path):
    """A model that answers the mean of each channel, after its preprocessing."""

    def write(shape=(1, 3, 4, 4), **given):
        (tmp_path / "means.onnx").write_bytes(means_onnx(shape))
        if given:
            (tmp_path / "means.onnx.json").write_text(json.dumps(given))
        return OnnxClassifier(str(tmp_path / "means.onnx"), ["red", "green", "blue"][: shape[1]])

    return write


class TestMiniXception:
    @pytest.mark.parametrize(("name", "expression"), [("collins", "happy"), ("hopper", "neutral")])
    def test_real_faces(self, portraits, mini_xception, labels, name, expression):
        classifier = OnnxClassifier(mini_xception, read_labels(labels(*EXPRESSIONS)))
        shares = classifier.classify(face(portraits[name], FACES[name]))
        assert (shares.shape, shares.dtype) == ((7,), np.float64)
        assert shares.sum() == pytest.approx(1, abs=1e-5)
        assert classifier.labels[top_k(shares, 1)[0]] == expression

    def test_its_shares_are_left_as_they_are(self, portraits, mini_xception):
        """A softmax of shares would bring all seven near one another."""
        shares = OnnxClassifier(mini_xception, EXPRESSIONS).classify(portraits["collins"])
        grey = cv2.cvtColor(portraits["collins"], cv2.COLOR_BGR2GRAY)
        small = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA)
        net = cv2.dnn.readNetFromONNX(mini_xception)
        net.setInput((small / 127.5 - 1).astype(np.float32)[None, None])
        np.testing.assert_allclose(shares, net.forward()[0], atol=0.01)

    def test_the_same_picture_gives_the_same(self, portraits, mini_xception):
        classifier = OnnxClassifier(mini_xception, EXPRESSIONS)
        first = classifier.classify(portraits["hopper"])
        classifier.classify(portraits["collins"])
        np.testing.assert_array_equal(classifier.classify(portraits["hopper"]), first)


class TestAnyOnnx:
    def test_colours_get_imagenets_normalisation_and_logits_a_softmax(self, means):
        image = picture(0, (9, 7))
        image[:] = (20, 120, 240)
        pixels = np.array([240, 120, 20]) / 255
        logits = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        np.testing.assert_allclose(means().classify(image), softmax(logits), atol=1e-5)

    def test_the_json_beside_it_is_followed(self, means):
        image = picture(0, (9, 7))
        image[:] = (0, 51, 204)  # shares of 255 that sum to 1
        shares = means(mean=[0], std=[1], order="BGR").classify(image)
        np.testing.assert_allclose(shares, [0, 0.2, 0.8], atol=1e-6)

    @pytest.mark.parametrize("shape", [(None, 3, 4, 4), (1, 3, None, None), (None, 3, None, None)])
    def test_sides_that_are_left_open(self, means, shape):
        image = picture(0)
        image[:, :, 0] = 255
        assert top_k(means(shape).classify(image), 1).tolist() == [2]

    def test_channels_that_come_last(self, tmp_path):
        weights = np.tile(np.eye(3, dtype=np.float32), (20, 1)) / 20
        (tmp_path / "a.onnx").write_bytes(linear_onnx(weights, (1, 4, 5, 3)))
        classifier = OnnxClassifier(str(tmp_path / "a.onnx"), ["red", "green", "blue"])
        for channel, index in ((2, 0), (1, 1), (0, 2)):
            image = picture(100)
            image[:, :, channel] = 220
            assert top_k(classifier.classify(image), 1).tolist() == [index]

    def test_pictures_of_any_size(self, means):
        classifier = means()
        first = classifier.classify(picture(200))
        for wh in ((1, 1), (3, 200), (1920, 1080)):
            np.testing.assert_allclose(classifier.classify(picture(200, wh)), first, atol=1e-6)


class TestBadModels:
    def refusal(self, *arguments):
        with pytest.raises(ModelError) as caught:
            OnnxClassifier(*arguments)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_labels_of_another_model_are_told_at_opening(self, mini_xception, labels):
        path = labels(*EXPRESSIONS, "contempt")
        with pytest.raises(ModelError, match="7 classes apart, and there are 8 labels; give"):
            OnnxClassifier(mini_xception, read_labels(path))

    @pytest.mark.parametrize("content", [b"", b"no model", bytes(100)])
    def test_rubbish(self, content, tmp_path, capfd):
        (tmp_path / "a.onnx").write_bytes(content)
        assert "damaged or no ONNX classifier: it" in self.refusal(str(tmp_path / "a.onnx"), "ab")
        assert capfd.readouterr() == ("", "")

    def test_missing(self, tmp_path):
        assert "No such file" in self.refusal(str(tmp_path / "a.onnx"), "ab")
        assert "Is a directory" in self.refusal(str(tmp_path), "ab")

    def test_of_another_kind(self, data_dir, capfd):
        models = data_dir / "models"
        for name in ("face_detection_yunet_2023mar.onnx", "opencv_face_detector_uint8.pb"):
            self.refusal(str(models / name), "ab")
        assert capfd.readouterr() == ("", "")

    def test_weights_that_do_not_fit_the_input(self, tmp_path, capfd):
        weights = np.zeros((48, 3), np.float32)
        (tmp_path / "a.onnx").write_bytes(linear_onnx(weights, (1, 3, 5, 5)))
        assert "this OpenCV cannot run" in self.refusal(str(tmp_path / "a.onnx"), "abc")
        assert capfd.readouterr() == ("", "")

    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    @given(missing=st.floats(0, 1) | st.integers(1, 200))
    @example(missing=1)
    @example(missing=0.5)
    def test_truncated(self, missing, mini_xception, tmp_path):
        with open(mini_xception, "rb") as file:  # noqa: PTH123
            data = file.read()
        missing = missing if isinstance(missing, int) else max(1, round(missing * len(data)))
        (tmp_path / "a.onnx").write_bytes(data[: len(data) - missing])
        assert "damaged" in self.refusal(str(tmp_path / "a.onnx"), EXPRESSIONS)

    def test_a_name_that_is_no_utf8(self, mini_xception, tmp_path, portraits):
        path = os.fsdecode(os.path.join(os.fsencode(str(tmp_path)), b"t\xfcr.onnx"))  # noqa: PTH118
        with open(mini_xception, "rb") as file, open(path, "wb") as copy:  # noqa: PTH123
            copy.write(file.read())
        assert OnnxClassifier(path, EXPRESSIONS).classify(portraits["hopper"]).shape == (7,)
        assert "labels" in self.refusal(path, "ab")


class TestBadLabels:
    def test_missing(self, tmp_path):
        with pytest.raises(SettingsError, match=r"labels .*no.txt cannot be used: No such file"):
            read_labels(str(tmp_path / "no.txt"))

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "one a line, not none at all"),
            (b"a\n\nb", "not a blank line 2"),
            (b"caf\xe9", "UTF-8"),
        ],
    )
    def test_no_labels(self, content, told, tmp_path):
        (tmp_path / "labels.txt").write_bytes(content)
        with pytest.raises(SettingsError, match=told):
            read_labels(str(tmp_path / "labels.txt"))
