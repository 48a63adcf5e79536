"""What a fleet costs a month: calls, bytes, peaks and dollars, from a workload and a price list.

`bill` counts what the stack of `terraform/` is charged for. Where a quantity depends on how things
fall together, it is counted as the most that it can be. Left out are free tiers, taxes, log lines
kept after they were taken, and what is only paid once it is used for something else: video, frames
to be labelled, training, keys of one's own, mails.

A month has 730 hours for what runs all the time, as in AWS's own calculator, and a GB 10**9 bytes.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Mapping

import attrs

from facepipe._prices import (
    PRICES,
    Price,
    PriceList,
    exact,
    exactly,
    parse_prices,
    to_dollars,
)
from facepipe._workload import MODES, Workload

__all__ = [
    "MODES",
    "PRICES",
    "Bill",
    "Line",
    "Price",
    "PriceList",
    "Workload",
    "bill",
    "parse_prices",
]

MONTH_HOURS = 730

_GB = 10**9
_DAY_HOURS = 24

# What terraform/ builds: modules/scorer, modules/storage, modules/dashboard, and the defaults of
# crop_days, record_days and silent_minutes.
MEMORY_GB = Decimal("0.25")
BATCH_SIZE = 10
BATCH_SECONDS = 5
CROP_DAYS = 1
RECORD_DAYS = 30
ALARMS = 4
CAMERA_ALARMS = 1
HEALTH_METRICS = 2

#: Emotions that Rekognition names, and FacesScored, which are charted for all cameras and for each.
EMOTION_METRICS = 10

#: Lambda has five pollers on a queue, each asking for up to 20 seconds ("Creating and configuring
#: an Amazon SQS event source mapping", AWS Lambda Developer Guide).
POLLERS = 5
POLL_SECONDS = 20

#: Of the function for a crop: ten take some 5 seconds (modules/scorer).
SECONDS_A_CROP = Decimal("0.5")

#: Health messages of a camera, and those about faces at the most (`facepipe_io.edge.reporter`).
HEALTH_SECONDS = 60
MESSAGE_SECONDS = 1

# Bytes, of which a test measures the first three. A record is kept twice, with its index, each time
# with the 100 bytes that DynamoDB counts for itself; CloudWatch counts 26 for each line.
RECORD_BYTES = 2 * (260 + 100)
CROP_LOG_BYTES = 450 + 26
ANSWER_BYTES = 300
RUN_LOG_BYTES = 650  # Lambda's own lines of a run
# TorchServe writes some 15 lines for each request, and AWS's image for PyTorch sends all of them to
# its output: log4j2.xml in github.com/aws/sagemaker-pytorch-inference-toolkit. An estimate.
FRAME_LOG_BYTES = 2000

#: Milliseconds of a frame in the endpoint's only process, on an instance of two cores: what a frame
#: takes on the clock but not on the device's processor (docs/inference.md).
FRAME_MS: Mapping[str, int] = {"cloud": 34 - 7, "endpoint": 42 - 9}


@attrs.frozen
class _Kind:
    """A line that every bill has."""

    name: str
    service: str
    what: str
    price: str
    fixed: bool = False


_KINDS = (
    _Kind("rekognition.images", "Rekognition", "faces scored", "rekognition.images"),
    _Kind("s3.puts", "S3", "crops put", "s3.puts"),
    _Kind("s3.gets", "S3", "crops read", "s3.gets"),
    _Kind("s3.storage", "S3", "crops kept, GB", "s3.storage"),
    _Kind("sqs.polls", "SQS", "empty polls", "sqs.requests", fixed=True),
    _Kind("sqs.requests", "SQS", "news of crops", "sqs.requests"),
    _Kind("lambda.runs", "Lambda", "runs", "lambda.runs"),
    _Kind("lambda.compute", "Lambda", "GB-seconds", "lambda.compute"),
    _Kind("dynamodb.writes", "DynamoDB", "records written", "dynamodb.writes"),
    _Kind("dynamodb.storage", "DynamoDB", "records kept, GB", "dynamodb.storage"),
    _Kind("cloudwatch.metrics", "CloudWatch", "metrics", "cloudwatch.metrics"),
    _Kind("cloudwatch.calls", "CloudWatch", "PutMetricData", "cloudwatch.calls"),
    _Kind("cloudwatch.logs", "CloudWatch", "log lines, GB", "cloudwatch.logs"),
    _Kind("cloudwatch.alarms", "CloudWatch", "alarms", "cloudwatch.alarms", fixed=True),
    _Kind("cloudwatch.dashboards", "CloudWatch", "dashboard", "cloudwatch.dashboards", fixed=True),
    _Kind("iot.messages", "IoT Core", "messages", "iot.messages"),
    _Kind("iot.connections", "IoT Core", "minutes online", "iot.connections"),
    _Kind("iot.rules", "IoT Core", "rules run", "iot.rules"),
    _Kind("iot.actions", "IoT Core", "rules' actions", "iot.actions"),
    _Kind("sagemaker.instances", "SageMaker", "instance hours", "sagemaker.instances", fixed=True),
    _Kind("sagemaker.data", "SageMaker", "frames, GB", "sagemaker.data"),
    _Kind("sagemaker.logs", "SageMaker", "log lines, GB", "cloudwatch.logs"),
    _Kind("transfer.out", "SageMaker", "answers out, GB", "transfer.out"),
)


@attrs.frozen
class Line:
    """A line of a bill.

    Attributes:
        name: the same in every bill, such as `rekognition.images`.
        service: whose it is.
        what: what is paid for.
        quantity: how much of it a month.
        dollars: for that, to the millionth.
        fixed: whether it is paid although no camera looks.
    """

    name: str
    service: str
    what: str
    quantity: float
    dollars: Decimal
    fixed: bool


@attrs.frozen
class Bill:
    """What a fleet costs a month.

    Attributes:
        workload: the fleet.
        lines: in the order of what happens to a crop, all of them, also those of 0.
        people: seen; who is seen by two cameras counts twice.
        crops: sent, each of which is one call of DetectFaces.
        frames: sent to an endpoint.
        bytes_up: sent by all cameras: frames, and crops where the device cuts them.
        peak_calls: calls of DetectFaces a second in the busiest hour.
        quota: calls a second that Rekognition allows.
        quota_cameras: cameras with which the busiest hour keeps within it; None where any number
            does.
        concurrency: crops that are scored at once in the busiest hour, on average.
        instances: that the endpoint needs for the busiest hour's frames; 0 where there is none.
    """

    workload: Workload
    lines: tuple[Line, ...]
    people: float
    crops: float
    frames: float
    bytes_up: float
    peak_calls: float
    quota: float
    quota_cameras: int | None
    concurrency: float
    instances: int

    @property
    def total(self) -> Decimal:
        """Dollars of all lines."""
        return to_dollars(line.dollars for line in self.lines)

    @property
    def fixed(self) -> Decimal:
        """Dollars that are paid although no camera looks."""
        return to_dollars(line.dollars for line in self.lines if line.fixed)

    @property
    def dollars_per_person(self) -> Decimal | None:
        """Of all lines, for each person seen; None where nobody is."""
        if not self.people:
            return None
        with exactly():
            return to_dollars([self.total / exact(self.people)])

    def line(self, name: str) -> Line:
        """A line by its name.

        Raises:
            KeyError: if no bill has such a line.
        """
        return {line.name: line for line in self.lines}[name]


def bill(workload: Workload, prices: PriceList) -> Bill:
    """What a fleet costs a month.

    Args:
        workload: the fleet.
        prices: where it is.

    Example:
        >>> each = {"per": 1000, "tiers": [{"price": 1}], "source": "a page"}
        >>> prices = parse_prices({
        ...     "date": "2026-11", "region": "us-east-1", "currency": "USD",
        ...     "instance": "ml.m5.large", "calls_a_second": 50,
        ...     "prices": dict.fromkeys(PRICES, each),
        ... })
        >>> month = bill(Workload(cameras=1, hours=10, days=10, people_per_hour=10), prices)
        >>> month.people, month.crops, month.line("rekognition.images").dollars
        (1000.0, 2000.0, Decimal('2.000000'))
    """
    with exactly():
        return _bill(workload, prices)


def _bill(w: Workload, prices: PriceList) -> Bill:
    hours = exact(w.hours) * exact(w.days)  # a month, of each camera
    people = w.cameras * hours * exact(w.people_per_hour)
    crops = people * w.crops_each
    frames = w.cameras * hours * 3600 * w.frames_a_second
    peak = exact(w.people_per_hour) * w.crops_each * exact(w.peak) / 3600  # of each camera
    instances = _instances(w)
    of_crops = _of_crops(w, hours, crops)
    runs = of_crops["lambda.runs"]
    usage = {**of_crops, **_of_cameras(w, hours, crops, runs), **_of_frames(w, frames, instances)}
    crop_bytes = 0 if w.mode == "endpoint" else crops * exact(w.crop_bytes)
    return Bill(
        workload=w,
        lines=_lines(usage, prices),
        people=float(people),
        crops=float(crops),
        frames=float(frames),
        bytes_up=float(crop_bytes + frames * exact(w.sent_frame_bytes)),
        peak_calls=float(w.cameras * peak),
        quota=prices.calls_a_second,
        quota_cameras=math.floor(exact(prices.calls_a_second) / peak) if peak else None,
        concurrency=float(w.cameras * peak * SECONDS_A_CROP),
        instances=instances,
    )


def _of_crops(w: Workload, hours: Decimal, crops: Decimal) -> dict[str, Decimal]:
    """What each crop takes on its way from S3 to its record."""
    # A poller hands on what has come in BATCH_SECONDS after the first message, at most a full
    # batch. Crops come evenly here: where they do not, batches are fuller and runs are fewer.
    rate = crops / (hours * 3600) if hours else Decimal(0)
    runs = crops / min(Decimal(BATCH_SIZE), 1 + rate * BATCH_SECONDS / POLLERS)
    # A crop is deleted at the midnight after CROP_DAYS, half a day later on average.
    days = CROP_DAYS + Decimal("0.5")
    kept = crops * exact(w.crop_bytes) * days * _DAY_HOURS / MONTH_HOURS
    records = crops * RECORD_BYTES * RECORD_DAYS * _DAY_HOURS / MONTH_HOURS
    return {
        "rekognition.images": crops,
        "s3.puts": crops,
        "s3.gets": crops,  # by Rekognition
        "s3.storage": kept / _GB,
        "sqs.requests": 2 * crops + runs,  # sent and received one by one, deleted by the batch
        "lambda.runs": runs,
        "lambda.compute": crops * SECONDS_A_CROP * MEMORY_GB,
        "dynamodb.writes": 2 * crops,  # the record and its place in the index, less than 1 KB each
        "dynamodb.storage": records / _GB,
        "cloudwatch.logs": (crops * CROP_LOG_BYTES + runs * RUN_LOG_BYTES) / _GB,
    }


def _of_cameras(w: Workload, hours: Decimal, crops: Decimal, runs: Decimal) -> dict[str, Decimal]:
    """What each camera takes, and the stack itself."""
    # Metrics are paid by the hour in which they are sent.
    months = min(hours / (30 * _DAY_HOURS), Decimal(1))
    emotions = EMOTION_METRICS * (w.cameras + 1) if crops else 0
    health = w.cameras * hours * 3600 / HEALTH_SECONDS
    about_faces = w.cameras * hours * 3600 * exact(w.watched) / MESSAGE_SECONDS
    return {
        "sqs.polls": Decimal(POLLERS * MONTH_HOURS * 3600) / POLL_SECONDS,
        "cloudwatch.metrics": months * (emotions + HEALTH_METRICS * w.cameras),
        "cloudwatch.calls": HEALTH_METRICS * health + runs,  # one of each rule's action and run
        "cloudwatch.alarms": Decimal(ALARMS + CAMERA_ALARMS * w.cameras),
        "cloudwatch.dashboards": Decimal(1),
        "iot.messages": health + about_faces,
        "iot.connections": w.cameras * hours * 60,
        "iot.rules": health,
        "iot.actions": HEALTH_METRICS * health,
    }


def _of_frames(w: Workload, frames: Decimal, instances: int) -> dict[str, Decimal]:
    """What an endpoint takes."""
    answers = frames * ANSWER_BYTES / _GB
    return {
        "sagemaker.instances": Decimal(instances * MONTH_HOURS),
        "sagemaker.data": frames * exact(w.sent_frame_bytes) / _GB + answers,
        "sagemaker.logs": frames * FRAME_LOG_BYTES / _GB,
        "transfer.out": answers,
    }


def _instances(w: Workload) -> int:
    """Instances that keep up with the frames of the busiest hour; one runs in any case."""
    if w.mode == "edge":
        return 0
    busy = min(exact(w.busy) * exact(w.peak), Decimal(1))
    return max(1, math.ceil(w.cameras * exact(w.fps) * busy * FRAME_MS[w.mode] / 1000))


def _lines(usage: Mapping[str, Decimal], prices: PriceList) -> tuple[Line, ...]:
    """The lines; those of one price share its tiers, the earlier ones first."""
    used = dict.fromkeys(PRICES, Decimal(0))
    lines = []
    for kind in _KINDS:
        price, before = prices.prices[kind.price], used[kind.price]
        used[kind.price] = before + usage[kind.name]
        dollars = to_dollars([price.cost(used[kind.price]), -price.cost(before)])
        quantity = float(usage[kind.name])
        lines.append(Line(kind.name, kind.service, kind.what, quantity, dollars, kind.fixed))
    return tuple(lines)
