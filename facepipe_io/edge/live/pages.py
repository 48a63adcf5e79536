"""What the live page's server answers, but for the WebSocket."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import logging
import re
import zlib
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Iterable
from urllib.parse import urlsplit

import attrs
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]
from tornado.iostream import StreamClosedError
from tornado.template import Template
from tornado.web import HTTPError, RequestHandler

from facepipe_io.edge.live.address import is_loopback

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from facepipe_io.edge.live.scene import Scene

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
FILES = {
    "live.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
COOKIE_DAYS = 30
#: How long a wrong token waits for its answer. Connections are few, so nobody tries many.
GUESS_SECONDS = 1.0
#: Requests a second in all, and how many may come at once. So many more of them wait, and what
#: comes then is cut off: there are fewer connections, so most who asked did not stay.
REQUESTS_PER_SECOND = 100.0
REQUESTS_AT_ONCE = 100
REQUESTS_WAITING = 200
#: Of a large file so much is copied at a time, for however many ask for it.
PIECE_BYTES = 64 * 1024

_HEADERS = {
    # The chart's library makes style elements; everything else is in files of the page's own.
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' blob:; script-src 'self'; "
        "style-src 'self' 'unsafe-inline'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Turns:
    """Gives each request its turn: as many a second as there may be, some later, the rest never.

    Args:
        clock: seconds that never step back.

    Example:
        >>> turns = Turns(lambda: 0.0)
        >>> waits = [turns.wait() for _ in range(REQUESTS_AT_ONCE + 2)]
        >>> [round(wait, 3) for wait in waits[REQUESTS_AT_ONCE - 1 :]]
        [0.0, 0.01, 0.02]
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used_up = -float("inf")  # when all that may come at once would be used up

    def wait(self) -> float | None:
        """Seconds that the next request has to wait; None if too many wait already."""
        now = self._clock()
        ahead = REQUESTS_AT_ONCE / REQUESTS_PER_SECOND
        used_up = max(self._used_up, now - ahead) + 1 / REQUESTS_PER_SECOND
        if used_up - now > REQUESTS_WAITING / REQUESTS_PER_SECOND:
            return None
        self._used_up = used_up
        return max(0.0, used_up - now)


class Plotly:
    """The chart library's script: named by what is in it, packed when it is first asked for."""

    def __init__(self) -> None:
        digest = hashlib.sha256(get_plotlyjs().encode()).hexdigest()[:12]
        self.name = f"plotly-{digest}.js"
        self._packed: asyncio.Future[bytes] | None = None

    async def packed(self, executor: Executor) -> bytes:
        """The script, gzip."""
        if self._packed is None:
            loop = asyncio.get_event_loop()
            self._packed = asyncio.ensure_future(
                loop.run_in_executor(executor, lambda: gzip.compress(get_plotlyjs().encode(), 6))
            )
        return await self._packed


@attrs.define(eq=False)
class Site:
    """What all pages share.

    Attributes:
        scene: what the page shows.
        turns: gives requests their turn.
        executor: a thread for what takes longer than an answer may.
        token: who has it may look; empty where everybody may, on loopback.
        cookie: its name; browsers have one jar for all ports of a host.
        plotly: the chart library.
        page: the page.
        files: name to bytes, of what belongs to it.
    """

    scene: Scene
    turns: Turns
    executor: Executor
    token: str
    cookie: str
    plotly: Plotly = attrs.field(factory=Plotly)
    page: bytes = attrs.field(init=False)
    files: dict[str, bytes] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        page = Template((FOLDER / "live.html").read_text("utf-8"))
        self.page = page.generate(camera=self.scene.camera, plotly=self.plotly.name)
        self.files = {name: (FOLDER / name).read_bytes() for name in FILES}

    @property
    def cookie_secret(self) -> str:
        """What cookies are signed with; those of another token are worth nothing."""
        return hashlib.sha256(f"facepipe cookie {self.token}".encode()).hexdigest()

    def settings(self) -> dict[str, Any]:
        """Tornado's."""
        return {
            "cookie_secret": self.cookie_secret,
            "log_function": lambda _: None,  # addresses may have the token in them
            "default_handler_class": Missing,
            "default_handler_args": {"site": self},
        }

    def handlers(self) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
        """Path to what answers there."""
        here = {"site": self}
        return [
            ("/", Page, here),
            (r"/([a-z]+\.[a-z]+)", File, here),
            (f"/{self.plotly.name}", Library, here),
            (r"/crops/([0-9]{1,18})\.jpg", CropPicture, here),
            ("/token", Door, here),
        ]


class Guarded(RequestHandler):
    """Answers those who may ask, in turn."""

    site: Site
    #: Whether those may ask, too, who have not shown the token.
    is_open = False

    def initialize(self, site: Site) -> None:
        """Take what all pages share."""
        self.site = site

    def set_default_headers(self) -> None:
        """Those of every answer."""
        self.clear_header("Server")
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def compute_etag(self) -> str | None:
        """None: what changes with every second is not kept."""
        return None

    async def prepare(self) -> None:
        """Wait for one's turn; refuse who may not ask."""
        wait = self.site.turns.wait()
        if wait is None:
            self.detach().close()  # an answer would be work, too
            return
        await asyncio.sleep(wait)
        # A page from elsewhere may have itself resolved to 127.0.0.1, and then ask as if it were
        # this one: only its host's name tells.
        if not self.site.token and not is_loopback(_host_name(self.request.host)):
            raise HTTPError(HTTPStatus.FORBIDDEN)
        if not (self.is_open or self.may_look):
            self.ask_for_token()

    @property
    def may_look(self) -> bool:
        """Whether the token was shown, or there is none to show."""
        if not self.site.token:
            return True
        # Tornado's parser is not asked: that of 6.2, the last for Python 3.7, takes seconds over a
        # hostile header.
        header = self.request.headers.get("Cookie", "")
        found = re.search(rf"(?:^|;) *{self.site.cookie}=([^;\s]+)", header)
        if found is None:
            return False
        signed = self.get_secure_cookie(
            self.site.cookie, value=found.group(1), max_age_days=COOKIE_DAYS
        )
        return signed is not None

    def ask_for_token(self, *, wrong: bool = False) -> None:
        """Answer with a page that asks for the token."""
        self.set_status(HTTPStatus.UNAUTHORIZED)
        self.finish(_TOKEN_PAGE.generate(camera=self.site.scene.camera, wrong=wrong))

    async def take_token(self, token: str) -> None:
        """Let in who has the right token, from now on."""
        if not hmac.compare_digest(token.encode(), self.site.token.encode()):
            await asyncio.sleep(GUESS_SECONDS)
            self.ask_for_token(wrong=True)
            return
        value = self.create_signed_value(self.site.cookie, "1").decode()
        # Lax, not Strict: a browser keeps a strict one back after a link in a mail or a chat. By
        # hand, for Python 3.7 does not know the attribute.
        self.add_header(
            "Set-Cookie",
            f"{self.site.cookie}={value}; Path=/; Max-Age={COOKIE_DAYS * 86400}; HttpOnly; "
            "SameSite=Lax",
        )
        self.redirect(".", status=HTTPStatus.SEE_OTHER)

    def write_error(self, status_code: int, **_: Any) -> None:
        """A line of text, whatever is wrong."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code} {self._reason}\n")

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log a fault of the page's own. Not the request: its address may have the token in it."""
        if typ is not None and value is not None and not isinstance(value, HTTPError):
            log.error("the live page could not answer", exc_info=(typ, value, tb))


class Missing(Guarded):
    """Whatever else is asked for."""

    def get(self) -> None:
        """There is no such thing."""
        raise HTTPError(HTTPStatus.NOT_FOUND)


class Page(Guarded):
    """The page; and the link with the token in it, which a person is given."""

    is_open = True

    async def get(self) -> None:
        """Answer."""
        token = self.get_query_argument("token", None)
        if token is not None and self.site.token:
            await self.take_token(token)
        elif self.may_look:
            self.finish(self.site.page)
        else:
            self.ask_for_token()


class Door(Guarded):
    """Takes the token that somebody typed."""

    is_open = True

    async def post(self) -> None:
        """Answer."""
        if not self.site.token:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        await self.take_token(self.get_body_argument("token", ""))


class File(Guarded):
    """One of the page's own files."""

    def get(self, name: str) -> None:
        """Answer."""
        if name not in FILES:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        self.set_header("Content-Type", FILES[name])
        self.finish(self.site.files[name])


class Library(Guarded):
    """The chart library. Its name changes when it does, so browsers keep it."""

    def compute_etag(self) -> str | None:
        """Its name."""
        return f'"{self.site.plotly.name}"'

    async def get(self) -> None:
        """Answer."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "private, max-age=31536000, immutable")
        self.set_header("Vary", "Accept-Encoding")
        self.set_etag_header()
        if self.check_etag_header():
            self.set_status(HTTPStatus.NOT_MODIFIED)
            return
        packed = await self.site.plotly.packed(self.site.executor)
        pieces = (packed[at : at + PIECE_BYTES] for at in range(0, len(packed), PIECE_BYTES))
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            self.set_header("Content-Length", str(len(packed)))
        else:
            pieces = _unpacked(pieces)
        with suppress(StreamClosedError):  # it went away
            for piece in pieces:
                self.write(piece)
                await self.flush()


class CropPicture(Guarded):
    """The picture of one of the latest crops."""

    async def get(self, number: str) -> None:
        """Answer."""
        loop = asyncio.get_event_loop()
        jpeg = await loop.run_in_executor(self.site.executor, self.site.scene.crop, int(number))
        if jpeg is None:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        self.set_header("Content-Type", "image/jpeg")
        self.finish(jpeg)


def _unpacked(pieces: Iterable[bytes]) -> Any:
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)  # 16: of gzip
    for piece in pieces:
        yield unpack.decompress(piece)
    yield unpack.flush()


def _host_name(host: str) -> str:
    """The name in a Host header, without the port.

    Example:
        >>> _host_name("localhost:8080"), _host_name("[::1]:80"), _host_name("[")
        ('localhost', '::1', '')
    """
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


_TOKEN_PAGE = Template((FOLDER / "token.html").read_text("utf-8"))
