from __future__ import annotations

from typing import Any

import pytest

from facepipe.events import S3Object
from facepipe_io.cloud.answers import (
    NotScoredError,
    Part,
    Result,
    batch_answer,
    raise_for_failures,
    sqs_answer,
)

_A, _B = S3Object("bucket", "faces/a.jpg"), S3Object("bucket", "faces/b.jpg")
_OUTCOMES = {
    "scored": "Succeeded",
    "neutral": "Succeeded",
    "faceless": "Succeeded",
    "known": "Succeeded",
    "ignored": "Succeeded",
    "refused": "PermanentFailure",
    "deleted": "PermanentFailure",
    "malformed": "PermanentFailure",
    "failed": "TemporaryFailure",
    "postponed": "TemporaryFailure",
}


@pytest.mark.parametrize(("outcome", "code"), _OUTCOMES.items())
def test_every_sender_hears_of_the_same_fate(outcome: str, code: str) -> None:
    parts = [Part("id", (_A,), None)]
    results = {("bucket", "faces/a.jpg"): Result(outcome, "the reason")}
    (answer,) = batch_answer({"invocationId": "i"}, parts, results)["results"]
    assert answer == {
        "taskId": "id",
        "resultCode": code,
        "resultString": f"{outcome}: the reason",
    }
    again = code == "TemporaryFailure"
    failures = [{"itemIdentifier": "id"}] if again else []
    assert sqs_answer(parts, results) == {"batchItemFailures": failures}
    if again:
        with pytest.raises(NotScoredError, match=r"faces/a\.jpg \(the reason\)"):
            raise_for_failures(parts, results)
    else:
        raise_for_failures(parts, results)


@pytest.mark.parametrize("first", ["scored", "refused", "failed"])
@pytest.mark.parametrize("second", ["scored", "refused", "failed"])
def test_a_message_of_several_objects_comes_back_for_any_of_them(first: str, second: str) -> None:
    parts = [Part("m", (_A, _B), None)]
    results = {("bucket", "faces/a.jpg"): Result(first), ("bucket", "faces/b.jpg"): Result(second)}
    again = "failed" in (first, second)
    assert bool(sqs_answer(parts, results)["batchItemFailures"]) == again


def test_an_object_before_a_malformed_one_counts() -> None:
    parts = [Part("m", (_A,), Result("malformed"))]
    results = {("bucket", "faces/a.jpg"): Result("failed")}
    assert sqs_answer(parts, results) == {"batchItemFailures": [{"itemIdentifier": "m"}]}


def test_a_batch_gets_its_own_invocation_and_schema_back() -> None:
    event: Any = {"invocationSchemaVersion": "2.0", "invocationId": "abc"}
    answer = batch_answer(event, [Part("t", (), None)], {})
    assert answer == {
        "invocationSchemaVersion": "2.0",
        "invocationId": "abc",
        "treatMissingKeysAs": "TemporaryFailure",
        "results": [
            {
                "taskId": "t",
                "resultCode": "Succeeded",
                "resultString": "ignored: it names no new object",
            }
        ],
    }


def test_the_error_names_all_that_failed_and_nothing_else() -> None:
    parts = [
        Part(None, (_A,), None),
        Part(None, (_B,), None),
        Part(None, (), Result("failed", "x")),
    ]
    results = {
        ("bucket", "faces/a.jpg"): Result("scored"),
        ("bucket", "faces/b.jpg"): Result("failed", "throttled"),
    }
    with pytest.raises(NotScoredError) as caught:
        raise_for_failures(parts, results)
    assert caught.value.reasons == {"faces/b.jpg": "throttled", "a record of the event": "x"}
