"""The live page's server around a scene, without an agent."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Any, Iterator

import pytest

from facepipe_io.edge.live import server as module
from facepipe_io.edge.live.address import listen
from facepipe_io.edge.live.scene import Scene
from facepipe_io.edge.live.server import LiveServer


@contextmanager
def served(scene: Scene | None = None, **options: Any) -> Iterator[LiveServer]:
    options = {"token": "", "places": 10, "on_viewer": lambda: None, **options}
    before = set(threading.enumerate())
    scene = scene or Scene("hall-1")
    server = LiveServer(listen("127.0.0.1", 0), "127.0.0.1", scene, **options)
    try:
        yield server
    finally:
        server.close()
        names = [thread.name for thread in set(threading.enumerate()) - before]
        assert not [name for name in names if name.startswith("live-page")]


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Serve, for as long as a `with` block takes; with figures told often."""
    monkeypatch.setattr(module, "TELL_SECONDS", 0.02)
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.02)
    return served


@pytest.fixture
def server(serving: Any) -> Iterator[LiveServer]:
    """One that everybody may look at."""
    with serving() as made:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveServer]:
    """One for many tests, each of which leaves it as it was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TELL_SECONDS", 0.02)
        with served() as made:
            yield made
