"""Running Terraform on a copy of the project's root, so that no state is left behind in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping

import attrs

ROOT = Path(__file__).resolve().parents[2]
_REGISTRY = "registry.terraform.io"


class TerraformError(RuntimeError):
    """Terraform ended with an error; its text is what Terraform said."""


def installed() -> bool:
    """Whether there is a Terraform on this machine."""
    return shutil.which("terraform") is not None


def provider_mirror() -> str | None:
    """A folder with providers, for a machine without a network: TF_PLUGIN_DIR, or one found."""
    named = os.environ.get("TF_PLUGIN_DIR")
    if named:
        return named
    search = ["find", "/", "-maxdepth", "4", "-name", _REGISTRY, "-not", "-path", "/proc/*"]
    found = subprocess.run(search, capture_output=True, text=True, check=False).stdout.split("\n")
    return str(Path(found[0]).parent) if found[0] else None


@attrs.define
class Terraform:
    """The project's Terraform, in a folder of its own.

    Attributes:
        folder: for its files and state.
        environment: in which Terraform runs, AWS_ENDPOINT_URL and keys included.
        variables: what `terraform.tfvars.json` holds.
    """

    folder: Path
    environment: Mapping[str, str]
    variables: dict[str, Any]

    def init(self) -> None:
        """Copy the root and fetch the provider."""
        ignore = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfvars")
        # Terraform's tests link to files of the root.
        shutil.copytree(ROOT / "terraform", self.folder, symlinks=True, ignore=ignore)
        mirror = provider_mirror()
        self.run("init", *([f"-plugin-dir={mirror}"] if mirror else []))

    def apply(self) -> None:
        """Build what is not there, and change what has changed."""
        self._write_variables()
        self.run("apply", "-auto-approve")

    def changes(self) -> dict[str, list[str]]:
        """What an apply would do now: address of each resource to its actions."""
        self._write_variables()
        self.run("plan", "-out=plan")
        plan = json.loads(self.run("show", "-json", "plan"))
        changed = {
            change["address"]: change["change"]["actions"]
            for change in plan.get("resource_changes", [])
            if change["change"]["actions"] not in (["no-op"], ["read"])
        }
        outputs = plan.get("output_changes", {}).items()
        changed.update(
            {f"output.{k}": v["actions"] for k, v in outputs if v["actions"] != ["no-op"]}
        )
        return changed

    def outputs(self) -> dict[str, Any]:
        """The outputs, by name."""
        found = json.loads(self.run("output", "-json"))
        return {name: output["value"] for name, output in found.items()}

    def resources(self) -> list[str]:
        """Addresses of what is in the state."""
        return self.run("state", "list").split()

    def destroy(self) -> None:
        """Take everything down."""
        self.run("destroy", "-auto-approve")

    @contextmanager
    def one_provider(self) -> Iterator[None]:
        """Share a provider among the runs of `terraform test`, each of which else starts two.

        A start takes a second of a processor. What a user types is tried without this.
        """
        found = f".terraform/providers/{_REGISTRY}/hashicorp/aws/*/*/terraform-provider-aws*"
        command = [next(self.folder.glob(found)), "-debug"]
        environment = {**self.environment, "TF_LOG": "error"}
        before = self.environment
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True
        ) as provider:
            try:
                for line in provider.stdout or ():
                    named = re.search("TF_REATTACH_PROVIDERS='(.*)'", line)
                    if named:
                        break
                else:
                    raise TerraformError("the provider ended before it said where it is")
                self.environment = {**before, "TF_REATTACH_PROVIDERS": named[1]}
                yield
            finally:
                self.environment = before
                provider.terminate()

    def _write_variables(self) -> None:
        text = json.dumps(self.variables, indent=2)
        (self.folder / "terraform.tfvars.json").write_text(text)

    def run(self, *arguments: str) -> str:
        """Run a command of Terraform's; what it printed.

        Raises:
            TerraformError: if it fails.
        """
        environment = {
            **self.environment,
            "CHECKPOINT_DISABLE": "1",
            "GOGC": "400",  # for 100 MB more, the provider starts a fifth sooner
            "TF_CLI_ARGS": "-no-color",
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
        }
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise TerraformError(f"terraform {arguments[0]}: {done.stdout}{done.stderr}".strip())
        return done.stdout
