"""The preview as a page in a browser."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from facepipe_io.edge.blur import FaceBlur
from facepipe_io.edge.handover import Handover
from facepipe_io.edge.live.address import is_loopback, listen, parse_live_address
from facepipe_io.edge.live.scene import Scene
from facepipe_io.edge.live.tokens import read_token
from facepipe_io.edge.preview import Preview, preview_jpeg
from facepipe_io.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facepipe.records import ScoredCrop
    from facepipe_io.edge.cameras import Frame
    from facepipe_io.edge.picker import Look
    from facepipe_io.edge.stats import Stats

    _Shown = tuple[Frame, Look, NDArray[np.float64] | None]

log = logging.getLogger(__name__)

MAX_FPS = 15.0
#: Drawing takes what time others leave: others come first, and it rests this many times as long as
#: it took.
NICENESS = 10
REST = 2.0


class LivePreview(Preview):
    """Serves a page that shows frames, figures and crops.

    While nobody watches, nothing is drawn. Frames are drawn and encoded once for all who watch, in
    a thread of its own that lets others go first: where the agent needs all the time there is, the
    page shows fewer frames. On loopback everybody may look; elsewhere those who have the token.

    Args:
        address: where to serve it, as `parse_live_address` takes it.
        camera: the camera's name.
        token_file: has the token, where it is needed; made if it is not there.
        blur: whether faces are blurred.
        emotions: whether `scored` will be called.
        viewers: how many may watch at once.
        max_fps: frames a second at most.

    Attributes:
        url: the page's, with the token; for a person's terminal, not for a log.

    Raises:
        SettingsError: when it cannot be served.
    """

    def __init__(
        self,
        address: str,
        *,
        camera: str,
        token_file: Path,
        blur: bool = False,
        emotions: bool = False,
        viewers: int = 10,
        max_fps: float = MAX_FPS,
    ) -> None:
        try:
            from facepipe_io.edge.live.server import LiveServer
        except ImportError as error:
            raise SettingsError(
                [f"the live page needs Tornado and plotly ({error}): pip install 'facepipe[live]'"]
            ) from error
        self._blur = FaceBlur() if blur else None
        self._pause = 1 / max_fps
        self._last: _Shown | None = None
        self._error: Exception | None = None
        self._closing = threading.Event()
        self._frames: Handover[_Shown] = Handover(1, lossy=True)
        host, port = parse_live_address(address)
        sockets = listen(host, port)
        try:
            alone = all(is_loopback(listener.getsockname()[0]) for listener in sockets)
            token = "" if alone else read_token(token_file)
            # A browser keeps pictures by name, so a crop's number is never used again.
            self._scene = Scene(
                camera, blur=blur, emotions=emotions, first_crop=int(time.time() * 1000)
            )
            self._server = LiveServer(
                sockets,
                host,
                self._scene,
                token=token,
                places=viewers,
                on_viewer=self._show_again,
            )
        except BaseException:
            for listener in sockets:
                listener.close()
            raise
        self.url = self._server.url
        address = self.url.partition("?")[0]
        if token:
            log.info("live page: %s, for whoever has the token in %s", address, token_file)
        else:
            log.info("live page: %s", address)
        self._drawing = threading.Thread(target=self._draw, name="live-page-drawing", daemon=True)
        self._drawing.start()
        # A daemon thread that is inside OpenCV when the interpreter ends aborts the process.
        atexit.register(self.close)

    @property
    def viewers(self) -> int:
        """How many watch."""
        return self._server.viewers

    def show(self, frame: Frame, look: Look) -> None:
        """Show a frame, if somebody watches and no newer one comes first."""
        blurred = self._blur.boxes(frame, look) if self._blur else None
        self._scene.see(frame, look)
        self._last = (frame, look, blurred)
        if not self._server.viewers:
            self._error = None
            return
        self._frames.put(self._last)
        error = self._error
        if error is not None:
            raise error

    def follow(self, stats: Callable[[], Stats]) -> None:
        """Be told where the agent's figures are."""
        self._server.follow(stats)

    def scored(self, crop: ScoredCrop) -> None:
        """Be told of the emotions in a crop."""
        self._scene.scored(crop)

    def end(self) -> None:
        """Be told that there will be no more frames; the last one stays."""
        self._scene.end()
        self._server.tell()

    def close(self) -> None:
        """Tell who watches that it has ended, and end."""
        atexit.unregister(self.close)
        self._scene.end()
        self._frames.close()
        self._closing.set()
        self._drawing.join()  # of the frame that it draws now; it waits for nobody
        self._server.close()

    def _show_again(self) -> None:
        """Show the last frame to who has just come."""
        if self._last is not None:
            self._frames.put(self._last)

    def _draw(self) -> None:
        if sys.platform == "linux":  # where that is a thread's own
            os.nice(NICENESS)
        while True:
            shown = self._frames.take()
            if shown is None:
                break
            started = time.monotonic()
            frame, look, blurred = shown
            try:
                texts = self._scene.texts(look)
                self._server.show(preview_jpeg(frame, look, texts=texts, blur=blurred))
            except Exception as error:  # noqa: BLE001 - one bad frame; `show` raises what it was
                self._error = error
            else:
                self._error = None
            took = time.monotonic() - started
            self._closing.wait(max(self._pause - took, REST * took))
