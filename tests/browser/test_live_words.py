"""What the live page makes of messages: words, and nothing but words."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from facepipe.moods import emotion_colour, emotion_word
from tests.browser.looking import contains, until
from tests.browser.slides import slides

EVIL = "<img src=x onerror=alert(1)>"  # in small letters, as words are
JPEG = cv2.imencode(".jpg", np.zeros((90, 160, 3), np.uint8))[1].tobytes()


def message(now=0, people=None, **changes):
    people = people or {}
    names = [
        {"type": each, "word": emotion_word(each), "colour": emotion_colour(each)}
        for each in people
    ]
    return {
        "camera": "hall-1",
        "state": "live",
        "blurred": False,
        "now": now,
        "so_far": 41,
        "things": 0,
        "fps": 14.94,
        "spool": 0,
        "viewers": 2,
        "trouble": "",
        "emotions": True,
        "moods": [{**name, "people": n} for name, n in zip(names, people.values())],
        "curve": {
            "seconds": [-300.0, -60.0, 0.0],
            "shares": [{**name, "values": [None, 50.0, 100 / len(names)]} for name in names],
            "people": [None, 2, 3],
        },
        "crops": [],
        **changes,
    }


@pytest.fixture(scope="module")
def address():
    """Of a server for the page's files."""
    with slides() as shown:
        yield shown.url


@pytest.fixture
def told(new_page, address):
    """Open the page, connected to the test: gives it, and what says something to it."""

    def open_it(*first, clock=False, chart=False):
        page, sockets = new_page(chart=chart), []

        def connected(socket):
            sockets.append(socket)
            for each in first:
                say(each)

        def say(said):
            sockets[-1].send(said if isinstance(said, bytes) else json.dumps(said))

        page.route_web_socket("**/watch", connected)
        if clock:
            stop_clock(page)
        page.goto(address)
        until(page, "document.body.dataset.link !== 'connecting'")
        page.sockets = sockets
        return page, say

    return open_it


def stop_clock(page):
    """Let time pass only in `page.clock.run_for`."""
    page.clock.install(time=0)
    page.clock.pause_at(1_000)


def test_the_headline_says_it_in_one_sentence(told):
    page, say = told(message())
    for said, line in [
        (message(), "Nobody in view"),
        (message(1), "1 person in view"),
        (message(1, {"SAD": 1}), "1 person in view, sad"),
        (message(2, {"CALM": 2}), "2 people in view, all calm"),
        (message(3, {"HAPPY": 2, "SAD": 1}), "3 people in view, mostly happy"),
        (message(4, {"HAPPY": 2, "SAD": 1}), "4 people in view: 2 happy, 1 sad"),
        (message(0, so_far=0, things=1200), "1,200 things so far"),
        (message(0, state="ended", so_far=1), "It is over: 1 person came"),
    ]:
        say(said)
        page.wait_for_function(
            "line => document.getElementById('headline').textContent === line", arg=line
        )


def test_tiles_bar_and_legend(told):
    page, _ = told(message(4, {"HAPPY": 2, "SAD": 1}, things=3, spool=1234, trouble="no network"))
    assert page.inner_text("#things") == "3"
    assert page.inner_text("#fps") == "14.9"
    assert page.inner_text("#spool") == "1,234"
    assert "none is lost" in page.inner_text("#about-spool")
    assert "The last error: no network." in page.inner_text("footer")
    bar = page.locator("#moods")
    assert bar.get_attribute("aria-label") == "People in view: happy 2, sad 1, not scored yet 1"
    widths = page.eval_on_selector_all("#moods span", "parts => parts.map((p) => p.clientWidth)")
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.05)
    assert page.locator("#moods-legend li").all_inner_texts() == [
        "happy 2",
        "sad 1",
        "not scored yet 1",
    ]
    assert page.locator("#table tr").count() == 2
    assert page.locator("#table tr").first.locator("th, td").all_text_contents() == [
        "happy",
        "50%",
        "50%",
        "50%",
    ]


def test_without_a_scorer_it_shows_the_people(told):
    page, _ = told(message(3, emotions=False), chart=True)
    page.wait_for_selector("#chart .scatterlayer path.js-line", state="attached")
    assert page.inner_text("#curve-title") == "People in view"
    assert "CloudWatch" in page.inner_text("#curve-note")
    assert page.is_hidden("#moods-card")
    assert page.get_attribute("#chart", "aria-label").endswith("Now: People in view 3")


def test_what_is_said_stays_text(told):
    crop = {"id": 1, "title": EVIL, "word": EVIL, "colour": "red", "confidence": 9.0, "time": EVIL}
    page, _ = told(
        message(2, {EVIL: 2}, camera=EVIL, trouble=EVIL, crops=[crop], state="waiting"),
        JPEG,
        chart=True,
    )
    page.on("dialog", lambda dialog: page.wrong.append(dialog.message))
    page.wait_for_selector("#chart .annotation text", state="attached")
    contains(page, "#banner", EVIL)
    contains(page, "#chart .annotation text", EVIL)
    assert page.locator("img").count() == 2  # the picture, and the crop's
    assert page.locator("[onerror]").count() == 0
    for place in ("#headline", "#camera", "#trouble", "#crops", "#moods-legend", "#table"):
        assert EVIL in page.inner_text(place) or EVIL in page.text_content(place)


def test_a_silent_camera_is_told_of(told):
    page, say = told(message(1), JPEG, clock=True)
    until(page, "!document.images.picture.hidden")
    for _ in range(4):
        page.clock.run_for(3_000)
        say(message(1, state="waiting"))
        contains(page, "#pill", "waiting")
    contains(page, "#banner", "No picture for 12 s: the camera")
    contains(page, "[role=status]", "No picture: the camera")
    say(JPEG)
    say(message(1))
    contains(page, "#pill", "live")
    assert page.is_hidden("#banner")


def test_a_screen_reader_is_told_no_more_than_every_15_seconds(told):
    page, say = told(message(1), clock=True)
    contains(page, "[role=status]", "1 person in view")
    for seconds in range(0, 14, 2):
        say(message(2 + seconds))
        contains(page, "#headline", f"{2 + seconds} people in view")
        page.clock.run_for(1_900)
        assert page.text_content("[role=status]") == "1 person in view"
    say(message(5))
    page.clock.run_for(2_000)
    contains(page, "[role=status]", "5 people in view")


def test_a_connection_that_is_silent_is_given_up(told):
    page, _ = told(message(1), clock=True)
    page.clock.run_for(5_000)
    assert len(page.sockets) == 1
    page.clock.run_for(2_000)
    contains(page, "#banner", "Connection lost; trying again")
    page.clock.run_for(1_000)
    contains(page, "#pill", "live")
    assert len(page.sockets) == 2


def test_pauses_between_tries_grow(new_page, address):
    page, tries = new_page(), []

    def refuse(socket):
        tries.append(socket)
        socket.close(code=4001 if len(tries) % 2 else 4008)

    page.route_web_socket("**/watch", refuse)
    stop_clock(page)
    page.goto(address)
    contains(page, "#pill", "no token")
    for count, pause in enumerate((500, 1_000, 2_000, 4_000, 5_000, 5_000), 1):
        page.clock.run_for(pause * 3 // 4 - 10)
        assert len(tries) == count
        page.clock.run_for(pause // 4 + 10)
        contains(page, "#pill", "no place" if count % 2 else "no token")


def test_pictures_are_let_go_of(told):
    page, say = told(message(1))
    page.evaluate(
        """() => {
          [window.kept, window.made, window.most] = [new Set(), 0, 0];
          const { createObjectURL, revokeObjectURL } = URL;
          URL.createObjectURL = (blob) => {
            const url = createObjectURL.call(URL, blob);
            kept.add(url);
            made += 1;
            most = Math.max(most, kept.size);
            return url;
          };
          URL.revokeObjectURL = (url) => {
            kept.delete(url);
            revokeObjectURL.call(URL, url);
          };
        }"""
    )
    for drawn in range(25):
        for _ in range(8):
            say(b"no picture" if drawn == 12 else JPEG)
        until(page, f"made > {drawn} && kept.size === 0")
    assert page.evaluate("most") == 1
    until(page, "document.images.picture.naturalWidth === 160")


def test_a_chart_library_that_moved_is_found(new_page, address):
    page = new_page(chart=True)

    def old_address(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("plotly-", "old-plotly-"))
        page.unroute(address)

    page.route(address, old_address)
    page.route_web_socket(
        "**/watch", lambda socket: socket.send(json.dumps(message(2, {"SAD": 2})))
    )
    page.clock.install()
    page.goto(address)
    contains(page, "#pill", "live")
    page.wait_for_function("() => !document.querySelector('#chart').dataset.plotly.includes('old')")
    page.clock.run_for(5_100)
    page.wait_for_selector("#chart .scatterlayer .trace", state="attached")
