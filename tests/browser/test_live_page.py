"""The live page in a browser: what a visitor sees of a camera, an agent and a server that run."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import numpy as np
import pytest

from facepipe_io.edge.live.scene import CROPS
from tests.browser.looking import contains, detail, green, pixels, serious, until

# What is said of the picture while people are in it.
HEADLINE = re.compile(r"^\d (person|people) in view")
PICTURE = re.compile(
    r"^Live picture of hall-1: \d .* in view.*\. Each is marked by a box with a number\.$"
)
BANDS = """() => [...document.querySelectorAll("#chart .scatterlayer path.js-fill")].map((path) => {
  const { width, height } = path.getBBox();
  return [path.getAttribute("d"), width, height];
})"""


def test_the_picture_moves_and_has_boxes(page):
    before = pixels(page)
    assert before.shape == (720, 1280, 3)
    assert green(before).sum() > 1000
    for _ in range(100):
        change = np.abs(pixels(page).astype(int) - before).max(axis=2)
        if (change > 60).mean() > 0.01:
            return
        page.wait_for_timeout(50)
    pytest.fail("the picture stood still")


def test_tiles_say_what_the_server_says(page):
    until(page, "document.getElementById('now').textContent > 1")
    shown = page.evaluate(
        "['now', 'so-far', 'fps', 'spool'].map((id) => document.getElementById(id).textContent)"
    )
    assert shown in [
        [str(each["now"]), str(each["so_far"]), f"{each['fps']:.1f}", str(each["spool"])]
        for each in page.told
    ]
    assert page.is_hidden("#things")


def test_the_chart_draws_and_goes_on(page):
    before = page.evaluate(BANDS)
    assert max(width for _, width, _ in before) > 2
    assert max(height for _, _, height in before) > 50
    page.wait_for_function(
        f"before => JSON.stringify(({BANDS})()) !== JSON.stringify(before)", arg=before
    )


def test_the_chart_is_a_table_too(page):
    label, rows = page.evaluate(
        """() => [
          document.getElementById("chart").ariaLabel,
          [...document.querySelectorAll("#table tr")].map((row) =>
            [...row.children].map((cell) => cell.textContent)),
        ]"""
    )
    assert "happy" in [word for word, *_ in rows]
    for word, now, _, mean in rows:
        assert f"{word} {now}" in label
        assert re.fullmatch(r"\d+%", mean)


def test_a_crop_is_a_card_with_its_picture(page):
    card = page.locator("#crops li", has_text="happy").first
    title = card.locator("h3").inner_text()
    mood, time = card.locator("p").all_inner_texts()
    assert re.fullmatch(r"person \d+", title)
    assert mood == "happy"
    assert re.fullmatch(r"\d\d:\d\d:\d\d", time)
    assert card.locator("img").get_attribute("alt") == f"The face of {title}, who looks happy"
    assert detail(pixels(page, "#crops li img")) > 50


def test_it_asks_nobody_else_and_breaks_no_rule(page, walk):
    page.hover("#chart")
    assert page.wrong == []
    asked = [urlsplit(url) for url in page.asked if not url.startswith("blob:")]
    assert {url.netloc for url in asked} == {urlsplit(walk.url).netloc}
    assert {url.scheme for url in asked} == {"http", "ws"}


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_is_accessible(page, width, scheme):
    page.set_viewport_size({"width": width, "height": 740})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.click("summary")
    until(page, f"document.querySelector('#chart svg').clientWidth < {width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("getComputedStyle(document.querySelector('#chart .xtick text')).fill")
    assert (background, ink) == {
        "light": ("rgb(246, 245, 242)", "rgb(93, 96, 105)"),
        "dark": ("rgb(18, 19, 23)", "rgb(165, 169, 179)"),
    }[scheme]
    moving = "() => document.getAnimations().filter((each) => each.playState === 'running').length"
    assert page.evaluate(moving) == 0
    assert serious(page) == []
    page.click("summary")


def test_a_screen_reader_finds_its_way(page):
    for role in ("banner", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    for name in ("The picture", "Figures", "Moods in view", "How the mood goes", "Latest crops"):
        assert page.get_by_role("region", name=name, exact=True).count() == 1
    page.get_by_role("heading", level=1, name=HEADLINE).wait_for()
    page.get_by_role("img", name=PICTURE).wait_for()
    chart = "Chart of the share of each emotion over the last five minutes. Now: "
    assert page.get_by_role("img", name=chart).count() == 1
    assert page.get_by_role("img", name=re.compile("^People in view: ")).count() == 1
    assert page.get_by_role("button", name="Pause").count() == 1
    page.get_by_role("status").filter(has_text="in view").wait_for(state="attached")
    crops = page.get_by_role("region", name="Latest crops").get_by_role("list")
    # Full, it keeps its length while crops come and go.
    until(page, f"document.querySelectorAll('#crops li').length === {CROPS}")
    assert crops.get_by_role("listitem").count() == CROPS


def test_pause_stops_what_moves(page, walk):
    page.focus("#pause")
    page.keyboard.press("Enter")
    contains(page, "#pill", "paused")
    until(page, "document.images.picture.complete")
    frozen = "() => document.images.picture.src + document.querySelector('main').innerText"
    before, frames = page.evaluate(frozen), walk.agent.stats.frames
    while walk.agent.stats.frames < frames + 8:
        page.wait_for_timeout(50)
    assert page.evaluate(frozen) == before
    assert page.get_attribute("#picture", "alt").startswith("Paused picture of hall-1: ")
    page.keyboard.press("Enter")
    page.wait_for_function(f"before => ({frozen})() !== before", arg=before)
    contains(page, "#pill", "live")
