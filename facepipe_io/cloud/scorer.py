"""The cloud function's work: an event in; records, metrics and an answer out."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timezone
from functools import partial
from typing import Any, Callable, Mapping

import attrs
from botocore.exceptions import BotoCoreError, ClientError

from facepipe.errors import EventError
from facepipe.events import BATCH, SQS, S3Object, event_kind, iter_s3_objects, split_event
from facepipe.keys import PREFIX
from facepipe.records import ScoredCrop, score_crop, seen_object
from facepipe_io.cloud.answers import (
    Name,
    Part,
    Result,
    batch_answer,
    name_of,
    raise_for_failures,
    sqs_answer,
)
from facepipe_io.cloud.log import logger
from facepipe_io.cloud.metrics import Call, MetricSink, in_calls
from facepipe_io.cloud.records import RecordTable
from facepipe_io.cloud.rekognition import CannotScoreError, FaceService
from facepipe_io.cloud.settings import ScorerSettings

#: No further object is begun with less time left: enough for a slow call and the metrics, though
#: not for one that is retried to the last. Then the function times out, and the queue tries again.
RESERVE_MS = 10_000

_LEVELS = {
    "failed": logging.ERROR,
    "malformed": logging.ERROR,
    "postponed": logging.WARNING,
    "refused": logging.WARNING,
}


@attrs.frozen
class Scorer:
    """Scores the crops of faces that events name, and keeps a record of those of objects.

    One after another: a batch of ten takes a few seconds, whose price is next to nothing beside
    Rekognition's, and the function's concurrency is then the number of calls in flight, which is
    what keeps Rekognition under its quota.

    Attributes:
        faces: where crops are scored.
        records: where they are kept.
        metrics: where they are charted.
        settings: the function's settings.
        clock: gives epoch seconds.
    """

    faces: FaceService
    records: RecordTable
    metrics: MetricSink
    settings: ScorerSettings
    clock: Callable[[], float] = time.time

    def handle(
        self, event: Mapping[str, Any], remaining_ms: Callable[[], int]
    ) -> dict[str, Any] | None:
        """Score every object of an event.

        Args:
            event: any that `facepipe.events` knows.
            remaining_ms: gives the time that the function has left.

        Returns:
            For SQS the messages to deliver again, `{"batchItemFailures": [...]}`; for S3 Batch
            Operations its result document; for any other event None.

        Raises:
            EventError: if the event is none that facepipe knows.
            NotScoredError: for a direct event, if some of it should be tried again.
        """
        kind = event_kind(event)
        parts = [_read(part) for part in split_event(event)]
        results = self._charted(self._scored(parts, remaining_ms))
        if kind == SQS:
            return sqs_answer(parts, results)
        if kind == BATCH:
            return batch_answer(event, parts, results)
        raise_for_failures(parts, results)
        return None

    def _scored(self, parts: list[Part], remaining_ms: Callable[[], int]) -> dict[Name, Result]:
        objects: dict[Name, S3Object] = {}
        for part in parts:
            for found in part.objects:
                # Of one object delivered twice, the redelivery counts: its record may be there.
                known = objects.setdefault(name_of(found), found)
                if found.receive_count > known.receive_count:
                    objects[name_of(found)] = found
        results: dict[Name, Result] = {}
        for name, found in objects.items():
            started = time.perf_counter()
            # The first is always tried, so that a function of any timeout gets somewhere.
            if results and remaining_ms() < RESERVE_MS:
                results[name] = Result("postponed", "no time was left")
            else:
                results[name] = _guarded(partial(self._score, found))
            _log_object(found, results[name], ms=round((time.perf_counter() - started) * 1e3, 1))
        return results

    def _score(self, found: S3Object) -> Result:
        if not found.key.startswith(PREFIX) or found.key.endswith("/"):
            return Result("ignored", f"only crops under {PREFIX} are scored")
        if found.receive_count > 1:
            recorded = self.records.get(found.key)
            if recorded is not None:
                return Result("known", crop=recorded)
        thing = seen_object(found.key)
        if thing is not None:
            return self._recorded("object", thing)
        try:
            response = self.faces.detect_faces(found.bucket, found.key)
        except CannotScoreError as error:
            return Result(error.outcome, error.reason)
        crop = score_crop(
            found.key,
            response,
            event_time=found.event_time or datetime.fromtimestamp(self.clock(), timezone.utc),
            min_confidence=self.settings.min_confidence,
        )
        if crop.emotions.dominant is None:
            return Result("neutral" if crop.face_count else "faceless", crop=crop)
        return self._recorded("scored", crop)

    def _recorded(self, outcome: str, crop: ScoredCrop) -> Result:
        # Before the metrics: should they fail, the next delivery finds the record and sends them,
        # and Rekognition is not paid again.
        expires_at = int(self.clock() + self.settings.record_days * 86400)
        self.records.put(crop, expires_at=expires_at)
        return Result(outcome, crop=crop)

    def _charted(self, results: dict[Name, Result]) -> dict[Name, Result]:
        """Send the metrics; results whose metrics were not taken become failed ones."""
        crops = [result.crop for result in results.values() if result.crop is not None]
        now = datetime.fromtimestamp(self.clock(), timezone.utc)
        calls, refused = in_calls(crops, now)
        if refused:
            _log(
                logging.WARNING, "CloudWatch takes no such time, camera name or label", keys=refused
            )
        failures: dict[str, Result] = {}
        for call in calls:
            result = _guarded(partial(self._send, call))
            if result.again:
                _log(logging.ERROR, "metrics not sent", keys=call.keys, reason=result.reason)
                failures.update(dict.fromkeys(call.keys, result))
        return {
            name: failures.get(result.crop.key, result) if result.crop else result
            for name, result in results.items()
        }

    def _send(self, call: Call) -> Result:
        self.metrics.put(call.data)
        return Result("sent")


def _guarded(step: Callable[[], Result]) -> Result:
    """Take one step so that, whatever happens in it, its neighbours are handled."""
    try:
        return step()
    except (BotoCoreError, ClientError) as error:
        return Result("failed", str(error))
    except Exception as error:  # noqa: BLE001
        # A fault of the program. It is not hidden: the log has its traceback, and the message
        # goes back to the queue and in the end to the dead letters, where the alarm is.
        logger.exception("unexpected error")
        return Result("failed", repr(error))


def _read(event: Mapping[str, Any]) -> Part:
    """Read an event of one record."""
    objects: list[S3Object] = []

    def read() -> Result:
        try:
            for found in iter_s3_objects(event):
                objects.append(found)  # noqa: PERF402  what precedes a fault is kept
        except EventError as error:
            return Result("malformed", error.reason)
        return Result("read")

    record = next(iter(event.get("Records") or event.get("tasks") or ()), None)
    ident = None
    if isinstance(record, Mapping):
        ident = record.get("messageId", record.get("taskId"))
    result = _guarded(read)
    if result.outcome == "read":
        return Part(ident, tuple(objects), None)
    _log(_LEVELS[result.outcome], "event", id=ident, outcome=result.outcome, reason=result.reason)
    return Part(ident, tuple(objects), result)


def _log_object(found: S3Object, result: Result, *, ms: float) -> None:
    fields: dict[str, Any] = {"bucket": found.bucket, "key": found.key, "outcome": result.outcome}
    if found.message_id is not None:
        fields.update(message_id=found.message_id, receive_count=found.receive_count)
    crop = result.crop
    if crop is not None and crop.is_face:
        fields.update(camera=crop.camera, dominant=crop.emotions.dominant, faces=crop.face_count)
    elif crop is not None:
        fields.update(camera=crop.camera, label=crop.label)
    if result.reason:
        fields["reason"] = result.reason
    _log(_LEVELS.get(result.outcome, logging.INFO), "crop", **fields, ms=ms)


def _log(level: int, message: str, **fields: Any) -> None:
    logger.log(level, message, extra={"fields": fields})
