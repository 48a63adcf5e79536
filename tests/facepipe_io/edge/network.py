"""A network between two processes on loopback that can be taken away."""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class Network:
    """Relays connections to a server. A context manager that ends it.

    Attributes:
        address: host and port to connect to in place of the server's.
    """

    def __init__(self, server: str) -> None:
        host, port = server.split(":")
        self._server = (host, int(port))
        self._listening = _listen()
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_up = threading.Event()
        self._is_up.set()
        self._refuses = False

    def up(self) -> None:
        """Work again."""
        self._refuses = False
        self._is_up.set()

    def gone(self) -> None:
        """End every connection, in the middle of whatever it is at, and refuse new ones."""
        self._refuses = True
        self._is_up.set()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def hangs(self) -> None:
        """Keep every connection, and let nothing pass."""
        self._is_up.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(near,), daemon=True).start()

    def _relay(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError):
            if self._refuses:
                return
            self._is_up.wait()
            with socket.create_connection(self._server) as far:
                self._pass_on(near, far)

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        both = {near: far, far: near}
        with self._lock:
            self._open.update(both)
        try:
            while not self._refuses:
                for side in select.select(list(both), [], [], 1)[0]:
                    data = side.recv(1 << 14)
                    self._is_up.wait()
                    if not data or self._refuses:
                        return
                    both[side].sendall(data)
        finally:
            with self._lock:
                self._open.difference_update(both)

    def __enter__(self) -> Network:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.gone()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


def _listen() -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    return listening
