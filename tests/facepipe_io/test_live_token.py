"""`facepipe run` with a page that is open to the network: who is told its token, and its end."""

from __future__ import annotations

import io
import socket

import pytest

pytest.importorskip("click", reason="local: the extra facepipe[local] is not installed")

from click.testing import CliRunner
from rich.console import Console

from facepipe_io import cli
from facepipe_io.edge.cameras import open_camera
from facepipe_io.local.commands import run
from facepipe_io.local.commands.display import Display

URL = "http://192.0.2.7:8080/?token=a-word-that-nobody-guesses"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_token_is_for_a_terminal_and_not_for_a_log(is_terminal):
    said = io.StringIO()
    with Display(URL) as display:
        display._console = Console(file=said, force_terminal=is_terminal, width=60)
        camera = open_camera("demo")
        display.opened(camera)
        camera.close()
    assert ("a-word" in said.getvalue()) == is_terminal
    assert "Live page: http://192.0.2.7:8080/" in said.getvalue()


def test_a_run_that_fails_closes_its_page(monkeypatch, tmp_path):
    opened = []
    open_preview = run._open_preview
    monkeypatch.setattr(
        run, "_open_preview", lambda settings: opened.append(open_preview(settings)) or opened[0]
    )
    monkeypatch.setenv("FACEPIPE_PREVIEW", "http://127.0.0.1:0")
    words = ["run", str(tmp_path / "none.mp4"), "--live", "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(cli.main, words).exit_code == 1
    port = int(opened[0].url.split(":")[-1].rstrip("/"))
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass
