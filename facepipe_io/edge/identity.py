"""Who a device is to AWS IoT and to brokers: its X.509 certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

import attrs

from facepipe_io.errors import SettingsError


@attrs.frozen
class Identity:
    """A device's certificate and private key, as files.

    Attributes:
        certificate: path of the certificate, PEM.
        key: path of its private key, PEM.
        ca: path of the certificates of those whose word on a server is believed, PEM; the system's
            by default.
    """

    certificate: str
    key: str
    ca: str | None = None

    def context(self) -> ssl.SSLContext:
        """For a connection to a server that has to prove who it is, and asks who this is.

        The files are read now, so that a certificate that was renewed counts from the next
        context on.

        Raises:
            SettingsError: when one of the files cannot be read, or they do not belong together.
        """
        for path in filter(None, (self.certificate, self.key, self.ca)):
            try:
                with Path(path).open("rb"):
                    pass
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                raise SettingsError([f"the device's {path} cannot be read: {reason}"]) from error
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except ssl.SSLError as error:
            raise SettingsError(
                [f"FACEPIPE_CA, {self.ca}, has no certificate in PEM in it: {error}"]
            ) from error
        try:
            # Without a password, OpenSSL would ask the terminal for that of an encrypted key.
            context.load_cert_chain(self.certificate, self.key, password="")
        except ssl.SSLError as error:
            raise SettingsError(
                [
                    f"{self.certificate} and {self.key} are no certificate and its private key in "
                    f"PEM, without a passphrase: {error}"
                ]
            ) from error
        return context
