"""What can go wrong in the pure library.

FacepipeError
    ShapeError          an array of a shape that cannot be meant
    ImageError          bytes or an array that are no picture
    KeyFormatError      an S3 key that facepipe did not make
    AttributesError     custom attributes that say nothing of a frame
    EventError          an event that no service sends
    ResponseError       a response that DetectFaces does not give
    FeedbackError       a feedback configuration that makes no sense
    LabelsError         labels of pictures that cannot be read, or not be written
    PointerError        a text that points to no published model
    CostsError          a workload or a price list that makes no sense
"""

from __future__ import annotations

from typing import Sequence


class FacepipeError(Exception):
    """Root of every error that facepipe raises on purpose; its text is one sentence."""


class ShapeError(FacepipeError, ValueError):
    """An array has a shape that cannot be meant.

    Attributes:
        name: the argument.
        expected: the shape that was expected, in words.
        got: what came instead.
    """

    def __init__(self, name: str, expected: str, got: object) -> None:
        self.name = name
        self.expected = expected
        self.got = got
        super().__init__(name, expected, got)

    def __str__(self) -> str:
        return f"{self.name} must be {self.expected}, not {self.got}"


class ImageError(FacepipeError, ValueError):
    """Bytes or an array that are no usable picture.

    Attributes:
        reason: what is wrong with them.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class KeyFormatError(FacepipeError, ValueError):
    """An S3 key that facepipe did not make, or parts that make no key.

    Attributes:
        key: the key, or the offending part of one.
        reason: why it is none of ours.
    """

    def __init__(self, key: object, reason: str) -> None:
        self.key = key
        self.reason = reason
        super().__init__(key, reason)

    def __str__(self) -> str:
        return f"{self.key!r} is no facepipe key: {self.reason}"


class AttributesError(FacepipeError, ValueError):
    """Custom attributes of SageMaker's that say nothing of a frame, or parts that make none.

    Attributes:
        reason: what is wrong with them.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class EventError(FacepipeError, ValueError):
    """An event that is none of S3, SQS, SNS, EventBridge or S3 Batch Operations.

    Attributes:
        reason: what is missing from it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class ResponseError(FacepipeError, ValueError):
    """A response that does not have the form of Rekognition's DetectFaces.

    Attributes:
        reason: what is missing from it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class FeedbackError(FacepipeError, ValueError):
    """A feedback configuration that makes no sense.

    Attributes:
        problems: one sentence each; all that were found, not only the first.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "; ".join(self.problems)


class LabelsError(FacepipeError, ValueError):
    """Labels of pictures that cannot be read at all, or not be written.

    Attributes:
        reason: what is wrong with them.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class PointerError(FacepipeError, ValueError):
    """A text that points to no published model, or parts that make no such pointer.

    Attributes:
        reason: what is wrong with them.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class CostsError(FacepipeError, ValueError):
    """A workload or a price list that makes no sense.

    Attributes:
        reason: what is wrong with it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
