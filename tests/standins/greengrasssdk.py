"""Stands in for Greengrass V1's SDK: appends what is published to the file GREENGRASSSDK_LOG.

With GREENGRASSSDK_OLD set, `publish` lacks queueFullPolicy, as in older copies.
"""

import json
import os
from pathlib import Path


class _IotData:
    def publish(self, topic, payload, queueFullPolicy="BestEffort"):  # noqa: N803
        if queueFullPolicy not in ("AllOrException", "BestEffort"):
            raise ValueError("queueFullPolicy must be AllOrException or BestEffort")
        _write(topic, payload)


class _OldIotData:
    def publish(self, topic, payload):
        _write(topic, payload)


def client(name):
    if name != "iot-data":
        raise ValueError("no such client")
    return _OldIotData() if os.environ.get("GREENGRASSSDK_OLD") else _IotData()


def _write(topic, payload):
    if not isinstance(payload, (str, bytes)):
        raise TypeError("payload must be text or bytes")
    with Path(os.environ["GREENGRASSSDK_LOG"]).open("a") as log:
        log.write(json.dumps([topic, json.loads(payload)]) + "\n")
