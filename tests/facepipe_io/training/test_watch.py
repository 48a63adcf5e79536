from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe_io.errors import TrainingError
from facepipe_io.training.watch import Progress, Score, parse_score, sparkline, watch

MODEL = "s3://deeplens-faces/training/deeplens-bottles-1/output/model.tar.gz"
PENDING = {"training_job_status": "InProgress", "secondary_status": "Training"}
DONE = {"training_job_status": "Completed", "secondary_status": "Completed"}
BEST = {
    "TrainingJobName": "deeplens-bottles-1",
    "TrainingJobStatus": "Completed",
    "TunedHyperParameters": {"learning_rate": "0.001", "optimizer": "adam"},
    "FinalHyperParameterTuningJobObjectiveMetric": {
        "MetricName": "validation:mAP",
        "Value": 0.5,
    },
}


def quality(epoch, value):
    """A line as the algorithm writes it."""
    return (
        f"[11/20/2026 09:30:05 INFO 139923161179968] #quality_metric: host=algo-1, "
        f"epoch={epoch}, validation mAP <score>=({value})"
    )


def follow(account, job, *steps):
    """Follow a job: a step is taken at each wait. What was shown, and the result or the error."""
    shown, waiting = [], list(steps)

    def sleep(seconds):
        assert seconds > 0
        waiting.pop(0)()  # no step left: it waits for ever

    try:
        result = watch(account.sagemaker, account.logs, job, shown.append, sleep)
    except TrainingError as error:
        result = error
    assert waiting == []
    return shown, result


class TestParseScore:
    @given(st.integers(0, 10**9 - 1), st.floats(0, 1))
    @example(0, 0.0)
    @example(49, 1e-07)
    @example(7, 1)
    def test_what_the_algorithm_writes_is_read(self, epoch, value):
        assert parse_score(quality(epoch, value)) == Score(epoch, value)
        assert parse_score(quality(epoch, value) + "\r\n") == Score(epoch, value)

    @given(st.text(), st.text())
    def test_text_around_the_form_is_no_score(self, before, after):
        line = quality(3, 0.5)
        assert parse_score(before) is None
        assert parse_score(f"{line}{after}") == (None if after.strip() else Score(3, 0.5))

    @given(st.integers(0, 200), st.characters())
    def test_a_line_cut_or_changed_in_its_form_is_no_other_score(self, at, character):
        line = quality(3, 0.5)
        at %= len(line)
        assert parse_score(line[:at]) is None
        found = parse_score(line[:at] + character + line[at + 1 :])
        assert found is None or 0 <= found.value <= 1

    @pytest.mark.parametrize(
        "value", ["nan", "inf", "-0.1", "1.1", "1e9", "0_1", "", "\u0660.\u0665", "0.5)(0.6"]
    )
    def test_no_share_is_no_score(self, value):
        assert parse_score(quality(3, value)) is None

    @pytest.mark.parametrize("epoch", ["-1", "x", "", "1.0", "\u0663", "1" * 10])
    def test_no_number_is_no_epoch(self, epoch):
        assert parse_score(quality(epoch, "0.5")) is None

    @pytest.mark.parametrize(
        "line",
        [
            "#quality_metric: host=algo-1, epoch=3, batch=9 train cross_entropy <loss>=(0.5)",
            "x#quality_metric: host=algo-1, epoch=3, validation mAP <score>=(0.5)",
            "#quality_metric: host=algo-1, epoch=3, validation mAP <score>=0.5",
        ],
    )
    def test_another_metric_is_no_score(self, line):
        assert parse_score(line) is None


class TestSparkline:
    @given(st.lists(st.floats(0, 1)), st.integers(1, 40))
    def test_it_has_a_bar_for_each_of_the_last(self, values, width):
        bars = sparkline(values, width)
        assert len(bars) == min(len(values), width)
        assert not any(values[-width:]) or "█" in bars

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
    def test_higher_values_have_no_lower_bars(self, values):
        bars = dict(zip(values, sparkline(values)))
        assert [bars[value] for value in sorted(bars)] == sorted(bars.values())


class TestProgress:
    def test_a_line_has_the_last_and_the_best(self):
        scores = (Score(0, 0.1), Score(1, 0.4), Score(2, 0.2))
        assert Progress("a", "Training", scores).line() == (
            "Training  epoch 2: mAP 0.200  best 0.400 (epoch 1)  ▃█▅"
        )

    def test_before_any_score_it_has_the_state(self):
        assert Progress("a", "Starting").line() == "Starting"

    def test_of_equal_scores_the_first_is_best(self):
        assert Progress("a", scores=(Score(0, 0.4), Score(1, 0.4))).best == Score(0, 0.4)


class TestTraining:
    def test_it_is_followed_from_epoch_to_epoch(self, account):
        job = account.start(training_job_status="InProgress", secondary_status="Starting")
        shown, result = follow(
            account,
            job,
            lambda: (account.set(job, **PENDING), account.log(job, "hello", quality(0, 0.25))),
            lambda: account.log(job, quality(1, 0.5), at=1),
            lambda: (account.log(job, quality(2, 0.375), at=2), account.set(job, **DONE)),
        )
        assert [progress.state for progress in shown] == [
            "Starting",
            "Training",
            "Training",
            "Completed",
        ]
        values = [[score.value for score in progress.scores] for progress in shown]
        assert values == [[], [0.25], [0.25, 0.5], [0.25, 0.5, 0.375]]
        assert (result.job, result.model, result.best) == (job, MODEL, Score(1, 0.5))
        assert not any(progress.problem for progress in shown)

    def test_the_log_of_another_job_is_left_alone(self, account):
        job = account.start()
        account.log("deeplens-bottles-10", quality(0, 0.9))
        account.log(job, quality(0, 0.1))
        _, result = follow(account, job)
        assert result.best == Score(0, 0.1)

    def test_a_job_without_scores_still_has_its_model(self, account):
        _, result = follow(account, account.start())
        assert (result.model, result.best) == (MODEL, None)

    def test_why_it_failed_is_told(self, account):
        job = account.start(
            training_job_status="Failed",
            secondary_status="Failed",
            failure_reason="ClientError: Unable to parse record.",
        )
        _, error = follow(account, job)
        assert str(error) == (
            "the job deeplens-bottles-1: it failed: ClientError: Unable to parse record."
        )

    def test_one_that_ran_too_long_is_told_of(self, account):
        job = account.start(training_job_status="Stopped", secondary_status="MaxRuntimeExceeded")
        _, error = follow(account, job)
        assert "stopped before its end (MaxRuntimeExceeded); if it had saved a model" in str(error)
        assert MODEL in str(error)

    def test_one_that_is_not_there_is_told_of(self, account):
        _, error = follow(account, "deeplens-none")
        assert str(error) == "the job deeplens-none: there is none of that name in eu-west-1"


class TestTuning:
    def test_the_best_is_followed_from_job_to_job(self, account):
        account.start()
        job = account.start_tuning(
            hyper_parameter_tuning_job_status="InProgress",
            training_job_status_counters={"InProgress": 1},
            best_training_job=None,
        )

        def end(ended, value, status):
            metric = {"MetricName": "validation:mAP", "Value": value}
            best = {**BEST, "FinalHyperParameterTuningJobObjectiveMetric": metric}
            account.set_tuning(
                job,
                hyper_parameter_tuning_job_status=status,
                training_job_status_counters={"Completed": ended - 1, "Stopped": 1},
                best_training_job=best,
            )

        shown, result = follow(
            account,
            job,
            lambda: end(1, 0.25, "InProgress"),
            lambda: None,
            lambda: end(30, 0.5, "Completed"),
        )
        assert shown[0].line() == "InProgress  0 of 30 jobs"
        assert shown[1] == shown[2]
        assert shown[3].scores == (Score(1, 0.25), Score(30, 0.5))
        assert "best 0.500 (job 30)" in shown[3].line()
        assert (result.job, result.model) == ("deeplens-bottles-1", MODEL)
        assert result.tuned == {"learning_rate": "0.001", "optimizer": "adam"}

    def test_one_that_was_stopped_has_the_best_so_far(self, account):
        account.start()
        job = account.start_tuning(
            hyper_parameter_tuning_job_status="Stopped", best_training_job=BEST
        )
        _, result = follow(account, job)
        assert result.model == MODEL

    def test_one_without_a_model_is_an_error(self, account):
        job = account.start_tuning(
            hyper_parameter_tuning_job_status="Failed",
            best_training_job=None,
            failure_reason="All training jobs failed.",
        )
        _, error = follow(account, job)
        assert "no model came of it (Failed): All training jobs failed." in str(error)

    def test_one_whose_best_job_is_gone_is_told_of(self, account):
        _, error = follow(account, account.start_tuning(best_training_job=BEST))
        assert "its best job deeplens-bottles-1 is gone" in str(error)


def refuse(client, operation, error):
    """Let an operation fail, as with an error of boto3's; what ends that."""
    if isinstance(error, tuple):
        code, status = error
        error = ClientError(
            {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
        )

    def fail(**_):
        raise error

    name = f"before-call.{client.meta.service_model.service_name}.{operation}"
    client.meta.events.register(name, fail)
    return lambda: client.meta.events.unregister(name, fail)


class TestTrouble:
    @pytest.mark.parametrize(
        "error",
        [
            ("ThrottlingException", 400),
            ("InternalFailure", 500),
            EndpointConnectionError(endpoint_url="https://sagemaker"),
        ],
        ids=str,
    )
    def test_what_passes_is_shown_and_waited_for(self, account, error):
        job = account.start()
        mended = refuse(account.sagemaker, "DescribeTrainingJob", error)
        shown, result = follow(account, job, lambda: None, mended)
        assert [bool(progress.problem) for progress in shown] == [True, True, False]
        assert shown[0].problem.startswith("AWS does not answer for now: ")
        assert result.model == MODEL

    def test_what_was_known_stays_known(self, account):
        job = account.start(**PENDING)
        account.log(job, quality(0, 0.25))
        mended = []

        def fail():
            mended.append(refuse(account.sagemaker, "DescribeTrainingJob", ("Throttling", 400)))

        shown, _ = follow(account, job, fail, lambda: (mended.pop()(), account.set(job, **DONE)))
        assert shown[1].scores == (Score(0, 0.25),)

    @pytest.mark.parametrize("code", ["AccessDeniedException", "ExpiredTokenException"])
    def test_what_does_not_pass_ends_the_watch_but_not_the_job(self, account, code):
        job = account.start(**PENDING)
        refuse(account.sagemaker, "DescribeTrainingJob", (code, 400))
        shown, error = follow(account, job)
        assert shown == []
        assert code in str(error)
        assert "if it runs, it goes on all the same" in str(error)

    def test_without_its_log_a_job_is_followed_all_the_same(self, account):
        job = account.start()
        refuse(account.logs, "FilterLogEvents", ("AccessDeniedException", 400))
        (progress,), result = follow(account, job)
        assert progress.problem.startswith("its log cannot be read: ")
        assert result.model == MODEL
