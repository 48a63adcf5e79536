from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.crops import crop_regions, cut
from facepipe.detections import Detections
from facepipe.errors import ShapeError
from tests.strategies import detections, frame_sizes

margins = st.floats(0, 3)
min_sides = st.integers(1, 200)
faces = detections(max_size=6, low=-300.0, high=5000.0)


def sides(regions):
    return regions[:, 2:] - regions[:, :2]


def one(*box):
    return Detections([box], [1.0], [1])


def test_no_detections_have_no_regions():
    regions = crop_regions(Detections.empty(), (640, 480))
    assert regions.shape == (0, 4)
    assert regions.dtype == np.int64


@given(faces, frame_sizes(), margins, min_sides, st.booleans())
@example(one(0.2, 0.2, 0.4, 0.4), (1, 1), 0.0, 1, True)
def test_a_region_lies_wholly_inside_the_frame(found, wh, margin, min_side, square):
    regions = crop_regions(found, wh, margin=margin, min_side=min_side, square=square)
    assert regions.shape == found.boxes.shape
    assert (regions >= 0).all()
    assert (regions <= [*wh, *wh]).all()
    assert (sides(regions) > 0).all()


@given(faces, frame_sizes(), margins, min_sides, st.booleans())
def test_a_region_contains_its_clipped_face(found, wh, margin, min_side, square):
    found = found.clipped(wh)
    regions = crop_regions(found, wh, margin=margin, min_side=min_side, square=square)
    assert (regions[:, :2] <= found.boxes[:, :2]).all()
    assert (regions[:, 2:] >= found.boxes[:, 2:]).all()


@given(faces, frame_sizes(), margins, min_sides, st.booleans())
def test_a_region_is_as_large_as_asked_wherever_the_frame_is(found, wh, margin, min_side, square):
    regions = crop_regions(found, wh, margin=margin, min_side=min_side, square=square)
    assert (sides(regions) >= np.minimum(min_side, wh)).all()


@given(faces, frame_sizes(), margins, min_sides)
@example(one(1, 907.4, 61, 967.4), (546, 4096), 0.0, 29)  # 60 pixels wide, but on 61 rows
def test_a_region_is_square_whenever_the_frame_has_room(found, wh, margin, min_side):
    found = found.clipped(wh)
    regions = sides(crop_regions(found, wh, margin=margin, min_side=min_side))
    face = np.ceil(found.boxes[:, 2:]) - np.floor(found.boxes[:, :2])
    room = np.maximum(face.max(axis=1), min_side) <= min(wh)
    assert (regions[room, 0] == regions[room, 1]).all()


@given(faces, frame_sizes(), margins, margins)
def test_a_larger_margin_never_makes_a_smaller_region(found, wh, a, b):
    small = sides(crop_regions(found, wh, margin=min(a, b)))
    large = sides(crop_regions(found, wh, margin=max(a, b)))
    assert (large >= small).all()


def test_a_face_amid_the_frame_is_amid_its_region():
    regions = crop_regions(one(100, 100, 200, 220), (640, 480), margin=0.25)
    assert regions.tolist() == [[60, 70, 240, 250]]


def test_a_face_at_the_edge_moves_its_region_inwards():
    regions = crop_regions(one(-20, 400, 60, 500), (640, 480))
    assert regions.tolist() == [[0, 336, 144, 480]]


def test_without_squaring_each_side_has_its_own_margin():
    regions = crop_regions(one(100, 100, 200, 300), (640, 480), margin=0.1, square=False)
    assert regions.tolist() == [[90, 80, 210, 320]]


@pytest.mark.parametrize("wh", [(0, 480), (640, 0), (640,)])
def test_a_frame_of_no_size_is_told(wh):
    with pytest.raises(ShapeError, match="frame_wh must be"):
        crop_regions(Detections.empty(), wh)


@given(faces, frame_sizes(max_side=600))
def test_what_is_cut_is_the_region(found, wh):
    frame = np.zeros((wh[1], wh[0], 3), np.uint8)
    for region in crop_regions(found, wh):
        crop = cut(frame, region)
        assert crop.shape == (region[3] - region[1], region[2] - region[0], 3)
        assert np.shares_memory(crop, frame)


def test_near_a_corner_a_region_begins_there():
    assert crop_regions(one(5, 5, 25, 25), (640, 480)).tolist() == [[0, 0, 80, 80]]


@pytest.mark.parametrize("odd", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["margin", "min_side"])
def test_what_is_no_number_is_told(name, odd):
    with pytest.raises(ShapeError, match="margin and min_side must be finite numbers"):
        crop_regions(one(5, 5, 25, 25), (640, 480), **{name: odd})


@pytest.mark.parametrize("frame_wh", [(100.5, 80), (100, 0.5), (10**8, 80), (80, 1e300), (0, 1)])
def test_a_frame_of_no_whole_pixels_is_told(frame_wh):
    with pytest.raises(ShapeError, match="frame_wh must be"):
        crop_regions(one(5, 5, 25, 25), frame_wh)


def test_a_frame_may_be_as_large_as_any():
    assert crop_regions(one(5, 5, 25, 25), (10**7, 10**7)).tolist() == [[0, 0, 80, 80]]


def test_regions_are_whole_pixels_whatever_type_the_frames_size_has():
    assert crop_regions(one(5, 5, 25, 25), (640.0, 480.0)).dtype == np.int64
