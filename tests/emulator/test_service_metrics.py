"""What AWS's own services tell CloudWatch."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from threading import Thread

import pytest

from tests.emulator.helpers import FunctionError, gap, make_function, make_queue, wait_until
from tests.emulator.test_cloudwatch import NOW, SPAN, chart


def values(aws, namespace, name, stat, **dimensions):
    now = datetime.now(timezone.utc)
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
    }
    (found,) = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {"Id": "m", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": stat}}
        ],
        StartTime=now - timedelta(minutes=30),
        EndTime=now + timedelta(minutes=30),
    )["MetricDataResults"]
    return found["Values"]


def told(aws, name):
    return values(aws, "AWS/SQS", f"Approximate{name}", "Maximum", QueueName="crops")


@gap
def test_a_queue_tells_of_its_messages(aws):
    sqs = aws.client("sqs")
    url, _ = make_queue(aws, "crops", VisibilityTimeout="600")
    for text in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=text)
    assert told(aws, "NumberOfMessagesVisible") == [2.0]
    assert 0 <= told(aws, "AgeOfOldestMessage")[0] < 60
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    assert told(aws, "NumberOfMessagesNotVisible") == [1.0]
    assert values(aws, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Sum") == []


def test_an_empty_queue_has_a_depth_and_nothing_in_flight_or_growing_old(aws):
    make_queue(aws, "crops")
    assert wait_until(lambda: told(aws, "NumberOfMessagesVisible")) == [0.0]
    assert told(aws, "NumberOfMessagesNotVisible") == told(aws, "AgeOfOldestMessage") == []


@gap
def test_a_function_tells_of_its_runs_by_name_and_by_alias(aws):
    source = "def handle(event, context): return 1 / event"
    call = make_function(aws, source, Publish=True)
    aws.client("lambda").create_alias(FunctionName="work", Name="live", FunctionVersion="1")
    call(1)
    call(1, Qualifier="live")
    with pytest.raises(FunctionError):
        call(0, Qualifier="live")
    for name, by_name, by_alias in [
        ("Invocations", 3.0, 2.0),
        ("Errors", 1.0, 1.0),
        ("Throttles", 0.0, 0.0),
    ]:
        of_function = {"FunctionName": "work"}
        assert values(aws, "AWS/Lambda", name, "Sum", **of_function) == [by_name]
        alias = {**of_function, "Resource": "work:live"}
        assert values(aws, "AWS/Lambda", name, "Sum", **alias) == [by_alias]
        assert values(aws, "AWS/Lambda", name, "Sum", Resource="work:live") == []
    assert 0 < values(aws, "AWS/Lambda", "Duration", "p50", **alias)[0] < 20_000


def test_a_function_tells_how_many_run_at_once(aws):
    # Each waits for the other's mark.
    source = """
        import os, pathlib, time

        def handle(event, context):
            folder = pathlib.Path(event["folder"])
            (folder / event["name"]).touch()
            while len(list(folder.iterdir())) < 2:
                time.sleep(0.01)
    """
    call = make_function(aws, source)
    folder = aws.log_file.parent / "marks"
    folder.mkdir()
    calls = [Thread(target=call, args=({"folder": str(folder), "name": n},)) for n in "ab"]
    for each in calls:
        each.start()
    for each in calls:
        each.join()
    of_function = {"FunctionName": "work"}
    assert values(aws, "AWS/Lambda", "ConcurrentExecutions", "Maximum", **of_function) == [2.0]


@gap
def test_percentiles(aws):
    chart(aws, *range(101))
    metric = {"Namespace": "Facepipe", "MetricName": "HAPPY"}
    for stat, expected in [("p50", 50.0), ("p95", 95.0), ("p99.5", 99.5), ("p100", 100.0)]:
        query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}
        found = aws.client("cloudwatch").get_metric_data(MetricDataQueries=[query], **SPAN)
        (result,) = found["MetricDataResults"]
        assert result["Values"] == [expected]
        assert result["Timestamps"][0].timestamp() == NOW.timestamp()
