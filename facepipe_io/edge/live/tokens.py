"""The token: who has it may look at a page that is open to the network."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from facepipe_io.errors import SettingsError
from facepipe_io.text import printable

_BYTES = 24  # of randomness; nobody guesses 192 bits
_TOKEN = re.compile(r"[!-~]{16,128}\Z")


def read_token(path: Path) -> str:
    """Read the token from its file, which is made, for its owner alone, where there is none.

    Raises:
        SettingsError: when the file cannot be read or made, or holds no token.
    """
    try:
        if not path.exists():
            _make(path)
        token = path.read_text("ascii", "replace").strip()
    except (OSError, ValueError) as error:  # a path may have a null character
        reason = getattr(error, "strerror", None) or error
        raise _refusal(path, f"cannot be used: {reason}") from error
    if not _TOKEN.match(token):
        raise _refusal(
            path,
            "holds no token: 16 to 128 letters, digits and signs; delete it, and a new one is made",
        )
    return token


def _refusal(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        [f"FACEPIPE_PREVIEW_TOKEN_FILE names {printable(str(path))}, which {reason}"]
    )


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # `mkstemp` makes it for its owner alone.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=str(path.parent))
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())  # or a cut of power leaves an empty file, and no token
        # Whole or not at all; and where another process was quicker, its token is both's.
        with suppress(FileExistsError):
            os.link(name, str(path))
    finally:
        os.unlink(name)  # noqa: PTH108 - of a name that `mkstemp` gave
