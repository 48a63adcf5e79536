from __future__ import annotations

import sys

import pytest

from facepipe_io.edge.aws import device_session
from facepipe_io.edge.settings import device_settings
from facepipe_io.errors import SettingsError
from tests.facepipe_io.edge.certificates import Authority
from tests.facepipe_io.edge.helpers import forget_aws
from tests.facepipe_io.edge.servers import CredentialsProvider, serving


def session(**given):
    return device_session(
        device_settings({}, camera="hall-1", source="demo", bucket="crops", **given)
    )


@pytest.fixture(autouse=True)
def _an_account(monkeypatch):
    forget_aws(monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


def test_credentials_are_those_of_the_usual_chain():
    found = session()
    assert found.get_credentials().access_key == "AKIA"
    assert found.region_name == "eu-west-1"


def test_a_device_with_a_certificate_has_its_own_credentials(tmp_path):
    authority = Authority(tmp_path)
    identity, provider = authority.identity(), CredentialsProvider()
    with serving(provider.respond, authority.server()) as host:
        found = session(
            credentials_endpoint=host,
            role_alias="cameras",
            certificate=identity.certificate,
            private_key=identity.key,
            ca=identity.ca,
        )
        assert not provider.requests
        assert found.get_credentials().get_frozen_credentials().token == "token1"
    assert provider.requests == [("/role-aliases/cameras/credentials", "hall-1", "hall-1")]


def test_without_boto3_the_person_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "facepipe_io.edge.credentials", raising=False)
    with pytest.raises(SettingsError, match=r"AWS needs boto3 .*: install facepipe\[aws\]"):
        session()
