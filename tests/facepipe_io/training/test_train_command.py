"""`facepipe train`: what a person types and is told."""

from __future__ import annotations

import json
import re

import boto3
import click
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from click.testing import CliRunner

from facepipe.errors import FacepipeError
from facepipe_io.training.commands.train import train
from tests.facepipe_io.training.conftest import REGION, ROLE

KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"


@pytest.fixture
def outputs(tmp_path):
    """What `terraform output -json` says of a stack that may train."""
    values = {
        "region": REGION,
        "bucket": "deeplens-faces",
        "role_alias": "deeplens-camera",
        "credentials_endpoint": "c1.credentials.iot.eu-west-1.amazonaws.com",
        "messages_endpoint": "a1-ats.iot.eu-west-1.amazonaws.com",
        "camera_certificates": {},
        "training_role_arn": ROLE,
        "kms_key_arn": None,
    }
    path = tmp_path / "outputs.json"

    def write(**changed):
        told = {name: {"value": value} for name, value in {**values, **changed}.items()}
        path.write_text(json.dumps(told))

    write()
    write.path = path
    return write


@pytest.fixture
def run(folder, monkeypatch):
    """Types `facepipe train`, with what the whole command does about known errors."""
    monkeypatch.chdir(folder.path.parent)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder.path / "none"))

    @click.group()
    def main():
        pass

    main.add_command(train)

    def typed(*words):
        result = CliRunner().invoke(main, ["train", *(str(word) for word in words)])
        if isinstance(result.exception, FacepipeError):
            return result
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return typed


def test_a_job_is_started_and_how_to_follow_it_told(run, outputs, account):
    result = run("bottles", "--outputs", outputs.path)
    job = result.stdout.strip()
    assert re.fullmatch("deeplens-bottles-[0-9]{8}-[0-9]{6}", job)
    found = account.sagemaker.describe_training_job(TrainingJobName=job)
    assert found["RoleArn"] == ROLE
    assert found["HyperParameters"]["num_training_samples"] == "64"
    assert found["OutputDataConfig"]["S3OutputPath"] == "s3://deeplens-faces/training/"
    tags = account.sagemaker.list_tags(ResourceArn=found["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "facepipe", "Value": "train"}]
    assert "This costs money: one job on ml.g4dn.xlarge, for 6 hours at most" in result.stderr
    assert f"facepipe train --follow {job} --region eu-west-1" in result.stderr


def test_watched_it_ends_with_the_model(run, outputs, account):
    result = run("bottles", "--outputs", outputs.path, "--watch", "--name", "big bottles")
    model = result.stdout.strip()
    assert re.fullmatch(
        r"s3://deeplens-faces/training/deeplens-big-bottles-[0-9-]+/output/model\.tar\.gz", model
    )
    assert f"Following {model.split('/')[4]}; Ctrl-C leaves it running.\nCompl" in result.stderr


def test_a_job_is_followed_later(run, account):
    job = account.start()
    account.log(job, "#quality_metric: host=algo-1, epoch=7, validation mAP <score>=(0.5)")
    result = run("--follow", job, "--region", REGION)
    assert result.stdout.endswith(f"/training/{job}/output/model.tar.gz\n")
    assert "Completed  epoch 7: mAP 0.500  best 0.500 (epoch 7)  █" in result.stderr
    assert "Best mAP on the validation pictures: 0.5000" in result.stderr


def test_a_tuning_job_is_started(run, outputs, account):
    outputs(kms_key_arn=KEY)
    result = run("bottles", "--outputs", outputs.path, "--tune", "--jobs", "40")
    assert "40 jobs one after another, each on ml.g4dn.xlarge" in result.stderr
    found = account.sagemaker.describe_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=result.stdout.strip()
    )
    limits = found["HyperParameterTuningJobConfig"]["ResourceLimits"]
    assert limits["MaxNumberOfTrainingJobs"] == 40
    assert found["TrainingJobDefinition"]["OutputDataConfig"]["KmsKeyId"] == KEY


def test_a_followed_tuning_job_ends_with_what_it_found(run, account):
    account.start()
    best = {
        "TrainingJobName": "deeplens-bottles-1",
        "TunedHyperParameters": {"optimizer": "adam", "learning_rate": "0.001"},
        "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "m", "Value": 0.75},
    }
    job = account.start_tuning(best_training_job=best)
    result = run("--follow", job, "--region", REGION)
    assert result.stdout.endswith("/deeplens-bottles-1/output/model.tar.gz\n")
    assert "Found by deeplens-bottles-1: learning_rate=0.001, optimizer=adam" in result.stderr


@pytest.mark.parametrize("tune", [[], ["--tune"]])
def test_a_dry_run_prints_the_request_and_sends_nothing(run, outputs, account, tune):
    words = ["--set", "mini_batch_size=8", "--epochs", "10", "--max-hours", "0.5", "--dry-run"]
    result = run("bottles", "--outputs", outputs.path, *tune, *words)
    request = json.loads(result.stdout)
    definition = request.get("TrainingJobDefinition", request)
    values = definition.get("StaticHyperParameters") or definition["HyperParameters"]
    assert (values["mini_batch_size"], values["epochs"]) == ("8", "10")
    assert definition["StoppingCondition"] == {"MaxRuntimeInSeconds": 1800}
    assert account.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    found = account.sagemaker.list_hyper_parameter_tuning_jobs()
    assert found["HyperParameterTuningJobSummaries"] == []


def test_with_a_role_terraform_is_not_asked(run, monkeypatch):
    monkeypatch.setenv("PATH", "")
    result = run("bottles", "--role", ROLE, "--region", "us-east-2", "--dry-run")
    image = json.loads(result.stdout)["AlgorithmSpecification"]["TrainingImage"]
    assert image.startswith("825641698319.dkr.ecr.us-east-2.")
    assert "name the region with --region" in str(run("bottles", "--role", ROLE).exception)


def test_a_role_of_ones_own_may_read_elsewhere(run, folder, outputs):
    folder.change(uploaded_to="s3://my-own/bottles")
    words = ["bottles", "--outputs", outputs.path, "--dry-run"]
    assert "Terraform's role may read deeplens-faces alone" in str(run(*words).exception)
    request = json.loads(run(*words, "--role", ROLE).stdout)
    assert request["OutputDataConfig"]["S3OutputPath"] == "s3://my-own/training/"


def test_a_stack_is_where_it_is(run, outputs):
    result = run("bottles", "--outputs", outputs.path, "--region", "us-east-1")
    assert "Terraform built the stack in eu-west-1: leave --region out" in str(result.exception)


def test_a_stack_that_may_not_train_is_told_of(run, outputs):
    outputs(training_role_arn=None)
    result = run("bottles", "--outputs", outputs.path)
    assert "set `training = true` and apply, or --role" in str(result.exception)


@pytest.fixture
def refuse(monkeypatch):
    """Lets an operation of SageMaker's fail; gives what ends that."""
    made = boto3.client

    def refuse(operation, error):
        failing = [True]

        def fail(**_):
            if failing:
                raise error

        def client(service, **more):
            found = made(service, **more)
            found.meta.events.register(f"before-call.sagemaker.{operation}", fail)
            return found

        monkeypatch.setattr("boto3.client", client)
        return failing.clear

    return refuse


def test_what_aws_refuses_is_told(run, outputs, account, refuse):
    refuse("CreateTrainingJob", NoCredentialsError())
    result = run("bottles", "--outputs", outputs.path)
    assert "it was not started: Unable to locate credentials" in str(result.exception)


def test_ctrl_c_leaves_the_job_running(run, account, monkeypatch):
    job = account.start(training_job_status="InProgress", secondary_status="Training")

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    result = run("--follow", job, "--region", REGION)
    assert result.exit_code == 130
    assert f"The job goes on. To follow it again: facepipe train --follow {job}" in result.stderr
    found = account.sagemaker.describe_training_job(TrainingJobName=job)
    assert found["TrainingJobStatus"] == "InProgress"


def test_a_trouble_is_told_once(run, account, refuse, monkeypatch):
    job = account.start()
    mended = refuse("DescribeTrainingJob", EndpointConnectionError(endpoint_url="https://aws"))
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            mended()

    monkeypatch.setattr("time.sleep", sleep)
    result = run("--follow", job, "--region", REGION)
    assert result.exit_code == 0
    assert " ".join(result.stderr.split()).count("AWS does not answer for now") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name the data set's folder, DIR, or a job to --follow"),
        (["bottles", "--follow", "job"], "--follow takes the name of a job, and no DIR besides"),
        (["bottles", "--role", ROLE, "--region", REGION, "--set", "epochs"], "takes NAME=VALUE"),
    ],
)
def test_what_does_not_fit_together_is_a_mistake_of_use(run, words, told):
    result = run(*words)
    assert result.exit_code == 2
    assert told in result.stderr


def test_help_has_an_example(run):
    assert "facepipe train bottles --watch" in run("--help").stdout.partition("Examples")[2]
