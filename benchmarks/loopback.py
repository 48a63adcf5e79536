"""S3 and a broker on loopback, in a process of their own: they take everything, and count.

Beside whoever is measured, so that its processor time is its own. A request may take a round trip's
time, and all of them together no more than a bandwidth, as over a real link.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator

import attrs

from facepipe_io.edge.bus import Bus

ROOT = Path(__file__).resolve().parent.parent


@attrs.frozen
class Counts:
    """What arrived.

    Attributes:
        calls: requests to S3.
        kept: distinct keys among them: what is left in the bucket.
        messages: to the broker.
        sent: bytes of both, without headers.
    """

    calls: int
    kept: int
    messages: int
    sent: int


@attrs.frozen
class Loopback:
    """Where S3 and the broker are.

    Attributes:
        url: S3's.
        broker: host and port.
    """

    url: str
    broker: tuple[str, int]

    def client(self) -> Any:
        """A new client of S3's; what it needs is given, so that it searches for nothing."""
        import boto3

        return boto3.client(
            "s3",
            region_name="eu-west-1",
            endpoint_url=self.url,
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )

    def take(self) -> Counts:
        """What arrived since the last time."""
        with urllib.request.urlopen(self.url) as answer:
            return Counts(**json.load(answer))


class LoopbackBus(Bus):
    """Sends messages to the broker, one a line, and waits for no answer."""

    def __init__(self, broker: tuple[str, int]) -> None:
        self._connection = socket.create_connection(broker)

    def publish(self, topic: str, message: Any) -> None:
        """Send a message."""
        self._connection.sendall(f"{topic} {json.dumps(message)}\n".encode())

    def close(self) -> None:
        """Wait until all are counted."""
        with contextlib.suppress(OSError), self._connection:  # it may be closed already
            self._connection.shutdown(socket.SHUT_WR)
            self._connection.recv(1)


@contextlib.contextmanager
def loopback(*, latency: float = 0.0, bandwidth: float = float("inf")) -> Iterator[Loopback]:
    """S3 and a broker, until this is left.

    Args:
        latency: seconds that each request to S3 takes.
        bandwidth: bytes a second that S3 takes of all requests together.
    """
    command = [sys.executable, "-m", "benchmarks.loopback", str(latency), str(bandwidth)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin
        assert child.stdout
        s3, broker = json.loads(child.stdout.readline())
        try:
            yield Loopback(f"http://127.0.0.1:{s3}", ("127.0.0.1", broker))
        finally:
            child.stdin.close()


class World:
    """What the servers share, in their process."""

    def __init__(self, latency: float, bandwidth: float) -> None:
        self._latency = latency
        self._bandwidth = bandwidth
        self._lock = threading.Lock()
        self._free_at = 0.0  # when the link has carried all that was put so far
        self._calls = self._messages = self._sent = 0
        self._keys: set[str] = set()

    def put(self, key: str, size: int) -> None:
        """A request; returns when the link has carried it."""
        with self._lock:
            self._calls += 1
            self._keys.add(key)
            self._sent += size
            now = time.monotonic()
            self._free_at = max(now, self._free_at) + size / self._bandwidth
            wait = self._free_at - now + self._latency
        if wait > 0:
            time.sleep(wait)

    def message(self, size: int) -> None:
        """A message."""
        with self._lock:
            self._messages += 1
            self._sent += size

    def take(self) -> Counts:
        """What arrived since the last time."""
        with self._lock:
            counts = Counts(self._calls, len(self._keys), self._messages, self._sent)
            self._calls = self._messages = self._sent = 0
            self._keys.clear()
        return counts


def main() -> None:
    """Serve until the standard input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("latency", type=float)
    parser.add_argument("bandwidth", type=float)
    world = World(**vars(parser.parse_args()))

    class S3(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            size = len(self.rfile.read(int(self.headers["Content-Length"])))
            world.put(self.path, size)
            self.answer(b"")

        def do_GET(self) -> None:
            self.answer(json.dumps(attrs.asdict(world.take())).encode())

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Broker(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                world.message(len(line))

    s3 = ThreadingHTTPServer(("127.0.0.1", 0), S3)
    broker = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Broker)
    for server in (s3, broker):
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps([s3.server_address[1], broker.server_address[1]]), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
