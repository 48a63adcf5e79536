from __future__ import annotations

import re
from datetime import datetime, timezone

import attrs
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from facepipe_io.errors import SettingsError, StoreError
from facepipe_io.training import algorithm
from facepipe_io.training.job import (
    MAX_TRAINING_NAME,
    MAX_TUNING_NAME,
    Plan,
    hyperparameters,
    job_name,
    training_request,
    tuning_request,
)
from facepipe_io.training.uploaded import DataSet, read_data_set
from tests.facepipe_io.training.conftest import DATA_SET, ROLE

NOW = datetime(2026, 11, 20, 9, 30, 5, tzinfo=timezone.utc)
SAGEMAKER = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
PLAN = Plan(ROLE, "eu-west-1")
KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def data_sets():
    """Data sets of any size that the algorithm takes."""
    counts = st.integers(1, 100_000)
    return st.builds(
        DataSet,
        bucket=st.just("deeplens-faces"),
        prefix=st.just("datasets/bottles"),
        side=st.sampled_from([300, 480, 512]),
        classes=st.lists(st.text(min_size=1), min_size=1, max_size=5).map(tuple),
        attribute=st.just("labels"),
        training=counts,
        validation=counts,
        most_boxes=st.integers(1, 500),
    )


def refusals(data_set, plan, make=training_request, **more):
    with pytest.raises(SettingsError) as caught:
        make(data_set, plan, NOW, **more)
    return caught.value.problems


def assert_sagemaker_takes(operation, request):
    """The request has the form that boto3's model of SageMaker gives it."""
    shape = SAGEMAKER.operation_model(operation).input_shape
    assert not ParamValidator().validate(request, shape).has_errors()


class TestTrainingRequest:
    def test_it_is_the_walkthroughs(self):
        request = training_request(DATA_SET, PLAN, NOW)
        assert request["HyperParameters"] == {
            "base_network": "resnet-50",
            "use_pretrained_model": "1",
            "num_training_samples": "64",
            "image_shape": "512",
            "num_classes": "2",
            "label_width": "50",
            "optimizer": "sgd",
            "learning_rate": "0.0005",
            "mini_batch_size": "16",
            "epochs": "50",
            "lr_scheduler_step": "5,10,25,40",
        }
        assert request["TrainingJobName"] == "deeplens-bottles-20261120-093005"
        assert request["RoleArn"] == ROLE
        assert request["AlgorithmSpecification"] == {
            "TrainingImage": "685385470294.dkr.ecr.eu-west-1.amazonaws.com/object-detection:1",
            "TrainingInputMode": "Pipe",
        }
        assert request["ResourceConfig"] == {
            "InstanceType": "ml.g4dn.xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 50,
        }
        assert request["OutputDataConfig"] == {"S3OutputPath": "s3://deeplens-faces/training/"}
        assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 21600}

    def test_its_channels_are_the_uploaded_manifests(self):
        channels = training_request(DATA_SET, PLAN, NOW)["InputDataConfig"]
        assert [channel["ChannelName"] for channel in channels] == ["train", "validation"]
        for channel in channels:
            source = channel["DataSource"]["S3DataSource"]
            name = channel["ChannelName"]
            assert source["S3Uri"] == f"s3://deeplens-faces/datasets/bottles/{name}.manifest"
            assert source["S3DataType"] == "AugmentedManifestFile"
            assert source["AttributeNames"] == ["source-ref", "labels"]
            assert channel["InputMode"] == "Pipe"
            assert channel["RecordWrapperType"] == "RecordIO"
            assert channel["ContentType"] == "application/x-recordio"

    @given(data_sets(), st.integers(1, 1000), st.sampled_from([None, KEY]))
    def test_sagemaker_takes_it_whatever_the_data(self, data_set, epochs, key):
        plan = attrs.evolve(PLAN, epochs=epochs, kms_key=key)
        request = training_request(data_set, plan, NOW)
        assert_sagemaker_takes("CreateTrainingJob", request)
        values = request["HyperParameters"]
        assert all(isinstance(value, str) for value in values.values())
        assert 1 <= int(values["mini_batch_size"]) <= data_set.training
        assert int(values["label_width"]) >= 2 + 5 * data_set.most_boxes
        steps = algorithm.epoch_steps(values["lr_scheduler_step"])
        assert all(0 < step < epochs for step in steps)
        assert list(steps) == sorted(set(steps))

    @pytest.mark.parametrize(
        ("epochs", "steps"), [(1, ""), (2, "1"), (10, "1,2,5,8"), (100, "10,20,50,80")]
    )
    def test_the_learning_rate_falls_at_the_same_shares_of_all_epochs(self, epochs, steps):
        values = hyperparameters(DATA_SET, attrs.evolve(PLAN, epochs=epochs))
        assert values["lr_scheduler_step"] == steps

    def test_a_key_encrypts_the_model_and_the_disk_that_has_no_encryption_of_its_own(self):
        request = training_request(DATA_SET, attrs.evolve(PLAN, kms_key=KEY), NOW)
        assert request["OutputDataConfig"]["KmsKeyId"] == KEY
        assert "VolumeKmsKeyId" not in request["ResourceConfig"]
        plan = attrs.evolve(PLAN, kms_key=KEY, instance_type="ml.p3.2xlarge")
        request = training_request(DATA_SET, plan, NOW)
        assert request["ResourceConfig"]["VolumeKmsKeyId"] == KEY

    def test_what_is_set_beats_the_default(self):
        plan = attrs.evolve(PLAN, hyperparameters={"mini_batch_size": "8", "momentum": "0.8"})
        values = training_request(DATA_SET, plan, NOW)["HyperParameters"]
        assert (values["mini_batch_size"], values["momentum"]) == ("8", "0.8")

    def test_all_problems_are_told_together(self):
        plan = Plan(
            role="trainer",
            region="mars-1",
            name="!",
            instance_type="ml.p2.xlarge",
            epochs=0,
            hyperparameters={"momentun": "1", "optimizer": "lion", "label_width": "9"},
            max_hours=0,
            bucket="deeplens-other",
        )
        told = "\n".join(refusals(DATA_SET, plan))
        for part in (
            "momentun is no hyperparameter of the algorithm; did you mean momentum?",
            "optimizer must be one of sgd, adam, rmsprop, adadelta, not lion",
            "label_width must be 27 or more for a picture with 5 boxes, not 9",
            "--epochs must be 1 or more, not 0",
            "the name must have a letter or a digit",
            "AWS has no object-detection image in mars-1 that is known here",
            "ml.p2.xlarge is gone: AWS retired P2. Take one of ml.g4dn.xlarge",
            "--role must be the ARN of a role, not 'trainer'",
            "--max-hours must be more than 0",
            "the data set is in the bucket deeplens-faces, but Terraform's role may read",
        ):
            assert part in told
        assert len(told.splitlines()) == 10

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"hyperparameters": {"num_classes": "3"}}, "num_classes follows from the data set"),
            ({"hyperparameters": {"epochs": "3"}}, "set with --epochs"),
            ({"hyperparameters": {"mini_batch_size": "65"}}, "mini_batch_size must be at most 64"),
            ({"hyperparameters": {"mini_batch_size": "x"}}, "must be a whole number greater"),
            ({"hyperparameters": {"learning_rate": "0"}}, "greater than 0 and at most 1, not 0"),
            ({"hyperparameters": {"learning_rate": ""}}, "at most 1, not nothing"),
            ({"hyperparameters": {"weight_decay": "1"}}, "greater than 0 and less than 1, not 1"),
            ({"hyperparameters": {"freeze_layer_pattern": "("}}, "must be a regular expression"),
            (
                {"hyperparameters": {"freeze_layer_pattern": "a{9999999999}"}},
                "must be a regular expression",
            ),
            ({"hyperparameters": {"lr_scheduler_step": "5,5"}}, "must be epochs in rising order"),
            ({"hyperparameters": {"lr_scheduler_step": "5;9"}}, "must be epochs with commas"),
            ({"hyperparameters": {"lr_scheduler_step": "5,50"}}, "must end before epoch 50"),
            (
                {"hyperparameters": {"mini_batch_size": "4"}, "instance_type": "ml.p3.16xlarge"},
                "mini_batch_size must be 8 or more on ml.p3.16xlarge",
            ),
            ({"instance_type": "ml.m5.large"}, "cannot be trained on ml.m5.large. Take one of"),
            ({"image": "object-detection"}, "--image must be an image in ECR"),
            ({"max_hours": float("nan")}, "--max-hours must be"),
            ({"max_hours": 673}, "--max-hours must be"),
        ],
    )
    def test_what_would_fail_later_is_refused_now(self, changed, told):
        (problem,) = refusals(DATA_SET, attrs.evolve(PLAN, **changed))
        assert told in problem

    def test_a_data_set_where_the_role_cannot_read_is_refused(self):
        data_set = attrs.evolve(DATA_SET, prefix="elsewhere/bottles")
        (problem,) = refusals(data_set, attrs.evolve(PLAN, bucket="deeplens-faces"))
        assert (
            "is under elsewhere/bottles/, but Terraform's role may read datasets/ alone" in problem
        )
        assert training_request(data_set, PLAN, NOW)

    def test_another_image_makes_up_for_an_unknown_region(self):
        image = "123456789012.dkr.ecr.il-central-1.amazonaws.com/object-detection:1"
        plan = attrs.evolve(PLAN, region="il-central-1", image=image)
        request = training_request(DATA_SET, plan, NOW)
        assert request["AlgorithmSpecification"]["TrainingImage"] == image


class TestTuningRequest:
    def test_it_tries_what_the_walkthrough_does(self):
        request = tuning_request(DATA_SET, PLAN, NOW, jobs=40)
        config = request["HyperParameterTuningJobConfig"]
        assert config["HyperParameterTuningJobObjective"] == {
            "Type": "Maximize",
            "MetricName": "validation:mAP",
        }
        limits = {"MaxNumberOfTrainingJobs": 40, "MaxParallelTrainingJobs": 1}
        assert config["ResourceLimits"] == limits
        assert config["TrainingJobEarlyStoppingType"] == "Auto"
        (rate,) = config["ParameterRanges"]["ContinuousParameterRanges"]
        assert (rate["MinValue"], rate["MaxValue"]) == ("0.0001", "0.01")
        (optimizer,) = config["ParameterRanges"]["CategoricalParameterRanges"]
        assert optimizer["Values"] == ["sgd", "adam", "rmsprop", "adadelta"]

    @given(data_sets(), st.integers(1, 500))
    def test_sagemaker_takes_it_whatever_the_data(self, data_set, jobs):
        request = tuning_request(data_set, PLAN, NOW, jobs)
        assert_sagemaker_takes("CreateHyperParameterTuningJob", request)

    def test_each_job_is_as_it_would_be_alone_but_for_what_is_tried(self):
        alone = training_request(DATA_SET, PLAN, NOW)
        definition = tuning_request(DATA_SET, PLAN, NOW)["TrainingJobDefinition"]
        fixed = definition.pop("StaticHyperParameters")
        tried = {"learning_rate": "0.0005", "optimizer": "sgd"}
        assert {**fixed, **tried} == alone["HyperParameters"]
        assert not tried.keys() & fixed.keys()
        assert definition.items() <= alone.items()

    def test_what_is_tried_cannot_be_set(self):
        plan = attrs.evolve(PLAN, hyperparameters={"optimizer": "sgd"}, epochs=0)
        problems = refusals(DATA_SET, plan, tuning_request, jobs=0)
        assert problems == (
            "optimizer is what --tune tries: leave it out",
            "--jobs must be 1 or more, not 0",
            "--epochs must be 1 or more, not 0",
        )


class TestName:
    @pytest.mark.parametrize(
        ("shape", "longest"),
        [
            ("TrainingJobName", MAX_TRAINING_NAME),
            ("HyperParameterTuningJobName", MAX_TUNING_NAME),
        ],
    )
    def test_sagemaker_takes_any(self, shape, longest):
        model = SAGEMAKER.shape_for(shape).metadata
        assert model["max"] == longest

        @given(st.text(), st.datetimes(min_value=datetime(2000, 1, 1)))
        def check(name, at):
            if re.search("[a-zA-Z0-9]", name):
                made = job_name(name, at, longest)
                assert re.fullmatch(model["pattern"], made)
                assert len(made) <= longest
                assert made.startswith("deeplens-")
            else:
                with pytest.raises(ValueError, match="a letter or a digit"):
                    job_name(name, at, longest)

        check()

    def test_a_second_makes_another(self):
        names = {job_name("a" * 99, NOW.replace(second=s), MAX_TUNING_NAME) for s in range(60)}
        assert len(names) == 60

    def test_what_is_named_deeplens_is_not_named_so_twice(self):
        assert job_name("deeplens-bottles", NOW) == "deeplens-bottles-20261120-093005"


def test_instances_and_regions_are_known_to_boto3():
    types = SAGEMAKER.shape_for("TrainingInstanceType").enum
    assert set(algorithm.GPUS) <= set(types)
    for region in algorithm._ACCOUNTS:
        image = algorithm.training_image(region)
        assert algorithm.training_image(region, image) == image
    assert algorithm.training_image("cn-north-1").split("/")[0].endswith(".amazonaws.com.cn")


class TestReadDataSet:
    def test_it_is_as_it_was_described(self, folder):
        assert read_data_set(folder.path) == DATA_SET

    def test_a_slash_at_the_end_changes_nothing(self, folder):
        folder.change(uploaded_to="s3://deeplens-faces/datasets/bottles/")
        assert read_data_set(folder.path).name == "bottles"

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"uploaded_to": None}, "has not been uploaded: do so first"),
            ({"uploaded_to": "deeplens-faces/datasets"}, "has not been uploaded"),
            ({"uploaded_to": "s3://deeplens-faces/"}, "has not been uploaded"),
            ({"side": 299}, "side must be a whole number of 300 or more, not 299"),
            ({"side": True}, "side must be a whole number"),
            ({"classes": []}, "classes must be a list of names"),
            ({"classes": ["bottle", " "]}, "classes must be a list of names"),
            ({"classes": "bottle"}, "classes must be a list of names"),
            ({"attribute": 3}, "attribute must be a name"),
            ({"most_boxes": 0}, "most_boxes must be a whole number of 1 or more"),
            ({"train": ...}, "train.images must be a whole number of 1 or more, not None"),
            ({"validation": {"images": 0}}, "validation.images must be"),
            ({"train": {"images": 63}}, "train.manifest has 64 pictures, but .* says 63"),
        ],
    )
    def test_what_keeps_it_from_being_trained_on_is_told(self, folder, changed, told):
        folder.change(**changed)
        with pytest.raises(SettingsError, match=told) as caught:
            read_data_set(folder.path)
        assert len(caught.value.problems) == 1

    def test_all_problems_are_told_together(self, folder):
        folder.change(side=1, uploaded_to=None, most_boxes=...)
        (folder.path / "validation.manifest").unlink()
        with pytest.raises(SettingsError) as caught:
            read_data_set(folder.path)
        assert len(caught.value.problems) == 4

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", "{}", '{"version": 2}', "null", b"\xff", "[" * 100_000],
        ids=["empty", "half", "list", "nothing", "version", "null", "bytes", "deep"],
    )
    def test_something_else_is_refused(self, folder, text):
        place = folder.path / "dataset.json"
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(StoreError, match=r"no JSON|another version"):
            read_data_set(folder.path)

    def test_a_folder_of_something_else_is_told_of(self, tmp_path):
        with pytest.raises(StoreError, match="make the data set first, with `facepipe dataset`"):
            read_data_set(tmp_path)
