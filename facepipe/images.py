"""Pictures: the one module of the library that needs OpenCV.

Pictures are `(H, W, 3)` uint8 arrays in OpenCV's order of channels, blue, green, red.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

try:
    import cv2
except ImportError as error:  # pragma: no cover - a test sees to it in an interpreter without cv2
    raise ImportError(
        "facepipe.images needs OpenCV: pip install 'facepipe[headless]', or [opencv] on a desktop"
    ) from error

from facepipe._arrays import as_wh
from facepipe._image_size import image_wh
from facepipe.boxes import box_area, clip_boxes
from facepipe.errors import ImageError, ShapeError
from facepipe.letterbox import Letterbox

__all__ = [
    "as_bgr",
    "blurred",
    "decode_image",
    "draw_faces",
    "encode_jpeg",
    "encode_png",
    "fit_within",
    "image_wh",
    "letterboxed",
    "sharpness",
    "thumbnail",
]

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from facepipe.detections import Detections

    Image = NDArray[np.uint8]

# Of libjpeg and libpng, which OpenCV encodes with (JPEG_MAX_DIMENSION of jmorecfg.h,
# PNG_USER_WIDTH_MAX of pnglibconf.h).
_JPEG_MAX_SIDE = 65500
_PNG_MAX_SIDE = 1_000_000

# A face of a twentieth of the frame's width is five of these pixels wide.
_THUMBNAIL_SIDE = 96
_ROWS = 4

# A face of so few cells on a side tells where it is, and hardly more.
_BLUR_CELLS = 6

# Sharpness is compared between pictures of one size, whatever size the faces have.
_SHARPNESS_SIDE = 64


def as_bgr(frame: Any) -> Image:
    """Turn what a camera gives into a picture.

    Args:
        frame: `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)`; uint8, uint16 (its upper eight
            bits count), bool, or floats from 0 to 1.

    Returns:
        `(H, W, 3)` uint8; the frame itself where it is one already.

    Raises:
        ImageError: for anything else, a frame of no pixels included.

    Example:
        >>> as_bgr(np.full((4, 6), 65535, np.uint16))[0, 0]
        array([255, 255, 255], dtype=uint8)
    """
    if not isinstance(frame, np.ndarray) or frame.ndim not in (2, 3) or frame.size == 0:
        shape = frame.shape if isinstance(frame, np.ndarray) else type(frame).__name__
        raise ImageError(f"a frame must be an array (H, W) or (H, W, C) of pixels, not {shape}")
    channels = 1 if frame.ndim == 2 else frame.shape[2]
    if channels not in (1, 3, 4):
        raise ImageError(f"a frame must have 1, 3 or 4 channels, not {channels}")
    pixels = _as_uint8(frame)
    if channels == 1:
        return cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]
    if channels == 4:
        return cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_BGRA2BGR)  # type: ignore[return-value]
    return pixels


def _as_uint8(frame: NDArray[Any]) -> Image:
    if frame.dtype == np.uint8:
        return frame
    if frame.dtype == np.uint16:
        return (frame >> 8).astype(np.uint8)
    if frame.dtype == np.bool_:
        return frame.astype(np.uint8) * np.uint8(255)
    if frame.dtype.kind == "f":
        if not (np.isfinite(frame).all() and frame.min() >= 0.0 and frame.max() <= 1.0):
            raise ImageError("a frame of floats must hold values from 0 to 1")
        return np.rint(frame * 255.0).astype(np.uint8)
    raise ImageError(f"a frame must hold uint8, uint16, bool or floats, not {frame.dtype}")


def encode_jpeg(image: Image, quality: int = 90) -> bytes:
    """Encode a picture as JPEG.

    Args:
        image: `(H, W, 3)` uint8, or a part of one; 1 to 65500 pixels a side.
        quality: 1 to 100.

    Raises:
        ImageError: if the picture is none or too large for a JPEG, or there is no such quality.

    Example:
        >>> encode_jpeg(np.zeros((80, 80, 3), np.uint8))[:2].hex()
        'ffd8'
    """
    image = as_bgr(image)
    if not 1 <= quality <= 100:
        raise ImageError(f"the quality of a JPEG must be from 1 to 100, not {quality}")
    if max(image.shape[:2]) > _JPEG_MAX_SIDE:
        raise ImageError(f"a JPEG has at most {_JPEG_MAX_SIDE} pixels a side")
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    if not done:  # pragma: no cover - OpenCV refuses nothing that has passed so far
        raise ImageError("OpenCV could not encode the picture as JPEG")
    return data.tobytes()


def encode_png(image: Image) -> bytes:
    """Encode a picture as PNG, every pixel as it is.

    Args:
        image: `(H, W, 3)` uint8, or a part of one; 1 to 1,000,000 pixels a side.

    Raises:
        ImageError: if the picture is none or too large for a PNG.

    Example:
        >>> encode_png(np.zeros((80, 80, 3), np.uint8))[1:4]
        b'PNG'
    """
    image = as_bgr(image)
    if max(image.shape[:2]) > _PNG_MAX_SIDE:
        raise ImageError(f"a PNG has at most {_PNG_MAX_SIDE:,} pixels a side")
    done, data = cv2.imencode(".png", image)
    if not done:  # pragma: no cover - OpenCV refuses nothing that has passed so far
        raise ImageError("OpenCV could not encode the picture as PNG")
    return data.tobytes()


def decode_image(data: bytes) -> Image:
    """Decode a JPEG, PNG or whatever else OpenCV reads.

    Returns:
        `(H, W, 3)` uint8, turned upright as its EXIF orientation says.

    Raises:
        ImageError: if the bytes are no picture.

    Example:
        >>> decode_image(encode_jpeg(np.zeros((80, 120, 3), np.uint8))).shape
        (80, 120, 3)
    """
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        # No bytes, or a header that announces more pixels than OpenCV is willing to allocate.
        image = None
    if image is None:
        raise ImageError(f"these {len(data)} bytes are no picture that OpenCV can decode")
    return image  # type: ignore[return-value]


def fit_within(image: Image, wh: tuple[int, int], *, quick: bool = False) -> Image:
    """Scale a picture down so that it fits into a size, its proportions kept.

    Args:
        image: `(H, W, 3)` uint8.
        wh: the most `(width, height)`.
        quick: whether four pixels of each sixteen will do, for less than half of the time. YuNet
            finds as many faces, a cascade fewer.

    Returns:
        The picture itself where it fits already; never an enlarged one.

    Raises:
        ImageError: if the picture has no pixels.
        ShapeError: if `wh` is no size.

    Example:
        >>> fit_within(np.zeros((1080, 1920, 3), np.uint8), (320, 320)).shape
        (180, 320, 3)
    """
    width, height = as_wh(wh)
    if image.size == 0:
        raise ImageError("a picture of no pixels fits nowhere")
    ratio = min(width / image.shape[1], height / image.shape[0])
    if ratio >= 1.0:
        return image
    small = (max(1, round(image.shape[1] * ratio)), max(1, round(image.shape[0] * ratio)))
    # What passes over pixels aliases, which detectors take for texture. OpenCV is quickest at the
    # mean of four; INTER_LINEAR passes over none as far as down to a half, over few to a quarter.
    most = (4 * small[0], 4 * small[1]) if quick else (2 * small[0] - 1, 2 * small[1] - 1)
    halved = _halved(image, most)
    if halved.shape[1::-1] == small:  # which OpenCV would copy
        return halved
    return cv2.resize(halved, small, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _halved(image: Image, most: tuple[int, int]) -> Image:
    """A picture halved, by the mean of four pixels, until a side is no longer than that."""
    while image.shape[1] > most[0] and image.shape[0] > most[1]:
        half = (image.shape[1] // 2, image.shape[0] // 2)
        image = cv2.resize(image, half, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return image


def letterboxed(image: Image, into_wh: tuple[int, int], fill: int = 114) -> tuple[Image, Letterbox]:
    """Scale a picture, up or down, until it fits into a size, and fill what is left with grey.

    Args:
        image: `(H, W, 3)` uint8.
        into_wh: `(width, height)` of the result.
        fill: the grey, 0 to 255; 114 is what YOLO models are trained with (`letterbox` in
            `utils/augmentations.py` of ultralytics/yolov5).

    Returns:
        The result, `(H, W, 3)` uint8, and how coordinates of the picture become the result's.

    Raises:
        ImageError: if the picture is none, or there is no such grey.
        ShapeError: if `into_wh` is no size.

    Example:
        >>> square, box = letterboxed(np.zeros((90, 160, 3), np.uint8), (320, 320))
        >>> square.shape, box.offset, square[:71:35, 0, 0]
        ((320, 320, 3), (0, 70), array([114, 114,   0], dtype=uint8))
    """
    image = as_bgr(image)
    if not 0 <= fill <= 255:
        raise ImageError(f"a grey must be from 0 to 255, not {fill}")
    box = Letterbox.fit((image.shape[1], image.shape[0]), into_wh)
    (left, top), (width, height) = box.offset, box.scaled_wh
    canvas: Image = np.full((box.into_wh[1], box.into_wh[0], 3), fill, np.uint8)
    small = _halved(image, (2 * width - 1, 2 * height - 1))
    canvas[top : top + height, left : left + width] = cv2.resize(
        small, (width, height), interpolation=cv2.INTER_LINEAR
    )
    return canvas, box


def thumbnail(image: Image) -> Image:
    """Scale a picture down to some 96 pixels of its longer side or less, quickly.

    It is for telling whether anything has changed (`facepipe.motion`), not to look at: a pixel is
    the mean of a square of at least eight by eight, of which every row counts or every few rows,
    and what is left over at the right and below is left out. Of a picture of fewer pixels the
    square is as large as that allows.

    Args:
        image: `(H, W, 3)` uint8.

    Raises:
        ImageError: if the picture has no pixels.

    Example:
        >>> thumbnail(np.zeros((1080, 1920, 3), np.uint8)).shape
        (54, 96, 3)
    """
    if image.size == 0:
        raise ImageError("a picture of no pixels has no thumbnail")
    height, width = image.shape[:2]
    # Whole pixels into one, and every row of the few that count: OpenCV is quick at that.
    side = min(_ROWS * max(2, -(-max(height, width) // (_ROWS * _THUMBNAIL_SIDE))), height, width)
    rows, columns = height // side, width // side
    part = image[: rows * side : max(1, side // _ROWS), : columns * side]
    return cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def sharpness(image: Image) -> float:
    """How sharp a face is: the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000).

    The picture is brought to 64x64 first, so that faces of different sizes compare. Blurring one
    lowers it; adding noise raises it.

    Args:
        image: `(H, W, 3)` uint8, the face without its surroundings.

    Returns:
        0 or more. A face in focus reaches some hundreds, one smeared by motion some tens.

    Example:
        >>> sharpness(np.zeros((50, 40, 3), np.uint8))
        0.0
    """
    size = (_SHARPNESS_SIDE, _SHARPNESS_SIDE)
    halved = _halved(as_bgr(image), (2 * _SHARPNESS_SIDE - 1, 2 * _SHARPNESS_SIDE - 1))
    grey = cv2.cvtColor(halved, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(small, cv2.CV_32F))
    return float(deviation[0, 0]) ** 2


def draw_faces(
    image: Image,
    detections: Detections,
    texts: Sequence[str] | None = None,
    *,
    colour: tuple[int, int, int] = (80, 200, 60),
) -> Image:
    """Draw a box around each detection.

    Args:
        image: `(H, W, 3)` uint8.
        detections: in pixels of the image; what is wholly outside is left out.
        texts: one short text for each, ASCII, written on a label above its box. Labels stay inside
            the image, as far as it has room.
        colour: blue, green, red.

    Returns:
        A copy of the image.

    Raises:
        ImageError: if the picture is none.
        ShapeError: if there is not one text for each.

    Example:
        >>> from facepipe.detections import Detections
        >>> blank = np.zeros((100, 100, 3), np.uint8)
        >>> found = Detections([[10, 10, 50, 60]], [0.9], [1])
        >>> bool(draw_faces(blank, found, ["7"]).any()), bool(blank.any())
        (True, False)
    """
    canvas = as_bgr(image).copy()
    if texts is not None and len(texts) != len(detections):
        raise ShapeError("texts", f"{len(detections)}, one for each detection", f"{len(texts)}")
    line = max(1, round(min(canvas.shape[:2]) / 300))
    boxes = clip_boxes(detections.boxes, (canvas.shape[1], canvas.shape[0]))
    boxes = np.hstack([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])]).astype(int)
    seen = np.flatnonzero(box_area(boxes) > 0).tolist()
    for x0, y0, x1, y1 in boxes[seen].tolist():
        cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), colour, line)
    # After all the boxes, so that none of them crosses a text.
    for index in seen:
        if texts is not None and texts[index]:
            _draw_label(canvas, boxes[index].tolist(), texts[index], colour)
    return canvas


def blurred(image: Image, boxes: ArrayLike) -> Image:
    """Blur what is in boxes, so that a face in one is known by nobody who looks at it.

    Of each box the means of 6x6 cells are left, however large it is, and run into each other.

    Args:
        image: `(H, W, 3)` uint8.
        boxes: `(N, 4)`, in pixels of the image. What is outside it is left out.

    Returns:
        A copy of the image.

    Raises:
        ImageError: if `image` is none.
        ShapeError: if `boxes` is not `(N, 4)`, or has a NaN: nobody knows where that face is.

    Example:
        >>> stripes = np.zeros((64, 64, 3), np.uint8)
        >>> stripes[::2] = 200
        >>> done = blurred(stripes, [[0, 0, 64, 32]])
        >>> bool(done[:32].std() < 20), float(done[32:].std())
        (True, 100.0)
    """
    canvas = as_bgr(image).copy()
    inside = clip_boxes(boxes, (canvas.shape[1], canvas.shape[0]))
    if np.isnan(inside).any():
        raise ShapeError("boxes", "numbers", "NaN")
    inside = np.hstack([np.floor(inside[:, :2]), np.ceil(inside[:, 2:])]).astype(int)
    for x0, y0, x1, y1 in inside[box_area(inside) > 0].tolist():
        region = canvas[y0:y1, x0:x1]
        cells = (min(x1 - x0, _BLUR_CELLS), min(y1 - y0, _BLUR_CELLS))
        coarse = cv2.resize(region, cells, interpolation=cv2.INTER_AREA)
        canvas[y0:y1, x0:x1] = cv2.resize(coarse, (x1 - x0, y1 - y0), interpolation=cv2.INTER_CUBIC)
    return canvas


def _draw_label(canvas: Image, box: Sequence[int], text: str, colour: tuple[int, int, int]) -> None:
    """Write a text above a box's upper left corner, or over it where there is no room above."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, max(0.4, min(canvas.shape[:2]) / 800)
    line = max(1, round(2 * scale))
    (width, height), _ = cv2.getTextSize(text, font, scale, line)
    width, height = width + 4 * line, height + 6 * line
    left = max(0, min(box[0], canvas.shape[1] - width))
    top = max(0, box[1] - height)
    cv2.rectangle(canvas, (left, top), (left + width - 1, top + height - 1), colour, cv2.FILLED)
    light = np.dot(colour, (0.114, 0.587, 0.299)) > 127  # luma, ITU-R BT.601
    ink = (0, 0, 0) if light else (255, 255, 255)
    place = (left + 2 * line, top + height - 3 * line)
    cv2.putText(canvas, text, place, font, scale, ink, line, cv2.LINE_AA)
