"""The cloud function beside AWS's own SDK alone: a cold start, and a batch of ten crops.

    python benchmarks/scorer.py [--rounds 15]

Processor time, not time on the clock, so that a busy machine matters less; both sides take turns.

Cold: importing the function and making its clients, beside `import boto3` and the same three
clients. Warm: the handler on an SQS event of ten crops, beside the same ten DetectFaces, ten
PutItem and one PutMetricData with ready-made arguments. Answers are made at the socket, so that
both sides pay for signing, sending and parsing; what is left is the function's own.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from botocore.awsrequest import AWSResponse

import rekognition_entry
from facepipe.keys import CropKey, format_key
from facepipe.records import metric_data, score_crop, to_item
from facepipe_io.cloud.log import logger

CROPS = 10
COLD_LIMIT, WARM_LIMIT_MS = 1.15, 1.0
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


def cold(code):
    """Milliseconds of a new process's code."""
    timed = f"import time; started = time.process_time(){code}print(time.process_time() - started)"
    done = subprocess.run([sys.executable, "-c", timed], check=True, capture_output=True, text=True)
    return float(done.stdout) * 1000


class Body(io.BytesIO):
    """What urllib3 would give botocore to read."""

    def stream(self, **_):
        """All of it at once."""
        yield self.read()


def answer(body, **headers):
    """A handler that answers each request with this, before it reaches the network."""
    return lambda request, **_: AWSResponse(request.url, 200, headers, Body(body))


def timed(work):
    """Milliseconds of processor time."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "none"
    os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"

    starts = [(cold(SDK_ALONE), cold(FUNCTION)) for _ in range(rounds)]
    alone, ours = (statistics.median(each) for each in zip(*starts))
    ratio = statistics.median(ours / alone for alone, ours in starts)
    print(f"cold   boto3 and clients {alone:6.1f} ms   function {ours:6.1f} ms   ratio {ratio:.2f}"
          f"   (at most {COLD_LIMIT})")  # fmt: skip

    scorer = rekognition_entry.scorer()
    faces, table, charts = scorer.faces.client, scorer.records.client, scorer.metrics.client
    faces.meta.events.register("before-send", answer(json.dumps(RESPONSE).encode()))
    table.meta.events.register("before-send", answer(b"{}"))
    cbor = {"smithy-protocol": "rpc-v2-cbor"}
    charts.meta.events.register("before-send", answer(b"", **cbor))

    now = datetime.now(timezone.utc)
    keys = [format_key(CropKey("hall-1", now, "4f9c", track, 0)) for track in range(CROPS)]
    records = []
    for number, key in enumerate(keys):
        s3 = {"bucket": {"name": "deeplens-crops"}, "object": {"key": key, "size": 18432}}
        body = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3,
                "eventTime": "2026-11-20T09:30:06.114Z"}  # fmt: skip
        records.append({"messageId": str(number), "eventSource": "aws:sqs",
                        "body": json.dumps({"Records": [body]}),
                        "attributes": {"ApproximateReceiveCount": "1"}})  # fmt: skip
    event = {"Records": records}
    scored = [score_crop(key, RESPONSE, event_time=now) for key in keys]
    items = [to_item(crop, expires_at=1800000000) for crop in scored]
    data = metric_data(scored)

    def calls_alone():
        for key, item in zip(keys, items):
            image = {"S3Object": {"Bucket": "deeplens-crops", "Name": key}}
            faces.detect_faces(Image=image, Attributes=["DEFAULT", "EMOTIONS"])
            table.put_item(TableName="rekognize-faces", Item=item)
        charts.put_metric_data(Namespace="Facepipe", MetricData=data)

    def function():
        assert scorer.handle(event, lambda: 60_000) == {"batchItemFailures": []}

    with Path(os.devnull).open("w") as nowhere:
        logger.handlers[0].setStream(nowhere)
        timed(calls_alone), timed(function)
        batches = [(timed(calls_alone), timed(function)) for _ in range(5 * rounds)]
    alone, ours = (statistics.median(each) / CROPS for each in zip(*batches))
    own = statistics.median(ours - alone for alone, ours in batches) / CROPS
    print(f"warm   calls alone {alone:6.2f} ms a crop   function {ours:6.2f} ms a crop"
          f"   ratio {ours / alone:.2f}   own {own:.2f} ms (at most {WARM_LIMIT_MS})")  # fmt: skip


if __name__ == "__main__":
    main()
