"""Kinesis Video Streams. What moto lacks, and this fills in:

- tags: unknown, and the Terraform provider reads them at every step;
- data endpoints: made up. Here they are the emulator itself;
- PutMedia: unknown to moto, and to boto3. Here the policies are asked, and that is all.
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.kinesisvideo import urls
from moto.kinesisvideo.exceptions import ResourceNotFoundException
from moto.kinesisvideo.models import Stream, kinesisvideo_backends
from moto.kinesisvideo.responses import KinesisVideoResponse

from tests.emulator import errors
from tests.emulator.settings import ACCOUNT, Settings
from tests.emulator.shims.callers import region_of


def install(settings: Settings) -> None:
    """Fill the gaps."""
    _keep_tags()
    Stream.get_data_endpoint = lambda self, api_name: settings.url
    urls.url_paths["{0}/putMedia$"] = _put_media


def _keep_tags() -> None:
    def stream_of(response: KinesisVideoResponse) -> Stream:
        backend = response.kinesisvideo_backend
        return backend._get_stream(
            response._get_param("StreamName"), response._get_param("StreamARN")
        )

    def list_tags_for_stream(self: KinesisVideoResponse) -> ActionResult:
        return ActionResult({"Tags": stream_of(self).tags or {}})

    def tag_stream(self: KinesisVideoResponse) -> EmptyResult:
        stream = stream_of(self)
        stream.tags = {**(stream.tags or {}), **self._get_param("Tags")}
        return EmptyResult()

    def untag_stream(self: KinesisVideoResponse) -> EmptyResult:
        stream, gone = stream_of(self), self._get_param("TagKeyList")
        stream.tags = {name: tag for name, tag in (stream.tags or {}).items() if name not in gone}
        return EmptyResult()

    for operation in (list_tags_for_stream, tag_stream, untag_stream):
        setattr(KinesisVideoResponse, operation.__name__, operation)
    for path in ("listTagsForStream", "tagStream", "untagStream"):
        urls.url_paths[f"{{0}}/{path}$"] = urls.response.dispatch


def _put_media(request: Any, url: str, headers: Any) -> tuple[int, dict[str, str], str]:
    backend = kinesisvideo_backends[ACCOUNT][region_of(request)]
    names = (request.headers.get(f"x-amzn-stream-{kind}") for kind in ("name", "arn"))
    try:
        backend._get_stream(*names)
    except ResourceNotFoundException as error:
        body, status, more = errors.error("kinesisvideo", request, error.code, error.message, 404)
        return status, more, body
    acknowledged = {"EventType": "PERSISTED", "FragmentTimecode": 0, "FragmentNumber": "1"}
    return 200, {"Content-Type": "application/json"}, json.dumps(acknowledged)
