from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from facepipe_io.edge.networks.preprocessing import Preprocessing, read_preprocessing
from facepipe_io.errors import ModelError
from tests.facepipe_io.edge.helpers import picture

NORMAL = {3: ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)), 1: ((0.5,), (0.25,))}
COLOURS = np.dstack([np.full((6, 8), value, np.uint8) for value in (10, 100, 200)])  # B, G, R


def read(path, shape=(1, 3, 64, 32), **given):
    model = str(path / "face.onnx")
    if given:
        (path / "face.onnx.json").write_text(json.dumps(given))
    return read_preprocessing(model, shape, NORMAL)


class TestApply:
    def test_colours_are_red_green_blue_and_normalised(self):
        done = Preprocessing((8, 6), *NORMAL[3]).apply(COLOURS)
        assert (done.shape, done.dtype) == ((1, 3, 6, 8), np.float32)
        expected = [
            (value / 255 - mean) / std for value, mean, std in zip((200, 100, 10), *NORMAL[3])
        ]
        np.testing.assert_allclose(done[0, :, 0, 0], expected, rtol=1e-5)

    def test_or_blue_green_red(self):
        done = Preprocessing((8, 6), (0.0,) * 3, (1 / 255,) * 3, "BGR").apply(COLOURS)
        np.testing.assert_allclose(done[0, :, 5, 7], [10, 100, 200], rtol=1e-5)

    def test_grey_is_as_opencv_weighs_it(self):
        done = Preprocessing((8, 6), (0.5,), (0.5,)).apply(COLOURS)
        grey = cv2.cvtColor(COLOURS, cv2.COLOR_BGR2GRAY)
        np.testing.assert_allclose(done, grey[None, None] / 127.5 - 1, atol=1e-6)

    def test_channels_may_be_last(self):
        first = Preprocessing((8, 6), *NORMAL[3])
        last = Preprocessing((8, 6), *NORMAL[3], channels_last=True)
        done = last.apply(COLOURS)
        assert done.shape == (1, 6, 8, 3)
        np.testing.assert_array_equal(done.transpose(0, 3, 1, 2), first.apply(COLOURS))

    @pytest.mark.parametrize("wh", [(1, 1), (64, 32), (1920, 1080), (32, 2000)])
    def test_pictures_of_any_size_fill_the_input(self, wh):
        done = Preprocessing((64, 32), (0.0,), (1 / 255,)).apply(picture(77, wh))
        np.testing.assert_allclose(done, np.full((1, 1, 32, 64), 77), rtol=1e-5)

    def test_what_shrinks_is_the_mean_of_its_pixels(self):
        stripes = picture(0, (640, 320))
        stripes[:, ::5] = 250  # passing over pixels would see too many of these, or none
        done = Preprocessing((64, 32), (0.0,), (1 / 255,)).apply(stripes)
        np.testing.assert_allclose(done, 50, atol=1)


class TestRead:
    @pytest.mark.parametrize(
        ("shape", "wh", "channels", "last"),
        [
            ((1, 3, 64, 32), (32, 64), 3, False),
            ((None, 1, 48, 48), (48, 48), 1, False),
            ((None, 3, None, None), (224, 224), 3, False),
            ((1, None, None, 32), (32, 224), 3, False),
            ((1, 64, 32, 3), (32, 64), 3, True),
            ((None, None, None, 3), (224, 224), 3, True),
            ((1, 3, 64, 3), (3, 64), 3, False),
        ],
    )
    def test_the_input_is_read_from_its_shape(self, shape, wh, channels, last, tmp_path):
        expected = Preprocessing(wh, *NORMAL[channels], channels_last=last)
        assert read(tmp_path, shape) == expected

    def test_the_file_beside_the_model_beats_what_is_usual(self, tmp_path):
        done = read(
            tmp_path,
            (1, 3, None, None),
            size=[40, 30],
            mean=[0, 0.5, 1],
            std=[1, 2, 3],
            order="BGR",
        )
        assert done == Preprocessing((40, 30), (0, 0.5, 1), (1, 2, 3), "BGR")

    def test_one_number_stands_for_all_channels(self, tmp_path):
        done = read(tmp_path, mean=[0.5])
        assert (done.mean, done.std) == ((0.5,) * 3, NORMAL[3][1])

    def test_a_folder_may_be_named_with_a_slash(self, tmp_path):
        (tmp_path / "neo").mkdir()
        (tmp_path / "neo.json").write_text('{"mean": [0.5]}')
        for name in ("neo", "neo/"):
            done = read_preprocessing(str(tmp_path / "neo") + name[3:], (1, 3, 8, 8), NORMAL)
            assert done.mean == (0.5,) * 3

    @pytest.mark.parametrize(
        ("shape", "told"),
        [
            ((1, 1000), "is no picture"),
            ((), "is no picture"),
            ((1, 4, 64, 64), "4 channels, and a picture 1 or 3"),
            ((1, 64, 64, 7), "64 channels"),
            ((1, 3, 64, 2**31 - 1), "2147483647.*, is over 4096 pixels"),
            ((1, 4097, None, 1), "4097.*, is over 4096 pixels"),
        ],
    )
    def test_what_takes_no_picture(self, shape, told, tmp_path):
        with pytest.raises(ModelError, match=told):
            read(tmp_path, shape)

    def test_a_size_that_the_model_does_not_take(self, tmp_path):
        assert read(tmp_path, size=[32, 64]).wh == (32, 64)
        with pytest.raises(ModelError, match="takes 32x64 pixels; take size out"):
            read(tmp_path, size=[64, 32])

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "no json",
            "[]",
            "[" * 100_000,
            '{"means": [0.5]}',
            '{"mean": 0.5}',
            '{"mean": []}',
            '{"mean": [0.5, 0.5]}',
            '{"mean": [NaN]}',
            '{"mean": ["0.5"]}',
            '{"mean": [1%s]}' % ("0" * 400),
            '{"std": [1e-300]}',
            '{"std": [0]}',
            '{"std": [true]}',
            '{"size": [224]}',
            '{"size": [0, 224]}',
            '{"size": [22.5, 224]}',
            '{"size": [100000, 224]}',
            '{"order": "GBR"}',
            '{"order": ["RGB"]}',
        ],
    )
    def test_a_file_that_makes_no_sense(self, text, tmp_path):
        (tmp_path / "face.onnx.json").write_text(text)
        with pytest.raises(ModelError, match=r"face.onnx.json cannot be used: .") as caught:
            read(tmp_path, (1, 3, None, None))
        assert "\n" not in str(caught.value)

    def test_a_file_that_cannot_be_read(self, tmp_path):
        (tmp_path / "face.onnx.json").mkdir()
        with pytest.raises(ModelError, match=r"Is a directory"):
            read(tmp_path)
