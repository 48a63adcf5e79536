"""What IAM calls the operations of AWS' services: actions, resources and condition keys.

After the Service Authorization Reference. An operation that is not named here has the action of its
own name and the resource `*`, so that a policy which names resources does not allow it: where this
table is short, the emulator refuses more than AWS would, never less.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping

from tests.emulator.settings import ACCOUNT

Params = Mapping[str, Any]

_PREFIXES = {
    "iot-data": "iot",
    "kinesis-video-archived-media": "kinesisvideo",
    "sagemaker-runtime": "sagemaker",
}

_RENAMED = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CopyObject": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListParts": "s3:ListMultipartUploadParts",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutBucketNotificationConfiguration": "s3:PutBucketNotification",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:UploadPart": "s3:PutObject",
}

_WITH_VERSION = {"s3:GetObject", "s3:DeleteObject"}


def without_model(
    service: str, method: str, path: str, headers: Mapping[str, str]
) -> tuple[str, Params] | None:
    """An operation that boto3 does not know, and its parameters; None if this is none of them."""
    if (service, method, path) == ("kinesisvideo", "POST", "/putMedia"):
        names = {"StreamName": "x-amzn-stream-name", "StreamARN": "x-amzn-stream-arn"}
        return "PutMedia", {name: headers.get(header) for name, header in names.items()}
    return None


def required(service: str, operation: str, params: Params, region: str) -> list[tuple[str, str]]:
    """The actions, each with the ARN of a resource, that an operation needs.

    Args:
        service: as boto3 names it.
        operation: as its API names it.
        params: as boto3 takes them.
        region: where it is asked.

    Example:
        >>> required("s3", "HeadObject", {"Bucket": "crops", "Key": "a b.jpg"}, "eu-west-1")
        [('s3:GetObject', 'arn:aws:s3:::crops/a b.jpg')]
    """
    action = f"{_PREFIXES.get(service, service)}:{operation}"
    action = _RENAMED.get(action, action)
    if action in _WITH_VERSION and params.get("VersionId"):
        action += "Version"
    if (service, operation) == ("s3", "CopyObject"):
        source = str(params["CopySource"]).lstrip("/")
        return [(action, _s3(params)), ("s3:GetObject", f"arn:aws:s3:::{source}")]
    resources = _RESOURCES.get(service, lambda params, arn: iter(("*",)))
    arn = f"arn:aws:{_PREFIXES.get(service, service)}:{region}:{ACCOUNT}:"
    return [(action, resource) for resource in resources(params, arn)]


def context(service: str, params: Params) -> dict[str, str]:
    """The condition keys that an operation's parameters make, in lower case."""
    if service == "cloudwatch":
        found = {"cloudwatch:namespace": params.get("Namespace")}
    elif service == "s3":
        found = {
            "s3:prefix": params.get("Prefix"),
            "s3:x-amz-acl": params.get("ACL"),
            "s3:x-amz-server-side-encryption": params.get("ServerSideEncryption"),
            "s3:x-amz-server-side-encryption-aws-kms-key-id": params.get("SSEKMSKeyId"),
        }
    else:
        found = {}
    return {key: str(value) for key, value in found.items() if value is not None}


def _s3(params: Params) -> str:
    key = f"/{params['Key']}" if "Key" in params else ""
    return f"arn:aws:s3:::{params.get('Bucket', '*')}{key}"


def _s3_resources(params: Params, arn: str) -> Iterator[str]:
    objects = params.get("Delete", {}).get("Objects")
    if objects:
        yield from (_s3({"Bucket": params["Bucket"], "Key": each["Key"]}) for each in objects)
    else:
        yield _s3(params)


def _dynamodb(params: Params, arn: str) -> Iterator[str]:
    tables = params.get("RequestItems") or {params.get("TableName", "*"): None}
    for name in tables:
        table = name if name.startswith("arn:") else f"{arn}table/{name}"
        yield f"{table}/index/{params['IndexName']}" if params.get("IndexName") else table


def _sqs(params: Params, arn: str) -> Iterator[str]:
    name = params.get("QueueName") or str(params.get("QueueUrl", "*")).rsplit("/", 1)[-1]
    yield arn + name


def _sns(params: Params, arn: str) -> Iterator[str]:
    yield str(params.get("TopicArn") or params.get("TargetArn") or "*")


def _lambda(params: Params, arn: str) -> Iterator[str]:
    name = str(params.get("FunctionName", "*"))
    name = name if name.startswith("arn:") else f"{arn}function:{name}"
    yield f"{name}:{params['Qualifier']}" if params.get("Qualifier") else name


def _logs(params: Params, arn: str) -> Iterator[str]:
    if "logGroupName" not in params:
        yield "*"
        return
    # IAM looks at a group's ARN with its trailing part, for which policies end in `:*`.
    stream = params.get("logStreamName")
    yield f"{arn}log-group:{params['logGroupName']}:" + (f"log-stream:{stream}" if stream else "*")


def _iot_data(params: Params, arn: str) -> Iterator[str]:
    yield f"{arn}topic/{params['topic']}" if "topic" in params else "*"


def _kinesis_video(params: Params, arn: str) -> Iterator[str]:
    # A stream's ARN ends in the time of its making, which policies cannot know.
    named = f"{arn}stream/{params['StreamName']}/0" if params.get("StreamName") else "*"
    yield str(params.get("StreamARN") or named)


def _sagemaker_runtime(params: Params, arn: str) -> Iterator[str]:
    yield f"{arn}endpoint/{str(params['EndpointName']).lower()}"


def _sts(params: Params, arn: str) -> Iterator[str]:
    yield str(params.get("RoleArn", "*"))


_RESOURCES: dict[str, Callable[[Params, str], Iterator[str]]] = {
    "dynamodb": _dynamodb,
    "iot-data": _iot_data,
    "kinesis-video-archived-media": _kinesis_video,
    "kinesisvideo": _kinesis_video,
    "lambda": _lambda,
    "logs": _logs,
    "s3": _s3_resources,
    "sagemaker-runtime": _sagemaker_runtime,
    "sns": _sns,
    "sqs": _sqs,
    "sts": _sts,
}
