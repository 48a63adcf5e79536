"""Metrics of scored crops in CloudWatch."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Iterable

import attrs

from facepipe.records import ScoredCrop, metric_data

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

# PutMetricData, Amazon CloudWatch API Reference. 1,000 data of ours are far below its 1 MB, since
# keys hold a camera's name to 128 characters and a label to 64.
MAX_DATA = 1000
# Two weeks back and two hours ahead, less a minute for the way there and the clocks.
OLDEST = timedelta(weeks=2) - timedelta(minutes=1)
NEWEST = timedelta(hours=2) - timedelta(minutes=1)


@attrs.frozen
class MetricSink:
    """Where metrics go.

    Attributes:
        client: boto3's CloudWatch client.
        namespace: the metrics' namespace.
    """

    client: CloudWatchClient
    namespace: str

    def put(self, data: list[dict[str, Any]]) -> None:
        """Send data in one PutMetricData call.

        Args:
            data: at most `MAX_DATA` of `MetricDatum`.

        Raises:
            ClientError, BotoCoreError: when CloudWatch did not take them.
        """
        self.client.put_metric_data(Namespace=self.namespace, MetricData=data)  # type: ignore[arg-type]


def acceptable(datum: dict[str, Any], now: datetime) -> bool:
    """Whether CloudWatch takes a datum: one that it does not take costs the whole call.

    It refuses times too far from its own, and names and dimensions that are not printable ASCII.

    Example:
        >>> noon = datetime(2026, 11, 20, 12)
        >>> datum = {"MetricName": "HAPPY", "Timestamp": noon}
        >>> acceptable(datum, now=noon), acceptable(datum, now=noon + timedelta(days=15))
        (True, False)
    """
    words = [datum["MetricName"], *(each["Value"] for each in datum.get("Dimensions", ()))]
    return -OLDEST <= datum["Timestamp"] - now <= NEWEST and all(
        word.isascii() and word.isprintable() and not word.isspace() for word in words
    )


@attrs.frozen
class Call:
    """What one PutMetricData call carries.

    Attributes:
        keys: of the crops whose metrics these are.
        data: their data, at least one and at most `MAX_DATA`.
    """

    keys: tuple[str, ...]
    data: list[dict[str, Any]]


def in_calls(scored: Iterable[ScoredCrop], now: datetime) -> tuple[list[Call], list[str]]:
    """Sort the metrics of crops into as few calls as CloudWatch's limit allows.

    Args:
        scored: crops, of faces with or without emotions and of objects.
        now: the time, with a time zone.

    Returns:
        The calls, usually one; and the keys of crops of which CloudWatch would have refused some
        or all data, which are left out.
    """
    calls: list[Call] = []
    refused = []
    for crop in scored:
        every = metric_data([crop])
        data = [datum for datum in every if acceptable(datum, now)]
        if len(data) < len(every):
            refused.append(crop.key)
        if not data:
            continue
        if calls and len(calls[-1].data) + len(data) <= MAX_DATA:
            calls[-1] = Call((*calls[-1].keys, crop.key), calls[-1].data + data)
        else:
            calls.append(Call((crop.key,), data))
    return calls, refused
