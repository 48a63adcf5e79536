"""What detectors and classifiers answer, on the device and at an endpoint."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager, suppress
from typing import Any, Iterator

import numpy as np

from facepipe.classification import as_probabilities, prediction_message
from facepipe.detections import Detections
from facepipe.errors import ShapeError
from facepipe.keys import format_key, parse_key
from facepipe.letterbox import Letterbox
from facepipe.sampling import Strategy, face_predictions, keeps
from facepipe.ssd_output import detection_rows
from facepipe_io.edge.cameras import Frame
from facepipe_io.edge.detectors.sagemaker import Endpoint, EndpointPicker, SageMakerDetector
from facepipe_io.errors import EndpointError
from tests.fuzz import values

_INPUT, _FRAME = (64, 64), (320, 180)
_BOX = Letterbox.fit(_FRAME, _INPUT)
_FACE = {"label": "1", "prob": 0.9, "xmin": 3, "ymin": 4, "xmax": 50, "ymax": 60}
_ROW = [0, 0.9, 0.1, 0.1, 0.5, 0.6]
_READERS = {
    "awscam": lambda rows, _: Detections.from_awscam(rows, input_wh=_INPUT, frame_wh=_FRAME),
    "cascade": lambda rows, more: Detections.from_cascade(
        rows, more, input_wh=_INPUT, frame_wh=_FRAME
    ),
    "mxnet": lambda rows, _: Detections.from_mxnet_ssd(rows, frame_wh=_FRAME),
    "opencv": lambda rows, _: Detections.from_opencv_ssd(rows, frame_wh=_FRAME),
    "yolo": lambda rows, _: Detections.from_yolo(rows, letterbox=_BOX),
    "yunet": lambda rows, _: Detections.from_yunet(rows, input_wh=_INPUT, frame_wh=_FRAME),
}
_DOCUMENTS = [
    {"of": "awscam", "rows": {"ssd": [_FACE, {**_FACE, "label": 1}]}},
    {"of": "cascade", "rows": [[3, 4, 30, 40]], "more": [2.5]},
    {"of": "mxnet", "rows": {"prediction": [_ROW, [-1, 0, 0, 0, 0, 0]]}},
    {"of": "opencv", "rows": [[[[0, 1, *_ROW[1:]]]]]},
    {"of": "yolo", "rows": [[[19.2, 14, 22.4, 17.2, 0.9, 2], [1, 2, 3, 4, 0.5, 0]]]},
    {"of": "yunet", "rows": [[3, 4, 30, 40, *[5] * 10, 0.9]]},
]


def rows(data: bytes) -> None:
    """Whatever a detector writes in lists."""
    given = values.document(data, _DOCUMENTS)
    if not isinstance(given, dict) or given.get("of") not in list(_READERS):
        return
    with suppress(ShapeError):
        check(_READERS[given["of"]](given.get("rows"), given.get("more")))


def arrays(data: bytes) -> None:
    """Whatever a network writes in arrays: any bits at all, in every shape that there is."""
    if len(data) < 6:
        return
    floats = np.frombuffer(data[2 : len(data) - (len(data) - 2) % 4], np.float32)
    count, classes = len(floats), data[1] % 4
    # What reads them, and in which shape. An input of 64x64 has 84 cells, or 252 with three forms.
    kinds = (
        ("yolo", (1, 4 + classes, 84)), ("yolo", (1, 252, 5 + classes)), ("yolo", (1, count, 6)),
        ("cascade", (count, 4)), ("mxnet", (1, count, 6)), ("opencv", (1, 1, count, 7)),
        ("yunet", (count, 15)), ("ssd", (1, count, 5 + classes)), ("shares", (count,)),
    )  # fmt: skip
    kind, shape = kinds[data[0] % len(kinds)]
    given = np.resize(floats, shape)
    if kind == "ssd":
        _check_ssd(given)
    elif kind == "shares":
        _check_probabilities(given)
    else:
        with suppress(ShapeError):
            check(_READERS[kind](given, floats if classes else None))


def check(found: Detections) -> None:
    """No rubbish comes through, and what follows can use it."""
    boxes, scores = found.boxes, found.scores
    assert np.isfinite(boxes).all()
    assert np.isfinite(scores).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (found.labels >= 0).all()
    inside = found.clipped(_FRAME)
    assert (inside.boxes >= 0).all()
    assert (inside.boxes <= np.array(_FRAME * 2)).all()
    assert len(found.nms(0.5)) <= len(found)
    assert len(found.above(0.5).nms(0.5, by_label=True)) <= len(found)
    assert keeps(Strategy("ENTROPY", 0), face_predictions(scores), None) in (True, False)


def _check_ssd(output: Any) -> None:
    with suppress(ShapeError):
        found = detection_rows(output)
        check(Detections.from_mxnet_ssd(found, frame_wh=_FRAME))
        assert ((found[:, 2:] >= 0) & (found[:, 2:] <= 1)).all()
        assert (np.diff(found[:, 1]) <= 0).all()


def _check_probabilities(output: Any) -> None:
    with suppress(ShapeError):
        shares = as_probabilities(output)
        assert (np.isnan(shares) | ((shares >= 0) & (shares <= 1.01))).all()
        said = prediction_message(shares, [str(at) for at in range(len(shares))], 3)
        assert all(0 <= float(each["confidence"]) <= 1.01 for each in said)


def lists(data: bytes) -> None:
    """Whatever is written in lists for an SSD's head or a classifier."""
    given = values.document(data, [[[[0.1, 0.1, 0.4, 0.4, 0.2, 0.7]]], [0.25, 0.75], [3.0, -1.0]])
    _check_ssd(given)
    _check_probabilities(given)


_ANSWER = {
    "prediction": [_ROW],
    "tracks": [7],
    "crops": ["faces/hall/2026/11/20/09/20261120T093005250Z-4f9c8a1b-7-0.jpg"],
    "waiting": 0,
    "dropped": 1,
}


class _Connection:
    """To an endpoint that answers this."""

    def __init__(self, text: str) -> None:
        self._body = text.encode("utf-8", "surrogatepass")

    @contextmanager
    def client(self, _: Any) -> Iterator[Any]:
        yield self

    def invoke_endpoint(self, **_: Any) -> Any:
        return {"Body": io.BytesIO(self._body)}


def endpoint(data: bytes) -> None:
    """What an endpoint answers to a frame is understood, or it is told that it is not."""
    connection: Any = _Connection(values.text(data, [_ANSWER]))
    asked = Endpoint("faces", connection)
    image = np.zeros((18, 32, 3), np.uint8)
    with suppress(EndpointError):
        check(SageMakerDetector(asked).detect(image))
    picker = EndpointPicker("hall", asked, stills=True)
    with suppress(EndpointError):
        look = picker.look(Frame(image, 1.8e9))
        check(look.detections)
        assert len(look.tracks) == len(look.detections)
        assert look.lost >= 0
        assert json.dumps(look.tracks.tolist())
    with suppress(EndpointError):
        for crop in picker.flush(1.8e9):
            assert format_key(parse_key(crop.key)) == crop.key


PARSERS = {"rows": rows, "arrays": arrays, "lists": lists, "endpoint": endpoint}
