"""The device's program: camera, faces, crops, S3. Wiring only.

    python deeplens_entry.py                runs until the camera ends, or SIGTERM; a second
                                            SIGTERM does not wait for crops
    FACEPIPE_AUTOSTART=1, and an import     the same in the background, as a pinned Lambda is run

It reads the FACEPIPE_* variables that `facepipe_io.edge.settings` describes. It ends with 1 when
something failed or a crop was lost, so that whatever supervises it can tell.
"""

from __future__ import annotations

# First, because it loads awscam, which must come before cv2.
import facepipe_io.edge  # noqa: F401 # isort: skip

import functools
import logging
import os
import random
import secrets
import sys
from typing import Any

from facepipe.errors import FacepipeError
from facepipe_io.edge import process
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.aws import device_session
from facepipe_io.edge.bus import open_bus
from facepipe_io.edge.cameras import has_stills, is_live, open_camera
from facepipe_io.edge.feedback import open_feedback
from facepipe_io.edge.pickers import open_picker
from facepipe_io.edge.preview import open_preview
from facepipe_io.edge.settings import DeviceSettings, device_settings
from facepipe_io.edge.stats import Stats
from facepipe_io.edge.uplink import open_uplink
from facepipe_io.edge.uplink.spool import open_spool
from facepipe_io.settings import misspelt


def make_agent() -> Agent:
    """The agent that the environment asks for, not yet started."""
    settings = device_settings(os.environ)
    for name, near in misspelt(os.environ, DeviceSettings).items():
        if near:
            logging.warning("%s is no setting of facepipe; did you mean %s?", name, near)
    connect = functools.partial(device_session, settings)
    opener = functools.partial(open_camera, settings.source, connect=connect)
    live = is_live(settings.source)
    camera = None if live else opener()
    stills = camera.stills if camera else has_stills(settings.source)
    run = secrets.token_hex(4)
    preview = open_preview(settings)
    agent = Agent(
        settings.camera,
        camera,
        open_picker(settings, run, stills=stills),
        open_uplink(settings),
        open_camera=opener if live else None,
        spool=open_spool(settings.spool_dir),
        spool_bytes=settings.spool_mb * 1e6,
        bus=open_bus(
            settings.bus,
            camera=settings.camera,
            identity=settings.identity,
            ca=settings.ca,
        ),
        max_fps=settings.max_fps,
        feedback=open_feedback(settings.feedback, settings.camera, run, random.SystemRandom()),
        on_frame=preview.show,
    )
    preview.follow(lambda: agent.stats)
    return agent


def main() -> Stats:
    """Run until the camera ends or SIGTERM, and until every crop is uploaded.

    Raises:
        FacepipeError: when the settings, the camera's file or the model cannot be used.
    """
    return process.run(make_agent())


def function_handler(event: Any, context: Any) -> None:
    """Nothing: a pinned Lambda works from its import on, and is never invoked."""


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)  # it tells of each endpoint it finds
    try:
        final = main()
    except FacepipeError as error:
        sys.exit(f"facepipe: {error}")
    logging.info("done: %s", final)
    left = process.left(final, device_settings(os.environ).spool_dir)
    if left:
        logging.warning("facepipe: %s", left)
    lost = process.loss(final)
    sys.exit(lost and f"facepipe: {lost}")
elif os.environ.get("FACEPIPE_AUTOSTART") == "1":
    process.run_in_background(make_agent())
