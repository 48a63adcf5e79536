from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.emulator.helpers import (
    REGION,
    document,
    gap,
    make_queue,
    make_role,
    make_user,
    refusal,
)
from tests.emulator.settings import ACCOUNT

BUCKET = "deeplens-crops"
CROPS = f"arn:aws:s3:::{BUCKET}"
DENY_HTTP = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [CROPS, f"{CROPS}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def outcome(call, *arguments, **more):
    """`allowed`, or the code of the refusal."""
    try:
        call(*arguments, **more)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"


@pytest.fixture
def bucket(aws):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="faces/hall 1/a+b.jpg", Body=b"1")
    return s3


def worker(aws, *statements):
    """The clients of a user who may do what statements say; enforcement is on from here."""
    keys = make_user(aws, "worker", *statements)
    aws.enforce_iam()
    return lambda service, **more: aws.client(service, keys, **more)


def test_without_enforcement_everyone_may_do_everything(aws):
    nobody = {"aws_access_key_id": "AKIAXXXXXXXXXXXXXXXX", "aws_secret_access_key": "x"}
    assert outcome(aws.client("sqs", nobody).list_queues) == "allowed"


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("cloudwatch", "list_metrics"),
        ("dynamodb", "list_tables"),
        ("iam", "list_roles"),
        ("iot", "list_things"),
        ("lambda", "list_functions"),
        ("logs", "describe_log_groups"),
        ("s3", "list_buckets"),
        ("sns", "list_topics"),
        ("sqs", "list_queues"),
    ],
)
def test_every_service_refuses_in_its_own_words(aws, service, operation):
    root, user = aws.client(service), worker(aws)(service)
    nobody = aws.client(
        service, {"aws_access_key_id": "AKIAXXXXXXXXXXXXXXXX", "aws_secret_access_key": "x"}
    )
    forger = aws.client(
        service, {"aws_access_key_id": "AKIAEMULATORROOT0000", "aws_secret_access_key": "x"}
    )
    assert outcome(getattr(root, operation)) == "allowed"
    assert outcome(getattr(user, operation)) in ("AccessDenied", "AccessDeniedException")
    assert outcome(getattr(nobody, operation)) == "InvalidClientTokenId"
    assert outcome(getattr(forger, operation)) == "SignatureDoesNotMatch"


@gap
def test_a_condition_in_a_bucket_policy_is_no_denial(aws):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=document(DENY_HTTP))
    s3.put_object(Bucket=BUCKET, Key="faces/a.jpg", Body=b"1")


class TestBuckets:
    def test_plain_http_is_denied_where_the_policy_says_so(self, aws, bucket):
        bucket.put_bucket_policy(Bucket=BUCKET, Policy=document(DENY_HTTP))
        call = worker(aws, {"Action": "s3:*", "Resource": "*"})
        key = {"Bucket": BUCKET, "Key": "faces/a.jpg"}
        assert outcome(call("s3").put_object, **key, Body=b"1") == "allowed"
        assert outcome(call("s3", tls=False).put_object, **key, Body=b"1") == "AccessDenied"
        assert outcome(aws.client("s3", tls=False).put_object, **key) == "AccessDenied"

    def test_keys_and_actions(self, aws, bucket):
        s3 = worker(
            aws,
            {"Action": "s3:PutObject", "Resource": f"{CROPS}/faces/hall 1/*"},
            {"Action": "s3:GetObject", "Resource": f"{CROPS}/*/a+b.jpg"},
        )("s3")
        mine, other = "faces/hall 1/ü &c.jpg", "faces/hall 2/a.jpg"
        assert outcome(s3.put_object, Bucket=BUCKET, Key=mine, Body=b"1") == "allowed"
        assert outcome(s3.create_multipart_upload, Bucket=BUCKET, Key=mine) == "allowed"
        for call in (
            lambda: s3.put_object(Bucket=BUCKET, Key=other, Body=b"1"),
            lambda: s3.put_object(Bucket=BUCKET, Key="faces/hall 12/a.jpg", Body=b"1"),
            lambda: s3.get_object(Bucket=BUCKET, Key=mine),
            lambda: s3.delete_object(Bucket=BUCKET, Key=mine),
            lambda: s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": mine}]}),
            lambda: s3.list_objects_v2(Bucket=BUCKET),
            lambda: s3.list_object_versions(Bucket=BUCKET),
            lambda: s3.get_bucket_policy(Bucket=BUCKET),
            lambda: s3.put_object_acl(Bucket=BUCKET, Key=mine, ACL="public-read"),
            lambda: s3.copy_object(
                Bucket=BUCKET, Key=mine, CopySource={"Bucket": BUCKET, "Key": mine}
            ),
        ):
            assert outcome(call) == "AccessDenied"
        assert outcome(s3.get_object, Bucket=BUCKET, Key="faces/hall 1/a+b.jpg") == "allowed"
        assert outcome(s3.head_object, Bucket=BUCKET, Key="faces/hall 1/a+b.jpg") == "allowed"
        assert outcome(s3.head_object, Bucket=BUCKET, Key=mine) == "403"

    def test_listing_by_prefix(self, aws, bucket):
        s3 = worker(
            aws,
            {
                "Action": "s3:ListBucket",
                "Resource": CROPS,
                "Condition": {"StringLike": {"s3:prefix": ["faces/*"]}},
            },
        )("s3")
        assert outcome(s3.list_objects_v2, Bucket=BUCKET, Prefix="faces/hall 1/") == "allowed"
        assert outcome(s3.list_objects_v2, Bucket=BUCKET, Prefix="models/") == "AccessDenied"
        assert outcome(s3.list_objects_v2, Bucket=BUCKET) == "AccessDenied"

    def test_only_who_may_list_learns_that_a_key_is_not_there(self, aws, bucket):
        s3 = worker(
            aws,
            {"Action": "s3:GetObject", "Resource": f"{CROPS}/*"},
            {
                "Action": "s3:ListBucket",
                "Resource": CROPS,
                "Condition": {"StringLike": {"s3:prefix": ["faces/*"]}},
            },
        )("s3")
        assert outcome(s3.head_object, Bucket=BUCKET, Key="faces/gone.jpg") == "404"
        assert outcome(s3.get_object, Bucket=BUCKET, Key="faces/gone.jpg") == "NoSuchKey"
        assert outcome(s3.head_object, Bucket=BUCKET, Key="models/gone") == "403"
        assert outcome(s3.get_object, Bucket=BUCKET, Key="models/gone") == "AccessDenied"

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
    def test_the_anonymous_get_nothing(self, aws, bucket, method):
        aws.enforce_iam()
        url = f"{aws.url}/{BUCKET}/faces/hall%201/a%2Bb.jpg"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(
                urllib.request.Request(url, b"1" if method == "PUT" else None, method=method)
            )
        with caught.value as error:
            assert error.code == 403

    def test_the_anonymous_get_what_the_bucket_gives_to_all(self, aws, bucket):
        give = {"Principal": "*", "Action": "s3:GetObject", "Resource": f"{CROPS}/faces/*"}
        bucket.put_bucket_policy(Bucket=BUCKET, Policy=document(give))
        aws.enforce_iam()
        with urllib.request.urlopen(f"{aws.url}/{BUCKET}/faces/hall%201/a%2Bb.jpg") as answer:
            assert answer.read() == b"1"


@gap
def test_tables_one_by_one_and_their_indexes(aws):
    dynamodb = aws.client("dynamodb")
    for name in ("ours", "theirs"):
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    ours = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/ours"
    call = worker(aws, {"Action": "dynamodb:PutItem", "Resource": ours})("dynamodb")
    item = {"k": {"S": "1"}}
    assert outcome(call.put_item, TableName="ours", Item=item) == "allowed"
    assert outcome(call.put_item, TableName="theirs", Item=item) == "AccessDeniedException"
    assert outcome(call.get_item, TableName="ours", Key=item) == "AccessDeniedException"
    assert outcome(call.scan, TableName="ours", IndexName="by-camera") == "AccessDeniedException"
    both = {name: [{"PutRequest": {"Item": item}}] for name in ("ours", "theirs")}
    assert outcome(call.batch_write_item, RequestItems=both) == "AccessDeniedException"


@gap
def test_log_groups_one_by_one(aws):
    logs = aws.client("logs")
    for name in ("ours", "theirs"):
        logs.create_log_group(logGroupName=name)
    ours = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:ours:*"
    call = worker(
        aws, {"Action": ["logs:CreateLogStream", "logs:FilterLogEvents"], "Resource": ours}
    )("logs")
    made = {"logStreamName": "s"}
    assert outcome(call.create_log_stream, logGroupName="ours", **made) == "allowed"
    assert outcome(call.filter_log_events, logGroupName="ours") == "allowed"
    denied = "AccessDeniedException"
    assert outcome(call.create_log_stream, logGroupName="theirs", **made) == denied
    assert outcome(call.create_log_stream, logGroupName="ours2", **made) == denied


@gap
def test_metrics_namespace_by_namespace(aws):
    condition = {"StringEquals": {"cloudwatch:namespace": "Facepipe"}}
    call = worker(
        aws, {"Action": "cloudwatch:PutMetricData", "Resource": "*", "Condition": condition}
    )("cloudwatch")
    data = [{"MetricName": "HAPPY", "Value": 1}]
    assert outcome(call.put_metric_data, Namespace="Facepipe", MetricData=data) == "allowed"
    assert refusal(call.put_metric_data, Namespace="Other", MetricData=data) == "AccessDenied"


def test_queues_one_by_one(aws):
    ours, arn = make_queue(aws, "ours")
    theirs, _ = make_queue(aws, "theirs")
    call = worker(aws, {"Action": "sqs:SendMessage", "Resource": arn})("sqs")
    assert outcome(call.send_message, QueueUrl=ours, MessageBody="1") == "allowed"
    assert outcome(call.send_message, QueueUrl=theirs, MessageBody="1") == "AccessDenied"
    assert outcome(call.receive_message, QueueUrl=ours) == "AccessDenied"


def test_a_queue_may_deny_what_the_users_policy_allows(aws):
    url, arn = make_queue(aws, "ours")
    deny = {**DENY_HTTP, "Action": "sqs:*", "Resource": arn}
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(deny)})
    call = worker(aws, {"Action": "sqs:*", "Resource": "*"})
    body = {"QueueUrl": url, "MessageBody": "1"}
    assert outcome(call("sqs").send_message, **body) == "allowed"
    assert outcome(call("sqs", tls=False).send_message, **body) == "AccessDenied"


ASSUME = {"Action": "sts:AssumeRole", "Resource": "*"}


@gap
def test_only_those_whom_a_role_trusts_may_assume_it(aws):
    service_only = make_role(aws, "service-only", "lambda.amazonaws.com")
    call = worker(aws, ASSUME)("sts")
    asked = {"RoleArn": service_only, "RoleSessionName": "s1"}
    assert refusal(call.assume_role, **asked) == "AccessDenied"


class TestRoles:
    @pytest.mark.parametrize("statements", [[ASSUME], []])
    def test_a_trusted_account_decides_for_itself(self, aws, statements):
        role = self.role(aws)
        call = worker(aws, *statements)("sts")
        expected = "allowed" if statements else "AccessDenied"
        assert outcome(call.assume_role, RoleArn=role, RoleSessionName="s1") == expected

    def role(self, aws):
        trust = document(
            {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        )
        iam = aws.client("iam")
        return iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]

    def session(self, aws, *statements):
        role, iam = self.role(aws), aws.client("iam")
        if statements:
            policy = iam.create_policy(PolicyName="p", PolicyDocument=document(*statements))
            iam.attach_role_policy(RoleName="r", PolicyArn=policy["Policy"]["Arn"])
        found = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="s1")
        credentials = found["Credentials"]
        return {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }

    def test_a_session_has_its_roles_policies_until_the_role_is_gone(self, aws):
        keys = self.session(aws, {"Action": "sqs:ListQueues", "Resource": "*"})
        aws.enforce_iam()
        sqs = aws.client("sqs", keys)
        assert outcome(sqs.list_queues) == "allowed"
        assert outcome(aws.client("sns", keys).list_topics) != "allowed"
        iam = aws.client("iam")
        iam.detach_role_policy(RoleName="r", PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/p")
        assert outcome(sqs.list_queues) == "AccessDenied"

    def test_a_session_needs_its_token(self, aws):
        keys = self.session(aws)
        aws.enforce_iam()
        other = {**keys, "aws_session_token": "x"}
        assert outcome(aws.client("sqs", other).list_queues) == "InvalidClientTokenId"

    def test_always_everyone_may_ask_who_they_are(self, aws):
        keys = self.session(aws)
        aws.enforce_iam()
        arn = aws.client("sts", keys).get_caller_identity()["Arn"]
        assert arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s1"


def test_a_disabled_key_is_none(aws):
    keys = make_user(aws, "worker", {"Action": "*", "Resource": "*"})
    aws.client("iam").update_access_key(
        UserName="worker", AccessKeyId=keys["aws_access_key_id"], Status="Inactive"
    )
    aws.enforce_iam()
    assert outcome(aws.client("sqs", keys).list_queues) == "InvalidClientTokenId"


def test_a_policy_that_is_not_understood_is_lacking(emulator):
    emulator.reset()
    condition = {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}
    call = worker(emulator, {"Action": "sqs:*", "Resource": "*", "Condition": condition})("sqs")
    assert outcome(call.list_queues) == "NotImplementedException"
    assert "aws:currenttime" in emulator.lacking()[-1]


def test_a_presigned_url_is_lacking(emulator):
    emulator.reset()
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"})
    emulator.enforce_iam()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    with caught.value as error:
        assert error.code == 400
    assert "presigned" in emulator.lacking()[-1]
