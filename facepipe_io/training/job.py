"""What SageMaker is asked for: a training job, or a tuning job that starts many of them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Callable, Mapping

import attrs

from facepipe_io.errors import SettingsError
from facepipe_io.training import algorithm
from facepipe_io.training.uploaded import DataSet

#: The longest names that SageMaker takes (CreateTrainingJob, CreateHyperParameterTuningJob).
MAX_TRAINING_NAME, MAX_TUNING_NAME = 63, 32

#: Where models go, in the bucket of the data set; a job's own is below it, at JOB/output/.
OUTPUT_PREFIX = "training"

_PREFIX = "deeplens-"  # AWS DeepLens demanded it; the stack's policies go by it
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
# The walkthrough's: the learning rate falls after these epochs of 50.
_STEPS, _STEPS_OF = (5, 10, 25, 40), 50
_MIN_LABEL_WIDTH = 50  # the walkthrough's, enough for nine boxes a picture
_TAGS = [{"Key": "facepipe", "Value": "train"}]
_VOLUME_GB = 50  # the model alone: pictures come by Pipe, and are not kept


@attrs.frozen
class Plan:
    """How to train.

    Attributes:
        role: ARN of the role that SageMaker takes on.
        region: where.
        name: of the model, part of the job's; the data set's where None.
        instance_type: one of `algorithm.GPUS`.
        epochs: how often all pictures are looked at.
        hyperparameters: those that differ from the defaults.
        image: another container image than AWS's own.
        kms_key: ARN of the key that encrypts the model; None for S3's own.
        max_hours: after which SageMaker ends a job, whatever it has.
        bucket: the only one that the role may read; None where that is not known.
    """

    role: str
    region: str
    name: str | None = None
    instance_type: str = "ml.g4dn.xlarge"
    epochs: int = 50
    hyperparameters: Mapping[str, str] = attrs.field(factory=dict)
    image: str | None = None
    kms_key: str | None = None
    max_hours: float = 6
    bucket: str | None = None


def job_name(name: str, at: datetime, longest: int = MAX_TRAINING_NAME) -> str:
    """Name a job after its model and the time, so that no two have one name.

    Args:
        name: of the model; what SageMaker's names cannot hold becomes a hyphen.
        at: the time, in UTC.
        longest: how long it may be, 32 characters at least; the model's name is cut.

    Raises:
        ValueError: when the name has no letter and no digit.

    Example:
        >>> job_name("soda bottles!", datetime(2026, 11, 20, 9, 30, 5))
        'deeplens-soda-bottles-20261120-093005'
    """
    time = format(at, "%Y%m%d-%H%M%S" if longest >= MAX_TRAINING_NAME else "%y%m%d%H%M%S")
    kept = re.sub("[^a-zA-Z0-9]+", "-", name).strip("-")
    if not kept:
        raise ValueError(f"the name must have a letter or a digit, which {name!r} has not")
    kept = kept[len(_PREFIX) :] if kept.startswith(_PREFIX) else kept
    room = longest - len(_PREFIX) - len(time) - 1
    return f"{_PREFIX}{kept[:room].strip('-')}-{time}"


def hyperparameters(data_set: DataSet, plan: Plan) -> dict[str, str]:
    """All of a job's, the walkthrough's where nobody said otherwise.

    Raises:
        SettingsError: with one sentence for each that makes no sense.
    """
    wrong = algorithm.hyperparameter_problems(plan.hyperparameters)
    problems = list(wrong.values())
    if plan.epochs < 1:
        problems.append(f"--epochs must be 1 or more, not {plan.epochs}")
    epochs = max(1, plan.epochs)
    label_width = algorithm.LABEL_HEADER + algorithm.LABEL_PER_BOX * data_set.most_boxes
    steps = {round(step * epochs / _STEPS_OF) for step in _STEPS}
    values = {
        "base_network": "resnet-50",
        "use_pretrained_model": "1",
        "num_training_samples": str(data_set.training),
        "image_shape": str(data_set.side),
        "num_classes": str(len(data_set.classes)),
        "label_width": str(max(_MIN_LABEL_WIDTH, label_width)),
        "optimizer": "sgd",
        "learning_rate": "0.0005",
        "mini_batch_size": str(min(16, data_set.training)),
        "epochs": str(epochs),
        "lr_scheduler_step": ",".join(str(step) for step in sorted(steps) if 0 < step < epochs),
        # What is wrong counts as not given, so that the rest is looked at too.
        **{k: v for k, v in plan.hyperparameters.items() if k not in wrong},
    }
    batch, gpus = int(values["mini_batch_size"]), algorithm.GPUS.get(plan.instance_type, 1)
    if batch > data_set.training:
        problems.append(
            f"mini_batch_size must be at most {data_set.training}, the pictures that there are to "
            f"train on, not {batch}"
        )
    if batch < gpus:
        problems.append(
            f"mini_batch_size must be {gpus} or more on {plan.instance_type}, which shares each "
            f"batch among {gpus} GPUs, not {batch}"
        )
    if int(values["label_width"]) < label_width:
        problems.append(
            f"label_width must be {label_width} or more for a picture with {data_set.most_boxes} "
            f"boxes, not {values['label_width']}"
        )
    last = max(algorithm.epoch_steps(values["lr_scheduler_step"]), default=0)
    if last >= epochs:
        problems.append(f"lr_scheduler_step must end before epoch {epochs}, not at {last}")
    if problems:
        raise SettingsError(problems)
    return values


def training_request(data_set: DataSet, plan: Plan, at: datetime) -> dict[str, Any]:
    """What CreateTrainingJob is asked.

    Args:
        data_set: what to train on.
        plan: how.
        at: the time, in UTC, for the name.

    Raises:
        SettingsError: with one sentence for each thing that SageMaker would refuse, or fail over.
    """
    values, name, common = _checked(data_set, plan, at, MAX_TRAINING_NAME)
    return {"TrainingJobName": name, "HyperParameters": values, **common, "Tags": _TAGS}


def tuning_request(data_set: DataSet, plan: Plan, at: datetime, jobs: int = 30) -> dict[str, Any]:
    """What CreateHyperParameterTuningJob is asked.

    Args:
        data_set: what to train on.
        plan: how.
        at: the time, in UTC, for the name.
        jobs: how many training jobs it starts, one after another.

    Raises:
        SettingsError: with one sentence for each thing that SageMaker would refuse, or fail over.
    """
    tuned = ("learning_rate", "optimizer")
    told = [name for name in tuned if name in plan.hyperparameters]
    problems = [f"{name} is what --tune tries: leave it out" for name in told]
    if jobs < 1:
        problems.append(f"--jobs must be 1 or more, not {jobs}")
    values, name, common = _checked(data_set, plan, at, MAX_TUNING_NAME, problems)
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {
                "Type": "Maximize",
                "MetricName": "validation:mAP",
            },
            # One at a time: a job is stopped early by what those before it had come to.
            "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": 1},
            "TrainingJobEarlyStoppingType": "Auto",
            "ParameterRanges": {
                # Logarithmic, as rates matter by their ratio: nine in ten tries on a linear scale
                # would be above 0.001.
                "ContinuousParameterRanges": [
                    {
                        "Name": "learning_rate",
                        "MinValue": "0.0001",
                        "MaxValue": "0.01",
                        "ScalingType": "Logarithmic",
                    }
                ],
                "CategoricalParameterRanges": [
                    {"Name": "optimizer", "Values": list(algorithm.OPTIMIZERS)}
                ],
            },
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {k: v for k, v in values.items() if k not in tuned},
            **common,
        },
        "Tags": _TAGS,
    }


def _checked(
    data_set: DataSet, plan: Plan, at: datetime, longest: int, problems: list[str] | None = None
) -> tuple[dict[str, str], str, dict[str, Any]]:
    """Hyperparameters, name, and what both kinds of request have."""
    problems = list(problems or [])

    def tried(make: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return make()
        except SettingsError as error:
            problems.extend(error.problems)
        except ValueError as error:
            problems.append(str(error))
        return otherwise

    values = tried(lambda: hyperparameters(data_set, plan), {})
    name = tried(lambda: job_name(plan.name or data_set.name, at, longest), "")
    image = tried(lambda: algorithm.training_image(plan.region, plan.image), "")
    tried(lambda: algorithm.check_instance_type(plan.instance_type), None)
    if _ROLE.fullmatch(plan.role) is None:
        problems.append(f"--role must be the ARN of a role, not {plan.role!r}")
    if not 0 < plan.max_hours <= 28 * 24:  # "Amazon SageMaker endpoints and quotas"
        problems.append(f"--max-hours must be more than 0 and at most 672, not {plan.max_hours:g}")
    if plan.bucket not in (None, data_set.bucket):
        problems.append(
            f"the data set is in the bucket {data_set.bucket}, but Terraform's role may read "
            f"{plan.bucket} alone: upload it there, or give another --role"
        )
    elif plan.bucket and not data_set.prefix.startswith("datasets/"):
        problems.append(
            f"the data set is under {data_set.prefix}/, but Terraform's role may read datasets/ "
            "alone: upload it there, or give another --role"
        )
    if problems:
        raise SettingsError(problems)
    return values, name, _common(data_set, plan, image)


def _common(data_set: DataSet, plan: Plan, image: str) -> dict[str, Any]:
    output = {"S3OutputPath": f"s3://{data_set.bucket}/{OUTPUT_PREFIX}/"}
    resources: dict[str, Any] = {
        "InstanceType": plan.instance_type,
        "InstanceCount": 1,
        "VolumeSizeInGB": _VOLUME_GB,
    }
    if plan.kms_key:
        output["KmsKeyId"] = plan.kms_key
        # The disks that G4dn and G5 bring along are encrypted by their hardware, and AWS takes no
        # key for an instance that has one (ResourceConfig, VolumeKmsKeyId).
        if plan.instance_type.startswith("ml.p3."):
            resources["VolumeKmsKeyId"] = plan.kms_key
    # Not isolated from the network: AWS names no obstacle, neither Pipe nor this algorithm, but
    # does not say either whether the pretrained network is in the image or is fetched.
    return {
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "Pipe"},
        "RoleArn": plan.role,
        "InputDataConfig": [_channel(data_set, name) for name in ("train", "validation")],
        "OutputDataConfig": output,
        "ResourceConfig": resources,
        "StoppingCondition": {"MaxRuntimeInSeconds": max(1, round(plan.max_hours * 3600))},
    }


def _channel(data_set: DataSet, name: str) -> dict[str, Any]:
    return {
        "ChannelName": name,
        "InputMode": "Pipe",
        "ContentType": "application/x-recordio",
        "RecordWrapperType": "RecordIO",
        "CompressionType": "None",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "AugmentedManifestFile",
                "S3DataDistributionType": "FullyReplicated",
                "S3Uri": f"s3://{data_set.bucket}/{data_set.prefix}/{name}.manifest",
                "AttributeNames": ["source-ref", data_set.attribute],
            }
        },
    }
