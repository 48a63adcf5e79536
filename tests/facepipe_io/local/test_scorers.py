"""Local scorers answer as DetectFaces does, and see the smile that is there."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import cv2
import numpy as np
import pytest

from facepipe.crops import crop_regions, cut
from facepipe.detections import Detections
from facepipe.records import score_crop
from facepipe_io.errors import ModelError
from facepipe_io.local.scorers import OnnxScorer, SmileScorer, open_scorer
from tests.facepipe_io.local.onnx_file import linear_onnx

# In the portraits, found by eye.
FACES = {"hopper": (165, 120, 370, 335), "collins": (172, 66, 276, 172)}
MOODS = {"hopper": "CALM", "collins": "HAPPY"}
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def smile():
    return SmileScorer()


@pytest.fixture(scope="module")
def xception(data_dir):
    return OnnxScorer(str(data_dir / "models/fer2013_mini_XCEPTION_102_066.onnx"))


def crop_of(portraits, name, side=None, *, mirrored=False):
    image = portraits[name]
    found = Detections([FACES[name]], [0.9], [1])
    region = crop_regions(found, (image.shape[1], image.shape[0]))[0]
    crop = cut(image, region)
    if side is not None:
        crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(crop[:, ::-1] if mirrored else crop)


def assert_is_detect_faces_response(response):
    assert set(response) == {"FaceDetails"}
    for face in response["FaceDetails"]:
        box = face["BoundingBox"]
        assert set(box) == {"Left", "Top", "Width", "Height"}
        assert all(0 <= share <= 1 for share in box.values())
        assert box["Left"] + box["Width"] <= 1 + 1e-9
        assert box["Top"] + box["Height"] <= 1 + 1e-9
        assert 0 <= face["Confidence"] <= 100
        confidences = [emotion["Confidence"] for emotion in face["Emotions"]]
        assert confidences == sorted(confidences, reverse=True)
        assert all(0 <= confidence <= 100 for confidence in confidences)
        assert sum(confidences) == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("side", [None, 120, 200])
@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_a_broad_smile_is_happy_and_a_closed_mouth_calm(smile, portraits, name, side, mirrored):
    response = smile.detect_faces(crop_of(portraits, name, side, mirrored=mirrored))
    assert_is_detect_faces_response(response)
    scored = score_crop("faces/x.jpg", response, event_time=NOON)
    assert scored.emotions.dominant == MOODS[name]


@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_mini_xception_knows_the_portraits(xception, portraits, name):
    response = xception.detect_faces(crop_of(portraits, name))
    assert_is_detect_faces_response(response)
    assert response["FaceDetails"][0]["Emotions"][0]["Type"] == MOODS[name]
    assert len(response["FaceDetails"][0]["Emotions"]) == 7


def test_the_face_is_where_it_is(smile, portraits):
    face = smile.detect_faces(crop_of(portraits, "hopper"))["FaceDetails"][0]
    box = face["BoundingBox"]
    # The crop's margin is 0.4 of the face's side all around.
    assert box["Left"] + box["Width"] / 2 == pytest.approx(0.5, abs=0.08)
    assert box["Width"] == pytest.approx(1 / 1.8, abs=0.12)


@pytest.mark.parametrize("wh", [(200, 200), (300, 90), (80, 200), (1, 1), (3, 2)])
def test_without_a_face_the_middle_of_a_crop_is_it(smile, wh):
    blank = np.full((wh[1], wh[0], 3), 90, np.uint8)
    response = smile.detect_faces(blank)
    assert_is_detect_faces_response(response)
    (face,) = response["FaceDetails"]
    assert face["BoundingBox"]["Left"] + face["BoundingBox"]["Width"] / 2 == pytest.approx(0.5)


def test_in_pictures_that_are_no_crops_every_face_is_scored_and_nothing_else(portraits):
    scorer = SmileScorer(crops_only=False)
    assert scorer.detect_faces(np.full((300, 300, 3), 90, np.uint8)) == {"FaceDetails": []}
    both = np.full((512, 1100, 3), 128, np.uint8)
    both[:, :512] = portraits["hopper"][:512]
    both[:, 588:] = portraits["collins"]
    response = scorer.detect_faces(both)
    assert_is_detect_faces_response(response)
    faces = {
        ("hopper" if f["BoundingBox"]["Left"] < 0.45 else "collins"): f["Emotions"][0]["Type"]
        for f in response["FaceDetails"]
    }
    assert faces == MOODS


@pytest.mark.parametrize(
    ("name", "index", "mood"),
    [
        ("aws-samples/friends.png", 0, "HAPPY"),
        ("aws-samples/photo01.jpeg", 0, "CALM"),
        ("aws-samples/proctor_identity.jpg", 0, "CALM"),
    ],
)
def test_real_photographs(data_dir, smile, xception, name, index, mood):
    truth = json.loads((data_dir / "images/ground_truth.json").read_text("utf-8"))[name]
    x, y, width, height = truth["faces"][index]["box"]
    image = cv2.imread(str(data_dir / "images" / name))
    found = Detections([[x, y, x + width, y + height]], [0.9], [1])
    crop = cut(image, crop_regions(found, (truth["width"], truth["height"]))[0])
    for scorer in (smile, xception):
        assert scorer.detect_faces(crop)["FaceDetails"][0]["Emotions"][0]["Type"] == mood


def test_ferplus_is_known_by_its_eight_logits(tmp_path, portraits):
    weights = np.zeros((64 * 64, 8))
    weights[:, 2] = 3.0 / (255 * 64 * 64)  # "surprise" grows with the light, 3 at most
    path = tmp_path / "ferplus.onnx"
    path.write_bytes(linear_onnx(weights))
    scorer = OnnxScorer(str(path))
    assert scorer.name == "FER+"
    white = scorer.detect_faces(np.full((200, 200, 3), 255, np.uint8))["FaceDetails"][0]
    assert white["Emotions"][0]["Type"] == "SURPRISED"
    # softmax of one 3 among seven 0
    expected = 100 * np.exp(3) / (np.exp(3) + 7)
    assert white["Emotions"][0]["Confidence"] == pytest.approx(expected, rel=1e-4)
    assert {emotion["Type"] for emotion in white["Emotions"]} == {
        "CALM", "HAPPY", "SURPRISED", "SAD", "ANGRY", "DISGUSTED", "FEAR", "UNKNOWN",
    }  # fmt: skip
    assert_is_detect_faces_response(scorer.detect_faces(crop_of(portraits, "hopper")))


def test_a_model_of_another_width_is_refused(tmp_path):
    path = tmp_path / "digits.onnx"
    path.write_bytes(linear_onnx(np.zeros((64 * 64, 10))))
    with pytest.raises(ModelError, match=r"answers with 10 numbers.*7 .*8"):
        open_scorer(str(path))


def test_a_detector_is_no_expression_model(data_dir):
    with pytest.raises(ModelError, match="no expression model"):
        open_scorer(str(data_dir / "models/face_detection_yunet_2023mar.onnx"))


def test_a_truncated_model_is_refused_in_one_sentence(data_dir, tmp_path):
    whole = (data_dir / "models/fer2013_mini_XCEPTION_102_066.onnx").read_bytes()
    path = tmp_path / "half.onnx"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="it is damaged or no expression model") as caught:
        open_scorer(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x00" * 1000])
def test_rubbish_is_no_model(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged or no expression model"):
        open_scorer(str(path))


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match=r"No such file.*check the path"):
        open_scorer(str(tmp_path / "none.onnx"))


def test_each_scorer_says_what_it_cannot_do(smile, xception):
    assert smile.types == ("HAPPY", "CALM")
    assert "only HAPPY" in smile.limits
    assert "CALM" in smile.limits
    assert "fer2013_mini_XCEPTION_102_066.onnx" in xception.limits
