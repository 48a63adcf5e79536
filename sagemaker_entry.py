"""The SageMaker endpoint: what SageMaker's serving toolkit calls, in this order.

Environment: FACEPIPE_BUCKET, FACEPIPE_MIN_SCORE, FACEPIPE_RESEND_SECONDS.
"""

from __future__ import annotations

import os
from typing import Any, Mapping

from sagemaker_inference import content_types

from facepipe_io.cloud.bodies import RequestError
from facepipe_io.cloud.endpoint import (
    Endpoint,
    EndpointSettings,
    Request,
    open_endpoint,
    read_request,
    write_answer,
)
from facepipe_io.settings import load


def model_fn(model_dir: str) -> Endpoint:
    """Load the model: see `open_endpoint`."""
    # The toolkit would decode these by itself, and answer what is no UTF-8 with a traceback.
    content_types.UTF8_TYPES.clear()
    return open_endpoint(model_dir, load(EndpointSettings, os.environ))


def input_fn(data: bytes, content_type: str | None, context: Any) -> Request | RequestError:
    """Read a request: see `read_request`."""
    headers = context.request_processor[0].get_request_properties()
    return read_request(data, content_type, headers)


def predict_fn(
    request: Request | RequestError, endpoint: Endpoint
) -> Mapping[str, Any] | RequestError:
    """Answer it: see `Endpoint.answer`."""
    return endpoint.answer(request)


def output_fn(
    answer: Mapping[str, Any] | RequestError, accept: str, context: Any
) -> tuple[str, str]:
    """Write the answer: see `write_answer`. What is accepted was looked at before all work."""
    del accept
    return write_answer(answer, context)
