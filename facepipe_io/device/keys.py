"""A camera's private key, the request for its certificate, and whether the two belong together."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from facepipe_io.errors import SettingsError, StoreError

# AWS IoT's rule for things; terraform/variables-cameras.tf has the same.
_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}\Z")

_COMMON_NAME_LENGTH = 64  # X.520, ub-common-name


@attrs.frozen
class CameraFiles:
    """Where a camera's files are on the operator's machine, in a folder of their own.

    Raises:
        SettingsError: when no camera can have that name.

    Example:
        >>> str(CameraFiles(Path("devices"), "hall-1").key)
        'devices/hall-1/hall-1.key'
    """

    parent: Path
    camera: str = attrs.field()

    @camera.validator
    def _check(self, _: object, value: str) -> None:
        if not _NAME.match(value):
            rule = "1 to 128 letters, digits, colons, underscores or hyphens"
            raise SettingsError([f"a camera's name must have {rule}, not {value!r}"])
        if value.lower() == "unknown":
            raise SettingsError(["no camera can be named unknown, which crops of no camera are"])

    @property
    def folder(self) -> Path:
        """The folder."""
        return self.parent / self.camera

    @property
    def key(self) -> Path:
        """The private key."""
        return self.folder / f"{self.camera}.key"

    @property
    def request(self) -> Path:
        """The certificate signing request."""
        return self.folder / f"{self.camera}.csr"

    @property
    def bundle(self) -> Path:
        """What the device is installed from, unless it is told to be elsewhere."""
        return self.folder / f"facepipe-{self.camera}.tar.gz"


def make_key(files: CameraFiles) -> None:
    """Make a camera's key and request. Nothing that is there already is touched.

    Raises:
        StoreError: when there is a key or a request already, or they cannot be written.
    """
    for path in (files.key, files.request):
        if path.exists():
            raise StoreError(
                str(path), "it is there already; take another name, or delete it for a new key"
            )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.NameAttribute(x509.NameOID.COMMON_NAME, files.camera[:_COMMON_NAME_LENGTH])
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([name]))
    try:
        if not files.parent.exists():
            files.parent.mkdir(mode=0o700, parents=True)
            (files.parent / ".gitignore").write_text("*\n")  # keys are not for repositories
        files.folder.mkdir(mode=0o700, exist_ok=True)
        files.folder.chmod(0o700)
        _write_new(
            files.key,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        _write_new(
            files.request,
            request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        )
    except OSError as error:
        raise StoreError(
            str(error.filename or files.folder), error.strerror or str(error)
        ) from error


def _write_new(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def read_key(files: CameraFiles, certificate: str) -> bytes:
    """Read a camera's private key, PEM, if a certificate is that key's.

    Args:
        files: the camera's.
        certificate: PEM.

    Raises:
        StoreError: when there is no key, or the certificate is another's or has expired.
    """
    try:
        pem = files.key.read_bytes()
        key = serialization.load_pem_private_key(pem, None)
    except FileNotFoundError as error:
        command = f"make one with `facepipe device new {files.camera}`"
        raise StoreError(str(files.key), f"there is no such file; {command}") from error
    except OSError as error:
        raise StoreError(str(files.key), error.strerror or str(error)) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # damaged, or with a password
        raise StoreError(str(files.key), "it is no private key in PEM without password") from error
    what = f"the certificate of {files.camera}"
    try:
        parsed = x509.load_pem_x509_certificate(certificate.encode())
        expires = parsed.not_valid_after_utc
        same = _public(parsed.public_key()) == _public(key.public_key())
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise StoreError(what, "it is no certificate in PEM; run `terraform apply`") from error
    if not same:
        raise StoreError(
            what, f"it is not for {files.key}; give Terraform {files.request} and apply it"
        )
    if expires < datetime.now(timezone.utc):
        raise StoreError(what, f"it expired on {expires:%Y-%m-%d}; make a new key and request")
    return pem


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
