from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from facepipe.classification import (
    as_probabilities,
    parse_labels,
    prediction_message,
    softmax,
    top_k,
)
from facepipe.errors import FacepipeError, ShapeError
from tests.strategies import class_probabilities, rubbish_floats


def vectors(elements, min_size=0):
    return st.lists(elements, min_size=min_size, max_size=12).map(lambda v: np.array(v, float))


def slow_top_k(probabilities, k):
    numbers = [i for i, value in enumerate(probabilities) if not math.isnan(value)]
    return sorted(numbers, key=lambda i: (-probabilities[i], i))[:k]


class TestSoftmax:
    def test_of_no_classes(self):
        assert softmax([]).shape == (0,)
        assert softmax(np.empty((0, 3))).shape == (0, 3)
        assert softmax(np.empty((3, 0))).shape == (3, 0)

    @given(vectors(rubbish_floats().filter(lambda x: x == x), min_size=1))
    @example(np.array([np.inf, np.inf, 0.0]))
    @example(np.array([-np.inf]))
    @example(np.array([1.7e308, -1.7e308]))
    @example(np.array([0.5, 2.0], np.float32))
    def test_it_is_a_distribution_whatever_the_logits(self, logits):
        shares = softmax(logits)
        assert shares.dtype == np.float64
        assert ((shares >= 0) & (shares <= 1)).all()
        assert shares.sum() == pytest.approx(1)

    @given(vectors(st.floats(-700, 700), min_size=1))
    def test_it_is_the_definition(self, logits):
        powers = [math.exp(value) for value in logits]
        assert softmax(logits) == pytest.approx([p / math.fsum(powers) for p in powers], rel=1e-9)

    @given(vectors(st.integers(-50, 50), min_size=1), st.integers(-(10**6), 10**6))
    def test_a_shift_changes_nothing(self, logits, shift):
        np.testing.assert_array_equal(softmax(logits + shift), softmax(logits))

    @given(vectors(st.floats(-30, 30)))
    def test_a_larger_logit_never_gets_the_smaller_share(self, logits):
        shares = softmax(logits)
        order = np.argsort(logits, kind="stable")
        assert (np.diff(shares[order]) >= 0).all()

    def test_what_numpy_is_told_to_raise_does_not_matter(self):
        with np.errstate(all="raise"):
            assert softmax([1.7e308, -1.7e308, 1.7e308]).tolist() == [0.5, 0.0, 0.5]
            assert as_probabilities([1.7e308, 1.7e308]).tolist() == [0.5, 0.5]
            assert softmax([0.0, -740.0])[1] > 0

    @given(vectors(rubbish_floats(), min_size=1))
    @example(np.array([0, 0, 0, 1.25, 0, 0, 0, np.nan]))  # summed in another order
    def test_a_nan_stays_in_its_own_place(self, logits):
        shares, unknown = softmax(logits), np.isnan(logits)
        assert (np.isnan(shares) == unknown).all()
        np.testing.assert_allclose(shares[~unknown], softmax(logits[~unknown]), rtol=1e-12)

    @given(npst.arrays(np.float64, npst.array_shapes(min_dims=2, max_dims=2), elements=st.floats()))
    def test_each_row_is_its_own(self, rows):
        expected = [softmax(row) for row in rows]
        np.testing.assert_allclose(softmax(rows), expected, rtol=1e-12)

    def test_any_nan_of_a_network_is_one_and_no_more_is_said(self):
        signalling = np.array([0x7FA00000], np.uint32).view(np.float32)
        assert np.isnan(softmax(signalling)).all()
        assert np.isnan(as_probabilities(signalling)).all()

    @pytest.mark.parametrize(
        ("logits", "got"),
        [
            (1.0, "one of shape ()"),
            (np.zeros((1, 2, 2)), "one of shape (1, 2, 2)"),
            ("two", "'two'"),
            ([[1], [1, 2]], "[[1], [1, 2]]"),
            (None, "one of shape ()"),
            ([10**400], repr([10**400])[:80]),
        ],
    )
    def test_other_shapes_say_what_was_expected(self, logits, got):
        expected = r"logits must be an array of shape \(N,\) or \(M, N"
        with pytest.raises(ShapeError, match=expected) as caught:
            softmax(logits)
        assert caught.value.got == got


class TestAsProbabilities:
    @given(class_probabilities())
    def test_probabilities_are_left_alone(self, shares):
        np.testing.assert_array_equal(as_probabilities(shares), shares)

    @given(class_probabilities())
    def test_so_are_those_of_half_precision(self, shares):
        half = shares.astype(np.float16)
        np.testing.assert_array_equal(as_probabilities(half), half.astype(np.float64))

    @given(vectors(rubbish_floats().filter(lambda x: x == x), min_size=2))
    def test_whatever_else_becomes_a_distribution(self, output):
        shares = as_probabilities(output)
        assert ((shares >= 0) & (shares <= 1.01)).all()
        assert shares.sum() == pytest.approx(1, abs=0.01)

    @pytest.mark.parametrize(
        "logits", [[0.5, -0.5, 1.0], [2.0, 3.0], [0.2, 0.2], [1.5, -0.5], [np.nan, 1.0]]
    )
    def test_what_is_no_distribution_gets_a_softmax(self, logits):
        np.testing.assert_array_equal(as_probabilities(logits), softmax(logits))

    def test_other_shapes_say_what_was_expected(self):
        with pytest.raises(ShapeError, match=r"output must be an array of shape \(N,\)"):
            as_probabilities([[0.5, 0.5]])


class TestTopK:
    def test_of_no_classes(self):
        assert top_k([], 5).tolist() == []
        assert top_k([], 5).dtype == np.int64

    @given(vectors(rubbish_floats() | st.sampled_from([0.25, 0.5])), st.integers(1, 15))
    @example(np.array([0.0, -0.0]), 1)
    @example(np.array([np.nan, 0.1, 0.1]), 2)
    @example(np.array([-np.inf, np.nan]), 2)
    @example(np.tile([0.25, 0.5], 50), 100)
    def test_it_agrees_with_a_slow_reference(self, probabilities, k):
        found = top_k(probabilities, k)
        assert found.dtype == np.int64
        assert found.tolist() == slow_top_k(probabilities.tolist(), k)

    @given(vectors(st.sampled_from([0.1, 0.2, 0.3])), st.integers(1, 12), st.integers(1, 12))
    def test_asking_for_more_only_adds(self, probabilities, a, b):
        few, many = sorted((a, b))
        assert top_k(probabilities, many)[:few].tolist() == top_k(probabilities, few).tolist()

    @pytest.mark.parametrize("k", [0, -1, 1.5, "2", None])
    def test_a_k_that_counts_nothing(self, k):
        reason = f"k must be a whole number of at least 1, not {k!r}$"
        with pytest.raises(ShapeError, match=reason):
            top_k([0.5], k)

    def test_other_shapes_say_what_was_expected(self):
        with pytest.raises(ShapeError, match=r"probabilities must be an array of shape \(N,\)"):
            top_k([[0.5]], 1)


class TestMessage:
    def test_it_is_the_accelerators(self):
        labels = ["a", "n03983396 pop bottle, soda bottle"]
        message = prediction_message([0.1, 0.21719395], labels, 1)
        assert message == [
            {"confidence": "0.21719395", "prediction": "n03983396 pop bottle, soda bottle"}
        ]

    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.1, "0.1"), (1.0, "1.0"), (0.0, "0.0"), (1e-5, "1e-05"), (1 / 3, "0.33333334")],
    )
    def test_a_confidence_is_what_str_makes_of_a_float32(self, value, text):
        assert prediction_message([value], ["a"], 1)[0]["confidence"] == text

    @given(class_probabilities(), st.integers(1, 12))
    def test_it_tells_of_the_best_and_survives_json(self, shares, k):
        labels = [f"class {index}, ü" for index in range(len(shares))]
        message = prediction_message(shares, labels, k)
        assert json.loads(json.dumps(message)) == message
        best = top_k(shares, k).tolist()
        assert [entry["prediction"] for entry in message] == [labels[index] for index in best]
        for entry, index in zip(message, best):
            assert set(entry) == {"confidence", "prediction"}
            assert np.float32(entry["confidence"]) == np.float32(shares[index])

    def test_a_nan_is_not_told_of(self):
        message = prediction_message([np.nan, 0.5], ["a", "b"], 5)
        assert message == [{"confidence": "0.5", "prediction": "b"}]

    def test_other_shapes_say_what_was_expected(self):
        with pytest.raises(ShapeError, match=r"probabilities must be an array of shape \(N,\)"):
            prediction_message([[0.5]], ["a"], 1)

    def test_labels_of_another_model(self):
        with pytest.raises(ShapeError, match="labels must be 2, one for each probability, not 3"):
            prediction_message([0.5, 0.5], ["a", "b", "c"], 1)


class TestLabels:
    labels = st.text(st.characters(blacklist_characters="\n", blacklist_categories=["Cs"])).map(
        lambda text: "x" + text.rstrip()
    )

    @given(
        st.lists(labels, min_size=1),
        st.sampled_from(["\n", "\r\n"]),
        st.sampled_from(["", "\ufeff"]),
        st.sampled_from(["", "\n", "\r\n\r\n", " \n\t\n"]),
    )
    @example(["X-ray"], "\n", "", "")
    def test_whatever_wrote_the_file(self, labels, newline, mark, end):
        assert parse_labels(mark + newline.join(labels) + end) == tuple(labels)

    @pytest.mark.parametrize("text", ["", "\n", "\ufeff", "  \r\n\r\n"])
    def test_an_empty_file(self, text):
        with pytest.raises(ShapeError, match="labels must be one a line, not none at all"):
            parse_labels(text)

    def test_a_blank_line_between_others(self):
        with pytest.raises(FacepipeError, match="labels must be one a line, not a blank line 2"):
            parse_labels("a\n\nb\n")
