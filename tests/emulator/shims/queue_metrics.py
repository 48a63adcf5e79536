"""Metrics of queues. What moto lacks, and this fills in:

- SQS tells CloudWatch nothing of its queues. Here it does each second, and whenever a message comes
  or is taken: what AWS would see once a minute is then seen within a rehearsal.

Names, the one dimension and when there is a value are those of "Available CloudWatch metrics for
Amazon SQS" in the Amazon SQS Developer Guide; the metrics of calls, of FIFO queues and of delayed
messages are left out. A queue counts as active from when it is made.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Iterator

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import unix_time_millis, utcnow
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from tests.emulator.settings import ACCOUNT, Settings


def install(_: Settings) -> None:
    """Fill the gaps and start telling."""
    add_message, receive_message = Queue.add_message, SQSBackend.receive_message

    def add_and_tell(self: Queue, message: Message) -> None:
        add_message(self, message)
        _tell(self)

    def receive_and_tell(self: Any, queue_name: str, *rest: Any, **more: Any) -> Any:
        found = receive_message(self, queue_name, *rest, **more)
        if found:
            _tell(self.get_queue(queue_name))
        return found

    Queue.add_message = add_and_tell
    SQSBackend.receive_message = receive_and_tell
    threading.Thread(target=_tell_each_second, daemon=True).start()


def _tell_each_second() -> None:
    while True:
        time.sleep(1)
        for backend in list(sqs_backends[ACCOUNT].values()):
            for queue in list(backend.queues.values()):
                _tell(queue)


def _tell(queue: Queue) -> None:
    data = [
        {
            "MetricName": name,
            "Value": value,
            "Unit": unit,
            "Timestamp": utcnow(),
            "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
        }
        for name, value, unit in _values(queue)
    ]
    cloudwatch_backends[ACCOUNT][queue.region].put_metric_data("AWS/SQS", data)


def _values(queue: Queue) -> Iterator[tuple[str, float, str]]:
    messages = list(queue._messages)
    in_flight = [message for message in messages if not message.visible]
    visible = len(queue.messages)
    yield "ApproximateNumberOfMessagesVisible", float(visible), "Count"
    if in_flight:  # "Reported if in-flight messages exist"
        yield "ApproximateNumberOfMessagesNotVisible", float(len(in_flight)), "Count"
    if messages:  # "Reported if the queue contains at least one active message"
        oldest = min(message.sent_timestamp for message in messages)
        yield "ApproximateAgeOfOldestMessage", (unix_time_millis() - oldest) / 1000, "Seconds"
