"""Clients that mean no good: the page goes on for the others, and the log stays short."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
from contextlib import ExitStack

import pytest
import tornado
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.httpclient import HTTPClientError

from facepipe_io.edge.live import pages
from facepipe_io.edge.live import server as module
from facepipe_io.edge.live.viewer import Viewer
from tests.facepipe_io.edge.helpers import wait_for
from tests.facepipe_io.edge.live.clients import (
    HANDSHAKE,
    Watcher,
    answer,
    connected,
    fetch,
    run,
    until,
    websocket_frame,
)

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def is_well(server):
    """Whether somebody else is served, and shown what there is."""
    assert (await fetch(server.url)).code == 200
    async with Watcher(server.url) as watcher:
        await watcher.figures()
        server.show(b"a picture")
        await watcher.picture(b"a picture")


def status(data):
    return data.partition(b"\r\n")[0].split(b" ", 2)[1:2]


# ---- requests ----


CLOSING = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (GET + b"Cookie: " + b"x" * 20_000, []),
        (GET + b"X: y\r\n" * 5_000, []),
        (b"GET /" + b"x" * 20_000, []),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n", [b"400"]),
        (b"\r\n\r\n", [b"400"]),
        (b"GET / HTTP/9.9\r\n\r\n", [b"400"]),
        (GET + b"no colon\r\n\r\n", [b"400"]),
        (GET + b"Content-Length: x\r\n\r\n", [b"400"]),
        (GET + b"Content-Length: 99999999999\r\n\r\n", [b"400"]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [b"400"]),
        (b"DELETE /" + CLOSING + b"\r\n", [b"405"]),
        (b"BREW /" + CLOSING + b"\r\n", [b"405"]),
        (b"POST /" + CLOSING + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [b"405"]),
    ],
)
def test_what_is_no_request_is_refused(shared, data, code):
    with connected(shared.port, data) as connection:
        said = status(answer(connection))
    assert said == code or (code == [b"400"] and said == [])  # by releases of Tornado
    run(is_well(shared))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300) | st.binary(max_size=100).map(GET.__add__))
def test_any_bytes_are_borne(shared, data):
    with connected(shared.port, data + b"\r\n\r\n") as connection:
        connection.shutdown(socket.SHUT_WR)
        answer(connection)
    with connected(shared.port, HANDSHAKE + data) as connection:
        connection.shutdown(socket.SHUT_WR)
        answer(connection)
    assert run(fetch(shared.url)).code == 200


PATHS = [
    "../../../../etc/passwd",
    "..%2f..%2fetc/passwd",
    "%2e%2e/pages.py",
    "pages.py",
    "live.html",
    "token.html",
    "crops/../live.js",
    "crops/..%2flive.js",
    "crops/-1.jpg",
    "crops/0.jpg",
    "crops/999999999999999999.jpg",
    "crops/99999999999999999999999999.jpg",
    "crops/1.jpg%00",
    "plotly-000000000000.js",
    "//evil.example/",
    "x" * 4_000,
    "%ff%fe",
    "%",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_anywhere_else(shared, path):
    request = f"GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with connected(shared.port, request.encode()) as connection:
        data = answer(connection)
    assert status(data) in ([b"404"], [b"400"])
    assert len(data) < 1500
    assert b"root:" not in data
    assert b"import" not in data


def test_half_a_request_is_held_for_a_while_and_then_no_longer(serving, monkeypatch):
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.5)
    post = b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ntok"
    with serving() as server, ExitStack() as stack:
        halves = [
            stack.enter_context(connected(server.port, data))
            for data in (b"", b"GET / HT", GET, post, GET + b"\r\n")
        ]
        run(is_well(server))
        answers = [answer(connection) for connection in halves]
    assert answers[:4] == [b""] * 4
    assert status(answers[4]) == [b"200"]  # and then nothing, on a connection that it keeps open


def test_who_does_not_take_an_answer_is_left(serving, monkeypatch):
    monkeypatch.setattr(module, "STALL_SECONDS", 0.2)

    async def scenario(server):
        page = (await fetch(server.url)).body.decode()
        (name,) = re.findall(r"plotly-[0-9a-f]+\.js", page)  # some megabytes, unpacked
        request = f"GET /{name} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with connected(server.port, request.encode() * 4) as connection:
            await is_well(server)
            await until(lambda: is_cut_off(connection))

    with serving() as server:
        run(scenario(server))


def is_cut_off(connection):
    """Whether the other side has ended it, while there is still something to read."""
    try:
        connection.send(b"x")
    except OSError:
        return True
    return False


def test_of_a_hundred_connections_at_once_the_oldest_make_room(server):
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(server.port, GET)) for _ in range(100)]
        # In the order in which they came: 64 are left, and wait for the rest of the request.
        assert [answer(connection) for connection in connections[:36]] == [b""] * 36
        for connection in connections[36:]:
            connection.sendall(b"\r\n")
            assert status(connection.recv(1000)) == [b"200"]
    run(is_well(server))


def test_viewers_count_among_the_connections(serving, monkeypatch):
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 3)

    async def scenario(server):
        async with Watcher(server.url), Watcher(server.url), Watcher(server.url):
            with connected(server.port, GET + b"\r\n") as connection:
                assert answer(connection) == b""
        await until(lambda: not server.viewers)
        await is_well(server)

    with serving() as server:
        run(scenario(server))


def test_requests_wait_for_their_turn(serving, monkeypatch):
    monkeypatch.setattr(pages, "REQUESTS_PER_SECOND", 0.001)
    monkeypatch.setattr(pages, "REQUESTS_AT_ONCE", 3)

    async def scenario(url):
        asked = [asyncio.ensure_future(fetch(url)) for _ in range(5)]
        done, late = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 3:
            more, late = await asyncio.wait(late, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        return asked, late

    with serving() as server:

        async def to_the_end():
            asked, late = await scenario(server.url)
            assert len(late) == 2
            await asyncio.get_event_loop().run_in_executor(None, server.close)
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert sum(isinstance(each, Exception) for each in answers) == 2

        run(to_the_end())


# ---- pages from elsewhere ----


def said_to(server, host, path):
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    with connected(server.port, request.encode()) as connection:
        return status(answer(connection))


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:1234", "LOCALHOST", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080"],
)
def test_who_asks_by_a_name_of_this_machine_is_answered(shared, host):
    assert said_to(shared, host, "/") == [b"200"]
    assert said_to(shared, host, "/nothing") == [b"404"]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "localhost@evil.example",
        "localhost, evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0",
        "192.168.0.7",
        "[::1",
    ],
)
@pytest.mark.parametrize("path", ["/", "/live.js", "/crops/1.jpg", "/nothing", "/watch"])
def test_who_asks_by_another_name_is_refused(shared, host, path):
    """Else a page from elsewhere, whose name was made to lead here, could look."""
    assert said_to(shared, host, path) in ([b"403"], [b"400"])


def test_a_page_from_elsewhere_cannot_watch(server):
    async def scenario():
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": f"http://localhost:{server.port}"},  # another name than it was asked by
            {"Origin": f"http://evil.example:{server.port}", "Host": f"evil.example:{server.port}"},
        ):
            with pytest.raises(HTTPClientError) as refused:
                async with Watcher(server.url, **headers):
                    pass
            assert refused.value.code == 403
        async with Watcher(server.url, Origin=server.url.rstrip("/")) as watcher:
            await watcher.figures(viewers=1)

    run(scenario())


# ---- viewers ----


def watching(server, stack):
    """A viewer down to its bytes."""
    connection = stack.enter_context(connected(server.port, HANDSHAKE))
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1)
    return connection


TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@pytest.mark.parametrize(
    "sent",
    [
        websocket_frame(TEXT, b"x" * 125) * 25,
        websocket_frame(BINARY) * 25,
        websocket_frame(PING, b"x") * 1000,
        websocket_frame(PONG) * 1000,
        b"\x81\xff" + struct.pack("!Q", 1025) + bytes(4),  # a text of 1025 bytes
        b"\x82\xff" + struct.pack("!Q", 2**63) + bytes(4),
        websocket_frame(TEXT, final=False) + websocket_frame(0, b"x" * 125, final=False) * 9,
        websocket_frame(TEXT, b"\xff"),
        websocket_frame(CLOSE, b"\x03\xe8\xff\xff"),  # a reason that is no text
        websocket_frame(CLOSE, b"\x00"),
        websocket_frame(3),
        b"\xf1\x80" + bytes(4),
        websocket_frame(0, b"nothing to go on from"),
    ],
)  # fmt: skip
def test_a_viewer_who_says_too_much_or_nonsense_is_cut_off(serving, sent):
    """And leaves its place."""

    async def scenario(server):
        with ExitStack() as stack:
            connection = watching(server, stack)
            await until(lambda: server.viewers == 1)
            await asyncio.get_event_loop().run_in_executor(None, send_all, connection, sent)
            await until(lambda: not server.viewers)
            await is_well(server)
        await is_well(server)

    with serving(places=1) as server:
        run(scenario(server))


def send_all(connection, data):
    try:
        connection.sendall(data)
        answer(connection)
    except OSError:  # it was cut off
        pass


def test_what_a_page_says_now_and_then_is_let_pass(server):
    async def scenario():
        async with Watcher(server.url) as watcher:
            for _ in range(15):
                await watcher.connection.write_message("hello")
                watcher.connection.ping(b"are you there")
                await watcher.figures()
                await watcher.figures()
            assert server.viewers == 1

    run(scenario())


def test_a_viewer_who_never_reads_holds_up_nobody(serving):
    pictures = [b"%d" % number + bytes(200_000) for number in range(30)]

    async def scenario(server):
        with ExitStack() as stack:
            stalled = watching(server, stack)
            async with Watcher(server.url) as watcher:
                await watcher.figures(viewers=2)
                for picture in pictures:
                    server.show(picture)
                    await watcher.picture(picture)
                await watcher.figures(viewers=2)
            # Whoever reads on at last gets what was under way, and the newest next.
            seen = await asyncio.get_event_loop().run_in_executor(None, read_pictures, stalled)
        assert seen[-1] == 29
        assert len(seen) < 15
        assert seen == sorted(seen)

    def read_pictures(stalled):
        seen = []
        stream = stalled.makefile("rb")
        while not seen or seen[-1] != 29:
            opcode, length = stream.read(2)
            if length == 126:
                (length,) = struct.unpack("!H", stream.read(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", stream.read(8))
            data = stream.read(length)
            if opcode & 0xF == BINARY:
                seen.append(int(data.partition(b"\0")[0]))
        return seen

    with serving() as server:
        run(scenario(server))


def test_a_viewer_who_is_gone_without_a_word_leaves_its_place(serving, monkeypatch):
    monkeypatch.setattr(module, "PING_SECONDS", 0.05)
    if tornado.version_info < (6, 5):  # where a browser has half a minute at least to answer
        monkeypatch.setattr(Viewer, "ping_timeout", 0.1)

    async def scenario(server):
        with ExitStack() as stack:
            watching(server, stack)  # answers no ping
            await until(lambda: server.viewers == 1)
            await until(lambda: server.viewers == 0)

    with serving() as server:
        run(scenario(server))


def test_closing_does_not_wait_for_a_viewer_who_never_reads(serving, monkeypatch):
    monkeypatch.setattr(module, "GOODBYE_SECONDS", 0.1)
    with ExitStack() as stack:
        with serving() as server:
            stalled = watching(server, stack)
            wait_for(lambda: server.viewers)
            for _ in range(50):
                server.show(bytes(500_000))
        answer(stalled)


# ---- the log ----


def test_the_log_does_not_fill(serving, caplog):
    requests = [
        b"nonsense\r\n\r\n",
        GET + b"Content-Length: -1\r\n\r\n",
        b"x" * 20_000,
        b"GET /nothing HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        HANDSHAKE + websocket_frame(TEXT, b"\xff"),
    ]
    with caplog.at_level(logging.DEBUG):
        with serving() as server:
            for _ in range(20):
                for request in requests:
                    with connected(server.port, request) as connection:
                        connection.shutdown(socket.SHUT_WR)
                        answer(connection)
        logged = [record for record in caplog.records if record.name.startswith("tornado")]
        (told,) = [record for record in caplog.records if "were not logged" in record.message]
    assert len(logged) <= 2 * len(requests)
    assert int(told.message.split()[2]) > 20
    logging.getLogger("tornado.general").warning("as before")
    assert caplog.records[-1].message == "as before"
