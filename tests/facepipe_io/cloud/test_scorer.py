from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Callable, Iterator

import attrs
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from facepipe.errors import EventError
from facepipe.events import S3Object, iter_s3_objects
from facepipe_io.cloud import scorer as module
from facepipe_io.cloud.answers import NotScoredError
from facepipe_io.cloud.scorer import RESERVE_MS
from tests.facepipe_io.cloud.world import (
    BUCKET,
    NOON,
    World,
    crop_key,
    face,
    returned,
    s3_event,
    sqs_event,
)


def _handle(world: World, event: Any, remaining_ms: Callable[[], int] = lambda: 60_000) -> Any:
    scorer = attrs.evolve(world.scorer, clock=lambda: NOON.timestamp() + 30)
    return scorer.handle(event, remaining_ms)


def _metrics(world: World) -> list[str]:
    """Names of the metrics without dimensions that the only call carried."""
    (call,) = world.charted
    return [d["MetricName"] for d in call["MetricData"] if "Dimensions" not in d]


_CROP = "faces/hall-1/2026/11/20/09/20261120T093005250Z-4f9c8a1b-7-0.jpg"


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("s3_put", [_CROP]),
        ("sns_s3", [_CROP]),
        ("eventbridge", ["faces/foo name+value%2B.jpg"]),
        ("sqs_s3", [_CROP, "faces/a.jpg", "faces/b.jpg"]),
        ("sqs_sns_s3", [_CROP]),
        ("sqs_eventbridge", ["faces/foo name+value%2B.jpg"]),
        ("batch_1_0", ["faces/foo name+value.jpg"]),
        ("batch_2_0", ["faces/foo name+value.jpg"]),
    ],
)
def test_crops_are_scored_whichever_way_their_event_took(
    world: World, load_event: Callable[[str], Any], name: str, keys: list[str]
) -> None:
    answer = _handle(world, load_event(name))
    assert world.asked == keys
    assert world.items().keys() == set(keys)
    assert _metrics(world) == ["HAPPY", "FacesScored"] * len(keys)
    if name.startswith("sqs"):
        assert answer == {"batchItemFailures": []}
    elif name.startswith("batch"):
        (result,) = answer["results"]
        assert (result["resultCode"], result["resultString"]) == ("Succeeded", "scored: HAPPY")
    else:
        assert answer is None


def test_the_record_of_a_crop(world: World) -> None:
    world.faces[crop_key()] = face(CALM=12.345, HAPPY=83.1, SAD=10.0)
    _handle(world, sqs_event(s3_event(crop_key())))
    assert world.items() == {
        crop_key(): {
            "s3key": {"S": crop_key()},
            "HAPPY": {"N": "83.10"},
            "CALM": {"N": "12.35"},
            "dominant": {"S": "HAPPY"},
            "camera": {"S": "hall-1"},
            "captured_at": {"S": "2026-11-20T12:00:00.000Z"},
            "face_count": {"N": "1"},
            "expires_at": {"N": str(int(NOON.timestamp()) + 30 + 30 * 86400)},
        }
    }


def test_the_metrics_of_a_batch_are_one_call(world: World) -> None:
    keys = [crop_key(number, camera) for number, camera in enumerate(["a", "b", "a"])]
    _handle(world, sqs_event(*map(s3_event, keys)))
    (call,) = world.charted
    assert call["Namespace"] == "Facepipe"
    scored = [d for d in call["MetricData"] if d["MetricName"] == "FacesScored"]
    cameras = [d["Dimensions"][0]["Value"] for d in scored if "Dimensions" in d]
    assert cameras == ["a", "b", "a"]
    assert len(scored) == 6
    assert {d["Timestamp"] for d in call["MetricData"]} == {NOON}


def test_a_batch_of_hundreds_is_as_many_calls_as_cloudwatch_demands(world: World) -> None:
    keys = [crop_key(number) for number in range(300)]  # 4 data each
    assert returned(_handle(world, sqs_event(*map(s3_event, keys)))) == []
    assert [len(call["MetricData"]) for call in world.charted] == [1000, 200]


def test_a_foreign_key_is_scored_at_the_time_of_its_event(world: World) -> None:
    _handle(world, s3_event("faces/me+at+home.jpg"))
    item = world.items()["faces/me at home.jpg"]
    assert item["camera"] == {"S": "unknown"}
    assert item["captured_at"] == {"S": "2026-11-20T12:00:00.000Z"}


def test_a_foreign_key_of_a_batch_job_is_scored_at_the_time_of_the_job(
    world: World, load_event: Callable[[str], Any]
) -> None:
    _handle(world, load_event("batch_1_0"))
    (item,) = world.items().values()
    assert item["captured_at"] == {"S": "2026-11-20T12:00:30.000Z"}


@pytest.mark.parametrize("key", ["frames/1.jpg", "Faces/1.jpg", "faces/hall-1/", "faces", "x"])
def test_what_is_no_crop_is_ignored(world: World, key: str) -> None:
    assert returned(_handle(world, sqs_event(s3_event(key)))) == []
    assert (world.asked, world.items(), world.charted) == ([], {}, [])
    (line,) = world.lines()
    assert (line["outcome"], line["key"]) == ("ignored", key)


@pytest.mark.parametrize("name", ["s3_test", "s3_delete", "eventbridge_delete"])
def test_tests_and_deletions_do_nothing(
    world: World, load_event: Callable[[str], Any], name: str
) -> None:
    assert _handle(world, load_event(name)) is None
    assert returned(_handle(world, sqs_event(load_event(name)))) == []
    assert (world.asked, world.items(), world.charted) == ([], {}, [])


def test_an_unknown_event_is_an_error(world: World) -> None:
    with pytest.raises(EventError):
        _handle(world, {"hello": "world"})


def test_a_face_without_emotions_makes_no_record_but_counts(world: World) -> None:
    world.faces[crop_key()] = face(HAPPY=10.0)
    assert returned(_handle(world, sqs_event(s3_event(crop_key())))) == []
    assert world.items() == {}
    assert _metrics(world) == ["FacesScored"]


def test_no_face_no_trace(world: World) -> None:
    world.faces[crop_key()] = {"FaceDetails": []}
    assert returned(_handle(world, sqs_event(s3_event(crop_key())))) == []
    assert (world.items(), world.charted) == ({}, [])


# Neighbours: m-0 and m-2 are good crops, what lies between them is not.
_AROUND = (s3_event(crop_key(0)), s3_event(crop_key(2)))


def _between(world: World, body: Any) -> Any:
    answer = _handle(world, sqs_event(_AROUND[0], body, _AROUND[1]))
    assert {crop_key(0), crop_key(2)} <= set(world.items())
    assert [name for name in _metrics(world) if name == "FacesScored"] == ["FacesScored"] * 2
    return answer


@pytest.mark.parametrize("name", ["malformed", "refused", "deleted"])
def test_what_no_retry_can_help_is_dropped_and_said(world: World, name: str) -> None:
    code = {"refused": "InvalidImageFormatException", "deleted": "InvalidS3ObjectException"}
    body: Any = "{" if name == "malformed" else s3_event(crop_key(1))
    world.faces[crop_key(1)] = code.get(name, "unused")
    assert returned(_between(world, body)) == []
    (line,) = [line for line in world.lines() if line["level"] != "INFO" or "reason" in line]
    assert line["outcome"] == name
    assert line["reason"]
    assert line.get("id", line.get("message_id")) == "m-1"


@pytest.mark.parametrize(
    "answer",
    [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "LimitExceededException",
        "InternalServerError",
        "AccessDeniedException",
        ReadTimeoutError(endpoint_url="https://rekognition"),
        ConnectTimeoutError(endpoint_url="https://rekognition"),
        EndpointConnectionError(endpoint_url="https://rekognition"),
    ],
    ids=str,
)
def test_what_a_retry_can_help_goes_back(world: World, answer: Any) -> None:
    world.faces[crop_key(1)] = answer
    assert returned(_between(world, s3_event(crop_key(1)))) == ["m-1"]
    assert crop_key(1) not in world.items()
    (line,) = [line for line in world.lines() if line["level"] == "ERROR"]
    assert (line["outcome"], line["key"], line["message_id"]) == ("failed", crop_key(1), "m-1")
    assert "exception" not in line


def test_a_crop_that_is_there_but_may_not_be_read_goes_back(world: World) -> None:
    world.faces[crop_key(1)] = "InvalidS3ObjectException"
    world.scorer.faces.s3().put_object(Bucket=BUCKET, Key=crop_key(1), Body=b"jpeg")
    assert returned(_between(world, s3_event(crop_key(1)))) == ["m-1"]


@pytest.mark.parametrize("answer", [ZeroDivisionError("on purpose"), {"Faces": []}], ids=repr)
def test_a_fault_of_the_program_is_loud_and_goes_back(world: World, answer: Any) -> None:
    world.faces[crop_key(1)] = answer
    assert returned(_between(world, s3_event(crop_key(1)))) == ["m-1"]
    (line,) = [line for line in world.lines() if "exception" in line]
    assert line["level"] == "ERROR"
    assert "Traceback" in line["exception"]


def test_a_message_that_breaks_the_parser_goes_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(event: Any) -> Iterator[S3Object]:
        if event["Records"][0]["messageId"] == "m-1":
            raise ZeroDivisionError("on purpose")
        yield from iter_s3_objects(event)

    monkeypatch.setattr(module, "iter_s3_objects", read)
    assert returned(_between(world, s3_event(crop_key(1)))) == ["m-1"]
    assert any("exception" in line for line in world.lines())


def test_a_message_that_is_nested_without_end_is_dropped(world: World) -> None:
    depth = 100_000  # json raises RecursionError
    assert returned(_between(world, "[" * depth + "]" * depth)) == []
    (line,) = [line for line in world.lines() if line["level"] == "ERROR"]
    assert (line["outcome"], line["id"]) == ("malformed", "m-1")
    assert "exception" not in line


def test_a_record_that_is_not_kept_goes_back_and_is_not_charted(world: World) -> None:
    world.broken["PutItem"] = "ProvisionedThroughputExceededException"
    assert returned(_handle(world, sqs_event(*_AROUND))) == ["m-0", "m-1"]
    assert world.charted == []


def test_one_object_in_several_messages_is_scored_once_and_all_share_its_fate(
    world: World,
) -> None:
    bodies = [s3_event(crop_key(number)) for number in (0, 1, 0, 1)]
    world.faces[crop_key(1)] = "ThrottlingException"
    assert returned(_handle(world, sqs_event(*bodies))) == ["m-1", "m-3"]
    assert world.asked == [crop_key(0), crop_key(1)]
    assert _metrics(world) == ["HAPPY", "FacesScored"]


def test_metrics_that_fail_return_their_messages_and_are_sent_next_time_unpaid(
    world: World,
) -> None:
    bodies = [s3_event(crop_key(0)), "{", s3_event(crop_key(2))]
    world.broken["PutMetricData"] = "InternalServiceFault"
    assert returned(_handle(world, sqs_event(*bodies))) == ["m-0", "m-2"]
    assert len(world.items()) == 2
    assert [line["message"] for line in world.lines() if line["level"] == "ERROR"] == [
        "event",
        "metrics not sent",
    ]
    first = world.charted[0]["MetricData"]

    world.broken.clear()
    world.forget_calls()
    assert returned(_handle(world, sqs_event(bodies[0], bodies[2], receives=2))) == []
    assert world.asked == []
    (call,) = world.charted
    assert call["MetricData"] == first
    assert {line["outcome"] for line in world.lines()} == {"known"}


def test_a_redelivery_without_a_record_is_scored(world: World) -> None:
    assert returned(_handle(world, sqs_event(s3_event(crop_key()), receives=3))) == []
    assert world.asked == list(world.items()) == [crop_key()]


def test_a_redelivery_beside_a_first_delivery_of_the_same_crop_is_looked_up(world: World) -> None:
    _handle(world, sqs_event(s3_event(crop_key())))
    world.forget_calls()
    event = sqs_event(s3_event(crop_key()), s3_event(crop_key()))
    event["Records"][1]["attributes"]["ApproximateReceiveCount"] = "2"
    assert returned(_handle(world, event)) == []
    assert world.asked == []


def test_a_redelivery_that_cannot_be_looked_up_goes_back_unpaid(world: World) -> None:
    world.broken["GetItem"] = "InternalServerError"
    assert returned(_handle(world, sqs_event(s3_event(crop_key()), receives=2))) == ["m-0"]
    assert world.asked == []


def test_data_that_cloudwatch_refuses_do_not_cost_their_neighbours(world: World) -> None:
    old = crop_key(1, at=NOON - timedelta(weeks=3))
    assert returned(_between(world, s3_event(old))) == []
    assert old in world.items()
    (line,) = [line for line in world.lines() if line["level"] == "WARNING"]
    assert line["keys"] == [old]


def test_what_there_is_no_time_for_goes_back(world: World) -> None:
    left = iter([RESERVE_MS, RESERVE_MS - 1, 0])
    bodies = [s3_event(crop_key(number)) for number in range(4)]
    assert returned(_handle(world, sqs_event(*bodies), lambda: next(left))) == ["m-2", "m-3"]
    assert world.asked == [crop_key(0), crop_key(1)]
    assert _metrics(world).count("FacesScored") == 2
    assert [line["outcome"] for line in world.lines()] == ["scored"] * 2 + ["postponed"] * 2


def test_a_function_of_a_short_timeout_still_gets_somewhere(world: World) -> None:
    bodies = [s3_event(crop_key(number)) for number in range(3)]
    assert returned(_handle(world, sqs_event(*bodies), lambda: 0)) == ["m-1", "m-2"]
    assert world.asked == [crop_key(0)]


def test_a_direct_event_raises_after_everything_else_is_done(world: World) -> None:
    world.faces[crop_key(1)] = "ThrottlingException"
    event = s3_event(*map(crop_key, range(3)))
    event["Records"].insert(0, {"eventSource": "aws:s3"})  # malformed
    with pytest.raises(NotScoredError) as caught:
        _handle(world, event)
    assert list(caught.value.reasons) == [crop_key(1)]
    assert "ThrottlingException" in str(caught.value)
    assert set(world.items()) == {crop_key(0), crop_key(2)}
    assert _metrics(world).count("FacesScored") == 2


def test_a_direct_event_of_what_no_retry_can_help_does_not_raise(world: World) -> None:
    world.faces[crop_key()] = "ImageTooLargeException"
    assert _handle(world, s3_event(crop_key())) is None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("ThrottlingException", "TemporaryFailure"),
        ("InvalidImageFormatException", "PermanentFailure"),
        ({"FaceDetails": []}, "Succeeded"),
    ],
)
def test_a_batch_job_hears_what_became_of_each_task(
    world: World, load_event: Callable[[str], Any], answer: Any, code: str
) -> None:
    event: dict[str, Any] = load_event("batch_1_0")
    event["tasks"] += [
        {"taskId": "bad"},
        {**event["tasks"][0], "taskId": "good", "s3Key": "faces/g"},
    ]
    world.faces["faces/foo name+value.jpg"] = answer
    document = _handle(world, event)
    assert document["invocationId"] == event["invocationId"]
    assert [(r["taskId"], r["resultCode"]) for r in document["results"]] == [
        (event["tasks"][0]["taskId"], code),
        ("bad", "PermanentFailure"),
        ("good", "Succeeded"),
    ]
    assert "faces/g" in world.items()


def test_a_batch_job_scores_again_what_has_a_record(
    world: World, load_event: Callable[[str], Any]
) -> None:
    key = "faces/foo name+value.jpg"
    _handle(world, load_event("batch_1_0"))
    world.faces[key] = face(SAD=88.0)
    _handle(world, load_event("batch_1_0"))
    assert world.items()[key]["dominant"] == {"S": "SAD"}


def test_a_scored_crop_is_one_line_of_json(world: World) -> None:
    _handle(world, sqs_event(s3_event(crop_key())))
    (line,) = world.lines()
    assert line.pop("ms") >= 0
    assert line.pop("timestamp")
    assert line == {
        "level": "INFO",
        "message": "crop",
        "bucket": BUCKET,
        "key": crop_key(),
        "outcome": "scored",
        "message_id": "m-0",
        "receive_count": 1,
        "camera": "hall-1",
        "dominant": "HAPPY",
        "faces": 1,
    }


_BOTTLE = crop_key(2, label="soda bottle")


def test_an_objects_crop_is_kept_and_counted_but_not_scored(world: World) -> None:
    assert returned(_handle(world, sqs_event(s3_event(crop_key(1)), s3_event(_BOTTLE)))) == []
    assert world.asked == [crop_key(1)]
    assert world.items().keys() == {crop_key(1), _BOTTLE}
    assert world.items()[_BOTTLE] == {
        "s3key": {"S": _BOTTLE},
        "label": {"S": "soda bottle"},
        "camera": {"S": "hall-1"},
        "captured_at": {"S": "2026-11-20T12:00:00.000Z"},
        "expires_at": {"N": str(int(NOON.timestamp()) + 30 + 30 * 86400)},
    }
    (call,) = world.charted
    named = [(d["MetricName"], d.get("Dimensions", [])) for d in call["MetricData"]]
    camera, label = (
        {"Name": name, "Value": value}
        for name, value in (("Camera", "hall-1"), ("Label", "soda bottle"))
    )
    assert [dimensions for name, dimensions in named if name == "ObjectsSeen"] == [
        [label],
        [camera, label],
    ]
    assert [name for name, _ in named].count("FacesScored") == 2
    line = next(line for line in world.lines() if line["key"] == _BOTTLE)
    assert (line["outcome"], line["label"], line["camera"]) == ("object", "soda bottle", "hall-1")
    assert "faces" not in line
    assert "dominant" not in line


def test_an_object_whose_metrics_failed_is_looked_up_and_counted_next_time(world: World) -> None:
    world.broken["PutMetricData"] = "InternalServiceFault"
    assert returned(_handle(world, sqs_event(s3_event(_BOTTLE)))) == ["m-0"]
    first, record = world.charted[0]["MetricData"], world.items()
    world.broken.clear()
    world.forget_calls()
    world.broken["PutItem"] = "InternalServerError"  # it is there: nothing is to be put
    assert returned(_handle(world, sqs_event(s3_event(_BOTTLE), receives=2))) == []
    (call,) = world.charted
    assert (call["MetricData"], world.items(), world.asked) == (first, record, [])
    assert [line.get("outcome") for line in world.lines()] == ["object", None, "known"]


def test_an_object_whose_record_is_not_kept_goes_back_alone(world: World) -> None:
    world.broken["PutItem"] = "ProvisionedThroughputExceededException"
    world.faces[crop_key(1)] = {"FaceDetails": []}
    bodies = [s3_event(crop_key(1)), s3_event(_BOTTLE)]
    assert returned(_handle(world, sqs_event(*bodies))) == ["m-1"]
    with pytest.raises(NotScoredError) as caught:
        _handle(world, s3_event(crop_key(1), _BOTTLE))
    assert list(caught.value.reasons) == [_BOTTLE]


def test_a_batch_job_hears_of_objects(world: World, load_event: Callable[[str], Any]) -> None:
    event = load_event("batch_1_0")
    event["tasks"][0]["s3Key"] = _BOTTLE.replace(" ", "+")
    (result,) = _handle(world, event)["results"]
    assert (result["resultCode"], result["resultString"]) == ("Succeeded", "object: soda bottle")
    assert (world.asked, list(world.items())) == ([], [_BOTTLE])


def test_the_captured_mixture_of_good_and_malformed_messages(
    world: World, load_event: Callable[[str], Any]
) -> None:
    event = load_event("sqs_mixed")
    assert returned(_handle(world, event)) == []
    good = json.loads(event["Records"][1]["body"])["Records"][0]["s3"]["object"]["key"]
    assert list(world.items()) == [good]
