"""Post-processing: a detector's raw output parsed, filtered by score, scaled and clipped.

Beside the same in a plain loop over the rows, as samples do it, and in supervision, which has no
reader for these formats: its boxes are made of the rows' columns.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator

import attrs
import numpy as np

from benchmarks.figures import Growth, Ratio, in_turns
from benchmarks.nms import faces
from benchmarks.peers import peer
from facepipe.detections import Detections
from facepipe.letterbox import Letterbox

FRAME_WH = (1920, 1080)
INPUT_WH = (640, 360)
LETTERBOX = Letterbox.fit(FRAME_WH, (640, 640))
SIZES = (10, 200, 1000)
YOLO_ROWS = 8400  # always: one for each cell of its grids
GROWING = (500, 2000, 8732)  # from where fixed costs no longer count
SCORE = 0.5
IOU = 0.45

Row = Iterable[Any]  # score, x0, y0, x1, y1 in pixels of the frame


@attrs.frozen
class Format:
    """A wire format: its raw output, how facepipe reads it, and how a plain loop does."""

    name: str
    raw: Callable[[np.ndarray, np.ndarray], Any]
    ours: Callable[[Any], Detections]
    rows: Callable[[Any], Iterable[Row]]


def awscam_raw(boxes: np.ndarray, scores: np.ndarray) -> Any:
    """A dictionary for each box, of Python's numbers."""
    names = ("label", "prob", "xmin", "ymin", "xmax", "ymax")
    table = np.column_stack([np.ones(len(scores)), scores, boxes / 3]).tolist()
    return {"ssd": [dict(zip(names, row)) for row in table]}


def awscam_rows(raw: Any) -> Iterator[Row]:
    """As DeepLens samples read it."""
    for row in raw["ssd"]:
        yield row["prob"], row["xmin"] * 3, row["ymin"] * 3, row["xmax"] * 3, row["ymax"] * 3


def ssd_rows(raw: Any) -> Iterator[Row]:
    """Of rows that end in score, x0, y0, x1, y1, normalised."""
    width, height = FRAME_WH
    for *_, score, x0, y0, x1, y1 in raw:
        yield score, x0 * width, y0 * height, x1 * width, y1 * height


def yunet_rows(raw: Any) -> Iterator[Row]:
    """Of rows that begin with x, y, width, height in the input's pixels and end in the score."""
    for x, y, width, height, *_, score in raw:
        yield score, x * 3, y * 3, (x + width) * 3, (y + height) * 3


def cascade_rows(raw: Any) -> Iterator[Row]:
    """Of x, y, width, height in the input's pixels, and weights beside them."""
    for (x, y, width, height), weight in zip(*raw):
        yield weight / (weight + 3.0), x * 3, y * 3, (x + width) * 3, (y + height) * 3


def yolo_rows(raw: Any) -> Iterator[Row]:
    """Of columns x, y of the centre, width, height and score in a letterbox's pixels."""
    (scale_x, scale_y), (left, top) = LETTERBOX.scale, LETTERBOX.offset
    for x, y, width, height, score in raw[0].T:
        yield (
            score,
            (x - width / 2 - left) / scale_x,
            (y - height / 2 - top) / scale_y,
            (x + width / 2 - left) / scale_x,
            (y + height / 2 - top) / scale_y,
        )


def xywh(boxes: np.ndarray) -> np.ndarray:
    """Corner and sides of boxes, in the input's pixels."""
    return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]) / 3


def yolo_raw(boxes: np.ndarray, scores: np.ndarray) -> Any:
    """One class, `(1, 5, N)`."""
    mapped = LETTERBOX.map(boxes)
    centres, sides = (mapped[:, :2] + mapped[:, 2:]) / 2, mapped[:, 2:] - mapped[:, :2]
    return np.hstack([centres, sides, scores[:, None]]).T[None].astype(np.float32)


def opencv_raw(boxes: np.ndarray, scores: np.ndarray) -> Any:
    """`(1, 1, N, 7)`."""
    normalised = boxes / [*FRAME_WH, *FRAME_WH]
    table = np.column_stack([np.zeros(len(scores)), np.ones(len(scores)), scores, normalised])
    return table.astype(np.float32)[None, None]


def mxnet_raw(boxes: np.ndarray, scores: np.ndarray) -> Any:
    """What SageMaker answers: JSON's lists."""
    table = opencv_raw(boxes, scores)[0, 0, :, 1:].astype(np.float64)
    return {"prediction": (table - [1, 0, 0, 0, 0, 0]).tolist()}


FORMATS = (
    Format(
        "opencv_ssd",
        opencv_raw,
        lambda raw: Detections.from_opencv_ssd(raw, frame_wh=FRAME_WH),
        lambda raw: ssd_rows(raw[0, 0]),
    ),
    Format(
        "awscam",
        awscam_raw,
        lambda raw: Detections.from_awscam(raw, input_wh=INPUT_WH, frame_wh=FRAME_WH),
        awscam_rows,
    ),
    Format(
        "mxnet_ssd",
        mxnet_raw,
        lambda raw: Detections.from_mxnet_ssd(raw, frame_wh=FRAME_WH),
        lambda raw: ssd_rows(raw["prediction"]),
    ),
    Format(
        "yunet",
        lambda boxes, scores: np.hstack(
            [xywh(boxes), np.zeros((len(boxes), 10)), scores[:, None]]
        ).astype(np.float32),
        lambda raw: Detections.from_yunet(raw, input_wh=INPUT_WH, frame_wh=FRAME_WH),
        yunet_rows,
    ),
    Format(
        "cascade",
        lambda boxes, scores: (xywh(boxes).astype(np.int32), scores * 10),
        lambda raw: Detections.from_cascade(*raw, input_wh=INPUT_WH, frame_wh=FRAME_WH),
        cascade_rows,
    ),
    Format(
        "yolo",
        yolo_raw,
        lambda raw: Detections.from_yolo(raw, letterbox=LETTERBOX),
        yolo_rows,
    ),
)


def ours(form: Format, raw: Any) -> Detections:
    """The library's way."""
    return form.ours(raw).above(SCORE).clipped(FRAME_WH)


def plain_loop(form: Format, raw: Any) -> list[list[Any]]:
    """Row by row: boxes."""
    width, height = FRAME_WH
    found = []
    for score, x0, y0, x1, y1 in form.rows(raw):
        if score >= SCORE:
            box = [max(0.0, x0), max(0.0, y0), min(width, x1), min(height, y1)]
            if box[2] > box[0] and box[3] > box[1]:
                found.append(box)
    return found


def by_supervision(raw: np.ndarray) -> Any:
    """OpenCV's rows."""
    supervision = peer("supervision")
    rows = raw[0, 0]
    found = supervision.Detections(
        xyxy=rows[:, 3:] * (*FRAME_WH, *FRAME_WH),
        confidence=rows[:, 2],
        class_id=rows[:, 1].astype(int),
    )
    found = found[found.confidence >= SCORE]
    found.xyxy = supervision.clip_boxes(found.xyxy, FRAME_WH)
    sides = found.xyxy[:, 2:] - found.xyxy[:, :2]
    return found[(sides > 0).all(axis=1)]


def made(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes around faces, some beyond the edges, half of them above the threshold."""
    return faces(rng, n), rng.random(n)


def against(form: Format, raw: Any) -> dict[str, tuple[Callable, Callable]]:
    """By peer: facepipe's call, whose boxes are the peer's, and its own."""
    pairs: dict[str, tuple[Callable, Callable]] = {
        "plain loop": (lambda: ours(form, raw), lambda: plain_loop(form, raw))
    }
    boxes = ours(form, raw).boxes
    assert np.allclose(boxes, plain_loop(form, raw), atol=1e-2), f"other boxes of {form.name}"
    if form is FORMATS[0] and peer("supervision"):
        pairs["supervision"] = (lambda: ours(form, raw), lambda: by_supervision(raw))
        assert np.allclose(boxes, by_supervision(raw).xyxy, atol=1e-2), "other boxes"
    return pairs


def post_processing(seconds: float, rng: np.random.Generator) -> Iterator[Ratio]:
    """Every format at a common size, and one at all sizes."""
    for n in SIZES:
        for form in FORMATS if n == 200 else FORMATS[:1]:
            rows = YOLO_ROWS if form.name == "yolo" else n
            for name, calls in against(form, form.raw(*made(rng, rows))).items():
                times = in_turns(calls, seconds) * 1e6
                what = f"{form.name}, {rows:,} rows: read, filter, clip"
                yield Ratio.of_rounds("detections", what, name, "us", *times.T)


def suppression(seconds: float, rng: np.random.Generator) -> Iterator[Ratio]:
    """Detections to detections."""
    supervision = peer("supervision")
    if not supervision:
        return
    boxes, scores = made(rng, 200)
    labels = np.ones(200, np.int64)
    mine = Detections(boxes, scores, labels)
    other = supervision.Detections(xyxy=boxes, confidence=scores, class_id=labels)
    calls = (lambda: mine.nms(IOU, by_label=True), lambda: other.with_nms(IOU))
    kept, theirs = (call() for call in calls)
    assert np.array_equal(np.sort(kept.scores), np.sort(theirs.confidence)), "others are kept"
    times = in_turns(calls, seconds) * 1e6
    yield Ratio.of_rounds(
        "detections", "200 Detections: nms by label", "supervision", "us", *times.T
    )


def figures(seconds: float) -> Iterator[Ratio | Growth]:
    """Against each peer, and how cost grows."""
    rng = np.random.default_rng(7)
    yield from post_processing(seconds, rng)
    yield from suppression(seconds, rng)
    for form in FORMATS[:2]:
        raws = [form.raw(*made(rng, n)) for n in GROWING]
        rounds = in_turns([lambda r=raw, f=form: ours(f, r) for raw in raws], seconds) * 1e6
        what = f"{form.name}: read, filter, clip"
        yield Growth.of_rounds("detections", what, "rows", "us", GROWING, rounds)
