"""What one running emulator is made of, and its list of what it lacked."""

from __future__ import annotations

import logging
from pathlib import Path

import attrs

from tests.emulator.authority import Authority

#: moto's only account.
ACCOUNT = "123456789012"

#: The account's root user. With enforcement on, this key alone needs no policy.
ROOT_KEYS = {"aws_access_key_id": "AKIAEMULATORROOT0000", "aws_secret_access_key": "emulator"}

#: A request with this header and the value `http` counts as one without TLS. All others count as
#: TLS, although loopback has none: nobody but the machine itself hears them.
TRANSPORT_HEADER = "X-Emulator-Transport"

log = logging.getLogger("emulator")


@attrs.define
class Settings:
    """One running emulator.

    Attributes:
        folder: for its files; gone when it stops.
        authority: signs certificates of cameras.
        url: of the emulator, known once it listens.
        device_address: host and port, with TLS, that cameras call.
        retry_seconds: how long a failed message stays hidden, instead of the queue's visibility
            timeout, so that nobody waits minutes for a dead letter.
        lacking: each thing asked for that neither moto nor a shim has.
    """

    folder: Path
    authority: Authority
    url: str = ""
    device_address: str = ""
    retry_seconds: int = 1
    lacking: list[str] = attrs.Factory(list)

    def lack(self, what: str) -> None:
        """Remember something that was asked for in vain."""
        log.error("LACKING %s", what)
        self.lacking.append(what)
