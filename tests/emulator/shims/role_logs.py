"""Log lines that a service writes on behalf of a role, which must be allowed to."""

from __future__ import annotations

import time
from typing import Sequence

from moto.logs.models import logs_backends

from tests.emulator.settings import ACCOUNT
from tests.emulator.shims.iam import role_may


def write(role: str, region: str, group: str, stream: str, lines: Sequence[str]) -> None:
    """Put lines into a log stream, made if it is not there; nothing where the role may not.

    Args:
        role: its ARN.
        region: where.
        group: the log group's name.
        stream: the log stream's.
        lines: without ends.
    """
    logs = logs_backends[ACCOUNT][region]
    arn = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{group}:log-stream:{stream}"
    needed = ("logs:CreateLogStream", "logs:PutLogEvents")
    if not lines or not all(role_may(role, action, arn) for action in needed):
        return
    if group not in logs.groups:
        if not role_may(role, "logs:CreateLogGroup", arn):
            return
        logs.create_log_group(group, {})
    logs.ensure_log_stream(group, stream)
    now = round(time.time() * 1000)
    logs.put_log_events(group, stream, [{"timestamp": now, "message": line} for line in lines])
