"""The port that cameras call, with TLS and a client certificate, as they call AWS IoT:

    GET  /role-aliases/<alias>/credentials      short-lived AWS credentials
    POST /topics/<topic>                        publish a message by HTTPS
    POST /mqtt/<client id>                      stands in for MQTT's CONNECT
    POST /mqtt/<client id>?will=<topic>         the same, with a last will that is to be retained
    POST /mqtt/<client id>/topics/<topic>       stands in for CONNECT and then PUBLISH

`?retain=true` asks for a message to be retained. Neither it nor a will is kept: the policies are
asked, and that is all.

Who calls is known by the certificate alone. It must be active, and its IoT policies must allow the
call. With the header `x-amzn-iot-thingname` the certificate must be that thing's, and the role's
policies may then say `${credentials-iot:ThingName}`.

MQTT itself is not here yet: its paths only ask the policies what AWS IoT would ask them, first for
iot:Connect and then for iot:Publish, and iot:RetainPublish for what is retained. Only there is
`${iot:ClientId}` known, and, where it is the name of a thing that the certificate is attached to,
`${iot:Connection.Thing.ThingName}` and `IsAttached`. By HTTPS they are absent, as on AWS ("Thing
policy variables" in its documentation).
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Collection, Mapping
from urllib.parse import parse_qs, unquote, urlsplit

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from moto.iot.models import iot_backends
from moto.iotdata.models import iotdata_backends

from tests.emulator.policies import Principal, Request, is_allowed
from tests.emulator.settings import ACCOUNT, Settings, log
from tests.emulator.shims.iam import assume_for


def serve(settings: Settings) -> str:
    """Listen on a free port of loopback, in a thread; its host and port."""
    certificate, key = settings.authority.server_files()
    files = {"server.pem": certificate + key, "ca.pem": settings.authority.pem}
    for name, text in files.items():
        (settings.folder / name).write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.folder / "server.pem")
    context.load_verify_locations(settings.folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED

    def handler(*rest: Any) -> _Handler:
        return _Handler(settings, *rest)

    server = _Server(("127.0.0.1", 0), handler)
    server.context = context
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_port}"


class _Server(ThreadingHTTPServer):
    context: ssl.SSLContext
    daemon_threads = True

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake, here in the connection's own thread: a slow one holds up no other."""
        request.settimeout(10)
        try:
            with self.context.wrap_socket(request, server_side=True) as secured:
                self.RequestHandlerClass(secured, client_address, self)
        except OSError as error:
            log.info("refused: a TLS connection: %s", error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, settings: Settings, *rest: Any) -> None:
        self.settings = settings
        super().__init__(*rest)

    def do_GET(self) -> None:
        found = re.fullmatch(r"/role-aliases/([^/]+)/credentials", urlsplit(self.path).path)
        self._answer(lambda caller: _credentials(caller, found[1]) if found else (404, {}))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        retain = query.get("retain") == "true"
        found = re.fullmatch(r"(?:/mqtt/([^/]+))?(?:/topics/(.+))?", url.path)
        client_id, topic = (unquote(part) for part in found.groups("")) if found else ("", "")

        def send(caller: _Caller) -> Answer:
            answer: Answer = (404, {})
            if client_id:
                answer = _connect(caller, client_id, query.get("will"))
            if topic and answer is not _DENIED:
                answer = _publish(caller, client_id, topic, body, retain)
            return answer

        self._answer(send)

    def _answer(self, action: Any) -> None:
        thing = self.headers.get("x-amzn-iot-thingname", "")
        caller = _find(self.connection.getpeercert(binary_form=True), thing)
        try:
            status, body = action(caller) if caller else _DENIED
        except NotImplementedError as error:
            self.settings.lack(str(error))
            status, body = 400, {"message": str(error)}
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, template: str, *rest: Any) -> None:
        log.info("device: " + template, *rest)


Answer = tuple[int, Mapping[str, Any]]

_DENIED: Answer = (403, {"message": "Access Denied"})


@attrs.frozen
class _Caller:
    """An active certificate.

    Attributes:
        backend: moto's IoT, of the certificate's region.
        certificate: moto's record of it.
        thing: that it says it is, and is; None where it says nothing.
        things: names of the things that it is attached to.
    """

    backend: Any
    certificate: Any
    thing: Any
    things: Collection[str]

    def may(self, action: str, resource: str, client_id: str = "") -> bool:
        """Whether the certificate's policies allow something.

        Args:
            action: such as `iot:Publish`.
            resource: the end of its ARN, such as `topic/a`.
            client_id: of the MQTT connection in which that happens; empty where there is none.
        """
        context = {}
        if client_id:
            context["iot:clientid"] = client_id
        if client_id in self.things:
            context["iot:connection.thing.thingname"] = client_id
            context["iot:connection.thing.isattached"] = "true"
        arn = f"arn:aws:iot:{self.backend.region_name}:{ACCOUNT}:{resource}"
        documents = [
            json.loads(policy.document)
            for (target, _), (_, policy) in self.backend.principal_policies.items()
            if target == self.certificate.arn
        ]
        principal = Principal("certificate", (self.certificate.arn,), ACCOUNT)
        return is_allowed(Request(action, arn, principal, context), documents)


def _find(der: bytes | None, thing_name: str) -> _Caller | None:
    for backend in list(iot_backends[ACCOUNT].values()):
        for certificate in list(backend.certificates.values()):
            known = x509.load_pem_x509_certificate(certificate.certificate_pem.encode())
            if known.public_bytes(Encoding.DER) != der or certificate.status != "ACTIVE":
                continue
            things = {
                thing.thing_name: thing
                for (arn, _), (_, thing) in backend.principal_things.items()
                if arn == certificate.arn
            }
            if thing_name and thing_name not in things:
                return None
            return _Caller(backend, certificate, things.get(thing_name), set(things))
    return None


def _credentials(caller: _Caller, alias_name: str) -> Answer:
    region = caller.backend.region_name
    arn = f"arn:aws:iot:{region}:{ACCOUNT}:rolealias/{alias_name}"
    if not caller.may("iot:AssumeRoleWithCertificate", f"rolealias/{alias_name}"):
        return _DENIED
    alias = caller.backend.role_aliases.get(alias_name)
    if alias is None:
        return 404, {"message": "Role alias does not exist"}
    keys = {"credentials-iot:awscertificateid": caller.certificate.certificate_id}
    if caller.thing is not None:
        keys["credentials-iot:thingname"] = caller.thing.thing_name
        if caller.thing.thing_type:
            keys["credentials-iot:thingtypename"] = caller.thing.thing_type.thing_type_name
    session = assume_for(
        "credentials.iot.amazonaws.com",
        alias.role_arn,
        arn,
        name=caller.certificate.certificate_id,
        region=region,
        seconds=alias.credential_duration_seconds,
        condition_keys=keys,
    )
    if session is None:
        return _DENIED
    return 200, {
        "credentials": {
            "accessKeyId": session.access_key_id,
            "secretAccessKey": session.secret_access_key,
            "sessionToken": session.session_token,
            "expiration": f"{session.expiration:%Y-%m-%dT%H:%M:%SZ}",
        }
    }


def _connect(caller: _Caller, client_id: str, will: str | None) -> Answer:
    if not caller.may("iot:Connect", f"client/{client_id}", client_id):
        return _DENIED
    if will is not None and not _may_publish(caller, client_id, will, retain=True):
        return _DENIED
    return 200, {"message": "OK"}


def _publish(caller: _Caller, client_id: str, topic: str, payload: bytes, retain: bool) -> Answer:
    if not _may_publish(caller, client_id, topic, retain):
        return _DENIED
    iotdata_backends[ACCOUNT][caller.backend.region_name].publish(topic, payload)
    return 200, {"message": "OK"}


def _may_publish(caller: _Caller, client_id: str, topic: str, retain: bool) -> bool:
    needed = ["iot:Publish", "iot:RetainPublish"] if retain else ["iot:Publish"]
    return all(caller.may(action, f"topic/{topic}", client_id) for action in needed)
