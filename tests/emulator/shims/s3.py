"""S3. What moto lacks, and this fills in:

- notifications reach any queue or topic: S3 needs the leave of its policy, and refuses a
  configuration to which it has none.

That S3 tells of a key that is not there only whom it lets list the bucket is in `iam`.
"""

from __future__ import annotations

import json
from typing import Any

from moto.s3 import notifications
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from tests.emulator.policies import is_allowed
from tests.emulator.settings import ACCOUNT, Settings
from tests.emulator.shims.iam import service_request


def install(_: Settings) -> None:
    """Fill the gaps."""
    send_event, send_test_event = notifications.send_event, notifications.send_test_event
    set_configuration = FakeBucket.set_notification_configuration

    def set_notification_configuration(self: Any, configuration: Any) -> None:
        before = self.notification_configuration
        try:
            set_configuration(self, configuration)
        except S3ClientError:
            self.notification_configuration = before
            raise

    def first_event(account_id: str, bucket: Any) -> None:
        if not all(_may_send(bucket, each.arn) for each in _targets(bucket)):
            raise S3ClientError(
                "InvalidArgument", "Unable to validate the following destination configurations"
            )
        send_test_event(account_id, bucket)

    def event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        configuration = bucket.notification_configuration
        if configuration and all(_may_send(bucket, each.arn) for each in _targets(bucket)):
            send_event(account_id, event_name, bucket, key)

    FakeBucket.set_notification_configuration = set_notification_configuration
    notifications.send_test_event = first_event
    notifications.send_event = event


def _targets(bucket: Any) -> list[Any]:
    return [*bucket.notification_configuration.queue, *bucket.notification_configuration.topic]


def _may_send(bucket: Any, arn: str) -> bool:
    _, _, service, region, _, name = arn.split(":", 5)
    if service == "sqs":
        target = sqs_backends[ACCOUNT][region].queues.get(name)
        action = "sqs:SendMessage"
    else:
        target = sns_backends[ACCOUNT][region].topics.get(arn)
        action = "sns:Publish"
    if target is None or not target.policy:
        return False
    asked = service_request("s3.amazonaws.com", action, arn, source=bucket.arn)
    return is_allowed(asked, resource=json.loads(target.policy))
