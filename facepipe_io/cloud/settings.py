"""The cloud function's settings."""

from __future__ import annotations

import attrs

from facepipe_io.settings import number, setting


@attrs.frozen
class ScorerSettings:
    """What the cloud function reads from its environment.

    Example:
        >>> from facepipe_io.settings import load
        >>> load(ScorerSettings, {"FACEPIPE_MIN_CONFIDENCE": "50"})
        ScorerSettings(table='rekognize-faces', namespace='Facepipe', min_confidence=50.0, \
record_days=30.0)
    """

    table: str = setting(
        "FACEPIPE_TABLE", help="DynamoDB table of the records", default="rekognize-faces"
    )
    namespace: str = setting(
        "FACEPIPE_NAMESPACE", help="CloudWatch namespace of the metrics", default="Facepipe"
    )
    min_confidence: float = setting(
        "FACEPIPE_MIN_CONFIDENCE",
        help="emotions count whose confidence (0 to 100) is greater than this",
        default=10.0,
        parse=number(0, 100),
    )
    record_days: float = setting(
        "FACEPIPE_RECORD_DAYS",
        help="days after which a record expires",
        default=30.0,
        parse=number(1, 3650),
    )
