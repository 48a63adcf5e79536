"""The strategies give what they promise."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from tests import strategies


@given(strategies.boxes() | strategies.grid_boxes())
def test_boxes_are_never_empty(boxes):
    assert boxes.shape[1:] == (4,)
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert np.isfinite(boxes).all()


@given(strategies.moments())
def test_moments_know_their_time_zone(moment):
    assert moment.utcoffset() is not None


@given(strategies.camera_names())
def test_camera_names_fit_one_folder(name):
    assert 1 <= len(name) <= 128
    assert "/" not in name
    assert name not in {".", ".."}


@given(strategies.class_probabilities())
def test_class_probabilities_sum_to_one(shares):
    assert (shares >= 0).all()
    assert abs(shares.sum() - 1) < 1e-12
