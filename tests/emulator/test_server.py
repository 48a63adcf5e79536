from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.emulator import running, server
from tests.emulator.helpers import refusal


def test_what_moto_lacks_is_refused_at_once_and_remembered(tmp_path):
    log_file = tmp_path / "log"
    with running(log_file=log_file) as aws:
        assert aws.lacking() == []
        iot = aws.client("iot")
        code = refusal(
            iot.create_provisioning_template,
            templateName="t",
            templateBody="{}",
            provisioningRoleArn="arn:aws:iam::123456789012:role/r",
        )
        assert code == "NotImplementedException"
        with pytest.raises(ClientError) as caught:
            aws.client("iam").get_context_keys_for_custom_policy(PolicyInputList=["{}"])
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        lacking = aws.lacking()
        assert len(lacking) == 2
        assert "iot: POST /provisioning-templates" in lacking[0]
        assert "get_context_keys_for_custom_policy" in lacking[1]
        assert "LACKING" in aws.log()
    assert "LACKING" in log_file.read_text()


def test_what_moto_fails_on_is_lacking_too():
    with running() as aws:
        # A plain error is none of that kind.
        assert refusal(aws.client("s3").head_bucket, Bucket="nobody") == "404"
        assert aws.lacking() == []
        request = urllib.request.Request(
            aws.url + "/",
            b"{",
            {
                "X-Amz-Target": "DynamoDB_20120810.PutItem",
                "Authorization": "AWS4 Credential=a/b/us-east-1/dynamodb/c",
            },
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        with caught.value as error:
            assert error.code == 400
        assert len(aws.lacking()) == 1


def test_it_stops_when_told_to_and_leaves_nothing():
    with running() as aws:
        folder = aws.ca_file.parent
        assert aws.ca_file.is_file()
        with urllib.request.urlopen(aws.url + "/emulator/ca.pem") as answer:
            assert answer.read() == aws.ca_file.read_bytes()
    assert not folder.exists()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(aws.url)


def test_a_taken_port_is_told(aws):
    port = aws.url.rpartition(":")[2]
    with pytest.raises(RuntimeError, match="Address already in use"), running("--port", port):
        pass


def test_another_moto_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(server, "version", lambda _: "6.0.0")
    with pytest.raises(RuntimeError, match=r"for moto 5\.2\.5, but 6\.0\.0 is installed"):
        server.make(None, 0)


def test_programs_find_it_through_the_environment(aws):
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    aws.enforce_iam()
    done = subprocess.run(
        [sys.executable, "-c", code], env=aws.environment(), capture_output=True, text=True
    )
    assert done.stdout == "123456789012\n"
