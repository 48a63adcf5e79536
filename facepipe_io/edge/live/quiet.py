"""Keeps what clients do wrong from filling the log."""

from __future__ import annotations

import logging
import threading

#: What Tornado and asyncio log to, and the page itself.
LOGGERS = (
    "tornado.access",
    "tornado.application",
    "tornado.general",
    "asyncio",
    f"{__package__}.pages",
)
_KINDS = 100


class Quiet(logging.Filter):
    """Lets through one message of each kind that a thread logs, and counts the others.

    Args:
        thread: whose messages; those of others pass.

    Attributes:
        swallowed: how many were not logged.

    Example:
        >>> quiet = Quiet(threading.current_thread())
        >>> records = [logging.makeLogRecord({"msg": "no %s", "args": (n,)}) for n in range(3)]
        >>> [quiet.filter(record) for record in records], quiet.swallowed
        ([True, False, False], 2)
    """

    def __init__(self, thread: threading.Thread) -> None:
        super().__init__()
        self._thread = thread
        self._kinds: set[tuple[str, str]] = set()
        self.swallowed = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it."""
        if record.thread != self._thread.ident:
            return True
        kind = (record.name, str(record.msg))
        if kind in self._kinds or len(self._kinds) >= _KINDS:
            self.swallowed += 1
            return False
        self._kinds.add(kind)
        return True

    def begin(self) -> None:
        """Filter from now on."""
        for name in LOGGERS:
            logging.getLogger(name).addFilter(self)

    def end(self) -> None:
        """Filter no more."""
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(self)
