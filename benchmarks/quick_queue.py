"""The emulator, with queues whose calls cost the same however many messages wait.

    python -m benchmarks.quick_queue --without-shims

moto counts all of a queue's messages at each call, and goes through them once more, or twice, for
each that it deletes: of 100,000 messages that would take longer than all the rest. Here it begins
at the oldest message and ends at what it looks for, and does not count; what the calls of Lambda's
poller answer is the same. Calls wait for one another, or two of them might receive one message, as
of SQS now and then, too; here each is to be received once. The emulator's shims are left out, of
which one counts for CloudWatch.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, Iterator

import attrs
from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Queue, SQSBackend

from tests.emulator import __main__ as emulator


@attrs.frozen
class Visible:
    """The messages of a queue that may be received, found as they are asked for.

    Attributes:
        every: of the queue's messages, the oldest first.
    """

    every: list[Any]

    def __iter__(self) -> Iterator[Any]:
        return (message for message in self.every if message.visible and not message.delayed)

    def __bool__(self) -> bool:
        return any(True for _ in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def one_at_a_time(call: Callable[..., Any], lock: threading.Lock) -> Callable[..., Any]:
    """A call that waits for the others of its lock."""

    def wait_and_call(*arguments: Any, **more: Any) -> Any:
        with lock:
            return call(*arguments, **more)

    return wait_and_call


def delete_message(queue: Any, receipt_handle: str) -> None:
    """Delete a message: `Queue.delete_message`."""
    if receipt_handle in queue.deleted_messages:
        return
    for place, message in enumerate(queue._messages):
        if message.had_receipt_handle(receipt_handle):
            queue.pending_messages.discard(message)
            queue.deleted_messages.update(message.all_receipt_handles)
            del queue._messages[place]
            return
    raise ReceiptHandleIsInvalid


if __name__ == "__main__":
    counts = {name for name in Queue.BASE_ATTRIBUTES if name.startswith("Approximate")}
    Queue.BASE_ATTRIBUTES = [name for name in Queue.BASE_ATTRIBUTES if name not in counts]
    Queue.messages = property(lambda queue: Visible(queue._messages))
    Queue.delete_message = delete_message
    turn = threading.Lock()
    for name in ("receive_message", "delete_message_batch", "change_message_visibility_batch"):
        setattr(SQSBackend, name, one_at_a_time(getattr(SQSBackend, name), turn))
    emulator.main()
