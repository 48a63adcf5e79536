"""SQS. What moto lacks, and this fills in:

- RedriveAllowPolicy: unknown, so that SetQueueAttributes and reading it back fail;
- Policy: wiped by any SetQueueAttributes that does not repeat it;
- RedrivePolicy and Policy: written with spaces, unlike what was set, and unset ones read as null.
"""

from __future__ import annotations

import json
from typing import Any

from moto.sqs.models import Queue

from tests.emulator.settings import Settings


def install(_: Settings) -> None:
    """Fill the gaps."""
    Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
    Queue.redrive_allow_policy = None
    set_attributes, get_attributes = Queue._set_attributes, Queue.attributes.fget

    def _set_attributes(self: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        kept = {"Policy": getattr(self, "policy", None)}
        set_attributes(self, {**kept, **attributes}, now)
        self.redrive_allow_policy = self.redrive_allow_policy or None

    def attributes(self: Queue) -> dict[str, Any]:
        found = {key: value for key, value in get_attributes(self).items() if value is not None}
        for key in found.keys() & {"Policy", "RedrivePolicy"}:
            found[key] = json.dumps(json.loads(found[key]), separators=(",", ":"))
        return found

    Queue._set_attributes = _set_attributes
    Queue.attributes = property(attributes)
