"""Which samples are worth labelling: the four strategies of AWS's ML Feedback connector.

The connector ended with AWS IoT Greengrass V1. Its configuration, a JSON object of which each key
names one destination, is read unchanged ("ML Feedback Connector", AWS IoT Greengrass V1 developer
guide).
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, Sequence

import attrs

from facepipe.errors import FeedbackError
from facepipe.keys import PREFIX

if TYPE_CHECKING:
    from typing import Protocol

    class Generator(Protocol):
        """A generator of random numbers: `random.Random`, NumPy's `Generator`."""

        def random(self) -> float:
            """A number from 0 to 1, 1 excluded."""


RANDOM_SAMPLING = "RANDOM_SAMPLING"

# Whether a distribution is worth labelling, by a threshold.
_QUALIFIES: Mapping[str, Callable[[Sequence[float], float], bool]] = {
    "LEAST_CONFIDENCE": lambda p, threshold: max(p) <= threshold,
    "MARGIN": lambda p, threshold: margin(p) <= threshold,
    "ENTROPY": lambda p, threshold: entropy(p) > threshold,
}

#: What a sample may be, the smaller first, and the extensions of each.
PICTURES: Mapping[str, tuple[str, ...]] = {"image/jpeg": ("jpg", "jpeg"), "image/png": ("png",)}

_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]{1,62}\Z")
_BUCKET = re.compile(r"[a-z0-9.-]{3,63}\Z")
_NO_LIMIT = 1e308  # JSON has whole numbers that are too large for a float
_KEYS = ("s3-bucket-name", "content-type", "s3-prefix", "file-ext", "sampling-strategy")

# Of the 1024 bytes that S3 takes, a camera's name and a sample's own need up to 591. A part of a
# key is the name of a folder, too, where samples wait, and that has up to 255.
_PREFIX_BYTES, _FOLDER_BYTES = 400, 255
_UNSAFE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def entropy(prediction: Iterable[float]) -> float:
    """The entropy of a distribution in nats, 0 for one of which only one outcome is possible.

    Args:
        prediction: probabilities, each 0 to 1.

    Example:
        >>> round(entropy([0.5, 0.25, 0.25]), 5)
        1.03972
    """
    # The sum of floats that does not depend on their order.
    return math.fsum(-p * math.log(p) for p in prediction if p > 0)


def margin(prediction: Sequence[float]) -> float:
    """By how much the likeliest outcome of a distribution leads the next one.

    Args:
        prediction: one or more probabilities, each 0 to 1.

    Example:
        >>> round(margin([0.3, 0.35, 0.34, 0.01]), 5)
        0.01
    """
    first, second = sorted([*prediction, 0.0], reverse=True)[:2]
    return first - second


def face_predictions(scores: Iterable[float]) -> list[list[float]]:
    """The distributions of a detector: each face is one, or is none.

    Args:
        scores: of the faces of one frame, each 0 to 1.

    Example:
        >>> face_predictions([0.75])
        [[0.75, 0.25]]
    """
    return [[float(score), 1.0 - float(score)] for score in scores]


@attrs.frozen
class Strategy:
    """A sampling strategy.

    Attributes:
        name: `RANDOM_SAMPLING`, `LEAST_CONFIDENCE`, `MARGIN` or `ENTROPY`.
        limit: the rate of `RANDOM_SAMPLING`, 0 to 1; else the threshold: 0 to 1, or for `ENTROPY`
            0 or more, in nats.

    Raises:
        FeedbackError: if there is no such strategy or limit.
    """

    name: str
    limit: float

    def __attrs_post_init__(self) -> None:
        if self.name not in (RANDOM_SAMPLING, *_QUALIFIES):
            raise FeedbackError(
                [
                    f"strategy-name must be one of {', '.join((RANDOM_SAMPLING, *_QUALIFIES))}, "
                    f"not {_shown(self.name)}"
                ]
            )
        most = _NO_LIMIT if self.name == "ENTROPY" else 1
        if not (_is_number(self.limit) and 0 <= self.limit <= most):
            numbers = "0 or more" if self.name == "ENTROPY" else "from 0 to 1"
            raise FeedbackError(
                [f"{_limit_of(self.name)} must be a number {numbers}, not {_shown(self.limit)}"]
            )


def keeps(
    strategy: Strategy | None,
    predictions: Iterable[Sequence[float]],
    generator: Generator,
) -> bool:
    """Whether a sample is worth labelling.

    Args:
        strategy: None keeps every sample.
        predictions: what the model said of the sample: a distribution for each thing found, of
            which one has to qualify. One that is empty, or has a number that is not from 0 to 1,
            never does.
        generator: drawn from once for `RANDOM_SAMPLING`, which disregards the predictions.

    Example:
        >>> import random
        >>> keeps(Strategy("LEAST_CONFIDENCE", 0.6), [[0.2, 0.2, 0.4, 0.2]], random.Random())
        True
    """
    if strategy is None:
        return True
    if strategy.name == RANDOM_SAMPLING:
        return bool(generator.random() < strategy.limit)
    qualifies = _QUALIFIES[strategy.name]
    distributions = ([float(p) for p in prediction] for prediction in predictions)
    return any(
        qualifies(distribution, strategy.limit)
        for distribution in distributions
        if distribution and all(0 <= p <= 1 for p in distribution)
    )


@attrs.frozen
class FeedbackConfig:
    """Which samples to keep, and where.

    Attributes:
        id: its name.
        bucket: the S3 bucket.
        prefix: what the keys begin with, without a slash at its end; may be empty.
        content_type: `image/jpeg` or `image/png`.
        extension: `jpg`, `jpeg` or `png`.
        strategy: which samples; None for all.
    """

    id: str
    bucket: str
    prefix: str = ""
    content_type: str = "image/jpeg"
    extension: str = "jpg"
    strategy: Strategy | None = None


def parse_feedback(text: str) -> tuple[FeedbackConfig, ...]:
    """Read a `FeedbackConfigurationMap`.

    A content type or extension may be a list with commas, as in `image/jpeg,image/png`; the first
    of JPEG and PNG that fits is taken. A strategy may be an object or the JSON of one.

    Raises:
        FeedbackError: with a sentence for each thing that makes no sense.

    Example:
        >>> parse_feedback('''{"unsure": {
        ...     "s3-bucket-name": "samples", "content-type": "image/png",
        ...     "sampling-strategy": {"strategy-name": "ENTROPY", "threshold": 0.5}}}''')[0].bucket
        'samples'
    """
    problems: list[str] = []
    found = _load(text, "the feedback configuration", problems)
    if not problems and not (isinstance(found, dict) and found):
        problems.append("the feedback configuration must be an object of one configuration or more")
    configs = []
    for name, body in found.items() if isinstance(found, dict) else ():
        wrong: list[str] = []
        if not _ID.match(name):
            wrong.append("an ID must have 2 to 63 of a-z, A-Z, 0-9 and, not first, hyphens")
        config = _config(name, body, wrong)
        shown = name if _ID.match(name) else _shown(name)
        problems.extend(f"{shown}: {problem}" for problem in wrong)
        configs.append(config)
    if problems:
        raise FeedbackError(problems)
    return tuple(config for config in configs if config is not None)


def prefix_problem(prefix: str) -> str | None:
    """What is wrong with the prefix of samples' keys; None where nothing is.

    Example:
        >>> prefix_problem("samples/hall") is None, prefix_problem("faces/hall")
        (True, 'must not be under faces/, where every picture is scored')
    """
    parts = prefix.split("/") if prefix else []
    if any(part in ("", ".", "..") for part in parts):
        return "must be names with a slash between each two, none of them empty, . or .."
    if _UNSAFE.search(prefix):
        return "must be text without control characters"
    if len(prefix.encode()) > _PREFIX_BYTES or any(len(p.encode()) > _FOLDER_BYTES for p in parts):
        return f"must have at most {_PREFIX_BYTES} bytes, {_FOLDER_BYTES} between two slashes"
    if parts[:1] == [PREFIX.rstrip("/")]:
        return f"must not be under {PREFIX}, where every picture is scored"
    return None


def _config(name: str, body: Any, problems: list[str]) -> FeedbackConfig | None:
    """One configuration; what is wrong with it is added to the problems."""
    if not isinstance(body, dict):
        problems.append(f"must be an object, not {_shown(body)}")
        return None
    problems.extend(_unknown(body, _KEYS))
    bucket = _text(body, "s3-bucket-name", problems, required=True)
    if bucket and not _BUCKET.match(bucket):
        problems.append(
            f"s3-bucket-name must have 3 to 63 of a-z, 0-9, hyphen and dot, not {_shown(bucket)}"
        )
    prefix = _text(body, "s3-prefix", problems)
    prefix = prefix[:-1] if len(prefix) > 1 and prefix.endswith("/") else prefix
    problem = prefix_problem(prefix)
    if problem is not None:
        problems.append(f"s3-prefix {problem}, not {_shown(prefix)}")
    content_type, extension = _format(
        _text(body, "content-type", problems, required=True),
        _text(body, "file-ext", problems),
        problems,
    )
    strategy = None
    if "sampling-strategy" in body:
        strategy = _strategy(body["sampling-strategy"], problems)
    return FeedbackConfig(name, bucket, prefix, content_type, extension, strategy)


def _format(types: str, extensions: str, problems: list[str]) -> tuple[str, str]:
    """The content type and the extension that a sample is to have."""
    wanted = [each.strip().lower() for each in types.split(",")]
    named = [each.strip().lower() for each in extensions.split(",") if each.strip()]
    offered = [each for each in PICTURES if each in wanted]
    if types and not offered:
        problems.append(
            f"content-type must be {' or '.join(PICTURES)}, for samples are pictures, "
            f"not {_shown(types)}"
        )
    for content_type in offered:
        for extension in named or PICTURES[content_type]:
            if extension in PICTURES[content_type]:
                return content_type, extension
    if offered:
        fitting = ", ".join(extension for each in offered for extension in PICTURES[each])
        problems.append(f"file-ext must be one of {fitting}, not {_shown(extensions)}")
    return "", ""


def _strategy(value: Any, problems: list[str]) -> Strategy | None:
    if isinstance(value, str):
        before = len(problems)
        value = _load(value, "sampling-strategy", problems)
        if len(problems) > before:
            return None
    if not isinstance(value, dict):
        problems.append(f"sampling-strategy must be an object, not {_shown(value)}")
        return None
    name = _text(value, "strategy-name", problems, required=True)
    if not name:
        return None
    limit = _limit_of(name)
    try:
        strategy = Strategy(name, value.get(limit, 0))
    except FeedbackError as error:
        problems.extend(error.problems)
        return None
    if limit not in value:
        problems.append(f"{limit} must be set, for {name}")
    problems.extend(_unknown(value, ("strategy-name", limit)))
    return strategy


def _text(body: Mapping[str, Any], key: str, problems: list[str], required: bool = False) -> str:
    value: object = body.get(key, "")
    if not isinstance(value, str):
        problems.append(f"{key} must be text, not {_shown(value)}")
        return ""
    if required and not value:
        problems.append(f"{key} must be set")
    return value


def _unknown(body: Mapping[str, Any], known: Sequence[str]) -> list[str]:
    return [
        f"{_shown(key)} is unknown here; there are {', '.join(known)}"
        for key in body
        if key not in known
    ]


def _limit_of(name: str) -> str:
    return "rate" if name == RANDOM_SAMPLING else "threshold"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """A value as a sentence can bear it."""
    return f"{value!r:.80}"


def _load(text: str, what: str, problems: list[str]) -> Any:
    """Read JSON; what is wrong with it is added to the problems."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        keys = [key for key, _ in pairs]
        twice = [key for key in found if keys.count(key) > 1]
        problems.extend(f"{what} must not name {_shown(key)} twice" for key in twice)
        return found

    def no_number(name: str) -> None:
        raise ValueError(f"{name} is no number")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        problems.append(f"{what} must be JSON: {error}")
        return None
