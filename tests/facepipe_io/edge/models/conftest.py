"""A bucket in which models are published, for each test an empty one."""

from __future__ import annotations

import pytest

from tests.facepipe_io.edge.publishing import Bucket, s3_alone


@pytest.fixture(scope="module")
def s3():
    with s3_alone() as s3:
        yield s3


@pytest.fixture
def bucket(s3):
    bucket = Bucket(s3)
    yield bucket
    bucket.close()
