"""What the device says over MQTT, and under which topics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facepipe.keys import FACE_LABEL

if TYPE_CHECKING:
    from facepipe_io.edge.picker import Look
    from facepipe_io.edge.stats import Stats


def infer_topic(camera: str) -> str:
    """Where messages about faces go; the console of AWS DeepLens watched it."""
    return f"$aws/things/{camera}/infer"


def client_infer_topic(camera: str) -> str:
    """Where messages about faces go from a client that a broker may turn away.

    AWS IoT Core lets no client create a topic that begins with `$`, and may end the connection of
    one that tries ("Reserved topics" in its developer guide). Other brokers take the message, but
    hide it from whoever subscribes to `#` (MQTT 3.1.1, 4.7.2).
    """
    return f"facepipe/{camera}/infer"


def prediction_topic(camera: str) -> str:
    """Where messages about what a classifier sees go, as with Greengrass V1's accelerator."""
    return f"mli/predictions/{camera}"


def health_topic(camera: str) -> str:
    """Where messages about the device's health go."""
    return f"facepipe/{camera}/health"


def status_topic(camera: str) -> str:
    """Where it says whether the device is there."""
    return f"facepipe/{camera}/status"


def qos(topic: str) -> int:
    """MQTT's quality of service: 0 for what a newer message soon replaces, else 1."""
    return 1 if topic.endswith(("/health", "/status")) else 0


def infer_message(camera: str, captured_at: str, look: Look, uploaded: int) -> dict[str, Any]:
    """The message about the faces in a frame, and about other things where there are any.

    Args:
        camera: the camera's name.
        captured_at: when the frame was taken, as of `facepipe.times.iso_millis`.
        look: what came of the frame.
        uploaded: crops uploaded since the start.
    """
    found = look.detections
    tracks, scores, boxes = look.tracks.tolist(), found.scores.tolist(), found.boxes.tolist()
    faces, objects = [], []
    for index, track in enumerate(tracks):
        box = [round(side, 1) for side in boxes[index]]
        said = {"track": track, "score": round(scores[index], 3), "box": box}
        label = look.labels[index] if look.labels else FACE_LABEL
        if label == FACE_LABEL:
            faces.append(said)
        else:
            objects.append({"label": label, **said})
    message = {"camera": camera, "captured_at": captured_at, "faces": faces, "uploaded": uploaded}
    if objects:
        message["objects"] = objects
    return message


def health_message(
    camera: str, captured_at: str, stats: Stats, *, fps: float, uptime: float
) -> dict[str, Any]:
    """The message about the device's health.

    Args:
        camera: the camera's name.
        captured_at: now, as of `facepipe.times.iso_millis`.
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
        "objects": stats.objects,
        "things": stats.things,
        "uploads": stats.uploaded,
        "failed_uploads": stats.failed,
        "dropped_frames": stats.skipped,
        "unusable_frames": stats.unusable,
        "still_frames": stats.still,
        "dropped_crops": stats.dropped,
        "recovered_crops": stats.recovered,
        "refused_crops": stats.refused,
        "damaged_crops": stats.damaged,
        "foreign_files": stats.foreign,
        "samples": stats.samples,
        "samples_stored": stats.samples_stored,
        "samples_dropped": stats.samples_dropped,
        "camera_errors": stats.camera_errors,
        "detector_errors": stats.detector_errors,
        "uplink_errors": stats.uplink_errors,
        "disk_errors": stats.disk_errors,
        "bus_errors": stats.bus_errors,
        "preview_errors": stats.observer_errors,
        "model_errors": stats.model_errors,
        "model": stats.model or None,
        "spool_depth": stats.waiting,
        "spool_bytes": stats.bytes_waiting,
        "uptime": round(uptime, 1),
        "last_error": stats.last_error,
    }


def status_message(camera: str, status: str) -> dict[str, Any]:
    """The message about whether the device is there.

    Args:
        camera: the camera's name.
        status: `online`, `stopped` when it ended in good order, or `gone` when the broker lost it.
    """
    return {"camera": camera, "status": status}
