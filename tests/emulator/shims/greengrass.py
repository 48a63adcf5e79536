"""Greengrass V2 in CloudFormation. What moto lacks, and this fills in:

- types that it does not know: left out without a word. Here they are said to be lacking;
- AWS::GreengrassV2::ComponentVersion, from a recipe in JSON: its artifacts must be in S3, and their
  digests go into the recipe; a version that is there already is refused;
- AWS::GreengrassV2::Deployment: its target, its components and what these depend on must be there.
  `deployed_to` says what a core device would run; none does.

A change replaces either, as on AWS: the new one is made first, so that another recipe under the
same version is refused. A refusal fails the request, not the stack. Components made from Lambda
functions are not known.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from typing import Any, Mapping

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import cloudformation_backends
from moto.core.common_models import CloudFormationModel
from moto.iot.models import iot_backends
from moto.s3.models import s3_backends

from tests.emulator.settings import ACCOUNT, Settings

Recipe = dict[str, Any]

#: What components by AWS are called.
_PUBLIC = "aws.greengrass."

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,128}")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_S3 = re.compile(r"s3://([^/]+)/(.+)")


_models: list[type] = []  # those that `install` made, for moto to find


def install(_: Settings) -> None:
    """Fill the gaps."""
    _models.extend(
        type(kind.__name__, (kind, CloudFormationModel), {})
        for kind in (_ComponentVersion, _Deployment)
    )
    find = parsing.resource_class_from_type

    def resource_class_from_type(resource_type: str) -> Any:
        found = find(resource_type)
        if found is None and resource_type not in parsing.NULL_MODELS:
            raise NotImplementedError(f"cloudformation: the type {resource_type}")
        return found

    parsing.resource_class_from_type = resource_class_from_type


def deployed_to(thing_name: str) -> dict[str, Recipe]:
    """The recipes of the components that a thing's groups are to run, by the components' names."""
    found = {}
    for region, iot in list(iot_backends[ACCOUNT].items()):
        newest = {each["TargetArn"]: each for each in _deployments(region).values()}
        for group in list(iot.thing_groups.values()):
            if any(thing.thing_name == thing_name for thing in group.things.values()):
                for name, wanted in newest.get(group.arn, {}).get("Components", {}).items():
                    found[name] = _components(region)[name, wanted["ComponentVersion"]]
    return found


def _components(region: str) -> dict[tuple[str, str], Recipe]:
    """Recipes by name and version; kept with moto's own data, so that a reset clears them."""
    return _kept(region, "emulator_components")


def _deployments(region: str) -> dict[str, Mapping[str, Any]]:
    """Deployments by id."""
    return _kept(region, "emulator_deployments")


def _kept(region: str, name: str) -> dict[Any, Any]:
    found = cloudformation_backends[ACCOUNT][region].__dict__.setdefault(name, {})
    assert isinstance(found, dict)
    return found


class _Resource:
    """What moto wants of both types."""

    def __init__(self, region: str, properties: Any) -> None:
        self.region = region
        self.physical_resource_id = self.make(properties)

    def make(self, properties: Any) -> str:
        """Check and keep it; what `Ref` gives."""
        raise NotImplementedError

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def is_created() -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region: str, **_: Any
    ) -> Any:
        return cls(region, cloudformation_json["Properties"])

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        made = cls(region_name, cloudformation_json["Properties"])
        original_resource.delete(account_id, region_name)
        return made


class _ComponentVersion(_Resource):
    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::GreengrassV2::ComponentVersion"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in ("Arn", "ComponentName", "ComponentVersion")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        found = {"Arn": self.physical_resource_id, "ComponentName": self.name}
        return {**found, "ComponentVersion": self.version}[attribute_name]

    def make(self, properties: Any) -> str:
        if "InlineRecipe" not in properties:
            raise NotImplementedError("greengrass: components from Lambda functions")
        try:
            recipe = json.loads(properties["InlineRecipe"])
            self.name, self.version = recipe["ComponentName"], recipe["ComponentVersion"]
            manifests = recipe["Manifests"]
        except (ValueError, KeyError) as error:
            raise ValidationError(message=f"The recipe is no recipe: {error!r}") from None
        if recipe.get("RecipeFormatVersion") != "2020-01-25":
            raise ValidationError(message="The recipe's RecipeFormatVersion must be 2020-01-25")
        if not _NAME.fullmatch(self.name) or not _VERSION.fullmatch(self.version):
            raise ValidationError(message=f"Invalid component {self.name}, version {self.version}")
        if (self.name, self.version) in _components(self.region):
            raise ValidationError(message=f"{self.name} has a version {self.version} already")
        for manifest in manifests:
            for artifact in manifest.get("Artifacts", []):
                artifact["Algorithm"] = "SHA-256"
                artifact["Digest"] = _digest(artifact["URI"])
        _components(self.region)[self.name, self.version] = recipe
        place = f"arn:aws:greengrass:{self.region}:{ACCOUNT}:components"
        return f"{place}:{self.name}:versions:{self.version}"

    def delete(self, account_id: str, region_name: str) -> None:
        del _components(self.region)[self.name, self.version]


class _Deployment(_Resource):
    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::GreengrassV2::Deployment"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "DeploymentId"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self.physical_resource_id

    def make(self, properties: Any) -> str:
        target = properties["TargetArn"]
        groups = iot_backends[ACCOUNT][self.region].thing_groups.values()
        if target not in {group.arn for group in groups}:
            raise ValidationError(message=f"There is no thing group {target}")
        known = _components(self.region)
        for name, wanted in properties.get("Components", {}).items():
            if name.startswith(_PUBLIC):
                continue
            recipe = known.get((name, wanted["ComponentVersion"]))
            if recipe is None:
                raise ValidationError(message=f"There is no such component: {name}, {wanted}")
            others = {other for other, _ in known}
            for other in recipe.get("ComponentDependencies", {}):
                if not other.startswith(_PUBLIC) and other not in others:
                    raise ValidationError(message=f"{name} depends on {other}, which is not there")
        ident = str(uuid.uuid4())
        _deployments(self.region)[ident] = properties
        return ident

    def delete(self, account_id: str, region_name: str) -> None:
        del _deployments(self.region)[self.physical_resource_id]


def _digest(uri: str) -> str:
    """What Greengrass puts into a recipe."""
    place = _S3.fullmatch(uri)
    bucket = place and s3_backends[ACCOUNT]["aws"].buckets.get(place[1])
    key = bucket and bucket.keys.get(place[2])
    if not key:
        raise ValidationError(message=f"Cannot access the S3 artifact {uri}")
    return base64.b64encode(hashlib.sha256(key.value).digest()).decode()
