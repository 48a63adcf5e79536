"""A browser, and stands: a camera, the agent and the live page, all of them real."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import contextmanager
from typing import Any, Iterator

import pytest

from facepipe_io.edge.agent import Agent
from facepipe_io.edge.cameras.base import Camera, Frame
from facepipe_io.edge.cameras.demo import DemoCamera
from facepipe_io.edge.detectors import HaarDetector
from facepipe_io.edge.live.preview import LivePreview
from facepipe_io.edge.picker import CropPicker
from facepipe_io.edge.uplink import FolderUplink
from facepipe_io.local.pipeline import ScoringUplink
from facepipe_io.local.scorers import open_scorer
from facepipe_io.local.store import Store
from tests.browser.looking import contains, opened, until

START = 1_790_000_000.0  # seconds since the epoch, of the first frame
#: Frames of the demo in which two people walk, and one comes.
WALK = (55, 58, 61, 64, 67, 70, 73, 76, 79, 82, 85, 82, 79, 76, 73, 70, 67, 64, 61, 58)
#: One in which two stand, wholly in view.
STANDING = (60,)


class Loop(Camera):
    """Some frames of the demo, over and over."""

    live = True
    fps = 5.0

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self.source = "demo"
        demo = DemoCamera(START)
        self._images = [demo.paint(number) for number in numbers]
        self._index = 0

    def read(self) -> Frame:
        time.sleep(1 / self.fps)
        self._index += 1
        image = self._images[self._index % len(self._images)]
        return Frame(image, START + self._index / self.fps)


class Stand:
    """A camera that is looked at, and its page."""

    def __init__(self, agent: Agent, url: str) -> None:
        self.agent = agent
        self.url = url


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a stand, for as long as a `with` block takes."""

    @contextmanager
    def make(numbers: tuple[int, ...], *, blur: bool = False) -> Iterator[Stand]:
        folder = tmp_path_factory.mktemp("stand")
        preview = LivePreview(
            "http://127.0.0.1:0",
            camera="hall-1",
            token_file=folder / "token",
            blur=blur,
            emotions=True,
        )
        camera = Loop(numbers)
        picker = CropPicker("hall-1", "4f9c", HaarDetector(), resend_seconds=1.0)
        with Store(folder, create=True) as store:
            uplink = ScoringUplink(
                FolderUplink(folder),
                open_scorer(None),
                store,
                min_confidence=10.0,
                on_scored=preview.scored,
            )
            agent = Agent("hall-1", camera, picker, uplink, on_frame=preview.show)
            preview.follow(lambda: agent.stats)
            agent.start()
            try:
                yield Stand(agent, preview.url)
            finally:
                agent.stop()
                agent.join()
                preview.close()

    return make


@pytest.fixture(scope="module")
def walk(stand: Any) -> Iterator[Stand]:
    """A stand where people walk."""
    with stand(WALK) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for one file: in its process nobody else can run an event loop."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium: not installed")
    api = pytest.importorskip("playwright.sync_api", reason="playwright: not installed")
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield launched
        launched.close()


def _watched(browser: Any, *, chart: bool, **options: Any) -> Any:
    """A page that keeps what went wrong in it, what it asked for, and what figures it was told."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(90_000)
    page = context.new_page()
    page.wrong, page.asked, page.told = [], [], []
    if not chart:  # its library takes longer to load than all the rest
        page.route("**/plotly-*.js", lambda route: route.fulfill(body=""))

    def said(message: Any) -> None:
        if message.type in ("error", "warning"):
            page.wrong.append(message.text)

    def heard(message: Any) -> None:
        if isinstance(message, str):
            page.told.append(json.loads(message))

    def connected(socket: Any) -> None:
        page.asked.append(socket.url)
        socket.on("framereceived", heard)

    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", said)
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("websocket", connected)
    return page


@pytest.fixture
def new_page(browser: Any) -> Iterator[Any]:
    """Make a page of a browser that has seen nothing yet."""
    pages = []

    def make(*, chart: bool = False, **options: Any) -> Any:
        pages.append(_watched(browser, chart=chart, **options))
        return pages[-1]

    yield make
    for page in pages:
        page.context.close()


@pytest.fixture(scope="module")
def visit(browser: Any, walk: Stand) -> Iterator[Any]:
    """The live page where people walk, with a crop and a curve on it."""
    page = opened(_watched(browser, chart=True), walk.url)
    page.wait_for_selector("#chart .scatterlayer .trace")
    contains(page, "#crops", "happy")
    until(page, "document.querySelector('#crops li img').naturalWidth > 0")
    yield page
    page.context.close()


@pytest.fixture
def page(visit: Any) -> Iterator[Any]:
    """The same, as a visitor finds it who has just come with a laptop."""
    yield visit
    visit.set_viewport_size({"width": 1280, "height": 900})
    visit.emulate_media(color_scheme="light", reduced_motion="no-preference")
