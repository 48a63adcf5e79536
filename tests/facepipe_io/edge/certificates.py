"""Certificates for tests."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facepipe_io.edge.identity import Identity

DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority whose files lie in a folder.

    Attributes:
        ca: path of its certificate.
    """

    def __init__(self, folder: Path, name: str = "test CA") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self.ca = str(folder / "ca.pem")
        extensions = [(x509.BasicConstraints(ca=True, path_length=0), True), (_CERT_SIGN, True)]
        Path(self.ca).write_bytes(self._sign(self._name, self._key, 365, extensions))

    def identity(self, name: str = "hall-1", *, days: float = 1) -> Identity:
        """A device's certificate that ends in so many days; it trusts this authority's servers."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(self._sign(_name(name), key, days, [(usage, False)]))
        paths[1].write_bytes(_pem(key))
        return Identity(str(paths[0]), str(paths[1]), self.ca)

    def server(self) -> Path:
        """A certificate and its key, in one file, of a server on loopback."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        names = x509.SubjectAlternativeName([address])
        path = self.folder / "server.pem"
        path.write_bytes(self._sign(_name("server"), key, 1, [(names, False)]) + _pem(key))
        return path

    def _sign(self, subject, key, days, extensions) -> bytes:
        now = datetime.datetime.now(datetime.timezone.utc)
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 30 * DAY)
            .not_valid_after(now + days * DAY)
            # Python 3.13 and later refuse certificates without these two.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(ours, False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


_CERT_SIGN = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
