"""What the emulator's tests set up in the account."""

from __future__ import annotations

import contextlib
import io
import json
import textwrap
import time
import urllib.error
import urllib.request
import zipfile
from typing import Any, Callable, Mapping

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from tests.emulator import Emulator
from tests.emulator.settings import ACCOUNT

REGION = "us-east-1"


def gap(test: Callable[[Emulator], None]) -> Callable[[Emulator, Emulator], None]:
    """A test that passes with the shims, and fails on moto without them.

    When moto fills the gap, the test says so, and its shim can go.
    """

    def both(aws: Emulator, stock: Emulator) -> None:
        test(aws)
        with pytest.raises((Exception, pytest.fail.Exception)):
            test(stock)

    both.__name__, both.__doc__ = test.__name__, test.__doc__
    return both


def document(*statements: Mapping[str, Any]) -> str:
    """A policy's text; statements allow, unless they say otherwise."""
    each = [{"Effect": "Allow", **statement} for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": each})


def make_role(aws: Emulator, name: str, service: str, *statements: Mapping[str, Any]) -> str:
    """The ARN of a role which a service may assume, and which may do what statements say."""
    iam = aws.client("iam")
    trust = document({"Principal": {"Service": service}, "Action": "sts:AssumeRole"})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
    return str(arn)


def make_user(aws: Emulator, name: str, *statements: Mapping[str, Any]) -> dict[str, str]:
    """The keys of a user who may do what statements say."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }


def zipped(source: str, **others: str) -> bytes:
    """A function's zip, whose module `handler` has a source."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in {"handler": source, **others}.items():
            archive.writestr(f"{name}.py", textwrap.dedent(text))
    return data.getvalue()


def make_function(aws: Emulator, source: str, **settings: Any) -> Callable[..., Any]:
    """A function `work`, of a role `worker` that may do all; what it gives is a call of it."""
    role = f"arn:aws:iam::{ACCOUNT}:role/worker"
    with contextlib.suppress(ClientError):  # it is there
        make_role(aws, "worker", "lambda.amazonaws.com", {"Action": "*", "Resource": "*"})
    client = aws.client("lambda")
    client.create_function(
        **{
            "FunctionName": "work",
            "Runtime": "python3.13",
            "Role": role,
            "Handler": "handler.handle",
            "Code": {"ZipFile": zipped(source)},
            "Timeout": 20,
            **settings,
        }
    )

    def call(event: Any = None, **more: Any) -> Any:
        answer = client.invoke(FunctionName="work", Payload=json.dumps(event), **more)
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise FunctionError(payload["errorType"], payload["errorMessage"])
        return payload

    return call


class FunctionError(Exception):
    """A function raised, ended or took too long: the kind of error, and the message."""


def make_queue(aws: Emulator, name: str, **attributes: Any) -> tuple[str, str]:
    """A queue's URL and ARN."""
    given = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in attributes.items()
    }
    url = aws.client("sqs").create_queue(QueueName=name, Attributes=given)["QueueUrl"]
    return url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def queue_attributes(aws: Emulator, url: str) -> dict[str, str]:
    found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return dict(found["Attributes"])


def put_media(aws: Emulator, keys: Mapping[str, str], stream: str) -> int:
    """Send a Kinesis video stream the beginning of a video, as cameras' SDKs do; boto3 cannot.

    Args:
        aws: the emulator.
        keys: of whom.
        stream: its name.

    Returns:
        The status of the answer.
    """
    headers = {"x-amzn-stream-name": stream, "Content-Type": "application/json"}
    request = AWSRequest("POST", f"{aws.url}/putMedia", headers, b"\x1aE\xdf\xa3")
    credentials = boto3.Session(**keys).get_credentials()
    SigV4Auth(credentials, "kinesisvideo", REGION).add_auth(request)
    sent = urllib.request.Request(request.url, request.data, dict(request.headers))
    try:
        with urllib.request.urlopen(sent) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def wait_until(true: Callable[[], Any], seconds: float = 90) -> Any:
    """Wait for something to become true; what it then is."""
    deadline = time.monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


def refusal(call: Callable[..., Any], *arguments: Any, **more: Any) -> str:
    """The code of the error with which AWS refuses a call; it must refuse it."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **more)
    return str(caught.value.response["Error"]["Code"])
