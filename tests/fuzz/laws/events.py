"""Events, as the cloud function gets them, and the names that they bring."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import quote_plus

import attrs

from facepipe.attributes import format_attributes, parse_attributes
from facepipe.errors import AttributesError, EventError, KeyFormatError
from facepipe.events import S3Object, event_kind, iter_s3_objects, split_event
from facepipe.keys import format_key, parse_key
from facepipe.samples import parse_sample_key, sample_key
from facepipe_io.cloud.answers import NotScoredError
from facepipe_io.cloud.log import JsonFormatter, logger
from facepipe_io.cloud.metrics import MetricSink
from facepipe_io.cloud.records import RecordTable
from facepipe_io.cloud.rekognition import FaceService
from facepipe_io.cloud.scorer import Scorer
from facepipe_io.cloud.settings import ScorerSettings
from facepipe_io.edge.samples import is_sample_name, sample_name
from tests.fuzz import values

_EVENTS = [
    json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parents[2] / "events").glob("*.json"))
]


def event(data: bytes) -> None:
    """An event splits into what it is made of; what it names can be asked for."""
    given = values.document(data, _EVENTS)
    try:
        parts = split_event(given)
    except EventError:
        assert _found(given) == ([], False)
        return
    if any(_kind(part) != _kind(given) for part in parts):
        return  # no service sends records of others
    each = [_found(part) for part in parts]
    until = next((at + 1 for at, (_, whole) in enumerate(each) if not whole), len(each))
    expected = [found for objects, _ in each[:until] for found in objects]
    assert _found(given) == (expected, all(whole for _, whole in each))


def _kind(given: Any) -> str:
    try:
        return event_kind(given)
    except EventError:
        return ""


def _found(given: Any) -> tuple[list[S3Object], bool]:
    """What an event names, and whether all of it could be read."""
    objects: list[S3Object] = []
    try:
        for found in iter_s3_objects(given):
            objects.append(found)  # noqa: PERF402 - what precedes an error is kept
    except EventError:
        return objects, False
    finally:
        for found in objects:
            assert found.bucket.encode()
            assert found.key.encode()
            assert found.size is None or isinstance(found.size, int)
            assert isinstance(found.receive_count, int)
    return objects, True


def arrival(data: bytes) -> None:
    """A key is decoded exactly once, whichever way it takes."""
    key = data.decode("utf-8", "ignore")
    if not key:
        return
    entry = {"bucket": {"name": "b"}, "object": {"key": quote_plus(key)}}
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": entry}
    direct = {"Records": [record]}
    bridged = {
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "b"}, "object": {"key": key}},
    }
    note = {"Type": "Notification", "Message": json.dumps(direct)}
    task = {"taskId": "t", "s3Bucket": "b", "s3Key": quote_plus(key)}
    ways = [direct, bridged, {"invocationId": "i", "tasks": [task]}]
    ways += [_queued(direct), _queued(bridged), _queued(note)]
    for way in ways:
        assert [found.key for found in iter_s3_objects(way)] == [key]


def _queued(inner: Any) -> Any:
    message = {"eventSource": "aws:sqs", "messageId": "m", "body": json.dumps(inner)}
    return {"Records": [message]}


class _Aws:
    """Every service, and none of them says much."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def detect_faces(self, **_: Any) -> Any:
        return {"FaceDetails": [{"Emotions": [{"Type": "CALM", "Confidence": 90.0}]}]}

    def put_item(self, *, Item: Any, **_: Any) -> None:  # noqa: N803 - boto3's
        self.kept[Item["s3key"]["S"]] = Item

    def get_item(self, *, Key: Any, **_: Any) -> Any:  # noqa: N803 - boto3's
        return {"Item": self.kept.get(Key["s3key"]["S"])}

    def put_metric_data(self, **_: Any) -> None:
        pass


@contextmanager
def _no_fault() -> Iterator[None]:
    """None of the log's lines tells of a fault of the program, and each is JSON."""

    def look(record: logging.LogRecord) -> bool:
        assert record.exc_info is None, record.exc_info
        assert json.loads(JsonFormatter().format(record))
        return False

    logger.addFilter(look)
    try:
        yield
    finally:
        logger.removeFilter(look)


def scorer(data: bytes) -> None:
    """The cloud function answers every event, or says that it is none."""
    given = values.document(data, _EVENTS)
    aws: Any = _Aws()
    made = Scorer(
        FaceService(aws, lambda: aws), RecordTable(aws, "t"), MetricSink(aws, "n"),
        ScorerSettings(), clock=lambda: 1.8e9,
    )  # fmt: skip
    with suppress(EventError, NotScoredError), _no_fault():
        answer = made.handle(given, lambda: 300_000)
        assert json.dumps(answer)
        assert not (answer or {}).get("batchItemFailures")


def crop_key(data: bytes) -> None:
    """A crop has one key."""
    key = data.decode("utf-8", "surrogateescape")
    with suppress(KeyFormatError):
        parsed = parse_key(key)
        assert format_key(parsed) == key
        assert len(key.encode()) <= 1024


def sample(data: bytes) -> None:
    """So has a sample; it is known in the spool, and is never taken for a crop's."""
    key = data.decode("utf-8", "surrogateescape")
    with suppress(KeyFormatError):
        parsed = parse_sample_key(key)
        assert sample_key(**attrs.asdict(parsed)) == key
        assert is_sample_name(sample_name("samples", key))
        assert len(key.encode()) <= 1024
        try:
            parse_key(key)
        except KeyFormatError:
            return
        raise AssertionError(key)


def attributes(data: bytes) -> None:
    """What is said of a frame can be said again."""
    with suppress(AttributesError):
        parsed = parse_attributes(data.decode("utf-8", "surrogateescape"))
        try:
            text = format_attributes(parsed)
        except AttributesError:  # too long, written out in full
            return
        assert parse_attributes(text) == parsed


PARSERS = {
    "event": event,
    "arrival": arrival,
    "scorer": scorer,
    "crop-key": crop_key,
    "sample-key": sample,
    "attributes": attributes,
}
