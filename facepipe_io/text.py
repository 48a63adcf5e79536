"""Names and errors as one line of a log or a terminal can show them."""

from __future__ import annotations

import re

# What moves a cursor, begins a line, or turns the direction of the text behind it.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""A path as any log and terminal can take it.

    Example:
        >>> print(printable("hall" + chr(0x202E) + ".mp4"))
        hall\u202e.mp4
    """
    return _CONTROLS.sub(
        lambda found: ascii(found[0])[1:-1], text.encode("utf-8", "backslashreplace").decode()
    )


def one_line(error: BaseException) -> str:
    """What an error says, for a log.

    Example:
        >>> one_line(OSError("no   room")), one_line(KeyError())
        ('no room', 'KeyError')
    """
    return " ".join(str(error).split()) or type(error).__name__
