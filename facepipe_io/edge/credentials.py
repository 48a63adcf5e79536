"""AWS credentials for a device; needs boto3.

With a certificate of AWS IoT they come from its credentials provider. Else boto3 looks where it
always does: its variables and files, and what AWS_CONTAINER_CREDENTIALS_FULL_URI names, which is
how Greengrass V2's token exchange service is found.

The protocol is in the AWS IoT Core Developer Guide, "Authorizing direct calls to AWS services using
AWS IoT Core credential provider".
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import quote

import attrs
import boto3
import botocore.session
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import CredentialRetrievalError

from facepipe_io.edge.identity import Identity
from facepipe_io.edge.resilience import Trouble
from facepipe_io.errors import SettingsError
from facepipe_io.text import one_line

if TYPE_CHECKING:
    from facepipe_io.edge.settings import DeviceSettings

TIMEOUT_SECONDS = 10.0
MAX_BYTES = 65536  # of an answer, which has some 2,000
#: After a failure, how long good credentials are kept in use before new ones are asked for again.
PAUSE_SECONDS = 60.0
#: After a failure without any, how long whoever else asks is told the same: threads that have
#: waited for one another must not each wait for a server that does not answer.
SHARED_SECONDS = 1.0

# AWS IoT API Reference, "CreateThing" and "CreateRoleAlias"
_THING = re.compile(r"[a-zA-Z0-9:_-]{1,128}\Z")
_ROLE_ALIAS = re.compile(r"[\w=,@-]{1,128}\Z", re.ASCII)

_REGION = re.compile(r"\.credentials\.iot\.([a-z0-9-]+)\.amazonaws\.")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z\Z", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+\Z")  # all that may stand in a header of HTTP

# OpenSSL's numbers for what is wrong with a server's certificate: outside of its time, or of
# another host.
_TIMES = (9, 10)
_NAMES = (62, 64)

_HANG_UPS = (BrokenPipeError, ConnectionResetError, http.client.BadStatusLine, ssl.SSLEOFError)


class CredentialsError(CredentialRetrievalError):
    """No credentials were given, and why.

    It is one of boto3's own, so that it comes through boto3 like any other provider's.
    """

    fmt = "{error_msg}"


@attrs.frozen
class AwsCredentials:
    """Short-lived credentials. All but the key's name and the end stay out of logs.

    Attributes:
        access_key: the access key's id.
        secret_key: its secret.
        token: the session's.
        expiration: when they run out, UTC.
    """

    access_key: str
    secret_key: str = attrs.field(repr=False)
    token: str = attrs.field(repr=False)
    expiration: datetime


def parse_credentials(data: bytes) -> AwsCredentials:
    """Read the answer of the credentials provider.

    Raises:
        ValueError: when it is none. The text does not repeat what was in it.

    Example:
        >>> parse_credentials(
        ...     b'{"credentials": {"accessKeyId": "ASIA", "secretAccessKey": "s",'
        ...     b' "sessionToken": "t", "expiration": "2026-11-21T10:00:00Z"}}'
        ... ).access_key
        'ASIA'
    """
    try:
        answer = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    given = answer.get("credentials") if isinstance(answer, dict) else None
    if not isinstance(given, dict):
        raise ValueError("it has no credentials in it")  # noqa: TRY004 - one kind for all
    for name in ("accessKeyId", "secretAccessKey", "sessionToken"):
        if not (isinstance(given.get(name), str) and _VISIBLE.match(given[name])):
            raise ValueError(f"its {name} is missing or malformed")
    expiration = given.get("expiration")
    found = _TIME.match(expiration) if isinstance(expiration, str) else None
    try:
        ends = datetime.strptime(found[1] if found else "", "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise ValueError("its expiration is missing or malformed") from None
    return AwsCredentials(
        given["accessKeyId"],
        given["secretAccessKey"],
        given["sessionToken"],
        ends.replace(tzinfo=timezone.utc),
    )


class IotCredentials(CredentialProvider):
    """Gets credentials from AWS IoT's credentials provider, as a member of boto3's chain.

    Args:
        endpoint: the provider's host, perhaps with a port.
        role_alias: the role alias to ask for.
        thing: the device's name in AWS IoT.
        identity: its certificate. The files are read anew for each request.

    Raises:
        SettingsError: when a name cannot be one, or the certificate cannot be used.
    """

    METHOD = "iot-certificate"
    CANONICAL_NAME = "IotCertificate"

    def __init__(self, endpoint: str, role_alias: str, thing: str, identity: Identity) -> None:
        super().__init__()
        problems = []
        if not _THING.match(thing):
            problems.append(
                "FACEPIPE_CAMERA must be the thing's name in AWS IoT, of letters, digits, :, _ and "
                f"-, not {thing!r}, for FACEPIPE_CREDENTIALS_ENDPOINT is set"
            )
        if not _ROLE_ALIAS.match(role_alias):
            problems.append(
                "FACEPIPE_ROLE_ALIAS must be a role alias, of letters, digits, _, =, comma, @ and "
                f"-, not {role_alias!r}"
            )
        if problems:
            raise SettingsError(problems)
        identity.context()
        self._endpoint = endpoint
        self._role_alias = role_alias
        self._thing = thing
        self._identity = identity

    @property
    def region(self) -> str | None:
        """The region in the endpoint's name, if that is AWS's own."""
        found = _REGION.search(self._endpoint)
        return found[1] if found else None

    def load(self) -> DeferredRefreshableCredentials:
        """Credentials that are asked for when they are first used, and anew before they expire."""
        return DeferredRefreshableCredentials(_Renewal(self.fetch), self.METHOD)

    def fetch(self) -> AwsCredentials:
        """Ask once.

        Raises:
            CredentialsError: when none were given.
        """
        alias = quote(self._role_alias, safe="")
        request = urllib.request.Request(
            f"https://{self._endpoint}/role-aliases/{alias}/credentials",
            headers={"x-amzn-iot-thingname": self._thing},
        )
        try:
            https = urllib.request.HTTPSHandler(context=self._identity.context())
            opener = urllib.request.build_opener(https, _NoRedirect())
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                data = answer.read(MAX_BYTES)
        except urllib.error.HTTPError as error:
            error.close()
            raise self._error(self._refusal(error.code)) from None
        # A UnicodeError is what a host's name gives that is none.
        except (OSError, http.client.HTTPException, UnicodeError, SettingsError) as error:
            raise self._error(self._failure(error)) from error
        try:
            found = parse_credentials(data)
        except ValueError as error:
            raise self._error(
                f"its answer is not understood: {error}; check FACEPIPE_CREDENTIALS_ENDPOINT"
            ) from None
        if found.expiration <= datetime.now(timezone.utc):
            raise self._error(
                f"its credentials ran out at {found.expiration:%Y-%m-%d %H:%M} UTC; " + _clock()
            )
        return found

    def _error(self, why: str) -> CredentialsError:
        return CredentialsError(
            provider=self.METHOD, error_msg=f"no credentials from {self._endpoint}: {why}"
        )

    def _refusal(self, status: int) -> str:
        if status == 403:
            return (
                f"it refuses the certificate (403); it must be active and attached to the thing "
                f"{self._thing}, and its policy must allow iot:AssumeRoleWithCertificate on "
                f"{self._role_alias}"
            )
        if status == 404:
            return f"there is no role alias {self._role_alias} (404); check FACEPIPE_ROLE_ALIAS"
        if status == 429 or status >= 500:
            return f"it is overloaded or out of order ({status}); nothing to do but wait"
        return f"it answers {status}; check FACEPIPE_CREDENTIALS_ENDPOINT and FACEPIPE_ROLE_ALIAS"

    def _failure(self, error: BaseException) -> str:
        cause = getattr(error, "reason", None)
        if isinstance(error, urllib.error.URLError) and isinstance(cause, BaseException):
            error = cause
        if isinstance(error, SettingsError):
            return str(error)
        if isinstance(error, ssl.SSLCertVerificationError):
            what = f"its own certificate is not valid: {error.verify_message.rstrip('.')}; "
            if error.verify_code in _TIMES:
                return what + _clock()
            if error.verify_code in _NAMES:
                return what + "check FACEPIPE_CREDENTIALS_ENDPOINT"
            return what + "check FACEPIPE_CA"
        # Perhaps before its reason could be read. Python 3.7 knows no class for OpenSSL 3's error.
        if isinstance(error, _HANG_UPS) or "unexpected eof" in str(error):
            return (
                f"{one_line(error)}; check the network, and that {self._identity.certificate} is "
                "the device's own"
            )
        if isinstance(error, ssl.SSLError):
            return self._refused_by_tls(error)
        if isinstance(error, UnicodeError):
            return f"{one_line(error)}; check FACEPIPE_CREDENTIALS_ENDPOINT"
        return f"{one_line(error)}; check the network"

    def _refused_by_tls(self, error: ssl.SSLError) -> str:
        certificate = self._identity.certificate
        said = one_line(error)
        if "alert certificate expired" in said:
            return f"{certificate} has expired; replace it, or set the clock if that is wrong"
        if " alert " in said:
            return f"it does not take {certificate}: {said}; check that it is the device's own"
        return f"{said}; check FACEPIPE_CREDENTIALS_ENDPOINT"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Credentials come from where they were asked for."""

    def redirect_request(self, *_: Any) -> None:
        """Not followed; the answer is then an error."""


class _Renewal:
    """What botocore asks for credentials, which it does at every request in their last 15 minutes.

    New ones are fetched in the second half of their life. While the last ones are good, a failure
    to do so goes no further than the log.
    """

    def __init__(self, fetch: Callable[[], AwsCredentials]) -> None:
        self._fetch = fetch
        self._last: AwsCredentials | None = None
        self._ask_at = -float("inf")  # by a clock that nobody sets
        self._failure = ""
        self._trouble = Trouble("credentials")

    def __call__(self) -> dict[str, str]:
        if time.monotonic() < self._ask_at:
            if self._seconds_left():
                return self._metadata()
            if self._failure:
                raise CredentialsError(provider="", error_msg=self._failure)
        try:
            self._last = self._fetch()
        except CredentialsError as error:
            left = self._seconds_left()
            self._failure = str(error)
            self._ask_at = time.monotonic() + (min(PAUSE_SECONDS, left) or SHARED_SECONDS)
            if not left:
                raise
            self._trouble.begins(error)
        else:
            self._failure = ""
            self._trouble.ends()
            self._ask_at = time.monotonic() + self._seconds_left() / 2
        return self._metadata()

    def _seconds_left(self) -> float:
        if self._last is None:
            return 0.0
        return max(0.0, (self._last.expiration - datetime.now(timezone.utc)).total_seconds())

    def _metadata(self) -> dict[str, str]:
        assert self._last is not None  # noqa: S101 - for the type checker
        return {
            "access_key": self._last.access_key,
            "secret_key": self._last.secret_key,
            "token": self._last.token,
            "expiry_time": self._last.expiration.isoformat(),
        }


def device_provider(settings: DeviceSettings) -> IotCredentials | None:
    """What gives the credentials that the settings ask for; None for boto3's usual chain.

    Raises:
        SettingsError: when the device's name or certificate cannot be used.
    """
    endpoint, role_alias = settings.credentials_endpoint, settings.role_alias
    if endpoint and role_alias and settings.identity:
        return IotCredentials(endpoint, role_alias, settings.camera, settings.identity)
    return None


def make_session(provider: IotCredentials | None = None) -> boto3.Session:
    """A session whose credentials come from a provider, or from boto3's usual chain."""
    # It logs each failure with a traceback; what failed becomes an UplinkError, logged once.
    logging.getLogger("botocore.credentials").setLevel(logging.ERROR)
    inner = botocore.session.Session()
    if provider is not None:
        inner.register_component("credential_provider", CredentialResolver([provider]))
    # Of the two variables that Greengrass and Lambda set, boto3 reads AWS_DEFAULT_REGION alone.
    region = (
        os.environ.get("AWS_DEFAULT_REGION")
        or os.environ.get("AWS_REGION")
        or (provider and provider.region)
    )
    return boto3.Session(botocore_session=inner, region_name=region or None)


def _clock() -> str:
    now = datetime.now(timezone.utc)
    return f"the device's clock says {now:%Y-%m-%d %H:%M} UTC; set it, if that is wrong"
