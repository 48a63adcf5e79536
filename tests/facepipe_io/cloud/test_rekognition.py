from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator

import attrs
import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from facepipe.emotions import filter_emotions, largest_face
from facepipe_io.cloud.rekognition import CannotScoreError, FaceService

KEY = "faces/foo name+value.jpg"
REQUEST = {
    "Image": {"S3Object": {"Bucket": "deeplens-crops", "Name": KEY}},
    "Attributes": ["DEFAULT", "EMOTIONS"],
}
_client: Callable[..., Any] = partial(
    boto3.client,
    region_name="eu-west-1",
    aws_access_key_id="testing",
    aws_secret_access_key="testing",
)


def _never() -> Any:
    raise AssertionError("the S3 client is not wanted here")


@pytest.fixture
def stubbed() -> Iterator[tuple[FaceService, Stubber]]:
    client = _client("rekognition")
    with Stubber(client) as stubber:
        yield FaceService(client, s3=_never), stubber
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("name", "dominant"),
    [("awscli_detect_faces", None), ("detect_faces_devguide_7_emotions", "CALM")],
)
def test_real_responses_come_through_whole(
    stubbed: tuple[FaceService, Stubber], data_dir: Path, name: str, dominant: Any
) -> None:
    faces, stubber = stubbed
    response = json.loads((data_dir / "responses" / f"{name}.json").read_text("utf-8"))
    stubber.add_response("detect_faces", response, REQUEST)
    found = faces.detect_faces("deeplens-crops", KEY)
    assert found["FaceDetails"] == response["FaceDetails"]
    largest = largest_face(found)
    assert largest is not None
    if dominant:
        assert filter_emotions(largest).dominant == dominant


@pytest.mark.parametrize(
    "code",
    ["ImageTooLargeException", "InvalidImageFormatException", "InvalidParameterException"],
)
def test_an_image_that_rekognition_refuses_cannot_be_scored(
    stubbed: tuple[FaceService, Stubber], code: str
) -> None:
    faces, stubber = stubbed
    stubber.add_client_error("detect_faces", code, "Request has invalid parameters")
    with pytest.raises(CannotScoreError, match="Request has invalid parameters") as caught:
        faces.detect_faces("deeplens-crops", KEY)
    assert caught.value.outcome == "refused"


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "SomethingNewException",
        "ThrottlingException",
    ],
)
def test_any_other_error_is_passed_on(stubbed: tuple[FaceService, Stubber], code: str) -> None:
    faces, stubber = stubbed
    stubber.add_client_error("detect_faces", code)
    with pytest.raises(ClientError, match=code):
        faces.detect_faces("deeplens-crops", KEY)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        pytest.param("404", "deleted", id="gone"),
        pytest.param("403", None, id="may not be read, or the role may not list"),
        pytest.param(None, None, id="there"),
    ],
)
def test_only_s3_tells_a_deleted_object_from_a_forbidden_one(
    stubbed: tuple[FaceService, Stubber], status: Any, outcome: Any
) -> None:
    faces, stubber = stubbed
    stubber.add_client_error("detect_faces", "InvalidS3ObjectException", "Unable to get metadata")
    client = _client("s3")
    with Stubber(client) as s3:
        if status:
            s3.add_client_error("head_object", status, http_status_code=int(status))
        else:
            s3.add_response("head_object", {}, {"Bucket": "deeplens-crops", "Key": KEY})
        service = attrs.evolve(faces, s3=lambda: client)
        with pytest.raises(CannotScoreError if outcome else ClientError) as caught:
            service.detect_faces("deeplens-crops", KEY)
        s3.assert_no_pending_responses()
    if outcome:
        assert caught.value.outcome == outcome  # type: ignore[attr-defined]
    else:
        assert "Unable to get metadata" in str(caught.value)


def test_s3_itself_knows_a_deleted_object(stubbed: tuple[FaceService, Stubber]) -> None:
    faces, stubber = stubbed
    stubber.add_client_error("detect_faces", "InvalidS3ObjectException")
    with mock_aws():
        client = _client("s3")
        client.create_bucket(
            Bucket="deeplens-crops",
            CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
        )
        client.put_object(Bucket="deeplens-crops", Key=KEY, Body=b"jpeg")
        client.delete_object(Bucket="deeplens-crops", Key=KEY)
        with pytest.raises(CannotScoreError, match="no longer in deeplens-crops"):
            attrs.evolve(faces, s3=lambda: client).detect_faces("deeplens-crops", KEY)
