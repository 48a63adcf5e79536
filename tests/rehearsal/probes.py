"""Who may do what, tried out: each probe is a call that somebody makes, and what must come of it.

python -m tests.rehearsal.probes        prints the table of docs/security.md
"""

from __future__ import annotations

import io
import json
import ssl
import urllib.error
import urllib.request
import zipfile
from typing import Any, Callable

import attrs
import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.emulator.client import REGION
from tests.emulator.helpers import put_media
from tests.rehearsal.cameras import Camera
from tests.rehearsal.stack import Stack

#: A function that tells with which credentials it runs.
_TELL_KEYS = """
import os
def handle(event, context):
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return {name: os.environ[name.upper()] for name in names}
"""

_DENIALS = {
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
}

# See tests/emulator/devices.py.
_RETAINED = "?retain=true"

_MADE_UP = {"aws_access_key_id": "AKIAXXXXXXXXXXXXXXXX", "aws_secret_access_key": "made up"}


@attrs.define
class Actors:
    """Everybody who tries something, and what they try it on."""

    stack: Stack
    camera: Any
    scorer: Any
    edge: Any
    endpoint: Any
    crop: str

    @classmethod
    def of(cls, stack: Stack) -> Actors:
        """Get credentials for all; the stack must have crops of hall-1."""
        client, names = stack.aws.client, stack.outputs
        function = client("lambda").get_function(FunctionName=names["scorer_function"])
        edge = client("lambda").get_function(FunctionName=names["edge_function"])
        return cls(
            stack,
            camera=stack.keys_of("hall-1"),
            scorer=_keys_of_role(stack, function["Configuration"]["Role"]),
            edge=_keys_of_role(stack, edge["Configuration"]["Role"]),
            endpoint=_keys_of_endpoint(stack),
            crop=stack.crops("hall-1")[0],
        )

    def s3(self, keys: Any, **more: Any) -> Any:
        return self.stack.aws.client("s3", keys, **more)

    def call(self, keys: Any, service: str) -> Any:
        return self.stack.aws.client(service, keys)

    def put(self, keys: Any, key: str, bucket: str | None = None, **more: Any) -> Any:
        bucket = bucket or self.stack.outputs["bucket"]
        return self.s3(keys, **more).put_object(Bucket=bucket, Key=key, Body=b"x")

    def named(self, output: str) -> Any:
        return self.stack.outputs[output]

    @property
    def hall_1(self) -> Camera:
        return self.stack.cameras["hall-1"]

    def anonymous(self, service: str) -> Any:
        """A client that does not sign."""
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        return boto3.client(
            service, region_name=REGION, endpoint_url=self.stack.aws.url, config=config
        )

    def without_certificate(self) -> None:
        """Ask for credentials with no certificate at all."""
        context = ssl.create_default_context(cafile=str(self.stack.aws.ca_file))
        url = f"{self.stack.aws.device_url}/role-aliases/{self.named('role_alias')}/credentials"
        try:
            urllib.request.urlopen(url, context=context, timeout=10).close()
        except (OSError, urllib.error.URLError) as error:
            raise PermissionError(str(error)) from None

    def ask(self, camera: Camera) -> None:
        """Let a camera ask for credentials."""
        camera.credentials(self.stack.aws, self.named("role_alias"))

    def connect(self, camera: Camera) -> None:
        """Let a camera connect by MQTT."""
        camera.connect(self.stack.aws)

    def with_certificate(
        self, status: str, act: Callable[[Camera], None], *, policy: bool = True
    ) -> None:
        """Let hall-2 do something while its certificate is in some state."""
        camera, iot = self.stack.cameras["hall-2"], self.stack.aws.client("iot")
        ident = self.named("camera_certificate_ids")["hall-2"]
        arn = iot.describe_certificate(certificateId=ident)["certificateDescription"][
            "certificateArn"
        ]
        names = [p["policyName"] for p in iot.list_attached_policies(target=arn)["policies"]]
        iot.update_certificate(certificateId=ident, newStatus=status)
        if not policy:
            for name in names:
                iot.detach_policy(policyName=name, target=arn)
        try:
            act(camera)
        finally:
            iot.update_certificate(certificateId=ident, newStatus="ACTIVE")
            for name in names:
                iot.attach_policy(policyName=name, target=arn)


def _keys_of_role(stack: Stack, role: str) -> Any:
    """The credentials that Lambda gives to functions of a role."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("tell.py", _TELL_KEYS)
    functions = stack.aws.client("lambda")
    functions.create_function(
        FunctionName="tell",
        Runtime="python3.13",
        Role=role,
        Handler="tell.handle",
        Code={"ZipFile": archive.getvalue()},
        Timeout=20,
    )
    try:
        return json.loads(functions.invoke(FunctionName="tell")["Payload"].read())
    finally:
        functions.delete_function(FunctionName="tell")


def _keys_of_endpoint(stack: Stack) -> Any:
    """Credentials of the endpoint's role, which trusts SageMaker alone, and Lambda for as long."""
    iam, name = stack.aws.client("iam"), _model_of(stack)["ExecutionRoleArn"].rpartition("/")[2]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    lent = json.loads(json.dumps(trust).replace("sagemaker.amazonaws.com", "lambda.amazonaws.com"))
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(lent))
    try:
        return _keys_of_role(stack, iam.get_role(RoleName=name)["Role"]["Arn"])
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))


def _model_of(stack: Stack) -> Any:
    """The model that the endpoint serves."""
    sagemaker, name = stack.aws.client("sagemaker"), stack.outputs["endpoint_name"]
    config = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    found = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    return sagemaker.describe_model(ModelName=found["ProductionVariants"][0]["ModelName"])


@attrs.frozen
class Probe:
    """A call that somebody makes.

    Attributes:
        who: makes it.
        what: they try, in words.
        allowed: whether it must work.
        act: the call; gives what came of it.
    """

    who: str
    what: str
    allowed: bool
    act: Callable[[Actors], Any] = attrs.field(repr=False)

    def outcome(self, actors: Actors) -> str:
        """`allowed` or `denied`; any other failure is an error of the probe."""
        try:
            self.act(actors)
        except PermissionError:
            return "denied"
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _DENIALS:
                return "denied"
            raise
        return "allowed"


def _group(who: str, allowed: bool, probes: dict[str, Callable[[Actors], Any]]) -> list[Probe]:
    return [Probe(who, what, allowed, act) for what, act in probes.items()]


def _metric(namespace: str) -> dict[str, Any]:
    return {"Namespace": namespace, "MetricData": [{"MetricName": "PROBE", "Value": 1.0}]}


def _item(key: str) -> dict[str, Any]:
    return {"s3key": {"S": key}}


def _in_s3(actors: Actors) -> dict[str, Any]:
    return {"Image": {"S3Object": {"Bucket": actors.named("bucket"), "Name": actors.crop}}}


def _head_missing(a: Actors) -> None:
    try:
        a.s3(a.scorer).head_object(Bucket=a.named("bucket"), Key="faces/hall-1/gone.jpg")
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise


def _put_into_another_bucket(a: Actors) -> None:
    root, bucket = a.stack.aws.client("s3"), "deeplens-somebody-elses"
    root.create_bucket(Bucket=bucket)
    try:
        a.put(a.camera, "faces/hall-1/probe.jpg", bucket)
    finally:
        root.delete_bucket(Bucket=bucket)


def _component_keys(a: Actors) -> list[str]:
    """Of the files that the camera's Greengrass would have to get."""
    (recipe,) = a.stack.aws.components("hall-1").values()
    place = f"s3://{a.named('bucket')}/"
    uris = [artifact["URI"] for artifact in recipe["Manifests"][0]["Artifacts"]]
    assert all(uri.startswith(place) for uri in uris), uris
    return [uri[len(place) :] for uri in uris]


def _download_the_component(a: Actors) -> None:
    for key in _component_keys(a):
        a.s3(a.camera).get_object(Bucket=a.named("bucket"), Key=key)


def _ask_endpoint(client: Any, a: Actors, name: str | None = None) -> None:
    s3 = a.stack.aws.client("s3")
    picture = s3.get_object(Bucket=a.named("bucket"), Key=a.crop)["Body"].read()
    client.invoke_endpoint(
        EndpointName=name or a.named("endpoint_name"), Body=picture, ContentType="image/jpeg"
    )


def _model_key(a: Actors) -> str:
    url = _model_of(a.stack)["PrimaryContainer"]["ModelDataUrl"]
    return str(url.removeprefix(f"s3://{a.named('bucket')}/"))


def _read(a: Actors, keys: Any, key: str) -> None:
    a.s3(keys).get_object(Bucket=a.named("bucket"), Key=key)


def _send_video(a: Actors, camera: str) -> None:
    status = put_media(a.stack.aws, a.camera, a.named("video_streams")[camera])
    if status == 403:
        raise PermissionError("the video is refused")
    assert status == 200, status


def _find_video(a: Actors, camera: str) -> None:
    a.call(a.camera, "kinesisvideo").get_data_endpoint(
        StreamName=a.named("video_streams")[camera], APIName="PUT_MEDIA"
    )


def _watch_video(a: Actors, camera: str) -> None:
    a.call(a.camera, "kinesis-video-archived-media").get_hls_streaming_session_url(
        StreamName=a.named("video_streams")[camera], PlaybackMode="LIVE"
    )


def _write_a_record(a: Actors) -> None:
    names = {"TableName": a.named("table")}
    a.call(a.scorer, "dynamodb").put_item(**names, Item=_item("probe"))
    a.stack.aws.client("dynamodb").delete_item(**names, Key=_item("probe"))


PROBES: list[Probe] = [
    *_group("a camera", True, {
        "gets credentials for itself": lambda a: a.stack.keys_of("hall-1"),
        "puts a crop under its own name": lambda a: a.put(a.camera, "faces/hall-1/probe.jpg"),
        "connects by MQTT as itself": lambda a: a.hall_1.connect(a.stack.aws),
        "publishes its own health": lambda a: a.hall_1.publish(
            a.stack.aws, "facepipe/hall-1/health", {"fps": 5, "spool_depth": 0}),
        "publishes what it infers": lambda a: a.hall_1.publish(
            a.stack.aws, "facepipe/hall-1/infer", {"faces": []}),
        "publishes what it infers as AWS DeepLens did": lambda a: a.hall_1.publish(
            a.stack.aws, "$aws/things/hall-1/infer", {"faces": []}),
        "publishes its own status, retained": lambda a: a.hall_1.publish(
            a.stack.aws, f"facepipe/hall-1/status{_RETAINED}", {"status": "online"}),
        "asks the endpoint": lambda a: _ask_endpoint(a.call(a.camera, "sagemaker-runtime"), a),
        "asks where to send its own video": lambda a: _find_video(a, "hall-1"),
        "sends its own video": lambda a: _send_video(a, "hall-1"),
        "watches its own video": lambda a: _watch_video(a, "hall-1"),
        "puts a frame to be labelled under its own name": lambda a: a.put(
            a.camera, "feedback/hall-1/probe.jpg"),
        "fetches a model": lambda a: _read(a, a.camera, _model_key(a)),
    }),
    *_group("a camera", False, {
        "gets credentials in another's name": lambda a: a.hall_1.credentials(
            a.stack.aws, a.named("role_alias"), thing="hall-2"),
        "gets credentials of another role alias": lambda a: a.hall_1.credentials(
            a.stack.aws, "admin"),
        "puts a crop under another's name": lambda a: a.put(a.camera, "faces/hall-2/probe.jpg"),
        "puts a crop under a name that begins with its own": lambda a: a.put(
            a.camera, "faces/hall-1-b/probe.jpg"),
        "puts a crop under no name": lambda a: a.put(a.camera, "faces/probe.jpg"),
        "puts a model": lambda a: a.put(a.camera, "models/probe.onnx"),
        "puts into another bucket": _put_into_another_bucket,
        "puts its own crop without TLS": lambda a: a.put(
            a.camera, "faces/hall-1/probe.jpg", tls=False),
        "reads its own crop": lambda a: a.s3(a.camera).get_object(
            Bucket=a.named("bucket"), Key=a.crop),
        "asks whether its own crop is there": lambda a: a.s3(a.camera).head_object(
            Bucket=a.named("bucket"), Key=a.crop),
        "lists the bucket": lambda a: a.s3(a.camera).list_objects_v2(Bucket=a.named("bucket")),
        "lists all buckets": lambda a: a.s3(a.camera).list_buckets(),
        "deletes its own crop": lambda a: a.s3(a.camera).delete_object(
            Bucket=a.named("bucket"), Key=a.crop),
        "makes its own crop public": lambda a: a.s3(a.camera).put_object_acl(
            Bucket=a.named("bucket"), Key=a.crop, ACL="public-read"),
        "reads the bucket's policy": lambda a: a.s3(a.camera).get_bucket_policy(
            Bucket=a.named("bucket")),
        "removes the bucket's policy": lambda a: a.s3(a.camera).delete_bucket_policy(
            Bucket=a.named("bucket")),
        "reads a record": lambda a: a.call(a.camera, "dynamodb").get_item(
            TableName=a.named("table"), Key=_item(a.crop)),
        "writes a record": lambda a: a.call(a.camera, "dynamodb").put_item(
            TableName=a.named("table"), Item=_item("probe")),
        "reads all records": lambda a: a.call(a.camera, "dynamodb").scan(
            TableName=a.named("table")),
        "receives from the queue": lambda a: a.call(a.camera, "sqs").receive_message(
            QueueUrl=a.named("queue_url")),
        "sends to the queue": lambda a: a.call(a.camera, "sqs").send_message(
            QueueUrl=a.named("queue_url"), MessageBody="{}"),
        "purges the queue": lambda a: a.call(a.camera, "sqs").purge_queue(
            QueueUrl=a.named("queue_url")),
        "asks Rekognition": lambda a: a.call(a.camera, "rekognition").detect_faces(**_in_s3(a)),
        "charts an emotion": lambda a: a.call(a.camera, "cloudwatch").put_metric_data(
            **_metric(a.named("namespace"))),
        "invokes the cloud function": lambda a: a.call(a.camera, "lambda").invoke(
            FunctionName=a.named("scorer_function")),
        "reads the function's log": lambda a: a.call(a.camera, "logs").filter_log_events(
            logGroupName=a.named("scorer_log_group")),
        "lists roles": lambda a: a.call(a.camera, "iam").list_roles(),
        "assumes the cloud function's role": lambda a: a.call(a.camera, "sts").assume_role(
            RoleArn=_role_of(a, "scorer_function"), RoleSessionName="probe"),
        "reactivates its own certificate": lambda a: a.call(a.camera, "iot").update_certificate(
            certificateId=a.named("camera_certificate_ids")["hall-1"], newStatus="ACTIVE"),
        "connects by MQTT as another": lambda a: a.hall_1.connect(a.stack.aws, "hall-2"),
        "connects by MQTT as nobody known": lambda a: a.hall_1.connect(a.stack.aws, "probe"),
        "publishes its own health as another": lambda a: a.hall_1.publish(
            a.stack.aws, "facepipe/hall-1/health", {"fps": 5, "spool_depth": 0},
            client_id="hall-2"),
        "publishes another's health by HTTPS": lambda a: a.hall_1.publish(
            a.stack.aws, "facepipe/hall-2/health", {"fps": 5, "spool_depth": 0}, mqtt=False),
        "publishes another's health": lambda a: a.hall_1.publish(
            a.stack.aws, "facepipe/hall-2/health", {"fps": 5, "spool_depth": 0}),
        "publishes another's status, retained": lambda a: a.hall_1.publish(
            a.stack.aws, f"facepipe/hall-2/status{_RETAINED}", {"status": "gone"}),
        "publishes another's status": lambda a: a.hall_1.publish(
            a.stack.aws, "facepipe/hall-2/status", {"status": "gone"}),
        "publishes its own health, retained": lambda a: a.hall_1.publish(
            a.stack.aws, f"facepipe/hall-1/health{_RETAINED}", {"fps": 5, "spool_depth": 0}),
        "publishes to any other topic": lambda a: a.hall_1.publish(
            a.stack.aws, "facepipe/commands", {}),
        "asks another endpoint": lambda a: _ask_endpoint(
            a.call(a.camera, "sagemaker-runtime"), a, f"{a.named('endpoint_name')}-2"),
        "replaces the endpoint's model": lambda a: a.put(a.camera, _model_key(a)),
        "deletes the endpoint": lambda a: a.call(a.camera, "sagemaker").delete_endpoint(
            EndpointName=a.named("endpoint_name")),
        "asks where to send another's video": lambda a: _find_video(a, "hall-2"),
        "sends another's video": lambda a: _send_video(a, "hall-2"),
        "watches another's video": lambda a: _watch_video(a, "hall-2"),
        "lists all streams": lambda a: a.call(a.camera, "kinesisvideo").list_streams(),
        "puts a frame to be labelled under another's name": lambda a: a.put(
            a.camera, "feedback/hall-2/probe.jpg"),
        "puts a frame to be labelled under no name": lambda a: a.put(
            a.camera, "feedback/probe.jpg"),
        "reads a frame to be labelled": lambda a: _read(a, a.camera, "feedback/hall-1/probe.jpg"),
        "reads a data set": lambda a: _read(a, a.camera, "datasets/bottles/train.manifest"),
        "reads what a training job left": lambda a: _read(
            a, a.camera, "training/job/output/model.tar.gz"),
    }),
    *_group("a camera, as Greengrass core device,", True, {
        "connects by MQTT a second time": lambda a: a.hall_1.connect(a.stack.aws, "hall-1#2"),
        "publishes its own health": lambda a: a.hall_1.publish(
            a.stack.aws, "facepipe/hall-1/health", {"fps": 5, "spool_depth": 0},
            client_id="hall-1#2"),
        "publishes its own health by HTTPS": lambda a: a.hall_1.publish(
            a.stack.aws, "facepipe/hall-1/health", {"fps": 5, "spool_depth": 0}, mqtt=False),
        "says how its deployment went": lambda a: a.hall_1.publish(
            a.stack.aws, "$aws/things/hall-1/jobs/1/update", {}, client_id="hall-1#2"),
        "asks where the bucket is": lambda a: a.s3(a.camera).get_bucket_location(
            Bucket=a.named("bucket")),
        "downloads the component": _download_the_component,
    }),
    *_group("a camera, as Greengrass core device,", False, {
        "connects by MQTT a second time as another": lambda a: a.hall_1.connect(
            a.stack.aws, "hall-2#2"),
        "connects by MQTT as one whose name begins with its own": lambda a: a.hall_1.connect(
            a.stack.aws, "hall-11"),
        "publishes another's health": lambda a: a.hall_1.publish(
            a.stack.aws, "facepipe/hall-2/health", {"fps": 5, "spool_depth": 0},
            client_id="hall-1#2"),
        "says how another's deployment went": lambda a: a.hall_1.publish(
            a.stack.aws, "$aws/things/hall-2/jobs/1/update", {}, client_id="hall-1#2"),
        "downloads another component": lambda a: a.s3(a.camera).get_object(
            Bucket=a.named("bucket"), Key="components/another/1.0.0/another.whl"),
        "lists components": lambda a: a.s3(a.camera).list_objects_v2(
            Bucket=a.named("bucket"), Prefix="components/"),
        "replaces the component": lambda a: a.put(a.camera, _component_keys(a)[0]),
        "deletes the component": lambda a: a.s3(a.camera).delete_object(
            Bucket=a.named("bucket"), Key=_component_keys(a)[0]),
    }),
    *_group("a revoked certificate", False, {
        "gets credentials": lambda a: a.with_certificate("REVOKED", a.ask),
        "connects by MQTT": lambda a: a.with_certificate("REVOKED", a.connect),
    }),
    *_group("an inactive certificate", False, {
        "gets credentials": lambda a: a.with_certificate("INACTIVE", a.ask),
        "connects by MQTT": lambda a: a.with_certificate("INACTIVE", a.connect),
    }),
    *_group("a certificate without the policy", False, {
        "gets credentials": lambda a: a.with_certificate("ACTIVE", a.ask, policy=False),
        "connects by MQTT": lambda a: a.with_certificate("ACTIVE", a.connect, policy=False),
    }),
    *_group("nobody, with no certificate,", False, {
        "gets credentials": lambda a: a.without_certificate(),
    }),
    *_group("the cloud function", True, {
        "reads a crop": lambda a: a.s3(a.scorer).get_object(Bucket=a.named("bucket"), Key=a.crop),
        "learns that a crop is gone": _head_missing,
        "asks Rekognition about a crop": lambda a: a.call(a.scorer, "rekognition").detect_faces(
            **_in_s3(a)),
        "reads a record": lambda a: a.call(a.scorer, "dynamodb").get_item(
            TableName=a.named("table"), Key=_item(a.crop)),
        "writes a record": _write_a_record,
        "charts an emotion": lambda a: a.call(a.scorer, "cloudwatch").put_metric_data(
            **_metric(a.named("namespace"))),
        "receives from the queue": lambda a: a.call(a.scorer, "sqs").receive_message(
            QueueUrl=a.named("queue_url")),
        "opens a log stream of its own": lambda a: a.call(a.scorer, "logs").create_log_stream(
            logGroupName=a.named("scorer_log_group"), logStreamName="probe"),
    }),
    *_group("the cloud function", False, {
        "reads what is no crop": lambda a: a.s3(a.scorer).get_object(
            Bucket=a.named("bucket"), Key="models/secret.onnx"),
        "lists what is no crop": lambda a: a.s3(a.scorer).list_objects_v2(
            Bucket=a.named("bucket"), Prefix="models/"),
        "puts a crop": lambda a: a.put(a.scorer, "faces/hall-1/probe.jpg"),
        "deletes a crop": lambda a: a.s3(a.scorer).delete_object(
            Bucket=a.named("bucket"), Key=a.crop),
        "reads all records": lambda a: a.call(a.scorer, "dynamodb").scan(
            TableName=a.named("table")),
        "deletes a record": lambda a: a.call(a.scorer, "dynamodb").delete_item(
            TableName=a.named("table"), Key=_item("probe")),
        "writes into another table": lambda a: a.call(a.scorer, "dynamodb").put_item(
            TableName="another", Item=_item("probe")),
        "charts in another namespace": lambda a: a.call(a.scorer, "cloudwatch").put_metric_data(
            **_metric("Billing")),
        "reads metrics": lambda a: a.call(a.scorer, "cloudwatch").list_metrics(),
        "sends to the queue": lambda a: a.call(a.scorer, "sqs").send_message(
            QueueUrl=a.named("queue_url"), MessageBody="{}"),
        "receives dead letters": lambda a: a.call(a.scorer, "sqs").receive_message(
            QueueUrl=a.named("dead_letter_url")),
        "keeps a face in a collection": lambda a: a.call(
            a.scorer, "rekognition").create_collection(CollectionId="probe"),
        "changes its own code": lambda a: a.call(a.scorer, "lambda").update_function_code(
            FunctionName=a.named("scorer_function"), ZipFile=b"x"),
        "assumes a camera's role": lambda a: a.call(a.scorer, "sts").assume_role(
            RoleArn=_camera_role(a), RoleSessionName="probe"),
        "writes another function's log": lambda a: a.call(a.scorer, "logs").create_log_stream(
            logGroupName="/aws/lambda/another", logStreamName="probe"),
    }),
    *_group("the edge function", False, {
        "puts a crop": lambda a: a.put(a.edge, "faces/hall-1/probe.jpg"),
        "reads a crop": lambda a: a.s3(a.edge).get_object(Bucket=a.named("bucket"), Key=a.crop),
        "reads all records": lambda a: a.call(a.edge, "dynamodb").scan(TableName=a.named("table")),
    }),
    *_group("the endpoint", True, {
        "reads its model": lambda a: _read(a, a.endpoint, _model_key(a)),
        "puts a crop of any camera": lambda a: a.put(a.endpoint, "faces/hall-2/probe.jpg"),
        "charts its load": lambda a: a.call(a.endpoint, "cloudwatch").put_metric_data(
            **_metric("/aws/sagemaker/Endpoints")),
        "opens a log stream of its own": lambda a: a.call(a.endpoint, "logs").create_log_stream(
            logGroupName=_endpoint_log(a), logStreamName="probe"),
    }),
    *_group("the endpoint", False, {
        "reads a crop": lambda a: _read(a, a.endpoint, a.crop),
        "deletes a crop": lambda a: a.s3(a.endpoint).delete_object(
            Bucket=a.named("bucket"), Key=a.crop),
        "lists the bucket": lambda a: a.s3(a.endpoint).list_objects_v2(Bucket=a.named("bucket")),
        "reads another model": lambda a: _read(a, a.endpoint, "models/secret.onnx"),
        "replaces its model": lambda a: a.put(a.endpoint, _model_key(a)),
        "deletes its model": lambda a: a.s3(a.endpoint).delete_object(
            Bucket=a.named("bucket"), Key=_model_key(a)),
        "puts a frame to be labelled": lambda a: a.put(a.endpoint, "feedback/hall-1/probe.jpg"),
        "puts a crop without TLS": lambda a: a.put(
            a.endpoint, "faces/hall-1/probe.jpg", tls=False),
        "charts an emotion": lambda a: a.call(a.endpoint, "cloudwatch").put_metric_data(
            **_metric(a.named("namespace"))),
        "reads all records": lambda a: a.call(a.endpoint, "dynamodb").scan(
            TableName=a.named("table")),
        "asks Rekognition": lambda a: a.call(a.endpoint, "rekognition").detect_faces(**_in_s3(a)),
        "watches a camera's video": lambda a: a.call(
            a.endpoint, "kinesis-video-archived-media").get_hls_streaming_session_url(
            StreamName=a.named("video_streams")["hall-1"], PlaybackMode="LIVE"),
        "writes the cloud function's log": lambda a: a.call(a.endpoint, "logs").create_log_stream(
            logGroupName=a.named("scorer_log_group"), logStreamName="probe"),
        "assumes a camera's role": lambda a: a.call(a.endpoint, "sts").assume_role(
            RoleArn=_camera_role(a), RoleSessionName="probe"),
    }),
    *_group("anybody", False, {
        "asks the endpoint": lambda a: _ask_endpoint(a.anonymous("sagemaker-runtime"), a),
        "reads a crop": lambda a: a.anonymous("s3").get_object(
            Bucket=a.named("bucket"), Key=a.crop),
        "puts a crop": lambda a: a.anonymous("s3").put_object(
            Bucket=a.named("bucket"), Key="faces/hall-1/probe.jpg", Body=b"x"),
        "lists the bucket": lambda a: a.anonymous("s3").list_objects_v2(Bucket=a.named("bucket")),
    }),
    *_group("a made-up access key", False, {
        "asks the endpoint": lambda a: _ask_endpoint(a.call(_MADE_UP, "sagemaker-runtime"), a),
        "reads a crop": lambda a: a.s3(_MADE_UP).get_object(
            Bucket=a.named("bucket"), Key=a.crop),
        "sends to the queue": lambda a: a.call(_MADE_UP, "sqs").send_message(
            QueueUrl=a.named("queue_url"), MessageBody="{}"),
        "reads all records": lambda a: a.call(_MADE_UP, "dynamodb").scan(
            TableName=a.named("table")),
    }),
    *_group("the account's root, without TLS,", False, {
        "reads a crop": lambda a: a.stack.aws.client("s3", tls=False).get_object(
            Bucket=a.named("bucket"), Key=a.crop),
        "sends to the queue": lambda a: a.stack.aws.client("sqs", tls=False).send_message(
            QueueUrl=a.named("queue_url"), MessageBody="{}"),
    }),
]  # fmt: skip


def _role_of(actors: Actors, function: str) -> str:
    found = actors.stack.aws.client("lambda").get_function(FunctionName=actors.named(function))
    return str(found["Configuration"]["Role"])


def _endpoint_log(actors: Actors) -> str:
    return f"/aws/sagemaker/Endpoints/{actors.named('endpoint_name')}"


def _camera_role(actors: Actors) -> str:
    found = actors.stack.aws.client("iot").describe_role_alias(roleAlias=actors.named("role_alias"))
    return str(found["roleAliasDescription"]["roleArn"])


def table() -> str:
    """The probes as a table in Markdown."""
    words = {True: "allowed", False: "**denied**"}
    rows = [f"| {probe.who} | {probe.what} | {words[probe.allowed]} |" for probe in PROBES]
    return "\n".join(["| who | tries | and is |", "| --- | --- | --- |", *rows])


if __name__ == "__main__":
    print(table())
