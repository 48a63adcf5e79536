"""These tests run under `make test-mxnet` alone, which makes the environment that they need."""

from __future__ import annotations

import os

# Run by MXNet's Python, and importable there alone.
collect_ignore = ["mxnet_side.py"]

if not os.environ.get("FACEPIPE_MXNET"):
    collect_ignore += ["helpers.py", "test_mxnet.py", "test_walk.py"]
