from __future__ import annotations

import json
import math
import random
from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.errors import FeedbackError
from facepipe.sampling import (
    FeedbackConfig,
    Strategy,
    entropy,
    face_predictions,
    keeps,
    margin,
    parse_feedback,
)
from tests.strategies import distributions, feedback_maps, sampling_strategies

# The configuration of the accelerator in the field, and the example in the connector's own
# documentation.
ACCELERATOR = """{
  "RandomSamplingConfiguration": {
    "s3-bucket-name": "feedback-bucket",
    "file-ext": "png,jpg",
    "content-type": "image/jpeg,image/png",
    "sampling-strategy": {"strategy-name": "RANDOM_SAMPLING", "rate": 0.5}
  },
  "LC50": {
    "s3-bucket-name": "feedback-bucket",
    "s3-prefix": "confidence-lower-than-50",
    "content-type": "image/jpeg,image/png",
    "sampling-strategy": {"strategy-name": "LEAST_CONFIDENCE", "threshold": 0.5}
  },
  "Entropy": {
    "s3-bucket-name": "feedback-bucket",
    "s3-prefix": "entropy",
    "content-type": "image/jpeg,image/png",
    "sampling-strategy": {"strategy-name": "ENTROPY", "threshold": 1.0}
  }
}"""


class NoGenerator:
    def random(self):
        raise AssertionError("only RANDOM_SAMPLING draws")


class Draws:
    """Gives these numbers, one after the other."""

    def __init__(self, draws):
        self.draws = list(draws)

    def random(self):
        return self.draws.pop(0)


def slowly(name, threshold, p):
    """The connector's documentation, word by word."""
    if name == "LEAST_CONFIDENCE":
        return sorted(p)[-1] <= threshold
    if name == "MARGIN":
        top_two = sorted([*p, 0.0])[-2:]
        return top_two[1] - top_two[0] <= threshold
    terms = [0.0 if each == 0 else -each * math.log(each) for each in p]
    return math.fsum(terms) > threshold


class TestRandom:
    @given(
        st.lists(st.floats(0, 1, exclude_max=True)),
        st.floats(0, 1),
        st.lists(st.lists(st.floats(0, 1))),
    )
    def test_as_many_are_kept_as_draws_are_below_the_rate(self, draws, rate, predictions):
        generator = Draws(draws)
        strategy = Strategy("RANDOM_SAMPLING", rate)
        kept = [keeps(strategy, predictions, generator) for _ in range(len(draws))]
        assert kept == [draw < rate for draw in draws]
        assert generator.draws == []  # one draw a frame, however many faces it has

    @pytest.mark.parametrize("seeded", [random.Random, np.random.RandomState])
    @pytest.mark.parametrize("rate", [0, 0.1, 0.5, 1])
    def test_any_generator_serves_and_its_share_is_exactly_its_own(self, seeded, rate):
        draws = seeded(7)
        expected = [draws.random() < rate for _ in range(1000)]
        generator = seeded(7)
        kept = [keeps(Strategy("RANDOM_SAMPLING", rate), [], generator) for _ in range(1000)]
        assert kept == expected
        assert abs(sum(kept) / 1000 - rate) < 0.05
        if rate in (0, 1):
            assert sum(kept) == 1000 * rate


class TestByPrediction:
    @given(sampling_strategies(), st.lists(distributions(), max_size=3))
    @example(("LEAST_CONFIDENCE", 0.6), [[0.2, 0.2, 0.4, 0.2]])
    @example(("MARGIN", 0.02), [[0.3, 0.35, 0.34, 0.01]])
    @example(("ENTROPY", 0.75), [[0.5, 0.25, 0.25]])
    @example(("LEAST_CONFIDENCE", 0.5), [[0.5, 0.5]])
    @example(("LEAST_CONFIDENCE", 1.0), [[1.0, 0.0]])
    @example(("MARGIN", 1.0), [[1.0]])
    @example(("ENTROPY", 0.0), [[1.0, 0.0]])
    def test_a_frame_is_kept_if_one_of_its_predictions_qualifies(self, strategy, predictions):
        expected = any(slowly(*strategy, p) for p in predictions)
        assert keeps(Strategy(*strategy), predictions, NoGenerator()) is expected

    @given(sampling_strategies(), distributions(max_size=4))
    def test_the_order_of_the_outcomes_does_not_matter(self, strategy, p):
        kept = {keeps(Strategy(*strategy), [order], NoGenerator()) for order in permutations(p)}
        assert len(kept) == 1

    @given(sampling_strategies(), distributions(), st.floats(0, 4))
    def test_a_higher_threshold_keeps_no_less_and_of_entropy_no_more(self, strategy, p, other):
        name, threshold = strategy
        other = other if name == "ENTROPY" else other / 4
        low, high = (
            keeps(Strategy(name, limit), [p], NoGenerator()) for limit in sorted([threshold, other])
        )
        assert low >= high if name == "ENTROPY" else low <= high

    @given(sampling_strategies())
    def test_nothing_is_kept_of_which_nothing_was_said(self, strategy):
        for predictions in (
            [],
            [[]],
            [[math.nan, 0.5]],
            [[1.5, -0.5]],
            [[1.5, 1.5]],
            np.empty((0, 2)),
        ):
            assert not keeps(Strategy(*strategy), predictions, NoGenerator())

    def test_arrays_serve(self):
        p = np.array([[0.5, 0.25, 0.25]], np.float32)
        assert keeps(Strategy("ENTROPY", 0.75), p, NoGenerator()) is True

    @given(st.floats(0, 1))
    def test_a_face_is_one_or_is_none(self, score):
        ((is_one, is_none),) = face_predictions(np.array([score]))
        assert is_one == score
        assert is_one + is_none == 1


@given(st.lists(distributions(), max_size=2))
def test_without_a_strategy_all_is_kept(predictions):
    assert keeps(None, predictions, NoGenerator())
    assert keeps(FeedbackConfig("all", "samples").strategy, predictions, NoGenerator())


@given(distributions())
def test_entropy_and_margin_have_their_bounds(p):
    assert -1e-12 <= entropy(p) <= math.log(len(p)) + 1e-12
    assert 0 <= margin(p) <= max(p)


def as_json(config):
    """A configuration as the connector has it."""
    body = {
        "s3-bucket-name": config.bucket,
        "content-type": config.content_type,
        "file-ext": config.extension,
        "s3-prefix": config.prefix,
    }
    if config.strategy is not None:
        word = "rate" if config.strategy.name == "RANDOM_SAMPLING" else "threshold"
        strategy = {"strategy-name": config.strategy.name, word: config.strategy.limit}
        body["sampling-strategy"] = strategy
    return {config.id: body}


class TestParse:
    @given(feedback_maps(), st.booleans())
    def test_what_is_read_says_what_was_written(self, found, strategy_as_text):
        written = json.loads(json.dumps(found))
        if strategy_as_text:
            for body in written.values():
                if "sampling-strategy" in body:
                    body["sampling-strategy"] = json.dumps(body["sampling-strategy"])
        configs = parse_feedback(json.dumps(written))
        assert [config.id for config in configs] == list(found)
        for config, body in zip(configs, found.values()):
            assert config.bucket == body["s3-bucket-name"]
            assert config.content_type in body["content-type"].split(",")
            assert config.extension in body.get("file-ext", config.extension).split(",")
            assert config.prefix == body.get("s3-prefix", "").rstrip("/")
            assert (config.strategy is None) == ("sampling-strategy" not in body)
            again = as_json(config)[config.id]
            assert again.get("sampling-strategy") == body.get("sampling-strategy")
            assert parse_feedback(json.dumps(as_json(config))) == (config,)

    def test_the_accelerators_configuration_is_read_unchanged(self):
        bucket = "feedback-bucket"
        assert parse_feedback(ACCELERATOR) == (
            FeedbackConfig(
                "RandomSamplingConfiguration", bucket, strategy=Strategy("RANDOM_SAMPLING", 0.5)
            ),
            FeedbackConfig(
                "LC50",
                bucket,
                "confidence-lower-than-50",
                strategy=Strategy("LEAST_CONFIDENCE", 0.5),
            ),
            FeedbackConfig("Entropy", bucket, "entropy", strategy=Strategy("ENTROPY", 1.0)),
        )

    @pytest.mark.parametrize(
        ("types", "extensions", "content_type", "extension"),
        [
            ("image/png", None, "image/png", "png"),
            ("image/png, IMAGE/JPEG", "jpeg", "image/jpeg", "jpeg"),
            ("image/jpeg,image/png", "png", "image/png", "png"),
            ("application/json,image/png", "json,png", "image/png", "png"),
            ("image/jpeg", "JPG", "image/jpeg", "jpg"),
            ("image/jpeg", "", "image/jpeg", "jpg"),
        ],
    )
    def test_the_first_format_that_fits_is_taken(self, types, extensions, content_type, extension):
        body = {"s3-bucket-name": "samples", "content-type": types}
        if extensions is not None:
            body["file-ext"] = extensions
        (config,) = parse_feedback(json.dumps({"a1": body}))
        assert (config.content_type, config.extension) == (content_type, extension)

    def test_every_problem_of_the_whole_map_is_told_at_once(self):
        with pytest.raises(FeedbackError) as caught:
            parse_feedback(
                """{
                  "-1": {"s3-bucket-name": "Upper", "content-type": "audio/ogg"},
                  "ok": {"s3-bucket-name": "samples", "content-type": "image/png"},
                  "b1": {"content_type": "image/png", "s3-prefix": "faces/hall",
                         "sampling-strategy": {"strategy-name": "ENTROPY", "rate": 1}},
                  "c1": 7
                }"""
            )
        assert caught.value.problems == (
            "'-1': an ID must have 2 to 63 of a-z, A-Z, 0-9 and, not first, hyphens",
            "'-1': s3-bucket-name must have 3 to 63 of a-z, 0-9, hyphen and dot, not 'Upper'",
            "'-1': content-type must be image/jpeg or image/png, for samples are pictures, "
            "not 'audio/ogg'",
            "b1: 'content_type' is unknown here; there are s3-bucket-name, content-type, "
            "s3-prefix, file-ext, sampling-strategy",
            "b1: s3-bucket-name must be set",
            "b1: s3-prefix must not be under faces/, where every picture is scored, "
            "not 'faces/hall'",
            "b1: content-type must be set",
            "b1: threshold must be set, for ENTROPY",
            "b1: 'rate' is unknown here; there are strategy-name, threshold",
            "c1: must be an object, not 7",
        )
        assert str(caught.value) == "; ".join(caught.value.problems)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "the feedback configuration must be JSON: Expecting value"),
            ("[" * 100_000, "the feedback configuration must be JSON: "),
            ("{}", "must be an object of one configuration or more"),
            ("[1]", "must be an object of one configuration or more"),
            ("null", "must be an object of one configuration or more"),
            ('{"a1": {}, "a1": {}}', "the feedback configuration must not name 'a1' twice"),
            ('{"a1": NaN}', "NaN is no number"),
        ],
    )
    def test_text_that_is_no_map(self, text, problem):
        with pytest.raises(FeedbackError) as caught:
            parse_feedback(text)
        assert problem in caught.value.problems[0]

    @pytest.mark.parametrize(
        ("key", "value", "problem"),
        [
            ("s3-bucket-name", "", "s3-bucket-name must be set"),
            ("s3-bucket-name", 5, "s3-bucket-name must be text, not 5"),
            ("s3-bucket-name", "ab", "s3-bucket-name must have 3 to 63"),
            ("s3-bucket-name", "a" * 64, "s3-bucket-name must have 3 to 63"),
            ("s3-bucket-name", "a/b/c", "s3-bucket-name must have 3 to 63"),
            ("s3-bucket-name", "samples\n", "s3-bucket-name must have 3 to 63"),
            ("content-type", "image/gif", "content-type must be image/jpeg or image/png"),
            ("file-ext", 5, "file-ext must be text, not 5"),
            ("file-ext", "png", "file-ext must be one of jpg, jpeg, not 'png'"),
            ("file-ext", ".jpg", "file-ext must be one of jpg, jpeg, not '.jpg'"),
            ("s3-prefix", None, "s3-prefix must be text, not None"),
            ("s3-prefix", "/", "s3-prefix must be names with a slash between"),
            ("s3-prefix", "/a", "s3-prefix must be names with a slash between"),
            ("s3-prefix", "a//", "s3-prefix must be names with a slash between"),
            ("s3-prefix", "a/../b", "s3-prefix must be names with a slash between"),
            ("s3-prefix", ".", "s3-prefix must be names with a slash between"),
            ("s3-prefix", "a\nb", "s3-prefix must be text without control characters"),
            ("s3-prefix", "\ud800", "s3-prefix must be text without control characters"),
            ("s3-prefix", "a/" * 200 + "a", "s3-prefix must have at most 400 bytes"),
            ("s3-prefix", "ü" * 128, "s3-prefix must have at most 400 bytes, 255 between"),
            ("s3-prefix", "faces", "s3-prefix must not be under faces/"),
            ("s3-prefix", "faces/", "s3-prefix must not be under faces/"),
            ("sampling-strategy", "RANDOM", "sampling-strategy must be JSON"),
            ("sampling-strategy", '{"rate": 1, "rate": 1}', "must not name 'rate' twice"),
            ("sampling-strategy", None, "sampling-strategy must be an object, not None"),
            ("sampling-strategy", "5", "sampling-strategy must be an object, not 5"),
            ("sampling-strategy", {}, "strategy-name must be set"),
            ("sampling-strategy", {"strategy-name": 1}, "strategy-name must be text, not 1"),
            ("sampling-strategy", {"strategy-name": "RANDOM"}, "strategy-name must be one of"),
            ("sampling-strategy", {"strategy-name": "RANDOM_SAMPLING"}, "rate must be set"),
        ],
    )
    def test_what_does_not_fit_its_pattern(self, key, value, problem):
        body = {"s3-bucket-name": "samples", "content-type": "image/jpeg", key: value}
        with pytest.raises(FeedbackError) as caught:
            parse_feedback(json.dumps({"a1": body}))
        (told,) = caught.value.problems
        assert told.startswith("a1: ")
        assert problem in told
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "prefix", ["facesheet", "my/faces", "...", "a b/ü", "a" * 255, "a/" * 199 + "aa"]
    )
    def test_prefixes_that_are_fine(self, prefix):
        body = {"s3-bucket-name": "samples", "content-type": "image/jpeg", "s3-prefix": prefix}
        assert parse_feedback(json.dumps({"a1": body}))[0].prefix == prefix

    def test_a_slash_at_the_end_of_a_prefix_is_left_out(self):
        body = {"s3-bucket-name": "samples", "content-type": "image/jpeg", "s3-prefix": "a/"}
        assert parse_feedback(json.dumps({"a1": body}))[0].prefix == "a"

    @pytest.mark.parametrize("name", ["RANDOM_SAMPLING", "LEAST_CONFIDENCE", "MARGIN", "ENTROPY"])
    @pytest.mark.parametrize("limit", [-0.1, 1.1, "0.5", True, None, 10**400, "1e999"])
    def test_a_limit_that_is_none(self, name, limit):
        word = "rate" if name == "RANDOM_SAMPLING" else "threshold"
        shown = limit if limit == "1e999" else json.dumps(limit)  # too large for a float
        body = (
            '{"a1": {"s3-bucket-name": "samples", "content-type": "image/png", '
            f'"sampling-strategy": {{"strategy-name": "{name}", "{word}": {shown}}}}}}}'
        )
        if (name, limit) == ("ENTROPY", 1.1):
            assert parse_feedback(body)[0].strategy.limit == 1.1
            return
        numbers = "0 or more" if name == "ENTROPY" else "from 0 to 1"
        with pytest.raises(FeedbackError, match=f"^a1: {word} must be a number {numbers}, not "):
            parse_feedback(body)
