"""The pictures of the report, out of real runs: the demo, and two stages of it.

Only the demo's portraits, which are in the public domain, are on them.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import cv2
from playwright.sync_api import Browser

from facepipe_io.edge.cameras import demo
from facepipe_io.edge.settings import device_settings
from facepipe_io.local.comparison import compare
from facepipe_io.local.crowds import crowds_by
from facepipe_io.local.gather import read_folders
from facepipe_io.local.pictures import FolderPictures
from facepipe_io.local.pipeline import run_pipeline
from facepipe_io.local.report import render_crowds, write_page, write_report
from facepipe_io.local.selection import Selection

# Of each stage: how many who smile and who do not come by, in the order in which they come.
STAGES = {"stage-a": "cchccchcccchcccc", "stage-b": "hhchhchhhchhhchh"}

_EVERY = 4.5  # seconds from one visitor to the next


def report(browser: Browser, model: str | None) -> dict[str, bytes]:
    """The report of a run, and of two side by side."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        settings = device_settings({}, source="demo", crops_dir=str(folder / "demo"), camera="demo")
        run_pipeline(settings, folder / "demo", emotion_model=model)
        stages = [_stage(folder, name, cast, model) for name, cast in STAGES.items()]
        gathered = read_folders(stages, Selection())
        comparison = compare(*crowds_by(gathered, None))
        page = render_crowds(gathered, comparison, Selection(), FolderPictures(gathered.folders))
        return {
            "report.png": _picture(browser, write_report(folder / "demo")),
            "report-side-by-side.png": _picture(browser, write_page(page, folder / "stages.html")),
        }


def _stage(folder: Path, name: str, cast: str, model: str | None) -> Path:
    """A run of a clip in which the demo's portraits come by in another order and other clothes."""
    demo.VISITORS = _visitors(cast, random.Random(name))  # type: ignore[misc]
    camera = demo.DemoCamera(start_time=0.0)
    clip = folder / f"{name}.mp4"
    fourcc = cv2.VideoWriter_fourcc(*"mp4v")  # type: ignore[attr-defined]
    writer = cv2.VideoWriter(str(clip), fourcc, demo.FPS, (demo.WIDTH, demo.HEIGHT))
    for index in range(int((len(cast) * _EVERY + 8) * demo.FPS)):
        writer.write(camera.paint(index))
    writer.release()
    settings = device_settings({}, source=str(clip), crops_dir=str(folder / name), camera=name)
    run_pipeline(settings, folder / name, emotion_model=model)
    return folder / name


def _visitors(cast: str, chance: random.Random) -> tuple[demo.Visitor, ...]:
    visitors = []
    for number, letter in enumerate(cast):
        portrait = {"c": "collins", "h": "hopper"}[letter]
        comes = number * _EVERY
        middle = chance.uniform(300, 900)
        way = (demo.LEFT, demo.RIGHT) if number % 2 else (demo.RIGHT, demo.LEFT)
        path = ((comes, way[0]), (comes + 3, middle), (comes + 5, middle), (comes + 8, way[1]))
        mirrored, hue = chance.random() < 0.5, chance.choice([None, 20, 66, 103, 150, 176])
        head = chance.randint(150, 190)
        visitors.append(demo.Visitor(f"{portrait}-{number}", portrait, head, mirrored, hue, path))
    return tuple(visitors)


def _picture(browser: Browser, page: Path) -> bytes:
    opened = browser.new_page(viewport={"width": 1400, "height": 1352})
    opened.goto(page.resolve().as_uri())
    opened.wait_for_selector(".js-plotly-plot .main-svg")
    opened.wait_for_timeout(300)  # fonts
    return bytes(opened.screenshot())
