"""What the role and the policy of training allow, by the files that Terraform's tests prove."""

from __future__ import annotations

import json

import pytest

from tests.emulator.policies import Principal, Request, is_allowed
from tests.rehearsal.terraform import ROOT

GOLDEN = ROOT / "terraform" / "tests" / "golden"
BUCKET = "arn:aws:s3:::deeplens-test-crops"
KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
SAGEMAKER = "arn:aws:sagemaker:us-east-1:123456789012"
LOGS = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/TrainingJobs"
ROLE = "arn:aws:iam::123456789012:role/deeplens-test-training"
NAMESPACE = {"cloudwatch:namespace": "/aws/sagemaker/TrainingJobs"}
BY_S3 = {"kms:viaservice": "s3.us-east-1.amazonaws.com"}
TO_SAGEMAKER = {"iam:passedtoservice": "sagemaker.amazonaws.com"}


def allows(name, action, resource, context):
    document = json.loads((GOLDEN / f"{name}.json").read_text())
    return is_allowed(Request(action, resource, context=context or {}), [document])


@pytest.mark.parametrize(
    ("action", "resource", "context", "allowed"),
    [
        ("s3:GetObject", f"{BUCKET}/datasets/bottles/train.manifest", None, True),
        ("s3:ListBucket", BUCKET, {"s3:prefix": "datasets/bottles/train.manifest"}, True),
        ("s3:PutObject", f"{BUCKET}/training/deeplens-1/output/model.tar.gz", None, True),
        ("logs:CreateLogGroup", LOGS, None, True),
        ("logs:PutLogEvents", f"{LOGS}:log-stream:deeplens-1/algo-1-1", None, True),
        ("cloudwatch:PutMetricData", "*", NAMESPACE, True),
        ("kms:Decrypt", KEY, BY_S3, True),
        ("kms:GenerateDataKey", KEY, BY_S3, True),
        ("kms:CreateGrant", KEY, {"kms:grantisforawsresource": "true"}, True),
        ("s3:GetObject", f"{BUCKET}/faces/hall-1/a.jpg", None, False),
        ("s3:PutObject", f"{BUCKET}/datasets/bottles/train.manifest", None, False),
        ("s3:PutObject", f"{BUCKET}/models/bottles.json", None, False),
        ("s3:DeleteObject", f"{BUCKET}/training/deeplens-1/output/model.tar.gz", None, False),
        ("s3:ListBucket", BUCKET, {"s3:prefix": "faces/"}, False),
        ("s3:ListBucket", BUCKET, None, False),
        ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Facepipe"}, False),
        ("kms:Decrypt", KEY, None, False),
        ("kms:CreateGrant", KEY, None, False),
        ("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/deeplens-1", None, False),
        ("iam:PassRole", ROLE, TO_SAGEMAKER, False),
    ],
)
def test_sagemaker_may_train_and_no_more(action, resource, context, allowed):
    assert allows("training-training-with-key", action, resource, context) is allowed


@pytest.mark.parametrize(
    ("action", "resource", "context", "allowed"),
    [
        ("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/deeplens-1", None, True),
        ("sagemaker:AddTags", f"{SAGEMAKER}:training-job/deeplens-1", None, True),
        (
            "sagemaker:CreateHyperParameterTuningJob",
            f"{SAGEMAKER}:hyper-parameter-tuning-job/deeplens-1",
            None,
            True,
        ),
        ("iam:PassRole", ROLE, TO_SAGEMAKER, True),
        ("logs:FilterLogEvents", f"{LOGS}:log-stream:", None, True),
        ("s3:PutObject", f"{BUCKET}/datasets/bottles/images/a.jpg", None, True),
        ("s3:PutObject", f"{BUCKET}/models/bottles.json", None, True),
        ("s3:GetObject", f"{BUCKET}/training/deeplens-1/output/model.tar.gz", None, True),
        ("s3:ListBucket", BUCKET, {"s3:prefix": "models/bottles"}, True),
        ("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/others-1", None, False),
        ("sagemaker:CreateEndpoint", f"{SAGEMAKER}:endpoint/deeplens-1", None, False),
        ("iam:PassRole", ROLE, {"iam:passedtoservice": "lambda.amazonaws.com"}, False),
        ("iam:PassRole", ROLE.replace("training", "faces"), TO_SAGEMAKER, False),
        ("s3:PutObject", f"{BUCKET}/models/endpoint/0123/model.tar.gz", None, False),
        ("s3:PutObject", f"{BUCKET}/training/deeplens-1/output/model.tar.gz", None, False),
        ("s3:PutObject", f"{BUCKET}/faces/hall-1/a.jpg", None, False),
        ("s3:GetObject", f"{BUCKET}/faces/hall-1/a.jpg", None, False),
        ("s3:DeleteObject", f"{BUCKET}/models/bottles.json", None, False),
    ],
)
def test_who_trains_may_do_that_and_no_more(action, resource, context, allowed):
    assert allows("training-trainer", action, resource, context) is allowed


@pytest.mark.parametrize(("account", "allowed"), [("123456789012", True), ("999999999999", False)])
def test_sagemaker_takes_on_the_role_for_this_account_alone(account, allowed):
    trust = json.loads((GOLDEN / "training-trust.json").read_text())
    asked = Request(
        "sts:AssumeRole",
        ROLE,
        Principal("service", ("sagemaker.amazonaws.com",)),
        {"aws:sourceaccount": account},
    )
    assert is_allowed(asked, resource=trust, resource_must_allow=True) is allowed


def test_a_camera_reads_models_only_where_it_may():
    asked = ("s3:GetObject", f"{BUCKET}/models/bottles.json", {})
    assert allows("device-upload-with-models", *asked)
    assert not allows("device-upload", *asked)
    put = ("s3:PutObject", f"{BUCKET}/models/bottles.json", {"credentials-iot:thingname": "a"})
    assert not allows("device-upload-with-models", *put)
