"""The bus over MQTT 3.1.1, to any broker: one in the house, or AWS IoT Core."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import attrs

from facepipe_io.edge.bus.base import Bus
from facepipe_io.edge.bus.messages import client_infer_topic, qos, status_message, status_topic
from facepipe_io.edge.resilience import backoff
from facepipe_io.errors import BusError, SettingsError
from facepipe_io.text import one_line

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessageInfo
    from paho.mqtt.reasoncodes import ReasonCode

    from facepipe_io.edge.identity import Identity

#: Twice this bounds how long a broker that fell silent is believed to be there, and so what waits
#: to be sent to it. AWS IoT Core takes less for this much.
KEEPALIVE_SECONDS = 30
RECONNECT_SECONDS = 1.0  # the first pause; each next one is twice as long
STEADY_SECONDS = 60.0  # a connection that held this long starts the pauses anew
MAX_UNACKNOWLEDGED = 100  # messages of QoS 1
CLOSE_SECONDS = 2.0  # for the last message, and then for the end of the connection


@attrs.frozen
class Broker:
    """Where an MQTT broker is, and who the device is to it. As text it holds no secret."""

    host: str
    port: int
    tls: bool
    user: str | None = attrs.field(default=None, repr=False)
    password: str | None = attrs.field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse_broker(url: str) -> Broker:
    """Parse the URL of an MQTT broker.

    Raises:
        SettingsError: when it is none. The error does not repeat the URL, which may hold a
            password.

    Example:
        >>> print(parse_broker("mqtts://hall:secret@broker.example"))
        mqtts://broker.example:8883
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")  # as the socket will
        user, password = (
            None if text is None else unquote(text, errors="strict")
            for text in (parts.username, parts.password)
        )
    except ValueError:
        host = ""
    if (
        not host
        or not host.isprintable()
        or port == 0
        or parts.scheme not in ("mqtt", "mqtts")
        or parts.path not in ("", "/")
        or "?" in url
        or "#" in url
        or any(character.isspace() for character in url)
        or (password is not None and not user)
    ):
        raise SettingsError(
            [
                "FACEPIPE_BUS must be mqtt://[user:password@]host[:port], or mqtts:// with TLS, "
                "with what is special in user and password percent-encoded"
            ]
        )
    tls = parts.scheme == "mqtts"
    return Broker(host, port or (8883 if tls else 1883), tls, user, password)


class MqttBus(Bus):
    """Publishes to an MQTT broker, and says there whether the camera is online.

    It connects in the background, again and again. No message waits for a connection, since it
    tells of now: one that comes while there is none is refused with the reason why there is none.

    The status is a retained message: `online`, `stopped` once closed, and `gone`, the last will,
    when the broker lost the device. An alarm on `gone` does not ring for a restart.

    Args:
        broker: where to connect to.
        camera: the camera's name, and the client id: AWS IoT Core knows a thing by it.
        identity: the device's certificate, shown to a broker that asks for one, with TLS alone.
        ca: path of the certificates that the broker must be signed by where there is no identity;
            the system's by default.

    Raises:
        SettingsError: when paho-mqtt or one of the files is missing.
    """

    def __init__(
        self,
        broker: Broker,
        camera: str,
        *,
        identity: Identity | None = None,
        ca: str | None = None,
    ) -> None:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise SettingsError(
                [
                    f"the bus mqtt needs the package paho-mqtt, 2 or newer ({error}): "
                    "install facepipe[mqtt]"
                ]
            ) from error
        self._broker = broker
        self._camera = camera
        self._identity = identity if broker.tls else None
        self._context = _context(identity, ca) if broker.tls else None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._online = False
        self._reason = "it has not answered yet"
        self._failure = ""  # what went wrong since the last try to connect
        client = self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=camera, reconnect_on_failure=False
        )
        client.max_queued_messages_set(MAX_UNACKNOWLEDGED)
        client.will_set(status_topic(camera), self._status("gone"), qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_log = self._on_log
        # Having it, paho leaves all writing to the thread that calls `loop`.
        client.on_socket_register_write = lambda *_: None
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if self._context is not None:
            client.tls_set_context(self._context)
        client.connect_async(broker.host, broker.port, keepalive=KEEPALIVE_SECONDS)
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def infer_topic(self, camera: str) -> str:
        """Where messages about faces go."""
        return client_infer_topic(camera)

    def publish(self, topic: str, message: Any) -> None:
        """Hand a message to the connection, without waiting for it to be sent.

        Raises:
            BusError: when there is no connection, or nothing gets through it.
        """
        from paho.mqtt.client import error_string

        if not self._online:
            raise BusError(str(self._broker), self._reason)
        code = self._client.publish(topic, json.dumps(message), qos=qos(topic)).rc
        if code:
            raise BusError(str(self._broker), error_string(code))

    def close(self) -> None:
        """Say that the camera stopped, and disconnect."""
        with self._lock:
            self._closing.set()
            online, self._online = self._online, False
            self._reason = "it is closed"
        if online:
            # It raises when the connection is lost: then the broker says `gone`.
            with contextlib.suppress(RuntimeError, ValueError):
                self._say("stopped").wait_for_publish(CLOSE_SECONDS)
        self._client.disconnect()
        self._thread.join(CLOSE_SECONDS)

    def _say(self, status: str) -> MQTTMessageInfo:
        topic = status_topic(self._camera)
        return self._client.publish(topic, self._status(status), qos=qos(topic), retain=True)

    def _status(self, status: str) -> str:
        return json.dumps(status_message(self._camera, status))

    def _run(self) -> None:
        """The thread of the connection.

        paho has one too (`loop_start`), but it ends for good when a broker sends rubbish.
        """
        pauses = backoff(RECONNECT_SECONDS)
        while not self._closing.is_set():
            self._failure = ""
            began = time.monotonic()
            try:
                self._renew_certificate()
                self._client.reconnect()
                while not self._client.loop():
                    pass
            except SettingsError as error:
                self._failure = str(error)
            except ssl.SSLError as error:
                self._failure = f"{one_line(error)}; check the certificates"
            except OSError as error:
                self._failure = f"{one_line(error)}; check the network and FACEPIPE_BUS"
            except Exception as error:  # noqa: BLE001 - what paho makes of rubbish; `publish` tells
                self._failure = f"it speaks no MQTT ({one_line(error)}); check FACEPIPE_BUS"
            if time.monotonic() - began >= STEADY_SECONDS:
                pauses = backoff(RECONNECT_SECONDS)
            with self._lock:
                self._online = False
                if not self._closing.is_set():
                    self._reason = self._failure or "the connection ended"
            self._closing.wait(next(pauses))

    def _renew_certificate(self) -> None:
        """Let a certificate that was renewed on disk count from the next connection on."""
        if self._identity is not None and self._context is not None:
            self._identity.context()  # tells what is wrong with the files, if anything is
            self._context.load_cert_chain(self._identity.certificate, self._identity.key)

    # paho calls these from `loop`.

    def _on_connect(
        self, client: Client, _userdata: object, _flags: object, code: ReasonCode, *_: object
    ) -> None:
        if code.is_failure:
            self._failure = f"the broker refuses it: {code}"
            return
        with self._lock:
            if self._closing.is_set():
                client.disconnect()
            else:
                self._say("online")
                self._online = True

    def _on_disconnect(
        self, _client: Client, _userdata: object, _flags: object, code: ReasonCode, *_: object
    ) -> None:
        self._failure = self._failure or f"the connection ended: {code}"
        if not self._online:  # it never came about
            proof = "user and password" if self._identity is None else "certificate"
            self._failure += f"; check the {proof}, and what the client {self._camera} may do"

    def _on_log(self, _client: Client, _userdata: object, level: int, text: str) -> None:
        from paho.mqtt.enums import LogLevel

        if level == LogLevel.MQTT_LOG_ERR:  # why a connection broke, which no callback is told
            self._failure = self._failure or text


def _context(identity: Identity | None, ca: str | None) -> ssl.SSLContext:
    if identity is not None:
        return identity.context()
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise SettingsError([f"FACEPIPE_CA: {ca} cannot be used: {error}"]) from error
