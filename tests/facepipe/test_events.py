from __future__ import annotations

import json
from datetime import datetime, timezone
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.errors import EventError
from facepipe.events import S3Object, event_kind, iter_s3_objects, split_event

KEY = "faces/hall-1/2026/11/20/09/20261120T093005250Z-4f9c8a1b-7-0.jpg"
PUT_AT = datetime(2026, 11, 20, 9, 30, 6, 114000, tzinfo=timezone.utc)
CROP = S3Object("deeplens-crops", KEY, 18432, PUT_AT)

EVENTS = [
    "batch_1_0", "batch_2_0", "eventbridge", "eventbridge_delete", "s3_delete", "s3_nasty_keys",
    "s3_put", "s3_test", "sns_s3", "sqs_eventbridge", "sqs_mixed", "sqs_s3", "sqs_sns_s3",
]  # fmt: skip


def keys(event):
    return [found.key for found in iter_s3_objects(event)]


def s3_record(key, name="ObjectCreated:Put"):
    entry = {"bucket": {"name": "b"}, "object": {"key": quote_plus(key)}}
    return {"eventSource": "aws:s3", "eventName": name, "s3": entry}


def sqs(*bodies):
    records = [
        {"eventSource": "aws:sqs", "messageId": str(number), "body": body}
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}


def sns(event):
    return {"Type": "Notification", "Message": json.dumps(event)}


def eventbridge(key):
    entry = {"bucket": {"name": "b"}, "object": {"key": key}}
    return {"detail-type": "Object Created", "detail": entry}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("s3_put", "s3"), ("sqs_s3", "sqs"), ("sns_s3", "sns"), ("eventbridge", "eventbridge"),
        ("batch_1_0", "batch"), ("s3_test", "test"),
    ],
)  # fmt: skip
def test_a_kind_is_named_as_documented(load_event, name, kind):
    assert event_kind(load_event(name)) == kind


def test_what_an_event_does_not_say_is_none():
    (bare,) = iter_s3_objects({"Records": [s3_record("a")]})
    assert bare == S3Object("b", "a", None, None, None, 1, None)
    (first,) = iter_s3_objects(sqs(json.dumps(eventbridge("a"))))
    assert (first.message_id, first.receive_count) == ("0", 1)


def test_a_direct_event(load_event):
    assert list(iter_s3_objects(load_event("s3_put"))) == [CROP]


def test_through_sqs_each_object_knows_its_message(load_event):
    found = list(iter_s3_objects(load_event("sqs_s3")))
    first = "00000000-0000-4000-8000-000000000001"
    third = "00000000-0000-4000-8000-000000000003"
    assert [(f.key, f.message_id, f.receive_count) for f in found] == [
        (KEY, first, 1),
        ("faces/a.jpg", third, 3),
        ("faces/b.jpg", third, 3),
    ]


@pytest.mark.parametrize("name", ["sqs_sns_s3", "sns_s3"])
def test_through_sns(load_event, name):
    (found,) = iter_s3_objects(load_event(name))
    assert (found.bucket, found.key, found.event_time) == (CROP.bucket, KEY, PUT_AT)


@pytest.mark.parametrize("name", ["eventbridge", "sqs_eventbridge"])
def test_eventbridge_does_not_encode_keys(load_event, name):
    assert keys(load_event(name)) == ["faces/foo name+value%2B.jpg"]


def test_eventbridge_says_as_much_as_s3_and_the_time_to_the_second(load_event):
    key, at = "faces/foo name+value%2B.jpg", PUT_AT.replace(microsecond=0)
    assert list(iter_s3_objects(load_event("eventbridge"))) == [
        S3Object("deeplens-crops", key, 18432, at)
    ]


@pytest.mark.parametrize("name", ["batch_1_0", "batch_2_0"])
def test_batch_operations_name_their_task(load_event, name):
    task = "dGFza2lkZ29lc2hlcmUK"
    expected = S3Object("deeplens-crops", "faces/foo name+value.jpg", None, None, None, 1, task)
    assert list(iter_s3_objects(load_event(name))) == [expected]


@pytest.mark.parametrize("name", ["s3_test", "s3_delete", "eventbridge_delete"])
def test_what_creates_nothing_yields_nothing(load_event, name):
    assert keys(load_event(name)) == []


def test_keys_are_decoded_exactly_once(load_event):
    assert keys(load_event("s3_nasty_keys")) == [
        "faces/foo name+value.jpg",
        "faces/100% über?#&=.jpg",
        "faces/楽しい 😀.jpg",
        "faces/%2B.jpg",
    ]


any_key = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("time", [None, 5, "noon", "2026-11-20T09:30:05.123456789Z"])
def test_a_time_that_cannot_be_read_costs_no_object(time):
    (found,) = iter_s3_objects({"Records": [{**s3_record("a"), "eventTime": time}]})
    assert (found.key, found.event_time) == ("a", None)


@given(st.lists(any_key, max_size=4))
def test_whichever_way_a_key_takes_it_arrives(names):
    event = {"Records": [s3_record(name) for name in names]}
    assert keys(event) == names
    assert keys(sqs(json.dumps(event))) == names
    assert keys(sqs(json.dumps(sns(event)))) == names
    assert keys({"Records": [{"EventSource": "aws:sns", "Sns": sns(event)}]}) == names
    bridged = [json.dumps(eventbridge(name)) for name in names]
    assert keys(sqs(*bridged)) == names
    tasks = [{"taskId": "t", "s3Bucket": "b", "s3Key": quote_plus(name)} for name in names]
    assert keys({"invocationId": "i", "tasks": tasks}) == names


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_splits_into_its_records(load_event, name):
    event = load_event(name)
    parts = split_event(event)
    assert all(event_kind(part) == event_kind(event) for part in parts)
    if name != "sqs_mixed":
        whole = list(iter_s3_objects(event))
        assert [found for part in parts for found in iter_s3_objects(part)] == whole


def test_a_malformed_record_takes_no_neighbour_with_it(load_event):
    found, failed = [], []
    for part in split_event(load_event("sqs_mixed")):
        try:
            found += iter_s3_objects(part)
        except EventError as error:
            failed.append(str(error))
    assert [one.key for one in found] == [KEY]
    assert failed == [
        "the message is no JSON",
        "the event is none of S3, SQS, SNS, EventBridge or S3 Batch Operations",
        "a record of the event has no s3",
    ]


NOT_UTF8 = {"bucket": {"name": "b"}, "object": {"key": "%FF"}}


@pytest.mark.parametrize(
    "event",
    [
        {"detail": {}}, {"detail-type": "Object Created"}, {"invocationId": "1"},
        None, [], {}, "s3", {"Records": None}, {"Records": [1]}, {"Records": {}},
        {"Records": [{"eventSource": "aws:kinesis"}]},
        {"Records": [{"eventSource": "aws:s3"}]},
        {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {}}]},
        {"Records": [s3_record("")]},
        {"Records": [{**s3_record("a"), "s3": NOT_UTF8}]},
        {"Records": [s3_record("a"), None]},
        {"Records": [{"EventSource": "aws:sns"}]},
        sqs("{"), sqs("[]"), sqs(""), sqs("null"), sqs(json.dumps(sqs("{}"))),
        {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(eventbridge("a"))}]},
        {"Records": [{**sqs(json.dumps(eventbridge("a")))["Records"][0],
                      "attributes": {"ApproximateReceiveCount": "often"}}]},
        {"Records": [{**sqs(json.dumps(eventbridge("a")))["Records"][0],
                      "attributes": {"ApproximateReceiveCount": float("inf")}}]},
        {"Records": [{"eventSource": {}}]}, sqs("[" * 100_000),
        eventbridge("\ud800"), {"Records": [s3_record("a", "ObjectCreated:\udfff")]},
        {"detail-type": "Object Created", "detail": {}},
        {"tasks": []}, {"invocationId": "i", "tasks": [{}]}, {"invocationId": "i", "tasks": None},
    ],
)  # fmt: skip
def test_what_is_no_event_is_told(event):
    with pytest.raises(EventError):
        list(iter_s3_objects(event))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
words = st.sampled_from(
    ["Records", "eventSource", "eventName", "s3", "object", "key", "bucket", "name", "body", "Sns",
     "Message", "detail", "detail-type", "tasks", "invocationId", "aws:s3", "aws:sqs", "aws:sns",
     "EventSource", "Type", "Notification", "ObjectCreated:Put", "Object Created", "messageId"]
)  # fmt: skip
almost_events = st.recursive(
    json_values | words, lambda inner: st.lists(inner) | st.dictionaries(words, inner)
)


@given(almost_events)
def test_nothing_but_an_event_error_ever_comes_out(event):
    for parse in (lambda e: list(iter_s3_objects(e)), split_event):
        try:
            parse(event)
        except EventError as error:
            assert str(error)


def test_events_as_aws_documents_them(data_dir):
    def load(name):
        return json.loads((data_dir / f"events/{name}.json").read_text("utf-8"))

    assert keys(load("s3_userguide_put_2")) == ["HappyFace.jpg"]
    assert keys(load("s3_userguide_test_event")) == []
    bridge = load("powertools_s3EventBridgeNotificationObjectCreatedEvent")
    assert keys(bridge) == [bridge["detail"]["object"]["key"]]
    assert len(keys(load("powertools_s3SqsEvent"))) == 1
