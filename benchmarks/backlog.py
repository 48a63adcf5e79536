"""The cloud function at work on a long queue: how fast, and in how much memory.

    python -m benchmarks.backlog [--messages 100000]

The emulator's queue is filled with S3's news of crops. Pollers do what Lambda's event source
mapping does: they receive up to ten messages, hand them to the function, and delete them when it
names none as failed. The function's copies have a process each, whose memory is looked at; they ask
Rekognition, DynamoDB and CloudWatch over HTTP, of a server here that answers at once. Now and then
the function's answer gets lost, so that its messages come once more.

Ends with 1 when a crop was not scored exactly once, or when a copy's process is more than 5 %
larger at the end than after its first tenth.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any, Callable, Iterator

import attrs
import numpy as np
from rich.progress import Progress

from benchmarks.backlog_world import REGION, Function, Services, emulator, functions, serving
from benchmarks.figures import Growth
from facepipe.costs import BATCH_SIZE
from facepipe.keys import CropKey, format_key

ALLOWED_GROWTH = 1.05
COPIES = 4  # of the function at once; Terraform's max_concurrency is 5
LOST_ANSWERS = 50  # one of so many
VISIBILITY_SECONDS = 365  # terraform/modules/scorer/outputs.tf
TIMEOUT_SECONDS = 60.0


@attrs.define
class Poller:
    """Hands a queue's messages to a copy of the function.

    Attributes:
        sqs: boto3's client.
        url: of the queue.
        scorer: the copy.
        delivered: messages handed to it, those that came again among them.
        batches: how many.
        sizes: its memory, after every tenth batch.
    """

    sqs: Any
    url: str
    scorer: Function
    delivered: int = 0
    batches: int = 0
    sizes: list[int] = attrs.field(factory=list)

    def batch(self) -> int | None:
        """Receive, hand over, delete; how many were deleted, or None when there was no message."""
        answer = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=BATCH_SIZE, AttributeNames=["All"]
        )
        messages = answer.get("Messages")
        if not messages:
            return None
        event = {"Records": [_record(message) for message in messages]}
        made = self.scorer.invoke(event, "arn:aws:lambda:::scorer", TIMEOUT_SECONDS)
        assert not made.failed, made
        self.delivered += len(messages)
        self.batches += 1
        if self.batches % 10 == 0:
            self.sizes.append(self.scorer.resident_bytes())
        failed = {each["itemIdentifier"] for each in made.answer["batchItemFailures"]}
        assert not failed, made.log
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages)
        ]
        if self.batches % LOST_ANSWERS == 0:  # they come again, but nobody waits six minutes here
            again = [{**entry, "VisibilityTimeout": 0} for entry in entries]
            self.sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=again)
            return 0
        self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
        return len(entries)


@attrs.frozen
class Backlog:
    """A queue, and the copies of the function that empty it.

    Attributes:
        sqs, url: as of a `Poller`.
        pollers: one for each copy.
    """

    sqs: Any
    url: str
    pollers: list[Poller]

    def fill(self, keys: list[str], advance: Callable[[int], object] = int) -> None:
        """Have S3's news of crops wait in the queue."""
        for start in range(0, len(keys), BATCH_SIZE):
            entries = [
                {"Id": str(number), "MessageBody": _news(key)}
                for number, key in enumerate(keys[start : start + BATCH_SIZE])
            ]
            answer = self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
            assert not answer.get("Failed"), answer
            advance(len(entries))

    def empty(self, advance: Callable[[int], object] = int) -> None:
        """Have all messages scored."""

        def poll(poller: Poller) -> None:
            for done in iter(poller.batch, None):
                advance(done)

        with ThreadPoolExecutor(len(self.pollers)) as pool:
            list(pool.map(poll, self.pollers))
        poll(self.pollers[0])  # what came again after the others had looked


def _record(message: dict[str, Any]) -> dict[str, Any]:
    """A message, as Lambda hands it over."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:crops",
        "awsRegion": REGION,
    }


def _news(key: str) -> str:
    """What S3 writes of a new crop."""
    s3 = {"bucket": {"name": "deeplens-crops"}, "object": {"key": key, "size": 13_400}}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S.000Z}",
        "eventName": "ObjectCreated:Put",
        "s3": s3,
    }
    return json.dumps({"Records": [record]})


def crop_keys(count: int, run: str) -> list[str]:
    """Keys of crops of a hundred cameras."""
    now = datetime.now(timezone.utc)
    return [format_key(CropKey(f"hall-{n % 100}", now, run, n // 100, 0)) for n in range(count)]


@contextlib.contextmanager
def ready(copies: int) -> Iterator[tuple[Backlog, Services]]:
    """Everything set up, and the queue empty."""
    services = Services()
    with contextlib.ExitStack() as stack:
        aws = stack.enter_context(emulator())
        started = stack.enter_context(functions(stack.enter_context(serving(services)), copies))
        sqs = aws.client("sqs")
        url = sqs.create_queue(
            QueueName="crops", Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
        )["QueueUrl"]
        yield Backlog(sqs, url, [Poller(sqs, url, scorer) for scorer in started]), services


def check(services: Services, keys: list[str]) -> None:
    """Each crop was asked about, hence paid for, exactly once, and written exactly once."""
    once = dict.fromkeys(keys, 1)
    assert services.asked == once, "a crop was not asked about exactly once"
    assert services.writes == once, "a record was not written exactly once"


def figures(seconds: float) -> Iterator[Growth]:
    """How the function's processor time for a queue grows with its length.

    Not the time on the clock, most of which is the emulator's.
    """
    most = max(100, int(300 * seconds))
    sizes = [size for size in (30, 100, 300, 1000, 3000, 10_000) if size <= most][-3:]
    rounds, every = [], []
    with ready(copies=1) as (backlog, services):
        scorer = backlog.pollers[0].scorer
        for number in range(4):
            row = []
            for size in sizes:
                keys = crop_keys(size, f"{number}{size:05}")
                every += keys
                backlog.fill(keys)
                started = scorer.processor_seconds()
                backlog.empty()
                row.append(scorer.processor_seconds() - started)
            rounds.append(row)
        check(services, every)
    yield Growth.of_rounds(
        "cloud function", "emptying a queue, processor", "messages", "s", sizes, rounds[1:]
    )


def main() -> None:
    """Run, and judge."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog="example: python -m benchmarks.backlog --messages 2000",
    )
    parser.add_argument("--messages", type=int, default=100_000)
    count = parser.parse_args().messages
    keys = crop_keys(count, "0000")
    with ready(COPIES) as (backlog, services), Progress() as progress:
        task = progress.add_task("filling the queue", total=count)
        backlog.fill(keys, lambda done: progress.advance(task, done))
        task = progress.add_task("scoring", total=count)
        started = time.perf_counter()
        backlog.empty(lambda done: progress.advance(task, done))
        took = time.perf_counter() - started
    check(services, keys)
    delivered = sum(poller.delivered for poller in backlog.pollers)
    print(f"{count:,} messages in {took:.0f} s, {count / took:.0f} a second by {COPIES} copies")
    print(f"{delivered:,} deliveries; {sum(services.asked.values()):,} calls of DetectFaces, one "
          f"for each crop; {len(services.records):,} records, each written once; "
          f"{services.charts:,} PutMetricData")  # fmt: skip
    sys.exit(not all([is_flat(poller) for poller in backlog.pollers]))  # noqa: C419 - each is printed


def is_flat(poller: Poller) -> bool:
    """Print and judge the memory of a copy over the run."""
    sizes = np.array(poller.sizes[len(poller.sizes) // 10 :], float)
    start, end = np.median(sizes[:10]), np.median(sizes[-10:])
    messages = 10 * BATCH_SIZE * np.arange(len(sizes))
    slope = np.polyfit(messages, sizes, 1)[0] * 1000 if len(sizes) > 1 else 0.0
    print(f"a copy's memory over {poller.delivered:,} messages: {start / 1e6:.2f} MB after a "
          f"tenth, {end / 1e6:.2f} MB at the end, {end / start:.4f}; at most "
          f"{sizes.max() / 1e6:.2f} MB; slope {slope:+.0f} bytes per 1,000 messages")  # fmt: skip
    return bool(end <= ALLOWED_GROWTH * start)


if __name__ == "__main__":
    main()
