from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import quote

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe_io.edge.bus import health_topic, open_bus, status_topic
from facepipe_io.edge.bus.mqtt import MAX_UNACKNOWLEDGED, parse_broker
from facepipe_io.edge.identity import Identity
from facepipe_io.errors import BusError, SettingsError
from tests.facepipe_io.edge.broker import Broker, Listener, free_port, wait_until
from tests.facepipe_io.edge.certificates import Authority

ROOT = Path(__file__).resolve().parents[4]

HEALTH = health_topic("hall")
STATUS = status_topic("hall")
INFER = "facepipe/hall/infer"
CONNACK = b"\x20\x02\x00\x00"


def says(status):
    return {"camera": "hall", "status": status}


@contextlib.contextmanager
def opened(port, *, scheme="mqtt", user="", camera="hall", **given):
    bus = open_bus(f"{scheme}://{user}127.0.0.1:{port}", camera=camera, **given)
    try:
        yield bus
    finally:
        bus.close()


def refusal(bus) -> str:
    """Why it takes no message just now; nothing when it does."""
    try:
        bus.publish("facepipe/hall/test", {})
    except BusError as error:
        return str(error)
    return ""


def wait_for_refusal(bus, part) -> str:
    wait_until(lambda: part in refusal(bus), f"a refusal with {part!r}: {refusal(bus)!r}")
    return refusal(bus)


def wait_until_online(bus) -> None:
    wait_until(lambda: not refusal(bus), f"a connection: {refusal(bus)}")


class TestBroker:
    def test_messages_arrive_under_the_cameras_own_topics(self, broker):
        with Listener(broker) as listener, opened(broker.port) as bus:
            listener.wait_for(STATUS)
            bus.publish(bus.infer_topic("hall"), {"faces": []})
            bus.publish(HEALTH, {"fps": 15})
            listener.wait_for(HEALTH)
        heard = [(heard.topic, heard.message, heard.qos) for heard in listener.heard[:3]]
        assert heard == [
            (STATUS, says("online"), 1),
            (INFER, {"faces": []}, 0),
            (HEALTH, {"fps": 15}, 1),
        ]

    def test_the_client_id_is_the_cameras_name(self, broker):
        """The broker takes what is said of a camera from a client of that name alone."""
        with Listener(broker) as listener:
            for camera in ("door", "hall"):
                with opened(broker.port, camera=camera) as bus:
                    listener.wait_for(status_topic(camera))
                    bus.publish(HEALTH, {"from": camera})
            listener.wait_for(HEALTH)
            assert listener.messages(HEALTH) == [{"from": "hall"}]

    def test_a_name_in_any_script_is_fine(self, broker):
        with Listener(broker) as listener, opened(broker.port, camera="Flur 1 ü") as bus:
            wait_until_online(bus)
            assert listener.wait_for(status_topic("Flur 1 ü"))[0]["camera"] == "Flur 1 ü"

    def test_it_says_when_it_stops(self, broker):
        with Listener(broker) as listener:
            with opened(broker.port) as bus:
                listener.wait_for(STATUS)
            assert listener.wait_for(STATUS, 2) == [says("online"), says("stopped")]
            bus.close()
            assert "it is closed" in refusal(bus)
        with Listener(broker) as late:  # and no last will came after it
            late.wait_for(STATUS)
            assert [(heard.message, heard.retained) for heard in late.heard] == [
                (says("stopped"), True)
            ]

    def test_the_last_will_of_a_killed_process(self, broker):
        script = (
            "import signal\n"
            "from facepipe_io.edge.bus import open_bus\n"
            f"bus = open_bus('mqtt://127.0.0.1:{broker.port}', camera='hall')\n"
            "signal.pause()\n"
        )
        with Listener(broker) as listener:
            with subprocess.Popen([sys.executable, "-c", script], cwd=str(ROOT)) as process:
                try:
                    listener.wait_for(STATUS)
                finally:
                    process.send_signal(signal.SIGKILL)
            assert listener.wait_for(STATUS, 2) == [says("online"), says("gone")]
        with Listener(broker) as late:
            assert late.wait_for(STATUS) == [says("gone")]

    def test_a_broker_that_comes_late(self, tmp_path):
        broker = Broker(tmp_path / "broker")
        with opened(broker.port) as bus:
            reason = wait_for_refusal(bus, "Connection refused")
            assert reason.startswith(f"cannot send messages to mqtt://127.0.0.1:{broker.port}: ")
            assert reason.endswith("; check the network and FACEPIPE_BUS")
            with broker:
                wait_until_online(bus)

    def test_a_broker_that_is_killed_and_comes_back(self, broker):
        with opened(broker.port) as bus:
            wait_until_online(bus)
            for _ in range(2):
                broker.kill()
                wait_for_refusal(bus, "Connection refused")
                broker.start()
                with Listener(broker) as listener:
                    assert listener.wait_for(STATUS)[0] == says("online")
                    bus.publish(HEALTH, {"fps": 15})
                    assert listener.wait_for(HEALTH) == [{"fps": 15}]

    def test_closing_without_a_broker(self):
        with opened(free_port()) as bus:
            pass
        assert "it is closed" in refusal(bus)


class TestPassword:
    SECRET = "p@ss/w:rd%?#"

    @pytest.fixture
    def broker(self, tmp_path):
        with Broker(tmp_path / "broker", user=("hall", self.SECRET)) as running:
            yield running

    def test_the_right_one(self, broker):
        user = f"hall:{quote(self.SECRET, safe='')}@"
        with Listener(broker) as listener, opened(broker.port, user=user):
            assert listener.wait_for(STATUS) == [says("online")]

    @pytest.mark.parametrize("user", ["", "hall@", "hall:wr0ng@"])
    def test_a_wrong_one_is_one_clear_reason(self, broker, user):
        with opened(broker.port, user=user) as bus:
            assert wait_for_refusal(bus, "refuses") == (
                f"cannot send messages to mqtt://127.0.0.1:{broker.port}: the broker refuses it: "
                "Not authorized; check the user and password, and what the client hall may do"
            )


# paho leaves it to Python to close the socket of a handshake that failed, which Python does.
unclosed = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path):
        return Authority(tmp_path / "authority")

    @pytest.fixture
    def broker(self, tmp_path, authority):
        with Broker(tmp_path / "broker", authority=authority) as running:
            yield running

    def test_the_device_proves_itself(self, broker, authority):
        with Listener(broker) as listener:
            with opened(broker.port, scheme="mqtts", identity=authority.identity()) as bus:
                listener.wait_for(STATUS)
                bus.publish(HEALTH, {"fps": 15})
                assert listener.wait_for(HEALTH) == [{"fps": 15}]
            assert listener.wait_for(STATUS, 2) == [says("online"), says("stopped")]

    def test_a_device_without_a_certificate_is_turned_away(self, broker, authority):
        """But the broker's own was believed, by FACEPIPE_CA alone."""
        with opened(broker.port, scheme="mqtts", ca=authority.ca) as bus:
            wait_for_refusal(bus, "what the client hall may do")

    @unclosed
    def test_a_broker_of_another_authority_is_not_believed(self, broker, authority, tmp_path):
        other = Authority(tmp_path / "other")
        identity = attrs.evolve(authority.identity(), ca=other.ca)
        for trust in ({"identity": identity}, {"ca": other.ca}, {}):
            with opened(broker.port, scheme="mqtts", **trust) as bus:
                reason = wait_for_refusal(bus, "certificate verify failed")
                assert reason.endswith("; check the certificates")

    def test_an_expired_certificate_can_be_replaced_while_it_runs(self, broker, authority):
        with Listener(broker) as listener:
            identity = authority.identity(days=-1)
            with opened(broker.port, scheme="mqtts", identity=identity) as bus:
                wait_for_refusal(bus, "certificate expired")
                assert not listener.heard
                Path(identity.key).unlink()
                wait_for_refusal(bus, f"{identity.key} cannot be read: No such file")
                assert authority.identity(days=1) == identity
                assert listener.wait_for(STATUS) == [says("online")]

    def test_files_that_are_not_there(self, authority):
        with pytest.raises(SettingsError, match="FACEPIPE_CA: /no/ca cannot be used"):
            open_bus("mqtts://broker", camera="hall", ca="/no/ca")
        identity = Identity("/no/certificate", "/no/key")
        with pytest.raises(SettingsError, match="/no/certificate cannot be read"):
            open_bus("mqtts://broker", camera="hall", identity=identity)


class Impostor:
    """Listens, but is no broker: whoever connects gets an answer, and is held or hung up on.

    A context manager that closes itself.
    """

    def __init__(self, answer: bytes = b"", *, hold: bool = True) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(5)
        self._listener.settimeout(0.02)
        self.port = self._listener.getsockname()[1]
        self.connected = threading.Event()
        self._answer, self._hold = answer, hold
        self._ending = threading.Event()
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(socket.timeout):
                connection = self._listener.accept()[0]
                self._held.append(connection)
                connection.settimeout(20)
                with contextlib.suppress(OSError):
                    if self._answer:
                        connection.recv(4096)
                        connection.sendall(self._answer)
                    self.connected.set()
                if not self._hold:
                    connection.close()

    def __enter__(self) -> Impostor:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ending.set()
        self._thread.join()
        for sock in (*self._held, self._listener):
            sock.close()


class TestNoBroker:
    @unclosed
    @pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
    def test_one_that_never_answers_holds_up_nobody(self, scheme):
        with Impostor() as impostor:
            bus = open_bus(f"{scheme}://127.0.0.1:{impostor.port}", camera="hall")
            assert impostor.connected.wait(20)
            assert refusal(bus).endswith(f"127.0.0.1:{impostor.port}: it has not answered yet")
        bus.close()

    def test_one_that_acknowledges_nothing_costs_bounded_memory(self):
        with Impostor(CONNACK) as impostor:
            bus = open_bus(f"mqtt://127.0.0.1:{impostor.port}", camera="hall")
            wait_until_online(bus)
            for _ in range(MAX_UNACKNOWLEDGED - 1):  # one is the status
                bus.publish(HEALTH, {})
            with pytest.raises(BusError, match="queue"):
                bus.publish(HEALTH, {})
        bus.close()

    @pytest.mark.parametrize(
        "rubbish",
        [
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            CONNACK + b"\x30\x01\xbb",
            CONNACK + b"\x90\x03\x00\x01\x63",
            b"\x20\x02\x00\x01",
            b"\x20\x02\x00\x63",
            b"\x00" * 9,
        ],
    )
    def test_one_that_sends_rubbish_is_tried_until_it_is_a_broker(self, tmp_path, rubbish):
        with Impostor(rubbish, hold=False) as impostor:
            bus = open_bus(f"mqtt://127.0.0.1:{impostor.port}", camera="hall")
            assert impostor.connected.wait(20)
            wait_until(lambda: "yet" not in refusal(bus) != "", "a reason")
        with Broker(tmp_path / "broker", port=impostor.port):
            wait_until_online(bus)
            bus.close()


class TestUrl:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("mqtt://broker", "mqtt://broker:1883"),
            ("mqtt://broker/", "mqtt://broker:1883"),
            ("mqtt://broker:", "mqtt://broker:1883"),
            ("mqtts://broker", "mqtts://broker:8883"),
            ("mqtts://broker.example:443", "mqtts://broker.example:443"),
            ("mqtt://10.0.0.7:1884", "mqtt://10.0.0.7:1884"),
            ("mqtt://[::1]", "mqtt://[::1]:1883"),
            ("mqtt://hall@broker", "mqtt://broker:1883"),
            ("mqtt://hall:s3cr3t@broker", "mqtt://broker:1883"),
        ],
    )
    def test_one_that_is_fine(self, url, shown):
        assert str(parse_broker(url)) == shown

    @pytest.mark.parametrize(
        "url",
        [
            "mqtt://",
            "mqtt://:1883",
            "mqtt://user:s3cr3t@",
            "mqtt://user:s3cr3t@broker:port",
            "mqtt://user:s3cr3t@broker:0",
            "mqtt://user:s3cr3t@broker:65536",
            "mqtt://user:s3cr3t@broker/topic",
            "mqtt://user:s3cr3t/@broker",
            "mqtt://user:1?s3cr3t@broker",
            "mqtt://user:1#s3cr3t@broker",
            "mqtt://user:s3cr3t@bro ker",
            "mqtt://user:s3cr3t@bro\nker",
            "mqtt://user:s3cr3t@bro\0ker",
            "mqtt://user:s3cr3t@a..b",
            "mqtt://user:s3cr3t@" + 64 * "a",
            "mqtt://user:s3cr3t@[::1",
            "mqtt://user:s3cr3t%ff@broker",
            "mqtt://:s3cr3t@broker",
            "mqqt://user:s3cr3t@broker",
            "tcp://user:s3cr3t@broker",
            "://user:s3cr3t@broker",
        ],
    )
    def test_one_that_is_not_is_told_without_its_password(self, url):
        with pytest.raises(SettingsError, match="FACEPIPE_BUS must be mqtt://") as caught:
            open_bus(url, camera="hall")
        assert "s3cr3t" not in str(caught.value)

    @given(
        user=st.text(min_size=1),
        password=st.text(min_size=1),
        port=st.integers(1, 65535),
        tls=st.booleans(),
    )
    @example(user="/", password="@", port=1, tls=False)
    def test_any_user_and_password_survive_percent_encoding_and_are_never_shown(
        self, user, password, port, tls
    ):
        encoded = f"{quote(user, safe='')}:{quote(password, safe='')}"
        broker = parse_broker(f"{'mqtts' if tls else 'mqtt'}://{encoded}@broker:{port}")
        assert (broker.user, broker.password) == (user, password)
        assert (broker.host, broker.port, broker.tls) == ("broker", port, tls)
        assert str(broker) == f"{'mqtts' if tls else 'mqtt'}://broker:{port}"
        assert repr(broker) == f"Broker(host='broker', port={port}, tls={tls})"

    @given(st.text())
    @example("mqtt://[")
    def test_any_text_is_a_broker_or_an_error_in_one_sentence(self, text):
        with contextlib.suppress(SettingsError):
            broker = parse_broker(text)
            assert parse_broker(str(broker)) == attrs.evolve(broker, user=None, password=None)
