"""The camera of an AWS DeepLens."""

from __future__ import annotations

import time
from typing import Any, Callable

from facepipe.errors import ImageError
from facepipe.images import as_bgr
from facepipe_io.edge.cameras.base import Camera, Frame
from facepipe_io.errors import CameraError, SettingsError

AWSCAM_POLL_SECONDS = 1 / 30  # getLastFrame() returns at once, also when there is nothing new


class AwscamCamera(Camera):
    """The camera of an AWS DeepLens.

    Args:
        clock: gives the time of each frame.
        wait: called with the seconds to leave between two looks at the camera.

    Raises:
        SettingsError: when this machine is no DeepLens.
    """

    source = "awscam"
    live = True

    def __init__(
        self, *, clock: Callable[[], float], wait: Callable[[float], object] = time.sleep
    ) -> None:
        try:
            import awscam
        except ImportError as error:
            raise SettingsError(
                [f"the source awscam works on an AWS DeepLens only; name another ({error})"]
            ) from error
        self._last_frame: Callable[[], Any] = awscam.getLastFrame
        self._clock = clock
        self._wait = wait

    def read(self) -> Frame:
        """The newest frame.

        Raises:
            CameraError: when the camera gives none.
        """
        self._wait(AWSCAM_POLL_SECONDS)
        ok, raw = self._last_frame()
        if not ok:
            raise CameraError(self.source, "it gives no picture; restart the device if this stays")
        try:
            return Frame(as_bgr(raw), self._clock())
        except ImageError as error:
            self._skip(error)
            raise CameraError(self.source, f"it gives no usable picture: {error}") from error
