"""A bucket in which models are published, as `facepipe deploy` does."""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
from datetime import datetime, timedelta, timezone

import boto3
import moto
import pytest

from facepipe.models import ModelPointer, ModelVersion, format_pointer, pointer_key
from tests.facepipe_io.edge.helpers import forget_aws
from tests.facepipe_io.edge.models.test_archives import member, tar
from tests.facepipe_io.edge.models.test_models import client

NAME = "s3://models/models/cups.json"
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)

mock_aws = getattr(moto, "mock_aws", None) or moto.mock_s3  # the last for CPython 3.7 has it so


class Bucket:
    """Publishes archives; each pointer is a second younger than the one before it."""

    name = "models"

    def __init__(self, s3):
        self.s3 = s3
        self.published_at = NOON
        self.asked = []
        s3.create_bucket(Bucket=self.name)
        s3.meta.events.register("before-call.s3.GetObject", self._note)

    def close(self):
        self.s3.meta.events.unregister("before-call.s3.GetObject", self._note)
        for found in self.s3.list_objects_v2(Bucket=self.name).get("Contents", []):
            self.s3.delete_object(Bucket=self.name, Key=found["Key"])
        self.s3.delete_bucket(Bucket=self.name)

    def _note(self, params, **_):
        self.asked.append(params["url_path"])

    def connect(self):
        return self.s3

    def put(self, archive, **pointer):
        """Publish an archive, with a pointer that may say otherwise."""
        sha256 = hashlib.sha256(archive).hexdigest()
        given = {"name": "cups", "sha256": sha256, "size": len(archive), "detector": "onnx"}
        version = ModelVersion(**{**given, **pointer})
        self.s3.put_object(Bucket=self.name, Key=version.archive, Body=archive)
        self.published_at += timedelta(seconds=1)
        text = format_pointer(ModelPointer(version, self.published_at))
        self.s3.put_object(Bucket=self.name, Key=pointer_key("cups"), Body=text.encode())
        return version.sha256

    @property
    def archives_fetched(self):
        return sum(".tar.gz" in path for path in self.asked)


def pack(content, name="cups.onnx", **files):
    members = [member(name, content), *(member(n, data) for n, data in files.items())]
    return gzip.compress(tar(*members))


@functools.lru_cache(None)
def nobody():
    """A client of a server that is not there."""
    return client()


@contextlib.contextmanager
def s3_alone():
    """A client of an S3 that has nothing in it. To make one takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        forget_aws(patch)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with mock_aws():
            yield boto3.client("s3")
