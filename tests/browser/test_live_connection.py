"""The live page finds its way back, tells why it shows nothing new, and lets in who may look."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from facepipe_io.edge.live import preview as live_preview
from tests.browser.looking import alive, contains, opened, pixels, serious
from tests.browser.slides import slides

NEW_PICTURE = "before => document.images.picture.src !== before"


def moves(page):
    """Wait until the page shows another picture than now."""
    page.wait_for_function(NEW_PICTURE, arg=page.evaluate("document.images.picture.src"))


def test_it_survives_the_death_of_its_server(new_page):
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.browser.slides", "0"], stdout=subprocess.PIPE, text=True
    )
    with child:
        try:
            url = child.stdout.readline().strip()
            page = opened(new_page(), url)
            page.evaluate("window.sameAsBefore = true")
        finally:
            child.kill()
    contains(page, "#banner", "Connection lost; trying again")
    assert page.is_visible("#banner")
    contains(page, "#pill", "no connection")
    contains(page, "[role=status]", "Connection lost; trying again")
    assert page.get_attribute("#picture", "alt").startswith("The last picture of slides: ")
    assert pixels(page).shape == (90, 160, 3)
    with slides(urlsplit(url).port):
        alive(page)
        moves(page)
        assert page.is_hidden("#banner")
        assert page.evaluate("window.sameAsBefore")


def test_it_tells_the_end_and_wakes_up_with_the_next_run(new_page):
    with slides() as shown:
        url = shown.url
        page = opened(new_page(), url)
        shown.end()
        contains(page, "#banner", "It has ended")
        assert page.is_visible("#banner")
    contains(page, "#banner", "It has ended")
    with slides(urlsplit(url).port):
        alive(page)
        moves(page)


def test_who_finds_no_place_gets_the_next_one(new_page):
    with slides(viewers=1) as shown:
        first = opened(new_page(), shown.url)
        second = new_page()
        second.goto(shown.url)
        contains(second, "#banner", "All places are taken; trying again")
        first.close()
        alive(second)


@pytest.fixture
def guarded(monkeypatch):
    """Slides that only those see who have the token, as if this were no loopback address."""
    monkeypatch.setattr(live_preview, "is_loopback", lambda _: False)
    with slides() as shown:
        yield shown


def test_the_link_with_the_token_opens_the_page(new_page, guarded):
    page = opened(new_page(), guarded.url)
    token = urlsplit(guarded.url).query
    assert token.startswith("token=")
    assert page.url == guarded.url.partition("?")[0]
    moves(page)
    assert page.wrong == []


def test_who_has_no_token_is_asked_for_it(new_page, guarded):
    page = new_page()
    url, _, query = guarded.url.partition("?")
    assert page.goto(url).status == 401
    assert serious(page) == []
    page.fill("input", "guess")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")
    assert serious(page) == []
    page.fill("input", query.partition("=")[2])
    page.keyboard.press("Enter")
    alive(page)
    assert page.url == url


def test_who_loses_the_right_is_told(new_page, guarded):
    page = opened(new_page(), guarded.url)
    page.context.clear_cookies()
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    page.evaluate("dispatchEvent(new Event('pageshow'))")
    contains(page, "#banner", "This page needs its token: open the link that has it")
    page.click("#reload")
    page.wait_for_selector("input[name=token]")


def test_a_hidden_tab_gives_its_place_free_and_comes_back(new_page):
    with slides(viewers=1) as shown:
        page = new_page()
        page.clock.install()
        opened(page, shown.url)
        hide(page, hidden=True)
        page.clock.run_for(21_000)
        while shown.viewers:
            page.wait_for_timeout(20)
        page.clock.run_for(60_000)
        assert not shown.viewers
        hide(page, hidden=False)
        alive(page)
        moves(page)


def hide(page, *, hidden):
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )
