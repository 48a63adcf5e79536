"""An agent as a process: how signals stop it, and what it tells whoever supervises it."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from typing import Callable

from facepipe.errors import FacepipeError
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.stats import Stats

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0  # `timeout` and its like send one signal twice at once


def run(agent: Agent) -> Stats:
    """Run until the camera ends or SIGTERM or SIGINT, and until no crop is left to be sent.

    A second signal does not wait for crops.
    """
    stop = _stopper(agent)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop())
    _tell_systemd("READY=1")
    _watch(agent)
    return agent.run()


def run_in_background(agent: Agent) -> None:
    """Start, and return; SIGTERM then ends the process once no crop is left to be sent.

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
    """A sentence about the crops that were lost, or the frames never looked at, if any were.

    Example:
        >>> loss(Stats(crops=3, uploaded=2, failed=1, last_uplink_error="no network"))
        '1 of 3 crops were not stored, because the uplink failed or was too slow: no network'
        >>> loss(Stats(crops=3, uploaded=2)) is None
        True
    """
    if stats.unseen:
        return (
            f"{stats.unseen} of {stats.frames} frames were not looked at: "
            f"{stats.last_error or 'the endpoint did not answer'}"
        )
    if not stats.lost:
        return None
    return (
        f"{stats.lost} of {stats.crops + stats.recovered} crops were not stored, because the "
        f"uplink failed or was too slow: {stats.last_uplink_error or 'check the network'}"
    )


def left(stats: Stats, spool_dir: str) -> str | None:
    """A sentence about the crops that wait for the next start, if any do.

    Example:
        >>> left(Stats(crops=3, uploaded=1, last_uplink_error="no network"), "/spool")
        '2 crops wait in /spool for the next start: no network'
        >>> left(Stats(crops=3, uploaded=3), "/spool") is None
        True
    """
    if not stats.waiting:
        return None
    crops = "1 crop waits" if stats.waiting == 1 else f"{stats.waiting} crops wait"
    why = stats.last_uplink_error or "there was no time"
    return f"{crops} in {spool_dir} for the next start: {why}"


def _stopper(agent: Agent) -> Callable[[], None]:
    """For a signal's handler: stops the agent, and ends the process when it is called again."""
    stopped_at: list[float] = []

    def stop() -> None:
        if not stopped_at:
            stopped_at.append(time.monotonic())
            _tell_systemd("STOPPING=1")
            agent.stop()
        elif time.monotonic() - stopped_at[0] > AGAIN_SECONDS:
            _end_now(f"told twice to stop; {agent.stats.waiting} crops are not uploaded yet")

    return stop


def _watch(agent: Agent) -> None:
    """Tell systemd's watchdog, if it asks for it, that the detector does not hang."""
    asked = os.environ.get("WATCHDOG_USEC", "")
    own = str(os.getpid())
    if not re.match(r"[1-9][0-9]*\Z", asked) or os.environ.get("WATCHDOG_PID", own) != own:
        return
    seconds = int(asked) / 1e6

    def tell() -> None:
        while True:
            if agent.seconds_at_one_frame < seconds / 2:
                _tell_systemd("WATCHDOG=1")
            time.sleep(seconds / 4)

    threading.Thread(target=tell, name="watchdog", daemon=True).start()


def _tell_systemd(state: str) -> None:
    """Say how the service is, where systemd listens (`sd_notify(3)`)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.sendto(state.encode(), address.replace("@", "\0", 1))
    except OSError as error:  # the service goes on; systemd will act as it sees fit
        log.warning("systemd cannot be told %s: %s", state, error)


def _end_now(why: str) -> None:
    """End the process with 1 whatever its threads are doing."""
    logging.critical("facepipe: %s", why)
    logging.shutdown()
    os._exit(1)
