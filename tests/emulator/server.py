"""The emulator's server: moto's, made strict, with the shims and a few pages of its own.

    GET  /emulator/lacking             what was asked for in vain, as a list
    POST /emulator/alarms?at=<time>    evaluate all alarms as of an ISO 8601 time; their states
    GET  /emulator/components?thing=   the recipes that Greengrass would have a thing run, by name
    GET  /emulator/ca.pem              the authority to trust on the cameras' port

Stock moto answers what it lacks, or fails on, with 500, which clients then try again and again.
Here that is 400 at once, and is remembered.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any, Callable, Iterable
from urllib.parse import parse_qs

import flask
import moto.moto_server.werkzeug_app as moto_server
from moto.core.config import default_user_config
from moto.core.utils import utcnow
from werkzeug.serving import BaseWSGIServer, make_server

from tests.emulator import devices, errors, shims
from tests.emulator.settings import Settings
from tests.emulator.shims import cloudwatch, greengrass, iam

#: The one version of moto that the shims are for.
MOTO = "5.2.5"


def make(settings: Settings, port: int, *, with_shims: bool = True) -> BaseWSGIServer:
    """The server, listening on loopback but not yet serving; `settings` then says where.

    Args:
        settings: of the emulator.
        port: 0 for any that is free.
        with_shims: without them it is moto alone, but as strict.

    Raises:
        RuntimeError: if this is another moto than the shims are for.
    """
    if version("moto") != MOTO:
        raise RuntimeError(
            f"the emulator's shims are for moto {MOTO}, but {version('moto')} is installed: "
            f"run pip install 'moto[server]=={MOTO}', or go through tests/emulator/shims again"
        )
    default_user_config["lambda"]["use_docker"] = False
    default_user_config["batch"]["use_docker"] = False
    if with_shims:
        shims.install(settings)
    moto = moto_server.DomainDispatcherApplication(
        lambda name: _strict_app(settings, name, with_shims)
    )
    application = _with_own_pages(settings, moto, with_shims)
    server = make_server(
        "127.0.0.1",
        port,
        application,
        threaded=True,
        request_handler=moto_server.MotoRequestHandler,
    )
    os.environ["MOTO_PORT"] = str(server.server_port)
    settings.url = f"http://127.0.0.1:{server.server_port}"
    settings.device_address = devices.serve(settings)
    return server


def _strict_app(settings: Settings, service: Any, with_shims: bool) -> flask.Flask:
    app = moto_server.create_backend_app(service)
    app.debug = False

    def lacking(error: Exception) -> errors.Answer:
        request = flask.request
        operation = request.headers.get("X-Amz-Target") or f"{request.method} {request.path}"
        settings.lack(f"{service}: {operation}: {error!r}"[:500])
        return errors.error(service, request, "NotImplementedException", str(error), 400)

    app.register_error_handler(NotImplementedError, lacking)
    app.register_error_handler(404, lacking)
    app.register_error_handler(500, lambda error: lacking(error.original_exception or error))
    if with_shims:
        app.before_request(lambda: iam.front_door(service, flask.request._get_current_object()))
    return app


def _with_own_pages(
    settings: Settings, application: Callable[..., Iterable[bytes]], with_shims: bool
) -> Any:
    def lacking(query: dict[str, list[str]]) -> Any:
        return settings.lacking

    def alarms(query: dict[str, list[str]]) -> Any:
        at = datetime.fromisoformat(query["at"][0]) if "at" in query else None
        now = at.astimezone(timezone.utc).replace(tzinfo=None) if at else utcnow()
        return cloudwatch.evaluate(now)

    def components(query: dict[str, list[str]]) -> Any:
        return greengrass.deployed_to(query["thing"][0])

    pages = {"/emulator/lacking": lacking}
    if with_shims:
        pages["/emulator/alarms"] = alarms
        pages["/emulator/components"] = components

    def call(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/emulator/ca.pem":
            start("200 OK", [("Content-Type", "application/x-pem-file")])
            return [settings.authority.pem.encode()]
        if path not in pages:
            return application(environ, start)
        try:
            status, body = "200 OK", pages[path](parse_qs(environ.get("QUERY_STRING", "")))
        except NotImplementedError as error:
            settings.lack(str(error))
            status, body = "400 Bad Request", str(error)
        start(status, [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]

    return call
