from __future__ import annotations

import http.client
import json
import shutil
import ssl
import subprocess
import urllib.request
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.emulator.helpers import REGION, document, gap, make_role, refusal
from tests.emulator.settings import ACCOUNT
from tests.emulator.test_iam import outcome

IOT = f"arn:aws:iot:{REGION}:{ACCOUNT}"
ALIAS = "camera"
BUCKET = "deeplens-crops"
UPLOAD = {
    "Action": "s3:PutObject",
    "Resource": f"arn:aws:s3:::{BUCKET}/faces/${{credentials-iot:ThingName}}/*",
}
POLICY = [
    {
        "Action": "iot:Connect",
        "Resource": f"{IOT}:client/${{iot:Connection.Thing.ThingName}}",
        "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}},
    },
    {"Action": "iot:AssumeRoleWithCertificate", "Resource": f"{IOT}:rolealias/{ALIAS}"},
    {
        "Action": "iot:Publish",
        "Resource": f"{IOT}:topic/facepipe/${{iot:Connection.Thing.ThingName}}/health",
    },
]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Keys and CSRs of the cameras hall-1 and hall-2, made as the documentation says."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl: not installed")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("hall-1", "hall-2"):
        subprocess.run(
            [
                "openssl",
                "req",
                "-new",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-keyout",
                f"{name}.key",
                "-out",
                f"{name}.csr",
                "-subj",
                f"/CN={name}",
            ],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    return folder


class Camera:
    """A camera: a thing, its key, and the certificate that IoT made from its CSR."""

    def __init__(self, aws, keys, name):
        self.aws, self.name, self.keys = aws, name, keys
        iot = aws.client("iot")
        made = iot.create_certificate_from_csr(
            certificateSigningRequest=(keys / f"{name}.csr").read_text(), setAsActive=True
        )
        self.certificate_id, self.arn = made["certificateId"], made["certificateArn"]
        (keys / f"{name}.pem").write_text(made["certificatePem"])
        iot.create_thing(thingName=name)
        iot.attach_thing_principal(thingName=name, principal=self.arn)
        iot.attach_policy(policyName="camera", target=self.arn)

    def call(self, method, path, body=None, headers=()):
        """Status and body of a call with the camera's certificate."""
        context = ssl.create_default_context(cafile=str(self.aws.ca_file))
        context.load_cert_chain(self.keys / f"{self.name}.pem", self.keys / f"{self.name}.key")
        host = self.aws.device_url.removeprefix("https://")
        connection = http.client.HTTPSConnection(host, context=context, timeout=20)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def credentials(self, thing=None, alias=ALIAS):
        headers = {"x-amzn-iot-thingname": thing} if thing else {}
        return self.call("GET", f"/role-aliases/{alias}/credentials", headers=headers)

    def s3(self, thing=None):
        status, body = self.credentials(thing)
        assert status == 200
        found = body["credentials"]
        keys = {
            "aws_access_key_id": found["accessKeyId"],
            "aws_secret_access_key": found["secretAccessKey"],
            "aws_session_token": found["sessionToken"],
        }
        return self.aws.client("s3", keys)

    def connect(self, client_id="hall-1"):
        return self.call("POST", f"/mqtt/{client_id}")[0]

    def publish(self, topic, message, client_id="hall-1"):
        return self.call("POST", f"/mqtt/{client_id}/topics/{topic}", json.dumps(message))[0]

    def publish_by_https(self, topic, message):
        return self.call("POST", f"/topics/{topic}?qos=1", json.dumps(message))[0]


@pytest.fixture
def camera(aws, keys):
    aws.client("s3").create_bucket(Bucket=BUCKET)
    role = make_role(aws, "camera", "credentials.iot.amazonaws.com", UPLOAD)
    iot = aws.client("iot")
    iot.create_role_alias(roleAlias=ALIAS, roleArn=role, credentialDurationSeconds=900)
    iot.create_policy(policyName="camera", policyDocument=document(*POLICY))
    aws.enforce_iam()
    return Camera(aws, keys, "hall-1")


class TestCredentials:
    def test_a_camera_gets_its_own_for_a_while(self, camera):
        status, body = camera.credentials("hall-1")
        assert status == 200
        assert sorted(body["credentials"]) == [
            "accessKeyId",
            "expiration",
            "secretAccessKey",
            "sessionToken",
        ]
        ends = datetime.strptime(body["credentials"]["expiration"], "%Y-%m-%dT%H:%M:%S%z")
        left = ends - datetime.now(timezone.utc)
        assert timedelta(seconds=600) < left <= timedelta(seconds=900)

    def test_they_are_good_for_its_own_crops_only(self, camera):
        s3 = camera.s3("hall-1")
        put = {"Bucket": BUCKET, "Body": b"1"}
        assert outcome(s3.put_object, Key="faces/hall-1/a.jpg", **put) == "allowed"
        for key in ("faces/hall-2/a.jpg", "faces/hall-12/a.jpg", "faces/a.jpg", "a.jpg"):
            assert outcome(s3.put_object, Key=key, **put) == "AccessDenied"
        assert outcome(s3.get_object, Bucket=BUCKET, Key="faces/hall-1/a.jpg") == "AccessDenied"
        assert outcome(s3.list_objects_v2, Bucket=BUCKET, Prefix="faces/") == "AccessDenied"

    def test_without_the_things_name_they_are_good_for_none(self, camera):
        put = {"Bucket": BUCKET, "Key": "faces/hall-1/a.jpg", "Body": b"1"}
        assert outcome(camera.s3().put_object, **put) == "AccessDenied"

    def test_no_camera_can_say_that_it_is_another(self, aws, camera, keys):
        Camera(aws, keys, "hall-2")
        assert camera.credentials("hall-2")[0] == 403
        assert camera.credentials("nobody")[0] == 403
        assert camera.credentials("hall-1")[0] == 200

    def test_what_is_retained_needs_leave_of_its_own(self, aws, camera):
        topic = f"{IOT}:topic/facepipe/${{iot:Connection.Thing.ThingName}}/status"
        retain = {"Action": "iot:RetainPublish", "Resource": topic}
        for actions, kept, passed in (
            ([], 403, 403),
            (["iot:Publish"], 403, 200),
            (["iot:RetainPublish"], 403, 403),
            (["iot:Publish", "iot:RetainPublish"], 200, 200),
        ):
            give(aws, POLICY[0], *[{**retain, "Action": action} for action in actions])
            assert camera.publish("facepipe/hall-1/status?retain=true", {}) == kept
            assert camera.publish("facepipe/hall-1/status", {}) == passed
            assert camera.connect("hall-1?will=facepipe/hall-1/status") == kept
        assert camera.publish("facepipe/hall-2/status?retain=true", {}) == 403
        assert camera.connect("hall-1?will=facepipe/hall-2/status") == 403
        assert camera.connect() == 200

    @pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
    def test_a_certificate_must_be_active(self, aws, camera, status):
        aws.client("iot").update_certificate(certificateId=camera.certificate_id, newStatus=status)
        assert camera.credentials("hall-1") == (403, {"message": "Access Denied"})

    def test_a_certificate_needs_the_policy(self, aws, camera):
        aws.client("iot").detach_policy(policyName="camera", target=camera.arn)
        assert camera.credentials("hall-1")[0] == 403

    def test_a_certificate_must_be_known(self, aws, camera):
        iot = aws.client("iot")
        iot.detach_policy(policyName="camera", target=camera.arn)
        iot.detach_thing_principal(thingName="hall-1", principal=camera.arn)
        iot.update_certificate(certificateId=camera.certificate_id, newStatus="INACTIVE")
        iot.delete_certificate(certificateId=camera.certificate_id)
        assert camera.credentials("hall-1")[0] == 403

    def test_only_the_alias_that_the_policy_names(self, aws, camera):
        role = make_role(aws, "admin", "credentials.iot.amazonaws.com")
        aws.client("iot").create_role_alias(roleAlias="admin", roleArn=role)
        assert camera.credentials("hall-1", alias="admin")[0] == 403

    def test_an_alias_that_is_gone(self, aws, camera):
        aws.client("iot").delete_role_alias(roleAlias=ALIAS)
        assert camera.credentials("hall-1")[0] == 404

    def test_the_role_must_trust_iot(self, aws, camera):
        trust = document(
            {"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        )
        aws.client("iam").update_assume_role_policy(RoleName="camera", PolicyDocument=trust)
        assert camera.credentials("hall-1")[0] == 403

    def test_they_end(self, aws, camera):
        aws.enforce_iam(on=False)
        # Shorter than any client would let one ask for.
        request = urllib.request.Request(
            f"{aws.url}/role-aliases/{ALIAS}",
            json.dumps({"credentialDurationSeconds": -1}).encode(),
            {
                "Authorization": f"AWS4-HMAC-SHA256 Credential=a/b/{REGION}/iot/c",
                "Content-Type": "application/json",
            },
            method="PUT",
        )
        with urllib.request.urlopen(request):
            aws.enforce_iam()
        put = {"Bucket": BUCKET, "Key": "faces/hall-1/a.jpg", "Body": b"1"}
        assert outcome(camera.s3("hall-1").put_object, **put) == "ExpiredToken"

    def test_no_certificate_no_connection(self, aws, camera):
        context = ssl.create_default_context(cafile=str(aws.ca_file))
        url = f"{aws.device_url}/role-aliases/{ALIAS}/credentials"
        with pytest.raises(OSError, match=r"certificate required|reset|EOF|alert"):
            urllib.request.urlopen(url, context=context)

    def test_a_certificate_of_somebody_elses_is_none(self, aws, camera, keys):
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-key",
                "hall-1.key",
                "-subj",
                "/CN=hall-1",
                "-out",
                "hall-1.pem",
            ],
            cwd=keys,
            check=True,
            capture_output=True,
        )
        with pytest.raises(OSError, match=r"unknown|reset|EOF|alert"):
            camera.credentials("hall-1")

    def test_another_path(self, camera):
        assert camera.call("GET", "/role-aliases")[0] == 404
        for path in ("/", "/topic", "/topics/", "/mqtt", "/mqtt/", "/mqtt/hall-1/topic"):
            assert camera.call("POST", path, "{}")[0] == 404


def give(aws, *statements):
    """Put statements in place of the cameras' policy."""
    aws.client("iot").create_policy_version(
        policyName="camera", policyDocument=document(*statements), setAsDefault=True
    )


class TestMqtt:
    def test_a_camera_connects_as_itself_only(self, aws, camera, keys):
        Camera(aws, keys, "hall-2")
        assert camera.connect() == 200
        for client_id in (
            "hall-2",
            "hall-12",
            "hall-1%2F",
            "nobody",
            "%2A",
            "%24%7Biot:ClientId%7D",
        ):
            assert camera.connect(client_id) == 403

    def test_a_camera_publishes_about_itself_only(self, aws, camera):
        make_rule(aws)
        assert camera.publish("facepipe/hall-1/health", {"fps": 1, "ok": 1}) == 200
        assert camera.publish("facepipe/hall-2/health", {"fps": 1, "ok": 1}) == 403
        assert camera.publish("facepipe/hall-1/other", {"fps": 1, "ok": 1}) == 403
        assert charted(aws) == ["fps hall-1 hall-1"]

    def test_without_a_connection_nothing_is_published(self, aws, camera):
        make_rule(aws)
        give(aws, {"Action": "iot:Publish", "Resource": "*"})
        assert camera.connect() == 403
        assert camera.publish("facepipe/hall-1/health", {"fps": 1, "ok": 1}) == 403
        assert charted(aws) == []

    def test_a_thing_must_have_the_certificate(self, aws, camera):
        aws.client("iot").detach_thing_principal(thingName="hall-1", principal=camera.arn)
        assert camera.connect() == 403

    def test_the_client_id_tells_which_of_its_things_a_certificate_is(self, aws, camera):
        iot = aws.client("iot")
        iot.create_thing(thingName="hall-2")
        iot.attach_thing_principal(thingName="hall-2", principal=camera.arn)
        for name, other in (("hall-1", "hall-2"), ("hall-2", "hall-1")):
            assert camera.connect(name) == 200
            assert camera.publish(f"facepipe/{name}/health", {}, name) == 200
            assert camera.publish(f"facepipe/{other}/health", {}, name) == 403

    def test_a_client_id_that_is_no_thing_is_a_variable_still(self, aws, camera):
        give(
            aws,
            {"Action": "iot:Connect", "Resource": f"{IOT}:client/probe"},
            {"Action": "iot:Publish", "Resource": f"{IOT}:topic/${{iot:ClientId}}"},
        )
        assert camera.connect("probe") == 200
        assert camera.publish("probe", {}, "probe") == 200
        assert camera.publish("hall-1", {}, "probe") == 403

    def test_what_is_retained_needs_leave_of_its_own(self, aws, camera):
        topic = f"{IOT}:topic/facepipe/${{iot:Connection.Thing.ThingName}}/status"
        retain = {"Action": "iot:RetainPublish", "Resource": topic}
        for actions, kept, passed in (
            ([], 403, 403),
            (["iot:Publish"], 403, 200),
            (["iot:RetainPublish"], 403, 403),
            (["iot:Publish", "iot:RetainPublish"], 200, 200),
        ):
            give(aws, POLICY[0], *[{**retain, "Action": action} for action in actions])
            assert camera.publish("facepipe/hall-1/status?retain=true", {}) == kept
            assert camera.publish("facepipe/hall-1/status", {}) == passed
            assert camera.connect("hall-1?will=facepipe/hall-1/status") == kept
        assert camera.publish("facepipe/hall-2/status?retain=true", {}) == 403
        assert camera.connect("hall-1?will=facepipe/hall-2/status") == 403
        assert camera.connect() == 200

    @pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
    def test_a_certificate_must_be_active(self, aws, camera, status):
        aws.client("iot").update_certificate(certificateId=camera.certificate_id, newStatus=status)
        assert camera.connect() == 403
        assert camera.publish("facepipe/hall-1/health", {}) == 403


class TestHttps:
    def test_what_only_a_connection_knows_is_unknown(self, aws, camera):
        make_rule(aws)
        publish = {"Action": "iot:Publish", "Resource": f"{IOT}:topic/facepipe/*"}
        assert camera.publish_by_https("facepipe/hall-1/health", {"fps": 1, "ok": 1}) == 403
        for variable in ("iot:ClientId", "iot:Connection.Thing.ThingName"):
            give(aws, {**publish, "Resource": f"{IOT}:topic/facepipe/${{{variable}}}/health"})
            assert camera.publish_by_https("facepipe/hall-1/health", {"fps": 1, "ok": 1}) == 403
        for value in ("true", "false"):
            attached = {"Bool": {"iot:Connection.Thing.IsAttached": value}}
            give(aws, {**publish, "Condition": attached})
            assert camera.publish_by_https("facepipe/hall-1/health", {"fps": 1, "ok": 1}) == 403
        assert charted(aws) == []

    def test_a_policy_without_variables_allows(self, aws, camera):
        make_rule(aws)
        give(aws, {"Action": "iot:Publish", "Resource": f"{IOT}:topic/facepipe/hall-1/health"})
        assert camera.publish_by_https("facepipe/hall-1/health", {"fps": 1, "ok": 1}) == 200
        assert camera.publish_by_https("facepipe/hall-2/health", {"fps": 1, "ok": 1}) == 403
        assert charted(aws) == ["fps hall-1 hall-1"]


CSR = """-----BEGIN CERTIFICATE REQUEST-----
MIHQMHgCAQAwFjEUMBIGA1UEAwwLZGVlcGxlbnMtMDEwWTATBgcqhkjOPQIBBggq
hkjOPQMBBwNCAASjEDROq26n/PML2HKbBZ7NtY5JWo13YHvNDgm7ffqQOFMwrXr+
9jMyI4p8WNIZExmr7Tr1hEAyb+4as9xdX5B3oAAwCgYIKoZIzj0EAwIDSAAwRQIh
AJKJVcwOvUo6AcYcSEx8sQRCx//FJur5Di4zaPYgfvsEAiAzM4qRQf7VWuGVvp9Y
aquWBmuq5dK/ZyVzi9+k2QybuQ==
-----END CERTIFICATE REQUEST-----
"""


@gap
def test_a_certificate_has_the_key_of_its_csr(aws):
    made = aws.client("iot").create_certificate_from_csr(certificateSigningRequest=CSR)
    certificate = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    asked = x509.load_pem_x509_csr(CSR.encode())
    assert certificate.public_key() == asked.public_key()
    assert certificate.subject == asked.subject


@gap
def test_a_malformed_csr_is_refused(aws):
    create = aws.client("iot").create_certificate_from_csr
    for text in ("none", CSR.replace("MIHQ", "MIHR"), CSR.replace("+k2Qy", "+k2Qz")):
        code = refusal(create, certificateSigningRequest=text)
        assert code == "InvalidRequestException"


@gap
def test_a_key_that_iot_makes_is_that_of_its_certificate(aws):
    made = aws.client("iot").create_keys_and_certificate(setAsActive=True)
    certificate = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    key = load_pem_private_key(made["keyPair"]["PrivateKey"].encode(), None)
    assert certificate.public_key() == key.public_key()
    ca = x509.load_pem_x509_certificate(aws.ca_file.read_bytes())
    certificate.verify_directly_issued_by(ca)


@gap
def test_the_endpoints_are_where_the_emulator_is(aws):
    iot = aws.client("iot")
    for kind in ("iot:CredentialProvider", "iot:Data-ATS"):
        found = iot.describe_endpoint(endpointType=kind)["endpointAddress"]
        assert f"https://{found}" == aws.device_url


@gap
def test_tags(aws):
    iot = aws.client("iot")
    tags = [{"Key": "Project", "Value": "facepipe"}]
    arn = iot.create_policy(policyName="p", policyDocument="{}", tags=tags)["policyArn"]
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == tags
    iot.tag_resource(resourceArn=arn, tags=[{"Key": "More", "Value": "1"}])
    iot.untag_resource(resourceArn=arn, tagKeys=["Project"])
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "More", "Value": "1"}]


@gap
def test_tags_of_a_rule(aws):
    iot = aws.client("iot")
    rule = {"sql": "SELECT * FROM 'a'", "actions": []}
    iot.create_topic_rule(ruleName="r", topicRulePayload=rule, tags="a=1&b=")
    tags = iot.list_tags_for_resource(resourceArn=f"{IOT}:rule/r")["tags"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]


# Rules

HEALTH = {
    "sql": "SELECT fps, topic(2) AS camera FROM 'facepipe/+/health' WHERE fps >= 0 AND ok = 1",
    "actions": [
        {
            "cloudwatchMetric": {
                "roleArn": f"arn:aws:iam::{ACCOUNT}:role/health",
                "metricNamespace": "Facepipe/Cameras",
                "metricName": "fps ${topic(2)} ${camera}",
                "metricValue": "${fps}",
                "metricUnit": "Count/Second",
            }
        }
    ],
    "errorAction": {
        "cloudwatchLogs": {
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/health",
            "logGroupName": "errors",
        }
    },
}


def make_rule(aws, namespace="Facepipe/Cameras", **changes):
    condition = {"StringEquals": {"cloudwatch:namespace": namespace}}
    make_role(
        aws,
        "health",
        "iot.amazonaws.com",
        {"Action": "cloudwatch:PutMetricData", "Resource": "*", "Condition": condition},
        {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
    )
    aws.client("logs").create_log_group(logGroupName="errors")
    aws.client("iot").create_topic_rule(ruleName="health", topicRulePayload={**HEALTH, **changes})
    aws.enforce_iam()


def send(aws, topic, **message):
    aws.client("iot-data").publish(topic=topic, payload=json.dumps(message))


def charted(aws):
    found = aws.client("cloudwatch").list_metrics(Namespace="Facepipe/Cameras")["Metrics"]
    return [metric["MetricName"] for metric in found]


def errors(aws):
    return aws.client("logs").filter_log_events(logGroupName="errors")["events"]


@gap
def test_a_message_becomes_a_metric(aws):
    make_rule(aws)
    send(aws, "facepipe/hall-1/health", fps=12.5, ok=1)
    assert charted(aws) == ["fps hall-1 hall-1"]
    now = datetime.now(timezone.utc)
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace="Facepipe/Cameras",
        MetricName="fps hall-1 hall-1",
        Period=60,
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Statistics=["Sum"],
    )
    assert [point["Sum"] for point in found["Datapoints"]] == [12.5]


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("facepipe/hall-1/other", {"fps": 1, "ok": 1}),
        ("facepipe/hall-1/x/health", {"fps": 1, "ok": 1}),
        ("facepipe/hall-1/health", {"fps": -1, "ok": 1}),
        ("facepipe/hall-1/health", {"fps": 1, "ok": 0}),
        ("facepipe/hall-1/health", {"ok": 1}),
        ("facepipe/hall-1/health", {"fps": "1", "ok": 1}),
    ],
)
def test_a_message_that_the_rule_is_not_about(aws, topic, message):
    make_rule(aws)
    send(aws, topic, **message)
    assert charted(aws) == errors(aws) == []


def test_a_rule_can_do_no_more_than_its_role(aws):
    make_rule(aws, namespace="Other")
    send(aws, "facepipe/hall-1/health", fps=1, ok=1)
    assert charted(aws) == []
    (event,) = errors(aws)
    assert "may not put metrics of Facepipe/Cameras" in event["message"]


def test_a_value_that_is_no_number_is_an_error(aws):
    make_rule(aws, sql="SELECT * FROM 'facepipe/#'")
    send(aws, "facepipe/hall-1/health", fps="fast")
    assert charted(aws) == []
    assert len(errors(aws)) == 1


def test_a_disabled_rule_does_nothing(aws):
    make_rule(aws, ruleDisabled=True)
    send(aws, "facepipe/hall-1/health", fps=1, ok=1)
    assert charted(aws) == []


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM 'a' WHERE x = 'y'", "SELECT upper(x) FROM 'a'", "SELECT *"]
)
def test_sql_that_is_not_understood_is_lacking(emulator, sql):
    emulator.enforce_iam(on=False)
    emulator.reset()
    make_rule(emulator, sql=sql)
    publish = emulator.client("iot-data").publish
    assert refusal(publish, topic="a", payload=b"{}") == "NotImplementedException"
