"""What a client can have the live page's server do is limited."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPServerRequest

from facepipe_io.edge.live import pages
from facepipe_io.edge.live import server as server_module
from facepipe_io.edge.live.pages import Turns
from facepipe_io.edge.live.scene import Scene
from facepipe_io.edge.names import viewer_count
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

TOKEN = "a-word-that-nobody-guesses"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


@given(gaps=st.lists(st.floats(0, 0.1), max_size=600))
def test_no_request_waits_for_long_however_many_come(gaps):
    now = 0.0
    turns = Turns(lambda: now)
    answered = []
    longest = pages.REQUESTS_WAITING / pages.REQUESTS_PER_SECOND
    for gap in [*gaps, *[0.0] * 400]:
        now += gap
        wait = turns.wait()
        if wait is not None:
            assert 0 <= wait <= longest
            answered.append(now + wait)
    assert answered == sorted(answered)
    last_second = [at for at in answered if at > answered[-1] - 1.0]
    assert len(last_second) <= pages.REQUESTS_AT_ONCE + pages.REQUESTS_PER_SECOND + 1
    assert len(answered) < len(gaps) + 400


def test_after_a_flood_there_are_turns_again():
    now = 0.0
    turns = Turns(lambda: now)
    while turns.wait() is not None:
        pass
    now = pages.REQUESTS_WAITING / pages.REQUESTS_PER_SECOND
    assert turns.wait() is not None


def test_a_request_too_many_is_cut_off(serving, monkeypatch):
    monkeypatch.setattr(pages, "REQUESTS_PER_SECOND", 0.001)
    monkeypatch.setattr(pages, "REQUESTS_AT_ONCE", 1)
    monkeypatch.setattr(pages, "REQUESTS_WAITING", 0)
    with serving() as server:
        assert run(fetch(server.url)).code == 200
        for data in (GET + b"\r\n", HANDSHAKE):
            with connected(server.port, data) as connection:
                assert answer(connection) == b""


def test_fragments_of_a_message_without_end_are_cut_off(serving):
    fragments = websocket_frame(1, final=False) + websocket_frame(0, final=False) * 200_000

    def flood(server):
        with connected(server.port, HANDSHAKE) as connection:
            try:
                connection.sendall(fragments)
            except OSError:  # it is cut off on the way
                return
            answer(connection)

    async def scenario(server):
        await asyncio.get_event_loop().run_in_executor(None, flood, server)
        await until(lambda: not server.viewers)
        async with Watcher(server.url) as watcher:
            await watcher.figures()

    with serving(places=1) as server:
        run(scenario(server))


def test_cookies_of_others_are_not_even_read(serving, monkeypatch):
    """Tornado's parser takes time that grows with the square of what is sent."""

    def cookies(_):
        raise AssertionError

    monkeypatch.setattr(HTTPServerRequest, "cookies", property(cookies))

    async def scenario(server):
        answer = await fetch(server.url, f"?token={TOKEN}")
        own = answer.headers["Set-Cookie"].partition(";")[0]
        name = own.partition("=")[0]
        codes = {}
        for cookie in (
            own,
            f'x="{chr(92)}"; {own}; other=1',
            f"{name}=; {own}",
            f"x{own}",
            f"x={own}",
            f"{name}=1|2|3",
            'x="' + '\\"' * 2000,
        ):
            codes[cookie] = (await fetch(server.url, headers={"Cookie": cookie})).code
        assert list(codes.values()) == [200, 200, 200, 401, 401, 401, 401]

    with serving(token=TOKEN) as server:
        run(scenario(server))


def test_who_keeps_connections_and_asks_nothing_shuts_nobody_out(serving, monkeypatch):
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 5)

    async def scenario(server):
        async with Watcher(server.url) as watcher:
            await watcher.figures()
            with ExitStack() as stack:
                kept = [stack.enter_context(connected(server.port, GET)) for _ in range(4)]
                assert (await fetch(server.url)).code == 200
                assert answer(kept[0]) == b""  # the oldest made room
                for connection in kept[1:]:
                    connection.sendall(b"\r\n")
                    assert connection.recv(12) == b"HTTP/1.1 200"
            await watcher.figures()

    with serving() as server:
        run(scenario(server))


def test_a_page_for_many_viewers_has_connections_for_them_all():
    assert viewer_count("50") < server_module.MAX_CONNECTIONS
    for text in ("51", "0", "-1", "1.5", "", "٣"):
        with pytest.raises(ValueError, match="a whole number from 1 to 50"):
            viewer_count(text)


def test_who_comes_and_goes_has_no_figures_made(serving, monkeypatch):
    monkeypatch.setattr(server_module, "TELL_SECONDS", 1000)
    scene, made = Scene("hall-1"), []
    message = scene.message
    monkeypatch.setattr(scene, "message", lambda *them: made.append(them) or message(*them))

    async def scenario(server):
        for _ in range(5):
            async with Watcher(server.url) as watcher:
                await watcher.figures(camera="hall-1", viewers=1)

    with serving(scene) as server:
        run(scenario(server))
        assert len(made) == 1
