"""SageMaker's runtime. What moto lacks, and this fills in:

- InvokeEndpoint: always the same answer. Here the endpoint's container is asked (see `sagemaker`);
  what it refuses is told as ModelError.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from moto.sagemaker.models import sagemaker_backends
from moto.sagemakerruntime import urls

from tests.emulator import errors
from tests.emulator.settings import ACCOUNT, Settings
from tests.emulator.shims import sagemaker
from tests.emulator.shims.callers import region_of

_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"

# What the container is told of a request besides its body.
_PASSED_ON = ("Accept", "Content-Type", _ATTRIBUTES)

_LONGEST_MESSAGE = 2048


def install(_: Settings) -> None:
    """Fill the gaps."""
    urls.url_paths["{0}/endpoints/(?P<name>[^/]+)/invocations$"] = _invoke


def _invoke(request: Any, url: str, headers: Any) -> tuple[int, dict[str, str], Any]:
    region, name = region_of(request), unquote(request.path.split("/")[2])
    backend = sagemaker_backends[ACCOUNT][region]
    container = sagemaker.container_of(backend, name) if name in backend.endpoints else None
    if container is None:
        message = f"Endpoint {name} of account {ACCOUNT} not found."
        found = errors.error("sagemakerruntime", request, "ValidationError", message, 400)
        body, status, more = found
        return status, more, body
    asked = {key: request.headers[key] for key in _PASSED_ON if key in request.headers}
    try:
        answer = container.invoke(asked, request.get_data())
    except OSError:
        return _model_error(0, "Your invocation timed out, or the container ended.", name, region)
    if answer.status >= 400:
        text = answer.body.decode("utf-8", "replace")
        return _model_error(answer.status, text, name, region)
    variant = backend.endpoints[name].production_variants[0]["VariantName"]
    told = {"x-Amzn-Invoked-Production-Variant": variant}
    for header in ("Content-Type", _ATTRIBUTES):
        if header.lower() in answer.headers:
            told[header] = answer.headers[header.lower()]
    return 200, told, answer.body


def _model_error(status: int, text: str, name: str, region: str) -> tuple[int, dict[str, str], str]:
    kind = "client" if 400 <= status < 500 else "server"
    group = f"/aws/sagemaker/Endpoints/{name}"
    body = {
        "ErrorCode": f"{kind.upper()}_ERROR_FROM_MODEL",
        "LogStreamArn": f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{group}",
        "Message": f'Received {kind} error ({status}) from primary with message "{text}". '
        f"See the log group {group} in account {ACCOUNT} for more information."[:_LONGEST_MESSAGE],
        "OriginalMessage": text[:_LONGEST_MESSAGE],
        "OriginalStatusCode": status,
    }
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "ModelError"}
    return 424, headers, json.dumps(body)
