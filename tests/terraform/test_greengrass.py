"""The component for Greengrass: that AWS would take it, and that a core device could run it."""

from __future__ import annotations

import configparser
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import cfnlint.api
import cv2
import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from facepipe_io.edge.bus import health_topic
from facepipe_io.edge.settings import DeviceSettings
from tests.rehearsal.terraform import ROOT, Terraform, installed, provider_mirror

REQUIREMENTS = ROOT / "terraform" / "modules" / "greengrass" / "requirements.txt"
EXTRAS = ("aws", "greengrass2", "headless")

needs_terraform = pytest.mark.skipif(not installed(), reason="terraform: not installed")


@attrs.frozen
class Component:
    """What Terraform would give to AWS: the stack's template, and files by their places in S3."""

    template: str
    files: dict[str, Path]

    @property
    def recipe(self):
        resources = json.loads(self.template)["Resources"]
        return json.loads(resources["Component"]["Properties"]["InlineRecipe"])

    @property
    def manifest(self):
        (manifest,) = self.recipe["Manifests"]
        return manifest

    @property
    def configuration(self):
        return self.recipe["ComponentConfiguration"]["DefaultConfiguration"]


@pytest.fixture(scope="module")
def render(tmp_path_factory):
    """Plan the module with a wheel and settings; no API is called for it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    root = tmp_path_factory.mktemp("copy") / "terraform"
    ignored = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfvars")
    shutil.copytree(ROOT / "terraform", root, symlinks=True, ignore=ignored)
    module = Terraform(root / "tests" / "component", environment, variables={})
    mirror = provider_mirror()
    module.run("init", *([f"-plugin-dir={mirror}"] if mirror else []))

    def plan(wheel, settings):
        given = [f"-var=wheel={wheel}", f"-var=settings={json.dumps(settings)}"]
        module.run("plan", "-out=plan", *given)
        shown = json.loads(module.run("show", "-json", "plan"))
        (child,) = shown["planned_values"]["root_module"]["child_modules"]
        found = {}
        for resource in child["resources"]:
            found.setdefault(resource["type"], []).append(resource["values"])
        (stack,) = found["aws_cloudformation_stack"]
        files = {
            f"s3://{each['bucket']}/{each['key']}": module.folder / each["source"]
            for each in found["aws_s3_object"]
        }
        return Component(stack["template_body"], files)

    return plan


@pytest.fixture(scope="module")
def wheel():
    build = [sys.executable, ROOT / "tools" / "build.py"]
    subprocess.run(build, check=True, capture_output=True)
    (made,) = (ROOT / "build").glob("facepipe-*.whl")
    return made


@pytest.fixture(scope="module")
def component(render, wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings")
    (folder / "pictures").mkdir()
    settings = {
        "FACEPIPE_SOURCE": str(folder / "pictures"),
        "FACEPIPE_CROPS_DIR": str(folder / "crops"),
    }
    return render(wheel, settings)


@needs_terraform
class TestForAws:
    def test_cloudformation_would_take_the_stack(self, component):
        assert cfnlint.api.lint(component.template) == []

    def test_the_linter_sees_what_is_wrong(self, component):
        for right, wrong in (("TargetArn", "Target"), ('On":"Component"', 'On":"None"')):
            assert cfnlint.api.lint(component.template.replace(right, wrong))

    def test_the_stack_is_small_enough(self, component):
        assert len(component.template) < 51_200  # of a template that is given as text

    def test_its_files_are_where_the_recipe_says(self, component, wheel):
        uris = [artifact["URI"] for artifact in component.manifest["Artifacts"]]
        assert set(uris) == set(component.files)
        contents = {path.name: path.read_bytes() for path in component.files.values()}
        assert contents == {
            wheel.name: wheel.read_bytes(),
            REQUIREMENTS.name: REQUIREMENTS.read_bytes(),
        }

    def test_it_may_publish_what_its_policy_allows_and_no_more(self, component):
        services = component.configuration["accessControl"]
        assert list(services) == ["aws.greengrass.ipc.mqttproxy"]
        (allowed,) = services["aws.greengrass.ipc.mqttproxy"].values()
        assert allowed["operations"] == ["aws.greengrass#PublishToIoTCore"]
        topics = {topic.replace("{iot:thingName}", "hall-1") for topic in allowed["resources"]}
        golden = ROOT / "terraform" / "tests" / "golden" / "greengrass-core.json"
        statements = {each["Sid"]: each for each in json.loads(golden.read_text())["Statement"]}
        policy = statements["PublishAboutItself"]["Resource"]
        assert topics == {arn.partition(":topic/")[2] for arn in policy}
        assert {health_topic("hall-1"), "facepipe/hall-1/infer"} <= topics

    def test_its_environment_is_of_settings_that_there_are(self, component):
        known = {field.metadata["env"] for field in attrs.fields(DeviceSettings)}
        for name, value in component.manifest["Lifecycle"]["Setenv"].items():
            assert name in known | {"AWS_DEFAULT_REGION"}
            pointer = re.fullmatch(r"\{configuration:/environment/(\w+)\}", value)
            assert value == "{work:path}/spool" or pointer[1] in component.configuration[
                "environment"
            ]

    def test_aws_credentials_come_from_the_nucleus(self, component):
        assert "aws.greengrass.TokenExchangeService" in component.recipe["ComponentDependencies"]


def pins():
    lines = REQUIREMENTS.read_text().splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


class TestRequirements:
    def test_they_are_all_that_is_needed(self):
        needed = set()

        def need(text):
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            environment = {**default_environment(), "extra": ""}
            if requirement.marker and not requirement.marker.evaluate(environment):
                return
            if name not in needed:
                needed.add(name)
                for other in importlib.metadata.requires(name) or []:
                    need(other)

        for text in declared():
            need(text)
        assert needed == {canonicalize_name(pin.name) for pin in pins()}

    def test_each_is_one_that_facepipe_takes(self):
        wanted = {Requirement(text).name: Requirement(text).specifier for text in declared()}
        for pin in pins():
            (exactly,) = pin.specifier
            assert exactly.operator == "=="
            assert exactly.version in wanted.get(pin.name, exactly.version)


def declared():
    """What facepipe requires with the extras of a core device."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    texts = [config["options"]["install_requires"]]
    texts += [config["options.extras_require"][extra] for extra in EXTRAS]
    return [line for line in "\n".join(texts).splitlines() if line]


class CoreDevice:
    """Runs a component's steps as the nucleus does."""

    def __init__(self, folder, component):
        self.component = component
        self.artifacts, self.work = folder / "artifacts", folder / "work"
        self.settings = folder / "local.env"
        for made in (self.artifacts, self.work):
            made.mkdir(parents=True)
        for uri, path in component.files.items():
            (self.artifacts / uri.rpartition("/")[2]).write_bytes(path.read_bytes())

    def interpolated(self, text):
        known = {"artifacts:path": str(self.artifacts), "work:path": str(self.work)}
        for name, value in self.component.configuration["environment"].items():
            known[f"configuration:/environment/{name}"] = value
        # What the nucleus takes for a variable.
        return re.sub(r"\{([.\w]+:[^:}]+)\}", lambda found: known[found[1]], text)

    def run(self, step, **more):
        lifecycle = self.component.manifest["Lifecycle"]
        script = self.interpolated(lifecycle[step]["Script"])
        environment = {
            "AWS_IOT_THING_NAME": "hall-1",
            # The Python of the tests, for it has to load their packages.
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **{name: self.interpolated(value) for name, value in lifecycle["Setenv"].items()},
            **more,
        }
        script = script.replace("/etc/facepipe/local.env", str(self.settings))
        done = subprocess.run(
            ["sh", "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def device(component, tmp_path_factory):
    made = CoreDevice(tmp_path_factory.mktemp("core"), component)
    # The packages are those of the tests: see `packages`.
    (made.artifacts / "requirements.txt").write_text("# none\n")
    return made


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder with what facepipe imports, without facepipe."""
    folder = tmp_path_factory.mktemp("packages")
    site = Path(cv2.__file__).parent.parent
    for name in ("attr", "attrs", "cv2", "numpy", "numpy.libs", "opencv_python_headless.libs"):
        if (site / name).exists():
            (folder / name).symlink_to(site / name)
    return folder


@needs_terraform
class TestOnACoreDevice:
    def test_it_is_installed_over_what_was_begun_and_not_finished(self, device):
        version = device.component.recipe["ComponentVersion"]
        begun = device.work / f"venv-{version}" / "bin" / "rubbish"
        begun.parent.mkdir(parents=True)
        begun.touch()
        for seconds, name in enumerate(("venv-0.1.9", "venv-0.1.3", "venv-0.1.7")):
            (device.work / name).mkdir()
            os.utime(device.work / name, (seconds, seconds))
        device.run("install")
        assert not begun.exists()
        # The one that was in use is kept.
        assert {path.name for path in device.work.iterdir()} == {f"venv-{version}", "venv-0.1.7"}

    def test_it_is_not_installed_twice(self, device):
        files = {path: path.read_bytes() for path in device.artifacts.iterdir()}
        for path in files:
            path.unlink()
        device.run("install")
        for path, data in files.items():
            path.write_bytes(data)

    def test_it_runs_with_settings_of_all_cameras_and_its_own(self, device, packages, portraits):
        environment = device.component.configuration["environment"]
        pictures = Path(environment["FACEPIPE_SOURCE"])
        assert cv2.imwrite(str(pictures / "hopper.png"), portraits["hopper"])
        # There is no nucleus to talk to.
        device.settings.write_text("FACEPIPE_BUS=none\n")
        device.run("run", PYTHONPATH=str(packages))
        crops = list(Path(environment["FACEPIPE_CROPS_DIR"]).glob("faces/hall-1/**/*.jpg"))
        assert len(crops) == 1
