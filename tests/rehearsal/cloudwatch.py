"""Where the dashboard's metrics and alarms are looked up."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Mapping, Protocol

import attrs

from tests.rehearsal.metric_math import Metric

# Of CloudWatch's periods; and how many points a line is to have at most.
_PERIODS = (1, 5, 10, 30, 60, 300, 3600)
_MOST_POINTS = 30


class Source(Protocol):
    """Where metrics and alarms are looked up."""

    #: The seconds at which periods begin.
    times: list[int]

    def points(self, metric: Metric, stat: str) -> dict[int, float]:
        """Values of a metric by the second at which their period begins."""

    def search(self, namespace: str, dimensions: frozenset[str], name: str) -> list[Metric]:
        """The metrics of a namespace that have just these dimensions, and this name."""

    def alarm(self, arn: str) -> tuple[str, str, Metric, str] | None:
        """An alarm's name, state, metric and statistic; None where there is no such alarm."""


@attrs.frozen
class CloudWatch:
    """Metrics and alarms of CloudWatch, as boto3's client tells of them.

    Attributes:
        client: boto3's.
        start: seconds since the epoch.
        end: likewise, and no longer part of the span.
        period: seconds, of all widgets: that of the dashboard is for hours, not for a rehearsal.
    """

    client: Any
    start: int
    end: int
    period: int

    @classmethod
    def spanning(cls, client: Any, first: datetime, last: datetime) -> CloudWatch:
        """All of a span of time, with as short a period as leaves it readable."""
        seconds = (last - first).total_seconds()
        period = next(each for each in _PERIODS if seconds / each <= _MOST_POINTS)
        start = int(first.timestamp()) // period * period
        return cls(client, start, int(last.timestamp()) + period, period)

    @property
    def times(self) -> list[int]:
        """The seconds at which periods begin."""
        return list(range(self.start, self.end, self.period))

    def points(self, metric: Metric, stat: str) -> dict[int, float]:
        """Values of a metric, by the second at which their period begins."""
        asked = {
            "Namespace": metric.namespace,
            "MetricName": metric.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
        }
        query = {"Metric": asked, "Period": self.period, "Stat": stat}
        (found,) = self.client.get_metric_data(
            MetricDataQueries=[{"Id": "m", "MetricStat": query}],
            StartTime=datetime.fromtimestamp(self.start, timezone.utc),
            EndTime=datetime.fromtimestamp(self.end, timezone.utc),
        )["MetricDataResults"]
        seconds = [round(each.timestamp()) for each in found["Timestamps"]]
        return dict(sorted(zip(seconds, found["Values"])))

    def search(self, namespace: str, dimensions: frozenset[str], name: str) -> list[Metric]:
        """The metrics of a namespace that have just these dimensions, and this name."""
        pages = self.client.get_paginator("list_metrics").paginate(
            Namespace=namespace, MetricName=name
        )
        every = {_metric(found) for page in pages for found in page["Metrics"]}
        return sorted(
            (each for each in every if {name for name, _ in each.dimensions} == dimensions),
            key=lambda each: each.dimensions,
        )

    def alarm(self, arn: str) -> tuple[str, str, Metric, str] | None:
        """An alarm's name, state, metric and statistic; None where there is no such alarm."""
        name = arn.rpartition(":alarm:")[2]
        for found in self.client.describe_alarms(AlarmNames=[name])["MetricAlarms"]:
            if found["AlarmArn"] == arn:
                return name, found["StateValue"], _metric(found), found["Statistic"]
        return None


def _metric(found: Mapping[str, Any]) -> Metric:
    dimensions = sorted((each["Name"], each["Value"]) for each in found["Dimensions"])
    return Metric(found["Namespace"], found["MetricName"], tuple(dimensions))
