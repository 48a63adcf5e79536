"""A real MQTT broker, mosquitto, on loopback, and somebody who listens to it."""

from __future__ import annotations

import getpass
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable

import attrs
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.facepipe_io.edge.certificates import Authority

SECONDS = 90.0


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many, all of them different: asked for one by one, the same may come again."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def wait_until(condition: Callable[[], Any], what: str) -> None:
    give_up_at = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, f"it did not happen: {what}"
        time.sleep(0.005)


class Broker:
    """mosquitto, which keeps its ports over restarts. A context manager that stops it.

    As on AWS IoT, a client may publish to `facepipe/<its client id>/...` alone. A second port lets
    anyone read and write everything.

    Args:
        folder: for its files.
        user: a name and a password that clients must give; anyone may come without.
        authority: of the broker's certificate, and of those that clients must have; no TLS
            without.
        port: where to listen; a free one by default.
    """

    def __init__(
        self,
        folder: Path,
        *,
        user: tuple[str, str] | None = None,
        authority: Authority | None = None,
        port: int | None = None,
    ) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            pytest.skip("mosquitto: not installed")
        own, self.open_port = free_ports(2)
        self.port = own if port is None else port
        folder.mkdir(exist_ok=True)
        (folder / "acl").write_text("pattern write facepipe/%c/#\n")
        lines = [
            f"user {getpass.getuser()}",  # started by root, it would not read the folder
            "per_listener_settings true",
            f"listener {self.open_port} 127.0.0.1",
            "allow_anonymous true",
            f"listener {self.port} 127.0.0.1",
            f"acl_file {folder}/acl",
            f"allow_anonymous {'true' if user is None else 'false'}",
        ]
        if user is not None:
            passwords = folder / "passwords"
            subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), *user], check=True)
            lines.append(f"password_file {passwords}")
        if authority is not None:
            authority.server()
            files = authority.folder / "server.pem"
            lines += [f"certfile {files}", f"keyfile {files}"]
            lines += [f"cafile {authority.ca}", "require_certificate true"]
        config = folder / "mosquitto.conf"
        config.write_text("".join(f"{line}\n" for line in lines))
        self._command = [program, "-c", str(config), "-v"]
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._listens, "mosquitto starts")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        for port in (self.port, self.open_port):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    return False
        return True

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(SECONDS)
            self._process = None

    def kill(self) -> None:
        """End it at once, as a power cut does; it forgets everything."""
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        self.kill()
        self.start()

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


@attrs.frozen
class Heard:
    topic: str
    message: Any
    qos: int
    retained: bool  # whether it was there before the listener came


class Listener:
    """Hears every message that a broker is sent. A context manager that hangs up."""

    def __init__(self, broker: Broker, *topics: str) -> None:
        self.heard: list[Heard] = []
        self._changed = threading.Condition()
        subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._hear
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", broker.open_port)
        self._client.subscribe([(topic, 1) for topic in topics or ("#",)])
        self._client.loop_start()
        assert subscribed.wait(SECONDS)

    def _hear(self, client, userdata, message) -> None:
        with self._changed:
            text = json.loads(message.payload)
            self.heard.append(Heard(message.topic, text, message.qos, message.retain))
            self._changed.notify_all()

    def messages(self, topic: str) -> list[Any]:
        return [heard.message for heard in self.heard if heard.topic == topic]

    def wait_for(self, topic: str, count: int = 1) -> list[Any]:
        """The messages under a topic, once there are so many."""
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self.messages(topic)) >= count, SECONDS)
            assert enough, f"heard only {self.heard}"
            return self.messages(topic)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
