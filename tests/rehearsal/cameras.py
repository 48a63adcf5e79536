"""What a camera does by itself: make its key, run its program, call AWS IoT."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Mapping
from urllib.parse import quote

import attrs

from tests.emulator import Emulator
from tests.emulator.client import ROOT_KEYS
from tests.rehearsal.terraform import ROOT

_HEALTH = re.compile(r" (facepipe/[^/ ]+/health) (\{.*\})$")


@attrs.define
class Camera:
    """A camera with a key of its own.

    Attributes:
        name: its thing's name.
        folder: where its files are: `<name>.key`, `.csr` and, once it has one, `.pem`.
    """

    name: str
    folder: Path

    def make_key(self) -> str:
        """Make key and certificate signing request, as the documentation says; the request."""
        command = (
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
            f"-keyout {self.name}.key -out {self.name}.csr -subj /CN={self.name}"
        )
        subprocess.run(command.split(), cwd=self.folder, check=True, capture_output=True)
        return (self.folder / f"{self.name}.csr").read_text()

    def install(self, certificate: str) -> None:
        """Put the certificate beside the key."""
        (self.folder / f"{self.name}.pem").write_text(certificate)

    def credentials(self, aws: Emulator, role_alias: str, *, thing: str | None = None) -> Any:
        """Short-lived credentials, as boto3 takes them.

        Args:
            aws: the emulator.
            role_alias: the role alias to ask for.
            thing: whom to ask for; itself if not given.

        Raises:
            PermissionError: if they are refused.
        """
        headers = {"x-amzn-iot-thingname": thing or self.name}
        found = self._call(aws, f"/role-aliases/{role_alias}/credentials", None, headers)
        given = json.loads(found)["credentials"]
        return {
            "aws_access_key_id": given["accessKeyId"],
            "aws_secret_access_key": given["secretAccessKey"],
            "aws_session_token": given["sessionToken"],
        }

    def connect(self, aws: Emulator, client_id: str | None = None) -> None:
        """Connect by MQTT, or what stands in for it (see tests/emulator/devices.py).

        Args:
            aws: the emulator.
            client_id: as whom; as itself if not given.

        Raises:
            PermissionError: if it is refused.
        """
        self._call(aws, self._session(client_id), b"", {})

    def publish(
        self,
        aws: Emulator,
        topic: str,
        message: Mapping[str, Any],
        *,
        client_id: str | None = None,
        mqtt: bool = True,
    ) -> None:
        """Send a message.

        Args:
            aws: the emulator.
            topic: where to.
            message: becomes JSON.
            client_id: as whom to connect; as itself if not given.
            mqtt: whether by MQTT; else by HTTPS, which knows no client id.

        Raises:
            PermissionError: if it is refused.
        """
        session = self._session(client_id) if mqtt else ""
        self._call(aws, f"{session}/topics/{topic}", json.dumps(message).encode(), {})

    def run(
        self,
        aws: Emulator,
        role_alias: str,
        bucket: str,
        source: str = "demo",
        *,
        seconds: float | None = None,
        **settings: str,
    ) -> None:
        """Run deeplens_entry.py to the end of a source; it gets its credentials by itself.

        What it says of its health is sent on as it comes, since the emulator has no MQTT.

        Args:
            aws: the emulator.
            role_alias: the role alias to ask credentials of.
            bucket: for crops.
            source: what it watches.
            seconds: after which it is told to end; None for at the end of the source.
            settings: more of its environment.

        Raises:
            RuntimeError: if it fails; says what it wrote.
        """
        environment = {
            name: value
            for name, value in aws.environment().items()
            if "FACEPIPE" not in name and name.lower() not in ROOT_KEYS
        }
        environment.update(
            FACEPIPE_CAMERA=self.name,
            FACEPIPE_SOURCE=source,
            FACEPIPE_BUCKET=bucket,
            FACEPIPE_SPOOL_DIR=os.fspath(self.folder / f"{self.name}-spool"),
            FACEPIPE_BUS="log",
            FACEPIPE_CREDENTIALS_ENDPOINT=aws.device_url.replace("https://", ""),
            FACEPIPE_ROLE_ALIAS=role_alias,
            FACEPIPE_CERTIFICATE=os.fspath(self.folder / f"{self.name}.pem"),
            FACEPIPE_PRIVATE_KEY=os.fspath(self.folder / f"{self.name}.key"),
            FACEPIPE_CA=os.fspath(aws.ca_file),
        )
        environment.update(settings)
        program = [sys.executable, os.fspath(ROOT / "deeplens_entry.py")]
        said = []
        with subprocess.Popen(
            program, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            end = threading.Timer(seconds or threading.TIMEOUT_MAX, process.terminate)
            end.daemon = True
            end.start()
            for line in process.stderr:
                said.append(line)
                health = _HEALTH.search(line)
                if health:
                    self.publish(aws, health[1], json.loads(health[2]))
            end.cancel()
        if process.returncode:
            raise RuntimeError(f"the camera's program failed:\n{''.join(said)}")

    def _session(self, client_id: str | None) -> str:
        return f"/mqtt/{quote(client_id or self.name, safe='')}"

    def _call(
        self, aws: Emulator, path: str, data: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        context = ssl.create_default_context(cafile=os.fspath(aws.ca_file))
        files = (self.folder / f"{self.name}.pem", self.folder / f"{self.name}.key")
        context.load_cert_chain(*files)
        request = urllib.request.Request(aws.device_url + path, data, dict(headers))
        try:
            with urllib.request.urlopen(request, context=context, timeout=90) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                said = f"{error.code}: {error.read().decode()}"
            raise (PermissionError if error.code == 403 else RuntimeError)(said) from None
