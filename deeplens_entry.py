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
import secrets
import signal
import sys
import threading
import time
from typing import Any, Callable

from facepipe.errors import FacepipeError
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.bus import open_bus
from facepipe_io.edge.cameras import is_live, open_camera
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.settings import device_settings
from facepipe_io.edge.stats import Stats
from facepipe_io.edge.uplinks import open_uplink

AGAIN_SECONDS = 1.0  # `timeout` and its like send one signal twice at once


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
    stop = _stopper(agent)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop())
    return agent.run()


def loss(stats: Stats) -> str | None:
    """A sentence about the crops that were lost, if any were."""
    if not stats.lost:
        return None
    return (
        f"{stats.lost} of {stats.crops} crops were not stored, because the uplink failed or was "
        f"too slow: {stats.last_error or 'check the network'}"
    )


def autostart() -> None:
    """Run in the background; SIGTERM then ends the process once every crop is uploaded.

    An agent that breaks down ends the process, so that its supervisor starts it again.
    """
    agent = make_agent()
    stop = _stopper(agent)
    done = threading.Event()

    def wait() -> None:
        try:
            agent.join()
        except FacepipeError as error:
            _end_now(str(error))
        except BaseException:
            logging.exception("a fault in the agent")
            _end_now("it broke down")
        done.set()

    def end(*_: object) -> None:
        stop()
        done.wait()
        lost = loss(agent.stats)
        if lost:
            logging.error("facepipe: %s", lost)
        sys.exit(1 if lost else 0)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)
    agent.start()
    threading.Thread(target=wait, name="facepipe").start()


def _stopper(agent: Agent) -> Callable[[], None]:
    """For a signal's handler: stops the agent, and ends the process when it is called again."""
    stopped_at: list[float] = []

    def stop() -> None:
        if not stopped_at:
            stopped_at.append(time.monotonic())
            agent.stop()
        elif time.monotonic() - stopped_at[0] > AGAIN_SECONDS:
            _end_now(f"told twice to stop; {agent.stats.waiting} crops are not stored")

    return stop


def _end_now(why: str) -> None:
    """End the process with 1 whatever its threads are doing."""
    logging.critical("facepipe: %s", why)
    logging.shutdown()
    os._exit(1)


def function_handler(event: Any, context: Any) -> None:
    """Nothing: a pinned Lambda works from its import on, and is never invoked."""


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        final = main()
    except FacepipeError as error:
        sys.exit(f"facepipe: {error}")
    logging.info("done: %s", final)
    if loss(final):
        sys.exit(f"facepipe: {loss(final)}")
elif os.environ.get("FACEPIPE_AUTOSTART") == "1":
    autostart()
