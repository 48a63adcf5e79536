"""Browsers, well-behaved and not, as small real clients of the live page."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import contextmanager
from typing import Any, Callable, Iterator

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

WAIT = 90  # seconds, after which a test has failed; nothing takes that long


def run(scenario: Any) -> Any:
    """Run a scenario with clients in it to its end."""
    return asyncio.run(asyncio.wait_for(scenario, WAIT))


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    while not condition():
        await asyncio.sleep(0.002)


async def fetch(url: str, path: str = "", **more: Any) -> HTTPResponse:
    """Ask for something, and take the answer whatever it is; redirects are not followed."""
    more = {"follow_redirects": False, "decompress_response": False, **more}
    request = HTTPRequest(url.partition("?")[0] + path, request_timeout=WAIT, **more)
    client = AsyncHTTPClient(force_instance=True)
    try:
        return await client.fetch(request, raise_error=False)
    finally:
        client.close()


class Watcher:
    """Somebody who watches, in an `async with`."""

    def __init__(self, url: str, **headers: str) -> None:
        address = url.partition("?")[0].replace("http", "ws") + "watch"
        self._request = HTTPRequest(address, headers=headers, request_timeout=WAIT)
        self.connection: WebSocketClientConnection
        self._is_over = False

    async def __aenter__(self) -> Watcher:
        self.connection = await websocket_connect(self._request)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.connection.close()
        await self.closed()

    async def next(self) -> Any:
        """The next message: a picture, or what the figures say; None at the end."""
        message = await self.connection.read_message()
        self._is_over = message is None
        return json.loads(message) if isinstance(message, str) else message

    async def figures(self, **wanted: Any) -> Any:
        """The next figures of which all of these hold."""
        while True:
            message = await self.next()
            assert message is not None, self.connection.close_code
            if isinstance(message, dict) and wanted.items() <= message.items():
                return message

    async def picture(self, wanted: bytes | None = None) -> bytes:
        """The next picture; or this one, when it comes."""
        while True:
            message = await self.next()
            assert message is not None, self.connection.close_code
            if isinstance(message, bytes) and wanted in (None, message):
                return message

    async def closed(self) -> int | None:
        """Wait for the end; the code it is closed with."""
        while not self._is_over:
            await self.next()
        return self.connection.close_code


@contextmanager
def connected(port: int, data: bytes = b"") -> Iterator[socket.socket]:
    """A connection that has sent something."""
    with socket.create_connection(("127.0.0.1", port), WAIT) as connection:
        connection.sendall(data)
        yield connection


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes, or cuts off."""
    data = b""
    try:
        while True:
            more = connection.recv(1 << 16)
            if not more:
                return data
            data += more
    except ConnectionResetError:
        return data


HANDSHAKE = (
    b"GET /watch HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def websocket_frame(opcode: int, data: bytes = b"", *, final: bool = True) -> bytes:
    """A frame as a browser sends it, of less than 126 bytes."""
    return bytes([opcode | 0x80 * final, 0x80 | len(data)]) + bytes(4) + data
