from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.emulator.helpers import gap, make_user, refusal
from tests.emulator.test_iam import outcome

BUCKET = "deeplens-crops"


def jpeg(image, kind=".jpg"):
    return cv2.imencode(kind, image)[1].tobytes()


def blank(width, height):
    return jpeg(np.full((height, width, 3), 127, np.uint8))


@gap
def test_a_picture_without_a_face_has_none(aws):
    detect = aws.client("rekognition").detect_faces
    assert detect(Image={"Bytes": blank(80, 80)})["FaceDetails"] == []


@pytest.mark.parametrize(
    ("name", "kind", "dominant"),
    [("collins", ".jpg", "HAPPY"), ("hopper", ".jpg", "CALM"), ("hopper", ".png", "CALM")],
)
def test_it_looks_at_the_picture(aws, portraits, name, kind, dominant):
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("s3").put_object(Bucket=BUCKET, Key="a b.jpg", Body=jpeg(portraits[name], kind))
    found = aws.client("rekognition").detect_faces(
        Image={"S3Object": {"Bucket": BUCKET, "Name": "a b.jpg"}},
        Attributes=["DEFAULT", "EMOTIONS"],
    )
    face = found["FaceDetails"][0]
    assert face["Emotions"][0]["Type"] == dominant
    box = face["BoundingBox"]
    assert 0.1 < box["Width"] < 0.6
    assert 0 < box["Left"] < box["Left"] + box["Width"] < 1


def test_all_nine_emotions_are_answered_and_the_same_for_the_same_picture(aws, portraits):
    def detect(image):
        found = aws.client("rekognition").detect_faces(
            Image={"Bytes": jpeg(image)}, Attributes=["EMOTIONS"]
        )
        return found["FaceDetails"][0]["Emotions"]

    emotions = detect(portraits["collins"])
    confidences = [each["Confidence"] for each in emotions]
    assert len({each["Type"] for each in emotions}) == 9
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidence > 10 for confidence in confidences) >= 5
    assert sum(confidences) < 114
    assert detect(portraits["collins"]) == emotions
    several = [detect(portraits["collins"][:-row]) for row in range(1, 6)]
    shown = {
        frozenset(each["Type"] for each in found if each["Confidence"] > 10) for found in several
    }
    assert len(shown) > 1


@pytest.mark.parametrize("attributes", [{}, {"Attributes": ["DEFAULT"]}, {"Attributes": []}])
def test_emotions_only_if_asked_for(aws, portraits, attributes):
    image = {"Bytes": jpeg(portraits["hopper"])}
    (face, *_) = aws.client("rekognition").detect_faces(Image=image, **attributes)["FaceDetails"]
    assert sorted(face) == ["BoundingBox", "Confidence"]


@pytest.mark.parametrize(
    ("image", "code"),
    ids=["text", "gif", "cut off", "narrow", "low", "large"],
    argvalues=[
        (b"no picture", "InvalidImageFormatException"),
        (b"GIF89a" + bytes(200), "InvalidImageFormatException"),
        (blank(80, 80)[:40], "InvalidImageFormatException"),
        (blank(79, 200), "InvalidParameterException"),
        (blank(200, 79), "InvalidParameterException"),
        (blank(80, 80) + bytes(5 * 1024 * 1024), "ImageTooLargeException"),
    ],
)
def test_refusals(aws, image, code):
    detect = aws.client("rekognition").detect_faces
    assert refusal(detect, Image={"Bytes": image}) == code


def test_a_larger_picture_is_taken_from_s3(aws):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    place = {"S3Object": {"Bucket": BUCKET, "Name": "large.jpg"}}
    detect = aws.client("rekognition").detect_faces
    s3.put_object(Bucket=BUCKET, Key="large.jpg", Body=blank(80, 80) + bytes(6 * 1024 * 1024))
    assert detect(Image=place)["FaceDetails"] == []
    s3.put_object(Bucket=BUCKET, Key="large.jpg", Body=blank(80, 80) + bytes(15 * 1024 * 1024))
    assert refusal(detect, Image=place) == "ImageTooLargeException"


def test_s3_is_read_as_the_caller(aws):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for key in ("faces/a.jpg", "other/a.jpg"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=blank(80, 80))
    keys = make_user(
        aws,
        "scorer",
        {"Action": "rekognition:DetectFaces", "Resource": "*"},
        {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/faces/*"},
    )
    aws.enforce_iam()
    client = aws.client("rekognition", keys)

    def detect(key):
        place = {"S3Object": {"Bucket": BUCKET, "Name": key}}
        return outcome(client.detect_faces, Image=place)

    assert detect("faces/a.jpg") == "allowed"
    assert detect("other/a.jpg") == detect("faces/gone.jpg") == "InvalidS3ObjectException"
    assert outcome(client.list_collections) == "AccessDeniedException"


def test_an_unheard_of_attribute_is_refused(aws):
    detect = aws.client("rekognition").detect_faces
    code = refusal(detect, Image={"Bytes": blank(80, 80)}, Attributes=["MOOD"])
    assert code == "InvalidParameterException"


def test_attributes_that_the_emulator_does_not_know_are_lacking(emulator):
    detect = emulator.client("rekognition").detect_faces
    code = refusal(detect, Image={"Bytes": blank(80, 80)}, Attributes=["ALL"])
    assert code == "NotImplementedException"
    assert "the attributes {'ALL'}" in emulator.lacking()[-1]
