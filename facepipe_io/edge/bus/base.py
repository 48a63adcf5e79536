"""What a bus is, and the ones that need nobody else."""

from __future__ import annotations

import json
import logging
from typing import Any

from facepipe_io.edge.bus.messages import infer_topic

log = logging.getLogger(__name__)


class Bus:
    """Takes messages; this one drops them."""

    def infer_topic(self, camera: str) -> str:
        """Where messages about faces go on this bus."""
        return infer_topic(camera)

    def publish(self, topic: str, message: Any) -> None:
        """Send a message as JSON. May raise whatever its client raises."""

    def close(self) -> None:
        """Take no more messages. Takes a few seconds at most; closing twice is fine."""


class LogBus(Bus):
    """Writes messages to the log."""

    def publish(self, topic: str, message: Any) -> None:
        """Log a message."""
        log.info("%s %s", topic, json.dumps(message))
