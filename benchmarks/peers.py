"""Peers that are compared with where they are installed."""

from __future__ import annotations

import functools
import importlib
import sys
from typing import Any


@functools.lru_cache(maxsize=None)
def peer(name: str) -> Any:
    """The module, or None, which is told once: it is not there, or cannot be loaded."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        print(f"no figures beside {name}: {reason}", file=sys.stderr, flush=True)
        return None
