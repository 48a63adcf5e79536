from __future__ import annotations

import json

import numpy as np
import pytest

from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.networks.preprocessing import SSD_MEAN
from facepipe_io.errors import ModelError
from tests.facepipe_io.edge.helpers import picture
from tests.facepipe_io.local.onnx_file import linear_onnx, rows_onnx

# x0, y0, x1, y1 and the probabilities of a bottle and a can.
ROWS = np.array(
    [
        [0.1, 0.2, 0.3, 0.6, 0.9, 0.0],
        [0.11, 0.2, 0.3, 0.6, 0.7, 0.0],  # the same again
        [0.1, 0.2, 0.3, 0.6, 0.1, 0.8],  # another thing in the same place
        [0.6, 0.2, 0.8, 0.6, 0.0, 0.6],
        [0.4, 0.7, 0.5, 0.9, 0.2, 0.1],
    ],
    np.float32,
)


@pytest.fixture
def write(tmp_path):
    def write(content, labels="bottle\ncan\n", **preprocessing):
        path = tmp_path / "bottles.onnx"
        path.write_bytes(content)
        if labels is not None:
            path.with_suffix(".txt").write_text(labels, "utf-8")
        if preprocessing:
            (tmp_path / "bottles.onnx.json").write_text(json.dumps(preprocessing))
        return str(path)

    return write


class TestDetections:
    def test_are_in_pixels_of_the_picture(self, write):
        detector = open_detector("ssd", write(rows_onnx(ROWS)))
        found = detector.detect(picture(wh=(200, 100)))
        assert found.labels.tolist() == [0, 1, 1]
        np.testing.assert_allclose(found.scores, [0.9, 0.8, 0.6], rtol=1e-6)
        # Letterboxed, the picture has the middle half of the square.
        same = [20, -10, 60, 70]
        np.testing.assert_allclose(found.boxes, [same, same, [120, -10, 160, 70]], rtol=1e-6)

    def test_below_the_least_score_are_left_out(self, write):
        detector = open_detector("ssd", write(rows_onnx(ROWS)))
        detector.min_score = 0.85
        assert len(detector.detect(picture())) == 1
        detector.min_score = 0.1
        assert len(detector.detect(picture())) == 4


class TestLabels:
    def test_are_those_beside_the_model(self, write):
        assert open_detector("ssd", write(rows_onnx(ROWS))).labels == ("bottle", "can")

    def test_unless_others_are_given(self, write):
        model = write(rows_onnx(ROWS), labels=None)
        assert open_detector("ssd", model, labels=["a", "b"]).labels == ("a", "b")

    def test_without_any_it_finds_faces(self, write):
        assert open_detector("ssd", write(rows_onnx(ROWS), labels=None)).label(1) == "face"

    @pytest.mark.parametrize("labels", ["bottle\n", "bottle\ncan\njar\n"])
    def test_are_as_many_as_there_are_classes(self, write, labels):
        with pytest.raises(ModelError, match=r"tells 2 classes apart, and there are [13] labels"):
            open_detector("ssd", write(rows_onnx(ROWS), labels))


class TestInput:
    @pytest.fixture
    def channels(self, write):
        """What a model is given: the mean of each of its input's channels."""

        def read(image, **preprocessing):
            weights = np.zeros((3, 64, 5))
            for channel in range(3):
                weights[channel, :, channel] = 1 / 64
            rows = np.zeros((1, 5), np.float32)
            model = write(rows_onnx(rows, weights=weights.reshape(192, 5)), "x", **preprocessing)
            return open_detector("ssd", model)._network.run(image)[0, 0, :3]

        return read

    colours = np.dstack([np.full((6, 8), value, np.uint8) for value in (10, 100, 200)])  # B, G, R

    def test_is_normalised_as_sagemaker_does(self, channels):
        expected = np.array([200, 100, 10]) - SSD_MEAN
        np.testing.assert_allclose(channels(self.colours), expected, rtol=1e-4)

    def test_unless_a_file_beside_it_says_otherwise(self, channels):
        made = channels(self.colours, mean=[0], std=[1], order="BGR")
        np.testing.assert_allclose(made, np.array([10, 100, 200]) / 255, rtol=1e-4)


class TestOtherFiles:
    def test_missing(self, tmp_path):
        with pytest.raises(ModelError, match=r"No such file.*check the path"):
            open_detector("ssd", str(tmp_path / "bottles.onnx"))

    @pytest.mark.parametrize("content", [b"", b"no model", rows_onnx(ROWS)[:-40]])
    def test_damaged(self, write, content):
        with pytest.raises(ModelError, match="it is damaged"):
            open_detector("ssd", write(content))

    @pytest.mark.parametrize("classes", [3, 30])
    def test_a_classifier(self, write, classes):
        content = linear_onnx(np.zeros((192, classes), np.float32), (1, 3, 8, 8))
        with pytest.raises(ModelError, match="no SSD that facepipe exported"):
            open_detector("ssd", write(content))

    def test_layers_that_opencv_does_not_know(self, write):
        content = rows_onnx(ROWS).replace(b"MatMul", b"MatMux")
        with pytest.raises(ModelError, match="layers that this OpenCV cannot run"):
            open_detector("ssd", write(content))
