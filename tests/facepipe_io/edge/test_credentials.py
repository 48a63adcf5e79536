from __future__ import annotations

import contextlib
import json
import logging
import shutil
import socket
import ssl
import threading
import urllib.request
from datetime import datetime, timezone

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe_io.edge import credentials
from facepipe_io.edge.credentials import (
    CredentialsError,
    IotCredentials,
    make_session,
    parse_credentials,
)
from facepipe_io.errors import SettingsError
from tests.facepipe_io.edge.certificates import DAY, Authority, utcnow
from tests.facepipe_io.edge.helpers import forget_aws, wait_for
from tests.facepipe_io.edge.servers import CredentialsProvider, TokenExchange, serving

SECRET = "wJalrXUtnFEMI/K7MDENG"
WAIT = 90  # seconds, after which a test has failed; nothing takes that long

visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.fixture(autouse=True)
def _nowhere_else_to_look(monkeypatch):
    forget_aws(monkeypatch)


class TestAnswer:
    @given(
        visible,
        visible,
        visible,
        st.datetimes(datetime(1000, 1, 1)),
        st.sampled_from(["", ".5", ".123456789"]),
    )
    def test_what_is_given_is_what_was_sent(self, access_key, secret_key, token, moment, fraction):
        moment = moment.replace(microsecond=0)
        answer = {
            "accessKeyId": access_key,
            "secretAccessKey": secret_key,
            "sessionToken": token,
            "expiration": f"{moment.isoformat()}{fraction}Z",
        }
        found = parse_credentials(json.dumps({"credentials": answer}).encode())
        assert attrs.astuple(found) == (
            access_key,
            secret_key,
            token,
            moment.replace(tzinfo=timezone.utc),
        )

    @given(st.binary() | st.builds(lambda found: json.dumps(found).encode(), anything))
    @example(b"[" * 100_000)
    @example(b'{"credentials": []}')
    @example("{}".encode("utf-16"))
    def test_any_bytes_are_refused_in_one_line(self, data):
        with pytest.raises(ValueError, match=r"it is no JSON|it has no credentials in it"):
            parse_credentials(data)

    @given(
        st.sampled_from(["accessKeyId", "secretAccessKey", "sessionToken", "expiration"]),
        st.none() | anything | st.text().map(lambda text: f"{SECRET} {text}"),
    )
    @example("sessionToken", SECRET + "\r\nx-injected: 1")
    @example("expiration", "2026-13-01T00:00:00Z")
    @example("expiration", "2026-11-21T00:00:00+00:00")
    @example("expiration", "\uff12026-11-21T00:00:00Z")
    def test_one_bad_part_is_named_and_no_secret_is_told(self, name, value):
        answer = {
            "accessKeyId": "ASIA",
            "secretAccessKey": SECRET,
            "sessionToken": SECRET,
            "expiration": "2026-11-21T10:00:00Z",
        }
        answer[name] = value
        try:
            parse_credentials(json.dumps({"credentials": answer}).encode())
        except ValueError as error:
            assert str(error) == f"its {name} is missing or malformed"
            assert error.__suppress_context__ or error.__context__ is None
        else:
            assert isinstance(value, str)
            assert all("!" <= character <= "~" for character in value)

    def test_secrets_are_not_shown(self):
        answer = {
            "accessKeyId": "ASIA",
            "secretAccessKey": SECRET,
            "sessionToken": SECRET,
            "expiration": "2026-11-21T10:00:00Z",
        }
        found = parse_credentials(json.dumps({"credentials": answer}).encode())
        assert "ASIA" in repr(found)
        assert SECRET not in repr(found) + str(found)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "another CA")


@pytest.fixture
def server():
    return CredentialsProvider()


@pytest.fixture
def host(server, authority):
    with serving(server.respond, authority.server()) as host:
        yield host


@pytest.fixture
def provider(host, authority):
    return IotCredentials(host, "cameras", "hall-1", authority.identity())


def refusal(provider):
    with pytest.raises(CredentialsError) as caught:
        provider.fetch()
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestRequest:
    def test_the_certificate_and_the_things_name_are_shown(self, server, provider):
        found = provider.fetch()
        assert (found.access_key, found.token) == ("ASIA0000000000000001", "token1")
        assert server.requests == [("/role-aliases/cameras/credentials", "hall-1", "hall-1")]

    def test_the_server_does_demand_a_certificate(self, server, host, authority):
        """Else the tests here would prove nothing."""
        context = ssl.create_default_context(cafile=authority.ca)
        with pytest.raises(OSError, match=r"certificate required|alert handshake failure"):
            urllib.request.urlopen(f"https://{host}/", context=context, timeout=WAIT)
        assert not server.requests

    def test_a_certificate_of_another_authority(self, server, host, authority, stranger):
        identity = stranger.identity(trusts=authority.ca)
        told = refusal(IotCredentials(host, "cameras", "hall-1", identity))
        assert f"it does not take {identity.certificate}: " in told
        assert told.endswith("check that it is the device's own")
        assert not server.requests

    def test_an_expired_certificate_and_then_a_new_one(self, server, host, authority):
        old = authority.identity("old", days=-1)
        provider = IotCredentials(host, "cameras", "hall-1", old)
        assert f"{old.certificate} has expired; replace it" in refusal(provider)
        new = authority.identity("new")
        shutil.copy(new.certificate, old.certificate)
        assert "are no certificate and its private key" in refusal(provider)  # half replaced
        shutil.copy(new.key, old.key)
        provider.fetch()
        assert [common_name for _, _, common_name in server.requests] == ["new"]

    @pytest.mark.parametrize(
        ("status", "hint"),
        [
            (301, "check FACEPIPE_CREDENTIALS_ENDPOINT"),
            (400, "check FACEPIPE_CREDENTIALS_ENDPOINT and FACEPIPE_ROLE_ALIAS"),
            (403, "must be active and attached to the thing hall-1"),
            (403, "policy must allow iot:AssumeRoleWithCertificate on cameras"),
            (404, "no role alias cameras"),
            (404, "check FACEPIPE_ROLE_ALIAS"),
            (429, "overloaded"),
            (500, "out of order"),
            (503, "nothing to do but wait"),
        ],
    )
    def test_what_it_refuses_is_told_by_kind(self, server, provider, status, hint):
        server.answer = status, b'{"message": "no"}'
        with pytest.raises(CredentialsError, match=f"{status}.*{hint}|{hint}.*{status}"):
            provider.fetch()
        assert len(server.requests) == 1  # nobody was redirected

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"x" * 100_000, b"\xff"])
    def test_an_answer_that_is_none(self, server, provider, body):
        server.answer = 200, body
        assert refusal(provider).endswith("check FACEPIPE_CREDENTIALS_ENDPOINT")

    def test_an_answer_that_is_none_tells_no_secret(self, server, provider):
        server.answer = 200, json.dumps({"credentials": {"secretAccessKey": SECRET}}).encode()
        assert SECRET not in refusal(provider)

    def test_credentials_that_have_run_out_already(self, server, provider):
        server.seconds = -60
        assert "the device's clock says " in refusal(provider)

    def test_a_server_of_another_authority(self, server, authority, stranger):
        with serving(server.respond, stranger.server()) as host:
            told = refusal(IotCredentials(host, "cameras", "hall-1", authority.identity()))
        assert told.endswith("check FACEPIPE_CA")

    @pytest.mark.parametrize(
        ("start", "end", "problem"),
        [(DAY, 2 * DAY, "is not yet valid"), (-2 * DAY, -DAY, "has expired")],
    )
    def test_a_server_of_another_time_makes_one_look_at_the_clock(
        self, server, authority, start, end, problem
    ):
        context = authority.server(start=utcnow() + start, end=utcnow() + end)
        with serving(server.respond, context) as host:
            told = refusal(IotCredentials(host, "cameras", "hall-1", authority.identity()))
        assert f"certificate {problem}; the device's clock says 20" in told

    def test_a_server_of_another_name(self, server, authority):
        with serving(server.respond, authority.server("127.0.0.2")) as host:
            told = refusal(IotCredentials(host, "cameras", "hall-1", authority.identity()))
        assert told.endswith("check FACEPIPE_CREDENTIALS_ENDPOINT")

    def test_a_server_that_is_down_and_up_again(self, server, authority):
        with serving(server.respond, authority.server()) as host:
            provider = IotCredentials(host, "cameras", "hall-1", authority.identity())
        assert refusal(provider).endswith("Connection refused; check the network")
        with serving(server.respond, authority.server(), int(host.split(":")[1])):
            assert provider.fetch().access_key

    def test_a_server_that_never_answers(self, server, provider, monkeypatch):
        monkeypatch.setattr(credentials, "TIMEOUT_SECONDS", 0.3)
        server.answer = threading.Event()
        assert refusal(provider).endswith("timed out; check the network")
        server.answer.set()

    def test_a_server_that_never_shakes_hands(self, authority, monkeypatch):
        monkeypatch.setattr(credentials, "TIMEOUT_SECONDS", 0.3)
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(1)
            host = f"127.0.0.1:{listening.getsockname()[1]}"
            told = refusal(IotCredentials(host, "cameras", "hall-1", authority.identity()))
        assert told.endswith("timed out; check the network")

    def test_a_server_that_hangs_up(self, authority):
        identity = authority.identity()
        with serving(lambda request: None, authority.server()) as host:
            told = refusal(IotCredentials(host, "cameras", "hall-1", identity))
        assert f"check the network, and that {identity.certificate} is" in told

    def test_a_server_without_tls(self, authority):
        with serving(lambda request: (200, b"{}")) as host:
            told = refusal(IotCredentials(host, "cameras", "hall-1", authority.identity()))
        assert told.endswith("check FACEPIPE_CREDENTIALS_ENDPOINT")

    def test_a_name_that_is_none(self, authority):
        told = refusal(IotCredentials("a..b", "cameras", "hall-1", authority.identity()))
        assert told.endswith("check FACEPIPE_CREDENTIALS_ENDPOINT")

    def test_names_that_cannot_be_are_all_told_before_anything_is_asked(self, authority):
        with pytest.raises(SettingsError) as caught:
            IotCredentials("host", "a/b", "hall 1", authority.identity())
        first, second = caught.value.problems
        assert first.startswith("FACEPIPE_CAMERA must be the thing's name")
        assert second.startswith("FACEPIPE_ROLE_ALIAS must be a role alias")

    def test_a_certificate_that_is_not_there_is_told_at_once(self, authority):
        identity = attrs.evolve(authority.identity(), key="/none.key")
        with pytest.raises(SettingsError, match=r"/none\.key cannot be read"):
            IotCredentials("host", "cameras", "hall-1", identity)


def token_of(found):
    return found.get_frozen_credentials().token


class TestRenewal:
    def test_nothing_is_asked_before_it_is_needed(self, server, provider):
        found = make_session(provider).get_credentials()
        assert not server.requests
        assert token_of(found) == "token1"
        assert token_of(found) == "token1"
        assert len(server.requests) == 1

    def test_credentials_of_the_shortest_kind_are_not_asked_for_at_every_request(
        self, server, provider
    ):
        server.seconds = 900  # the least that AWS IoT allows; botocore would always want new ones
        found = make_session(provider).get_credentials()
        assert {token_of(found) for _ in range(20)} == {"token1"}
        assert len(server.requests) == 1

    def test_new_ones_come_before_the_old_ones_end(self, server, provider):
        server.seconds = 3
        found = make_session(provider).get_credentials()
        assert token_of(found) == "token1"
        wait_for(lambda: token_of(found) == "token2")

    def test_threads_that_want_them_at_once_ask_once(self, server, provider):
        found = make_session(provider).get_credentials()
        assert in_threads(lambda: token_of(found)) == ["token1"] * 8
        assert len(server.requests) == 1

    def test_a_failure_while_the_old_ones_are_good_changes_nothing(self, server, provider, caplog):
        server.seconds = 4
        found = make_session(provider).get_credentials()
        assert token_of(found) == "token1"
        server.answer = 500, b""
        seen = set()

        def asked_again():
            seen.add(token_of(found))
            return len(server.requests) > 1

        wait_for(asked_again)
        for _ in range(20):
            seen.add(token_of(found))
        assert seen == {"token1"}
        assert len(server.requests) == 2
        assert [record.getMessage().split(":")[0] for record in caplog.records] == ["credentials"]

        def ran_out():
            # The latter is botocore's word for new ones that live no longer than it takes to ask.
            with contextlib.suppress(CredentialsError, RuntimeError):
                return not token_of(found)
            return True

        wait_for(ran_out)
        server.answer = None
        wait_for(lambda: not ran_out())
        assert token_of(found) == f"token{len(server.requests)}"
        assert caplog.records[-1].getMessage().startswith("credentials: works again")
        assert len(caplog.records) == 2  # not one for each try, and no traceback of botocore's

    def test_threads_do_not_wait_one_after_another(self, server, provider, monkeypatch):
        monkeypatch.setattr(credentials, "TIMEOUT_SECONDS", 0.3)
        monkeypatch.setattr(credentials, "SHARED_SECONDS", float(WAIT))
        server.answer = threading.Event()
        found = make_session(provider).get_credentials()
        told = in_threads(lambda: token_of(found))
        server.answer.set()
        assert len(told) == 8
        assert all("timed out" in str(error) for error in told)
        assert len(server.requests) == 1

    def test_botocore_writes_no_traceback_into_the_log(self, server, provider, caplog):
        caplog.set_level(logging.INFO)
        server.answer = 403, b""
        with pytest.raises(CredentialsError, match="403"):
            token_of(make_session(provider).get_credentials())
        assert not caplog.records


def in_threads(act, count=8):
    """What `act` gives or raises in so many threads at once."""
    together = threading.Barrier(count)
    results = []

    def run():
        together.wait(WAIT)
        try:
            results.append(act())
        except CredentialsError as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    return results


class TestSession:
    @pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
    def test_greengrasss_token_exchange_is_found(self, monkeypatch, name):
        exchange = TokenExchange()
        with serving(exchange.respond) as host:
            path = "/2016-11-01/credentialprovider/"
            url = f"http://{host.replace('127.0.0.1', name)}{path}"
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
            monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of this component")
            found = make_session().get_credentials()
            assert token_of(found) == "exchanged"
        assert found.method == "container-role"
        assert exchange.requests == [(path, "of this component")]

    def test_the_certificate_comes_before_all_else(self, server, provider, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        assert make_session().get_credentials().access_key == "AKIA"
        assert token_of(make_session(provider).get_credentials()) == "token1"

    @pytest.mark.parametrize(
        ("endpoint", "environ", "region"),
        [
            (None, {}, None),
            (None, {"AWS_REGION": "eu-west-1"}, "eu-west-1"),
            (None, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
            ("127.0.0.1:8443", {}, None),
            ("c1.credentials.iot.us-east-1.amazonaws.com", {}, "us-east-1"),
            ("c1.credentials.iot.cn-north-1.amazonaws.com.cn", {}, "cn-north-1"),
            (
                "c1.credentials.iot.us-east-1.amazonaws.com",
                {"AWS_REGION": "eu-west-1"},
                "eu-west-1",
            ),
        ],
    )
    def test_the_region(self, authority, monkeypatch, endpoint, environ, region):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        provider = endpoint and IotCredentials(endpoint, "a", "hall-1", authority.identity())
        assert make_session(provider).region_name == region
