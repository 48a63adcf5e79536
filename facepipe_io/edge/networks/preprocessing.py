"""How a picture becomes the input of a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import attrs
import cv2
import numpy as np

from facepipe_io.errors import ModelError
from facepipe_io.text import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What SageMaker's object detection is trained with, red, green, blue: demo.py of
# zhreshold/mxnet-ssd, and demo/aisage/run-mxnet-ssd-resnet50-512.py of neo-ai/neo-ai-dlr.
SSD_MEAN = (123.0, 117.0, 104.0)
#: Mean and standard deviation that leave pixels at 0 to 255, less that.
SSD_NORMAL = {3: (tuple(value / 255 for value in SSD_MEAN), (1 / 255,) * 3)}

_KEYS = ("size", "mean", "std", "order")
_ORDERS = ("RGB", "BGR")
#: Of an input: more than any network looks at, and no more than memory holds.
MAX_SIDE = 4096


@attrs.frozen
class Preprocessing:
    """A picture is scaled to the network's size, its proportions given up, and normalised.

    A pixel becomes `(pixel / 255 - mean) / std`, per channel, as by torchvision's Normalize.

    Attributes:
        wh: `(width, height)` of the network's input.
        mean: 0 to 1, one for each channel in the network's order; a single one for grey.
        std: as many.
        order: `RGB` or `BGR`, the network's order of channels.
        channels_last: whether the input is `(1, H, W, C)`.
    """

    wh: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    order: str = "RGB"
    channels_last: bool = False

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Make a network's input of a picture.

        Args:
            image: `(H, W, 3)` uint8, BGR.

        Returns:
            `(1, C, H, W)` float32, or `(1, H, W, C)`.

        Example:
            >>> Preprocessing((2, 1), (0.5,), (0.5,)).apply(np.full((9, 9, 3), 255, np.uint8))
            array([[[[1., 1.]]]], dtype=float32)
        """
        shrinks = image.shape[1] >= self.wh[0] and image.shape[0] >= self.wh[1]
        pixels: Any = cv2.resize(
            image, self.wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
        if len(self.mean) == 1:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)[:, :, None]
        elif self.order == "RGB":
            pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        mean, std = (np.array(values, np.float32) * 255 for values in (self.mean, self.std))
        values = (pixels.astype(np.float32) - mean) / std  # (H, W, C)
        if not self.channels_last:
            values = values.transpose(2, 0, 1)
        return np.ascontiguousarray(values[None])


def read_preprocessing(
    model: str,
    shape: Sequence[int | None],
    normal: Mapping[int, tuple[tuple[float, ...], tuple[float, ...]]],
    wh: tuple[int, int] = (224, 224),
) -> Preprocessing:
    """What a model's input is to be: by its shape, and by the JSON file beside it if there is one.

    The file has the model's name with `.json` added, `face.onnx.json` say, and holds any of

        {"size": [224, 224], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
         "order": "RGB"}

    `size` is width and height, for models that leave them open. `mean` and `std` may be one number
    for all channels; `{"mean": [0], "std": [0.00392156862745098]}` leaves pixels at 0 to 255.

    Args:
        model: the model's path.
        shape: its input's, None for a side that is open: `(1, C, H, W)` or `(1, H, W, C)`, of 1
            channel (grey) or 3.
        normal: mean and std where the file says nothing, by the count of channels.
        wh: `(width, height)` where neither the shape nor the file says it.

    Raises:
        ModelError: when the shape is no picture's, or the file makes no sense.
    """
    given = _given(model)
    if len(shape) != 4:
        raise ModelError(printable(model), f"its input, {shape}, is no picture; give another")
    channels_last = shape[3] in (1, 3) and shape[1] not in (1, 3)
    channels = (shape[3] if channels_last else shape[1]) or 3
    if channels not in normal:
        raise ModelError(
            printable(model),
            f"its input has {channels} channels, and a picture 1 or 3; give another",
        )
    height, width = shape[1:3] if channels_last else shape[2:]
    if max(height or 1, width or 1) > MAX_SIDE:
        raise ModelError(
            printable(model), f"its input, {shape}, is over {MAX_SIDE} pixels a side; give another"
        )
    size = _numbers(model, given, "size", 2, wh)
    if "size" in given and (width or size[0], height or size[1]) != size:
        raise ModelError(
            printable(model), f"it takes {width}x{height} pixels; take size out of its .json"
        )
    mean, std = normal[channels]
    return Preprocessing(
        (int(width or size[0]), int(height or size[1])),
        _numbers(model, given, "mean", channels, mean),
        _numbers(model, given, "std", channels, std),
        str(given.get("order", "RGB")),
        channels_last,
    )


def _given(model: str) -> dict[str, Any]:
    try:
        given = json.loads(Path(model.rstrip("/") + ".json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, RecursionError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no JSON"
        raise _wrong(model, reason) from error
    if not isinstance(given, dict) or set(given) - set(_KEYS):
        raise _wrong(model, "it has to hold some of " + ", ".join(_KEYS))
    if given.get("order", "RGB") not in _ORDERS:
        raise _wrong(model, "its order has to be RGB or BGR")
    return given


def _numbers(
    model: str, given: Mapping[str, Any], key: str, count: int, default: tuple[float, ...]
) -> tuple[float, ...]:
    """Numbers out of the file, or the default where it has none."""
    if key not in given:
        return default
    kinds: tuple[type, ...] = (int, float)
    values, least, most = given[key], -1e6, 1e6
    if key == "std":
        least = 1e-6
    elif key == "size":
        kinds, least, most = (int,), 1, MAX_SIDE
    good = isinstance(values, list) and all(
        type(value) in kinds and least <= value <= most for value in values
    )
    if not good or len(values) not in ((count,) if key == "size" else (1, count)):
        raise _wrong(model, f"its {key} has to be a list of {count} fitting numbers")
    return tuple(values * count) if len(values) == 1 else tuple(values)


def _wrong(model: str, reason: str) -> ModelError:
    return ModelError(printable(model), f"{printable(model)}.json cannot be used: {reason}")
