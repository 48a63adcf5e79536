"""In a browser, a blurred face is blurred: where it was found, and in the crops."""

from __future__ import annotations

import numpy as np

from facepipe_io.edge.cameras.demo import sightings
from tests.browser.conftest import STANDING
from tests.browser.looking import contains, detail, green, opened, pixels, until

DRAWN = "(image) => image.naturalWidth > 0"


def test_faces_are_blurred_and_boxes_kept(new_page, stand):
    standing = [each.box for each in sightings(STANDING[0]) if each.visible == 1]
    assert len(standing) == 2
    seen = {}
    for blur in (False, True):
        with stand(STANDING, blur=blur) as shown:
            page = opened(new_page(), shown.url)
            until(page, f"[...document.querySelectorAll('#crops img')].filter({DRAWN}).length > 1")
            contains(page, "#about-boxes", "blurred" if blur else "number")
            crops = [pixels(page, f"#crops li:nth-child({n}) img") for n in (1, 2)]
            picture = pixels(page)
            while not all(has_box(picture, box) for box in standing):
                picture = pixels(page)
            seen[blur] = picture, [crop[len(crop) // 4 : -len(crop) // 4] for crop in crops]
    (clear, clear_crops), (blurred, blurred_crops) = seen[False], seen[True]
    for box in standing:
        face = part(box, -15)  # without the lines of the box
        assert detail(blurred[face]) < detail(clear[face]) / 10
    assert max(map(detail, blurred_crops)) < min(map(detail, clear_crops)) / 10
    hall = part((100, 100, 1200, 200))
    assert detail(blurred[hall]) > detail(clear[hall]) * 0.8


def part(box, more=0):
    """A part of a picture: in a box, and so many pixels around it."""
    x0, y0, x1, y1 = map(round, box)
    return np.s_[y0 - more : y1 + more, x0 - more : x1 + more]


def has_box(picture, box):
    """Whether a box is drawn around a face: as many pixels as its sides have, and more."""
    x0, y0, x1, y1 = box
    return green(picture[part(box, 30)]).sum() > 2 * (x1 - x0 + y1 - y0)
