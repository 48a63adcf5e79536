"""The reporter: what the device says on the bus, of what it sees and of itself."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable

from facepipe.times import iso_millis
from facepipe_io.edge.bus import health_message, health_topic, infer_message, prediction_topic
from facepipe_io.edge.handover import Handover
from facepipe_io.edge.resilience import Trouble

if TYPE_CHECKING:
    from facepipe_io.edge.bus import Bus
    from facepipe_io.edge.cameras import Frame
    from facepipe_io.edge.picker import Look
    from facepipe_io.edge.stats import Stats

log = logging.getLogger(__name__)

QUEUED_MESSAGES = 16
MESSAGE_SECONDS = 1.0
HEALTH_SECONDS = 60.0
LOG_SECONDS = 3600.0


class Reporter:
    """Says once a second at most what is seen, and every minute how the device is.

    Args:
        camera: the camera's name.
        bus: takes the messages, and is closed at the end.
        stats: gives the figures so far.
        count: told of messages that could not be published, and of errors.
        clock: seconds that never step back.
    """

    def __init__(
        self,
        camera: str,
        bus: Bus,
        stats: Callable[[], Stats],
        *,
        count: Callable[..., None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._camera = camera
        self._bus = bus
        self._stats = stats
        self._count = count
        self._clock = clock
        self._messages: Handover[tuple[str, Any]] = Handover(QUEUED_MESSAGES, lossy=True)
        self._trouble = Trouble("bus")
        self._started = clock()
        self._next_message = -float("inf")
        self._had_faces = False
        self._next_log = -float("inf")

    def tell(self, frame: Frame, look: Look) -> None:
        """Say what is seen, and of faces once that there is none any more. Does not wait."""
        has_faces = len(look.detections) > 0
        if not (has_faces or self._had_faces or look.prediction):
            return
        if self._clock() < self._next_message:
            return
        self._next_message = self._clock() + MESSAGE_SECONDS
        self._had_faces = has_faces
        if look.prediction is not None:
            self._messages.put((prediction_topic(self._camera), look.prediction))
            return
        taken = iso_millis(datetime.fromtimestamp(frame.time, timezone.utc))
        uploaded = self._stats().uploaded
        message = infer_message(self._camera, taken, look, uploaded)
        self._messages.put((self._bus.infer_topic(self._camera), message))

    def close(self) -> None:
        """Tell nothing more. `run` then says for the last time how the device is."""
        self._messages.close()

    def run(self) -> None:
        """Publish, until it is closed."""
        frames_before, then = 0, self._clock()
        while True:
            message = self._messages.take(max(0.0, then + HEALTH_SECONDS - self._clock()))
            if message is not None:
                self._publish(*message)
            now = self._clock()
            done = message is None and self._messages.closed
            if done or now - then >= HEALTH_SECONDS:
                stats = self._stats()
                fps = (stats.frames - frames_before) / (now - then) if now > then else 0.0
                sent_at = iso_millis(datetime.now(timezone.utc))
                uptime = now - self._started
                health = health_message(self._camera, sent_at, stats, fps=fps, uptime=uptime)
                self._publish(health_topic(self._camera), health)
                self._log(stats, now)
                frames_before, then = stats.frames, now
            if done:
                self._bus.close()
                return

    def _log(self, stats: Stats, now: float) -> None:
        """Tell the log as well, now and then, so that it shows a device at work."""
        if now < self._next_log:
            return
        self._next_log = now + LOG_SECONDS
        log.info(
            "so far %d frames, %d people, %d crops stored, %d waiting",
            stats.frames,
            stats.people,
            stats.uploaded,
            stats.waiting,
        )

    def _publish(self, topic: str, message: Any) -> None:
        try:
            self._bus.publish(topic, message)
        # What a broker's client throws is its own affair; a lost message is no reason to stop.
        except Exception as error:  # noqa: BLE001
            self._count(error, bus_errors=1)
            self._trouble.begins(error)
        else:
            self._trouble.ends()
