"""The live page's server: Tornado's, in a thread of its own, with bounds for everything."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import quote

from tornado.httpserver import HTTPServer
from tornado.ioloop import PeriodicCallback
from tornado.iostream import IOStream
from tornado.web import Application

from facepipe_io.edge.live.address import format_address, own_address
from facepipe_io.edge.live.pages import Site, Turns
from facepipe_io.edge.live.quiet import Quiet
from facepipe_io.edge.live.viewer import Audience, Viewer
from facepipe_io.edge.stats import Stats

if TYPE_CHECKING:
    from facepipe_io.edge.live.scene import Scene

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64  # more than `names.MOST_VIEWERS`, for each has one
MAX_HEADER_BYTES = 8 * 1024
MAX_BODY_BYTES = 4 * 1024
MAX_MESSAGE_BYTES = 1024
#: A connection without a whole request for so long is closed.
IDLE_SECONDS = 30.0
#: One that does not take its answer, after so long.
STALL_SECONDS = 120.0
#: A viewer whose browser does not answer for one to three of these is gone.
PING_SECONDS = 10.0
TELL_SECONDS = 1.0
SWEEP_SECONDS = 5.0
#: How long viewers have, at the end, to take their last message.
GOODBYE_SECONDS = 1.0
CLOSE_SECONDS = 2.5


class LiveServer:
    """Serves the live page.

    Args:
        sockets: where to listen, as of `address.listen`; closed at the end.
        host: the address as it was named.
        scene: what the page shows.
        token: who has it may look; empty where everybody may, on loopback.
        places: how many may watch at once.
        on_viewer: called when somebody comes and there is no picture for them; by the server's
            thread.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        host: str,
        scene: Scene,
        *,
        token: str,
        places: int,
        on_viewer: Callable[[], None],
    ) -> None:
        self.port: int = sockets[0].getsockname()[1]
        address = format_address(own_address(host), self.port)
        self.url = f"{address}?token={quote(token)}" if token else address
        self._sockets = sockets
        self._scene = scene
        self._stats: Callable[[], Stats] = Stats
        self._told: tuple[float, str] = (-math.inf, "")  # the last figures, and when
        self._on_viewer = on_viewer
        self._audience = Audience(places, self._welcome)
        self._executor = ThreadPoolExecutor(1, "live-page-work")
        self._site = Site(
            scene, Turns(time.monotonic), self._executor, token, f"facepipe-{self.port}"
        )
        self._picture: bytes | None = None  # that the server's thread has not taken yet
        self._lock = threading.Lock()
        started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="live-page", daemon=True
        )
        self._thread.start()
        self._loop, self._stop = started.result()

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._audience)

    def follow(self, stats: Callable[[], Stats]) -> None:
        """Be told where the agent's figures are."""
        self._stats = stats

    def show(self, picture: bytes) -> None:
        """Show everybody a picture, unless a newer one comes first. From any thread."""
        with self._lock:
            is_waiting, self._picture = self._picture is not None, picture
        if not is_waiting:
            self._call(self._deliver)

    def tell(self) -> None:
        """Tell everybody the figures now. From any thread."""
        self._call(self._tell)

    def close(self) -> None:
        """Tell everybody the last figures, and end. Closing twice is fine."""
        self._call(self._stop.set)
        self._thread.join(CLOSE_SECONDS)

    def _call(self, function: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(function)

    def _run(self, started: Future[Any]) -> None:
        quiet = Quiet(threading.current_thread())
        quiet.begin()
        try:
            asyncio.run(self._serve(started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            quiet.end()
            self._executor.shutdown()
            if quiet.swallowed:
                log.info("live page: %d messages were not logged", quiet.swallowed)

    async def _serve(self, started: Future[Any]) -> None:
        stop = asyncio.Event()
        application = Application(
            [
                *self._site.handlers(),
                ("/watch", Viewer, {"site": self._site, "audience": self._audience}),
            ],
            websocket_ping_interval=PING_SECONDS,
            websocket_max_message_size=MAX_MESSAGE_BYTES,
            **self._site.settings(),
        )
        server = _Server(
            application,
            audience=self._audience,
            idle_connection_timeout=IDLE_SECONDS,
            body_timeout=IDLE_SECONDS,
            max_header_size=MAX_HEADER_BYTES,
            max_body_size=MAX_BODY_BYTES,
        )
        server.add_sockets(self._sockets)
        PeriodicCallback(self._tell, TELL_SECONDS * 1000).start()
        PeriodicCallback(server.sweep, SWEEP_SECONDS * 1000).start()
        started.set_result((asyncio.get_event_loop(), stop))
        await stop.wait()
        server.stop()
        self._audience.dismiss(self._figures())
        end = time.monotonic() + GOODBYE_SECONDS
        while self.viewers and time.monotonic() < end:
            await asyncio.sleep(0.01)
            self._audience.tidy()
        await server.close()

    def _welcome(self, viewer: Viewer) -> None:
        # Those who come and go all the time have no figures of their own made.
        when, text = self._told
        viewer.offer(text=text if time.monotonic() - when < TELL_SECONDS else self._figures())
        if not self._audience.has_picture:
            self._on_viewer()

    def _figures(self) -> str:
        message = self._scene.message(self._stats(), self.viewers)
        text = json.dumps(message, allow_nan=False, separators=(",", ":"))
        self._told = (time.monotonic(), text)
        return text

    def _tell(self) -> None:
        self._audience.tidy()
        if self.viewers:
            self._audience.tell(self._figures())

    def _deliver(self) -> None:
        with self._lock:
            picture, self._picture = self._picture, None
        if picture is not None:
            self._audience.show(picture)


class _Server(HTTPServer):
    """Takes so many connections at once, WebSockets included, and none that stalls.

    For one more the oldest makes room that nothing is sent on: browsers keep some that they may
    need again, and others may keep them to shut everybody out. Those of viewers stay.
    """

    def initialize(self, *args: Any, **more: Any) -> None:
        self._audience: Audience = more.pop("audience")
        super().initialize(*args, **more)
        self._streams: dict[IOStream, float] = {}  # and when each last had nothing left to send

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        self._streams = {
            other: since for other, since in self._streams.items() if not other.closed()
        }
        if len(self._streams) >= MAX_CONNECTIONS:
            watched = self._audience.streams
            idle = (s for s in self._streams if s not in watched and not s.writing())
            other = next(idle, None)
            if other is None:
                stream.close()
                return
            del self._streams[other]
            other.close()
        self._streams[stream] = time.monotonic()
        super().handle_stream(stream, address)

    def sweep(self) -> None:
        """Close who does not take an answer; not viewers, whose pings do that."""
        now = time.monotonic()
        viewers = self._audience.streams
        for stream, since in self._streams.items():
            if stream in viewers or not stream.writing():
                self._streams[stream] = now
            elif now - since > STALL_SECONDS:
                stream.close()

    async def close(self) -> None:
        """Close every connection."""
        for stream in self._streams:
            stream.close()
        await asyncio.sleep(0)
