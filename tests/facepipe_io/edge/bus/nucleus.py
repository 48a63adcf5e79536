"""Stands in for the nucleus of Greengrass V2: speaks event-stream RPC over a Unix socket.

A message is a prelude (its length, that of the headers, a CRC of both), headers, a payload and a
CRC of all. See "Event stream encoding" in Amazon Transcribe's developer guide, and awscrt's
`eventstream/rpc.py` for the RPC on top of it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
import threading
import zlib
from pathlib import Path

from botocore.eventstream import EventStreamBuffer

TOKEN = "the token"

MESSAGE, ERROR, CONNECT, CONNECT_ACK = 0, 1, 4, 5  # :message-type
ACCEPTED, LAST = 1, 2  # :message-flags


class Nucleus:
    """Takes what components publish to AWS IoT Core. A context manager that ends it.

    Attributes:
        published: topic, message and quality of service of each.
        allowed: beginning of the topics that may be published to.
        silent: what it does not answer: CONNECT, MESSAGE or nothing (None).
        connections: how many there were.
    """

    def __init__(self, path: Path) -> None:
        self.published: list[tuple[str, object, str]] = []
        self.allowed = "facepipe/hall/"
        self.silent: int | None = None
        self.connections = 0
        self.asked = threading.Event()  # for something that it does not answer
        self._path = path
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(5)
        self._serve(self._accept)

    def stop(self) -> None:
        # A socket that is only closed does not wake the thread that waits for it.
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for sock in (self._listener, *self._sockets):
            sock.close()
        self._sockets, self._threads = [], []
        self._path.unlink()

    def __enter__(self) -> Nucleus:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def environ(self) -> dict[str, str]:
        return {
            "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": os.fspath(self._path),
            "SVCUID": TOKEN,
        }

    def _serve(self, target, *args) -> None:
        self._threads.append(threading.Thread(target=target, args=args))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                self.connections += 1
                self._sockets.append(connection)
                self._serve(self._talk, connection)

    def _talk(self, connection: socket.socket) -> None:
        received = EventStreamBuffer()  # which checks lengths and CRCs
        with contextlib.suppress(OSError):
            while True:
                data = connection.recv(4096)
                if not data:
                    return
                received.add_data(data)
                for event in received:
                    if event.headers[":message-type"] == self.silent:
                        self.asked.set()
                        continue
                    connection.sendall(self._answer(event.headers, json.loads(event.payload)))

    def _answer(self, headers, payload) -> bytes:
        stream = headers[":stream-id"]
        if headers[":message-type"] == CONNECT:
            assert headers[":version"] == "0.1.0"
            known = payload == {"authToken": TOKEN}
            return encode(CONNECT_ACK, ACCEPTED if known else 0, stream)
        assert headers["operation"] == "aws.greengrass#PublishToIoTCore"
        topic = payload["topicName"]
        if not topic.startswith(self.allowed):
            problem = {"message": f"not authorized to publish to {topic}"}
            return encode(ERROR, LAST, stream, "UnauthorizedError", problem)
        if topic.endswith("/full"):
            return encode(ERROR, LAST, stream, "ServiceError", {"message": "the spool is full"})
        message = json.loads(base64.b64decode(payload["payload"]))
        self.published.append((topic, message, payload["qos"]))
        return encode(MESSAGE, LAST, stream, "PublishToIoTCoreResponse", {})


def encode(kind: int, flags: int, stream: int, shape: str = "", payload: object = None) -> bytes:
    """A message of the RPC."""
    headers = b"".join(
        _header(name, 4, struct.pack(">i", value))
        for name, value in (
            (":message-type", kind),
            (":message-flags", flags),
            (":stream-id", stream),
        )
    )
    body = b""
    if shape:
        headers += _text(":content-type", "application/json")
        headers += _text("service-model-type", f"aws.greengrass#{shape}")
        body = json.dumps(payload).encode()
    lengths = struct.pack(">II", 12 + len(headers) + len(body) + 4, len(headers))
    start = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + body
    return start + struct.pack(">I", zlib.crc32(start))


def _header(name: str, kind: int, value: bytes) -> bytes:
    return bytes([len(name)]) + name.encode() + bytes([kind]) + value


def _text(name: str, value: str) -> bytes:
    return _header(name, 7, struct.pack(">H", len(value)) + value.encode())
