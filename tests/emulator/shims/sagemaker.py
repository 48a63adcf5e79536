"""SageMaker. What moto lacks, and this fills in:

- endpoints that answer: a model's archive is fetched as its role, and served by the serving toolkit
  in a process of its own (`container`), with the role's credentials; what it writes goes to
  CloudWatch Logs. What asks it is in `sagemaker_runtime`;
- endpoints that fail: without an archive, or a role that may read it, theirs is the status Failed;
- UpdateEndpoint: unknown;
- what was never set: told of as empty, which Terraform takes for a change;
- the list of instance types: years old.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import uuid
from pathlib import Path
from typing import Any

import attrs
from moto.core.responses import ActionResult
from moto.s3.models import s3_backends
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, Model, SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse

from tests.emulator.container import Container
from tests.emulator.settings import ACCOUNT, Settings, log
from tests.emulator.shims import role_logs
from tests.emulator.shims.iam import assume_for, role_may

_hostings: list[_Hosting] = []  # the one that `install` made


def install(settings: Settings) -> None:
    """Fill the gaps."""
    hosting = _Hosting(settings)
    _hostings.append(hosting)
    _leave_out_what_is_empty()
    FakeEndpointConfig.validate_instance_type = lambda self, instance_type: None
    create, delete = SageMakerModelBackend.create_endpoint, SageMakerModelBackend.delete_endpoint
    reset = SageMakerModelBackend.reset

    def create_endpoint(self: Any, endpoint_name: str, *rest: Any, **more: Any) -> FakeEndpoint:
        if endpoint_name in self.endpoints:
            raise ValidationError(
                message=f"Cannot create already existing endpoint: {endpoint_name}"
            )
        endpoint = create(self, endpoint_name, *rest, **more)
        hosting.deploy(self, endpoint, endpoint.endpoint_config_name)
        return endpoint

    def update_endpoint(self: SageMakerResponse) -> ActionResult:
        backend, name = self.sagemaker_backend, self._get_param("EndpointName")
        backend.describe_endpoint(name)  # raises where there is none
        endpoint = backend.endpoints[name]
        hosting.deploy(backend, endpoint, self._get_param("EndpointConfigName"))
        return ActionResult(endpoint.response_create)

    def delete_endpoint(self: Any, endpoint_name: str) -> None:
        delete(self, endpoint_name)
        hosting.replace((self.region_name, endpoint_name), None)

    def reset_and_stop(self: Any) -> None:
        for name in self.endpoints:
            hosting.replace((self.region_name, name), None)
        reset(self)

    SageMakerModelBackend.create_endpoint = create_endpoint
    SageMakerModelBackend.delete_endpoint = delete_endpoint
    SageMakerModelBackend.reset = reset_and_stop
    SageMakerResponse.update_endpoint = update_endpoint


def container_of(backend: Any, name: str) -> Container | None:
    """What serves an endpoint, started again if it has ended; None where nothing does.

    Args:
        backend: moto's, of the endpoint's region.
        name: the endpoint's.
    """
    return _hostings[-1].container_of(backend, name)


def _leave_out_what_is_empty() -> None:
    def without(describe: Any) -> Any:
        def shown(self: SageMakerResponse) -> ActionResult:
            found = describe(self).result
            return ActionResult({key: value for key, value in found.items() if value != {}})

        return shown

    for operation in ("describe_endpoint_config", "describe_model"):
        setattr(SageMakerResponse, operation, without(getattr(SageMakerResponse, operation)))


class _FailedError(Exception):
    """Why an endpoint cannot be."""


@attrs.define
class _Hosting:
    """The containers of all endpoints, by region and name."""

    _settings: Settings
    _containers: dict[tuple[str, str], Container] = attrs.field(factory=dict, init=False)

    def container_of(self, backend: Any, name: str) -> Container | None:
        container = self._containers.get((backend.region_name, name))
        if container is not None and not container.alive:
            endpoint = backend.endpoints[name]
            self.deploy(backend, endpoint, endpoint.endpoint_config_name)
            container = self._containers.get((backend.region_name, name))
        return container

    def deploy(self, backend: Any, endpoint: FakeEndpoint, config_name: str) -> None:
        """Serve what a configuration names; an endpoint that serves something goes on till then."""
        shown = backend.describe_endpoint_config(config_name)
        (variant,) = shown["ProductionVariants"]
        model = backend.describe_model(variant["ModelName"])
        try:
            container = self._start(endpoint, model, variant["VariantName"], backend.region_name)
        except _FailedError as error:
            log.error("sagemaker %s: %s", endpoint.endpoint_name, error)
            endpoint.endpoint_status, endpoint.failure_reason = "Failed", str(error)
            return
        endpoint.endpoint_status, endpoint.failure_reason = "InService", None
        endpoint.endpoint_config_name = config_name
        endpoint.production_variants = endpoint._process_production_variants([variant])
        self.replace((backend.region_name, endpoint.endpoint_name), container)

    def replace(self, place: tuple[str, str], container: Container | None) -> None:
        """End what serves an endpoint, if anything does, once something else may do so."""
        old = self._containers.pop(place, None)
        if container is not None:
            self._containers[place] = container
        if old is not None:
            old.stop()

    def _start(self, endpoint: Any, model: Model, variant: str, region: str) -> Container:
        role, name = model.execution_role_arn, endpoint.endpoint_name
        session = assume_for(
            "sagemaker.amazonaws.com", role, model.arn, name="SageMaker", region=region
        )
        if session is None:
            raise _FailedError(f"Could not assume role {role}. Please ensure that the role exists.")
        group = f"/aws/sagemaker/Endpoints/{name}"
        stream = f"{variant}/i-{uuid.uuid4().hex[:17]}"

        def tell(line: str) -> None:
            log.info("sagemaker %s: %s", name, line)
            role_logs.write(role, region, group, stream, [line])

        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            **model.primary_container.get("Environment", {}),
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self._settings.url,
            "AWS_REGION": region,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
        }
        try:
            return Container(self._unpacked(model), environment, tell)
        except RuntimeError as error:
            raise _FailedError(str(error)) from None

    def _unpacked(self, model: Model) -> Path:
        place = str(model.primary_container.get("ModelDataUrl", ""))
        bucket_name, _, key = place.removeprefix("s3://").partition("/")
        bucket = s3_backends[ACCOUNT]["aws"].buckets.get(bucket_name)
        found = bucket and bucket.keys.get(key)
        arn = f"arn:aws:s3:::{bucket_name}/{key}"
        if not found or not role_may(model.execution_role_arn, "s3:GetObject", arn):
            raise _FailedError(
                f"Could not access model data at {place}. Please ensure that the role "
                f"{model.execution_role_arn} exists, that it may s3:GetObject, and that the "
                "object is located in this region."
            )
        folder = self._settings.folder / "sagemaker" / uuid.uuid4().hex
        try:
            with tarfile.open(fileobj=io.BytesIO(found.value), mode="r:gz") as archive:
                archive.extractall(folder, filter="data")
        except (tarfile.TarError, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise _FailedError(f"Failed to extract model data archive: {error}") from None
        return folder
