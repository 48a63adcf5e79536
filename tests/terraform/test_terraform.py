"""Terraform's own checks and tests, on a copy of the root."""

from __future__ import annotations

import os
import re

import pytest

from tests.rehearsal.terraform import Terraform, installed

pytestmark = pytest.mark.skipif(not installed(), reason="terraform: not installed")


@pytest.fixture(scope="module")
def terraform(tmp_path_factory):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    made = Terraform(tmp_path_factory.mktemp("copy") / "terraform", environment, variables={})
    made.init()
    return made


def test_it_is_formatted(terraform):
    terraform.run("fmt", "-check", "-recursive")


def test_it_is_valid(terraform):
    terraform.run("validate", "-no-tests")  # those are looked at when they run


@pytest.mark.timeout(900)  # a hundred applies, on however many cores there are
def test_its_own_tests_pass(terraform):
    with terraform.one_provider():
        passed = re.search(r"(\d+) passed, 0 failed", terraform.run("test"))
    assert passed is not None
    assert int(passed[1]) >= 150
