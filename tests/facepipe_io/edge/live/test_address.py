from __future__ import annotations

import socket
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe_io.edge.live.address import (
    format_address,
    is_loopback,
    listen,
    own_address,
    parse_live_address,
)
from facepipe_io.errors import SettingsError

NEEDED = "http://, an address of this machine and a port, such as http://:8080"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://:8080", ("127.0.0.1", 8080)),
        ("http://", ("127.0.0.1", 8080)),
        ("http://:0", ("127.0.0.1", 0)),
        ("http://:80/", ("127.0.0.1", 80)),
        ("HTTP://Hall.local", ("hall.local", 8080)),
        ("http://0.0.0.0:8080", ("0.0.0.0", 8080)),
        ("http://[::1]:65535", ("::1", 65535)),
        ("http://[::]", ("::", 8080)),
        ("http://my_host-1", ("my_host-1", 8080)),
    ],
)
def test_addresses(text, address):
    assert parse_live_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":8080",
        "8080",
        "localhost:8080",
        "ftp://:8080",
        "https://:8080",
        "http:8080",
        "http://:65536",
        "http://:-1",
        "http://:x",
        "http://hall:",
        "http://::1:80",
        "http://[::1",
        "http://[hall]:80",
        "http://me@:8080",
        "http://me:secret@hall:8080",
        "http://:8080/live",
        "http://:8080//",
        "http://:8080?token=x",
        "http://:8080#x",
        "http://:8080/?",
        "http://ha ll",
        "http://ha\nll",
        "http://hall\0",
        "http://*:8080",
        "http://" + "x" * 300,
    ],
)
def test_what_is_no_address_says_what_is_needed(text):
    with pytest.raises(ValueError, match=f"^{NEEDED}") as told:
        parse_live_address(text)
    assert "secret" not in str(told.value)


@given(text=st.text() | st.text("htp:/[]0123456789.@?#%x").map(lambda text: f"http://{text}"))
def test_any_text_is_an_address_or_is_refused(text):
    try:
        host, port = parse_live_address(text)
    except ValueError as error:
        assert str(error).startswith(NEEDED)
    else:
        assert host
        assert 0 <= port <= 65535
        assert parse_live_address(format_address(host, port)) == (host, port)


def ports(sockets):
    return {listener.getsockname()[1] for listener in sockets}


def test_a_free_port_is_one_for_all_addresses_of_a_name():
    sockets = listen("localhost", 0)
    assert len(ports(sockets)) == 1
    assert all(is_loopback(listener.getsockname()[0]) for listener in sockets)
    for listener in sockets:
        with closing(socket.create_connection(listener.getsockname()[:2])):
            pass
        listener.close()


def test_a_port_that_is_taken_is_told_in_a_sentence():
    (listener,) = listen("127.0.0.1", 0)
    (port,) = ports([listener])
    with closing(listener), pytest.raises(SettingsError) as told:
        listen("127.0.0.1", port)
    assert str(told.value) == (
        f"FACEPIPE_PREVIEW (or --live) names http://127.0.0.1:{port}/, where no page can be "
        "served: another program has that port; name another one, such as http://:8081"
    )


@pytest.mark.parametrize("host", ["192.0.2.77", "nowhere.invalid", "2001:db8::77"])
def test_an_address_of_another_machine_is_told_in_a_sentence(host):
    with pytest.raises(SettingsError, match="this machine has no such address; name one of its"):
        listen(host, 0)


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.3.9", True),
        ("::1", True),
        ("", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("128.0.0.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("2130706433", False),
    ],
)
def test_loopback(host, is_it):
    assert is_loopback(host) is is_it


def test_whoever_listens_everywhere_is_reached_at_an_address_of_its_own():
    assert own_address("hall.local") == "hall.local"
    assert own_address("10.0.0.7") == "10.0.0.7"
    assert own_address("0.0.0.0") not in ("", "0.0.0.0")
    assert own_address("::") not in ("", "::")
