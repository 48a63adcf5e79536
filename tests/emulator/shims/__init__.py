"""What moto 5.2.5 lacks for this stack, one module a service.

Each module's docstring names the gaps, and `install` fills them. Nothing is changed by an import.
"""

from __future__ import annotations

from tests.emulator.settings import Settings
from tests.emulator.shims import (
    cloudwatch,
    greengrass,
    iam,
    iot,
    iot_rules,
    lambda_,
    lambda_queues,
    rekognition,
    s3,
    sqs,
)


def install(settings: Settings) -> None:
    """Fill every gap."""
    for shim in (
        cloudwatch,
        greengrass,
        iam,
        iot,
        iot_rules,
        lambda_,
        lambda_queues,
        rekognition,
        s3,
        sqs,
    ):
        shim.install(settings)
