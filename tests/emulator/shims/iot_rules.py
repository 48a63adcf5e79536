"""IoT rules. What moto lacks, and this fills in:

- messages go nowhere: here each is matched with the topic rules, whose cloudwatchMetric actions put
  a metric with the rights of the action's role; where that fails, a cloudwatchLogs error action
  says so. SQL is known as far as `SELECT` of `*`, fields, `topic(n)` and `timestamp()`, with names,
  `FROM` a topic filter, `WHERE` comparisons with numbers, joined by `AND`; values may have `${...}`
  of the same. Everything else, and any other action, is said to be lacking.
"""

from __future__ import annotations

import json
import operator
import re
import time
from typing import Any, Iterator, Mapping

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import utcfromtimestamp, utcnow
from moto.iot.models import iot_backends
from moto.iotdata.models import IoTDataPlaneBackend
from moto.logs.models import logs_backends

from tests.emulator.settings import ACCOUNT, Settings, log
from tests.emulator.shims.iam import assume_for, role_may

_SQL = re.compile(
    r"\s*SELECT\s+(.+?)\s+FROM\s+'([^']+)'(?:\s+WHERE\s+(.+?))?\s*", re.IGNORECASE | re.DOTALL
)
_COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    "<>": operator.ne,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}


def install(_: Settings) -> None:
    """Fill the gaps."""
    publish = IoTDataPlaneBackend.publish

    def publish_to_rules(self: Any, topic: str, payload: bytes) -> None:
        publish(self, topic, payload)
        run_rules(self.region_name, topic, payload)

    IoTDataPlaneBackend.publish = publish_to_rules


def run_rules(region: str, topic: str, payload: bytes | str) -> None:
    """Do what the rules of a region say about a message.

    Raises:
        NotImplementedError: if they say something that is not known.
    """
    for rule in list(iot_backends[ACCOUNT][region].rules.values()):
        parts = _SQL.fullmatch(rule.sql)
        if parts is None:
            raise NotImplementedError(f"iot: the SQL of a rule: {rule.sql}")
        if rule.rule_disabled or not topic_matches(parts[2], topic):
            continue
        message = json.loads(payload)
        if not all(_holds(test, topic, message) for test in _tests(parts[3])):
            continue
        selected = dict(_selected(parts[1], topic, message))
        for action in rule.actions:
            for kind, values in action.items():
                if kind != "cloudwatchMetric":
                    raise NotImplementedError(f"iot: the action {kind} of a rule")
                try:
                    _put_metric(region, rule, values, topic, selected)
                except (PermissionError, ValueError) as error:
                    log.error("iot: rule %s: %s", rule.rule_name, error)
                    _write_error(region, rule, str(error))


def topic_matches(pattern: str, topic: str) -> bool:
    """Whether a topic filter, with `+` and `#`, fits a topic.

    Example:
        >>> topic_matches("facepipe/+/health", "facepipe/hall-1/health")
        True
    """
    regex = (
        re.escape(pattern).replace(r"\+", "[^/]*").replace(r"/\#", "(/.*)?").replace(r"\#", ".*")
    )
    return re.fullmatch(regex, topic) is not None


def _selected(items: str, topic: str, message: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for item in items.split(","):
        if item.strip() == "*":
            yield from message.items()
            continue
        parts = re.fullmatch(r"\s*(.+?)(?:\s+AS\s+(\w+))?\s*", item, re.IGNORECASE)
        assert parts is not None
        yield parts[2] or parts[1], _evaluated(parts[1], topic, message)


def _evaluated(expression: str, topic: str, message: Mapping[str, Any]) -> Any:
    number = re.fullmatch(r"topic\((\d*)\)", expression)
    if number:
        return topic.split("/")[int(number[1]) - 1] if number[1] else topic
    if expression == "timestamp()":
        return round(time.time() * 1000)
    if re.fullmatch(r"\d+(\.\d+)?", expression):
        return float(expression)
    value: Any = message
    for name in expression.split("."):
        if not re.fullmatch(r"\w+", name):
            raise NotImplementedError(f"iot: {expression} in a rule")
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _filled_in(text: str, topic: str, message: Mapping[str, Any]) -> str:
    return re.sub(
        r"\$\{(.+?)\}", lambda found: str(_evaluated(found[1].strip(), topic, message)), text
    )


def _tests(where: str | None) -> list[str]:
    return re.split(r"\s+AND\s+", where, flags=re.IGNORECASE) if where else []


def _holds(test: str, topic: str, message: Mapping[str, Any]) -> bool:
    parts = re.fullmatch(r"\s*(\S+)\s*(<=|>=|<>|<|>|=)\s*(-?[\d.]+)\s*", test)
    if parts is None:
        raise NotImplementedError(f"iot: WHERE {test} in a rule")
    value = _evaluated(parts[1], topic, message)
    # A field that is not there, or no number, compares with nothing.
    return isinstance(value, (int, float)) and _COMPARISONS[parts[2]](value, float(parts[3]))


def _put_metric(
    region: str, rule: Any, values: Mapping[str, str], topic: str, message: Mapping[str, Any]
) -> None:
    """Put a metric.

    Raises:
        PermissionError: if the role may not.
        ValueError: if the value is no number.
    """
    filled = {name: _filled_in(text, topic, message) for name, text in values.items()}
    role, namespace = filled["roleArn"], filled["metricNamespace"]
    context = {"cloudwatch:namespace": namespace}
    if not _trusted(region, rule, role) or not role_may(
        role, "cloudwatch:PutMetricData", "*", context
    ):
        raise PermissionError(f"{role} may not put metrics of {namespace}")
    stamp = filled.get("metricTimestamp")
    datum = {
        "MetricName": filled["metricName"],
        "Value": float(filled["metricValue"]),
        "Unit": filled["metricUnit"],
        "Timestamp": utcfromtimestamp(float(stamp)) if stamp else utcnow(),
    }
    cloudwatch_backends[ACCOUNT][region].put_metric_data(namespace, [datum])


def _write_error(region: str, rule: Any, text: str) -> None:
    for kind, values in (rule.error_action or {}).items():
        if kind != "cloudwatchLogs":
            raise NotImplementedError(f"iot: the error action {kind} of a rule")
        group, role = values["logGroupName"], values["roleArn"]
        arn = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{group}:log-stream:errors"
        if _trusted(region, rule, role) and role_may(role, "logs:PutLogEvents", arn):
            logs = logs_backends[ACCOUNT][region]
            logs.ensure_log_stream(group, "errors")
            event = {"timestamp": round(time.time() * 1000), "message": text}
            logs.put_log_events(group, "errors", [event])


def _trusted(region: str, rule: Any, role: str) -> bool:
    session = assume_for("iot.amazonaws.com", role, rule.arn, name=rule.rule_name, region=region)
    return session is not None
