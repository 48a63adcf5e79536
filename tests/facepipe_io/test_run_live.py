"""`facepipe run --live`: the page while a run goes, and after it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("click", reason="local: the extra facepipe[local] is not installed")

from click.testing import CliRunner

from facepipe.images import decode_image, sharpness
from facepipe_io import cli
from tests.facepipe_io.edge.helpers import scene, write_video
from tests.facepipe_io.edge.live.clients import WAIT, Watcher
from tests.facepipe_io.edge.live.clients import run as played

COMMAND = [sys.executable, "-c", "from facepipe_io.cli import main; main()", "run"]


@pytest.fixture
def start(portraits, tmp_path):
    """Starts a run of a clip in which somebody sways, and gives its page's address."""
    face = portraits["collins"][:300, 80:400]
    frames = [scene((face, 200 + 2 * (n % 8), 100, 300)) for n in range(300)]
    clip = write_video(tmp_path / "hall.avi", frames)
    begun = []

    def start(*words, **environ):
        process = subprocess.Popen(
            [*COMMAND, str(clip), "--out", str(tmp_path / "out"), *words],
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        line = process.stderr.readline()
        if line.startswith("Another program has port 8080"):
            line = process.stderr.readline()
        assert line.startswith("Live page: http://127.0.0.1:"), line + process.stderr.read()
        return process, line.split()[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


async def seen(url):
    """Figures in which somebody's mood is known, and a picture after that."""
    async with Watcher(url) as watcher:
        figures = await watcher.figures(emotions=True)
        while not figures["moods"]:
            figures = await watcher.figures()
        return figures, decode_image(await watcher.picture())


def test_the_page_shows_the_run_and_stays_while_somebody_looks(start):
    process, url = start("--live", FACEPIPE_PREVIEW="http://127.0.0.1:0")

    def said():
        while "The page stays while somebody looks at it" not in process.stderr.readline():
            assert process.poll() is None

    async def watch():
        async with Watcher(url) as watcher:
            figures = await watcher.figures(state="live", so_far=1)
            assert (figures["now"], figures["blurred"]) == (1, False)
            process.send_signal(signal.SIGINT)
            await watcher.figures(state="ended")
            told = asyncio.get_running_loop().run_in_executor(None, said)
            while not told.done():
                await watcher.next()
                await asyncio.sleep(0)
            await told
            assert process.poll() is None

    played(watch())
    stdout, stderr = process.communicate(timeout=WAIT)
    assert process.returncode == 130, stderr  # it was not looked at to its end
    assert "Report:" in stdout


def test_faces_can_be_blurred(start):
    page = {"FACEPIPE_PREVIEW": "http://127.0.0.1:0"}
    figures, plain = played(seen(start("--live", **page)[1]))
    assert figures["moods"][0]["word"] == "happy"
    figures, blurred = played(seen(start("--live", "--blur", **page)[1]))
    assert figures["moods"][0]["word"] == "happy"
    assert figures["blurred"]
    face = np.s_[185:245, 320:380]  # within the box wherever she sways
    assert sharpness(blurred[face]) < sharpness(plain[face]) / 5


def test_where_the_port_is_taken_the_page_goes_elsewhere(start):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 8080))
            other.listen()
        except OSError:
            pass  # somebody has it already
        _, url = start("--live", FACEPIPE_PREVIEW="")
        assert ":8080" not in url


def test_a_port_that_was_asked_for_is_that_one_or_none(monkeypatch, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        page = f"http://127.0.0.1:{other.getsockname()[1]}"
        monkeypatch.setenv("FACEPIPE_PREVIEW", page)
        result = CliRunner().invoke(cli.main, ["run", "demo", "--live", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "Error: FACEPIPE_PREVIEW (or --live) names" in result.stderr
    assert "another program has that port" in result.stderr


def test_blur_is_about_the_page(monkeypatch):
    monkeypatch.delenv("FACEPIPE_PREVIEW", raising=False)
    result = CliRunner().invoke(cli.main, ["run", "demo", "--blur"])
    assert result.exit_code == 2
    assert "--blur is about the page: add --live" in result.stderr
