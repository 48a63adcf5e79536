"""The feedback loop: keeps frames that are worth labelling, with what the model said of them."""

from __future__ import annotations

import itertools
import json
import logging
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Sequence

from facepipe.errors import FeedbackError
from facepipe.images import encode_jpeg, encode_png
from facepipe.keys import PREFIX
from facepipe.samples import sample_key, sample_record
from facepipe.sampling import keeps, parse_feedback
from facepipe_io.edge.samples import sample_name
from facepipe_io.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facepipe.detections import Detections
    from facepipe.sampling import FeedbackConfig, Generator

log = logging.getLogger(__name__)

_ENCODE: dict[str, Callable[[NDArray[np.uint8]], bytes]] = {
    "image/jpeg": encode_jpeg,
    "image/png": encode_png,
}

# A picture and its record.
_FILES = 2


class Feedback:
    """Offers each frame to each configuration, and puts those that are kept. For one thread.

    Args:
        configs: which frames to keep, and where.
        camera: the camera's name.
        run: tells this start of the process from others, as in `facepipe.CropKey`.
        generator: for `RANDOM_SAMPLING`.
        put: takes a sample: its picture's name, the picture and the record, as
            `facepipe_io.edge.uplink.uploader.Uploader.put_sample` does.
        count: told of samples that a fault has cost, by figures of `Stats`, and of the faults.
    """

    def __init__(
        self,
        configs: Sequence[FeedbackConfig],
        camera: str,
        run: str,
        generator: Generator,
        put: Callable[[str, bytes, bytes], None],
        *,
        count: Callable[..., None],
    ) -> None:
        self._configs = tuple(configs)
        self._camera = camera
        self._run = run
        self._generator = generator
        self._put = put
        self._count = count
        self._numbers = itertools.count(1)
        self._told = False

    def offer(
        self,
        image: NDArray[np.uint8],
        time: float,
        predictions: Sequence[Sequence[float]],
        detections: Detections | None = None,
        labels: Sequence[str] = (),
    ) -> None:
        """Keep a frame by each configuration whose strategy picks it. Raises nothing.

        Args:
            image: `(H, W, 3)` uint8.
            time: when it was taken, in seconds since the epoch.
            predictions: what the model said: for each face `[score, 1 - score]`, as of
                `facepipe.sampling.face_predictions`; of a classifier its one list of
                probabilities.
            detections: what a detector found, which is the label; None for a classifier.
            labels: what each of them is; empty where all are faces.
        """
        pictures: dict[str, bytes] = {}
        for config in self._configs:
            try:
                if keeps(config.strategy, predictions, self._generator):
                    kind = config.content_type
                    if kind not in pictures:
                        pictures[kind] = _ENCODE[kind](image)
                    wh = (image.shape[1], image.shape[0])
                    found = (detections, labels, wh)
                    self._keep(config, pictures[kind], time, predictions, *found)
            # Whatever it is, it must cost no more than this sample.
            except Exception as error:
                self._count(error, samples=_FILES, samples_dropped=_FILES)
                if not self._told:
                    self._told = True
                    log.exception("a sample could not be kept; going on")

    def _keep(
        self,
        config: FeedbackConfig,
        picture: bytes,
        time: float,
        predictions: Sequence[Sequence[float]],
        detections: Detections | None,
        labels: Sequence[str],
        wh: tuple[int, int],
    ) -> None:
        taken = datetime.fromtimestamp(time, timezone.utc)
        number = next(self._numbers)
        key = sample_key(config.prefix, self._camera, taken, self._run, number, config.extension)
        record = sample_record(
            config,
            key,
            predictions,
            camera=self._camera,
            captured_at=taken,
            detections=detections,
            labels=labels,
            wh=wh,
        )
        # With the end of the line, so that records put together are a manifest.
        line = json.dumps(record, allow_nan=False) + "\n"
        self._put(sample_name(config.bucket, key), picture, line.encode())


def read_feedback(text: str | None, camera: str) -> tuple[FeedbackConfig, ...]:
    """Read FACEPIPE_FEEDBACK.

    Args:
        text: the JSON itself, which begins with `{`, or the path of a file that holds it; None or
            empty for nothing.
        camera: the camera's name.

    Raises:
        SettingsError: with a sentence for each thing that makes no sense.

    Example:
        >>> text = '{"all": {"s3-bucket-name": "samples", "content-type": "image/jpeg"}}'
        >>> [config.bucket for config in read_feedback(text, "hall")]
        ['samples']
    """
    text = (text or "").strip()
    if not text:
        return ()
    try:
        configs = parse_feedback(text if text.startswith("{") else _read(text))
    except FeedbackError as error:
        raise SettingsError([f"FACEPIPE_FEEDBACK: {p}" for p in error.problems]) from None
    if f"{camera}/" == PREFIX and not all(config.prefix for config in configs):
        raise SettingsError(
            [f"FACEPIPE_FEEDBACK: s3-prefix must be set, for the camera is called {camera}"]
        )
    return configs


def open_feedback(
    text: str | None, camera: str, run: str, generator: Generator
) -> Callable[..., Feedback] | None:
    """What FACEPIPE_FEEDBACK asks for, as the agent takes it; None where it asks for nothing.

    Args:
        text: as of `read_feedback`.
        camera: the camera's name.
        run: tells this start of the process from others.
        generator: for `RANDOM_SAMPLING`.

    Raises:
        SettingsError: with a sentence for each thing that makes no sense.
    """
    configs = read_feedback(text, camera)
    return partial(Feedback, configs, camera, run, generator) if configs else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = f"{path}: {getattr(error, 'strerror', None) or error}; check the path"
        problem = f"FACEPIPE_FEEDBACK names a file that cannot be read: {reason}"
        raise SettingsError([problem]) from error
