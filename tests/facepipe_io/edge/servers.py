"""Servers on loopback that stand in for AWS, and certificates that they may demand."""

from __future__ import annotations

import contextlib
import datetime
import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.facepipe_io.edge.certificates import utcnow


class CredentialsProvider:
    """Stands in for AWS IoT's credentials provider.

    Attributes:
        requests: a path, the thing's name and the certificate's common name for each request.
        seconds: how long the credentials live that it gives.
        answer: a status and a body to give instead; or an Event, for which it waits first.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        self.seconds = 3600.0
        self.answer = None

    def respond(self, request):
        subject = dict(pair[0] for pair in request.connection.getpeercert()["subject"])
        thing = request.headers["x-amzn-iot-thingname"]
        self.requests.append((request.path, thing, subject["commonName"]))
        number = len(self.requests)
        answer = self.answer
        if isinstance(answer, threading.Event):
            answer.wait(30)
        elif answer is not None:
            return answer
        given = {
            "accessKeyId": f"ASIA{number:016}",
            "secretAccessKey": f"secret{number}",
            "sessionToken": f"token{number}",
            "expiration": zulu(self.seconds),
        }
        return 200, json.dumps({"credentials": given}).encode()


class TokenExchange:
    """Stands in for Greengrass V2's token exchange service.

    Attributes:
        requests: a path and the word of authorization for each request.
        is_up: whether it gives credentials.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.is_up = True

    def respond(self, request):
        self.requests.append((request.path, request.headers["Authorization"]))
        if not self.is_up:
            return 500, b""
        given = {
            "AccessKeyId": "ASIA",
            "SecretAccessKey": "secret",
            "Token": "exchanged",
            "Expiration": zulu(3600),
        }
        return 200, json.dumps(given).encode()


class Bucket:
    """Stands in for S3.

    Attributes:
        objects: what is stored, by path.
        requests: the headers of each request.
        errors: a status and a code for each request to come.
        losing: how many answers to come are lost on their way, after all was done.
        refused: session tokens that have expired.
        meanwhile: called once, while the next request waits for its answer.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests = []
        self.errors: list[tuple[int, str]] = []
        self.losing = 0
        self.refused: set[str] = set()
        self.meanwhile = None

    def respond(self, request):
        self.requests.append(request.headers)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        status, code = self.errors.pop(0) if self.errors else (200, "")
        if request.headers["X-Amz-Security-Token"] in self.refused:
            status, code = 400, "ExpiredToken"
        elif request.headers["If-None-Match"] == "*" and request.path in self.objects:
            status, code = 412, "PreconditionFailed"
        elif not code:
            self.objects[request.path] = request.body
        if self.losing:
            self.losing -= 1
            return None
        text = code and f"<Error><Code>{code}</Code><Message>no</Message></Error>"
        return status, text.encode()

    @property
    def tokens(self):
        """The session's token in each request."""
        return [headers["X-Amz-Security-Token"] for headers in self.requests]


class Runtime:
    """Stands in for SageMaker's runtime.

    Attributes:
        endpoint: given the body and the custom attributes (None if there are none) of a request,
            gives the answer of what is hosted.
        requests: name, type, custom attributes and body of each request.
        errors: a status, a code and a message for each request to come.
        tokens: the session's token in each request.
        refused: session tokens that have expired.
    """

    def __init__(self, endpoint) -> None:
        self.endpoint = endpoint
        self.requests = []
        self.errors: list[tuple[int, str, str]] = []
        self.tokens: list[str] = []
        self.refused: set[str] = set()

    def respond(self, request):
        said = request.headers["X-Amzn-SageMaker-Custom-Attributes"]
        name = request.path.split("/")[2]
        self.requests.append((name, request.headers["Content-Type"], said, request.body))
        self.tokens.append(request.headers["X-Amz-Security-Token"])
        if self.tokens[-1] in self.refused:
            status, code, message = 403, "ExpiredTokenException", "expired"
        elif self.errors:
            status, code, message = self.errors.pop(0)
        else:
            answer = self.endpoint(request.body, said)
            return 200, answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return status, json.dumps({"__type": code, "message": message}).encode()


def zulu(seconds: float) -> str:
    """A time that is so far away, as AWS writes it."""
    return f"{utcnow() + datetime.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


@contextlib.contextmanager
def serving(respond, context: ssl.SSLContext | None = None, port: int = 0):
    """A server on loopback, with TLS if there is a context for it; gives its host and port.

    `respond` is called with each request, and gives a status and a body, or None to hang up.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = respond(self)
            self.close_connection = True
            if answer is None:
                return
            status, body = answer
            with contextlib.suppress(OSError):  # who asked may have gone
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Connection", "close")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def do_POST(self):
            self.do_GET()

        def do_PUT(self):
            self.do_GET()

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def finish_request(self, request, client_address):
            if context is None:
                Handler(request, client_address, self)
                return
            secured = context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
            try:
                secured.do_handshake()
            except OSError:
                hang_up(secured)
            else:
                with secured:
                    Handler(secured, client_address, self)

    with Server(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def hang_up(secured: ssl.SSLSocket) -> None:
    """Close so that the client can read why: unread bytes would reset the connection."""
    with socket.socket(fileno=secured.detach()) as raw, contextlib.suppress(OSError):
        raw.settimeout(5)
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(4096):
            pass
