"""What a test sees of a page."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np
import pytest

# Between two pictures an image may have none.
_PIXELS = """async (selector) => {
  const image = document.querySelector(selector);
  while (!image.complete || !image.naturalWidth) await new Promise(requestAnimationFrame);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}"""


def opened(page: Any, url: str) -> Any:
    """Open the live page, and wait until it shows something."""
    page.goto(url)
    alive(page)
    return page


def alive(page: Any) -> None:
    """Wait until the page shows a picture, and nothing is wrong."""
    until(page, "document.body.dataset.link === 'live' && !document.images.picture.hidden")


def until(page: Any, condition: str) -> None:
    """Wait for a condition, in JavaScript."""
    # As a function: an expression would be evaluated again and again, which the page forbids.
    page.wait_for_function(f"() => {condition}")


def pixels(page: Any, selector: str = "#picture") -> np.ndarray:
    """What an image of the page shows: `(H, W, 3)` uint8, BGR."""
    png = base64.b64decode(page.evaluate(_PIXELS, selector))
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def detail(image: np.ndarray) -> float:
    """How much detail there is: the variance of the Laplacian."""
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


def green(image: np.ndarray) -> np.ndarray:
    """Where boxes are drawn: `(H, W)` bool."""
    return (np.abs(image.astype(int) - (80, 200, 60)).max(axis=2) < 40).astype(bool)


def contains(page: Any, selector: str, text: str) -> None:
    """Wait until an element has a text, which may be out of view."""
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector).textContent.includes(text)",
        arg=[selector, text],
    )


def serious(page: Any) -> list[str]:
    """What axe finds that bars somebody from the page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe: not installed")
    return [
        f"{found['id']}: {node['html']}"
        for found in axe.Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]
