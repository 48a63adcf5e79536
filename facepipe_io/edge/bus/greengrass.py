"""The buses of AWS IoT Greengrass: V1 with its SDK, V2 with its IPC."""

from __future__ import annotations

import concurrent.futures
import json
import logging
import os
from typing import Any

from facepipe_io.edge.bus.base import Bus
from facepipe_io.edge.bus.messages import client_infer_topic, qos
from facepipe_io.errors import BusError, SettingsError
from facepipe_io.text import one_line

#: What the nucleus of Greengrass V2 sets for its components: where it listens, and their token.
NUCLEUS = ("AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT", "SVCUID")

NUCLEUS_SECONDS = 2.0  # for an answer of the nucleus, which runs on the same machine


class GreengrassSdkBus(Bus):
    """Publishes through Greengrass V1's core, as it is on a DeepLens.

    Raises:
        SettingsError: when there is no greengrasssdk.
    """

    def __init__(self) -> None:
        try:
            import greengrasssdk
        except ImportError as error:
            raise SettingsError(
                [f"the bus greengrasssdk needs its package ({error}): use the bus log or none"]
            ) from error
        self._client = greengrasssdk.client("iot-data")
        # A full queue loses a message rather than make the device wait.
        self._options = {"queueFullPolicy": "BestEffort"}

    def publish(self, topic: str, message: Any) -> None:
        """Send a message."""
        payload = json.dumps(message)
        try:
            self._client.publish(topic=topic, payload=payload, **self._options)
        except TypeError:
            if not self._options:
                raise
            self._options = {}  # older copies do not know queueFullPolicy
            self._client.publish(topic=topic, payload=payload)


class GreengrassIpcBus(Bus):
    """Publishes through the nucleus of Greengrass V2, which has the connection to AWS IoT Core.

    It connects with the first message, and anew after a failure: a nucleus may be restarted.

    Raises:
        SettingsError: when awsiotsdk is missing, or no nucleus started this process.
    """

    def __init__(self) -> None:
        try:
            from awscrt.exceptions import AwsCrtError
            from awscrt.io import (
                ClientBootstrap,
                DefaultHostResolver,
                EventLoopGroup,
                SocketDomain,
                SocketOptions,
            )
            from awsiot.greengrasscoreipc.model import GreengrassCoreIPCError, UnauthorizedError
        except ImportError as error:
            raise SettingsError(
                [
                    f"the bus greengrass needs the package awsiotsdk ({error}): "
                    "install facepipe[greengrass2]"
                ]
            ) from error
        missing = [variable for variable in NUCLEUS if not os.environ.get(variable)]
        if missing:
            raise SettingsError(
                [
                    "the bus greengrass works in a component of Greengrass V2 alone, where "
                    f"{' and '.join(missing)} would be set: use another bus"
                ]
            )
        self._path, self._token = (os.environ[variable] for variable in NUCLEUS)
        self._unauthorized = UnauthorizedError
        self._refusal = GreengrassCoreIPCError
        self._failures = (concurrent.futures.TimeoutError, RuntimeError, AwsCrtError)
        # It would write a line for each try to connect that fails.
        logging.getLogger("awsiot.eventstreamrpc").setLevel(logging.CRITICAL)
        loop = EventLoopGroup(1)
        self._bootstrap = ClientBootstrap(loop, DefaultHostResolver(loop))
        self._socket_options = SocketOptions()
        self._socket_options.domain = SocketDomain.Local
        self._client: Any = None

    def infer_topic(self, camera: str) -> str:
        """Where messages about faces go."""
        return client_infer_topic(camera)

    def publish(self, topic: str, message: Any) -> None:
        """Send a message.

        Raises:
            BusError: when the nucleus does not take it.
        """
        try:
            if self._client is None:
                self._client = self._connect()
            answer = self._client.publish_to_iot_core_async(
                topic_name=topic, qos=str(qos(topic)), payload=json.dumps(message).encode()
            )
            answer.result(NUCLEUS_SECONDS)
        except self._unauthorized as error:
            raise self._error(
                f"it may not publish to {topic} ({error.message}); allow "
                "aws.greengrass#PublishToIoTCore in the component's accessControl"
            ) from error
        except self._refusal as error:
            raise self._error(f"{type(error).__name__}: {error.message}") from error
        except concurrent.futures.TimeoutError as error:
            self.close()
            raise self._error(f"no answer within {NUCLEUS_SECONDS:g} seconds") from error
        except self._failures as error:
            self.close()
            raise self._error(f"{one_line(error)}; see whether the nucleus runs") from error

    def close(self) -> None:
        """Close the connection to the nucleus."""
        client, self._client = self._client, None
        if client is not None:
            concurrent.futures.wait([client.close()], NUCLEUS_SECONDS)

    def _connect(self) -> Any:
        from awsiot.eventstreamrpc import Connection, LifecycleHandler, MessageAmendment
        from awsiot.greengrasscoreipc.client import GreengrassCoreIPCClient
        from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2

        # awsiot.greengrasscoreipc.connect would leave a connection and a thread behind for each
        # try that the nucleus does not answer.
        connection = Connection(
            host_name=self._path,
            port=0,
            bootstrap=self._bootstrap,
            socket_options=self._socket_options,
            connect_message_amender=MessageAmendment.create_static_authtoken_amender(self._token),
        )
        try:
            connection.connect(LifecycleHandler()).result(NUCLEUS_SECONDS)
        except self._failures:
            connection.close()
            raise
        return GreengrassCoreIPCClientV2(GreengrassCoreIPCClient(connection), executor=None)

    def _error(self, reason: str) -> BusError:
        return BusError("the nucleus of Greengrass", reason)
