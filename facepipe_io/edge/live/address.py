"""Where the live page is served."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
from urllib.parse import urlsplit

from facepipe_io.errors import SettingsError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
_BACKLOG = 128

_NEEDED = "http://, an address of this machine and a port, such as http://:8080"
_PLAIN = re.compile(r"[!-~]*\Z")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252})\Z")


def parse_live_address(text: str) -> tuple[str, int]:
    """Parse where the live page is to be served.

    Args:
        text: a URL without a path. Without a host it is this machine's alone, 127.0.0.1; the port
            is 8080 by default, and 0 is any that is free.

    Raises:
        ValueError: if it is none; the text says what is needed.

    Example:
        >>> parse_live_address("http://:8080"), parse_live_address("http://[::]:80")
        (('127.0.0.1', 8080), ('::', 80))
        >>> parse_live_address("https://hall.local")
        Traceback (most recent call last):
            ...
        ValueError: http://, an address of this machine and a port, such as http://:8080; no https
    """
    if text.lower().startswith("https:"):
        raise ValueError(f"{_NEEDED}; no https")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # half of an IPv6 address, or a port beyond 65535
        raise ValueError(_NEEDED) from None
    if parts.scheme != "http" or parts.netloc.endswith(":") or not _PLAIN.match(text):
        raise ValueError(_NEEDED)
    if "@" in parts.netloc:
        raise ValueError(f"{_NEEDED}; no user and no password")
    if parts.path not in ("", "/") or "?" in text or "#" in text:
        raise ValueError(f"{_NEEDED}; nothing behind the port")
    if host and not (_is_address(host) if "[" in parts.netloc else _NAME.match(host)):
        raise ValueError(_NEEDED)
    return host or DEFAULT_HOST, DEFAULT_PORT if port is None else port


def format_address(host: str, port: int) -> str:
    """A URL of the page.

    Example:
        >>> format_address("::1", 8080)
        'http://[::1]:8080/'
    """
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen at an address: at each that a name has, and at the same port of each.

    Returns:
        The sockets, not blocking.

    Raises:
        SettingsError: when that is not possible.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            if sockets:  # 0 is any port that is free, but it is one
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            listener = socket.socket(family, kind, protocol)
            sockets.append(listener)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(address)
                listener.listen(_BACKLOG)
                listener.setblocking(False)
            except OSError as error:
                # `localhost` has two addresses, also where IPv6 is switched off.
                if error.errno != errno.EADDRNOTAVAIL or len(sockets) == 1:
                    raise
                sockets.pop().close()
    except OSError as error:
        for listener in sockets:
            listener.close()
        raise SettingsError(
            [
                f"FACEPIPE_PREVIEW (or --live) names {format_address(host, port)}, "
                f"where no page can be served: {_reason(error)}"
            ]
        ) from error
    return sockets


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program has that port; name another one, such as http://:8081"
    if error.errno == errno.EACCES:
        return "that port is for root alone; name one above 1023"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return "this machine has no such address; name one of its own, or 0.0.0.0 for all"
    return error.strerror or str(error)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, and can be nothing else: as in a request's Host header.

    Example:
        >>> [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "evil.example")]
        [True, True, True, False]
    """
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def own_address(host: str) -> str:
    """An address by which others reach this machine, where it listens at all that it has."""
    if not (_is_address(host) and ipaddress.ip_address(host).is_unspecified):
        return host
    family, elsewhere = (
        (socket.AF_INET6, "2001:db8::1") if ":" in host else (socket.AF_INET, "192.0.2.1")
    )
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))  # sends nothing: it only asks for the way
            return str(probe.getsockname()[0])
    except OSError:  # no network, for now
        return socket.gethostname()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
