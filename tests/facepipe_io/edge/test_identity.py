from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import attrs
import pytest
from cryptography.hazmat.primitives import serialization

from facepipe_io.edge.identity import Identity
from facepipe_io.errors import SettingsError
from tests.facepipe_io.edge.certificates import Authority, key_pem


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def identity(authority):
    return authority.identity()


def test_the_server_has_to_prove_who_it_is(identity):
    context = identity.context()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert [dict(pair[0] for pair in ca["subject"]) for ca in context.get_ca_certs()] == [
        {"commonName": "test CA"}
    ]


def test_the_systems_authorities_are_the_default(identity):
    """As many as Python's own context has, which on a machine without any are none."""
    ours = attrs.evolve(identity, ca=None).context().cert_store_stats()
    assert ours == ssl.create_default_context().cert_store_stats()


@pytest.mark.parametrize("name", ["certificate", "key", "ca"])
@pytest.mark.parametrize("path", ["none.pem", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_named(identity, tmp_path, name, path):
    broken = attrs.evolve(identity, **{name: str(tmp_path / path)})
    with pytest.raises(SettingsError, match=r"the device's .* cannot be read: ") as caught:
        broken.context()
    assert str(tmp_path / path) in str(caught.value)


@pytest.mark.parametrize("name", ["certificate", "key", "ca"])
@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_that_is_something_else_is_named(identity, tmp_path, name, content):
    (tmp_path / "file.pem").write_bytes(content)
    broken = attrs.evolve(identity, **{name: str(tmp_path / "file.pem")})
    with pytest.raises(SettingsError, match=r"file\.pem") as caught:
        broken.context()
    assert ("FACEPIPE_CA" in str(caught.value)) == (name == "ca")


def test_a_key_of_another_certificate(authority, identity):
    other = authority.identity("hall-2")
    with pytest.raises(SettingsError, match="are no certificate and its private key"):
        attrs.evolve(identity, key=other.key).context()


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(identity, tmp_path):
    key = serialization.load_pem_private_key(Path(identity.key).read_bytes(), None)
    (tmp_path / "locked.key").write_bytes(key_pem(key, b"secret"))
    with pytest.raises(SettingsError, match="without a passphrase"):
        attrs.evolve(identity, key=str(tmp_path / "locked.key")).context()


def test_files_that_are_replaced_count_from_the_next_context_on(authority, identity, tmp_path):
    mine = Identity(str(tmp_path / "my.pem"), str(tmp_path / "my.key"), identity.ca)
    with pytest.raises(SettingsError):
        mine.context()
    shutil.copy(identity.certificate, mine.certificate)
    shutil.copy(identity.key, mine.key)
    mine.context()
    shutil.copy(authority.identity("hall-2").key, mine.key)
    with pytest.raises(SettingsError):
        mine.context()
