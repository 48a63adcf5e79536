from __future__ import annotations

import json
import logging
import sys

import pytest

from facepipe_io.edge.bus import Bus, GreengrassSdkBus, LogBus, MqttBus, bus_name, open_bus
from facepipe_io.edge.bus.greengrass import NUCLEUS
from facepipe_io.edge.settings import device_settings
from facepipe_io.errors import SettingsError
from tests.facepipe_io.edge.broker import free_port
from tests.facepipe_io.edge.helpers import STANDINS

MESSAGE = {"camera": "hall", "faces": []}


@pytest.fixture
def published(monkeypatch, tmp_path):
    """What was published through the stand-in for greengrasssdk."""
    monkeypatch.syspath_prepend(str(STANDINS))
    monkeypatch.delitem(sys.modules, "greengrasssdk", raising=False)
    monkeypatch.setenv("GREENGRASSSDK_LOG", str(tmp_path / "log"))
    yield lambda: [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    sys.modules.pop("greengrasssdk", None)


def is_open(name, **given) -> Bus:
    bus = open_bus(name, camera="hall", **given)
    bus.close()
    bus.close()
    return bus


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("name", ["auto", "greengrasssdk"])
def test_greengrass_v1_takes_messages_in_new_and_old_copies(published, monkeypatch, name, old):
    if old:
        monkeypatch.setenv("GREENGRASSSDK_OLD", "1")
    bus = is_open(name)
    assert isinstance(bus, GreengrassSdkBus)
    for _ in range(2):
        bus.publish(bus.infer_topic("hall"), MESSAGE)
    assert published() == [["$aws/things/hall/infer", MESSAGE]] * 2


def test_a_fault_in_the_client_is_not_taken_for_an_old_copy(published, monkeypatch):
    bus = is_open("greengrasssdk")
    monkeypatch.delenv("GREENGRASSSDK_LOG")
    with pytest.raises(KeyError):
        bus.publish("topic", MESSAGE)


def test_without_greengrass(monkeypatch):
    for variable in NUCLEUS:
        monkeypatch.delenv(variable, raising=False)
    assert type(is_open("auto")) is Bus
    with pytest.raises(SettingsError, match="use the bus log or none"):
        is_open("greengrasssdk")
    with pytest.raises(SettingsError, match=r"the bus greengrass (works in a component|needs)"):
        is_open("greengrass")


def test_greengrass_v2_without_its_package(monkeypatch, caplog):
    for variable in NUCLEUS:
        monkeypatch.setenv(variable, "set")
    monkeypatch.setitem(sys.modules, "awscrt.io", None)
    with pytest.raises(SettingsError, match="needs the package awsiotsdk"):
        is_open("greengrass")
    assert type(is_open("auto")) is Bus
    assert "no messages to Greengrass V2, although it runs this" in caplog.text


def test_the_log_and_nothing(caplog):
    caplog.set_level(logging.INFO)
    is_open("none").publish("topic", MESSAGE)
    bus = is_open("log")
    assert isinstance(bus, LogBus)
    bus.publish(bus.infer_topic("hall"), MESSAGE)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["$aws/things/hall/infer " + json.dumps(MESSAGE)]


def test_a_broker():
    assert isinstance(is_open(f"mqtt://127.0.0.1:{free_port()}"), MqttBus)
    assert isinstance(is_open(f"mqtts://127.0.0.1:{free_port()}"), MqttBus)


def test_a_broker_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.enums", None)  # as before paho-mqtt 2
    with pytest.raises(SettingsError, match="needs the package paho-mqtt, 2 or newer"):
        is_open("mqtt://broker")


def test_no_such_bus():
    choice = "one of auto, greengrass, greengrasssdk, log, none, mqtt://host, mqtts://host"
    with pytest.raises(SettingsError, match=f"no bus 'pigeon': use {choice}"):
        is_open("pigeon")
    with pytest.raises(SettingsError, match=f"FACEPIPE_BUS must be {choice}, not 'pigeon'"):
        device_settings({"FACEPIPE_BUS": "pigeon"})


@pytest.mark.parametrize("name", ["auto", "greengrass", "greengrasssdk", "log", "none", "mqtt://b"])
def test_a_name_that_the_settings_take(name):
    assert bus_name(name) == name
