from __future__ import annotations

import base64
import json

import pytest

from tests.emulator.function_process import RUNTIME
from tests.emulator.helpers import (
    REGION,
    FunctionError,
    document,
    gap,
    make_function,
    make_queue,
    make_role,
    queue_attributes,
    wait_until,
    zipped,
)
from tests.emulator.settings import ACCOUNT

ECHO = "def handle(event, context): return {'got': event}"


@gap
def test_the_zip_runs(aws):
    assert make_function(aws, ECHO)({"a": "ü"}) == {"got": {"a": "ü"}}


def test_a_function_sees_what_lambda_shows_it(aws):
    source = """
        import os, sys

        def handle(event, context):
            return {
                "names": [os.environ["AWS_LAMBDA_FUNCTION_NAME"], context.function_name],
                "arn": context.invoked_function_arn,
                "mine": os.environ["MINE"],
                "left": context.get_remaining_time_in_millis(),
                "group": context.log_group_name,
                "first": sys.path[0] == os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(),
                "paths": os.environ.get("PYTHONPATH"),
            }
    """
    found = make_function(aws, source, Environment={"Variables": {"MINE": "1"}})()
    assert 0 < found.pop("left") <= 20_000
    assert found == {
        "names": ["work", "work"],
        "arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:work",
        "mine": "1",
        "group": "/aws/lambda/work",
        "first": True,
        "paths": None,
    }


@pytest.mark.parametrize(
    "module", ["facepipe", "facepipe_io", "rekognition_entry", "tests", "attrs", "numpy", "moto"]
)
def test_what_is_not_in_the_zip_is_missed(aws, module):
    with pytest.raises(FunctionError, match=r"Runtime\.ImportModuleError.*No module named"):
        make_function(aws, f"import {module}")()


def test_lambdas_runtime_is_there_and_the_zip_comes_first(aws):
    names = ", ".join(RUNTIME)
    source = f"import {names}\ndef handle(event, context): return boto3.__name__"
    call = make_function(aws, source)
    assert call() == "boto3"
    source = "import jmespath\ndef handle(event, context): return jmespath.MINE"
    aws.client("lambda").update_function_code(
        FunctionName="work", ZipFile=zipped(source, jmespath="MINE = 1")
    )
    assert call() == 1


@gap
def test_it_has_its_roles_credentials(aws):
    source = """
        import boto3

        def handle(event, context):
            return boto3.client("sts").get_caller_identity()["Arn"]
    """
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/work"
    assert make_function(aws, source)() == arn


@gap
def test_its_role_must_trust_lambda(aws):
    role = make_role(aws, "other", "ec2.amazonaws.com")
    with pytest.raises(FunctionError, match="cannot be assumed by Lambda"):
        make_function(aws, ECHO, Role=role)()


def test_it_stays_warm_until_it_is_changed(aws):
    source = """
        import os

        calls = 0

        def handle(event, context):
            global calls
            calls += 1
            return [calls, os.environ.get("MINE")]
    """
    call = make_function(aws, source)
    assert [call(), call()] == [[1, None], [2, None]]
    client = aws.client("lambda")
    client.update_function_configuration(
        FunctionName="work", Environment={"Variables": {"MINE": "2"}}
    )
    assert [call(), call()] == [[1, "2"], [2, "2"]]
    client.update_function_code(
        FunctionName="work", ZipFile=zipped("def handle(event, context): return 'new'")
    )
    assert call() == "new"


@gap
def test_a_published_version_is_not_touched_by_what_comes_later(aws):
    call = make_function(aws, "def handle(event, context): return 1", Publish=True)
    client = aws.client("lambda")
    client.create_alias(FunctionName="work", Name="live", FunctionVersion="1")
    source = "def handle(event, context): return 2"
    client.update_function_code(FunctionName="work", ZipFile=zipped(source), Publish=True)
    assert [call(), call(Qualifier="live"), call(Qualifier="2")] == [2, 1, 2]
    client.update_alias(FunctionName="work", Name="live", FunctionVersion="2")
    assert call(Qualifier="live") == 2


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("raise ValueError('no')", "ValueError.*no"),
        ("sys.exit(3)", "Runtime.ExitError"),
        ("os._exit(3)", "Runtime.ExitError"),
        ("return object()", "TypeError.*not JSON serializable"),
    ],
)
def test_a_function_that_fails(aws, body, kind):
    source = f"""
        import os, sys

        def handle(event, context):
            if event:
                {body}
            return "well"
    """
    call = make_function(aws, source)
    with pytest.raises(FunctionError, match=kind):
        call(1)
    assert call(0) == "well"


def test_a_function_that_takes_too_long_is_ended(aws):
    source = """
        import time

        def handle(event, context):
            time.sleep(event)
            return "well"
    """
    call = make_function(aws, source, Timeout=1)
    with pytest.raises(FunctionError, match=r"Sandbox\.Timedout.*Task timed out after 1\.00 sec"):
        call(60)
    assert call(0) == "well"


@gap
def test_what_it_prints_is_its_log(aws):
    source = r"""
        import sys

        def handle(event, context):
            print("out")
            print("err", file=sys.stderr)
            sys.stdout.write("no end of line")
    """
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="/facepipe/work")
    make_function(aws, source, LoggingConfig={"LogGroup": "/facepipe/work"})
    answer = aws.client("lambda").invoke(FunctionName="work", LogType="Tail", Payload="{}")
    lines = ["out", "err", "no end of line"]
    tail = base64.b64decode(answer["LogResult"]).decode()
    events = logs.filter_log_events(logGroupName="/facepipe/work")["events"]
    assert sorted(event["message"] for event in events) == sorted(lines)
    assert sorted(tail.splitlines()) == sorted(lines)


def test_its_log_needs_its_roles_permission(aws):
    role = make_role(
        aws,
        "quiet",
        "lambda.amazonaws.com",
        {
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/other:*",
        },
    )
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/work")
    call = make_function(aws, "def handle(event, context): print('here')", Role=role)
    aws.enforce_iam()
    call()
    assert logs.filter_log_events(logGroupName="/aws/lambda/work")["events"] == []
    aws.enforce_iam(on=False)
    call()
    assert len(logs.filter_log_events(logGroupName="/aws/lambda/work")["events"]) == 1


def test_a_dry_run_does_not_run(aws):
    make_function(aws, "def handle(event, context): print('here')")
    answer = aws.client("lambda").invoke(FunctionName="work", InvocationType="DryRun", Payload="1")
    assert answer["StatusCode"] == 204
    assert answer["Payload"].read() == b""
    assert not aws.client("logs").describe_log_groups()["logGroups"]


@gap
def test_logging_and_tracing_configuration_is_kept(aws):
    client = aws.client("lambda")
    given = {"LogFormat": "JSON", "LogGroup": "/facepipe/work"}
    make_function(aws, ECHO, LoggingConfig=given)
    client.update_function_configuration(FunctionName="work", TracingConfig={"Mode": "Active"})
    found = client.get_function_configuration(FunctionName="work")
    assert found["LoggingConfig"] == given
    assert found["TracingConfig"]["Mode"] == "Active"


# Queues

FAIL_SOME = """
    import json

    def handle(event, context):
        print(json.dumps([
            [record["body"], record["attributes"]["ApproximateReceiveCount"]]
            for record in event["Records"]
        ]))
        return {"batchItemFailures": [
            {"itemIdentifier": record["messageId"]}
            for record in event["Records"] if "bad" in record["body"]
        ]}
"""


def map_queue(aws, *, function="work", receives=3, **settings):
    """A queue whose messages the function gets, and a dead-letter queue."""
    dead_url, dead = make_queue(aws, "dead")
    redrive = {"deadLetterTargetArn": dead, "maxReceiveCount": receives}
    url, arn = make_queue(aws, "crops", RedrivePolicy=redrive, VisibilityTimeout="600")
    mapping = aws.client("lambda").create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=function,
        **{"FunctionResponseTypes": ["ReportBatchItemFailures"], **settings},
    )
    return url, dead_url, mapping


def send(aws, url, *texts):
    entries = [{"Id": str(number), "MessageBody": text} for number, text in enumerate(texts)]
    aws.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)


def counts(aws, url):
    found = queue_attributes(aws, url)
    return tuple(int(found[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible"))


def batches(aws):
    events = aws.client("logs").filter_log_events(logGroupName="/aws/lambda/work")["events"]
    return [json.loads(event["message"]) for event in events]


@gap
def test_only_the_messages_that_a_function_names_come_back_and_in_the_end_are_dead(aws):
    make_function(aws, FAIL_SOME)
    url, dead_url, _ = map_queue(aws, receives=2, MaximumBatchingWindowInSeconds=1)
    send(aws, url, "good 1", "bad", "good 2")
    wait_until(lambda: counts(aws, url) == (0, 0))
    assert counts(aws, dead_url) == (1, 0)
    seen = sorted(tuple(each) for batch in batches(aws) for each in batch)
    assert seen == [("bad", "1"), ("bad", "2"), ("good 1", "1"), ("good 2", "1")]


@pytest.mark.parametrize(
    ("body", "dead"),
    [
        ("raise ValueError('all of them')", 2),
        ("return {'batchItemFailures': [{'itemIdentifier': 'no such message'}]}", 2),
        ("return None", 0),
        ("return {'batchItemFailures': []}", 0),
    ],
)
def test_a_batch_fails_or_succeeds_as_a_whole(aws, body, dead):
    make_function(aws, f"def handle(event, context): {body}")
    url, dead_url, _ = map_queue(aws, receives=1)
    send(aws, url, "a", "b")
    wait_until(lambda: counts(aws, url) == (0, 0) and counts(aws, dead_url) == (dead, 0))


def test_without_report_batch_item_failures_the_answer_is_not_read(aws):
    make_function(aws, FAIL_SOME)
    url, dead_url, _ = map_queue(aws, receives=1, FunctionResponseTypes=[])
    send(aws, url, "bad")
    wait_until(lambda: counts(aws, url) == (0, 0))
    assert counts(aws, dead_url) == (0, 0)


def test_a_batch_is_one_invocation_and_no_larger_than_it_may_be(aws):
    make_function(aws, FAIL_SOME)
    url, _, mapping = map_queue(aws, BatchSize=4, Enabled=False)
    send(aws, url, *"abcdefghij")
    assert counts(aws, url) == (10, 0)
    client = aws.client("lambda")
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    wait_until(lambda: counts(aws, url) == (0, 0))
    assert [len(batch) for batch in batches(aws)] == [4, 4, 2]


@gap
def test_a_mapping_follows_its_alias(aws):
    make_function(aws, "def handle(event, context): print('[1]')", Publish=True)
    client = aws.client("lambda")
    alias = client.create_alias(FunctionName="work", Name="live", FunctionVersion="1")["AliasArn"]
    url, _, mapping = map_queue(aws, function=alias)
    assert mapping["FunctionArn"] == alias
    source = "def handle(event, context): print('[2]')"
    client.update_function_code(FunctionName="work", ZipFile=zipped(source), Publish=True)
    client.update_alias(FunctionName="work", Name="live", FunctionVersion="2")
    send(aws, url, "a")
    wait_until(lambda: counts(aws, url) == (0, 0))
    assert batches(aws) == [[2]]


@gap
def test_a_mapping_can_be_given_an_alias_later(aws):
    make_function(aws, ECHO, Publish=True)
    client = aws.client("lambda")
    alias = client.create_alias(FunctionName="work", Name="live", FunctionVersion="1")["AliasArn"]
    _, _, mapping = map_queue(aws)
    changed = client.update_event_source_mapping(UUID=mapping["UUID"], FunctionName=alias)
    assert changed["FunctionArn"] == alias


@gap
def test_the_role_must_be_allowed_to_read_the_queue(aws):
    role = make_role(
        aws, "deaf", "lambda.amazonaws.com", {"Action": "sqs:ReceiveMessage", "Resource": "*"}
    )
    make_function(aws, FAIL_SOME, Role=role)
    url, _, _ = map_queue(aws)
    aws.enforce_iam()
    send(aws, url, "a")
    wait_until(lambda: "may not sqs:DeleteMessage of crops" in aws.log())
    assert counts(aws, url) == (1, 0)
    aws.enforce_iam(on=False)
    wait_until(lambda: counts(aws, url) == (0, 0))


def test_the_queue_policy_lets_no_one_else_in(aws):
    """A queue that denies requests without TLS does not deny Lambda's own."""
    make_function(aws, ECHO)
    url, _, _ = map_queue(aws)
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(deny)})
    aws.enforce_iam()
    send(aws, url, "a")
    wait_until(lambda: counts(aws, url) == (0, 0))
