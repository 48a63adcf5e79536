"""Takes the pictures of the documentation from real runs, in a browser.

    python tools/screenshots.py [--emotion-model MODEL] [NAME ...]

Without a name it takes all of them, into docs/images. Each is at most 300 kB.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from report_screenshots import report

from facepipe_io.edge.live.preview import LivePreview
from facepipe_io.edge.settings import device_settings
from facepipe_io.local.pipeline import run_pipeline

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
MAX_BYTES = 300_000

#: When the live page has something to show: three people, each with a mood, and some before them.
_BUSY = """() => {
  const number = (id) => Number(document.getElementById(id).textContent);
  return number("now") >= 3 && number("so-far") >= 6
    && document.querySelectorAll("#crops li").length >= 6
    && !document.getElementById("moods-legend").textContent.includes("not scored")
    && document.querySelector("#chart .scatterlayer .trace");
}"""
_RUN_SECONDS = 300  # of a demo that takes 42, on a machine that has other things to do


def live(browser: Browser, model: str | None) -> dict[str, bytes]:
    """The live page of the demo, on a laptop and on a phone in the dark."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        settings = device_settings(
            {}, source="demo", camera="hall-1", crops_dir=folder, resend_seconds=5.0
        )
        preview = LivePreview(
            "http://127.0.0.1:0", camera="hall-1", token_file=out / "token", emotions=True
        )
        run = threading.Thread(
            target=run_pipeline,
            args=(settings, out / "run"),
            kwargs={"emotion_model": model, "preview": preview, "real_time": True},
            daemon=True,
        )
        laptop = _open(browser, preview.url, 1440, 1000)
        phone = _open(browser, preview.url, 390, 844, color_scheme="dark")
        run.start()
        try:
            laptop.wait_for_function(_BUSY, timeout=_RUN_SECONDS * 1000)
            return {
                "live.png": laptop.screenshot(animations="disabled"),
                "live-dark-phone.png": phone.screenshot(animations="disabled"),
            }
        finally:
            run.join()
            preview.close()


def _open(browser: Browser, url: str, width: int, height: int, **options: Any) -> Any:
    page = browser.new_page(viewport={"width": width, "height": height}, **options)
    page.goto(url)
    return page


def reduced(png: bytes) -> bytes:
    """A picture in as many colours as its size allows."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        file = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(file, "png", optimize=True)
        if file.tell() <= MAX_BYTES:
            break
    return file.getvalue()


# The report last: it puts other visitors into the demo.
TAKERS = {"live": live, "report": report}


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description="Take the pictures of the documentation.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TAKERS)}")
    parser.add_argument("--emotion-model", help="scores faces; else smiles are told from none")
    given = parser.parse_args()
    unknown = set(given.names) - set(TAKERS)
    if unknown:
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("this needs Chromium: sudo apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for name in given.names or TAKERS:
            for file, png in TAKERS[name](browser, given.emotion_model).items():
                path = IMAGES / file
                path.write_bytes(reduced(png))
                print(f"{os.path.relpath(path)}: {path.stat().st_size:,} bytes")
        browser.close()


if __name__ == "__main__":
    main()
