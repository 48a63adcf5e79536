"""A SageMaker endpoint: frames come in, faces go out, and crops to S3 where that is asked for.

The functions that SageMaker's serving toolkit calls are in `sagemaker_entry`. A request without
custom attributes is answered with the faces in its picture. One whose custom attributes name a
camera (`facepipe.attributes`) is taken for that camera's next frame: people are followed from
frame to frame as on a device, and their crops put to S3.

Cameras live in the process's memory. An endpoint that cuts crops has one instance and one worker.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections import OrderedDict, deque
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping

import attrs
import numpy as np

from facepipe.attributes import FrameAttributes, parse_attributes
from facepipe.errors import AttributesError
from facepipe_io.cloud.bodies import RequestError, media_type, read_body
from facepipe_io.edge.cameras.base import Frame
from facepipe_io.edge.detectors import default_detector, open_detector
from facepipe_io.edge.detectors.base import has_labels_beside
from facepipe_io.edge.picker import CropPicker
from facepipe_io.edge.uplink import S3Uplink
from facepipe_io.errors import ModelError, UplinkError
from facepipe_io.settings import number, setting

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from numpy.typing import NDArray

    from facepipe.detections import Detections
    from facepipe_io.edge.detectors.base import Detector
    from facepipe_io.edge.picker import Crop, Look
    from facepipe_io.edge.uplink import Uplink

log = logging.getLogger(__name__)

#: Cameras that are remembered at once. One that was not seen for so long makes room for another.
MAX_CAMERAS = 64
UNSEEN_SECONDS = 60.0
#: Crops of a camera that may wait for S3, and how long S3 is left alone when it takes none: whoever
#: asks waits for each try.
MAX_WAITING = 64
REST_SECONDS = 10.0

_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_MODELS = (".caffemodel", ".onnx", ".pb", ".xml")
_JSON = "application/json"
_ACCEPTED = (_JSON, "application/*", "*/*")


@attrs.frozen
class EndpointSettings:
    """What the endpoint reads from its environment.

    Example:
        >>> from facepipe_io.settings import load
        >>> load(EndpointSettings, {"FACEPIPE_BUCKET": "crops"})
        EndpointSettings(bucket='crops', min_score=None, resend_seconds=10.0)
    """

    bucket: str | None = setting(
        "FACEPIPE_BUCKET", help="S3 bucket of the crops; without it, none are cut"
    )
    min_score: float | None = setting(
        "FACEPIPE_MIN_SCORE",
        help="faces count whose score (0 to 1) is at least this; the detector's own by default",
        parse=number(0, 1),
    )
    resend_seconds: float = setting(
        "FACEPIPE_RESEND_SECONDS",
        help="one crop per person per this long",
        default=10.0,
        parse=number(0, 1e9),
    )


@attrs.frozen(eq=False)
class Request:
    """What is asked.

    Attributes:
        image: `(H, W, 3)` uint8, BGR; None where a camera ends without a last picture.
        attributes: what the device says of it, if anything.
    """

    image: NDArray[np.uint8] | None
    attributes: FrameAttributes | None = None


def read_request(
    data: bytes | None, content_type: str | None, headers: Mapping[str, Any]
) -> Request | RequestError:
    """Read a request; one that cannot be answered is returned as its error.

    The toolkit's own way of telling an error puts a traceback into the answer.

    Args:
        data: the body.
        content_type: its type.
        headers: of the request, by names in any case.
    """
    body = bytes(data or b"")
    texts = {name.lower(): text for name, text in headers.items() if isinstance(text, str)}
    try:
        _check_accept(texts.get("accept", ""))
        attributes = None
        if texts.get(_ATTRIBUTES):
            attributes = parse_attributes(texts[_ATTRIBUTES])
            if attributes.last and body.strip() in (b"", b"[]"):
                return Request(None, attributes)
        return Request(read_body(body, content_type or ""), attributes)
    except AttributesError as error:
        return RequestError(400, str(error))
    except RequestError as error:
        return error


def _check_accept(accept: str) -> None:
    if accept and not any(media_type(kind) in _ACCEPTED for kind in accept.split(",")):
        raise RequestError(406, f"the answer is {_JSON}; accept that, or */*")


def write_answer(answer: Mapping[str, Any] | RequestError, context: Any) -> tuple[str, str]:
    """The body of an answer and its type; the status is set on the request's context.

    Args:
        answer: of `Endpoint.answer`.
        context: multi-model-server's, which tells of the request that is at hand.
    """
    if isinstance(answer, RequestError):
        context.set_response_status(code=answer.status, phrase=HTTPStatus(answer.status).phrase)
        return str(answer), "text/plain; charset=utf-8"
    return json.dumps(answer, allow_nan=False), _JSON


class Endpoint:
    """Finds faces, and cuts the crops of cameras.

    Args:
        detector: finds the faces.
        uplink: takes the crops; without one, a request that names a camera is refused.
        resend_seconds: one crop per person per this long.
        clock: seconds that never step back.
    """

    def __init__(
        self,
        detector: Detector,
        uplink: Uplink | None = None,
        *,
        resend_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._detector = detector
        self._uplink = uplink
        self._resend_seconds = resend_seconds
        self._clock = clock
        self._rests_until = -float("inf")  # the uplink
        self._is_refused = False
        self._cameras: OrderedDict[str, _Camera] = OrderedDict()  # least recently seen first

    def answer(self, request: Request | RequestError) -> dict[str, Any] | RequestError:
        """Answer a request.

        Returns:
            `prediction`: a row `class, score, x0, y0, x1, y1` for each face, normalised to 0-1.
            Where a camera is named also `tracks`, the person's number for each row; `crops`, the
            keys of those that were stored with this request; `waiting`, how many could not be
            stored yet, and are tried again with a later request; and `dropped`, how many never will
            be, since too many waited.
        """
        if isinstance(request, RequestError):
            return request
        if request.attributes is not None:
            return self._follow(request.image, request.attributes)
        assert request.image is not None  # noqa: S101 - only the end of a camera has none
        wh = (request.image.shape[1], request.image.shape[0])
        return {"prediction": _rows(self._detector.detect(request.image).clipped(wh), wh)}

    def _follow(
        self, image: NDArray[np.uint8] | None, said: FrameAttributes
    ) -> dict[str, Any] | RequestError:
        """Take a camera's next frame."""
        if self._uplink is None:
            return RequestError(
                400,
                "this endpoint cuts no crops: set FACEPIPE_BUCKET for it, or name no camera",
            )
        name = said.camera
        if not self._has_room_for(name):
            return RequestError(429, "too many cameras ask at once; try again later")
        camera = self._cameras.setdefault(name, _Camera())
        self._cameras.move_to_end(name)
        camera.seen_at = self._clock()
        answer: dict[str, Any] = {"prediction": [], "tracks": []}
        if image is not None:
            if camera.picker is None or camera.stills != said.stills:
                camera.end()
                camera.begin(self._new_picker(said), said.stills)
            look = camera.look(Frame(image, said.captured_at.timestamp()))
            answer["prediction"] = _rows(look.detections, (image.shape[1], image.shape[0]))
            answer["tracks"] = look.tracks.tolist()
        if said.last:
            camera.end()
        answer["crops"] = self._store(name, camera)
        answer["dropped"] = camera.drop()
        answer["waiting"] = len(camera.waiting)
        if camera.picker is None and not camera.waiting:
            del self._cameras[name]
        return answer

    def _new_picker(self, said: FrameAttributes) -> CropPicker:
        return CropPicker(
            said.camera,
            secrets.token_hex(4),
            self._detector,
            resend_seconds=self._resend_seconds,
            stills=said.stills,
        )

    def _has_room_for(self, name: str) -> bool:
        """Whether a camera is known, or one can be; who was not seen for long makes room."""
        if name in self._cameras or len(self._cameras) < MAX_CAMERAS:
            return True
        oldest, camera = next(iter(self._cameras.items()))
        if self._clock() - camera.seen_at < UNSEEN_SECONDS:
            return False
        del self._cameras[oldest]
        camera.end()
        self._store(oldest, camera)
        if camera.waiting:
            log.warning("camera %s is forgotten with %d crops", oldest, len(camera.waiting))
        return True

    def _store(self, name: str, camera: _Camera) -> list[str]:
        """Store a camera's crops, as far as it goes; the keys of what was stored."""
        assert self._uplink is not None  # noqa: S101 - or the camera would have been refused
        stored: list[str] = []
        if self._clock() < self._rests_until:
            return stored
        try:
            while camera.waiting:
                crop = camera.waiting[0]
                self._uplink.put(crop.key, crop.jpeg)
                camera.waiting.popleft()
                stored.append(crop.key)
        except UplinkError as error:
            self._rests_until = self._clock() + REST_SECONDS
            if not self._is_refused:
                most = f"{MAX_WAITING} at most of each camera"
                log.warning("camera %s: crops wait, %s: %s", name, most, error)
            self._is_refused = True
        if stored:
            self._is_refused = False
        return stored


@attrs.define(eq=False)
class _Camera:
    """What is known of a camera.

    Attributes:
        picker: None before its first frame and after its last one.
        stills: whether each frame is a scene of its own.
        time: of its newest frame, in seconds since the epoch.
        waiting: crops that are not stored yet, oldest first.
        seen_at: when it asked last, by the endpoint's clock.
    """

    picker: CropPicker | None = None
    stills: bool = False
    time: float = 0.0
    waiting: deque[Crop] = attrs.field(factory=deque)
    seen_at: float = 0.0

    def begin(self, picker: CropPicker, stills: bool) -> None:
        self.picker, self.stills = picker, stills

    def look(self, frame: Frame) -> Look:
        assert self.picker is not None  # noqa: S101 - begun before
        self.time = frame.time
        look = self.picker.look(frame)
        self.waiting += look.crops
        return look

    def end(self) -> None:
        """No more frames will come."""
        if self.picker is not None:
            self.waiting += self.picker.flush(self.time)
            self.picker = None

    def drop(self) -> int:
        """Drop the oldest crops of those that are too many; how many."""
        dropped = max(0, len(self.waiting) - MAX_WAITING)
        for _ in range(dropped):
            self.waiting.popleft()
        return dropped


def _rows(found: Detections, wh: tuple[int, int]) -> list[list[float]]:
    """Rows of class, score and box; the boxes, clipped already, are normalised."""
    boxes = found.boxes / np.tile(wh, 2)
    columns = (found.labels.tolist(), found.scores.tolist(), boxes.tolist())
    return [[label, score, *box] for label, score, box in zip(*columns)]


def open_endpoint(model_dir: str, settings: EndpointSettings) -> Endpoint:
    """The endpoint of an unpacked model archive.

    Args:
        model_dir: the folder, with one model at its root that a detector of OpenCV's reads: YuNet's
            `.onnx`, any of the YOLO family with its labels in a `.txt` of its name, an SSD's `.pb`
            or `.caffemodel` with its network's text beside it, or a cascade's `.xml`. Without a
            model, OpenCV's own cascade finds the faces.
        settings: of the endpoint.

    Raises:
        ModelError: when there are several models, or the model cannot be used.
    """
    found = sorted(
        path
        for path in Path(model_dir).iterdir()
        if path.suffix.lower() in _MODELS and not path.name.startswith(".")
    )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ModelError(model_dir, f"it holds several models ({names}); leave one")
    model = str(found[0]) if found else None
    name = default_detector("", model, named=has_labels_beside(model))
    detector = open_detector(name, model, min_score=settings.min_score)
    uplink = None if settings.bucket is None else S3Uplink(settings.bucket, _connect)
    return Endpoint(detector, uplink, resend_seconds=settings.resend_seconds)


def _connect() -> S3Client:
    import boto3
    from botocore.config import Config

    # Whoever sent the frame waits for the answer, and what is not stored is tried again anyway.
    config: Any = Config(
        connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2}
    )
    return boto3.client("s3", config=config)
