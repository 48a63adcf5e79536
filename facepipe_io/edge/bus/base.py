"""What a bus is, and the ones that need nobody else."""

from __future__ import annotations

import json
import logging
from typing import Any

from facepipe.errors import FacepipeError
from facepipe_io.edge.bus.messages import infer_topic

log = logging.getLogger(__name__)


class BusError(FacepipeError):
    """A bus that takes no messages.

    Attributes:
        target: the broker, or what else takes the messages.
        reason: what is wrong, and what to do.
    """

    def __init__(self, target: str, reason: str) -> None:
        self.target = target
        self.reason = reason
        super().__init__(target, reason)

    def __str__(self) -> str:
        return f"cannot send messages to {self.target}: {self.reason}"


class Bus:
    """Takes messages; this one drops them."""

    def infer_topic(self, camera: str) -> str:
        """Where messages about faces go on this bus."""
        return infer_topic(camera)

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Send a message as JSON. May raise whatever its client raises."""

    def close(self) -> None:
        """Take no more messages. Takes a few seconds at most; closing twice is fine."""


class LogBus(Bus):
    """Writes messages to the log."""

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Log a message."""
        log.info("%s %s", topic, json.dumps(message))
