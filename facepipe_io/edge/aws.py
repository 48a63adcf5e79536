"""AWS as a device reaches it. boto3 is loaded by whoever calls, not by whoever imports this."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping

from facepipe_io.errors import SettingsError
from facepipe_io.text import one_line

if TYPE_CHECKING:
    import boto3

    from facepipe_io.edge.settings import DeviceSettings

log = logging.getLogger(__name__)

# What AWS says of credentials that it does not take: Amazon S3 API Reference, "Error responses",
# and "Common errors" of the other services' references.
STALE = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
)


class Connection:
    """A client of boto3's, of which there is one at a time.

    Args:
        connect: makes a client, which brings credentials, timeouts and retries. It is called again
            when AWS no longer takes the credentials that the last client had.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        self._connect = connect
        self._client: Any = None
        self._lock = threading.Lock()
        # A RuntimeError is what botocore raises for new credentials that have already run out.
        self._errors = (BotoCoreError, ClientError, OSError, RuntimeError)
        self._no_credentials = NoCredentialsError

    def get(self) -> Any:
        """The client."""
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def try_out(self) -> None:
        """Make the first client now, so that a mistake in the settings is told at once.

        Raises:
            SettingsError: when boto3's configuration makes no sense.
        """
        from botocore import exceptions

        try:
            self.get()
        except (
            exceptions.ClientError,
            exceptions.ConnectionError,
            exceptions.CredentialRetrievalError,
            exceptions.HTTPClientError,
        ) as error:
            # Who gives them may be up later.
            log.warning("no AWS credentials yet: %s", one_line(error))
        except exceptions.NoRegionError as error:
            raise SettingsError(["AWS_DEFAULT_REGION must be set, to the region in AWS"]) from error
        except (exceptions.BotoCoreError, ValueError) as error:
            raise SettingsError([f"boto3 cannot make a client: {error}"]) from error

    @contextmanager
    def client(self, as_error: Callable[[BaseException], Exception]) -> Iterator[Any]:
        """The client, for calls whose failure is raised as another error.

        Args:
            as_error: makes the error that is raised out of boto3's.
        """
        client = None
        try:
            client = self.get()
            yield client
        except self._errors as error:
            if code(error) in STALE or isinstance(error, self._no_credentials):
                with self._lock:
                    if self._client is client:
                        self._client = None
            raise as_error(error) from error


def connector(settings: DeviceSettings, service: str, **options: Any) -> Callable[[], Any]:
    """What makes clients of a service, with the credentials that the settings ask for.

    Args:
        settings: the device's.
        service: as boto3 names it.
        options: of botocore's Config, where they differ from those of other services.

    Raises:
        SettingsError: when boto3 is not installed, or the device's certificate cannot be used.
    """
    sessions = _sessions(settings)
    from botocore.config import Config

    # Short timeouts: the agent tries again by itself, and a stop must not hang on a dead network.
    retries = {"mode": "standard", "max_attempts": 2}
    config: Any = Config(
        **{"connect_timeout": 5, "read_timeout": 15, "retries": retries, **options}
    )

    def connect() -> Any:
        client: Any = sessions().client  # its overloads want the service's name
        return client(service, config=config)

    return connect


def code(error: BaseException) -> str:
    """AWS's word for an error; empty when it is not AWS's."""
    response = getattr(error, "response", None) or {}  # a connection's errors have one, of None
    return str(response.get("Error", {}).get("Code", ""))


def reason(error: BaseException, hints: Mapping[str, str], otherwise: str) -> str:
    """What an error of boto3's says, and what to do about it.

    Args:
        error: the error.
        hints: what to do by AWS's word for it.
        otherwise: what to do if AWS has another word.
    """
    return "; ".join(filter(None, (one_line(error), _hint(error, hints, otherwise))))


def _hint(error: BaseException, hints: Mapping[str, str], otherwise: str) -> str:
    """What to do about an error; empty where it says so itself."""
    from botocore import exceptions

    from facepipe_io.edge.credentials import CredentialsError

    if isinstance(error, exceptions.ClientError):
        word = code(error)
        if word in STALE:
            return "the next try gets new credentials; if it fails, too, check the clock"
        return hints.get(word, otherwise)
    by_kind: dict[type[BaseException], str] = {
        CredentialsError: "",
        SettingsError: "",
        exceptions.CredentialRetrievalError: "check the network, and who gives the credentials",
        exceptions.NoCredentialsError: "set FACEPIPE_CREDENTIALS_ENDPOINT, or give boto3 its own",
        exceptions.SSLError: "check the device's clock, and AWS_CA_BUNDLE if it is set",
        RuntimeError: "set the device's clock right",
        exceptions.ConnectionError: "check the network",
        exceptions.HTTPClientError: "check the network",
        OSError: "check the network",
    }
    found = (hint for kind, hint in by_kind.items() if isinstance(error, kind))
    return next(found, "check boto3's configuration")


def device_session(settings: DeviceSettings) -> boto3.Session:
    """A session of boto3's with the credentials that the settings ask for.

    Credentials are got when they are first used.

    Raises:
        SettingsError: when boto3 is not installed, or the device's certificate cannot be used.
    """
    return _sessions(settings)()


def _sessions(settings: DeviceSettings) -> Callable[[], boto3.Session]:
    try:
        from facepipe_io.edge.credentials import device_provider, make_session
    except ImportError as error:
        raise SettingsError([f"AWS needs boto3 ({error}): install facepipe[aws]"]) from error
    return partial(make_session, device_provider(settings))
