"""A camera with a key, the stack that knows it, and the packages that travel with a bundle."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from cryptography import x509

from facepipe_io import cli
from facepipe_io.device.keys import CameraFiles, make_key
from facepipe_io.device.stack import read_outputs
from facepipe_io.device.wheel import build_wheel, fetch_pip
from tests.emulator.authority import Authority


@pytest.fixture(scope="session")
def authority():
    return Authority.make()


@pytest.fixture
def certify(authority):
    """Gives the certificate that AWS IoT would make of a camera's request."""

    def certify(files):
        request = x509.load_pem_x509_csr(files.request.read_bytes())
        return authority.issue(request.subject, request.public_key())

    return certify


@pytest.fixture
def files(tmp_path):
    files = CameraFiles(tmp_path / "devices", "hall-1")
    make_key(files)
    return files


@pytest.fixture
def outputs(files, certify, tmp_path):
    """What `terraform output -json` says of a stack with that camera."""
    values = {
        "region": "eu-west-1",
        "bucket": "deeplens-faces",
        "role_alias": "deeplens-camera",
        "credentials_endpoint": "c1.credentials.iot.eu-west-1.amazonaws.com",
        "messages_endpoint": "a1-ats.iot.eu-west-1.amazonaws.com",
        "camera_certificates": {"hall-1": certify(files)},
        "dashboard_url": "https://example.com",
    }
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps({name: {"value": value} for name, value in values.items()}))
    return path


@pytest.fixture
def stack(outputs):
    return read_outputs(outputs)


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """The wheels of facepipe and of pip, in a folder; they need PyPI."""
    folder = tmp_path_factory.mktemp("packages")
    for entry in (build_wheel(), fetch_pip()):
        (folder / entry.name).write_bytes(entry.data)
    return folder


@pytest.fixture
def facepipe(monkeypatch, tmp_path):
    """Types a command, in a folder of its own, and gives what came of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def typed(*words):
        return CliRunner().invoke(cli.main, ["device", *(str(word) for word in words)])

    return typed
