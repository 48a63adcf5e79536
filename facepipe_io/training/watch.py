"""Following a training or tuning job of SageMaker's until it ends."""

from __future__ import annotations

import re
from typing import Any, Callable, Mapping, Sequence

import attrs

from facepipe_io.edge.aws import code
from facepipe_io.errors import TrainingError
from facepipe_io.text import one_line

_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_SECONDS = 15.0

# AWS's own expression for validation:mAP, read more strictly; as DescribeTrainingJob shows it:
# #quality_metric: host=\S+, epoch=\S+, validation mAP <score>=\((\S+)\)
_QUALITY = re.compile(
    r"(?:^|\s)#quality_metric: host=\S+, epoch=([0-9]{1,9}), validation mAP <score>="
    r"\(([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?)\)\s*$"
)

# Those of "Common errors" in the services' references that say to try again.
_THROTTLED = (
    "LimitExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
)
_MISSING = ("ResourceNotFound", "ResourceNotFoundException", "ValidationException")
_BARS = "▁▂▃▄▅▆▇█"


@attrs.frozen
class Score:
    """How good a model was.

    Attributes:
        at: the epoch, from 0, as SageMaker's log counts; of a tuning job, how many jobs had ended.
        value: the mean average precision on the validation pictures, 0 to 1; of a tuning job, of
            the best model so far.
    """

    at: int
    value: float


@attrs.frozen
class Progress:
    """What is known of a job.

    Attributes:
        job: its name.
        state: AWS's word for what it does.
        scores: its scores in order.
        unit: what they are counted in: epoch or job.
        problem: why the last look came to nothing; empty when it did not.
    """

    job: str
    state: str = "Starting"
    scores: tuple[Score, ...] = ()
    unit: str = "epoch"
    problem: str = ""

    @property
    def best(self) -> Score | None:
        """The highest score, of equal ones the first; None before there is any."""
        return max(self.scores, key=lambda score: score.value, default=None)

    def line(self) -> str:
        """How far it is, on a line."""
        parts = [self.state]
        if self.best is not None:
            last = self.scores[-1]
            parts.append(f"{self.unit} {last.at}: mAP {last.value:.3f}")
            parts.append(f"best {self.best.value:.3f} ({self.unit} {self.best.at})")
            parts.append(sparkline([score.value for score in self.scores]))
        return "  ".join(parts)


@attrs.frozen
class Result:
    """What came of a job.

    Attributes:
        job: the training job that made the model.
        model: where the model is, s3://.../model.tar.gz.
        best: its score; None when none was seen.
        tuned: the hyperparameters that tuning found.
    """

    job: str
    model: str
    best: Score | None
    tuned: Mapping[str, str] = attrs.field(factory=dict)


def parse_score(line: str) -> Score | None:
    """Read the score out of a line of a job's log; None when it holds no score from 0 to 1.

    Example:
        >>> parse_score(
        ...     "[11/20/2026 09:30:05 INFO 139923161179968] #quality_metric: host=algo-1, "
        ...     "epoch=3, validation mAP <score>=(0.4123)"
        ... )
        Score(at=3, value=0.4123)
    """
    found = _QUALITY.search(line)
    if found is None or not 0 <= float(found[2]) <= 1:
        return None
    return Score(int(found[1]), float(found[2]))


def sparkline(values: Sequence[float], width: int = 30) -> str:
    """Draw numbers of 0 or more as bars, the last `width` of them, the highest at full height.

    Example:
        >>> sparkline([0, 0.1, 0.2, 0.4])
        '▁▃▅█'
    """
    shown = list(values)[-width:]
    top = max(shown, default=0) or 1
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in shown)


def watch(
    sagemaker: Any,
    logs: Any,
    job: str,
    show: Callable[[Progress], None],
    sleep: Callable[[float], None],
) -> Result:
    """Follow a job until it ends.

    A network that is away, and an AWS that asks for patience, are shown and waited for.

    Args:
        sagemaker: boto3's client.
        logs: boto3's client, for CloudWatch Logs.
        job: name of a training or tuning job.
        show: called at every look.
        sleep: called with the seconds between two looks.

    Raises:
        TrainingError: when the job failed or was stopped, or AWS does not tell of it.
    """
    watched = _Watched(sagemaker, logs, Progress(job))
    while True:
        try:
            result = watched.look()
        except _PassingError as error:
            show(attrs.evolve(watched.progress, problem=str(error)))
        else:
            show(watched.progress)
            if result is not None:
                return result
        sleep(_SECONDS)


class _PassingError(Exception):
    """AWS does not answer for now."""


@attrs.define
class _Watched:
    _sagemaker: Any
    _logs: Any
    progress: Progress
    _tuning: bool | None = None  # unknown before the first look
    _read_to: int = 0  # of the log, in milliseconds

    def look(self) -> Result | None:
        """Bring the progress up to date; the result once there is one."""
        if self._tuning is not True:
            found = self._ask(self._sagemaker.describe_training_job, TrainingJobName=self._job)
            if found is not None:
                self._tuning = False
                return self._look_at_training(found)
        if self._tuning is not False:
            found = self._ask(
                self._sagemaker.describe_hyper_parameter_tuning_job,
                HyperParameterTuningJobName=self._job,
            )
            if found is not None:
                self._tuning = True
                return self._look_at_tuning(found)
        region = self._sagemaker.meta.region_name
        raise TrainingError(self._job, f"there is none of that name in {region}")

    @property
    def _job(self) -> str:
        return self.progress.job

    def _look_at_training(self, found: Mapping[str, Any]) -> Result | None:
        status, doing = found["TrainingJobStatus"], found["SecondaryStatus"]
        # Read after the status: a job that has ended writes no more.
        scores = {score.at: score for score in (*self.progress.scores, *self._new_scores())}
        self.progress = attrs.evolve(
            self.progress, state=doing, scores=tuple(scores[at] for at in sorted(scores))
        )
        model = found.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")
        if status == "Failed":
            raise TrainingError(self._job, f"it failed: {_reason(found)}")
        if status == "Stopped":
            kept = f"; if it had saved a model by then, that is {model}" if model else ""
            raise TrainingError(self._job, f"it was stopped before its end ({doing}){kept}")
        return Result(self._job, model, self.progress.best) if status == "Completed" else None

    def _look_at_tuning(self, found: Mapping[str, Any]) -> Result | None:
        status, counts = found["HyperParameterTuningJobStatus"], found["TrainingJobStatusCounters"]
        ended = sum(counts.get(name, 0) for name in ("Completed", "Stopped", "NonRetryableError"))
        limits = found["HyperParameterTuningJobConfig"]["ResourceLimits"]
        scores = self.progress.scores
        best = found.get("BestTrainingJob") or {}
        value = best.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value")
        if value is not None and (not scores or scores[-1].at < ended):
            scores = (*scores, Score(ended, float(value)))
        state = f"{status}  {ended} of {limits.get('MaxNumberOfTrainingJobs', '?')} jobs"
        self.progress = attrs.evolve(self.progress, state=state, scores=scores, unit="job")
        if status in ("InProgress", "Stopping"):
            return None
        if status not in ("Completed", "Stopped") or value is None:
            raise TrainingError(self._job, f"no model came of it ({status}): {_reason(found)}")
        name = best["TrainingJobName"]
        made = self._ask(self._sagemaker.describe_training_job, TrainingJobName=name)
        if made is None:
            raise TrainingError(self._job, f"its best job {name} is gone")
        model = made["ModelArtifacts"]["S3ModelArtifacts"]
        return Result(name, model, self.progress.best, best.get("TunedHyperParameters", {}))

    def _ask(self, call: Callable[..., Any], **request: Any) -> Mapping[str, Any] | None:
        """An answer of AWS's; None when there is nothing of that name."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: Mapping[str, Any] = call(**request)
        except (BotoCoreError, ClientError) as error:
            if code(error) in _MISSING:
                return None
            _let_pass(error)
            hint = "if it runs, it goes on all the same"
            raise TrainingError(self._job, f"{one_line(error)}; {hint}") from error
        return answer

    def _new_scores(self) -> list[Score]:
        from botocore.exceptions import BotoCoreError, ClientError

        scores = []
        stream = f"{self._job}/"
        try:
            pages = self._logs.get_paginator("filter_log_events").paginate(
                logGroupName=_LOG_GROUP,
                logStreamNamePrefix=stream,
                startTime=self._read_to,
                filterPattern='"validation mAP"',
            )
            for page in pages:
                for event in page["events"]:
                    if not event["logStreamName"].startswith(stream):
                        continue
                    self._read_to = max(self._read_to, event["timestamp"])
                    score = parse_score(event["message"])
                    if score is not None:
                        scores.append(score)
        except (BotoCoreError, ClientError) as error:
            # There is no log before the first job writes one.
            if code(error) != "ResourceNotFoundException":
                self._note(error)
                return scores
        self.progress = attrs.evolve(self.progress, problem="")
        return scores

    def _note(self, error: Exception) -> None:
        """The job is followed all the same, without scores."""
        problem = f"its log cannot be read: {one_line(error)}"
        self.progress = attrs.evolve(self.progress, problem=problem)


def _reason(found: Mapping[str, Any]) -> str:
    return found.get("FailureReason") or "AWS does not say why"


def _let_pass(error: Exception) -> None:
    """Raise _PassingError when an error is one to wait out."""
    from botocore.exceptions import ConnectionError as NoConnectionError
    from botocore.exceptions import HTTPClientError

    response = getattr(error, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    unreachable = isinstance(error, (NoConnectionError, HTTPClientError))
    if unreachable or status >= 500 or code(error) in _THROTTLED:
        raise _PassingError(f"AWS does not answer for now: {one_line(error)}") from error
