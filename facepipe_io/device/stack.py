"""What devices and training have to know of the stack: Terraform's outputs."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Mapping

import attrs

from facepipe_io.edge.names import host_name
from facepipe_io.errors import StoreError

_TERRAFORM_SECONDS = 120  # its state may be far away
_OPTIONAL = ("endpoint_name", "training_role_arn", "kms_key_arn")


@attrs.frozen
class Stack:
    """Outputs of terraform/outputs.tf, under the same names; None for what is turned off."""

    region: str
    bucket: str
    role_alias: str
    credentials_endpoint: str
    messages_endpoint: str
    camera_certificates: Mapping[str, str]
    endpoint_name: str | None = None
    training_role_arn: str | None = None
    kms_key_arn: str | None = None

    @property
    def bus(self) -> str:
        """FACEPIPE_BUS of its cameras."""
        return f"mqtts://{self.messages_endpoint}:8883"

    def certificate(self, camera: str) -> str:
        """A camera's certificate, PEM.

        Raises:
            StoreError: when Terraform made none for it.
        """
        try:
            return self.camera_certificates[camera]
        except KeyError as error:
            known = ", ".join(sorted(self.camera_certificates)) or "no camera"
            raise StoreError(
                f"the certificate of {camera}",
                f"Terraform has made none (but for {known}); add it to `cameras` and apply",
            ) from error


def ask_terraform(folder: Path) -> Stack:
    """Take the outputs from Terraform.

    Args:
        folder: Terraform's, in which `terraform apply` was run.

    Raises:
        StoreError: when they are not to be had.
    """
    command = ["terraform", f"-chdir={folder}", "output", "-json", "-no-color"]
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            command, capture_output=True, text=True, check=False, timeout=_TERRAFORM_SECONDS
        )
    except FileNotFoundError as error:
        hint = "it is not installed; install it, or give its outputs with --outputs"
        raise StoreError("terraform", hint) from error
    except subprocess.TimeoutExpired as error:
        raise StoreError("terraform", f"no answer in {_TERRAFORM_SECONDS} seconds") from error
    if done.returncode != 0:
        said = " ".join(re.sub("[│╷╵]", " ", done.stderr).split())
        said = said[max(0, said.find("Error:")) :] or f"status {done.returncode}"
        raise StoreError(f"Terraform's outputs in {folder}", f"{said}; or name --outputs")
    return _parse(done.stdout, f"Terraform's outputs in {folder}")


def read_outputs(path: Path) -> Stack:
    """Take the outputs from a file that `terraform output -json` wrote.

    Raises:
        StoreError: when it cannot be read or lacks one.
    """
    try:
        return _parse(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise StoreError(str(path), error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise StoreError(
            str(path), "it is no text; write it with `terraform output -json`"
        ) from error


def _parse(text: str, source: str) -> Stack:
    names = list(attrs.fields_dict(Stack))
    try:
        outputs = json.loads(text)
        values = {name: outputs[name]["value"] for name in names if name in outputs}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoreError(source, "that is not what `terraform output -json` writes") from error
    missing = [name for name in names if not _right(name, values.get(name))]
    if missing:
        raise StoreError(source, f"there is no {', '.join(missing)}; run `terraform apply` first")
    return Stack(**values)


def _right(name: str, value: Any) -> bool:
    if name in _OPTIONAL and value is None:
        return True
    if name == "camera_certificates":
        return isinstance(value, dict) and all(isinstance(pem, str) for pem in value.values())
    if not isinstance(value, str) or not value:
        return False
    if name == "messages_endpoint":
        try:
            host_name(value)
        except ValueError:
            return False
    return True
