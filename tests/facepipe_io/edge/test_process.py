"""What systemd is told, by a real process over a real socket; and how signals end it."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.facepipe_io.edge.helpers import STANDINS, wait_for

ROOT = Path(__file__).resolve().parents[3]

# An agent whose detector hangs over the second frame for as long as a file is there.
PROGRAM = """
import sys, time, pathlib
from facepipe_io.edge import process
from tests.facepipe_io.edge.helpers import *
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.picker import CropPicker

hang = pathlib.Path(sys.argv[1])

def found(call):
    while call > 1 and hang.exists():
        time.sleep(0.01)
    return faces()

camera = ScriptedCamera(frames(100), live=True, ends=False)
picker = CropPicker("hall", "4f9c", ScriptedDetector(found), every_frame=True)
agent = Agent("hall", camera, picker, ListUplink())
camera._after_read = lambda count: time.sleep(0.01)
process.run(agent)
"""


@pytest.fixture
def systemd(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


@pytest.fixture
def start(tmp_path, systemd):
    started = []

    def start(**environ):
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(tmp_path / "hang")],
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join([str(STANDINS), str(ROOT)]),
                    "NOTIFY_SOCKET": str(tmp_path / "notify"),
                    **environ,
                },
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_service_says_that_it_is_ready_and_alive_and_stopping(start, systemd):
    process = start(WATCHDOG_USEC="400000")
    assert systemd.recv(99) == b"READY=1"
    for _ in range(3):
        assert systemd.recv(99) == b"WATCHDOG=1"
    process.send_signal(signal.SIGTERM)
    while True:
        said = systemd.recv(99)
        if said == b"STOPPING=1":
            break
        assert said == b"WATCHDOG=1"


def test_a_detector_that_hangs_is_not_said_to_be_alive(start, systemd, tmp_path):
    (tmp_path / "hang").touch()
    start(WATCHDOG_USEC="400000")
    assert systemd.recv(99) == b"READY=1"
    systemd.settimeout(2)
    with pytest.raises(socket.timeout):
        all(iter(lambda: systemd.recv(99) == b"WATCHDOG=1", False))
    systemd.settimeout(30)
    (tmp_path / "hang").unlink()
    assert systemd.recv(99) == b"WATCHDOG=1"


def test_a_watchdog_that_asks_somebody_else_is_told_nothing(start, systemd):
    start(WATCHDOG_USEC="400000", WATCHDOG_PID="1")
    assert systemd.recv(99) == b"READY=1"
    systemd.settimeout(1)
    with pytest.raises(socket.timeout):
        systemd.recv(99)


@pytest.mark.parametrize("address", ["/no/such/socket", "vsock:2:1", ""])
def test_nobody_there_to_tell_is_no_reason_to_end(start, address):
    process = start(NOTIFY_SOCKET=address, WATCHDOG_USEC="nonsense")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)


def test_a_signal_that_another_thread_was_given_ends_it(start, systemd):
    """The kernel may give it to any; only the main one runs its handler, once it is awake."""
    process = start()
    assert systemd.recv(99) == b"READY=1"
    threads = Path(f"/proc/{process.pid}/task")
    wait_for(lambda: len(list(threads.iterdir())) > 4)
    other = max(int(thread.name) for thread in threads.iterdir())
    libc = ctypes.CDLL(None, use_errno=True)
    tgkill = {"x86_64": 234, "aarch64": 131}.get(platform.machine())
    if tgkill is None:
        process.send_signal(signal.SIGTERM)
    else:
        assert libc.syscall(tgkill, process.pid, other, int(signal.SIGTERM)) == 0
    assert process.wait(30) == 0
