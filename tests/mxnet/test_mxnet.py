"""What is made of a model of SageMaker's, against MXNet itself.

FACEPIPE_MXNET names the Python of an environment with MXNet 1.9.1; see `make test-mxnet`.
"""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from facepipe.ssd_output import detection_rows
from facepipe_io.edge.detectors import open_detector
from facepipe_io.errors import ModelError
from facepipe_io.training.onnx_export import export_onnx
from facepipe_io.training.package import strip_archive
from facepipe_io.training.parameters import read_parameters
from facepipe_io.training.symbol import strip_training
from tests.facepipe_io.training.symbols import DATA, load
from tests.mxnet.helpers import PYTHON, mxnet

CLASSES = ("disc", "square")


@pytest.fixture(scope="session")
def job(tmp_path_factory):
    """The folder of a training job: model.tar.gz, and the pictures that it learnt from."""
    folder = tmp_path_factory.mktemp("job")
    mxnet("train", folder)
    return folder


@pytest.fixture(scope="session")
def stripped(job, tmp_path_factory):
    out = tmp_path_factory.mktemp("stripped")
    return strip_archive(str(job / "model.tar.gz"), str(out), prefix="shapes", labels=CLASSES)


@pytest.fixture(scope="session")
def reference(job):
    """What a detection head that MXNet builds itself finds with the same weights, `(N, K, 6)`."""
    mxnet("reference", job, job / "reference.npy")
    return np.load(job / "reference.npy")


@pytest.fixture(scope="session")
def exported(stripped, tmp_path_factory):
    return export_onnx(
        str(stripped.symbol),
        str(stripped.parameters),
        str(tmp_path_factory.mktemp("exported") / "shapes.onnx"),
        side=stripped.side,
        labels=CLASSES,
        mxnet=PYTHON,
    )


@pytest.fixture
def pictures(job):
    """`(N, H, W, 3)` uint8, BGR."""
    return np.load(job / "pictures.npy").transpose(0, 2, 3, 1)[..., ::-1].copy()


def test_it_learnt_enough_to_be_compared(job, reference):
    labels = np.load(job / "labels.npy")
    sure = reference[(reference[..., 0] >= 0) & (reference[..., 1] > 0.5)]
    assert len(sure) >= len(labels)
    assert set(sure[:, 0]) == {0, 1}


def test_the_stripped_model_finds_what_mxnets_own_head_finds(job, stripped, reference):
    mxnet("rows", stripped.symbol, stripped.parameters, job / "pictures.npy", job / "rows.npy")
    np.testing.assert_array_equal(np.load(job / "rows.npy"), reference)


def test_so_does_opencv_with_the_exported_one(exported, reference, pictures):
    assert (exported.anchors, exported.classes) == (reference.shape[1], len(CLASSES))
    detector = open_detector("ssd", str(exported.path))
    assert detector.labels == CLASSES
    for picture, rows in zip(pictures, reference):
        expected = rows[rows[:, 0] >= 0]
        found = detection_rows(detector._network.run(picture))
        np.testing.assert_allclose(found, expected, atol=1e-4)
        sure = expected[expected[:, 1] >= detector.min_score]
        detections = detector.detect(picture)
        assert detections.labels.tolist() == sure[:, 0].tolist()
        side = picture.shape[0]
        np.testing.assert_allclose(detections.boxes, sure[:, 2:] * side, atol=1e-4 * side)


def test_a_larger_picture_is_scaled(exported, pictures):
    detector = open_detector("ssd", str(exported.path))
    small = detector.detect(pictures[0])
    large = detector.detect(cv2.resize(pictures[0], (128, 128), interpolation=cv2.INTER_NEAREST))
    assert len(small) > 0
    np.testing.assert_allclose(large.boxes, small.boxes * 2, rtol=1e-5)


def test_networks_of_other_names_and_orders(tmp_path):
    mxnet("symbols", tmp_path)
    for index in range(8):
        trained = (tmp_path / f"train{index}-symbol.json").read_bytes()
        deployed = json.loads((tmp_path / f"deploy{index}-symbol.json").read_bytes())
        assert json.loads(strip_training(trained).text) == deployed


def test_what_is_kept_of_mxnets_symbols_is_what_it_saves(tmp_path):
    mxnet("symbols", tmp_path)
    for kept, made in (("small-train", "train0"), ("small-deploy", "deploy0")):
        assert load(kept) == json.loads((tmp_path / f"{made}-symbol.json").read_bytes())


@pytest.mark.parametrize("key", ["attrs", "attr", "param"])
def test_mxnet_reads_the_spellings_of_its_releases(job, reference, tmp_path, key):
    symbol = json.loads((job / "model_algo_1-symbol.json").read_bytes())
    for node in symbol["nodes"]:
        if "attrs" in node:
            node[key] = node.pop("attrs")
    path = tmp_path / "deploy-symbol.json"
    path.write_text(strip_training(json.dumps(symbol).encode(), nms=0.45).text, "utf-8")
    mxnet(
        "rows",
        path,
        job / "model_algo_1-0000.params",
        job / "pictures.npy",
        tmp_path / "rows.npy",
    )
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), reference)


def test_shapes_of_parameters_are_those_mxnet_saved(job):
    shapes = read_parameters(str(job / "model_algo_1-0000.params"))
    assert shapes["arg:conv1_weight"] == (16, 3, 3, 3)
    assert shapes["aux:conv1_bn_moving_mean"] == (16,)
    assert shapes["arg:scale"] == (1, 32, 1, 1)


def test_a_network_that_is_not_stripped_is_not_exported(job, tmp_path):
    with pytest.raises(ModelError, match="does not end in MultiBoxDetection; strip it"):
        export_onnx(
            str(job / "model_algo_1-symbol.json"),
            str(job / "model_algo_1-0000.params"),
            str(tmp_path / "out" / "shapes.onnx"),
            side=64,
            mxnet=PYTHON,
        )
    assert list((tmp_path / "out").iterdir()) == []


def test_parameters_of_another_network(stripped, tmp_path):
    symbol = tmp_path / "resnet50-symbol.json"
    content = (DATA / "resnet50-train-symbol.json").read_bytes()
    symbol.write_text(strip_training(content).text, "utf-8")
    with pytest.raises(ModelError, match="MXNet cannot export it") as caught:
        export_onnx(
            str(symbol),
            str(stripped.parameters),
            str(tmp_path / "shapes.onnx"),
            side=64,
            mxnet=PYTHON,
        )
    assert "\n" not in str(caught.value)
