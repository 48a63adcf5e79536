"""The bus: what the device says over MQTT, and who carries it."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from facepipe_io.edge.bus.base import Bus, LogBus
from facepipe_io.edge.bus.greengrass import NUCLEUS, GreengrassIpcBus, GreengrassSdkBus
from facepipe_io.edge.bus.messages import (
    health_message,
    health_topic,
    infer_message,
    infer_topic,
    prediction_topic,
    status_message,
    status_topic,
)
from facepipe_io.edge.bus.mqtt import MqttBus, parse_broker
from facepipe_io.errors import SettingsError

if TYPE_CHECKING:
    from facepipe_io.edge.identity import Identity

log = logging.getLogger(__name__)

__all__ = [
    "BUSES",
    "Bus",
    "GreengrassIpcBus",
    "GreengrassSdkBus",
    "LogBus",
    "MqttBus",
    "bus_name",
    "health_message",
    "health_topic",
    "infer_message",
    "infer_topic",
    "open_bus",
    "prediction_topic",
    "status_message",
    "status_topic",
]

BUSES = {
    "greengrass": GreengrassIpcBus,
    "greengrasssdk": GreengrassSdkBus,
    "log": LogBus,
    "none": Bus,
}

_NAMES = f"one of auto, {', '.join(BUSES)}, mqtt://host, mqtts://host"


def bus_name(text: str) -> str:
    """Parser of a bus's name.

    A URL may hold a password, and what a parser refuses is shown: `open_bus` looks at URLs.

    Example:
        >>> bus_name("log")
        'log'
    """
    if text != "auto" and text not in BUSES and "://" not in text:
        raise ValueError(_NAMES)
    return text


def open_bus(
    name: str, *, camera: str, identity: Identity | None = None, ca: str | None = None
) -> Bus:
    """Open a bus by its name. Never waits for a network.

    Args:
        name: `greengrass` (of V2), `greengrasssdk` (of V1), `log`, `none`, an `mqtt://` or
            `mqtts://` URL, or `auto`: greengrass in a component of Greengrass V2, else
            greengrasssdk where it is installed, else none.
        camera: the camera's name, by which a broker knows the device.
        identity: the device's certificate, for a broker that wants one.
        ca: path of the certificates that a broker must be signed by, for a device that has no
            `identity`; the system's by default.

    Raises:
        SettingsError: when there is no such bus here.
    """
    if name == "auto":
        return _find()
    if "://" in name:
        return MqttBus(parse_broker(name), camera, identity=identity, ca=ca)
    if name not in BUSES:
        raise SettingsError([f"there is no bus {name!r}: use {_NAMES}"])
    return BUSES[name]()


def _find() -> Bus:
    if all(os.environ.get(variable) for variable in NUCLEUS):
        try:
            return GreengrassIpcBus()
        except SettingsError as error:
            log.warning("no messages to Greengrass V2, although it runs this: %s", error)
    try:
        return GreengrassSdkBus()
    except SettingsError:
        return Bus()
