from __future__ import annotations

import base64
import hashlib
import json

import pytest
from botocore.exceptions import ClientError

from tests.emulator.helpers import REGION, gap, refusal
from tests.emulator.settings import ACCOUNT

BUCKET = "deeplens-crops"
KEY = "components/camera/1.0.0/facepipe.whl"
GROUP = f"arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/cameras"


def recipe(version="1.0.0", **changes):
    return {
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": "camera",
        "ComponentVersion": version,
        "ComponentDependencies": {"aws.greengrass.TokenExchangeService": {}},
        "Manifests": [{"Artifacts": [{"URI": f"s3://{BUCKET}/{KEY}"}]}],
        **changes,
    }


def template(component=None, deployed="1.0.0", target=GROUP):
    """A component, and its deployment to a group."""
    text = json.dumps(component or recipe())
    return json.dumps(
        {
            "Resources": {
                "Deployment": {
                    "Type": "AWS::GreengrassV2::Deployment",
                    "DependsOn": "Component",
                    "Properties": {
                        "TargetArn": target,
                        "Components": {"camera": {"ComponentVersion": deployed}},
                    },
                },
                "Component": {
                    "Type": "AWS::GreengrassV2::ComponentVersion",
                    "Properties": {"InlineRecipe": text},
                },
            },
            "Outputs": {
                "Arn": {"Value": {"Ref": "Component"}},
                "Version": {"Value": {"Fn::GetAtt": ["Component", "ComponentVersion"]}},
                "Deployment": {"Value": {"Ref": "Deployment"}},
            },
        }
    )


def set_up(aws):
    """A camera in a group, and the component's file in a bucket."""
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=b"a wheel")
    iot = aws.client("iot")
    iot.create_thing_group(thingGroupName="cameras")
    for name in ("hall-1", "till-1"):
        iot.create_thing(thingName=name)
    iot.add_thing_to_thing_group(thingGroupName="cameras", thingName="hall-1")
    return aws.client("cloudformation")


def outputs(stacks):
    (stack,) = stacks.describe_stacks(StackName="greengrass")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@gap
def test_a_component_is_made_and_deployed(aws):
    stacks = set_up(aws)
    stacks.create_stack(StackName="greengrass", TemplateBody=template())
    found = outputs(stacks)
    assert found["Arn"] == f"arn:aws:greengrass:{REGION}:{ACCOUNT}:components:camera:versions:1.0.0"
    assert found["Version"] == "1.0.0"
    assert len(found["Deployment"]) == 36


def test_a_core_device_is_told_of_what_its_group_is_to_run(aws):
    stacks = set_up(aws)
    assert aws.components("hall-1") == {}
    stacks.create_stack(StackName="greengrass", TemplateBody=template())
    (artifact,) = aws.components("hall-1")["camera"]["Manifests"][0]["Artifacts"]
    digest = base64.b64encode(hashlib.sha256(b"a wheel").digest()).decode()
    assert artifact == {"URI": f"s3://{BUCKET}/{KEY}", "Algorithm": "SHA-256", "Digest": digest}
    assert aws.components("till-1") == aws.components("nobody") == {}


def test_another_version_takes_the_place_of_the_last(aws):
    stacks = set_up(aws)
    stacks.create_stack(StackName="greengrass", TemplateBody=template())
    first = outputs(stacks)
    changed = template(recipe("1.0.7", ComponentDescription="new"), "1.0.7")
    stacks.update_stack(StackName="greengrass", TemplateBody=changed)
    assert aws.components("hall-1")["camera"]["ComponentVersion"] == "1.0.7"
    second = outputs(stacks)
    assert second["Version"] == "1.0.7"
    assert second["Deployment"] != first["Deployment"]
    # The first is gone, so that its version is free again.
    stacks.update_stack(StackName="greengrass", TemplateBody=template())
    assert outputs(stacks)["Version"] == "1.0.0"


def test_a_version_cannot_be_made_twice(aws):
    stacks = set_up(aws)
    stacks.create_stack(StackName="greengrass", TemplateBody=template())
    changed = template(recipe(ComponentDescription="new"))
    code = refusal(stacks.update_stack, StackName="greengrass", TemplateBody=changed)
    assert code == "ValidationError"
    assert "ComponentDescription" not in aws.components("hall-1")["camera"]
    assert refusal(stacks.create_stack, StackName="b", TemplateBody=template()) == "ValidationError"


def test_deleted_nothing_is_deployed(aws):
    stacks = set_up(aws)
    stacks.create_stack(StackName="greengrass", TemplateBody=template())
    stacks.delete_stack(StackName="greengrass")
    assert aws.components("hall-1") == {}
    stacks.create_stack(StackName="greengrass", TemplateBody=template())
    assert list(aws.components("hall-1")) == ["camera"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (template(recipe(ComponentVersion="1.0")), "Invalid component camera, version 1.0"),
        (template(recipe("1.0.0-a"), "1.0.0-a"), "Invalid component camera, version 1.0.0-a"),
        (template(recipe(ComponentName="a b")), "Invalid component a b"),
        (template(recipe(RecipeFormatVersion="2021")), "RecipeFormatVersion"),
        (template({"ComponentName": "camera"}), "no recipe"),
        (template(recipe(Manifests=[{"Artifacts": [{"URI": "s3://no/file"}]}])), "s3://no/file"),
        (template(recipe(Manifests=[{"Artifacts": [{"URI": "https://x"}]}])), "https://x"),
        (template(deployed="2.0.0"), "no such component: camera"),
        (template(recipe(ComponentDependencies={"other": {}})), "depends on other"),
        (template(target=f"{GROUP}-none"), "no thing group"),
    ],
)
def test_what_greengrass_would_refuse_is_refused(aws, body, words):
    stacks = set_up(aws)
    with pytest.raises(ClientError, match=words):
        stacks.create_stack(StackName="greengrass", TemplateBody=body)


def test_other_types_are_lacking(emulator):
    emulator.enforce_iam(on=False)
    emulator.reset()
    create = emulator.client("cloudformation").create_stack
    for kind, properties in (
        ("AWS::IoTSiteWise::Portal", {}),
        ("AWS::GreengrassV2::ComponentVersion", {"LambdaFunction": {}}),
    ):
        body = json.dumps({"Resources": {"A": {"Type": kind, "Properties": properties}}})
        code = refusal(create, StackName=kind.split(":")[-1], TemplateBody=body)
        assert code == "NotImplementedException"
