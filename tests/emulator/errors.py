"""Errors as the services write them, so that every client understands them."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

from botocore.exceptions import UnknownServiceError
from moto.core.request import Request, determine_request_protocol
from moto.core.utils import get_service_model

_BOTO_NAMES = {
    "awslambda": "lambda",
    "iotdata": "iot-data",
    "kinesisvideoarchivedmedia": "kinesis-video-archived-media",
    "sagemakerruntime": "sagemaker-runtime",
}

Answer = tuple[str, int, dict[str, str]]


def boto_name(service: str) -> str:
    """What boto3 calls a service of moto's."""
    return _BOTO_NAMES.get(service, service)


def protocol_of(service: str, request: Request) -> str:
    """The protocol of a request, as botocore's models name it."""
    try:
        model = get_service_model(boto_name(service))
        return str(determine_request_protocol(model, request.content_type))
    except (NotImplementedError, UnknownServiceError):
        return "json"


def error(service: str, request: Request, code: str, message: str, status: int) -> Answer:
    """An error in answer to a request: body, status and headers.

    Args:
        service: moto's name of it.
        request: which the error answers.
        code: the service's name for the error.
        message: for people.
        status: of HTTP.
    """
    protocol = protocol_of(service, request)
    if protocol in ("json", "rest-json"):
        # Of a service that once spoke another protocol, clients know the errors by these codes.
        headers = {"x-amzn-ErrorType": code, "x-amzn-query-error": f"{code};Sender"}
        body = json.dumps({"__type": code, "message": message})
        return body, status, {**headers, "Content-Type": "application/json"}
    text = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if protocol == "rest-xml":
        body = f"<Error>{text}</Error>"
    else:
        body = f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error></ErrorResponse>"
    return body, status, {"Content-Type": "application/xml"}
