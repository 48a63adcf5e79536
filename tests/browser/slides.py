"""A live page of pictures that only change their colour: `python -m tests.browser.slides PORT`."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import numpy as np

from facepipe_io.edge.cameras.base import Frame
from facepipe_io.edge.live.preview import LivePreview
from facepipe_io.edge.picker import NO_TRACKS, NOBODY, Look

START = 1_790_000_000.0  # seconds since the epoch
FPS = 10.0


@contextmanager
def slides(port: int = 0, **options: Any) -> Iterator[LivePreview]:
    """Serve them, on loopback, for as long as a `with` block takes."""
    with tempfile.TemporaryDirectory() as folder:
        preview = LivePreview(
            f"http://127.0.0.1:{port}",
            camera="slides",
            token_file=Path(folder) / "token",
            **options,
        )
        ended = threading.Event()
        thread = threading.Thread(target=_show, args=(preview, ended))
        thread.start()
        try:
            yield preview
        finally:
            ended.set()
            thread.join()
            preview.close()


def _show(preview: LivePreview, ended: threading.Event) -> None:
    number = 0
    while not ended.wait(1 / FPS):
        number += 1
        image = np.full((90, 160, 3), number * 16 % 256, np.uint8)
        preview.show(Frame(image, START + number / FPS), Look(NOBODY, NO_TRACKS, []))


if __name__ == "__main__":
    with slides(int(sys.argv[1])) as shown:
        print(shown.url, flush=True)
        time.sleep(600)
