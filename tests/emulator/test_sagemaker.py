from __future__ import annotations

import io
import json
import tarfile
import textwrap
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.emulator.helpers import REGION, gap, make_role, make_user, refusal, wait_until
from tests.emulator.settings import ACCOUNT

BUCKET = "deeplens-crops"
KEY = "models/model.tar.gz"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/faces"
READ = {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/{KEY}"}
PUT = {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/faces/*"}
LOG = {
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/faces:*",
}

# Answers what it was asked, and does what the request says.
ECHO = """
    import json, os, sys
    import facepipe, facepipe_io

    print("it starts", file=sys.stderr)

    def model_fn(model_dir):
        return os.environ.get("MINE", "")

    def input_fn(body, content_type, context):
        return {
            "body": bytes(body).decode("latin-1"),
            "type": content_type,
            "attributes": context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes"),
        }

    def predict_fn(asked, model, context):
        if asked["body"].startswith("refuse"):
            raise Refused()
        if asked["body"].startswith("end"):
            os._exit(3)
        if asked["body"].startswith("put "):
            import boto3
            key = asked["body"][4:]
            boto3.client("s3").put_object(Bucket=os.environ["FACEPIPE_BUCKET"], Key=key)
        return {**asked, "model": model}

    def output_fn(answer, accept, context):
        return json.dumps({**answer, "accept": accept}), "application/json"

    from sagemaker_inference.errors import BaseInferenceToolkitError

    class Refused(BaseInferenceToolkitError):
        def __init__(self):
            super().__init__(415, "no such type", "no such type")
"""


def archive(source):
    """A model.tar.gz whose program has a source."""
    files = {
        "sagemaker_entry.py": source,
        "facepipe/__init__.py": "",
        "facepipe_io/__init__.py": "",
    }
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as opened:
        for name, text in files.items():
            entry, content = tarfile.TarInfo(f"code/{name}"), textwrap.dedent(text).encode()
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def make_model(aws, name="faces", role=None, **environment):
    role = role or make_role(aws, f"role-{name}", "sagemaker.amazonaws.com", READ, PUT, LOG)
    container = {
        "Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/faces:1",
        "ModelDataUrl": f"s3://{BUCKET}/{KEY}",
        "Environment": {"FACEPIPE_BUCKET": BUCKET, **environment},
    }
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": name,
                "InstanceType": "ml.c7i.large",
                "InitialInstanceCount": 1,
            }
        ],
    )


def make_endpoint(aws, source=ECHO, **more):
    """An endpoint `faces`, in whatever state it then is."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=archive(source))
    make_model(aws, **more)
    aws.client("sagemaker").create_endpoint(EndpointName="faces", EndpointConfigName="faces")
    return aws.client("sagemaker").describe_endpoint(EndpointName="faces")


def invoke(aws, body, keys=None, **more):
    client = aws.client("sagemaker-runtime", *([keys] if keys else []))
    return client.invoke_endpoint(EndpointName="faces", Body=body, **more)


@gap
def test_the_archive_is_served(aws):
    assert make_endpoint(aws, MINE="1")["EndpointStatus"] == "InService"
    asked = {"ContentType": "image/jpeg", "Accept": "application/json", "CustomAttributes": "a=b"}
    answer = invoke(aws, b"\xff\xd8\x00", **asked)
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert json.load(answer["Body"]) == {
        "body": "\xff\xd8\x00",
        "type": "image/jpeg",
        "attributes": "a=b",
        "accept": "application/json",
        "model": "1",
    }


def test_what_it_refuses_is_an_error_of_the_model(aws):
    make_endpoint(aws)
    with pytest.raises(ClientError) as caught:
        invoke(aws, b"refuse")
    told = caught.value.response
    assert told["Error"]["Code"] == "ModelError"
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert told["OriginalStatusCode"] == 415
    assert "no such type" in told["OriginalMessage"]
    assert 'client error (415) from primary with message "' in told["Error"]["Message"]
    assert json.load(invoke(aws, b"well")["Body"])["body"] == "well"


def test_it_is_started_again_when_it_has_ended(aws):
    make_endpoint(aws)
    with pytest.raises(ClientError) as caught:
        invoke(aws, b"end")
    assert caught.value.response["OriginalStatusCode"] == 0
    assert json.load(invoke(aws, b"well")["Body"])["body"] == "well"


def test_it_puts_what_its_role_may_put(aws):
    make_endpoint(aws)
    aws.enforce_iam()
    invoke(aws, b"put faces/hall-1/1.jpg")
    with pytest.raises(ClientError) as caught:
        invoke(aws, b"put models/model.tar.gz")
    assert caught.value.response["OriginalStatusCode"] == 500
    listed = aws.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [entry["Key"] for entry in listed] == ["faces/hall-1/1.jpg", KEY]


def test_what_it_writes_is_its_log(aws):
    logs = aws.client("logs")
    group = "/aws/sagemaker/Endpoints/faces"
    logs.create_log_group(logGroupName=group)
    aws.enforce_iam()
    make_endpoint(aws)

    def messages():
        return [e["message"] for e in logs.filter_log_events(logGroupName=group)["events"]]

    assert "it starts" in wait_until(messages)


def test_another_configuration_takes_its_place(aws):
    make_endpoint(aws, MINE="1")
    make_model(aws, "next", MINE="2")
    sagemaker = aws.client("sagemaker")
    sagemaker.update_endpoint(EndpointName="faces", EndpointConfigName="next")
    found = sagemaker.describe_endpoint(EndpointName="faces")
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "next")
    assert json.load(invoke(aws, b"")["Body"])["model"] == "2"


def test_it_goes_on_when_the_next_cannot_be(aws):
    make_endpoint(aws, MINE="1")
    blind = make_role(aws, "blind", "sagemaker.amazonaws.com", PUT)
    make_model(aws, "next", blind, MINE="2")
    aws.enforce_iam()
    sagemaker = aws.client("sagemaker")
    sagemaker.update_endpoint(EndpointName="faces", EndpointConfigName="next")
    found = sagemaker.describe_endpoint(EndpointName="faces")
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("Failed", "faces")
    assert json.load(invoke(aws, b"")["Body"])["model"] == "1"


@pytest.mark.parametrize(
    ("service", "statements", "source", "reason"),
    [
        ("lambda.amazonaws.com", [READ], ECHO, "Could not assume role"),
        ("sagemaker.amazonaws.com", [PUT], ECHO, "Could not access model data at s3://"),
        ("sagemaker.amazonaws.com", [READ], "raise ValueError", "did not start"),
    ],
)
def test_an_endpoint_that_cannot_be_has_failed(aws, service, statements, source, reason):
    role = make_role(aws, "worker", service, *statements)
    aws.enforce_iam()
    found = make_endpoint(aws, source, role=role)
    assert found["EndpointStatus"] == "Failed"
    assert reason in found["FailureReason"]
    assert refusal(invoke, aws, b"") == "ValidationError"


def test_an_archive_that_is_none_fails(aws):
    make_endpoint(aws)
    sagemaker = aws.client("sagemaker")
    sagemaker.delete_endpoint(EndpointName="faces")
    aws.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=b"no archive")
    sagemaker.create_endpoint(EndpointName="faces", EndpointConfigName="faces")
    found = sagemaker.describe_endpoint(EndpointName="faces")
    assert "Failed to extract model data archive" in found["FailureReason"]


def test_deleted_it_answers_no_more(aws):
    make_endpoint(aws)
    aws.client("sagemaker").delete_endpoint(EndpointName="faces")
    with pytest.raises(ClientError, match="Endpoint faces of account 123456789012 not found") as e:
        invoke(aws, b"")
    assert e.value.response["Error"]["Code"] == "ValidationError"


def test_a_name_is_not_given_twice(aws):
    make_endpoint(aws)
    create = aws.client("sagemaker").create_endpoint
    code = refusal(create, EndpointName="faces", EndpointConfigName="faces")
    assert code == "ValidationException"


class TestWhoMayInvoke:
    def test_whom_a_policy_lets(self, aws):
        make_endpoint(aws)
        own = make_user(aws, "own", {"Action": "sagemaker:InvokeEndpoint", "Resource": ARN})
        other = {"Action": "sagemaker:InvokeEndpoint", "Resource": f"{ARN}2"}
        wrong = make_user(aws, "wrong", other, {"Action": "s3:*", "Resource": "*"})
        aws.enforce_iam()
        assert invoke(aws, b"1", own)["InvokedProductionVariant"] == "AllTraffic"
        assert refusal(invoke, aws, b"1", wrong) == "AccessDeniedException"

    def test_not_the_anonymous(self, aws):
        make_endpoint(aws)
        aws.enforce_iam()
        url, headers = f"{aws.url}/endpoints/faces/invocations", {"Content-Type": "image/jpeg"}
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(urllib.request.Request(url, b"1", headers))
        with caught.value as error:
            assert error.code == 403


@gap
def test_what_was_never_set_is_not_told(aws):
    make_model(aws)
    sagemaker = aws.client("sagemaker")
    assert "VpcConfig" not in sagemaker.describe_model(ModelName="faces")
    config = sagemaker.describe_endpoint_config(EndpointConfigName="faces")
    assert "DataCaptureConfig" not in config
