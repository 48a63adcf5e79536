"""Serves a model, as tests/serving.py does, but no longer than there is an emulator.

The emulator holds the other end of standard input.
"""

import os
import runpy
import sys
import threading
from pathlib import Path


def _end_with_the_emulator() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_emulator, daemon=True).start()
    runpy.run_path(str(Path(__file__).parent.parent / "serving.py"), run_name="__main__")
