"""Starting the emulator, asking it, stopping it: for tests and rehearsals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Iterator, Mapping

import attrs
import boto3
from botocore.config import Config

from tests.emulator.settings import ROOT_KEYS, TRANSPORT_HEADER

_ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"

# One for all clients, since a session reads each service's model only once.
_SESSION = boto3.session.Session()


@attrs.frozen
class Emulator:
    """A running emulator.

    Attributes:
        url: for AWS_ENDPOINT_URL.
        device_url: where cameras get their credentials, with TLS and their certificate.
        ca_file: the authority that signed the certificate of `device_url`.
        log_file: what it writes.
    """

    url: str
    device_url: str
    ca_file: Path
    log_file: Path
    _clients: dict[Any, Any] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    def environment(self) -> dict[str, str]:
        """This process's environment, for programs that are to find AWS here, as root."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **{name.upper(): value for name, value in ROOT_KEYS.items()},
        }

    def client(self, service: str, keys: Mapping[str, str] = ROOT_KEYS, *, tls: bool = True) -> Any:
        """A boto3 client that does not try again.

        Args:
            service: as boto3 names it.
            keys: of whom; `aws_access_key_id` and so on. The root user's if not given.
            tls: whether its requests count as sent with TLS.
        """
        wanted = (service, tuple(sorted(keys.items())), tls)
        if wanted not in self._clients:
            config = Config(retries={"total_max_attempts": 1}, max_pool_connections=4)
            made = _SESSION.client(
                service, region_name=REGION, endpoint_url=self.url, config=config, **keys
            )
            if not tls:
                made.meta.events.register("before-send", _without_tls)
            self._clients[wanted] = made
        return self._clients[wanted]

    def enforce_iam(self, on: bool = True) -> None:
        """Turn enforcement of policies on or off."""
        self._ask("/moto-api/reset-auth", b"0" if on else b"inf", {"Content-Type": "text/plain"})

    def reset(self) -> None:
        """Empty the account."""
        self._ask("/moto-api/reset", b"")

    def lacking(self) -> list[str]:
        """What was asked for, so far, that neither moto nor a shim has."""
        return list(self._ask("/emulator/lacking"))

    def evaluate_alarms(self, at: datetime) -> dict[str, str]:
        """Set every alarm to its state as of a time, which may be one to come.

        Args:
            at: with a time zone.

        Returns:
            `OK`, `ALARM` or `INSUFFICIENT_DATA` by the alarms' names.
        """
        query = urllib.parse.urlencode({"at": at.isoformat()})
        return dict(self._ask(f"/emulator/alarms?{query}", b""))

    def components(self, thing: str) -> dict[str, Any]:
        """What Greengrass would have a core device run: recipes by the components' names."""
        query = urllib.parse.urlencode({"thing": thing})
        return dict(self._ask(f"/emulator/components?{query}"))

    def log(self) -> str:
        """All that it wrote so far."""
        return self.log_file.read_text("utf-8", "replace")

    def close(self) -> None:
        """Close the connections of all clients."""
        for client in self._clients.values():
            client.close()

    def _ask(
        self, path: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        request = urllib.request.Request(self.url + path, data, dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"emulator: {path}: {error.read().decode()}") from None


def _without_tls(request: Any, **_: Any) -> None:
    request.headers[TRANSPORT_HEADER] = "http"


@contextmanager
def running(*arguments: str, log_file: Path | None = None) -> Iterator[Emulator]:
    """An emulator in a process of its own, from when it answers until the block ends.

    Args:
        arguments: of `python -m tests.emulator`.
        log_file: where its log goes; a temporary file if not given.

    Raises:
        RuntimeError: if it does not start; says why.
    """
    with tempfile.TemporaryDirectory(prefix="facepipe-emulator-log-") as folder:
        path = log_file or Path(folder, "emulator.log")
        with path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.emulator", *arguments],
                cwd=_ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        with process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError(f"the emulator did not start:\n{path.read_text()}")
                where = json.loads(line)
                emulator = Emulator(where["url"], where["device_url"], Path(where["ca_file"]), path)
                yield emulator
                emulator.close()
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
