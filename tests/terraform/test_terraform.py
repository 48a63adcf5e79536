"""Terraform's own checks and tests, on a copy of the root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from tests.rehearsal.terraform import ROOT, installed, provider_mirror

pytestmark = pytest.mark.skipif(not installed(), reason="terraform: not installed")


@pytest.fixture(scope="module")
def terraform(tmp_path_factory):
    """Run Terraform in a copy of the root; gives exit code and output."""
    folder = tmp_path_factory.mktemp("copy") / "terraform"
    ignore = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfvars")
    shutil.copytree(ROOT / "terraform", folder, symlinks=True, ignore=ignore)

    def run(*arguments):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }
        return subprocess.run(
            ["terraform", *arguments], cwd=folder, env=environment, capture_output=True, text=True
        )

    mirror = provider_mirror()
    done = run("init", "-backend=false", *([f"-plugin-dir={mirror}"] if mirror else []))
    assert done.returncode == 0, done.stderr
    return run


def test_it_is_formatted(terraform):
    done = terraform("fmt", "-check", "-recursive")
    assert done.returncode == 0, f"terraform fmt would change {done.stdout}"


def test_it_is_valid(terraform):
    done = terraform("validate", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_own_tests_pass(terraform):
    done = terraform("test", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed, 0 failed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 75
