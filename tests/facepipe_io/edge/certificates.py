"""Certificates of devices and servers, for tests."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facepipe_io.edge.identity import Identity

DAY = datetime.timedelta(days=1)


def utcnow() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


class Authority:
    """A certificate authority whose files lie in a folder.

    Attributes:
        ca: path of its certificate.
    """

    def __init__(self, folder: Path, name: str = "test CA") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca = str(folder / "ca.pem")
        certificate = self._sign(
            self._name,
            self._key.public_key(),
            utcnow() + 365 * DAY,
            [(x509.BasicConstraints(ca=True, path_length=0), True), (_CERT_SIGN, True)],
            start=utcnow() - 365 * DAY,
        )
        Path(self.ca).write_bytes(certificate)

    def identity(self, name: str = "hall-1", *, days: float = 1, trusts: str | None = None):
        """A device's certificate that ends in so many days; it trusts this authority's servers."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = self._issue(name, key, utcnow() + days * DAY, [(usage, False)])
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate)
        paths[1].write_bytes(key_pem(key))
        return Identity(str(paths[0]), str(paths[1]), trusts or self.ca)

    def server(self, host: str = "127.0.0.1", *, start=None, end=None) -> ssl.SSLContext:
        """For a server that demands a certificate of this authority's."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        certificate = self._issue("server", key, end or utcnow() + DAY, [(names, False)], start)
        path = self.folder / "server.pem"
        path.write_bytes(certificate + key_pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(path))
        context.load_verify_locations(self.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _issue(self, name, key, end, extensions, start=None):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._sign(subject, key.public_key(), end, extensions, start)

    def _sign(self, subject, public_key, end, extensions, start=None):
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start or min(utcnow(), end) - 2 * DAY)
            .not_valid_after(end)
            # Python 3.13 and later refuse certificates without these two.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(ours, critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)


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


def key_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes = b"") -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption(),
    )
