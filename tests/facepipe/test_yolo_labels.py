from __future__ import annotations

import pytest

from facepipe.errors import LabelsError, ShapeError
from facepipe.label_formats import parse_yolo, parse_yolo_classes
from facepipe.labels import LabelledImage


class TestYolo:
    def test_an_outline_becomes_its_box(self):
        (image,), problems = parse_yolo("0 .25 .5 .5 .25 .75 1", ["can"], (640, 480))
        assert problems == ()
        assert image.boxes.tolist() == [[160, 120, 480, 480]]

    def test_an_outline_has_any_number_of_points(self):
        (image,), problems = parse_yolo("0 .5 .5 .25 .75 .5 1 .75 .5", ["can"], (640, 480))
        assert problems == ()
        assert image.boxes.tolist() == [[160, 240, 480, 480]]

    def test_the_edge_is_within_a_hundred_thousandth(self):
        (image,), problems = parse_yolo("0 -.00001 0 1.00001 0 .5 1", ["can"], (640, 480))
        assert problems == ()
        assert image.boxes.tolist() == [[0, 0, 640, 480]]

    def test_what_rounding_puts_outside_is_at_the_edge(self):
        """One eleventh, to six digits, at the picture's left edge and at its right one."""
        text = "0 0.045454 0.5 0.090909 1\n0 0.954546 0.5 0.090909 1.000001"
        (image,), problems = parse_yolo(text, ["can"], (1100, 1100))
        assert problems == ()
        assert image.boxes.round(2).tolist() == [[0, 0, 100, 1100], [1000, 0, 1100, 1100]]
        assert image.boxes.min() == 0
        assert image.boxes.max() == 1100

    def test_a_box_beyond_the_edge_stays_there(self):
        (image,), _ = parse_yolo("0 0 0.5 0.5 0.5\n0 1 0.5 0.5 0.5", ["can"], (640, 480))
        assert image.boxes.tolist() == [[-160, 120, 160, 360], [480, 120, 800, 360]]

    def test_no_line_is_no_box(self):
        assert parse_yolo("\n \n", [], (4, 3)) == ((LabelledImage("", (4, 3), [], []),), ())

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("2 .5 .5 .5 .5", "there is no class '2': 2 count from 0"),
            ("-1 .5 .5 .5 .5", "there is no class '-1': 2"),
            ("can .5 .5 .5 .5", "there is no class 'can': 2"),
            ("9" * 5000 + " .5 .5 .5 .5", "there is no class '9999"),
            ("0", "a class is followed by the 4 numbers of a box or the 6, 8, ... of an outline"),
            ("0 .5 .5 .5 .5 .9", "a class is followed by the 4 numbers of a box or the 6, 8,"),
            ("0 .1 .1 .2 .2 .3 .3 .4", "a class is followed by the 4 numbers of a box or the 6"),
            ("0 .5 .5 .5 1.5", "a number is a share of the picture, 0 to 1, not '1.5'"),
            ("0 .5 .5 .5 nan", "a number is a share of the picture, 0 to 1, not 'nan'"),
            ("0 320 240 64 48", "a number is a share of the picture, 0 to 1, not '320'"),
            ("0 .5 .5 .5 -.1", "a number is a share of the picture, 0 to 1, not '-.1'"),
            ("0,.5,.5,.5,.5", "there is no class '0,.5,.5,.5,.5': 2"),
        ],
    )
    def test_a_line_that_cannot_be_taken_is_told_and_the_others_kept(self, line, problem):
        text = f"0 0.5 0.5 0.25 0.5\n\n{line}\n1 0.5 0.5 0.25 0.5"
        (image,), (told,) = parse_yolo(text, ["can", "tin"], (640, 480))
        assert told.startswith(f"line 3: {problem}")
        assert image.boxes.tolist() == [[240, 120, 400, 360]] * 2
        assert image.labels == ("can", "tin")

    def test_what_is_no_size_is_told(self):
        with pytest.raises(ShapeError, match="wh must be"):
            parse_yolo("", [], (0, 1))


class TestYoloClasses:
    @pytest.mark.parametrize(
        "text",
        [
            "soda can\nit's\n#1\n",
            "\ufeffsoda can\r\nit's\r\n#1\r\n\r\n",
            "names: [soda can, 'it''s', \"#1\"]",
            "path: x\nnames: [ 'soda can',\n  \"it's\", # a comment is not read\n '#1', ]\nnc: 3"
            .replace(" # a comment is not read", ""),
            "# data\nnames:\n- soda can  # no tin\n- 'it''s'\n- \"#1\"\nval: images/val\n",
            "\ufeffnames:\r\n- soda can\r\n- it's\r\n- '#1'\r\n",
            "names:\n- soda can\n- it's\n- '#1'\nx: 1",
            "names:  # three\n  - soda can\n\n  # more\n  - it's\n  - '#1'",
            "names: [' soda can', \"it's \", '#1']",
            "train: a\nnames:\n  0: soda can\n  1: \"it's\"\n  2: '#1'\n\ndownload: |\n  from x",
        ],
    )  # fmt: skip
    def test_they_are_read_as_tools_write_them(self, text):
        assert parse_yolo_classes(text) == ("soda can", "it's", "#1")

    def test_any_letter_begins_a_name(self):
        assert parse_yolo_classes("X-ray\ncan") == ("X-ray", "can")

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "classes: labels must be one a line, not none at all"),
            ("can\n\ntin", "a blank line 2"),
            ("can\x07", "a class's name has no control character"),
            ("names: ['']", "a class's name is not blank, but this is ''"),
            *((text, "give a classes.txt") for text in (
                "train: images\nval: images", "classes = 1\nnames = obj.names", "names: can",
                "names:", "names: []", "names: [a, , b]", "names: [a", "names: [{a: b}]",
                "names: {0: a}", "names: &x\n- a", "names: ['a' 'b']", 'names: ["\\u0041"]',
                "names:\n  1: a\n  2: b", "names:\n  a: 0", "names:\n  - a: b", "names:\n  - [a]",
                "names:\n  - *a", "names:\n- a\n---\nnc: 1",
                "names:\n  -a", "names: # no\nnc: 0", "names: x # no\n- a",
                "names: - a",
            )),
        ],
    )  # fmt: skip
    def test_what_cannot_be_read_is_told(self, text, reason):
        with pytest.raises(LabelsError, match=reason):
            parse_yolo_classes(text)

    def test_a_long_line_takes_no_long_time(self):
        for text in ("names: [" + "a " * 20000, "names:\n- " + "a " * 20000 + "["):
            with pytest.raises(LabelsError):
                parse_yolo_classes(text)


@pytest.mark.timeout(10)
def test_a_number_of_any_length_is_read_at_once():
    """The time that it takes must not grow with the square of its digits."""
    (problem,) = parse_yolo(f"0 {'1' * 100_000}x 0.5 0.5 0.5", ["can"], (10, 10)).problems
    assert "a number is a share of the picture" in problem
