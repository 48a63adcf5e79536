"""An uploaded data set's folder, and an account in which jobs train on it."""

from __future__ import annotations

import json
import time
from datetime import datetime

import attrs
import boto3
import pytest
from moto import mock_aws
from moto.sagemaker.models import sagemaker_backends

from facepipe_io.training.job import Plan, training_request, tuning_request
from facepipe_io.training.uploaded import DataSet

REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/deeplens-training"
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
DATA_SET = DataSet(
    "deeplens-faces", "datasets/bottles", 512, ("bottle", "can"), "labels", 64, 16, most_boxes=5
)


@attrs.frozen
class Folder:
    """A data set's folder.

    Attributes:
        path: where it is.
    """

    path: object

    def change(self, **changed):
        """Change what its dataset.json says; a value of ... takes one out."""
        place = self.path / "dataset.json"
        told = {**json.loads(place.read_text()), **changed}
        place.write_text(json.dumps({k: v for k, v in told.items() if v is not ...}))


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "bottles"
    path.mkdir()
    for name, count in (("train", 64), ("validation", 16)):
        lines = [json.dumps({"source-ref": f"s3://b/{n}.jpg", "labels": {}}) for n in range(count)]
        (path / f"{name}.manifest").write_text("\n".join(lines) + "\n")
    told = {
        "version": 1,
        "side": 512,
        "classes": ["bottle", "can"],
        "attribute": "labels",
        "train": {"images": 64, "boxes": 80},
        "validation": {"images": 16, "boxes": 20},
        "most_boxes": 5,
        "uploaded_to": "s3://deeplens-faces/datasets/bottles",
    }
    (path / "dataset.json").write_text(json.dumps(told))
    return Folder(path)


@attrs.define
class Account:
    """moto's SageMaker, in which jobs end at once unless their status is set.

    Attributes:
        sagemaker: boto3's client.
        logs: boto3's client.
    """

    sagemaker: object
    logs: object

    def start(self, name="deeplens-bottles-1", **changed):
        """Start a training job, and say how it goes."""
        request = training_request(DATA_SET, Plan(ROLE, REGION), datetime(2026, 11, 20))
        self.sagemaker.create_training_job(**{**request, "TrainingJobName": name})
        self.set(name, **changed)
        return name

    def start_tuning(self, **changed):
        """Start a tuning job, and say how it goes."""
        request = tuning_request(DATA_SET, Plan(ROLE, REGION), datetime(2026, 11, 20))
        self.sagemaker.create_hyper_parameter_tuning_job(**request)
        name = request["HyperParameterTuningJobName"]
        self.set_tuning(name, **changed)
        return name

    def set(self, name, **changed):
        """Set what moto tells of a training job."""
        job = self._backend.training_jobs[name]
        for attribute, value in changed.items():
            assert hasattr(job, attribute) or attribute == "failure_reason"
            setattr(job, attribute, value)

    def set_tuning(self, name, **changed):
        """Set what moto tells of a tuning job."""
        job = self._backend.hyper_parameter_tuning_jobs[name]
        for attribute, value in changed.items():
            assert hasattr(job, attribute)
            setattr(job, attribute, value)

    def log(self, job, *lines, at=0):
        """Write into a job's log, as SageMaker does."""
        if not self.logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]:
            self.logs.create_log_group(logGroupName=LOG_GROUP)
        stream = f"{job}/algo-1-1700000000"
        streams = self.logs.describe_log_streams(logGroupName=LOG_GROUP)["logStreams"]
        if stream not in [found["logStreamName"] for found in streams]:
            self.logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        now = int(time.time() * 1000)
        self.logs.put_log_events(
            logGroupName=LOG_GROUP,
            logStreamName=stream,
            logEvents=[{"timestamp": now + at, "message": line} for line in lines],
        )

    @property
    def _backend(self):
        return sagemaker_backends["123456789012"][REGION]


@pytest.fixture(scope="session")
def session():
    """One for all tests: it reads boto3's description of SageMaker, which takes a while."""
    return boto3.Session("testing", "testing", region_name=REGION)


@pytest.fixture
def account(session, monkeypatch):
    with mock_aws():
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
        yield Account(session.client("sagemaker"), session.client("logs"))
