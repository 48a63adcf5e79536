"""The device: camera to faces to crops to the cloud."""

from __future__ import annotations

import contextlib

# On a DeepLens awscam must be loaded before cv2, and every module here that loads cv2 comes after
# this one. One that is there but broken is reported, with its reason, where it is opened.
with contextlib.suppress(ImportError):
    import awscam  # noqa: F401
