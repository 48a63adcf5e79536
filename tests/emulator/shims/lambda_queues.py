"""Lambda's event source mappings from SQS. What moto lacks, and this fills in:

- it invokes within SendMessage, whose sender waits; here a thread polls the queues, as Lambda does,
  one batch of a mapping at a time, and the role must be allowed to read the queue;
- ReportBatchItemFailures: ignored; here only the messages that a function names stay in the queue;
- a function given by an alias: forgotten, so that a new version never takes over.

A failed message comes back after `retry_seconds`, not after the queue's visibility timeout.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.awslambda_simple.models import lambda_simple_backends
from moto.sqs.models import Message, Queue, sqs_backends

from tests.emulator.settings import ACCOUNT, Settings, log
from tests.emulator.shims.iam import role_may
from tests.emulator.shims.lambda_ import invoke

_READ = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")

# Lambda waits for more messages up to the mapping's batching window; nobody rehearsing wants to.
_LONGEST_WINDOW = 0.2


def install(settings: Settings) -> None:
    """Fill the gaps and start polling."""
    woken = threading.Event()
    _keep_aliases()
    add_message = Queue.add_message

    def add_and_wake(self: Queue, message: Message) -> None:
        mappings, self.lambda_event_source_mappings = self.lambda_event_source_mappings, {}
        try:
            add_message(self, message)
        finally:
            self.lambda_event_source_mappings = mappings
        woken.set()

    Queue.add_message = add_and_wake
    threading.Thread(target=_poll, args=(settings, woken), daemon=True).start()


def _keep_aliases() -> None:
    update = LambdaBackend.update_event_source_mapping
    get = EventSourceMapping.get_configuration

    def update_event_source_mapping(self: Any, uuid: str, spec: dict[str, Any]) -> Any:
        mapping = update(self, uuid, spec)
        if mapping and "FunctionName" in spec:
            mapping.function_name = spec["FunctionName"]
        return mapping

    def get_configuration(self: Any) -> dict[str, Any]:
        found = get(self)
        if ":function:" in self.function_name:
            found["FunctionArn"] = self.function_name
        return found

    LambdaBackend.update_event_source_mapping = update_event_source_mapping
    EventSourceMapping.get_configuration = get_configuration


def _poll(settings: Settings, woken: threading.Event) -> None:
    busy: set[str] = set()

    def run(mapping: Any, queue: Queue) -> None:
        try:
            _deliver(settings, mapping, queue)
        except Exception:  # noqa: BLE001  the poller must go on; lacking() tells
            log.exception("lambda: event source mapping of %s", queue.name)
            settings.lack(f"lambda: the event source mapping of {queue.name} failed, see the log")
        finally:
            busy.discard(mapping.uuid)
            woken.set()

    with ThreadPoolExecutor(4, "event-source") as pool:
        while True:
            woken.wait(0.2)
            woken.clear()
            for backend in list(lambda_simple_backends[ACCOUNT].values()):
                for mapping in list(backend._event_source_mappings.values()):
                    queue = _queue(mapping)
                    if mapping.enabled and mapping.uuid not in busy and queue and queue.messages:
                        busy.add(mapping.uuid)
                        pool.submit(run, mapping, queue)


def _queue(mapping: Any) -> Queue | None:
    _, _, service, region, _, name = mapping.event_source_arn.split(":", 5)
    if service != "sqs":
        raise NotImplementedError(f"lambda: event source mappings of {service}")
    return sqs_backends[ACCOUNT][region].queues.get(name)


def _deliver(settings: Settings, mapping: Any, queue: Queue) -> None:
    backend = lambda_simple_backends[ACCOUNT][mapping.region]
    function = backend.get_function(mapping.function_name)
    for action in _READ:
        if not role_may(function.role, action, queue.queue_arn):
            log.error("lambda: %s may not %s of %s", function.role, action, queue.name)
            time.sleep(1)
            return
    if mapping.max_batch_window and len(queue.messages) < mapping.batch_size:
        time.sleep(min(mapping.max_batch_window, _LONGEST_WINDOW))
    sqs = sqs_backends[ACCOUNT][mapping.region]
    messages = sqs.receive_message(queue.name, mapping.batch_size, 0, queue.visibility_timeout)
    if not messages:
        return
    event = {"Records": [_record(message, queue) for message in messages]}
    _, _, qualifier = mapping.function_name.partition(":function:")[2].partition(":")
    made = invoke(function, qualifier or None, event)
    sent = {message.id for message in messages}
    failed = sent if made.failed else _failed(mapping, made.answer, sent)
    for message in messages:
        if message.id in failed:
            sqs.change_message_visibility(
                queue.name, message.receipt_handle, settings.retry_seconds
            )
        else:
            sqs.delete_message(queue.name, message.receipt_handle)


def _failed(mapping: Any, answer: Any, sent: set[str]) -> set[str]:
    """Ids of the messages that stay; an answer that makes no sense keeps all, as with Lambda."""
    if "ReportBatchItemFailures" not in (mapping.function_response_types or []):
        return set()
    if not answer or not answer.get("batchItemFailures"):
        return set()
    named = {each.get("itemIdentifier") for each in answer["batchItemFailures"]}
    return named if named <= sent else sent


def _record(message: Message, queue: Queue) -> dict[str, Any]:
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "SentTimestamp": str(message.sent_timestamp),
            "SenderId": message.sender_id,
            "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
        },
        "messageAttributes": {},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.queue_arn,
        "awsRegion": queue.region,
    }
