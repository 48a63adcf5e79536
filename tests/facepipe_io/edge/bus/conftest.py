from __future__ import annotations

import sys

import pytest

from facepipe_io.edge.bus import mqtt
from tests.facepipe_io.edge.broker import Broker

# awsiotsdk needs Python 3.8, as Greengrass V2 needs more than a DeepLens has.
collect_ignore = [] if sys.version_info >= (3, 8) else ["test_greengrass_ipc.py"]


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path / "broker") as running:
        yield running


@pytest.fixture(autouse=True)
def _quick_to_reconnect(monkeypatch):
    monkeypatch.setattr(mqtt, "RECONNECT_SECONDS", 0.02)
