from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.boxes import box_area, box_iou
from facepipe.errors import ImageError, ShapeError
from facepipe.images import letterboxed
from facepipe.letterbox import Letterbox
from tests.strategies import boxes, frame_sizes, labelled_images

squares = st.sampled_from([(300, 300), (480, 480), (512, 512)])
sizes = squares | frame_sizes()


def whole(wh):
    return [[0, 0, *wh]]


def test_no_boxes_stay_none():
    box = Letterbox.fit((1920, 1080), (300, 300))
    assert box.map(np.empty((0, 4))).shape == box.unmap([]).shape == (0, 4)


@given(boxes(), frame_sizes(), sizes)
@example([[0.1, 0.1, 0.2, 0.2]], (4096, 1), (1, 4096))
def test_a_box_mapped_there_and_back_is_the_box(found, wh, into_wh):
    box = Letterbox.fit(wh, into_wh)
    assert box.unmap(box.map(found)) == pytest.approx(np.asarray(found), abs=1e-6)
    assert box.map(box.unmap(found)) == pytest.approx(np.asarray(found), abs=1e-6)


@given(frame_sizes(), sizes)
def test_the_whole_picture_lies_inside_on_whole_pixels_and_touches_two_edges(wh, into_wh):
    box = Letterbox.fit(wh, into_wh)
    ((x0, y0, x1, y1),) = box.map(whole(wh))
    assert [x0, y0] == list(box.offset)
    assert [x1, y1] == pytest.approx(np.add(box.offset, box.scaled_wh), abs=1e-9)
    assert 0 <= x0 < x1 <= into_wh[0] + 1e-9
    assert 0 <= y0 < y1 <= into_wh[1] + 1e-9
    assert into_wh[0] in box.scaled_wh[:1] or into_wh[1] in box.scaled_wh[1:]


@given(frame_sizes(), sizes)
def test_what_is_left_over_is_shared_between_both_sides(wh, into_wh):
    box = Letterbox.fit(wh, into_wh)
    for side in (0, 1):
        after = into_wh[side] - box.offset[side] - box.scaled_wh[side]
        assert after - box.offset[side] in (0, 1)


@given(frame_sizes(), sizes)
def test_proportions_are_kept_but_for_half_a_pixel(wh, into_wh):
    box = Letterbox.fit(wh, into_wh)
    ratio = min(into_wh[0] / wh[0], into_wh[1] / wh[1])
    for side in (0, 1):
        assert abs(box.scaled_wh[side] - wh[side] * ratio) <= (
            0.5 + 1e-9 if wh[side] * ratio >= 0.5 else 1
        )
        assert box.scale[side] == box.scaled_wh[side] / wh[side]


@given(labelled_images(), sizes)
def test_boxes_inside_stay_inside_and_none_becomes_empty(image, into_wh):
    moved = image.letterboxed(into_wh)
    assert moved.labels == image.labels
    assert moved.wh == into_wh
    assert (moved.boxes >= 0).all()
    assert (moved.boxes <= np.tile(into_wh, 2) + 1e-9).all()
    assert (box_area(moved.boxes) > 0).all()


@given(boxes(max_size=5, low=-500, high=500), frame_sizes(min_side=16), sizes)
def test_order_and_overlap_are_kept(found, wh, into_wh):
    mapped = Letterbox.fit(wh, into_wh).map(found)
    order = np.argsort(found, axis=0, kind="stable")
    assert (np.diff(np.take_along_axis(mapped, order, axis=0), axis=0) >= 0).all()
    found = np.round(found)  # areas of some thousandths of a pixel drown in rounding
    mapped = Letterbox.fit(wh, into_wh).map(found)
    assert box_iou(mapped, mapped) == pytest.approx(box_iou(found, found), abs=1e-6)


@pytest.mark.parametrize(
    "wh",
    [(0, 1), (1, -1), (1,), (1, 1, 1), None, 7, ("a", 1), (1.5, 2), (10**8, 1), (np.nan, 1)],
)
def test_what_is_no_size_is_told(wh):
    with pytest.raises(ShapeError, match=r"^wh must be"):
        Letterbox.fit(wh, (300, 300))
    with pytest.raises(ShapeError, match=r"^into_wh must be"):
        Letterbox.fit((300, 300), wh)


def test_a_picture_has_sides_of_up_to_ten_million_pixels():
    most = 10**7
    assert Letterbox.fit((most, most), (1, 1)).scaled_wh == (1, 1)
    for wh in ((most + 1, most), (most, most + 1)):
        with pytest.raises(ShapeError) as caught:
            Letterbox.fit(wh, (1, 1))
        assert (
            str(caught.value) == f"wh must be a picture's (width, height) in whole pixels, not {wh}"
        )


def test_what_are_no_boxes_is_told():
    box = Letterbox.fit((4, 4), (2, 2))
    for carry in (box.map, box.unmap):
        with pytest.raises(ShapeError, match="boxes must be"):
            carry([[1, 2, 3]])


class TestLetterboxed:
    @given(frame_sizes(max_side=200), frame_sizes(max_side=200), st.integers(0, 254))
    def test_the_picture_lies_where_the_letterbox_says_and_all_else_is_grey(
        self, wh, into_wh, fill
    ):
        white = np.full((wh[1], wh[0], 3), 255, np.uint8)
        picture, box = letterboxed(white, into_wh, fill)
        assert picture.shape == (into_wh[1], into_wh[0], 3)
        assert picture.dtype == np.uint8
        assert box == Letterbox.fit(wh, into_wh)
        x0, y0, x1, y1 = box.map(whole(wh))[0].round().astype(int)
        expected = np.full_like(picture, fill)
        expected[y0:y1, x0:x1] = 255
        assert (picture == expected).all()

    @given(st.data(), sizes)
    def test_pixels_move_as_boxes_do(self, data, into_wh):
        """A bright rectangle lies, to a pixel, where its box is mapped to."""
        wh = data.draw(frame_sizes(min_side=60, max_side=900))
        into_wh = tuple(max(side, 100) for side in into_wh)
        x0, y0 = (data.draw(st.integers(0, side // 2)) for side in wh)
        x1, y1 = x0 + wh[0] // 2, y0 + wh[1] // 2
        black = np.zeros((wh[1], wh[0], 3), np.uint8)
        black[y0:y1, x0:x1] = 255
        picture, box = letterboxed(black, into_wh, fill=0)
        bright = np.argwhere(picture[:, :, 0] > 127)
        if len(bright) == 0:  # a sliver of a picture much longer than wide
            assert min(box.scaled_wh) <= 2
            return
        seen = [*bright.min(axis=0)[::-1], *(bright.max(axis=0)[::-1] + 1)]
        assert np.abs(box.map([[x0, y0, x1, y1]])[0] - seen).max() <= 1.0

    def test_a_picture_that_fits_is_itself(self):
        picture = np.arange(300 * 300 * 3, dtype=np.uint8).reshape(300, 300, 3)
        assert (letterboxed(picture, (300, 300))[0] == picture).all()

    def test_fine_texture_does_not_alias(self):
        """A checkerboard far finer than the copy's pixels becomes grey."""
        fine = (np.indices((2048, 2048)).sum(axis=0) % 2 * 255).astype(np.uint8)
        picture, _ = letterboxed(cv2.merge([fine] * 3), (300, 300))
        assert picture.std() < 8

    def test_what_is_no_picture_is_told(self):
        with pytest.raises(ImageError):
            letterboxed(np.empty((0, 4, 3), np.uint8), (300, 300))
        with pytest.raises(ShapeError, match="into_wh"):
            letterboxed(np.zeros((4, 4, 3), np.uint8), (0, 300))
