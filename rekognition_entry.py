"""The cloud function: crops in S3, told of by any event, become records and metrics.

Environment: FACEPIPE_TABLE, FACEPIPE_NAMESPACE, FACEPIPE_MIN_CONFIDENCE, FACEPIPE_RECORD_DAYS.
"""

from __future__ import annotations

import os
from functools import lru_cache, partial
from typing import Any, Callable, Mapping

from botocore.config import Config
from botocore.session import get_session

from facepipe_io.cloud import log
from facepipe_io.cloud.metrics import MetricSink
from facepipe_io.cloud.records import RecordTable
from facepipe_io.cloud.rekognition import FaceService
from facepipe_io.cloud.scorer import Scorer
from facepipe_io.cloud.settings import ScorerSettings
from facepipe_io.settings import load

# Throttling is first answered by calling more slowly, then by the queue. A connection that hangs
# must not use up the function's time; crops are scored one at a time, so the pool stays small.
CONFIG = Config(
    retries={"mode": "adaptive", "total_max_attempts": 4},
    connect_timeout=2,
    read_timeout=8,
    max_pool_connections=2,
)


@lru_cache(maxsize=None)
def scorer() -> Scorer:
    """The scorer of this environment, made at the first event and kept for all later ones."""
    log.configure()
    settings = load(ScorerSettings, os.environ)
    # botocore's own session: boto3's makes the same clients in a sixth more time.
    client: Callable[..., Any] = partial(get_session().create_client, config=CONFIG)
    return Scorer(
        faces=FaceService(client("rekognition"), s3=lru_cache(maxsize=None)(partial(client, "s3"))),
        records=RecordTable(client("dynamodb"), settings.table),
        metrics=MetricSink(client("cloudwatch"), settings.namespace),
        settings=settings,
    )


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any] | None:
    """Lambda's entry point: see `Scorer.handle`."""
    ready = scorer()
    log.begin(context.aws_request_id)
    return ready.handle(event, context.get_remaining_time_in_millis)
