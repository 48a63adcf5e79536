"""AWS for the cloud function's tests: moto, and a DetectFaces that answers by key.

Its answers are put in before a call would be sent, as botocore's own Stubber does, so that
everything up to there and from there on is the real client.
"""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Iterator, Mapping, Union

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws

import rekognition_entry
from facepipe.keys import FACE_LABEL, CropKey, format_key
from facepipe_io.cloud.log import logger

BUCKET = "deeplens-crops"
TABLE = "rekognize-faces"
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)

#: What a stand-in gives: a response, the code of an error, or an exception to raise.
Answer = Union[Mapping[str, Any], str, Exception]


class World:
    """One AWS account.

    Attributes:
        faces: key to what DetectFaces answers on it; a crop that has none is a happy one.
        asked: keys that DetectFaces was asked about, in order.
        broken: operation, such as `PutItem`, to its answer instead of moto's.
        charted: what each PutMetricData call carried.
    """

    def __init__(self) -> None:
        self.faces: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.broken: dict[str, Answer] = {}
        self.charted: list[dict[str, Any]] = []
        self.scorer = rekognition_entry.scorer()
        self._output = io.StringIO()
        logger.handlers[0].setStream(self._output)  # type: ignore[attr-defined]
        rekognition = self.scorer.faces.client.meta.events
        rekognition.register("before-call.rekognition.DetectFaces", self._detect_faces)
        metrics = self.scorer.metrics.client.meta.events
        metrics.register("before-parameter-build.cloudwatch.PutMetricData", self._chart)
        for client in (self.scorer.metrics.client, self.scorer.records.client):
            client.meta.events.register("before-call", self._break)

    def forget_calls(self) -> None:
        self.asked.clear()
        self.charted.clear()

    def reset(self) -> None:
        """Make everything as it was at the start; starting anew takes longer."""
        self.faces.clear()
        self.broken.clear()
        self.forget_calls()
        self.lines()
        for key in self.items():
            self.scorer.records.client.delete_item(TableName=TABLE, Key={"s3key": {"S": key}})
        s3 = self.scorer.faces.s3()
        for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
            s3.delete_object(Bucket=BUCKET, Key=found["Key"])

    def items(self) -> dict[str, dict[str, Any]]:
        """The records of the table, by key."""
        pages = self.scorer.records.client.get_paginator("scan").paginate(TableName=TABLE)
        return {item["s3key"]["S"]: item for page in pages for item in page["Items"]}

    def lines(self) -> list[dict[str, Any]]:
        """The log lines since this was last asked."""
        text = self._output.getvalue()
        self._output.seek(0)
        self._output.truncate()
        return [json.loads(line) for line in text.splitlines()]

    def _detect_faces(self, params: Mapping[str, Any], **_: Any) -> Any:
        key = json.loads(params["body"])["Image"]["S3Object"]["Name"]
        self.asked.append(key)
        return _reply(self.faces.get(key, face(HAPPY=97.123)))

    def _chart(self, params: dict[str, Any], **_: Any) -> None:
        self.charted.append(params)

    def _break(self, model: Any, **_: Any) -> Any:
        return _reply(self.broken[model.name]) if model.name in self.broken else None


def _reply(answer: Answer) -> Any:
    if isinstance(answer, Exception):
        raise answer
    metadata = {"ResponseMetadata": {"RequestId": "r"}}
    if isinstance(answer, str):
        error = {"Error": {"Code": answer, "Message": f"{answer} on purpose"}}
        return AWSResponse(None, 400, {}, None), {**error, **metadata}
    return AWSResponse(None, 200, {}, None), {**answer, **metadata}


def face(**emotions: float) -> dict[str, Any]:
    """A DetectFaces response on one face."""
    each = [{"Type": name, "Confidence": value} for name, value in emotions.items()]
    box = {"Width": 0.4, "Height": 0.5, "Left": 0.3, "Top": 0.2}
    return {"FaceDetails": [{"BoundingBox": box, "Confidence": 99.9, "Emotions": each}]}


def crop_key(
    number: int = 1, camera: str = "hall-1", at: datetime = NOON, label: str = FACE_LABEL
) -> str:
    return format_key(CropKey(camera, at, run="4f9c", track=number, shot=0, label=label))


def s3_event(*keys: str, at: datetime = NOON) -> dict[str, Any]:
    """What S3 sends; keys as they stand in the event, that is to say encoded."""
    return {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "eventTime": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "s3": {"bucket": {"name": BUCKET}, "object": {"key": key, "size": 18432}},
            }
            for key in keys
        ]
    }


def sqs_event(*bodies: str | Mapping[str, Any], receives: int = 1) -> dict[str, Any]:
    """What SQS delivers: messages m-0, m-1, ... with these bodies."""
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "eventSource": "aws:sqs",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": str(receives)},
            }
            for number, body in enumerate(bodies)
        ]
    }


def returned(answer: Any) -> list[str]:
    """The ids of the messages that an answer gives back to the queue."""
    assert list(answer) == ["batchItemFailures"]
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@contextmanager
def logger_put_back() -> Iterator[None]:
    """Leave the function's logger as it was, for the tests that come after."""
    before = logger.handlers, logger.level, logger.propagate
    try:
        yield
    finally:
        logger.handlers, logger.level, logger.propagate = before


@contextmanager
def running_world() -> Iterator[World]:
    """An account with a table and a bucket, and a cloud function that has just started in it."""
    with pytest.MonkeyPatch.context() as patch, mock_aws(), logger_put_back():
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
            patch.setenv(f"AWS_{name}", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        for name in ("PROFILE", "ENDPOINT_URL"):
            patch.delenv(f"AWS_{name}", raising=False)
        for name in ("TABLE", "NAMESPACE", "MIN_CONFIDENCE", "RECORD_DAYS"):
            patch.delenv(f"FACEPIPE_{name}", raising=False)
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "s3key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "s3key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        rekognition_entry.scorer.cache_clear()
        yield World()
        rekognition_entry.scorer.cache_clear()
