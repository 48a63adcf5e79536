"""What lies beside a model or describes one, as text."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Sequence

import attrs
import numpy as np

from facepipe_io.edge.classifiers import NORMAL
from facepipe_io.edge.models.store import KeptVersion, ModelStore, Refused, Shelf
from facepipe_io.edge.networks.neo import _shape
from facepipe_io.edge.networks.preprocessing import read_preprocessing
from facepipe_io.errors import ModelError
from facepipe_io.training.package import _hyperparameters
from facepipe_io.training.symbol import strip_training
from tests.fuzz import values
from tests.fuzz.laws.archives import file

_TRAINED = {
    "nodes": [
        {"op": "null", "name": "data", "inputs": []},
        {"op": "null", "name": "label", "inputs": []},
        {"op": "_contrib_MultiBoxPrior", "name": "boxes", "inputs": [[0, 0, 0]]},
        {"op": "Convolution", "name": "scores", "inputs": [[0, 0, 0]]},
        {"op": "Convolution", "name": "offsets", "inputs": [[0, 0, 0]]},
        {
            "op": "_contrib_MultiBoxTarget",
            "name": "target",
            "attrs": {"variances": "(0.1, 0.1, 0.2, 0.2)"},
            "inputs": [[2, 0, 0], [1, 0, 0], [3, 0, 0]],
        },
        {
            "op": "SoftmaxOutput",
            "name": "classes",
            "attrs": {"multi_output": "True"},
            "inputs": [[3, 0, 0], [5, 2, 0]],
        },
        {"op": "elemwise_sub", "name": "minus", "inputs": [[4, 0, 0], [5, 0, 0]]},
        {"op": "elemwise_mul", "name": "masked", "inputs": [[5, 1, 0], [7, 0, 0]]},
        {"op": "smooth_l1", "name": "loss", "inputs": [[8, 0, 0]]},
    ],
    "arg_nodes": [0, 1],
    "node_row_ptr": [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12],
    "heads": [[6, 0, 0], [9, 0, 0]],
    "attrs": {"mxnet_version": ["int", 10400]},
}
_DEPLOYED = json.loads(strip_training(json.dumps(_TRAINED).encode()).text)
_KEPT = KeptVersion(64 * "0", "onnx", "2026-11-20T12:00:00.000Z")
_OTHER = KeptVersion(64 * "1", "onnx", "2026-11-20T12:00:00.000Z")
_SHELF = attrs.asdict(Shelf(_KEPT, _OTHER, True, 1, (Refused(_OTHER, "no good"),)))
_BESIDE = {"size": [224, 224], "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "order": "RGB"}
_META = {"Model": {"Inputs": [{"name": "data", "shape": [1, 3, 48, 64]}]}}


def symbol(data: bytes) -> None:
    """Without its training layers an SSD is a network again, as JSON, and has none to take off."""
    text = values.text(data, [_TRAINED, _DEPLOYED])
    with suppress(ModelError):
        made = strip_training(text.encode("utf-8", "surrogatepass"))
        again = strip_training(made.text.encode())
        assert again == attrs.evolve(made, changed=False)
        json.loads(made.text, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise AssertionError(name)


def shelf(data: bytes) -> None:
    """Which version of a model is what: what cannot be read is nothing, and can be written anew."""
    text = values.text(data, [_SHELF])
    with file("state.json", text.encode("utf-8", "surrogatepass")) as path:
        store = ModelStore(path.parent)
        for version in (_KEPT, _OTHER):
            store.path(version.sha256).mkdir()
        found = store.read()
        store.write(found)
        assert store.read() == found


def preprocessing(data: bytes) -> None:
    """What a file beside a model says of its input can be done, or is refused."""
    text = values.text(data, [_BESIDE])
    with file("a.onnx.json", text.encode("utf-8", "surrogatepass")) as path:
        for shape in ((1, 3, None, None), (1, 224, 224, 3), (1, 1, 64, 48)):
            _check_input(str(path.with_name("a.onnx")), shape)


def compiled(data: bytes) -> None:
    """What Neo's compiler wrote down of a model's input."""
    text = values.text(data, [_META])
    with file("compiled.meta", text.encode("utf-8", "surrogatepass")) as path:
        shape = _shape(path.parent, "data")
        path.with_name("a.json").write_text('{"mean": [0]}')
        _check_input(str(path.with_name("a")), shape or (1, 3, 512, 512))


def _check_input(model: str, shape: Sequence[int | None]) -> None:
    with suppress(ModelError):
        made = read_preprocessing(model, shape, NORMAL)
        assert all(type(side) is int and 1 <= side <= 4096 for side in made.wh)
        if made.wh[0] * made.wh[1] <= 64 * 64:  # larger ones take their time
            with np.errstate(all="ignore"):
                made.apply(np.zeros((4, 4, 3), np.uint8))


def hyperparameters(data: bytes) -> None:
    """What a training job says of its model."""
    text = values.text(data, [{"image_shape": "512", "num_classes": "2"}])
    data = text.encode("utf-8", "surrogatepass")
    with file("hyperparams.json", data) as path, suppress(ModelError):
        side, classes = _hyperparameters("a", path.parent)
        assert side is None or 1 <= side <= 4096
        assert classes is None or classes >= 1


PARSERS = {
    "symbol": symbol,
    "shelf": shelf,
    "preprocessing": preprocessing,
    "compiled": compiled,
    "hyperparameters": hyperparameters,
}
