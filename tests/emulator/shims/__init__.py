"""What moto 5.2.5 lacks for this stack, one module a service.

Each module's docstring names the gaps, and `install` fills them. Nothing is changed by an import.
"""

from __future__ import annotations

from tests.emulator.settings import Settings
from tests.emulator.shims import (
    cloudwatch,
    greengrass,
    hosts,
    iam,
    iot,
    iot_rules,
    kinesis_video,
    lambda_,
    lambda_queues,
    queue_metrics,
    rekognition,
    s3,
    sagemaker,
    sagemaker_runtime,
    sqs,
)


def install(settings: Settings) -> None:
    """Fill every gap."""
    for shim in (
        cloudwatch,
        greengrass,
        hosts,
        iam,
        iot,
        iot_rules,
        kinesis_video,
        lambda_,
        lambda_queues,
        queue_metrics,
        rekognition,
        s3,
        sagemaker,
        sagemaker_runtime,
        sqs,
    ):
        shim.install(settings)
