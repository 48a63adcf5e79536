"""CloudWatch. What moto lacks, and this fills in:

- a metric without dimensions is another than those with: moto adds them all up, so that whatever is
  charted both per camera and in all counts twice; nor does it look at the namespace;
- percentiles, such as the statistic `p95`: give nothing;
- expressions: give nothing, and are said to be lacking;
- alarms never ring. `evaluate` sets each to the state that its metric gives at a time, and tells
  its topics, where the topic's policy and key let CloudWatch do so. The metrics of queues, which
  moto does not keep, are those of the moment. Metric math in alarms is not known.
"""

from __future__ import annotations

import copy
import json
import re
from datetime import datetime, timedelta
from typing import Any, Callable, Iterable

import numpy as np
from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends
from moto.core.utils import unix_time_millis
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from tests.emulator.policies import is_allowed
from tests.emulator.settings import ACCOUNT, Settings, log
from tests.emulator.shims.iam import service_request

_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}

_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
    "Sum": sum,
}


def install(_: Settings) -> None:
    """Fill the gaps."""
    get_statistics = CloudWatchBackend.get_metric_statistics

    def get_metric_statistics(
        self: Any, namespace: str, metric_name: str, *rest: Any, **more: Any
    ) -> Any:
        dimensions = more.pop("dimensions")
        found = _data(self, namespace, metric_name, dimensions)
        return get_statistics(
            _view(self, found), namespace, metric_name, *rest, dimensions=[], **more
        )

    def get_metric_data(
        self: Any,
        queries: list[dict[str, Any]],
        start_time: datetime,
        end_time: datetime,
        scan_by: str = "TimestampAscending",
    ) -> list[dict[str, Any]]:
        results = [_result(self, query, start_time, end_time, scan_by) for query in queries]
        asked = [query.get("ReturnData", True) for query in queries]
        return [result for result, wanted in zip(results, asked) if wanted]

    CloudWatchBackend.get_metric_statistics = get_metric_statistics
    CloudWatchBackend.get_metric_data = get_metric_data


def _view(backend: Any, data: list[Any]) -> Any:
    view = copy.copy(backend)
    view.get_all_metrics = lambda: data
    return view


def _result(
    backend: Any, query: dict[str, Any], start: datetime, end: datetime, scan_by: str
) -> dict[str, Any]:
    stat = query.get("MetricStat")
    if stat is None:
        raise NotImplementedError(f"cloudwatch: the expression {query['Expression']}")
    if stat.get("Unit"):
        raise NotImplementedError("cloudwatch: the unit of a query")
    metric, period = stat["Metric"], timedelta(seconds=int(stat["Period"]))
    found: dict[int, list[float]] = {}
    for datum in _data(
        backend, metric["Namespace"], metric["MetricName"], metric.get("Dimensions", [])
    ):
        if start <= datum.timestamp < end:
            found.setdefault((datum.timestamp - start) // period, []).append(float(datum.value))
    numbers = sorted(found, reverse=scan_by == "TimestampDescending")
    return {
        "id": query["Id"],
        "label": query.get("Label") or f"{metric['MetricName']} {stat['Stat']}",
        "values": [_statistic(stat["Stat"], found[number]) for number in numbers],
        "timestamps": [start + number * period for number in numbers],
        "status_code": "Complete",
    }


def _statistic(name: str, values: list[float]) -> float:
    if name in _STATISTICS:
        return float(_STATISTICS[name](values))
    percentile = re.fullmatch(r"p(\d{1,2}(?:\.\d+)?|100)", name)
    if percentile is None:
        raise NotImplementedError(f"cloudwatch: the statistic {name}")
    return float(np.percentile(values, float(percentile[1])))


def _data(
    backend: Any, namespace: str, name: str, dimensions: Iterable[dict[str, str]]
) -> list[Any]:
    wanted = {(each["Name"], each["Value"]) for each in dimensions}
    return [
        datum
        for datum in backend.get_all_metrics()
        if datum.namespace == namespace
        and datum.name == name
        and {(each.name, each.value) for each in datum.dimensions} == wanted
    ]


def evaluate(now: datetime) -> dict[str, str]:
    """Set every alarm to the state that it has at a time, and tell those whom it tells.

    Args:
        now: the end of the last period, UTC without a time zone as moto has it.

    Returns:
        The states, `OK`, `ALARM` or `INSUFFICIENT_DATA`, by the alarms' names.
    """
    states = {}
    for backend in list(cloudwatch_backends[ACCOUNT].values()):
        for alarm in list(backend.alarms.values()):
            if alarm.rule or alarm.metric_data_queries or alarm.extended_statistic:
                raise NotImplementedError(f"cloudwatch: the kind of alarm {alarm.name} is")
            state = _state(backend, alarm, now)
            states[alarm.name] = state
            if state != alarm.state_value:
                alarm.update_state(f"at {now}", "{}", state)
                _tell(alarm, state)
    return states


def _state(backend: Any, alarm: Alarm, now: datetime) -> str:
    values = [
        _value(backend, alarm, now - timedelta(seconds=alarm.period * number))
        for number in range(int(alarm.evaluation_periods))
    ]
    missing = alarm.treat_missing_data or "missing"
    if all(value is None for value in values) and missing in ("missing", "ignore"):
        return "INSUFFICIENT_DATA" if missing == "missing" else str(alarm.state_value)
    breaches = _BREACHES[alarm.comparison_operator]
    threshold = float(alarm.threshold)
    count = sum(
        missing == "breaching" if value is None else breaches(value, threshold) for value in values
    )
    needed = int(alarm.datapoints_to_alarm or alarm.evaluation_periods)
    return "ALARM" if count >= needed else "OK"


def _value(backend: Any, alarm: Alarm, end: datetime) -> float | None:
    dimensions = [{"Name": each.name, "Value": each.value} for each in alarm.dimensions]
    if alarm.namespace == "AWS/SQS":
        return _queue_value(alarm, dimensions[0]["Value"])
    start = end - timedelta(seconds=alarm.period)
    values = [
        float(datum.value)
        for datum in _data(backend, alarm.namespace, alarm.metric_name, dimensions)
        if start <= datum.timestamp.replace(tzinfo=None) < end
    ]
    return float(_STATISTICS[alarm.statistic](values)) if values else None


def _queue_value(alarm: Alarm, name: str) -> float | None:
    queue = sqs_backends[ACCOUNT][alarm.region_name].queues.get(name)
    if queue is None:
        return None
    if alarm.metric_name == "ApproximateNumberOfMessagesVisible":
        return float(len(queue.messages))
    if alarm.metric_name == "ApproximateAgeOfOldestMessage":
        sent = [message.sent_timestamp for message in queue._messages]
        return (unix_time_millis() - min(sent)) / 1000 if sent else 0.0
    raise NotImplementedError(f"cloudwatch: the metric {alarm.metric_name} of queues")


def _tell(alarm: Alarm, state: str) -> None:
    actions = {
        "OK": alarm.ok_actions,
        "ALARM": alarm.alarm_actions,
        "INSUFFICIENT_DATA": alarm.insufficient_data_actions,
    }
    for arn in actions[state] if alarm.actions_enabled else []:
        topic = sns_backends[ACCOUNT][alarm.region_name].topics.get(arn)
        asked = service_request("cloudwatch.amazonaws.com", "sns:Publish", arn, alarm.alarm_arn)
        if topic is None or not is_allowed(asked, resource=json.loads(topic.policy)):
            log.error("alarm %s: CloudWatch may not publish to %s", alarm.name, arn)
        elif str(topic.kms_master_key_id).endswith("alias/aws/sns"):
            # The policy of AWS' own key lets no other service use it.
            log.error("alarm %s: CloudWatch may not use the key of %s", alarm.name, arn)
        else:
            message = {"AlarmName": alarm.name, "NewStateValue": state}
            sns_backends[ACCOUNT][alarm.region_name].publish(json.dumps(message), arn=arn)
