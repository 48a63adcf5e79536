"""The cloud function beside AWS's own SDK alone: a cold start, and batches of crops.

Processor time, not time on the clock, so that a busy machine matters less; both sides take turns.

Cold: importing the function and making its clients, beside `import boto3` and the same three
clients. Warm: the handler on an SQS event of crops, beside as many DetectFaces and PutItem and one
PutMetricData with ready-made arguments. Answers are made at the socket, so that both sides pay for
signing, sending and parsing; what is left is the function's own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Iterator
from unittest import mock

import attrs
from botocore.awsrequest import AWSResponse

import rekognition_entry
from benchmarks.figures import Growth, Ratio
from facepipe.keys import CropKey, format_key
from facepipe.records import metric_data, score_crop, to_item
from facepipe_io.cloud.log import logger
from facepipe_io.cloud.scorer import Scorer

BATCHES = (1, 10, 100)
BATCH = 10  # of the warm line: what a queue gives by default
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": "eu-west-1",
}
NOW = datetime(2026, 11, 20, 9, 30, 6, 114_000, timezone.utc)
EMOTIONS = ("HAPPY", "SURPRISED", "FEAR", "SAD", "CALM", "CONFUSED", "DISGUSTED", "ANGRY")
RESPONSE = {
    "FaceDetails": [
        {
            "BoundingBox": {"Width": 0.42, "Height": 0.7, "Left": 0.27, "Top": 0.11},
            "Landmarks": [{"Type": f"t{n}", "X": 0.3855 + n / 97, "Y": 0.39} for n in range(30)],
            "Pose": {"Roll": -1.25, "Yaw": 3.5, "Pitch": 2.25},
            "Quality": {"Brightness": 73.05, "Sharpness": 86.86},
            "Confidence": 99.99,
            "Emotions": [
                {"Type": name, "Confidence": 44.5 / n} for n, name in enumerate(EMOTIONS, 1)
            ],
        }
    ],
}
SDK_ALONE = """
import boto3
for service in ("rekognition", "dynamodb", "cloudwatch"):
    boto3.client(service)
"""
FUNCTION = """
import rekognition_entry
rekognition_entry.scorer()
"""


def cold(code: str) -> float:
    """Milliseconds of a new process's code."""
    timed = f"import time; started = time.process_time(){code}print(time.process_time() - started)"
    done = subprocess.run([sys.executable, "-c", timed], check=True, capture_output=True, text=True)
    return float(done.stdout) * 1000


class Body(io.BytesIO):
    """What urllib3 would give botocore to read."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """All of it at once."""
        yield self.read()


@attrs.define
class Service:
    """Answers each request of a client before it reaches the network, and counts them."""

    body: bytes
    headers: dict[str, str] = attrs.Factory(dict)
    calls: int = 0

    def answer(self, request: Any, **_: Any) -> AWSResponse:
        """Answer a request."""
        self.calls += 1
        return AWSResponse(request.url, 200, self.headers, Body(self.body))


def message(key: str) -> dict[str, Any]:
    """What SQS brings of a crop."""
    s3 = {"bucket": {"name": "deeplens-crops"}, "object": {"key": key, "size": 18432}}
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-11-20T09:30:06.114Z",
        "s3": s3,
    }
    return {
        "messageId": key,
        "eventSource": "aws:sqs",
        "body": json.dumps({"Records": [record]}),
        "attributes": {"ApproximateReceiveCount": "1"},
    }


def sides(scorer: Scorer, crops: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """The handler on so many crops, and the calls alone."""
    keys = [format_key(CropKey("hall-1", NOW, "4f9c", track, 0)) for track in range(crops)]
    event = {"Records": [message(key) for key in keys]}
    scored = [score_crop(key, RESPONSE, event_time=NOW) for key in keys]
    items = [to_item(crop, expires_at=1_800_000_000) for crop in scored]
    data = metric_data(scored)
    images = [{"S3Object": {"Bucket": "deeplens-crops", "Name": key}} for key in keys]
    faces, table = scorer.faces.client, scorer.records.client
    charts = scorer.metrics.client

    def handler() -> None:
        assert scorer.handle(event, lambda: 60_000) == {"batchItemFailures": []}

    def calls_alone() -> None:
        for image, item in zip(images, items):
            faces.detect_faces(Image=image, Attributes=["DEFAULT", "EMOTIONS"])
            table.put_item(TableName="rekognize-faces", Item=item)
        charts.put_metric_data(Namespace="Facepipe", MetricData=data)

    return handler, calls_alone


def milliseconds(work: Callable[[], None]) -> float:
    """Of processor time."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def in_turns(works: list[Callable[[], None]], seconds: float) -> list[list[float]]:
    """Milliseconds of processor time of each, round by round, for so long or twice."""
    rounds, end = [], time.perf_counter() + seconds
    while len(rounds) < 3 or time.perf_counter() < end:
        rounds.append([milliseconds(work) for work in works])
    return rounds[1:]  # the first one warms up


def figures(seconds: float) -> Iterator[Ratio | Growth]:
    """A cold start, ten crops, and how the cost of a batch grows."""
    with mock.patch.dict(os.environ, ENVIRONMENT):
        starts, end = [], time.perf_counter() + 15 * seconds
        while not starts or time.perf_counter() < end:
            starts.append((cold(FUNCTION), cold(SDK_ALONE)))
        peer = "boto3 and clients"
        yield Ratio.of_rounds("scorer", "cold start, processor", peer, "ms", *zip(*starts))
        scorer = rekognition_entry.scorer()

    services = Service(json.dumps(RESPONSE).encode()), Service(b"{}"), Service(
        b"", {"smithy-protocol": "rpc-v2-cbor"}
    )  # fmt: skip
    for service, adapter in zip(services, (scorer.faces, scorer.records, scorer.metrics)):
        adapter.client.meta.events.register("before-send", service.answer)
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(Path(os.devnull).open("w"))
        before = logger.handlers[0].setStream(nowhere)
        stack.callback(logger.handlers[0].setStream, before)
        for work in sides(scorer, BATCH):
            work()
            calls = [service.calls for service in services]
            assert calls == [BATCH, BATCH, 1], f"{calls} calls for {BATCH} crops"
            for service in services:
                service.calls = 0
        warm = [
            [ms / BATCH for ms in each]
            for each in in_turns(list(sides(scorer, BATCH)), 3 * seconds)
        ]
        yield Ratio.of_rounds(
            "scorer", f"a crop of {BATCH}, warm, processor", "calls alone", "ms", *zip(*warm)
        )
        rounds = in_turns([sides(scorer, crops)[0] for crops in BATCHES], 3 * seconds)
        yield Growth.of_rounds("scorer", "a batch, warm, processor", "crops", "ms", BATCHES, rounds)
