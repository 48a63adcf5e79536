from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from tests.emulator.helpers import document, gap, make_queue, refusal
from tests.emulator.settings import ACCOUNT

NOW = datetime.now(timezone.utc).replace(second=0, microsecond=0)
BOTH = [{"Name": "Camera", "Value": "hall-1"}, {"Name": "Type", "Value": "x"}]


def chart(aws, *values, namespace="Facepipe", dimensions=(), at=NOW):
    aws.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {"MetricName": "HAPPY", "Value": value, "Timestamp": at, "Dimensions": dimensions}
            for value in values
        ],
    )


def chart_all(aws):
    chart(aws, 10.0)
    chart(aws, 20.0, dimensions=BOTH[:1])
    chart(aws, 40.0, dimensions=BOTH)
    chart(aws, 80.0, namespace="Other")
    chart(aws, 160.0, namespace="Other", dimensions=BOTH[:1])


SPAN = {"StartTime": NOW - timedelta(minutes=5), "EndTime": NOW + timedelta(minutes=5)}
EXPECTED = [([], 10.0), (BOTH[:1], 20.0), (BOTH, 40.0), (BOTH[1:], None)]


@gap
def test_statistics_are_of_one_metric(aws):
    chart_all(aws)
    for dimensions, expected in EXPECTED:
        found = aws.client("cloudwatch").get_metric_statistics(
            Namespace="Facepipe",
            MetricName="HAPPY",
            Dimensions=dimensions,
            Period=60,
            Statistics=["Sum"],
            **SPAN,
        )
        sums = [point["Sum"] for point in found["Datapoints"]]
        assert sums == ([expected] if expected else [])


@gap
def test_data_are_of_one_metric(aws):
    chart_all(aws)
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "Facepipe",
                    "MetricName": "HAPPY",
                    "Dimensions": dimensions,
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for number, (dimensions, _) in enumerate(EXPECTED)
    ]
    found = aws.client("cloudwatch").get_metric_data(MetricDataQueries=queries, **SPAN)
    values = [result["Values"] for result in found["MetricDataResults"]]
    assert values == [[10.0], [20.0], [40.0], []]
    assert found["MetricDataResults"][0]["Label"] == "HAPPY Sum"


def test_metric_math_is_lacking(emulator):
    queries = [{"Id": "e1", "Expression": "m1*2", "Period": 60}]
    get = emulator.client("cloudwatch").get_metric_data
    assert refusal(get, MetricDataQueries=queries, **SPAN) == "NotImplementedException"
    assert "the expression m1*2" in emulator.lacking()[-1]


# Alarms


def make_alarm(aws, **settings):
    aws.client("cloudwatch").put_metric_alarm(
        **{
            "AlarmName": "alarm",
            "Namespace": "Facepipe",
            "MetricName": "HAPPY",
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 3,
            "Threshold": 0,
            "ComparisonOperator": "LessThanOrEqualToThreshold",
            "TreatMissingData": "breaching",
            **settings,
        }
    )


@gap
def test_a_camera_gone_silent_rings_and_one_that_is_back_does_not(aws):
    make_alarm(aws)
    chart(aws, 12.0)
    assert aws.evaluate_alarms(NOW + timedelta(minutes=1)) == {"alarm": "OK"}
    assert aws.evaluate_alarms(NOW + timedelta(minutes=3)) == {"alarm": "OK"}
    later = NOW + timedelta(minutes=4)
    assert aws.evaluate_alarms(later) == {"alarm": "ALARM"}
    (found,) = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert found["StateValue"] == "ALARM"
    chart(aws, 12.0, at=later)
    assert aws.evaluate_alarms(later + timedelta(minutes=1)) == {"alarm": "OK"}


@pytest.mark.parametrize(
    ("missing", "values", "state"),
    [
        ("breaching", [], "ALARM"),
        ("notBreaching", [], "OK"),
        ("missing", [], "INSUFFICIENT_DATA"),
        ("ignore", [], "OK"),
        ("breaching", [1, 1, 1], "OK"),
        ("breaching", [0, 0, 0], "ALARM"),
        ("breaching", [0, 1, 0], "OK"),
        ("notBreaching", [0, 0], "OK"),
        ("missing", [1], "OK"),
    ],
)
def test_states(aws, missing, values, state):
    make_alarm(aws, TreatMissingData=missing)
    for minute, value in enumerate(values):
        chart(aws, value, at=NOW + timedelta(minutes=minute))
    assert aws.evaluate_alarms(NOW + timedelta(minutes=3)) == {"alarm": state}


@pytest.mark.parametrize(("needed", "state"), [(1, "ALARM"), (2, "ALARM"), (3, "OK")])
def test_some_periods_of_several(aws, needed, state):
    make_alarm(aws, DatapointsToAlarm=needed)
    for minute, value in enumerate([0, 1, 0]):
        chart(aws, value, at=NOW + timedelta(minutes=minute))
    assert aws.evaluate_alarms(NOW + timedelta(minutes=3)) == {"alarm": state}


@pytest.mark.parametrize(
    ("metric", "above"),
    [("ApproximateNumberOfMessagesVisible", 0), ("ApproximateAgeOfOldestMessage", -1)],
)
def test_alarms_on_queues(aws, metric, above):
    url, _ = make_queue(aws, "dead")
    make_alarm(
        aws,
        Namespace="AWS/SQS",
        MetricName=metric,
        EvaluationPeriods=1,
        Threshold=above,
        Dimensions=[{"Name": "QueueName", "Value": "dead"}],
        ComparisonOperator="GreaterThanThreshold",
    )
    if above == 0:
        assert aws.evaluate_alarms(NOW) == {"alarm": "OK"}
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="1")
    assert aws.evaluate_alarms(NOW) == {"alarm": "ALARM"}


ALLOW = {
    "Principal": {"Service": "cloudwatch.amazonaws.com"},
    "Action": "sns:Publish",
    "Resource": "*",
    "Condition": {
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:al*"}
    },
}
OTHER = {**ALLOW, "Principal": {"Service": "s3.amazonaws.com"}}


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({}, True),  # SNS' own policy lets services of the same account publish
        ({"Policy": document(ALLOW)}, True),
        ({"Policy": document(OTHER)}, False),
        ({"Policy": document(ALLOW), "KmsMasterKeyId": "alias/aws/sns"}, False),
    ],
)
def test_an_alarm_tells_its_topic_if_cloudwatch_may(aws, attributes, told):
    sns, (url, queue) = aws.client("sns"), make_queue(aws, "ears")
    topic = sns.create_topic(Name="alarms", Attributes=attributes)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    make_alarm(aws, AlarmActions=[topic])
    for _ in range(2):  # once, not each time
        aws.evaluate_alarms(NOW)
    found = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    messages = [json.loads(each["Body"])["Message"] for each in found.get("Messages", [])]
    expected = {"AlarmName": "alarm", "NewStateValue": "ALARM"}
    assert [json.loads(message) for message in messages] == ([expected] if told else [])


def test_an_alarm_on_metric_math_is_lacking(emulator):
    emulator.enforce_iam(on=False)
    emulator.reset()
    emulator.client("cloudwatch").put_metric_alarm(
        AlarmName="alarm",
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[{"Id": "e1", "Expression": "1+1", "ReturnData": True}],
    )
    with pytest.raises(RuntimeError, match="the kind of alarm alarm is"):
        emulator.evaluate_alarms(NOW)
    assert "the kind of alarm alarm is" in emulator.lacking()[-1]
