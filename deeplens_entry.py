"""The device's program: camera, faces, crops, S3. Wiring only.

    python deeplens_entry.py                runs until the camera ends, or SIGTERM
    FACEPIPE_AUTOSTART=1, and an import     the same in the background, as a pinned Lambda is run

It reads the FACEPIPE_* variables that `facepipe_io.edge.settings` describes.
"""

from __future__ import annotations

# First, because it loads awscam, which must come before cv2.
import facepipe_io.edge  # noqa: F401 # isort: skip

import functools
import logging
import os
import secrets
import signal
import sys
import threading
from typing import Any

from facepipe.errors import FacepipeError
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.bus import open_bus
from facepipe_io.edge.cameras import is_live, open_camera
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.settings import device_settings
from facepipe_io.edge.stats import Stats
from facepipe_io.edge.uplinks import open_uplink


def make_agent() -> Agent:
    """The agent that the environment asks for, not yet started."""
    settings = device_settings(os.environ)
    opener = functools.partial(open_camera, settings.source)
    live = is_live(settings.source)
    return Agent(
        settings.camera,
        secrets.token_hex(4),
        None if live else opener(),
        open_detector(settings.detector, settings.model, min_score=settings.min_score),
        open_uplink(settings.bucket, settings.crops_dir),
        open_camera=opener if live else None,
        bus=open_bus(settings.bus),
        resend_seconds=settings.resend_seconds,
        max_fps=settings.max_fps,
    )


def main() -> Stats:
    """Run until the camera ends or SIGTERM, and until every crop is uploaded.

    Raises:
        FacepipeError: when the settings, the camera's file or the model cannot be used.
    """
    agent = make_agent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: agent.stop())
    return agent.run()


def autostart() -> None:
    """Run in the background; SIGTERM then ends the process once every crop is uploaded."""
    agent = make_agent()
    done = threading.Event()

    def wait() -> None:
        try:
            agent.join()
        finally:
            done.set()

    def end(*_: object) -> None:
        agent.stop()
        done.wait()
        sys.exit(0)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)
    agent.start()
    threading.Thread(target=wait, name="facepipe").start()


def function_handler(event: Any, context: Any) -> None:
    """Nothing: a pinned Lambda works from its import on, and is never invoked."""


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        logging.info("done: %s", main())
    except FacepipeError as error:
        sys.exit(f"facepipe: {error}")
elif os.environ.get("FACEPIPE_AUTOSTART") == "1":
    autostart()
