"""How tests have MXNet do something."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PYTHON = os.path.abspath(os.environ["FACEPIPE_MXNET"])  # noqa: PTH100 - a link stays one
SIDE = Path(__file__).with_name("mxnet_side.py")


def mxnet(*arguments):
    """Run a command of `mxnet_side`."""
    done = subprocess.run(
        [PYTHON, "-I", str(SIDE), *map(str, arguments)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # With one thread it learns the same each time.
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=280,
    )
    assert done.returncode == 0, done.stdout.decode()
