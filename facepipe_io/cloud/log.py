"""Log lines of the cloud function: one JSON object each, for CloudWatch Logs Insights.

The standard library does it: aws-lambda-powertools would be most of the zip.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone

from facepipe.times import iso_millis

#: Its level is the function's; `fields` in a record's extra become fields of the line.
logger = logging.getLogger("facepipe")


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON.

    Attributes:
        request_id: of the invocation, to join lines with Lambda's own; set at each one's start.

    Example:
        >>> fields = {"outcome": "scored"}
        >>> record = logging.makeLogRecord({"created": 0.0, "msg": "crop", "fields": fields})
        >>> JsonFormatter().format(record).startswith('{"timestamp": "1970-01-01T00:00:00.000Z"')
        True
    """

    request_id: str | None = None

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line = {
            "timestamp": iso_millis(datetime.fromtimestamp(record.created, timezone.utc)),
            "level": record.levelname,
            "message": record.getMessage(),
            **({"request_id": self.request_id} if self.request_id else {}),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def begin(request_id: str | None) -> None:
    """Have the lines that follow name an invocation."""
    for handler in logger.handlers:
        if isinstance(handler.formatter, JsonFormatter):
            handler.formatter.request_id = request_id


def configure() -> None:
    """Send the function's log lines to standard output, which Lambda keeps.

    They do not go on to the root logger: Lambda's own handler there would write each again.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
