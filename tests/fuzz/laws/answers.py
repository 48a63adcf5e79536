"""What services answer, and the files in which others leave their answers."""

from __future__ import annotations

import json
import math
import tempfile
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Iterator

import attrs

from facepipe.costs import MODES, PRICES, Workload, bill, parse_prices
from facepipe.emotions import face_details, filter_emotions
from facepipe.errors import CostsError, PointerError, ResponseError
from facepipe.models import format_pointer, parse_pointer
from facepipe.records import from_item, metric_data, score_crop, to_item
from facepipe_io.cloud.records import RecordTable
from facepipe_io.device import stack
from facepipe_io.edge.credentials import parse_credentials
from facepipe_io.errors import SettingsError, StoreError
from facepipe_io.local.bill import read_prices
from facepipe_io.local.table import crop_of_item
from facepipe_io.training.folder import read_about, read_earlier
from facepipe_io.training.uploaded import read_data_set
from facepipe_io.training.watch import parse_score
from tests.fuzz import values

_NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
_KEY = "faces/hall/2026/11/20/12/20261120T120000000Z-4f9c-7-0.jpg"
_BOX = {"Left": 0.2, "Top": 0.1, "Width": 0.5, "Height": 0.6}
_FACES = {
    "FaceDetails": [
        {
            "BoundingBox": _BOX,
            "Confidence": 99.9,
            "Emotions": [
                {"Type": "HAPPY", "Confidence": 83.125},
                {"Type": "CALM", "Confidence": 12.5},
                {"Type": "SAD", "Confidence": 10.0},
            ],
        },
        {"BoundingBox": {**_BOX, "Width": 0.1}, "Emotions": []},
    ],
    "ResponseMetadata": {"HTTPStatusCode": 200},
}


def faces(data: bytes) -> None:
    """DetectFaces: what is kept of it is in order, in range, and can be stored and charted."""
    given = values.document(data, [_FACES])
    with suppress(ResponseError):
        for face in face_details(given):
            with suppress(ResponseError):
                kept, fewer = filter_emotions(face, 0.0), filter_emotions(face, 50.0)
                assert set(fewer.scores) <= set(kept.scores)
        crop = score_crop(_KEY, given, event_time=_NOON)
        scores = list(crop.emotions.scores.values())
        assert scores == sorted(scores, reverse=True)
        assert all(10 < score <= 100 for score in scores)
        assert all(math.isfinite(datum["Value"]) for datum in metric_data([crop]))
        if scores:
            again = from_item(to_item(crop, 1_800_000_000))
            assert (again.key, again.camera, again.captured_at) == (_KEY, "hall", _NOON)
            assert again.face_count == crop.face_count
            rounded = {name: float(f"{score:.2f}") for name, score in crop.emotions.scores.items()}
            fixed = ("s3key", "dominant", "camera", "captured_at", "face_count", "expires_at")
            assert again.emotions.scores == {n: v for n, v in rounded.items() if n not in fixed}


_ITEM = {
    "s3key": {"S": _KEY},
    "camera": {"S": "hall"},
    "captured_at": {"S": "2026-11-20T12:00:00.000Z"},
    "expires_at": {"N": "1800000000"},
    "dominant": {"S": "CALM"},
    "face_count": {"N": "1"},
    "CALM": {"N": "81.5"},
}
_CUP = {**_ITEM, "s3key": {"S": _KEY.replace(".jpg", "-cup.jpg")}, "label": {"S": "cup"}}


class _Table:
    """A table of one item."""

    def __init__(self, item: Any) -> None:
        self._item = item

    def get_item(self, **_: Any) -> Any:
        return {"Item": self._item}


def item(data: bytes) -> None:
    """An item of the table is a crop's, or none that can be read."""
    given = values.document(data, [_ITEM, _CUP])
    crop = crop_of_item(given)
    if crop is not None:
        assert all(0 <= value <= 100 for value in crop.emotions.scores.values())
        assert crop.face_count >= crop.is_face
        assert from_item(to_item(crop, 0)).key == crop.key
    table: Any = _Table(given)
    if isinstance(given, dict) and all(_is_typed(value) for value in given.values()):
        RecordTable(table, "t").get(_KEY)


def _is_typed(value: Any) -> bool:
    """Whether this is a value as boto3 gives it."""
    return isinstance(value, dict) and all(
        kind in ("S", "N") and isinstance(text, str) for kind, text in value.items()
    )


_CREDENTIALS = {
    "credentials": {
        "accessKeyId": "ASIA",
        "secretAccessKey": "kept-to-itself",
        "sessionToken": "token",
        "expiration": "2026-11-21T10:00:00Z",
    }
}


def credentials(data: bytes) -> None:
    """Credentials can be sent in a header, and are in no text of errors."""
    text = values.text(data, [_CREDENTIALS])
    try:
        found = parse_credentials(text.encode("utf-8", "surrogatepass"))
    except ValueError as error:
        assert "kept-to-itself" not in str(error)
        return
    for word in (found.access_key, found.secret_key, found.token):
        assert word.isascii()
        assert word.isprintable()
        assert " " not in word
    assert found.expiration.utcoffset() is not None
    assert repr(found) == repr(attrs.evolve(found, secret_key="", token=""))


_VERSION = {
    "archive": f"models/bottles/{64 * '0'}.tar.gz",
    "sha256": 64 * "0",
    "bytes": 12345,
    "detector": "onnx",
}
_OLD = {**_VERSION, "archive": f"models/bottles/{64 * '1'}.tar.gz", "sha256": 64 * "1"}
_POINTER = {"version": 1, **_VERSION, "published_at": "2026-11-20T12:00:00.000Z", "previous": _OLD}


def pointer(data: bytes) -> None:
    """A pointer says one thing, and can be written again."""
    text = values.text(data, [_POINTER])
    with suppress(PointerError):
        parsed = parse_pointer(text)
        assert parse_pointer(format_pointer(parsed)) == parsed
        assert json.loads(format_pointer(parsed)) == {
            name: value for name, value in json.loads(text).items() if value is not None
        }


_OUTPUTS = {
    "region": {"value": "us-east-1"},
    "bucket": {"value": "deeplens-crops"},
    "role_alias": {"value": "cameras"},
    "credentials_endpoint": {"value": "c1.credentials.iot.us-east-1.amazonaws.com"},
    "messages_endpoint": {"value": "a-ats.iot.us-east-1.amazonaws.com"},
    "camera_certificates": {"value": {"hall": "PEM"}},
    "endpoint_name": {"value": None},
}
_ABOUT = {
    "version": 1, "side": 512, "classes": ["bottle"], "attribute": "labels", "most_boxes": 3,
    "uploaded_to": "s3://deeplens-crops/datasets/bottles",
    "train": {"images": 1}, "validation": {"images": 1},
}  # fmt: skip


def outputs(data: bytes) -> None:
    """Terraform's outputs."""
    text = values.text(data, [_OUTPUTS])
    with suppress(StoreError), _file("outputs.json", text) as path:
        found = stack.read_outputs(path)
        assert found.bus.startswith("mqtts://")


def data_set(data: bytes) -> None:
    """What a data set's folder says of itself."""
    text = values.text(data, [_ABOUT])
    with _file("dataset.json", text) as path:
        for name in ("train.manifest", "validation.manifest"):
            path.with_name(name).write_text("{}\n")
        with suppress(StoreError, SettingsError):
            found = read_data_set(path.parent)
            assert min(found.side, found.training, found.validation, found.most_boxes) >= 1
            assert all(isinstance(name, str) for name in found.classes)
        with suppress(StoreError):
            about = read_about(path.parent)
            assert isinstance(about["classes"], list)
            json.dumps(about)
        with suppress(StoreError):
            read_earlier(path.parent)


@contextmanager
def _file(name: str, text: str) -> Iterator[Path]:
    """A file of that text, for as long as a `with` block takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        yield path


_EACH = {"per": 1000, "tiers": [{"up_to": 10, "price": 1}, {"price": 0.5}], "source": "a page"}
_PRICES = {
    "date": "2026-11",
    "region": "us-east-1",
    "currency": "USD",
    "instance": "ml.m5.large",
    "calls_a_second": 50,
    "prices": dict.fromkeys(PRICES, _EACH),
}


def prices(data: bytes) -> None:
    """A bill can be made out of every price list that is taken."""
    text = values.text(data, [_PRICES])
    with suppress(StoreError), _file("prices.json", text) as path:
        read_prices(path)
    try:
        parsed = parse_prices(json.loads(text))
    except (CostsError, ValueError, RecursionError):
        return
    for mode in MODES:
        assert math.isfinite(bill(Workload(mode=mode), parsed).total)


def score(data: bytes) -> None:
    """A line of a training job's log."""
    found = parse_score(data.decode("utf-8", "surrogateescape"))
    assert found is None or 0 <= found.value <= 1


PARSERS = {
    "faces": faces,
    "item": item,
    "credentials": credentials,
    "pointer": pointer,
    "outputs": outputs,
    "data-set": data_set,
    "prices": prices,
    "score": score,
}
