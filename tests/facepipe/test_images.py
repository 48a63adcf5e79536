from __future__ import annotations

import math
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from facepipe.detections import Detections
from facepipe.errors import ImageError, ShapeError
from facepipe.images import (
    as_bgr,
    blurred,
    decode_image,
    draw_faces,
    encode_jpeg,
    encode_png,
    fit_within,
    image_wh,
    letterboxed,
    sharpness,
    thumbnail,
)
from tests.strategies import detections

sides = st.integers(1, 40)
pictures = npst.arrays(np.uint8, st.tuples(sides, sides, st.just(3)), fill=st.integers(0, 255))


@given(pictures)
def test_a_picture_is_left_as_it_is(picture):
    assert as_bgr(picture) is picture


@given(
    st.sampled_from([np.uint8, np.uint16, np.bool_, np.float32, np.float64]),
    st.sampled_from([(), (1,), (3,), (4,)]),
    st.integers(1, 20),
    st.integers(1, 20),
)
def test_whatever_a_camera_gives_becomes_a_picture(dtype, channels, height, width):
    brightest = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    frame = np.full((height, width, *channels), brightest, dtype)
    picture = as_bgr(frame)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8
    assert (picture == 255).all()
    assert (as_bgr(np.zeros_like(frame)) == 0).all()


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (None, "not NoneType"),
        ([[1, 2]], "not list"),
        (np.empty((0, 0, 3), np.uint8), r"not \(0, 0, 3\)"),
        (np.empty((480, 0), np.uint8), r"not \(480, 0\)"),
        (np.zeros((2, 2, 2), np.uint8), "not 2"),
        (np.zeros((2, 2, 3, 1), np.uint8), r"not \(2, 2, 3, 1\)"),
        (np.zeros((2, 2, 3), np.int32), "not int32"),
        (np.full((2, 2), 2.0), "from 0 to 1"),
        (np.full((2, 2), np.nan), "from 0 to 1"),
    ],
)
def test_what_is_no_frame_is_told(frame, reason):
    with pytest.raises(ImageError, match=reason):
        as_bgr(frame)


@given(pictures)
def test_a_jpeg_decodes_to_its_size(picture):
    assert decode_image(encode_jpeg(picture)).shape == picture.shape


def test_a_jpeg_looks_like_its_picture(portraits):
    picture = portraits["collins"]
    difference = np.abs(decode_image(encode_jpeg(picture)).astype(int) - picture)
    assert difference.mean() < 3


def test_a_part_of_a_frame_can_be_encoded(portraits):
    part = portraits["collins"][50:150, 100:300]
    assert decode_image(encode_jpeg(part)).shape == (100, 200, 3)


@pytest.mark.parametrize("wh", [(65500, 1), (1, 65500)])
def test_a_picture_too_large_for_jpeg_is_told(wh):
    largest = np.zeros((wh[1], wh[0], 3), np.uint8)
    assert image_wh(encode_jpeg(largest)) == wh
    with pytest.raises(ImageError, match="a JPEG has at most 65500 pixels a side"):
        encode_jpeg(np.concatenate([largest, largest], axis=np.argmax(largest.shape)))
    with pytest.raises(ImageError, match="at most 65500"):
        encode_jpeg(np.zeros([side + (side > 3) for side in largest.shape], np.uint8))


def test_a_picture_too_large_for_png_is_told():
    largest = np.zeros((1, 1_000_000, 3), np.uint8)
    assert image_wh(encode_png(largest)) == (1_000_000, 1)
    with pytest.raises(ImageError, match="a PNG has at most 1,000,000 pixels a side"):
        encode_png(np.zeros((1, 1_000_001, 3), np.uint8))


@pytest.mark.parametrize("quality", [1, 50, 100])
def test_a_jpeg_has_the_quality_that_is_asked_for(portraits, quality):
    picture = portraits["collins"]
    _, expected = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert encode_jpeg(picture, quality) == expected.tobytes()
    assert encode_jpeg(picture) == encode_jpeg(picture, 90)


def test_no_bytes_are_no_picture():
    with pytest.raises(ImageError, match="these 0 bytes are no picture"):
        decode_image(b"")


@pytest.mark.parametrize("quality", [0, 101, float("nan")])
def test_a_quality_that_is_none_is_told(quality):
    with pytest.raises(ImageError, match="from 1 to 100"):
        encode_jpeg(np.zeros((8, 8, 3), np.uint8), quality)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_picture_are_told(data):
    with pytest.raises(ImageError, match="no picture"):
        decode_image(data)


def test_a_jpeg_without_its_picture_is_told(portraits):
    with pytest.raises(ImageError, match="these 100 bytes"):
        decode_image(encode_jpeg(portraits["collins"])[:100])


def test_a_header_of_a_billion_pixels_is_told():
    # A PNG whose header announces 60000x60000 pixels.
    _, data = cv2.imencode(".png", np.zeros((2, 2, 3), np.uint8))
    bomb = bytearray(data.tobytes())
    bomb[16:24] = (60000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    with pytest.raises(ImageError, match="no picture"):
        decode_image(bytes(bomb))


@given(pictures, st.integers(1, 60), st.integers(1, 60), st.booleans())
def test_what_is_fitted_fits_and_keeps_its_proportions(picture, width, height, quick):
    fitted = fit_within(picture, (width, height), quick=quick)
    ratio = min(width / picture.shape[1], height / picture.shape[0], 1.0)
    assert fitted.shape[1] <= width
    assert fitted.shape[0] <= height
    assert abs(fitted.shape[1] - max(1, picture.shape[1] * ratio)) <= 1
    assert abs(fitted.shape[0] - max(1, picture.shape[0] * ratio)) <= 1
    assert (fitted is picture) == (ratio == 1.0)


@given(st.integers(1, 384), st.integers(1, 384), st.integers(0, 255))
def test_a_thumbnail_is_small_and_keeps_its_colour(width, height, value):
    small = thumbnail(np.full((height, width, 3), value, np.uint8))
    side = min(8, width, height)
    assert (small.shape[1], small.shape[0]) == (width // side, height // side)
    assert (small == value).all()


@pytest.mark.parametrize(
    ("wh", "small"),
    [
        ((1920, 1080), (96, 54)),
        ((3840, 2160), (96, 54)),
        ((1920, 1920), (96, 96)),
        ((1925, 1083), (80, 45)),
        ((1280, 720), (80, 45)),
        ((1, 9000), (1, 9000)),
    ],
)
def test_thumbnails_of_large_pictures(wh, small):
    assert thumbnail(np.zeros((wh[1], wh[0], 3), np.uint8)).shape[1::-1] == small


def test_of_a_few_rows_every_one_counts_in_a_thumbnail():
    rows = np.zeros((3, 30, 3), np.uint8)
    rows[2] = 90
    assert (thumbnail(rows) == 30).all()


def test_a_pixel_of_a_thumbnail_is_the_mean_of_a_square():
    picture = noise((160, 80))
    squares = picture[::2].reshape(10, 4, 20, 8, 3).astype(float)
    assert np.abs(thumbnail(picture) - squares.mean(axis=(1, 3))).max() <= 0.51


@pytest.mark.parametrize("wh", [(1920, 1080), (1280, 720), (2592, 1944), (4000, 3000)])
@pytest.mark.parametrize("quick", [False, True])
def test_what_is_fitted_is_nearly_the_mean_of_what_it_was(portraits, wh, quick):
    """Not a choice of pixels, whose patterns a detector would take for something."""
    picture = cv2.resize(portraits["hopper"], wh)
    fitted = fit_within(picture, (480, 480), quick=quick)
    mean = cv2.resize(picture, (fitted.shape[1], fitted.shape[0]), interpolation=cv2.INTER_AREA)
    assert np.abs(fitted.astype(int) - mean).mean() < (2 if quick else 1.5)


@pytest.mark.parametrize("times", [2, 4])
def test_what_is_fitted_into_its_half_is_the_mean_of_four_pixels(portraits, times):
    picture = cv2.resize(portraits["hopper"], (80 * times, 64 * times))
    halved = picture
    while halved.shape[0] > 64:
        halved = halved.reshape(halved.shape[0] // 2, 2, -1, 2, 3).mean(axis=(1, 3))
        halved = np.floor(halved + 0.5).astype(np.uint8)
    assert np.array_equal(fit_within(picture, (80, 64)), halved)


def halved(picture, goes_on):
    while goes_on(picture):
        half = (picture.shape[1] // 2, picture.shape[0] // 2)
        picture = cv2.resize(picture, half, interpolation=cv2.INTER_AREA)
    return picture


def noise(wh):
    return np.random.default_rng(7).integers(0, 256, (wh[1], wh[0], 3), np.uint8)


# Of what goes into 80x64, around its double and its fourfold.
around = pytest.mark.parametrize(
    "wh",
    [
        (100, 80), (160, 128), (160, 127), (159, 128), (161, 129), (160, 40), (50, 128), (240, 192),
        (320, 256), (321, 256), (320, 257), (321, 257), (320, 90), (400, 320), (641, 513),
    ],
)  # fmt: skip


@around
def test_a_picture_is_halved_while_both_sides_are_twice_too_long(wh):
    picture = noise(wh)
    fitted = fit_within(picture, (80, 64))
    width, height = fitted.shape[1::-1]
    half = halved(picture, lambda now: now.shape[1] >= 2 * width and now.shape[0] >= 2 * height)
    assert np.array_equal(fitted, cv2.resize(half, (width, height)))


@around
def test_a_picture_is_quickly_halved_while_both_sides_are_more_than_four_times_too_long(wh):
    picture = noise(wh)
    fitted = fit_within(picture, (80, 64), quick=True)
    width, height = fitted.shape[1::-1]
    half = halved(picture, lambda now: now.shape[1] > 4 * width and now.shape[0] > 4 * height)
    assert np.array_equal(fitted, cv2.resize(half, (width, height)))


@around
@pytest.mark.parametrize("into_wh", [(80, 64), (64, 80), (200, 150)])
def test_a_letterboxed_picture_is_halved_while_it_is_twice_too_long_and_lies_in_grey(wh, into_wh):
    picture = noise(wh)
    result, box = letterboxed(picture, into_wh)
    (left, top), (width, height) = box.offset, box.scaled_wh
    half = halved(picture, lambda now: now.shape[1] >= 2 * width and now.shape[0] >= 2 * height)
    expected = np.full((into_wh[1], into_wh[0], 3), 114, np.uint8)
    expected[top : top + height, left : left + width] = cv2.resize(half, (width, height))
    assert np.array_equal(result, expected)
    assert result.dtype == np.uint8


def test_no_picture_fits_nowhere():
    with pytest.raises(ImageError, match="no pixels"):
        fit_within(np.zeros((0, 8, 3), np.uint8), (4, 4))


def test_no_picture_has_no_thumbnail():
    with pytest.raises(ImageError, match="no pixels"):
        thumbnail(np.zeros((0, 8, 3), np.uint8))


@pytest.mark.parametrize("fill", [-1, 256, math.nan])
def test_a_grey_that_is_none_is_told(fill):
    with pytest.raises(ImageError, match="a grey must be from 0 to 255"):
        letterboxed(np.zeros((2, 2, 3), np.uint8), (5, 5), fill)


@pytest.mark.parametrize("fill", [0, 255])
def test_the_grey_is_the_one_that_is_asked_for(fill):
    canvas, _ = letterboxed(np.full((1, 2, 3), 100, np.uint8), (4, 4), fill)
    assert canvas[0].tolist() == [[fill] * 3] * 4


def test_nothing_fits_into_no_size():
    with pytest.raises(ShapeError, match="wh must be"):
        fit_within(np.zeros((2, 2, 3), np.uint8), (0, 5))


@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_blurring_makes_a_face_less_sharp(portraits, name):
    face = portraits[name][:300, 100:400]
    blurred = (cv2.GaussianBlur(face, (size, size), 0) for size in (1, 5, 11, 21))
    values = [sharpness(each) for each in blurred]
    assert values == sorted(values, reverse=True)
    assert values[0] > 3 * values[-1] > 0


def test_sharpness_compares_between_sizes(portraits):
    face = portraits["collins"][50:200, 150:300]
    small = cv2.resize(face, (75, 75), interpolation=cv2.INTER_AREA)
    assert sharpness(small) == pytest.approx(sharpness(face), rel=0.35)


@pytest.mark.parametrize(
    "wh",
    [(64, 64), (40, 90), (127, 127), (128, 127), (127, 128), (128, 128), (191, 191), (300, 256)],
)
def test_sharpness_is_the_variance_of_the_laplacian(wh):
    half = halved(noise(wh), lambda now: min(now.shape[:2]) >= 128)
    grey = cv2.cvtColor(half, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA).astype(int)
    edged = np.pad(small, 1, "reflect")
    around = edged[:-2, 1:-1] + edged[2:, 1:-1] + edged[1:-1, :-2] + edged[1:-1, 2:]
    assert sharpness(noise(wh)) == pytest.approx((around - 4 * small).var())


@given(pictures)
def test_sharpness_is_a_number_from_0_on(picture):
    assert 0 <= sharpness(picture) < np.inf
    assert sharpness(np.full_like(picture, 77)) == 0


@given(detections(low=-100, high=300))
def test_drawing_copies_and_never_fails(found):
    blank = np.zeros((120, 160, 3), np.uint8)
    drawn = draw_faces(blank, found, [str(i) for i in range(len(found))])
    assert drawn.shape == blank.shape
    assert not blank.any()


def test_a_text_for_each_box_or_none_at_all():
    found = Detections([[0, 0, 5, 5]], [1.0], [1])
    for texts in ([], ["a", "b"]):
        with pytest.raises(ShapeError, match="texts must be 1, one for each detection"):
            draw_faces(np.zeros((8, 8, 3), np.uint8), found, texts)


def test_each_box_is_drawn_with_its_own_text():
    blank = np.zeros((200, 200, 3), np.uint8)
    boxes = [[300, 300, 350, 350], [20, 50, 80, 120]]
    found = Detections(boxes, [0.5, 0.5], [1, 1])
    plain = draw_faces(blank, found)
    assert plain[50, 20:80].any(axis=1).all()
    assert plain[119, 20:80].any(axis=1).all()
    assert not plain[:50].any()
    named = draw_faces(blank, found, ["", "7"])
    assert named[:50, 20:40].any(), "the text stands above the box it belongs to"


@pytest.mark.parametrize(("side", "line"), [(90, 1), (449, 1), (451, 2), (900, 3)])
def test_lines_are_a_three_hundredth_of_the_picture(side, line):
    expected = np.zeros((side, side + 9, 3), np.uint8)
    found = Detections([[10.5, 20, 60, 70.2]], [0.9], [1])
    drawn = draw_faces(expected, found)
    cv2.rectangle(expected, (10, 20), (59, 70), (80, 200, 60), line)
    assert np.array_equal(drawn, expected)


@pytest.mark.parametrize(
    ("side", "scale", "line"), [(320, 0.4, 1), (1000, 1.25, 2), (1600, 2.0, 4)]
)
@pytest.mark.parametrize(
    ("colour", "ink"),
    [
        ((128, 128, 128), (0, 0, 0)),
        ((127, 127, 127), (255, 255, 255)),
        ((255, 150, 0), (255, 255, 255)),
        ((0, 0, 255), (255, 255, 255)),
        ((0, 255, 0), (0, 0, 0)),
    ],
)
def test_a_label_has_room_around_its_text(side, scale, line, colour, ink):
    blank = np.full((side, side, 3), 60, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize("108", font, scale, line)
    width, height = width + 4 * line, height + 6 * line
    for corner in [(0, 0), (side // 4, side // 2), (side - 20, side - 20)]:
        found = Detections([[*corner, corner[0] + 20, corner[1] + 20]], [0.9], [1])
        expected = draw_faces(blank, found, [""], colour=colour)
        left, top = min(corner[0], side - width), max(corner[1] - height, 0)
        expected[top : top + height, left : left + width] = colour
        place = (left + 2 * line, top + height - 3 * line)
        cv2.putText(expected, "108", place, font, scale, ink, line, cv2.LINE_AA)
        assert np.array_equal(draw_faces(blank, found, ["108"], colour=colour), expected)


@pytest.mark.parametrize("wh", [(480, 360), (720, 1280)])
@pytest.mark.parametrize(("colour", "ink"), [((80, 200, 60), 0), ((160, 30, 30), 255)])
def test_a_label_is_whole_and_readable_wherever_its_box_is(wh, colour, ink):
    blank = np.full((wh[1], wh[0], 3), 128, np.uint8)

    def label(left, top):
        found = Detections([[left, top, left + 90, top + 90]], [0.9], [1])
        plain = draw_faces(blank, found, [""], colour=colour)
        named = draw_faces(blank, found, ["108"], colour=colour)
        ys, xs = np.nonzero((named != plain).any(axis=2))
        return named[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1], ys.max()

    def inked(part):
        return (np.abs(part.astype(int) - ink) < 60).all(axis=2)

    middle, _ = label(300, 200)
    text = inked(middle)
    assert text.any()
    assert not text[[0, -1]].any()
    assert not text[:, [0, -1]].any()
    assert (middle == colour).all(axis=2).mean() > 0.5
    for left in (-40, 300, wh[0] - 50):
        for top in (-40, 1, 200, wh[1] - 40):
            moved, bottom = label(left, top)
            assert inked(moved).sum() == text.sum()
            assert bottom < top or top < len(moved), "it stands on its box where there is room"


@given(detections(low=-300, high=300))
def test_what_is_outside_is_not_drawn(found):
    blank = np.zeros((120, 160, 3), np.uint8)
    beyond = found[(found.boxes[:, 0] >= 160) | (found.boxes[:, 3] <= 0)]
    assert not draw_faces(blank, beyond, ["7"] * len(beyond)).any()


def test_a_face_of_a_part_of_a_pixel_is_drawn():
    blank = np.zeros((120, 160, 3), np.uint8)
    drawn = draw_faces(blank, Detections([[5.6, 7.1, 5.9, 7.2]], [0.9], [1]))
    assert drawn[7, 5].any()


def encoded(picture, form):
    options = {"progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 1]}
    suffix = ".png" if form == "png" else ".jpg"
    return cv2.imencode(suffix, picture, options.get(form, []))[1].tobytes()


forms = st.sampled_from(["jpeg", "progressive", "png"])


def segment(marker, payload):
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


@given(pictures, forms)
def test_a_header_says_the_size(picture, form):
    assert image_wh(encoded(picture, form)) == (picture.shape[1], picture.shape[0])


@given(pictures, st.lists(st.sampled_from([0xE1, 0xED, 0xFE, 0xC4]), max_size=3), st.binary())
def test_what_a_jpeg_carries_beside_its_picture_is_not_taken_for_it(picture, markers, text):
    thumbnail = encode_jpeg(np.zeros((3, 5, 3), np.uint8))
    carried = b"".join(segment(marker, text + thumbnail) for marker in markers)
    data = encode_jpeg(picture)
    padded = data[:2] + carried + b"\xff\xff\xff" + data[2:]
    assert image_wh(padded) == image_wh(data)


def test_markers_that_carry_nothing_are_passed_over(portraits):
    data = encode_jpeg(portraits["collins"])
    assert image_wh(data[:2] + b"\xff\x00\xff\xd0" + data[2:]) == image_wh(data)


@given(pictures, forms, st.data())
def test_a_picture_that_opencv_decodes_has_the_size_that_its_header_says(picture, form, draws):
    data = bytearray(encoded(picture, form))
    for _ in range(draws.draw(st.integers(1, 3))):
        place = draws.draw(st.integers(0, min(len(data), 700) - 1))
        data[place] = draws.draw(st.integers(0, 255))
    size = None
    try:
        size = image_wh(bytes(data))
    except ImageError as error:
        assert "these" in str(error)
    assume(size is None or size[0] * size[1] < 10**6)
    try:
        image = decode_image(bytes(data))
    except ImageError:
        return
    # What is neither by its first bytes may still be a picture of a third kind.
    assert size in (None, image.shape[1::-1])
    assert size is not None or not data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


@given(st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]), st.binary())
def test_bytes_without_a_size_are_told(start, rest):
    try:
        width, height = image_wh(start + rest)
    except ImageError as error:
        assert str(error).startswith("these")
    else:
        assert min(width, height) > 0


@pytest.mark.parametrize("form", ["jpeg", "progressive", "png"])
def test_a_header_that_ends_too_early_is_told(portraits, form):
    data = encoded(portraits["collins"], form)
    wh = portraits["collins"].shape[1::-1]
    told = 0
    for end in range(1000):
        try:
            assert image_wh(data[:end]) == wh
        except ImageError:
            told += 1
            assert told == end + 1
    assert 20 < told < 700


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xd9" + bytes(20),
        b"\xff\xd8" + segment(0xDA, bytes(20)) + segment(0xC0, b"\x08\x00\x10\x00\x10\x03"),
        b"\xff\xd8" + segment(0xC0, b"\x08\x00\x00\x00\x10\x03"),
        b"\xff\xd8" + segment(0xC8, b"\x08\x00\x10\x00\x10\x03"),
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIDAT" + bytes(20),
    ],
    ids=["at its end", "after the picture", "height of zero", "no frame", "no header first"],
)
def test_a_picture_that_does_not_say_its_size_is_told(data):
    with pytest.raises(ImageError, match="do not say its size"):
        image_wh(data)


@given(pictures)
def test_a_png_is_the_picture_itself(picture):
    assert (decode_image(encode_png(picture)) == picture).all()


class TestBlurred:
    @pytest.mark.parametrize("box", [[np.nan, 0, 5, 5], [0, 0, 5, np.nan]])
    def test_a_face_that_is_nowhere_is_told(self, box):
        with pytest.raises(ShapeError, match="boxes must be numbers, not NaN"):
            blurred(np.zeros((8, 8, 3), np.uint8), [[0, 0, 4, 4], box])

    @given(pictures, st.lists(st.tuples(*[st.floats(-50, 50)] * 4), max_size=5))
    def test_what_is_outside_the_boxes_stays(self, picture, boxes):
        before = picture.copy()
        done = blurred(picture, boxes)
        np.testing.assert_array_equal(picture, before)
        height, width = picture.shape[:2]
        outside = np.ones((height, width), bool)
        for x0, y0, x1, y1 in boxes:
            rows = slice(max(math.floor(y0), 0), max(math.ceil(y1), 0))
            outside[rows, max(math.floor(x0), 0) : max(math.ceil(x1), 0)] = False
        np.testing.assert_array_equal(done[outside], picture[outside])

    @given(st.integers(30, 300), st.integers(30, 300), st.integers(0, 2**32 - 1))
    def test_no_detail_is_left_of_a_face_of_any_size(self, width, height, seed):
        rng = np.random.default_rng(seed)
        picture = rng.integers(0, 256, (height, width, 3), np.uint8)
        done = blurred(picture, [[0, 0, width, height]])
        assert sharpness(done) < sharpness(picture) / 20

    @pytest.mark.parametrize("wh", [(60, 60), (120, 30), (3, 60), (60, 4), (1, 1), (5, 1)])
    def test_the_means_of_six_by_six_cells_are_left(self, wh):
        picture = noise((200, 150))
        expected = picture.copy()
        part = picture[40 : 40 + wh[1], 30 : 30 + wh[0]]
        rows, columns = min(6, wh[1]), min(6, wh[0])
        cells = part.reshape(rows, wh[1] // rows, columns, wh[0] // columns, 3).mean(axis=(1, 3))
        cells = np.rint(cells).astype(np.uint8)
        expected[40 : 40 + wh[1], 30 : 30 + wh[0]] = cv2.resize(
            cells, wh, interpolation=cv2.INTER_CUBIC
        )
        done = blurred(picture, [[30, 40, 30 + wh[0], 40 + wh[1]]])
        assert np.abs(done.astype(int) - expected).max() <= 2

    def test_the_same_face_in_other_clothes_of_pixels_gives_the_same(self):
        """What is left depends on the means of the cells alone."""
        grey = np.full((60, 60, 3), 100, np.uint8)
        checked = grey.copy()
        checked[::2, ::2] = checked[1::2, 1::2] = 50
        checked[::2, 1::2] = checked[1::2, ::2] = 150
        box = [[0, 0, 60, 60]]
        np.testing.assert_array_equal(blurred(grey, box), blurred(checked, box))


class TestSizeInAHeader:
    """Segments by hand: ITU-T T.81, table B.1, and the PNG specification, 11.2.1."""

    FRAMES = sorted({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
    SIZE = b"\x00\x11\x08" + (80).to_bytes(2, "big") + (120).to_bytes(2, "big")
    PNG = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\x0dIHDR"

    def jpeg(self, *before, frame=0xC0):
        return b"\xff\xd8" + b"".join(before) + bytes([0xFF, frame]) + self.SIZE

    @pytest.mark.parametrize("frame", FRAMES)
    def test_every_kind_of_frame_says_it(self, frame):
        data = self.jpeg(frame=frame)
        assert image_wh(data) == (120, 80)
        with pytest.raises(ImageError, match="do not say its size"):
            image_wh(data[:-1])

    @pytest.mark.parametrize("marker", [0x02, 0xC4, 0xC8, 0xCC, 0xDB, 0xE0, 0xFE])
    def test_what_has_a_length_is_passed_over(self, marker):
        assert image_wh(self.jpeg(bytes([0xFF, marker, 0, 4, 0xFF, 0xC0]))) == (120, 80)

    @pytest.mark.parametrize("marker", [0x01, *range(0xD0, 0xD8)])
    def test_what_has_no_length_is_passed_over(self, marker):
        assert image_wh(self.jpeg(bytes([0xFF, marker]))) == (120, 80)

    @pytest.mark.parametrize("marker", [0xD8, 0xD9, 0xDA])
    def test_past_the_end_nothing_says_it(self, marker):
        with pytest.raises(ImageError, match="do not say its size"):
            image_wh(self.jpeg(bytes([0xFF, marker, 0, 2])))

    @pytest.mark.parametrize("wh", [(120, 80), (2**24 + 1, 2**25 + 1)])
    def test_the_first_chunk_of_a_png_says_it(self, wh):
        data = self.PNG + b"".join(side.to_bytes(4, "big") for side in wh)
        assert image_wh(data) == wh
        with pytest.raises(ImageError, match="do not say its size"):
            image_wh(data[:-1])
