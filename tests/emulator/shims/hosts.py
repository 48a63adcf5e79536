"""Which service a request is for. moto goes by its signature, and so takes

- an archived video, signed like all of Kinesis Video, for the service that makes streams;
- an unsigned invocation of a SageMaker endpoint for a request to S3.
"""

from __future__ import annotations

import re
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from tests.emulator.settings import Settings

_ARCHIVED = {"/getClip", "/getDASHStreamingSessionURL", "/getHLSStreamingSessionURL"}
_INVOCATION = re.compile(r"/endpoints/[^/]+/invocations")


def install(_: Settings) -> None:
    """Fill the gaps."""
    infer = DomainDispatcherApplication.infer_service_region_host

    def infer_host(self: Any, environ: dict[str, Any], path: str) -> str | None:
        signature = environ.get("HTTP_AUTHORIZATION", "")
        region, service = (signature.partition("Credential=")[2].split("/") + [""] * 4)[2:4]
        if service == "kinesisvideo" and path in _ARCHIVED:
            return f"archived.kinesisvideo.{region}.amazonaws.com"
        if not signature and environ["REQUEST_METHOD"] == "POST" and _INVOCATION.fullmatch(path):
            return "runtime.sagemaker.us-east-1.amazonaws.com"
        return infer(self, environ, path)

    DomainDispatcherApplication.infer_service_region_host = infer_host
