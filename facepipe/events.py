"""S3 objects named by an event, whichever way the event took.

S3 tells of a new object directly, through SNS, through SQS, through SNS into SQS, or through
EventBridge (itself perhaps into SQS); S3 Batch Operations names existing ones. This module is the
one place where keys are decoded: S3 encodes them in its own events and in Batch's, as
`urllib.parse.quote_plus` does, and leaves them as they are in EventBridge's.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import Any, Iterator, Mapping
from urllib.parse import unquote_plus

import attrs

from facepipe.errors import EventError

# JSON can escape half of a character, which has no UTF-8: no service could be asked for it.
_HALF = re.compile("[\ud800-\udfff]")

#: Kinds of event, as `event_kind` names them.
S3, SQS, SNS, EVENTBRIDGE, BATCH, TEST = "s3", "sqs", "sns", "eventbridge", "batch", "test"


@attrs.frozen
class S3Object:
    """One created S3 object, as an event tells of it.

    Attributes:
        bucket: its bucket.
        key: its key, decoded.
        size: bytes; None where the event does not say.
        event_time: when it was created, UTC; None where the event does not say.
        message_id: the SQS message that told of it; None where none did.
        receive_count: how often that message has been delivered, this time included.
        task_id: the S3 Batch Operations task that named it; None where none did.
    """

    bucket: str
    key: str
    size: int | None = None
    event_time: datetime | None = None
    message_id: str | None = None
    receive_count: int = 1
    task_id: str | None = None


def event_kind(event: Mapping[str, Any]) -> str:
    """The service that made an event: `s3`, `sqs`, `sns`, `eventbridge`, `batch` or `test`.

    `test` is what S3 sends when a notification is set up.

    Raises:
        EventError: if it is none of these.

    Example:
        >>> event_kind({"Records": [{"eventSource": "aws:s3"}]})
        's3'
    """
    if isinstance(event, Mapping):
        if "tasks" in event and "invocationId" in event:
            return BATCH
        if "detail" in event and "detail-type" in event:
            return EVENTBRIDGE
        if event.get("Event") == "s3:TestEvent":
            return TEST
        records = event.get("Records")
        if records == []:
            return S3
        if isinstance(records, list) and isinstance(records[0], Mapping):
            # SNS writes the name of the field with a capital letter.
            source = records[0].get("eventSource", records[0].get("EventSource"))
            kinds = {"aws:s3": S3, "aws:sqs": SQS, "aws:sns": SNS}
            if isinstance(source, str) and source in kinds:
                return kinds[source]
    raise EventError("the event is none of S3, SQS, SNS, EventBridge or S3 Batch Operations")


def split_event(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Split an event into events of one record (or task) each.

    So that a malformed record does not take its neighbours down:

        for part in split_event(event):
            try:
                objects = list(iter_s3_objects(part))
            except EventError: ...

    Raises:
        EventError: if it is no event at all.

    Example:
        >>> len(split_event({"Records": [{"eventSource": "aws:s3"}, {"eventSource": "aws:s3"}]}))
        2
    """
    kind = event_kind(event)
    if kind in (EVENTBRIDGE, TEST):
        return [event]
    name = "tasks" if kind == BATCH else "Records"
    return [{**event, name: [record]} for record in _list(event, name)]


def iter_s3_objects(event: Mapping[str, Any]) -> Iterator[S3Object]:
    """Every object that an event says was created.

    Test events, and events of objects deleted, expired or restored, yield nothing.

    Args:
        event: what a Lambda function gets: an S3, SQS, SNS, EventBridge or S3 Batch Operations
            event, or one of these inside an SQS message or an SNS notification.

    Raises:
        EventError: at the first record that no service sends. What came before it has been
            yielded; see `split_event`.

    Example:
        >>> event = {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        ...     "s3": {"bucket": {"name": "b"}, "object": {"key": "foo+name%2Bvalue"}}}]}
        >>> [found.key for found in iter_s3_objects(event)]
        ['foo name+value']
    """
    kind = event_kind(event)
    if kind == S3:
        for record in _list(event, "Records"):
            yield from _from_s3(record)
    elif kind == SQS:
        for message in _list(event, "Records"):
            attributes = _get(message, "attributes", Mapping, optional=True) or {}
            yield from (
                attrs.evolve(
                    found,
                    message_id=_get(message, "messageId", str),
                    receive_count=_whole(attributes.get("ApproximateReceiveCount", 1)),
                )
                for found in iter_s3_objects(_envelope(_get(message, "body", str)))
            )
    elif kind == SNS:
        for record in _list(event, "Records"):
            notification = _get(record, "Sns", Mapping)
            yield from iter_s3_objects(_envelope(_get(notification, "Message", str)))
    elif kind == EVENTBRIDGE:
        yield from _from_eventbridge(event)
    elif kind == BATCH:
        for task in _list(event, "tasks"):
            yield _from_batch(task)


def _from_s3(record: Any) -> Iterator[S3Object]:
    # "ObjectCreated:Put" in a notification; its documentation also writes "s3:ObjectCreated:Put".
    if ":ObjectCreated:" not in ":" + _get(record, "eventName", str):
        return
    s3 = _get(record, "s3", Mapping)
    entry = _get(s3, "object", Mapping)
    yield S3Object(
        bucket=_get(_get(s3, "bucket", Mapping), "name", str),
        key=_decode(_get(entry, "key", str)),
        size=_get(entry, "size", int, optional=True),
        event_time=_moment(record.get("eventTime")),
    )


def _from_eventbridge(event: Mapping[str, Any]) -> Iterator[S3Object]:
    if event["detail-type"] != "Object Created":
        return
    detail = _get(event, "detail", Mapping)
    entry = _get(detail, "object", Mapping)
    yield S3Object(
        bucket=_get(_get(detail, "bucket", Mapping), "name", str),
        key=_get(entry, "key", str),
        size=_get(entry, "size", int, optional=True),
        event_time=_moment(event.get("time")),
    )


def _from_batch(task: Any) -> S3Object:
    # Schema 1.0 gives the bucket's ARN, 2.0 its name.
    bucket = _get(task, "s3Bucket", str, optional=True)
    if bucket is None:
        bucket = _get(task, "s3BucketArn", str).rpartition(":")[2]
    return S3Object(
        bucket=bucket, key=_decode(_get(task, "s3Key", str)), task_id=_get(task, "taskId", str)
    )


def _envelope(text: str) -> Mapping[str, Any]:
    """The event inside a message: S3's or EventBridge's own, or an SNS notification of one."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        raise EventError("the message is no JSON") from None
    if isinstance(event, Mapping) and event.get("Type") == "Notification":
        return {"Records": [{"EventSource": "aws:sns", "Sns": event}]}
    if event_kind(event) == SQS:
        # No queue delivers a delivery; without this, a message could nest without end.
        raise EventError("the message holds another SQS event")
    return event  # type: ignore[no-any-return]


def _decode(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        raise EventError(f"the key {key!r} is no UTF-8") from None


def _get(record: Any, name: str, kind: Any, *, optional: bool = False) -> Any:
    value = record.get(name) if isinstance(record, Mapping) else None
    if value is None and optional:
        return None
    if not isinstance(value, kind) or value == "":
        raise EventError(f"a record of the event has no {name}")
    if isinstance(value, str) and _HALF.search(value):
        raise EventError(f"{name} of a record has half of a character: {value[:80]!r}")
    return value


def _list(event: Mapping[str, Any], name: str) -> list[Any]:
    records: list[Any] = _get(event, name, list)
    return records


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (OverflowError, TypeError, ValueError):
        raise EventError(f"{value!r} is no receive count") from None


def _moment(text: Any) -> datetime | None:
    """S3 writes `2026-11-20T09:30:05.250Z`, EventBridge `2026-11-20T09:30:05Z`; both are UTC.

    One written otherwise counts as not there: the object is, and that matters more.
    """
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in str(text) else "%Y-%m-%dT%H:%M:%SZ"
    try:
        return datetime.strptime(text, form).replace(tzinfo=timezone.utc)
    except (TypeError, ValueError):
        return None
