"""The report's pages in a real browser: charts draw, nothing is in a reader's way, paper works."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from facepipe_io.local.commands.report import report
from facepipe_io.local.page import PAPER_WIDTHS
from facepipe_io.local.report import write_report
from facepipe_io.local.store import Store
from tests.facepipe_io.local.crowd_data import MOODS, crop_of, fill
from tests.facepipe_io.local.test_store import NOON

sync_api = pytest.importorskip("playwright.sync_api", reason="chromium: no playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="chromium: no axe")

CHROMIUM = Path("/usr/bin/chromium")
EVIL = '<img src=x onerror="document.title=1">&amp; {{ 7*7 }} '
HEBREW = "\u05de\u05e6\u05dc\u05de\u05d4 12 (A)"
LONG = "\U0001f600\U0001f3aa " + "W" * 120


@pytest.fixture(scope="module")
def pages(tmp_path_factory, portraits):
    """A page on one run, with others beside it, and one on several with awkward names."""
    out = tmp_path_factory.mktemp("pages")
    moods = [*MOODS, "ANGRY", "SURPRISED", "DISGUSTED", "CONFUSED", "AMUSED"]
    later = NOON + timedelta(seconds=50)
    fill(out, EVIL, ["HAPPY"] * 20 + moods, run="aaaa", live=True, source="rtsp://x/" + "y" * 200)
    fill(out, HEBREW, ["CALM"] * 9 + ["HAPPY"], run="bbbb", live=True, source="0", start=later)
    fill(out, LONG, ["SAD"] * 3, run="cccc", live=True, source="1", limits="<i>no</i> " + "z" * 300)
    fill(out, "empty", [], run="dddd", live=True, source="2")
    last = fill(out, "hall", ["HAPPY", "SAD"], run="eeee", frames=9, faces=9, crops=2)
    with Store(out) as store:
        store.put(crop_of("hall", last.run, 7, label="soda <b>cup"))
        shown = store.records(last.run)[0]
    (out / shown.key).parent.mkdir(parents=True)
    cv2.imwrite(str(out / shown.key), portraits["collins"][:300, 80:400])
    typed = [str(out), "--all", "--out", str(out / "crowds.html")]
    result = CliRunner().invoke(report, typed, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return {"run": write_report(out), "crowds": out / "crowds.html"}


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.is_file():
        pytest.skip("chromium: not installed")
    with sync_api.sync_playwright() as playwright:
        args = ["--no-sandbox", "--disable-background-networking"]
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield started
        started.close()


@pytest.fixture(scope="module", params=["run", "crowds"])
def page(request, browser, pages):
    """A page that is drawn, in the dark; what it asked for and complained of are beside it."""
    context = browser.new_context(color_scheme="dark", viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    opened.asked, opened.said = [], []
    opened.on("request", lambda asked: opened.asked.append(asked.url))
    opened.on("console", lambda said: opened.said.append(said.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.goto(pages[request.param].as_uri())
    opened.wait_for_function(
        "document.querySelectorAll('.chart').length"
        " === document.querySelectorAll('.chart .main-svg:first-child').length"
    )
    yield opened
    context.close()


def test_every_chart_draws_an_area_for_each_emotion_and_nothing_goes_wrong(page):
    charts = page.evaluate(
        "[...document.querySelectorAll('.chart')].map(c =>"
        " [...c.querySelectorAll('.js-fill')].filter(p => p.getBBox().width > 10).length)"
    )
    assert len(charts) >= 4
    assert min(charts) >= 2
    assert page.said == []
    loaded = [url for url in page.asked if not url.startswith("data:")]
    assert loaded == [page.url], "it loads nothing"
    assert page.title().endswith("· facepipe")


def test_all_curves_side_by_side_have_one_axis(page):
    ranges = page.evaluate(
        "[...document.querySelectorAll('.sides .chart')].map(c => c.layout.xaxis.range.join())"
    )
    assert len(ranges) == 4
    assert len(set(ranges)) == 1


def test_names_are_text_wherever_they_stand(page):
    text = page.inner_text("body")
    assert " ".join(EVIL.split()) in " ".join(text.split())
    assert HEBREW in text
    assert page.query_selector("img[src=x]") is None


def test_nothing_serious_is_in_a_readers_way(page):
    page.emulate_media(color_scheme="dark" if page.url.endswith("crowds.html") else "light")
    found = axe.Axe().run(page).response
    page.emulate_media(color_scheme="dark")
    serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert serious == [], json.dumps(serious, indent=1)[:3000]
    assert len(found["passes"]) > 15


@pytest.mark.parametrize("width", [360, 768, 1600])
def test_no_name_makes_a_page_wider_than_its_screen(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_function(
        "Math.max(...[...document.querySelectorAll('.main-svg')]"
        ".map(s => s.getBoundingClientRect().width)) <= innerWidth"
    )
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.set_viewport_size({"width": 1200, "height": 900})


def test_on_paper_it_is_black_on_white_with_patterns_for_colours(page):
    page.emulate_media(media="print", color_scheme="dark")
    style = page.evaluate(
        """() => {
          const of = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
          return {
            page: of('body', 'backgroundColor'), ink: of('body', 'color'),
            card: of('.card', 'backgroundColor'), details: of('details', 'display'),
            chart: of('.chart text', 'fill'), bar: of('.moods span:last-child', 'backgroundImage'),
            fills: [...document.querySelectorAll('.js-fill')].map(p => getComputedStyle(p).fill),
            patterns: [...document.querySelectorAll('pattern')].map(p => p.id),
          };
        }"""
    )
    page.emulate_media(media="screen", color_scheme="dark")
    white, black = "rgb(255, 255, 255)", "rgb(0, 0, 0)"
    assert (style["page"], style["card"], style["ink"]) == (white, white, black)
    assert (style["chart"], style["details"]) == (black, "none")
    assert style["bar"].startswith('url("data:image/svg+xml')
    used = set(re.findall(r'#(m\d+)"', " ".join(style["fills"])))
    assert len(used) >= 3
    assert used <= set(style["patterns"])
    assert all(fill.startswith("url(") for fill in style["fills"])


FITTING = (
    "[...document.querySelectorAll('.chart')]"
    ".every(c => c.querySelector('.main-svg').clientWidth === c.clientWidth)"
)


def test_it_prints_on_a4_and_is_as_it_was_afterwards(page):
    pdf = page.pdf(prefer_css_page_size=True)
    sizes = {tuple(map(float, box.split())) for box in re.findall(rb"MediaBox \[([^]]+)", pdf)}
    assert {(round(w), round(h)) for _, _, w, h in sizes} == {(595, 842)}
    assert 2 <= len(re.findall(rb"/Type /Page\b", pdf)) <= 12
    assert b"/URI" not in pdf
    page.wait_for_function(FITTING)


def test_charts_are_as_wide_as_the_paper(page):
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    wide = page.evaluate("[...document.querySelectorAll('.main-svg')].map(s => s.clientWidth)")
    assert set(wide) <= set(PAPER_WIDTHS)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_function(FITTING)
