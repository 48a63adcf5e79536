from __future__ import annotations

import json
import re

import pytest

from facepipe_io.device.environment import device_environment
from facepipe_io.device.stack import Stack, ask_terraform, read_outputs
from facepipe_io.errors import StoreError
from tests.rehearsal.terraform import ROOT, installed

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def test_the_outputs_are_terraforms_own():
    told = (ROOT / "terraform" / "outputs.tf").read_text("utf-8")
    assert set(Stack.__annotations__) <= set(re.findall(r'^output "(\w+)"', told, re.MULTILINE))


def test_the_outputs_are_read_from_a_file(stack):
    assert (stack.region, stack.bucket) == ("eu-west-1", "deeplens-faces")
    assert stack.certificate("hall-1").startswith("-----BEGIN CERTIFICATE-----")


def test_a_camera_that_terraform_does_not_know_is_told_of(stack):
    with pytest.raises(StoreError, match=r"none \(but for hall-1\); add it to `cameras` and apply"):
        stack.certificate("hall-2")


OPTIONAL = {"endpoint_name", "training_role_arn", "kms_key_arn"}


@pytest.mark.parametrize("name", sorted({*Stack.__annotations__} - OPTIONAL))
@pytest.mark.parametrize("value", [None, "", 7, ["a"], {"hall-1": None}])
def test_an_output_that_is_missing_or_odd_is_named(outputs, name, value):
    document = json.loads(outputs.read_text())
    document[name]["value"] = value
    outputs.write_text(json.dumps(document))
    with pytest.raises(StoreError, match=f"there is no {name}; run `terraform apply` first"):
        read_outputs(outputs)


def test_an_endpoint_for_frames_is_there_only_where_it_was_asked_for(stack, outputs):
    assert stack.endpoint_name is None
    document = json.loads(outputs.read_text())
    document["endpoint_name"] = {"value": "deeplens-faces"}
    outputs.write_text(json.dumps(document))
    found = read_outputs(outputs)
    assert device_environment(found, "hall-1", {})["FACEPIPE_ENDPOINT"] == "deeplens-faces"
    assert "FACEPIPE_ENDPOINT" not in device_environment(stack, "hall-1", {})


@pytest.mark.parametrize("name", sorted(OPTIONAL))
@pytest.mark.parametrize("value", ["", 7, ["a"]])
def test_what_need_not_be_there_must_not_be_odd(outputs, name, value):
    document = json.loads(outputs.read_text())
    document[name] = {"value": value}
    outputs.write_text(json.dumps(document))
    with pytest.raises(StoreError, match=f"there is no {name}"):
        read_outputs(outputs)


def test_the_role_and_key_of_training_are_there_only_where_they_were_asked_for(stack, outputs):
    assert (stack.training_role_arn, stack.kms_key_arn) == (None, None)
    document = json.loads(outputs.read_text())
    document["training_role_arn"] = {"value": "arn:aws:iam::123456789012:role/deeplens-training"}
    document["kms_key_arn"] = {"value": None}
    outputs.write_text(json.dumps(document))
    found = read_outputs(outputs)
    assert found.training_role_arn == "arn:aws:iam::123456789012:role/deeplens-training"
    assert found.kms_key_arn is None


def test_an_endpoint_that_is_no_host_is_not_taken(outputs):
    document = json.loads(outputs.read_text())
    document["messages_endpoint"]["value"] = "https://a1.example.com/mqtt"
    outputs.write_text(json.dumps(document))
    with pytest.raises(StoreError, match="there is no messages_endpoint"):
        read_outputs(outputs)


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b'"a"', b'{"region": "eu-west-1"}', b"\xff", b"null", b"[" * 100_000],
    ids=["empty", "list", "text", "other", "bytes", "null", "deep"],
)
def test_a_file_of_something_else_is_told_of(tmp_path, text):
    path = tmp_path / "outputs.json"
    path.write_bytes(text)
    with pytest.raises(StoreError, match=r"terraform (output -json|apply)` ?(writes|first)?"):
        read_outputs(path)


def test_a_file_that_is_not_there_is_told_of(tmp_path):
    with pytest.raises(StoreError, match="No such file"):
        read_outputs(tmp_path / "outputs.json")


@pytest.mark.skipif(not installed(), reason="terraform: not installed")
class TestTerraform:
    def test_it_is_asked(self, tmp_path):
        """A state as `terraform apply` leaves it behind."""
        values = {
            "region": ("eu-west-1", "string"),
            "bucket": ("deeplens-faces", "string"),
            "role_alias": ("deeplens-camera", "string"),
            "credentials_endpoint": ("c1.example.com", "string"),
            "messages_endpoint": ("a1.example.com", "string"),
            "camera_certificates": ({"hall-1": PEM}, ["map", "string"]),
        }
        outputs = {name: {"value": v, "type": t} for name, (v, t) in values.items()}
        outputs["camera_certificates"]["sensitive"] = True
        state = {"version": 4, "serial": 1, "lineage": "a", "outputs": outputs, "resources": []}
        (tmp_path / "terraform.tfstate").write_text(json.dumps(state))
        assert ask_terraform(tmp_path) == Stack(**{name: v for name, (v, _) in values.items()})

    def test_before_an_apply_it_knows_nothing(self, tmp_path):
        with pytest.raises(StoreError, match="run `terraform apply` first"):
            ask_terraform(tmp_path)

    def test_what_it_complains_of_is_passed_on_in_one_line(self, tmp_path):
        with pytest.raises(StoreError, match="Error handling -chdir option") as caught:
            ask_terraform(tmp_path / "nowhere")
        assert "\n" not in str(caught.value)


def test_without_terraform_a_file_will_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        StoreError, match="not installed; install it, or give its outputs with --outputs"
    ):
        ask_terraform(tmp_path)
