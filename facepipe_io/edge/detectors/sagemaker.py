"""Looking for faces in the cloud: a SageMaker endpoint that runs `sagemaker_entry`.

The device either asks where the faces are and does the rest itself (`SageMakerDetector`), or sends
whole frames and leaves all of it to the endpoint (`EndpointPicker`).
"""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np

from facepipe.attributes import FrameAttributes, format_attributes
from facepipe.detections import Detections
from facepipe.errors import KeyFormatError, ShapeError
from facepipe.images import encode_jpeg, fit_within, thumbnail
from facepipe.keys import format_key, parse_key
from facepipe.motion import MotionGate
from facepipe.tracks import FaceTracker
from facepipe_io.edge.aws import Connection, connector, reason
from facepipe_io.edge.detectors.base import Detector, wh_of
from facepipe_io.edge.detectors.faces import YUNET_LONG_SIDE
from facepipe_io.edge.picker import NO_TRACKS, NOBODY, Crop, Look, Picker
from facepipe_io.errors import EndpointError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facepipe_io.edge.cameras import Frame
    from facepipe_io.edge.settings import DeviceSettings

LONG_SIDE = YUNET_LONG_SIDE  # of frames to look for faces in; every detector scales to no more
JPEG_QUALITY = 90
MAX_SIDE = 3840  # of frames to cut crops from; larger ones are scaled down
FOLLOWED_SECONDS = FaceTracker().max_gap_seconds  # after a face was last seen
NOTHING_LEFT = b"[]"  # what is sent with the word that no frame comes any more

# What to do, by what SageMaker says: its API reference, "InvokeEndpoint", and "Common errors".
_WAIT = "nothing to do but wait"
_HINTS = {
    "AccessDeniedException": "allow the device's role sagemaker:InvokeEndpoint on this endpoint",
    "InternalDependencyException": _WAIT,
    "InternalFailure": _WAIT,
    "ModelError": "see the endpoint's log",
    "ModelNotReadyException": _WAIT,
    "ServiceUnavailable": _WAIT,
    "ThrottlingException": _WAIT,
    "ValidationError": "check FACEPIPE_ENDPOINT and AWS_DEFAULT_REGION, and that it is InService",
}


class Endpoint:
    """A SageMaker endpoint that looks for faces.

    Args:
        name: the endpoint's.
        connection: to `sagemaker-runtime`.
    """

    def __init__(self, name: str, connection: Connection) -> None:
        self.name = name
        self._connection = connection

    def ask(self, body: bytes, content_type: str, attributes: str | None = None) -> dict[str, Any]:
        """Send a frame; the endpoint's answer.

        Args:
            body: the picture.
            content_type: its type, `image/jpeg` say.
            attributes: as of `facepipe.format_attributes`, for the endpoint to cut crops.

        Raises:
            EndpointError: when there is no answer, or another than facepipe's endpoint gives.
        """
        more = {} if attributes is None else {"CustomAttributes": attributes}
        with self._connection.client(self._error) as client:
            answer = client.invoke_endpoint(
                EndpointName=self.name,
                Body=body,
                ContentType=content_type,
                Accept="application/json",
                **more,
            )
            text = answer["Body"].read()
        try:
            found = json.loads(text.decode())
        except (ValueError, RecursionError) as error:
            raise self.unlike() from error
        if not isinstance(found, dict):
            raise self.unlike()
        return found

    def unlike(self) -> EndpointError:
        """The error for an answer that makes no sense."""
        return EndpointError(
            self.name, "it answers otherwise than facepipe's does; see what it runs"
        )

    def _error(self, error: BaseException) -> EndpointError:
        otherwise = "check FACEPIPE_ENDPOINT and the device's credentials"
        return EndpointError(self.name, reason(error, _HINTS, otherwise))


def open_endpoint(settings: DeviceSettings) -> Endpoint:
    """The endpoint that the settings name, with the credentials that they ask for.

    Raises:
        SettingsError: when boto3 is not installed or its configuration makes no sense, or the
            device's certificate cannot be used.
    """
    # One try, and a short one: the agent tries again by itself, with a newer frame where it can,
    # and an endpoint that follows people must not be sent a frame twice.
    options = {"read_timeout": 10, "retries": {"total_max_attempts": 1}}
    connection = Connection(connector(settings, "sagemaker-runtime", **options))
    connection.try_out()
    return Endpoint(str(settings.endpoint), connection)


class SageMakerDetector(Detector):
    """Asks an endpoint where faces are, with no more of the frame than a detector needs."""

    name = "sagemaker"
    min_score = 0.0  # the endpoint has one of its own

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find the faces in a picture.

        Raises:
            EndpointError: when the endpoint does not answer as it should.
        """
        small = fit_within(image, (LONG_SIDE, LONG_SIDE))
        answer = self._endpoint.ask(encode_jpeg(small, JPEG_QUALITY), "image/jpeg")
        return _faces(self._endpoint, answer, image).above(self.min_score)


class EndpointPicker(Picker):
    """Sends frames to an endpoint, which follows people, cuts their crops and stores them.

    Frames of a scene where nobody is and nothing changes are spared.

    Args:
        camera: the camera's name.
        endpoint: takes the frames.
        stills: whether each frame is a scene of its own.
    """

    def __init__(self, camera: str, endpoint: Endpoint, *, stills: bool = False) -> None:
        self._camera = camera
        self._endpoint = endpoint
        self._stills = stills
        self._gate = None if stills else MotionGate()
        self._seen_at = -math.inf  # when a face was seen last

    def look(self, frame: Frame) -> Look:
        """Send the next frame.

        Raises:
            EndpointError: when the endpoint does not answer as it should.
        """
        if self._is_still(frame.image, frame.time):
            return Look(NOBODY, NO_TRACKS, [], still=True)
        try:
            look = self._sent(frame)
        except Exception:
            if self._gate is not None:
                self._gate.reset()
            raise
        if len(look.detections):
            self._seen_at = frame.time
        return look

    def _sent(self, frame: Frame) -> Look:
        """Send a frame; what the endpoint made of it."""
        body = encode_jpeg(fit_within(frame.image, (MAX_SIDE, MAX_SIDE)), JPEG_QUALITY)
        answer = self._endpoint.ask(body, "image/jpeg", self._attributes(frame.time))
        faces = _faces(self._endpoint, answer, frame.image)
        tracks = self._numbers(answer.get("tracks"))
        (lost,) = self._numbers([answer.get("dropped", 0)])
        if len(tracks) != len(faces):
            raise self._endpoint.unlike()
        return Look(faces, tracks, self._stored(answer), lost=int(lost))

    def flush(self, time: float) -> list[Crop]:
        """Have the endpoint send what it still has of this camera.

        Raises:
            EndpointError: when the endpoint does not answer as it should.
        """
        attributes = self._attributes(time, last=True)
        return self._stored(self._endpoint.ask(NOTHING_LEFT, "application/json", attributes))

    def _is_still(self, image: NDArray[np.uint8], time: float) -> bool:
        """Whether the endpoint follows nobody any more, and nothing has changed."""
        if self._gate is None or abs(time - self._seen_at) <= FOLLOWED_SECONDS:
            return False
        return not self._gate.is_due(thumbnail(image), time)

    def _numbers(self, values: Any) -> NDArray[np.int64]:
        """Whole numbers of 0 or more out of an answer."""
        if not isinstance(values, list) or not all(
            type(value) is int and 0 <= value < 2**63 for value in values
        ):
            raise self._endpoint.unlike()
        return np.array(values, np.int64)

    def _attributes(self, time: float, *, last: bool = False) -> str:
        taken = datetime.fromtimestamp(time, timezone.utc)
        return format_attributes(FrameAttributes(self._camera, taken, self._stills, last))

    def _stored(self, answer: dict[str, Any]) -> list[Crop]:
        """The crops that the endpoint says it has stored."""
        try:
            keys = [parse_key(key) for key in answer.get("crops", ())]
        except (KeyFormatError, TypeError) as error:
            raise self._endpoint.unlike() from error
        return [Crop(format_key(key), b"", key.track, key.shot, key.label) for key in keys]


def _faces(endpoint: Endpoint, answer: dict[str, Any], image: NDArray[np.uint8]) -> Detections:
    try:
        return Detections.from_mxnet_ssd(answer, frame_wh=wh_of(image))
    except ShapeError as error:
        raise endpoint.unlike() from error
