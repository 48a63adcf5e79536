"""The stack on the emulator, and what can be said of it at each step of its life."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
import zipfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
from botocore.exceptions import ClientError

from facepipe.emotions import FaceEmotions, filter_emotions, largest_face
from facepipe.images import decode_image
from facepipe.records import ScoredCrop, from_item, metric_data
from tests.emulator import Emulator
from tests.emulator.shims.rekognition import EmulatedScorer
from tests.rehearsal.cameras import Camera
from tests.rehearsal.cloudwatch import CloudWatch
from tests.rehearsal.dashboard import assert_all_shown, read
from tests.rehearsal.dashboard_picture import draw
from tests.rehearsal.people import who_is_on
from tests.rehearsal.terraform import ROOT, Terraform

DATA = Path(os.environ.get("FACEPIPE_DATA", ROOT.parent / "shared" / "data"))
#: What finds faces where it is there; else OpenCV's own cascade.
MODEL = DATA / "models" / "face_detection_yunet_2023mar.onnx"

#: Two, so that one can try what belongs to the other.
CAMERAS = ("hall-1", "hall-2")


@attrs.define
class Stack:
    """The stack of a rehearsal. Steps raise AssertionError when AWS is not as it should be.

    Attributes:
        aws: the emulator.
        terraform: what builds the stack.
        cameras: by name.
        outputs: Terraform's, once it is built.
    """

    aws: Emulator
    terraform: Terraform
    cameras: dict[str, Camera]
    outputs: dict[str, Any] = attrs.Factory(dict)

    @classmethod
    def make(cls, aws: Emulator, folder: Path) -> Stack:
        """Make the cameras' keys, and what is deployed; apply nothing yet."""
        build = [sys.executable, ROOT / "tools" / "build.py", "--out", folder]
        build += ["--model", MODEL] if MODEL.is_file() else []
        subprocess.run(build, check=True, capture_output=True)
        cameras = {name: Camera(name, folder) for name in CAMERAS}
        variables = {
            "cameras": {name: camera.make_key() for name, camera in cameras.items()},
            "scorer_zip": str(folder / "rekognition.zip"),
            "edge_zip": str(folder / "deeplens.zip"),
            "wheel": str(folder / "facepipe-*.whl"),
            "greengrass": {},
            "endpoint": {},
            "endpoint_archive": str(folder / "model.tar.gz"),
            "video": {},
            "feedback": {},
            "training": True,
            "camera_models": True,
        }
        terraform = Terraform(folder / "terraform", aws.environment(), variables)
        return cls(aws, terraform, cameras)

    def build(self) -> None:
        """Apply, and give each camera its certificate."""
        self.terraform.apply()
        self.outputs = self.terraform.outputs()
        for name, certificate in self.outputs["camera_certificates"].items():
            self.cameras[name].install(certificate)

    def assert_nothing_to_do(self) -> None:
        """A second plan must be empty."""
        changes = self.terraform.changes()
        assert not changes, f"Terraform would change what it has just built: {changes}"

    def keys_of(self, name: str) -> Any:
        """Credentials that a camera got with its certificate."""
        return self.cameras[name].credentials(self.aws, self.outputs["role_alias"])

    def run_demo(self, name: str, **settings: str) -> list[str]:
        """Let a camera watch the demo; the keys of the crops that came of it.

        Args:
            name: the camera's.
            settings: more of its environment.
        """
        before = self.crops(name)
        self.cameras[name].run(
            self.aws, self.outputs["role_alias"], self.outputs["bucket"], **settings
        )
        keys = [key for key in self.crops(name) if key not in before]
        assert keys, "the camera put no crops"
        return keys

    def run_demo_in_each_mode(self) -> dict[str, list[str]]:
        """Let cameras watch the demo three times; the keys of crops by where faces are found."""
        cloud = {
            "FACEPIPE_DETECTOR": "sagemaker",
            "FACEPIPE_ENDPOINT": self.outputs["endpoint_name"],
        }
        # The last needs no bucket on the device, so that it is seen to put nothing there itself.
        crops_too = {**cloud, "FACEPIPE_CROP_AT": "endpoint", "FACEPIPE_BUCKET": ""}
        modes = {
            "on the device": ("hall-2", {"FACEPIPE_MODEL": str(MODEL)} if MODEL.is_file() else {}),
            "in the cloud": ("hall-1", cloud),
            "in the cloud, crops too": ("hall-1", crops_too),
        }
        return {mode: self.run_demo(name, **settings) for mode, (name, settings) in modes.items()}

    def see_an_object(self, name: str) -> None:
        """Let a camera put the crop of a bottle, as one with a model for bottles does."""
        key = max(self.crops(name))
        picture = self.aws.client("s3").get_object(Bucket=self.outputs["bucket"], Key=key)
        self.aws.client("s3", self.keys_of(name)).put_object(
            Bucket=self.outputs["bucket"],
            Key=key.replace(".jpg", "-soda bottle.jpg"),
            Body=picture["Body"].read(),
        )
        self.wait_until_scored()

    def assert_dashboard_shows_all(self, picture: Path) -> None:
        """Every line of every widget of the dashboard must have a point.

        Args:
            picture: where to draw it, whatever it shows.
        """
        now, client = datetime.now(timezone.utc), self.aws.client("cloudwatch")
        self.aws.evaluate_alarms(now)
        times = [record.captured_at for record in self.records().values()]
        source = CloudWatch.spanning(client, min(times), max(now, *times))
        name = self.outputs["dashboard_url"].partition("#dashboards:name=")[2]
        body = client.get_dashboard(DashboardName=name)["DashboardBody"]
        widgets = read(body, source)
        draw(widgets, picture, period=source.period)
        assert_all_shown(widgets)

    def visitors(self, keys: list[str]) -> list[str]:
        """Who of the demo is on the crops of one run of it, each once."""
        s3, bucket = self.aws.client("s3"), self.outputs["bucket"]
        crops = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
        return sorted(set(who_is_on(crops).values()))

    def crops(self, camera: str) -> list[str]:
        """Keys of a camera's crops."""
        found = self.aws.client("s3").list_objects_v2(
            Bucket=self.outputs["bucket"], Prefix=f"faces/{camera}/"
        )
        return [entry["Key"] for entry in found.get("Contents", [])]

    def wait_until_scored(self, seconds: float = 120) -> None:
        """Wait until the queue is empty; no message may have become a dead letter."""
        deadline = time.monotonic() + seconds
        while self._messages(self.outputs["queue_url"]):
            assert time.monotonic() < deadline, "the queue does not get empty"
            time.sleep(0.2)
        assert not self._messages(self.outputs["dead_letter_url"]), "there are dead letters"

    def records(self) -> dict[str, ScoredCrop]:
        """All records, by key."""
        items = self.aws.client("dynamodb").scan(TableName=self.outputs["table"])["Items"]
        return {item["s3key"]["S"]: from_item(item) for item in items}

    def emotions_of(self, key: str, min_confidence: float = 10.0) -> FaceEmotions:
        """What should be on record of a crop: the emulator's word on the very picture."""
        found = self.aws.client("s3").get_object(Bucket=self.outputs["bucket"], Key=key)
        response = EmulatedScorer().detect_faces(decode_image(found["Body"].read()))
        face = largest_face(response)
        if face is None:
            return FaceEmotions({})
        kept = filter_emotions(face, min_confidence).scores
        return FaceEmotions({name: round(value, 2) for name, value in kept.items()})

    def assert_records_say_what_was_seen(self, keys: list[str]) -> None:
        """Each crop in which a face was seen has its record, with the emotions of its picture."""
        records = self.records()
        expected = {key: self.emotions_of(key) for key in keys}
        expected = {key: emotions for key, emotions in expected.items() if emotions.dominant}
        assert expected, "no crop has a face"
        assert set(records) == set(expected)
        for key, emotions in expected.items():
            on_record = dict(records[key].emotions.scores)
            assert set(on_record) == set(emotions.scores)
            for name, value in emotions.scores.items():
                assert abs(on_record[name] - value) <= 0.01, (key, name, on_record[name], value)

    def assert_metrics_say_what_was_seen(self) -> None:
        """Every metric of every camera adds up to what the records say."""
        records = list(self.records().values())
        cloudwatch = self.aws.client("cloudwatch")
        expected: dict[tuple[str, str], list[float]] = {}
        for datum in metric_data(records):
            camera = datum.get("Dimensions", [{"Value": ""}])[0]["Value"]
            expected.setdefault((datum["MetricName"], camera), []).append(datum["Value"])
        times = [record.captured_at for record in records]
        for (name, camera), values in expected.items():
            answer = cloudwatch.get_metric_statistics(
                Namespace=self.outputs["namespace"],
                MetricName=name,
                Dimensions=[{"Name": "Camera", "Value": camera}] if camera else [],
                StartTime=min(times) - timedelta(minutes=1),
                EndTime=max(times) + timedelta(minutes=1),
                Period=3600,
                Statistics=["Sum", "SampleCount"],
            )
            points = answer["Datapoints"]
            # A face in which no emotion passed is counted, but has no record.
            counted = sum(point["SampleCount"] for point in points)
            assert counted >= len(values) if name == "FacesScored" else counted == len(values)
            if name != "FacesScored":
                assert abs(sum(point["Sum"] for point in points) - sum(values)) < 0.05, name

    def update_in_place(self) -> dict[str, list[str]]:
        """Change code, a variable, the endpoint's model, and revoke hall-2; what that changed."""
        with zipfile.ZipFile(self.terraform.variables["scorer_zip"], "a") as archive:
            archive.writestr("release.txt", "another release")
        with Path(self.terraform.variables["endpoint_archive"]).open("ab") as model:
            model.write(gzip.compress(b""))
        self.terraform.variables["min_confidence"] = 40
        self.terraform.variables["revoked_cameras"] = ["hall-2"]
        changes = self.terraform.changes()
        assert changes, "Terraform does not see the change"
        # What is made anew before the old one goes takes nothing down: ["create", "delete"].
        rebuilt = {address: what for address, what in changes.items() if what[0] == "delete"}
        assert not rebuilt, f"an update takes down what is running: {rebuilt}"
        self.terraform.apply()
        self.outputs = self.terraform.outputs()
        self.assert_nothing_to_do()
        return changes

    def assert_revoked(self, camera: str) -> None:
        """The camera gets no credentials any more; all others do."""
        for name in self.cameras:
            try:
                self.keys_of(name)
            except PermissionError:
                assert name == camera, f"{name} was not revoked, but gets no credentials"
            else:
                assert name != camera, f"{name} was revoked, but gets credentials"

    def assert_update_is_in_use(self, camera: str) -> None:
        """A crop that is put now is scored with the new threshold."""
        old = self.crops(camera)[0]
        s3 = self.aws.client("s3", self.keys_of(camera))
        picture = self.aws.client("s3").get_object(Bucket=self.outputs["bucket"], Key=old)
        new = old.replace("-0.jpg", "-77.jpg")
        s3.put_object(Bucket=self.outputs["bucket"], Key=new, Body=picture["Body"].read())
        self.wait_until_scored()
        found = self.records().get(new)
        expected = self.emotions_of(new, 40.0)
        assert (found.emotions.dominant if found else None) == expected.dominant
        assert found is None or all(value > 40 for value in found.emotions.scores.values())
        self.assert_endpoint_finds_a_face(camera, old)

    def assert_endpoint_finds_a_face(self, camera: str, key: str) -> None:
        """Asked by a camera about a crop, the endpoint finds somebody."""
        picture = self.aws.client("s3").get_object(Bucket=self.outputs["bucket"], Key=key)
        runtime = self.aws.client("sagemaker-runtime", self.keys_of(camera))
        answer = runtime.invoke_endpoint(
            EndpointName=self.outputs["endpoint_name"],
            Body=picture["Body"].read(),
            ContentType="image/jpeg",
        )
        assert json.load(answer["Body"])["prediction"], f"nobody is found in {key}"

    def assert_nothing_is_left(self) -> None:
        """Destroyed, the account must be empty."""
        assert self.terraform.resources() == []
        client = self.aws.client
        left = {
            "buckets": client("s3").list_buckets()["Buckets"],
            "queues": client("sqs").list_queues().get("QueueUrls", []),
            "tables": client("dynamodb").list_tables()["TableNames"],
            "functions": client("lambda").list_functions()["Functions"],
            "event source mappings": client("lambda").list_event_source_mappings()[
                "EventSourceMappings"
            ],
            "models": client("sagemaker").list_models()["Models"],
            "endpoints": client("sagemaker").list_endpoints()["Endpoints"],
            "endpoint configurations": client("sagemaker").list_endpoint_configs()[
                "EndpointConfigs"
            ],
            "streams": client("kinesisvideo").list_streams()["StreamInfoList"],
            "stacks": client("cloudformation").describe_stacks()["Stacks"],
            "things": client("iot").list_things()["things"],
            "certificates": client("iot").list_certificates()["certificates"],
            "IoT policies": client("iot").list_policies()["policies"],
            "role aliases": client("iot").list_role_aliases()["roleAliases"],
            "topic rules": client("iot").list_topic_rules()["rules"],
            "roles": client("iam").list_roles()["Roles"],
            "policies": client("iam").list_policies(Scope="Local")["Policies"],
            "alarms": client("cloudwatch").describe_alarms()["MetricAlarms"],
            "dashboards": client("cloudwatch").list_dashboards()["DashboardEntries"],
            "log groups": client("logs").describe_log_groups()["logGroups"],
            "topics": client("sns").list_topics()["Topics"],
        }
        assert not any(left.values()), {name: found for name, found in left.items() if found}

    def _messages(self, url: str) -> int:
        try:
            found = self.aws.client("sqs").get_queue_attributes(
                QueueUrl=url, AttributeNames=["All"]
            )
        except ClientError as error:
            raise AssertionError(f"the queue {url} is gone: {error}") from error
        return int(found["Attributes"]["ApproximateNumberOfMessages"]) + int(
            found["Attributes"]["ApproximateNumberOfMessagesNotVisible"]
        )
