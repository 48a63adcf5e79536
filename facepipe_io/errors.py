"""What can go wrong on the way to and from the world.

FacepipeError
    SettingsError       settings that are missing or make no sense, all of them at once
    CameraError         a source that gives no frames
    ModelError          a model that cannot be used
    EndpointError       a SageMaker endpoint that does not answer as it should
    UplinkError         a place that takes no crops or samples
    BusError            a bus that takes no messages
    StoreError          a file of an output folder, or a table, that cannot be read or written
    TrainingError       a training job that failed, or that AWS does not tell of
"""

from __future__ import annotations

from typing import Sequence

from facepipe.errors import FacepipeError


class SettingsError(FacepipeError):
    """Settings that are missing or make no sense.

    Attributes:
        problems: one sentence each; all that were found, not only the first.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "; ".join(self.problems)


class CameraError(FacepipeError):
    """A source that gives no frames.

    Attributes:
        source: the source as it was named.
        reason: what is wrong, and what to do.
    """

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(source, reason)

    def __str__(self) -> str:
        return f"cannot read frames from {self.source}: {self.reason}"


class ModelError(FacepipeError):
    """A model that cannot be used.

    Attributes:
        path: the model's file.
        reason: what is wrong, and what to do.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(path, reason)

    def __str__(self) -> str:
        return f"cannot use the model {self.path}: {self.reason}"


class EndpointError(FacepipeError):
    """A SageMaker endpoint that does not answer as it should.

    Attributes:
        endpoint: its name.
        reason: what is wrong, and what to do.
    """

    def __init__(self, endpoint: str, reason: str) -> None:
        self.endpoint = endpoint
        self.reason = reason
        super().__init__(endpoint, reason)

    def __str__(self) -> str:
        return f"the endpoint {self.endpoint} does not answer as it should: {self.reason}"


class UplinkError(FacepipeError):
    """A place that takes no crops or samples.

    Attributes:
        target: the bucket or folder.
        reason: what is wrong, and what to do.
    """

    def __init__(self, target: str, reason: str) -> None:
        self.target = target
        self.reason = reason
        super().__init__(target, reason)

    def __str__(self) -> str:
        return f"cannot store anything in {self.target}: {self.reason}"


class BusError(FacepipeError):
    """A bus that takes no messages.

    Attributes:
        target: the broker, or what else takes the messages.
        reason: what is wrong, and what to do.
    """

    def __init__(self, target: str, reason: str) -> None:
        self.target = target
        self.reason = reason
        super().__init__(target, reason)

    def __str__(self) -> str:
        return f"cannot send messages to {self.target}: {self.reason}"


class StoreError(FacepipeError):
    """A file of an output folder, a table or a bucket that cannot be read or written.

    Attributes:
        path: the file or folder; or the table or the bucket, in words.
        reason: what is wrong, and what to do.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(path, reason)

    def __str__(self) -> str:
        return f"cannot use {self.path}: {self.reason}"


class TrainingError(FacepipeError):
    """A job that failed, or that AWS does not tell of.

    Attributes:
        job: its name.
        reason: what is wrong, and what to do.
    """

    def __init__(self, job: str, reason: str) -> None:
        self.job = job
        self.reason = reason
        super().__init__(job, reason)

    def __str__(self) -> str:
        return f"the job {self.job}: {self.reason}"
