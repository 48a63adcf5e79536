"""The bus: what the device says over MQTT."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from facepipe_io.errors import SettingsError

if TYPE_CHECKING:
    from facepipe.detections import Detections
    from facepipe_io.edge.stats import Stats

log = logging.getLogger(__name__)


class Bus:
    """Takes messages; this one drops them."""

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Send a message as JSON. May raise whatever its client raises."""


class LogBus(Bus):
    """Writes messages to the log."""

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Log a message."""
        log.info("%s %s", topic, json.dumps(message))


class GreengrassSdkBus(Bus):
    """Publishes through Greengrass V1's core, as it is on a DeepLens.

    Raises:
        SettingsError: when there is no greengrasssdk.
    """

    def __init__(self) -> None:
        try:
            import greengrasssdk
        except ImportError as error:
            raise SettingsError(
                [f"the bus greengrasssdk needs its package ({error}): use the bus log or none"]
            ) from error
        self._client = greengrasssdk.client("iot-data")
        # A full queue loses a message rather than make the device wait.
        self._options = {"queueFullPolicy": "BestEffort"}

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Send a message."""
        payload = json.dumps(message)
        try:
            self._client.publish(topic=topic, payload=payload, **self._options)
        except TypeError:
            if not self._options:
                raise
            self._options = {}  # older copies do not know queueFullPolicy
            self._client.publish(topic=topic, payload=payload)


def open_bus(name: str) -> Bus:
    """Open a bus by its name.

    Args:
        name: `greengrasssdk`, `log`, `none`, or `auto`: greengrasssdk where it is installed, else
            none.

    Raises:
        SettingsError: when there is no such bus here.
    """
    if name == "auto":
        try:
            return GreengrassSdkBus()
        except SettingsError:
            return Bus()
    if name not in BUSES:
        raise SettingsError([f"there is no bus {name!r}: use one of auto, {', '.join(BUSES)}"])
    return BUSES[name]()


BUSES = {"greengrasssdk": GreengrassSdkBus, "log": LogBus, "none": Bus}


def infer_topic(camera: str) -> str:
    """Where messages about faces go; the console of AWS DeepLens watched it."""
    return f"$aws/things/{camera}/infer"


def health_topic(camera: str) -> str:
    """Where messages about the device's health go."""
    return f"facepipe/{camera}/health"


def infer_message(
    camera: str, captured_at: str, detections: Detections, tracks: Any, uploaded: int
) -> dict[str, Any]:
    """The message about the faces in a frame.

    Args:
        camera: the camera's name.
        captured_at: when the frame was taken, as of `facepipe.records.iso_millis`.
        detections: the faces.
        tracks: `(N,)`, whose face each is.
        uploaded: crops uploaded since the start.
    """
    return {
        "camera": camera,
        "captured_at": captured_at,
        "faces": [
            {"track": track, "score": round(score, 3), "box": [round(side, 1) for side in box]}
            for track, score, box in zip(
                tracks.tolist(), detections.scores.tolist(), detections.boxes.tolist()
            )
        ],
        "uploaded": uploaded,
    }


def health_message(
    camera: str, captured_at: str, stats: Stats, *, fps: float, uptime: float
) -> dict[str, Any]:
    """The message about the device's health.

    Args:
        camera: the camera's name.
        captured_at: now, as of `facepipe.records.iso_millis`.
        stats: the figures since the start.
        fps: frames looked at per second since the last such message.
        uptime: seconds since the start.
    """
    return {
        "camera": camera,
        "captured_at": captured_at,
        "frames": stats.frames,
        "fps": round(fps, 2),
        "faces": stats.faces,
        "people": stats.people,
        "uploads": stats.uploaded,
        "failed_uploads": stats.failed,
        "dropped_frames": stats.skipped,
        "dropped_crops": stats.dropped,
        "camera_errors": stats.camera_errors,
        "detector_errors": stats.detector_errors,
        "uplink_errors": stats.uplink_errors,
        "bus_errors": stats.bus_errors,
        "spool_depth": stats.waiting,
        "spool_bytes": stats.bytes_waiting,
        "uptime": round(uptime, 1),
        "last_error": stats.last_error,
    }
