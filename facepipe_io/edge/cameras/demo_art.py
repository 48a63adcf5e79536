"""The pictures of the demo: a hall at dusk, its counter, and people cut out of their portraits."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Sequence

import attrs
import cv2
import numpy as np

from facepipe_io.errors import CameraError

WIDTH, HEIGHT = 1280, 720
COUNTER = 606  # the height at which the counter hides everyone's lower half


@attrs.frozen
class Portrait:
    """Where the head is in a portrait, and the outline of the person, all in its pixels."""

    package: str
    file: str
    face: tuple[int, int, int, int]
    head: tuple[int, int]  # its top and bottom
    outline: str

    def path(self) -> Path:
        """Where the package has it; a CameraError when it has not."""
        spec = importlib.util.find_spec(self.package)  # found, not imported: matplotlib is large
        folders = spec.submodule_search_locations if spec else None
        path = Path(next(iter(folders or [""]))) / self.file
        if not path.is_file():
            module = self.package.replace("skimage", "scikit-image")
            raise CameraError(
                "demo", f"its portraits are part of {module}; run: pip install 'facepipe[local]'"
            )
        return path

    def middle(self) -> np.ndarray:
        """The middle of the face, `(x, y)`."""
        x0, y0, x1, y1 = self.face
        return np.array(((x0 + x1) / 2, (y0 + y1) / 2))

    def polygon(self) -> np.ndarray:
        """The outline: `(N, 2)` int32."""
        return np.array([point.split(",") for point in self.outline.split()], dtype=np.int32)


# The outlines were found with OpenCV's grabCut and thinned to the points that matter.
PORTRAITS = {
    "hopper": Portrait(
        package="matplotlib",
        file="mpl-data/sample_data/grace_hopper.jpg",
        face=(170, 128, 366, 330),
        head=(25, 335),
        outline="218,31 209,44 197,49 183,61 176,73 175,83 156,99 151,112 151,160 157,186 153,199 "
        "154,215 160,227 158,251 163,273 174,288 202,298 206,312 197,321 183,333 165,344 121,360 "
        "79,369 53,381 47,387 36,418 27,432 27,459 17,526 11,599 506,599 503,500 496,440 490,411 "
        "469,383 365,342 332,315 361,261 375,195 369,181 371,134 368,96 364,88 353,85 344,65 "
        "335,56 270,27 249,25",
    ),
    "collins": Portrait(
        package="skimage",
        file="data/astronaut.png",
        face=(175, 70, 273, 170),
        head=(16, 168),
        outline="276,31 248,18 227,16 201,23 189,35 164,51 153,68 155,98 181,132 183,146 140,158 "
        "119,180 114,193 115,199 107,211 90,227 76,235 42,268 44,282 26,342 362,342 356,302 "
        "342,266 330,249 307,239 303,226 294,205 281,189 262,175 253,172 259,158 264,140 "
        "290,117 300,92 296,58 286,40",
    ),
}


def cut_out(
    name: str, *, scale: float, mirrored: bool, hue: int | None
) -> tuple[np.ndarray, tuple[float, float]]:
    """A person without their background.

    Args:
        name: of the portrait.
        scale: pixels of the result for one of the portrait.
        mirrored: whether left and right change places.
        hue: colour of the clothes, OpenCV's 0 to 179; None leaves them as they are.

    Returns:
        The picture, `(H, W, 4)` float32 BGRA, its colours multiplied by its alpha (0 to 1), with a
        soft shadow; and the `(x, y)` of the middle of the face in it.

    Raises:
        CameraError: if the portrait is missing or damaged.
    """
    portrait = PORTRAITS[name]
    image = cv2.imread(str(portrait.path()))
    if image is None:
        raise CameraError("demo", f"{portrait.path()} is damaged; install {portrait.package} again")
    if hue is not None:
        image = _dress(image, name, hue)
    border = 48  # room for the shadow
    image = cv2.copyMakeBorder(image, border, 0, border, border, cv2.BORDER_REPLICATE)
    mask = np.zeros(image.shape[:2], dtype=np.uint8)
    cv2.fillPoly(mask, [portrait.polygon() + border], 255)
    # The softest part of the edge still shows the portrait's own background: only its inner half
    # is kept.
    alpha = np.clip(cv2.GaussianBlur(mask, (0, 0), 1.6) / 255.0 * 2 - 1, 0, 1)
    cutout: np.ndarray = np.dstack([image * alpha[..., None], alpha]).astype(np.float32)
    x, y = portrait.middle() + border
    if mirrored:
        cutout, x = cutout[:, ::-1], cutout.shape[1] - x
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    cutout = cv2.resize(cutout, None, fx=scale, fy=scale, interpolation=interpolation)
    cutout = np.clip(cutout, 0, (255, 255, 255, 1)).astype(np.float32)  # cubic overshoots
    dark = cv2.GaussianBlur(cutout[..., 3], (0, 0), 9) * 0.35
    cutout[..., 3] += (1 - cutout[..., 3]) * dark
    return cutout, (x * scale, y * scale)


def _dress(image: np.ndarray, name: str, new_hue: int) -> np.ndarray:
    """A portrait in clothes of another colour."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    hue, saturation, value = cv2.split(hsv)
    rows = np.arange(len(image))[:, None]
    if name == "collins":  # her suit is orange
        clothes = (rows > 205) & ((hue < 18) | (hue > 170)) & (saturation > 110)
        share = cv2.GaussianBlur(clothes.astype(np.float32), (0, 0), 1.0)[..., None]
        hsv[..., 0] = new_hue
        hsv[..., 1] = saturation * 0.5
        hsv[..., 2] = value * 0.8
    else:  # her uniform and the rim of her hat are nearly black
        columns = np.arange(image.shape[1])
        hat = (rows < 140) | ((rows < 198) & ((columns < 164) | (columns > 358)))
        collar = (rows > 352) | ((rows > 318) & ((columns < 205) | (columns > 330)))
        clothes = (hat | collar) & (value < 75)
        share = cv2.GaussianBlur(clothes.astype(np.float32), (0, 0), 1.0)[..., None]
        hsv[..., 0] = new_hue
        hsv[..., 1] = 165
        hsv[..., 2] = np.minimum(value.astype(np.uint16) + 62, 255)
    dressed = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    return np.asarray(image * (1 - share) + dressed * share, dtype=np.uint8)


def blend(image: np.ndarray, cutout: np.ndarray, left: int, top: int) -> None:
    """Lay a premultiplied BGRA picture over an image, in place; what hangs out is left off."""
    height, width = image.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + cutout.shape[1], width), min(top + cutout.shape[0], height)
    if x0 < x1 and y0 < y1:
        over = cutout[y0 - top : y1 - top, x0 - left : x1 - left]
        under = image[y0:y1, x0:x1]
        under[:] = (under * (1 - over[..., 3:]) + over[..., :3]).astype(np.uint8)


def _ramp(top: Sequence[int], bottom: Sequence[int], height: int) -> np.ndarray:
    """Colours from top to bottom: `(height, 1, 3)` uint8."""
    part = np.linspace(0, 1, height)[:, None, None]
    return np.asarray(np.array(top) * (1 - part) + np.array(bottom) * part, dtype=np.uint8)


def paint_hall() -> np.ndarray:
    """A hall with tall windows at dusk, painted at twice the size for smooth edges."""
    hall: np.ndarray = np.empty((HEIGHT * 2, WIDTH * 2, 3), dtype=np.uint8)
    hall[:] = _ramp((214, 222, 228), (180, 196, 208), HEIGHT * 2)
    for number, left in enumerate((120, 760, 1400, 2040)):
        _paint_window(hall, left, 110, 400, 900, number)
    for x, drop in ((640, 190), (1280, 250), (1920, 190)):
        cv2.line(hall, (x, 0), (x, drop), (96, 92, 88), 4, cv2.LINE_AA)
        glow = np.zeros(hall.shape[:2], dtype=np.uint8)
        cv2.circle(glow, (x, drop + 46), 70, 255, -1)
        share = cv2.GaussianBlur(cv2.resize(glow, None, fx=0.125, fy=0.125), (0, 0), 14)
        share = cv2.resize(share, (WIDTH * 2, HEIGHT * 2))[..., None] * (0.75 / 255)
        hall = np.asarray(hall * (1 - share) + np.array((205, 240, 255)) * share, dtype=np.uint8)
        cv2.ellipse(hall, (x, drop + 50), (74, 62), 0, 180, 360, (74, 106, 128), -1, cv2.LINE_AA)
        cv2.ellipse(hall, (x, drop + 50), (50, 12), 0, 0, 360, (214, 244, 255), -1, cv2.LINE_AA)
    return cv2.resize(hall, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def _paint_window(
    hall: np.ndarray, left: int, top: int, width: int, height: int, number: int
) -> None:
    arch = width // 2
    shape = np.zeros(hall.shape[:2], dtype=np.uint8)
    cv2.rectangle(shape, (left, top + arch), (left + width, top + height), 255, -1)
    cv2.circle(shape, (left + arch, top + arch), arch, 255, -1)
    frame = cv2.dilate(shape, np.ones((25, 25), dtype=np.uint8))
    hall[frame > 0] = (232, 238, 242)
    view = hall.copy()
    view[top : top + height] = _ramp((158, 128, 92), (188, 204, 244), height)
    if number == 1:
        cv2.circle(view, (left + 250, top + 520), 74, (206, 232, 255), -1, cv2.LINE_AA)
    for layer, (colour, base) in enumerate((((168, 158, 176), 620), ((134, 118, 128), 730))):
        for step in range(-1, 9):  # roofs of a far town, each window another stretch of it
            x = left + step * 62 - 20 * layer
            roof = top + base - (step * 37 + number * 53 + layer * 29) % 120
            cv2.rectangle(view, (x, roof), (x + 58, top + height), colour, -1)
    hall[shape > 0] = view[shape > 0]
    bar = (232, 238, 242)
    cv2.line(hall, (left + arch, top), (left + arch, top + height), bar, 10)
    for down in (arch, arch + 330):
        cv2.line(hall, (left, top + down), (left + width, top + down), bar, 10)


def paint_counter() -> np.ndarray:
    """The counter before everyone and the plants on it: premultiplied BGRA, float."""
    tall = 96  # room for the plants
    height = HEIGHT - COUNTER + tall
    paint: np.ndarray = np.zeros((height * 2, WIDTH * 2, 4), dtype=np.uint8)
    paint[tall * 2 :, :, :3] = _ramp((92, 128, 168), (52, 78, 112), (HEIGHT - COUNTER) * 2)
    paint[tall * 2 : tall * 2 + 26, :, :3] = _ramp((138, 178, 214), (112, 150, 190), 26)
    paint[tall * 2 :, :, 3] = 255
    for x in range(150, WIDTH * 2, 320):
        cv2.line(paint, (x, tall * 2 + 50), (x, height * 2), (60, 88, 124, 255), 3)
    for middle in (86, WIDTH * 2 - 86):
        for lean in range(-60, 61, 15):
            leaf = (middle + lean * 13 // 10, tall * 2 - 92 + abs(lean) // 2)
            green = (84 + lean // 3, 128 + lean // 4, 92 - lean // 4, 255)
            cv2.ellipse(paint, leaf, (16, 70), lean * 0.8, 0, 360, green, -1, cv2.LINE_AA)
        pot = [(middle - 66, tall * 2 - 34), (middle + 66, tall * 2 - 34)]
        pot += [(middle + 50, tall * 2 + 10), (middle - 50, tall * 2 + 10)]
        cv2.fillPoly(paint, [np.array(pot)], (210, 220, 226, 255), cv2.LINE_AA)
    paint = cv2.resize(paint, (WIDTH, height), interpolation=cv2.INTER_AREA)
    return np.asarray(paint / np.array((1, 1, 1, 255)), dtype=np.float32)
