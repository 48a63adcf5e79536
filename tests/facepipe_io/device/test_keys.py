from __future__ import annotations

import base64
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from facepipe_io.device.keys import CameraFiles, make_key, read_key
from facepipe_io.errors import SettingsError, StoreError
from tests.rehearsal.terraform import ROOT, installed

# Its own rules, as modules/device/main.tf applies them to the text of each file.
WHOLE = """
variable "cameras" { type = map(string) }
output "whole" {
  value = alltrue([
    for name, text in local.csr_base64 :
    length(text) % 4 == 0 && local.csr_bytes[name] == local.csr_bytes_declared[name]
  ])
}
"""
ROOT_MODULE = """
module "csr" {
  source  = "./csr"
  cameras = { for name, path in var.cameras : name => file(path) }
}
output "whole" { value = module.csr.whole }
"""


NAMES = st.from_regex(r"[a-zA-Z0-9:_-]{1,128}", fullmatch=True)


def mode(path):
    return path.stat().st_mode & 0o777


def test_only_its_owner_can_read_what_is_made(files):
    assert (mode(files.folder), mode(files.key), mode(files.request)) == (0o700, 0o600, 0o600)
    assert (files.parent / ".gitignore").read_text() == "*\n"


def test_the_request_is_for_the_key_and_names_the_camera(files):
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    request = x509.load_pem_x509_csr(files.request.read_bytes())
    assert key.curve.name == "secp256r1"
    assert request.public_key() == key.public_key()
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=hall-1"


@pytest.mark.parametrize("suffix", ["key", "csr"])
def test_nothing_is_overwritten(tmp_path, suffix):
    files = CameraFiles(tmp_path, "hall-1")
    files.folder.mkdir()
    there = files.folder / f"hall-1.{suffix}"
    there.write_text("precious")
    with pytest.raises(StoreError, match="it is there already"):
        make_key(files)
    assert [path.name for path in files.folder.iterdir()] == [there.name]
    assert there.read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path):
    (tmp_path / "devices").write_text("a file")
    with pytest.raises(StoreError, match="Not a directory"):
        make_key(CameraFiles(tmp_path / "devices", "hall-1"))


@given(NAMES.filter(lambda name: name.lower() != "unknown"))
def test_every_name_that_aws_iot_takes_is_a_cameras(name):
    assert CameraFiles(Path("devices"), name).key == Path("devices", name, name + ".key")


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", "hall 1", "a" * 129, "hall-1\n", "ü", "a.b", "Unknown"]
)
def test_no_other_name_is(name):
    with pytest.raises(SettingsError):
        CameraFiles(Path("devices"), name)


@pytest.mark.skipif(not installed(), reason="terraform: not installed")
def test_terraform_takes_the_requests(tmp_path):
    """The shortest name and the longest: their requests tell their lengths in two ways."""
    cameras = {}
    for name in ("a", "hall:1", "b" * 128):
        files = CameraFiles(tmp_path / "devices", name)
        make_key(files)
        cameras[name] = f"../devices/{name}/{name}.csr"
    folder = tmp_path / "terraform"
    shutil.copytree(ROOT / "terraform" / "tests" / "inputs", folder)
    (folder / "csr").mkdir()
    shutil.copy(ROOT / "terraform" / "modules" / "device" / "csr.tf", folder / "csr")
    (folder / "csr" / "main.tf").write_text(WHOLE)
    (folder / "main.tf").write_text(ROOT_MODULE)
    for zip_ in ("scorer", "edge"):
        shutil.copy(ROOT / "terraform/tests/fixtures/stand-in.zip", folder / f"{zip_}.zip")
    listed = ", ".join(f'"{name}" = "{path}"' for name, path in cameras.items())
    (folder / "terraform.tfvars").write_text(
        f'cameras = {{ {listed} }}\nscorer_zip = "scorer.zip"\nedge_zip = "edge.zip"\n'
    )
    for words in (["init"], ["apply", "-auto-approve"]):
        done = subprocess.run(
            ["terraform", f"-chdir={folder}", *words, "-no-color"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert "whole = true" in done.stdout


def test_a_key_is_read_for_its_own_certificate(files, certify):
    assert read_key(files, certify(files)) == files.key.read_bytes()


def test_another_keys_certificate_is_refused(files, certify, tmp_path):
    other = CameraFiles(tmp_path / "devices", "hall-2")
    make_key(other)
    with pytest.raises(
        StoreError, match=r"it is not for .*hall-1.key; give Terraform .*hall-1.csr"
    ):
        read_key(files, certify(other))


def test_a_certificate_that_expired_is_refused(files):
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hall-1")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now - timedelta(days=1))
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(StoreError, match=r"it expired on 20\d\d-"):
        read_key(files, pem)


# How DER has these: version 3 of a certificate, and all but the end of its curve.
VERSION_3, PRIME256V1 = bytes.fromhex("a003020102"), bytes.fromhex("06082a8648ce3d030107")


def changed(pem, there, last):
    """A PEM with another last byte of something in it."""
    begin, *lines, end, _ = pem.split(b"\n")
    data = base64.b64decode(b"".join(lines)).replace(there, there[:-1] + last)
    return b"\n".join([begin, base64.b64encode(data), end, b""])


@pytest.mark.parametrize(("there", "last"), [(VERSION_3, b"\x07"), (PRIME256V1, b"\x03")])
def test_a_certificate_that_is_none_is_refused(files, certify, there, last):
    odd = changed(certify(files).encode(), there, last).decode()
    for text in ("-----BEGIN", odd):
        with pytest.raises(StoreError, match="it is no certificate in PEM"):
            read_key(files, text)


def test_a_key_that_is_missing_or_damaged_is_told_of(files, certify):
    certificate = certify(files)
    pem = files.key.read_bytes()
    files.key.write_bytes(pem[:100])
    with pytest.raises(StoreError, match="it is no private key in PEM") as caught:
        read_key(files, certificate)
    assert pem[40:80].decode() not in str(caught.value)
    files.key.write_bytes(changed(pem, PRIME256V1, b"\x03"))
    with pytest.raises(StoreError, match="it is no private key in PEM"):
        read_key(files, certificate)
    files.key.unlink()
    with pytest.raises(StoreError, match="facepipe device new hall-1"):
        read_key(files, certificate)
