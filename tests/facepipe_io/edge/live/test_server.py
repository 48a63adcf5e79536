from __future__ import annotations

import asyncio
import gzip
import hashlib
import logging
import re
import threading

import pytest
from plotly.offline import get_plotlyjs
from tornado.simple_httpclient import HTTPStreamClosedError

from facepipe_io.edge.cameras import Frame
from facepipe_io.edge.live import pages
from facepipe_io.edge.live.address import listen
from facepipe_io.edge.live.scene import Scene
from facepipe_io.edge.live.server import LiveServer
from facepipe_io.edge.picker import NO_TRACKS, NOBODY, Crop, Look
from facepipe_io.edge.stats import Stats
from tests.facepipe_io.edge.helpers import picture
from tests.facepipe_io.edge.live.clients import Watcher, fetch, run, until

TOKEN = "correct-horse-battery-staple"
KEY = "faces/hall-1/2026/11/20/09/20261120T093005250Z-4f9c-7-0.jpg"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' blob:; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def scene_with_a_crop(**options):
    scene = Scene("hall-1", **options)
    crop = Crop(KEY, b"a JPEG", 7, 0)
    scene.see(Frame(picture(), 1000.0), Look(NOBODY, NO_TRACKS, [crop]))
    return scene


# ---- pages ----


def test_the_page_names_the_camera_and_all_that_belongs_to_it_is_there(serving):
    async def scenario(url):
        page = await fetch(url)
        text = page.body.decode()
        assert (page.code, page.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
        assert "Looking at &lt;hall &amp; 1&gt;" in text
        assert "{{" not in text
        named = re.findall(r'(?:src|href|data-plotly)="([^"]+)"', text)
        assert len(named) >= 4
        for name in named:
            answer = await fetch(url, name.replace("./", ""))
            assert answer.code == 200, name
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return named

    with serving(Scene("<hall & 1>")) as server:
        names = run(scenario(server.url))
    assert all(not re.match("[a-z]+:|/", name) for name in names)


@pytest.mark.parametrize(
    ("path", "code", "kind"),
    [
        ("", 200, "text/html; charset=UTF-8"),
        ("live.css", 200, "text/css; charset=utf-8"),
        ("live.js", 200, "text/javascript; charset=utf-8"),
        ("icon.svg", 200, "image/svg+xml"),
        ("crops/1.jpg", 200, "image/jpeg"),
        ("crops/2.jpg", 404, "text/plain; charset=utf-8"),
        ("token", 405, "text/plain; charset=utf-8"),
        ("watch", 400, "text/html; charset=UTF-8"),
        ("favicon.ico", 404, "text/plain; charset=utf-8"),
    ],
)
def test_every_answer_is_kept_to_itself(serving, path, code, kind):
    with serving(scene_with_a_crop()) as server:
        answer = run(fetch(server.url, path))
    assert (answer.code, answer.headers["Content-Type"]) == (code, kind)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "Server" not in answer.headers
    if path.startswith("crops/") and code == 200:
        assert answer.body == b"a JPEG"


def test_the_chart_library_is_packed_and_kept(server):
    async def scenario(url):
        (name,) = re.findall(r"plotly-[0-9a-f]{12}\.js", (await fetch(url)).body.decode())
        packed = await fetch(url, name, headers={"Accept-Encoding": "br, gzip"})
        plain = await fetch(url, name)
        known = await fetch(url, name, headers={"If-None-Match": packed.headers["Etag"]})
        return name, packed, plain, known

    name, packed, plain, known = run(scenario(server.url))
    script = get_plotlyjs().encode()
    assert name == f"plotly-{hashlib.sha256(script).hexdigest()[:12]}.js"
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.body) < len(script) / 2
    assert gzip.decompress(packed.body) == plain.body == script
    assert "Content-Encoding" not in plain.headers
    for answer in (packed, plain):
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert answer.headers["Vary"] == "Accept-Encoding"
    assert (known.code, known.body) == (304, b"")


def test_blurring_a_crop_does_not_hold_up_the_server(serving, monkeypatch):
    entered, gate = threading.Event(), threading.Event()

    class Slow(Scene):
        def crop(self, number):
            entered.set()
            assert gate.wait(30)
            return b"blurred"

    async def scenario(url):
        asked = asyncio.ensure_future(fetch(url, "crops/1.jpg"))
        await until(entered.is_set)
        async with Watcher(url) as watcher:
            for _ in range(3):
                await watcher.figures()
            assert not asked.done()
            gate.set()
            assert (await asked).body == b"blurred"

    with serving(Slow("hall-1")) as server:
        run(scenario(server.url))


# ---- who watches ----


def test_a_viewer_is_told_the_figures_at_once_and_again(serving):
    stats = Stats(people=41, crops=5, uploaded=3)

    async def scenario(server):
        async with Watcher(server.url) as watcher:
            first = await watcher.next()
            assert first == {**server_scene.message(stats, 1), "fps": first["fps"]}
            assert (first["so_far"], first["spool"], first["viewers"]) == (41, 2, 1)
            server.follow(lambda: Stats(people=42))
            await watcher.figures(so_far=42)

    server_scene = scene_with_a_crop()
    with serving(server_scene) as server:
        server.follow(lambda: stats)
        run(scenario(server))


def test_every_viewer_gets_the_picture(server):
    async def scenario():
        async with Watcher(server.url) as one, Watcher(server.url) as other:
            await one.figures(viewers=2)
            assert server.viewers == 2
            for number in range(5):
                server.show(b"picture %d" % number)
                for watcher in (one, other):
                    await watcher.picture(b"picture %d" % number)
        await until(lambda: server.viewers == 0)

    run(scenario())


def test_who_comes_while_others_watch_gets_the_picture_that_they_see(serving):
    asked = []

    async def scenario(server):
        async with Watcher(server.url) as first:
            await first.figures()
            assert len(asked) == 1
            server.show(b"now")
            await first.picture()
            async with Watcher(server.url) as second:
                assert await second.picture() == b"now"
            assert len(asked) == 1
        await until(lambda: not server.viewers)
        async with Watcher(server.url) as third:  # what was shown before is old
            await third.figures()
            assert len(asked) == 2
            server.show(b"later")
            assert await third.picture() == b"later"

    with serving(on_viewer=lambda: asked.append(1)) as server:
        run(scenario(server))


def test_while_nobody_watches_a_picture_is_kept_for_nobody(server):
    async def scenario():
        server.show(b"nobody sees it")
        async with Watcher(server.url) as watcher:
            await watcher.figures()
            server.show(b"somebody does")
            assert await watcher.picture() == b"somebody does"

    run(scenario())


def test_a_viewer_too_many_is_told_so_until_a_place_is_free(serving):
    async def scenario(server):
        async with Watcher(server.url) as one:
            async with Watcher(server.url) as other:
                await other.figures(viewers=2)
                async with Watcher(server.url) as third:
                    assert await third.closed() == 4008
                    assert third.connection.close_reason == "all places are taken"
                assert server.viewers == 2
            await one.figures(viewers=1)
            async with Watcher(server.url) as fourth:
                await fourth.figures(viewers=2)

    with serving(places=2) as server:
        run(scenario(server))


def test_the_end_is_told_and_the_server_stays(serving):
    scene = Scene("hall-1")

    async def scenario(server):
        async with Watcher(server.url) as watcher:
            await watcher.figures(state="waiting")
            scene.end()
            server.tell()
            await watcher.figures(state="ended")
            async with Watcher(server.url) as late:
                await late.figures(state="ended", viewers=2)

    with serving(scene) as server:
        run(scenario(server))


def test_closing_tells_who_watches_and_the_port_is_free_again(serving):
    scene = Scene("hall-1")

    async def scenario(server):
        async with Watcher(server.url) as one, Watcher(server.url) as other:
            for watcher in (one, other):
                await watcher.figures(viewers=2)
            scene.end()
            closing = asyncio.get_event_loop().run_in_executor(None, server.close)
            for watcher in (one, other):
                await watcher.figures(state="ended")
                assert await watcher.closed() == 1001
            await closing
        with pytest.raises(ConnectionRefusedError):
            await fetch(server.url)
        server.close()
        server.show(b"to nobody")
        server.tell()

    with serving(scene) as server:
        run(scenario(server))


def test_a_server_may_be_started_again_at_the_same_port(serving):
    async def watched(url):
        async with Watcher(url) as watcher:
            return await watcher.figures()

    with serving() as server:
        port, url = server.port, server.url
        run(watched(url))
    again = LiveServer(
        listen("127.0.0.1", port), "127.0.0.1", Scene("hall-2"), token="", places=1,
        on_viewer=lambda: None,
    )  # fmt: skip
    try:
        assert run(watched(url))["camera"] == "hall-2"
    finally:
        again.close()


# ---- the token ----


@pytest.fixture
def guarded(serving):
    with serving(scene_with_a_crop(), token=TOKEN) as server:
        yield server


def cookie_of(answer):
    cookie, _, attributes = answer.headers["Set-Cookie"].partition(";")
    assert attributes == " Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"
    return cookie


def test_the_link_lets_in_and_its_cookie_does_from_then_on(guarded):
    async def scenario():
        assert guarded.url.endswith(f"/?token={TOKEN}")
        entered = await fetch(guarded.url, f"?token={TOKEN}")
        assert (entered.code, entered.headers["Location"], entered.body) == (303, ".", b"")
        assert entered.headers["Cache-Control"] == "no-store"
        headers = {"Cookie": cookie_of(entered)}
        for path in ("", "live.js", "crops/1.jpg"):
            assert (await fetch(guarded.url, path, headers=headers)).code == 200
        async with Watcher(guarded.url, **headers) as watcher:
            await watcher.figures(viewers=1)

    run(scenario())


def test_the_form_lets_in(guarded):
    async def scenario():
        page = await fetch(guarded.url)
        assert b'<form method="post" action="token">' in page.body
        body = {"method": "POST", "body": f"token=+{TOKEN}%0A"}
        entered = await fetch(guarded.url, "token", **body, headers={"Origin": "null"})
        assert (entered.code, entered.headers["Location"]) == (303, ".")
        headers = {"Cookie": cookie_of(entered)}
        assert (await fetch(guarded.url, headers=headers)).code == 200

    run(scenario())


@pytest.mark.parametrize("path", ["", "live.js", "live.css", "crops/1.jpg", "nothing", "../x"])
def test_without_the_token_every_page_asks_for_it(guarded, path):
    answer = run(fetch(guarded.url, path))
    assert answer.code == 401
    assert b'<label for="token">' in answer.body
    assert b"That is not the token" not in answer.body
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_without_the_token_nobody_watches(guarded):
    async def scenario():
        for headers in ({}, {"Cookie": f"facepipe-{guarded.port}=1"}):
            async with Watcher(guarded.url, **headers) as watcher:
                assert await watcher.next() is None
                assert watcher.connection.close_code == 4001
        assert guarded.viewers == 0

    run(scenario())


@pytest.mark.parametrize("guess", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ü" * 28])
def test_a_wrong_token_is_told_and_lets_nobody_in(guarded, guess, monkeypatch):
    monkeypatch.setattr(pages, "GUESS_SECONDS", 0.0)

    async def scenario():
        quoted = "".join(f"%{byte:02X}" for byte in guess.encode())
        for answer in (
            await fetch(guarded.url, f"?token={quoted}"),
            await fetch(guarded.url, "token", method="POST", body=f"token={quoted}"),
        ):
            assert answer.code == 401
            assert b"That is not the token" in answer.body
            assert "Set-Cookie" not in answer.headers

    run(scenario())


def test_a_guess_is_answered_late_and_holds_up_nobody(guarded, monkeypatch):
    monkeypatch.setattr(pages, "GUESS_SECONDS", 1000.0)

    async def scenario():
        guesses = [asyncio.ensure_future(fetch(guarded.url, "?token=x")) for _ in range(8)]
        for _ in range(8):
            assert (await fetch(guarded.url, f"?token={TOKEN}")).code == 303
        assert not any(guess.done() for guess in guesses)
        await asyncio.get_event_loop().run_in_executor(None, guarded.close)
        answers = await asyncio.gather(*guesses, return_exceptions=True)
        assert all(isinstance(answer, HTTPStreamClosedError) for answer in answers)

    run(scenario())


def test_the_cookie_of_another_token_or_port_lets_nobody_in(serving, guarded):
    async def scenario(other):
        cookie = cookie_of(await fetch(other.url, f"?token={'y' * 20}"))
        renamed = cookie.replace(str(other.port), str(guarded.port))
        for wrong in (cookie, renamed):
            assert (await fetch(guarded.url, headers={"Cookie": wrong})).code == 401

    with serving(token="y" * 20) as other:
        run(scenario(other))


def test_on_loopback_there_is_no_token_to_ask_for(server):
    async def scenario():
        assert (await fetch(server.url, "?token=x")).code == 200
        assert (await fetch(server.url, "token", method="POST", body="token=x")).code == 404

    run(scenario())


def test_the_token_is_in_no_log(serving, caplog, monkeypatch):
    monkeypatch.setattr(pages, "GUESS_SECONDS", 0.0)

    class Broken(Scene):
        def crop(self, number):
            raise RuntimeError("a fault of our own")

    async def scenario(url):
        cookie = {"Cookie": cookie_of(await fetch(url, f"?token={TOKEN}"))}
        for path in (f"?token={TOKEN}x", f"?token={TOKEN}&token=%FF", f"nothing?token={TOKEN}"):
            await fetch(url, path)
        broken = await fetch(url, f"crops/1.jpg?token={TOKEN}", headers=cookie)
        assert (broken.code, broken.body) == (500, b"500 Internal Server Error\n")
        async with Watcher(url, **cookie) as watcher:
            await watcher.figures()

    with caplog.at_level(logging.DEBUG), serving(Broken("hall-1"), token=TOKEN) as server:
        run(scenario(server.url))
    assert "a fault of our own" in caplog.text
    assert TOKEN not in caplog.text
