"""Those who watch: a WebSocket each, and one place for everything that they are sent."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable

from tornado.websocket import WebSocketClosedError, WebSocketHandler

from facepipe_io.edge.live.pages import Guarded, Site

if TYPE_CHECKING:
    from tornado.iostream import IOStream

#: Codes with which a WebSocket is closed at once, for the page to say why.
NO_RIGHT, NO_PLACE, GOING_AWAY = 4001, 4008, 1001
#: A page says nothing. Who sends more than this between two of our messages is cut off: so many
#: messages, and so many bytes, for a message may have fragments without end, and nothing in them.
HEARD_AT_MOST = 20
HEARD_BYTES = 4096
#: What the system may hold back of a picture for a viewer who is slow; the less, the newer it is.
UNSENT_BYTES = 64 * 1024


class Audience:
    """Who watches now. Everything but `__len__` is for the server's thread.

    Args:
        places: how many may.
        welcome: called with each who comes.
    """

    def __init__(self, places: int, welcome: Callable[[Viewer], None]) -> None:
        self._places = places
        self._welcome = welcome
        self._viewers: set[Viewer] = set()
        self._picture: bytes | None = None

    def __len__(self) -> int:
        return len(self._viewers)

    def join(self, viewer: Viewer) -> bool:
        """Give somebody a place, and the newest picture, if there is one; whether there was."""
        self.tidy()
        if len(self._viewers) >= self._places:
            return False
        self._viewers.add(viewer)
        self._welcome(viewer)
        if self._picture is not None:
            viewer.offer(picture=self._picture)
        return True

    def leave(self, viewer: Viewer) -> None:
        """Give a place free."""
        self._viewers.discard(viewer)
        if not self._viewers:
            self._picture = None  # it will be old when the next one comes

    def tidy(self) -> None:
        """Give the places free of those whose connection broke without a word."""
        for viewer in [viewer for viewer in self._viewers if viewer.is_gone]:
            self.leave(viewer)

    @property
    def streams(self) -> set[IOStream]:
        """The connections of those who watch."""
        return {viewer.stream for viewer in self._viewers}

    @property
    def has_picture(self) -> bool:
        """Whether somebody who comes gets a picture at once."""
        return self._picture is not None

    def show(self, picture: bytes) -> None:
        """Show everybody a picture."""
        if self._viewers:
            self._picture = picture
        for viewer in self._viewers:
            viewer.offer(picture=picture)

    def tell(self, text: str) -> None:
        """Tell everybody the figures."""
        for viewer in self._viewers:
            viewer.offer(text=text)

    def dismiss(self, text: str) -> None:
        """Tell everybody the last figures, and close."""
        for viewer in self._viewers:
            viewer.offer(text=text, last=True)


class Viewer(Guarded, WebSocketHandler):
    """Somebody who watches.

    Has one message in flight at most. Whoever is slow gets the newest when that is through.
    """

    is_open = True  # the page can tell a WebSocket's close code, not a refusal's status

    def initialize(self, site: Site, audience: Audience) -> None:  # type: ignore[override]
        """Take what all share."""
        super().initialize(site)
        self._audience = audience
        self._heard = 0
        self._heard_bytes = 0
        self._text: str | None = None
        self._picture: bytes | None = None
        self._is_last = False
        self._sending: asyncio.Future[None] | None = None

    def open(self) -> None:
        """Take a place, or be told why there is none."""
        assert self.ws_connection is not None  # noqa: S101 - for the type checker
        assert self.ws_connection.stream is not None  # noqa: S101 - likewise
        #: The connection.
        self.stream: IOStream = self.ws_connection.stream
        self.stream.read_from_fd = self._bounded(  # type: ignore[method-assign]
            self.stream.read_from_fd
        )
        self.stream.set_nodelay(True)
        if hasattr(socket, "TCP_NOTSENT_LOWAT") and not self.stream.closed():
            self.stream.socket.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES
            )
        if not self.may_look:
            self.close(NO_RIGHT, "show the token first")
        elif not self._audience.join(self):
            self.close(NO_PLACE, "all places are taken")

    @property
    def is_gone(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.ws_connection is None or self.ws_connection.is_closing()

    def offer(
        self, *, text: str | None = None, picture: bytes | None = None, last: bool = False
    ) -> None:
        """Send something as soon as what is in flight is through, if nothing newer has come."""
        if text is not None:
            self._text, self._heard, self._heard_bytes = text, 0, 0
        if picture is not None:
            self._picture = picture
        self._is_last = self._is_last or last
        if self._sending is None or self._sending.done():
            self._sending = asyncio.ensure_future(self._send())

    async def _send(self) -> None:
        with suppress(WebSocketClosedError):  # `on_close` follows
            while self._text is not None or self._picture is not None:
                if self._text is not None:
                    text, self._text = self._text, None
                    await self.write_message(text)
                elif self._picture is not None:
                    picture, self._picture = self._picture, None
                    await self.write_message(picture, binary=True)
            if self._is_last:
                self.close(GOING_AWAY)

    def on_message(self, message: str | bytes) -> None:  # noqa: ARG002
        """Leave it at that."""
        self._hear()

    def on_ping(self, data: bytes) -> None:  # noqa: ARG002
        """It is answered already."""
        self._hear()

    def on_pong(self, data: bytes) -> None:  # noqa: ARG002
        """Whoever is there."""
        self._hear()

    def _bounded(self, read: Callable[[Any], int | None]) -> Any:
        """What reads from the connection, until that was too much."""

        def read_some(buffer: Any) -> int | None:
            count = read(buffer)
            self._heard_bytes += count or 0
            if self._heard_bytes > HEARD_BYTES:
                raise ConnectionResetError(errno.ECONNRESET, "the viewer says too much")
            return count

        return read_some

    def _hear(self) -> None:
        self._heard += 1
        if self._heard > HEARD_AT_MOST:
            self.stream.close()

    def on_close(self) -> None:
        """Give the place free."""
        self._audience.leave(self)
