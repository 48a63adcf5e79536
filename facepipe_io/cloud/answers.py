"""What became of the objects of an event, and what its sender is told.

What becomes of an object, its `outcome`, is one of

    scored      an emotion passed: record and metrics
    neutral     a face, but no emotion passed: no record, FacesScored counts it
    faceless    no face: nothing
    object      its key names something else than a face: record and ObjectsSeen, unscored
    known       delivered before and its record is there: metrics from the record, for the
                delivery that made the record may have ended before it sent them
    ignored     no crop: not under faces/, or a folder
    refused     Rekognition never takes this image
    deleted     gone before it was scored
    malformed   a record of the event that no service sends
    failed      AWS throttled, failed or denied, or the program is at fault
    postponed   no time was left

Only the last two go back to the queue: of all others, trying again helps none.
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Tuple

import attrs

from facepipe.errors import FacepipeError
from facepipe.events import S3Object
from facepipe.records import ScoredCrop

_AGAIN = ("failed", "postponed")
_REJECTED = ("refused", "deleted", "malformed")

#: Bucket and key: what makes two deliveries speak of one object.
Name = Tuple[str, str]


@attrs.frozen
class Result:
    """What became of an object.

    Attributes:
        outcome: see the module.
        reason: why, in words; empty where there is nothing to say.
        crop: the crop whose metrics are to be sent; None where there is none.
    """

    outcome: str
    reason: str = ""
    crop: ScoredCrop | None = None

    @property
    def again(self) -> bool:
        """Whether trying again can help."""
        return self.outcome in _AGAIN


@attrs.frozen
class Part:
    """One record of an event: an SQS message, an S3 Batch Operations task, a notification.

    Attributes:
        ident: the message's or task's id; None where there is none.
        objects: those that it names.
        fault: what is wrong with it; None when nothing is.
    """

    ident: str | None
    objects: tuple[S3Object, ...]
    fault: Result | None


class NotScoredError(FacepipeError):
    """Objects of a direct event that should be tried again; all others are done.

    Attributes:
        reasons: why, for each of their keys.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        super().__init__(self.reasons)

    def __str__(self) -> str:
        each = "; ".join(f"{key} ({reason})" for key, reason in self.reasons.items())
        return f"try these again, all others are done: {each}"


def name_of(found: S3Object) -> Name:
    """The name of an object."""
    return found.bucket, found.key


def sqs_answer(parts: Iterable[Part], results: Mapping[Name, Result]) -> dict[str, Any]:
    """The messages that SQS should deliver again.

    Example:
        >>> lost = Part("m-2", (), Result("failed", "AWS was away"))
        >>> sqs_answer([Part("m-1", (), None), lost], {})
        {'batchItemFailures': [{'itemIdentifier': 'm-2'}]}
    """
    again = [part.ident for part in parts if _verdict(part, results).again]
    return {"batchItemFailures": [{"itemIdentifier": ident} for ident in again]}


def batch_answer(
    event: Mapping[str, Any], parts: Iterable[Part], results: Mapping[Name, Result]
) -> dict[str, Any]:
    """The result document of S3 Batch Operations (S3 User Guide, "Invoke AWS Lambda function").

    Example:
        >>> event = {"invocationSchemaVersion": "1.0", "invocationId": "i", "tasks": []}
        >>> lost = Part("t-1", (), Result("deleted", "it is gone"))
        >>> batch_answer(event, [lost], {})["results"]
        [{'taskId': 't-1', 'resultCode': 'PermanentFailure', 'resultString': 'deleted: it is gone'}]
    """
    answers = []
    for part in parts:
        result = _verdict(part, results)
        code = "PermanentFailure" if result.outcome in _REJECTED else "Succeeded"
        text = result.reason or (result.crop and _shown(result.crop))
        answers.append(
            {
                "taskId": part.ident,
                "resultCode": "TemporaryFailure" if result.again else code,
                "resultString": f"{result.outcome}: {text}" if text else result.outcome,
            }
        )
    return {
        "invocationSchemaVersion": event.get("invocationSchemaVersion", "1.0"),
        "treatMissingKeysAs": "TemporaryFailure",
        "invocationId": event["invocationId"],
        "results": answers,
    }


def _shown(crop: ScoredCrop) -> str | None:
    return crop.emotions.dominant if crop.is_face else crop.label


def raise_for_failures(parts: Iterable[Part], results: Mapping[Name, Result]) -> None:
    """Tell the sender of a direct event, who reads no answer, what to send again.

    Raises:
        NotScoredError: if there is any such thing.
    """
    reasons = {}
    for part in parts:
        if part.fault and part.fault.again:
            reasons["a record of the event"] = part.fault.reason
        for found in part.objects:
            result = results[name_of(found)]
            if result.again:
                reasons[found.key] = result.reason
    if reasons:
        raise NotScoredError(reasons)


def _verdict(part: Part, results: Mapping[Name, Result]) -> Result:
    """What became of a part: of its objects' results and its own, the one that matters most."""
    each = [results[name_of(found)] for found in part.objects]
    if part.fault:
        each.append(part.fault)
    if not each:
        return Result("ignored", "it names no new object")
    return max(each, key=lambda result: (result.again, result.outcome in _REJECTED))
