"""The real client of Greengrass V2, against a stand-in for the nucleus."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from facepipe_io.edge.bus import GreengrassIpcBus, greengrass, health_topic, open_bus
from facepipe_io.errors import BusError
from tests.facepipe_io.edge.bus.nucleus import CONNECT, MESSAGE, Nucleus

HEALTH = health_topic("hall")


@pytest.fixture
def nucleus(monkeypatch):
    # A Unix socket's path has to be short.
    with tempfile.TemporaryDirectory() as folder, Nucleus(Path(folder, "ipc.socket")) as nucleus:
        for name, value in nucleus.environ().items():
            monkeypatch.setenv(name, value)
        yield nucleus


@pytest.fixture
def bus(nucleus):
    bus = open_bus("greengrass", camera="hall")
    yield bus
    bus.close()


@pytest.mark.parametrize("name", ["auto", "greengrass"])
def test_messages_go_through_the_nucleus(nucleus, name):
    bus = open_bus(name, camera="hall")
    assert isinstance(bus, GreengrassIpcBus)
    bus.publish(bus.infer_topic("hall"), {"faces": []})
    bus.publish(HEALTH, {"fps": 15})
    assert nucleus.published == [
        ("facepipe/hall/infer", {"faces": []}, "0"),
        (HEALTH, {"fps": 15}, "1"),
    ]
    bus.close()
    bus.close()


def test_what_the_component_may_not_do_is_one_clear_reason(nucleus, bus):
    for _ in range(2):
        with pytest.raises(BusError) as caught:
            bus.publish("facepipe/door/health", {})
        assert str(caught.value) == (
            "cannot send messages to the nucleus of Greengrass: it may not publish to "
            "facepipe/door/health (not authorized to publish to facepipe/door/health); allow "
            "aws.greengrass#PublishToIoTCore in the component's accessControl"
        )
    bus.publish(HEALTH, {})
    assert nucleus.published == [(HEALTH, {}, "1")]


def test_another_refusal_is_told_as_it_is(nucleus, bus):
    with pytest.raises(BusError, match="ServiceError: the spool is full"):
        bus.publish("facepipe/hall/full", {})
    bus.publish(HEALTH, {})


def test_a_nucleus_that_restarts_is_found_again(nucleus, bus, caplog):
    for _ in range(2):
        bus.publish(HEALTH, {})
        nucleus.stop()
        for _ in range(3):
            with pytest.raises(BusError, match="see whether the nucleus runs"):
                bus.publish(HEALTH, {})
        nucleus.start()
        bus.publish(HEALTH, {})
    assert len(nucleus.published) == 4
    assert not caplog.records  # the agent says it once


@pytest.mark.parametrize("silent", [CONNECT, MESSAGE])
def test_a_nucleus_that_hangs_holds_up_nobody_for_long(nucleus, bus, monkeypatch, silent):
    monkeypatch.setattr(greengrass, "NUCLEUS_SECONDS", 0.1)
    nucleus.silent = silent
    for _ in range(2):
        with pytest.raises(BusError, match=r"no answer within 0\.1 seconds"):
            bus.publish(HEALTH, {})
    assert nucleus.asked.is_set()
    nucleus.silent = None
    monkeypatch.setattr(greengrass, "NUCLEUS_SECONDS", 20)
    bus.publish(HEALTH, {})
    assert nucleus.published[-1] == (HEALTH, {}, "1")
    assert nucleus.connections == 3  # no answer is waited for on a connection that gave none


def test_a_component_that_the_nucleus_does_not_know(nucleus, monkeypatch):
    monkeypatch.setenv("SVCUID", "another token")
    bus = open_bus("greengrass", camera="hall")
    with pytest.raises(BusError, match="access denied"):
        bus.publish(HEALTH, {})
