"""What is sent to the live page's server: requests, and messages of those who watch."""

from __future__ import annotations

import functools
import itertools
import logging
import re
import socket
from contextlib import contextmanager, suppress
from typing import Iterator
from unittest import mock

from facepipe_io.edge.live import pages
from facepipe_io.edge.live.address import is_loopback, listen
from facepipe_io.edge.live.scene import Scene
from facepipe_io.edge.live.server import LiveServer

_SECONDS = 30.0  # for an answer, which takes a few milliseconds
_SILENCE = 0.02  # after which whoever sent half of something leaves
_ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_TOKEN = "0123456789abcdef"
_WATCH = (
    b"GET /watch HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@functools.lru_cache(maxsize=None)
def _server(token: str) -> LiveServer:
    """One for the whole process, in which every request has its turn at once."""
    server = LiveServer(
        listen("127.0.0.1", 0), "127.0.0.1", Scene("hall"),
        token=token, places=3, on_viewer=lambda: None,
    )  # fmt: skip
    server._site.turns = pages.Turns(itertools.count().__next__)
    return server


def _said(port: int, data: bytes, silence: float) -> bytes:
    """All that is answered until the connection ends, or nothing comes for so long."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), _SECONDS) as client, suppress(OSError):
        client.sendall(data)
        client.settimeout(silence)
        for piece in iter(lambda: client.recv(65536), b""):
            answer += piece
    return answer


@contextmanager
def _no_fault() -> Iterator[None]:
    """Nothing is logged that tells of a fault."""
    faults = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info:
                faults.append(record.getMessage())

    handler = Handler(logging.ERROR)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    assert not faults, faults


def _check(token: str, data: bytes) -> None:
    server = _server(token)
    with _no_fault(), mock.patch.object(pages, "GUESS_SECONDS", 0.0):
        answer = _said(server.port, data, _SILENCE)
        again = _said(server.port, _ASK, _SECONDS)
    for status in re.findall(rb"^HTTP/1\.1 ([0-9]{3}) ", answer, re.MULTILINE):
        assert status < b"500"
    assert again.startswith(b"HTTP/1.1 401 " if token else b"HTTP/1.1 200 ")


def page(data: bytes) -> None:
    """Whatever is asked of the page: it is there for the next one."""
    _check("", data)


def door(data: bytes) -> None:
    """Likewise where a token opens it."""
    _check(_TOKEN, data)


def watch(data: bytes) -> None:
    """Likewise of those who watch, and say something."""
    _check("", _WATCH + data)


def host(data: bytes) -> None:
    """What passes for this machine in a request's Host header names no other one."""
    name = pages._host_name(data.decode("latin-1"))
    if is_loopback(name):
        assert name == "localhost" or re.match(r"127(\.[0-9]{1,3}){3}\Z|[0:.]*1(%.*)?\Z", name)


PARSERS = {"page": page, "door": door, "watch": watch, "host": host}
