"""An agent as a process: how signals stop it, and what its end tells whoever supervises it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from typing import Callable

from facepipe.errors import FacepipeError
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.stats import Stats

AGAIN_SECONDS = 1.0  # `timeout` and its like send one signal twice at once


def run(agent: Agent) -> Stats:
    """Run until the camera ends or SIGTERM or SIGINT, and until every crop is uploaded.

    A second signal does not wait for crops.
    """
    stop = _stopper(agent)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop())
    return agent.run()


def run_in_background(agent: Agent) -> None:
    """Start, and return; SIGTERM then ends the process once every crop is uploaded.

    An agent that breaks down ends the process, so that its supervisor starts it again.
    """
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


def loss(stats: Stats) -> str | None:
    """A sentence about the crops that were lost, if any were.

    Example:
        >>> loss(Stats(crops=3, uploaded=2, failed=1, last_error="no network"))
        '1 of 3 crops were not stored, because the uplink failed or was too slow: no network'
        >>> loss(Stats(crops=3, uploaded=3)) is None
        True
    """
    if not stats.lost:
        return None
    return (
        f"{stats.lost} of {stats.crops} crops were not stored, because the uplink failed or was "
        f"too slow: {stats.last_error or 'check the network'}"
    )


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
