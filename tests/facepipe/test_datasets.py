"""Data sets: the split's laws, copies, and a bad data set for each finding."""

from __future__ import annotations

import copy
import pickle
import re
from collections import Counter

import attrs
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from facepipe.datasets import (
    TRAIN,
    VALIDATION,
    Finding,
    Picture,
    copy_findings,
    copy_groups,
    distinct,
    file_findings,
    fingerprint,
    label_findings,
    split_findings,
    split_pictures,
)
from facepipe.errors import ShapeError
from facepipe.images import decode_image, encode_jpeg, fit_within, letterboxed
from facepipe.labels import LabelledImage

digests = st.text("0123456789abcdef", min_size=4, max_size=16)
names = st.sampled_from(["bottle", "can", "cup", "soda bottle"])
one_class = st.dictionaries(digests, names.map(lambda name: [name]), max_size=24)
several_classes = st.dictionaries(digests, st.sets(names, max_size=3), max_size=24)


@st.composite
def pictures_in_groups(draw, classes=several_classes):
    """What is in each picture, and the groups of some of them."""
    found = draw(classes)
    some = draw(st.lists(st.sampled_from(sorted(found)), unique=True)) if found else []
    return found, {digest: draw(st.integers(0, 5)) for digest in some}


def on_side(classes, sides, name, side):
    return sum(name in found and sides[digest] == side for digest, found in classes.items())


@given(pictures_in_groups())
def test_every_picture_is_on_exactly_one_side(given_):
    classes, groups = given_
    sides = split_pictures(classes, groups=groups)
    assert set(sides) == set(classes)
    assert set(sides.values()) <= {TRAIN, VALIDATION}


@given(pictures_in_groups(), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(given_, random):
    classes, groups = given_

    def shuffled(mapping):
        items = list(mapping.items())
        random.shuffle(items)
        return dict(items)

    sides = split_pictures(classes, groups=groups)
    assert split_pictures(shuffled(classes), groups=shuffled(groups)) == sides


@given(pictures_in_groups(), several_classes)
def test_more_pictures_never_move_the_others(given_, more):
    classes, groups = given_
    first = split_pictures(classes, groups=groups)
    second = split_pictures({**more, **classes}, first, groups)
    assert {digest: second[digest] for digest in classes} == first


@given(pictures_in_groups())
def test_copies_are_on_one_side(given_):
    classes, groups = given_
    sides = split_pictures(classes, groups=groups)
    for group in set(groups.values()):
        assert len({sides[digest] for digest, own in groups.items() if own == group}) == 1


@given(pictures_in_groups(), st.data())
def test_copies_of_what_was_split_earlier_are_on_its_side(given_, data):
    classes, groups = given_
    side_of = data.draw(st.lists(st.sampled_from([TRAIN, VALIDATION]), min_size=6, max_size=6))
    earlier = {
        digest: side_of[group] for digest, group in groups.items() if data.draw(st.booleans())
    }
    sides = split_pictures(classes, earlier, groups)
    told = {groups[digest] for digest in earlier}
    for digest, group in groups.items():
        if group in told:
            assert sides[digest] == side_of[group]


@given(one_class)
@example({str(number): ["can"] for number in range(7)})
@example({str(number): ["can"] for number in range(10)})
def test_of_pictures_of_one_class_each_a_fifth_is_kept_as_near_as_can_be(classes):
    sides = split_pictures(classes)
    for name, count in Counter(name for (name,) in classes.values()).items():
        kept = on_side(classes, sides, name, VALIDATION)
        nearest = min(range(count + 1), key=lambda number: abs(number - count / 5))
        assert kept == (nearest if count == 1 else max(1, nearest))


@given(several_classes)
def test_a_class_is_on_both_sides_if_one_move_could_bring_it_there(classes):
    sides = split_pictures(classes)

    def present(sides):
        return {(name, sides[digest]) for digest, found in classes.items() for name in found}

    had = present(sides)
    for digest, side in sides.items():
        moved = {**sides, digest: VALIDATION if side == TRAIN else TRAIN}
        assert not present(moved) > had


@given(pictures_in_groups(one_class))
def test_a_class_of_two_pictures_that_are_no_copies_is_on_both_sides(given_):
    classes, groups = given_
    groups = {digest: (classes[digest][0], group) for digest, group in groups.items()}
    sides = split_pictures(classes, groups=groups)
    for name in {name for (name,) in classes.values()}:
        apart = {groups.get(digest, digest) for digest in classes if classes[digest] == [name]}
        assert on_side(classes, sides, name, TRAIN)
        assert bool(on_side(classes, sides, name, VALIDATION)) == (len(apart) > 1)


def test_of_pictures_of_several_classes_a_fifth_of_each_is_kept():
    random = np.random.default_rng(0)
    shares = {"bottle": 0.8, "can": 0.4, "cup": 0.06}
    classes = {
        f"{number:04d}": [name for name, share in shares.items() if random.random() < share]
        for number in range(1000)
    }
    sides = split_pictures(classes)
    for name in shares:
        count = sum(name in found for found in classes.values())
        assert on_side(classes, sides, name, VALIDATION) == pytest.approx(count / 5, abs=1.5)
    assert list(sides.values()).count(VALIDATION) == pytest.approx(200, abs=5)


def test_a_class_that_the_needs_alone_would_leave_on_one_side_is_on_both():
    classes = {"0": ["can", "cup"], "1": ["bottle", "can", "cup"], "2": ["bottle", "can"]}
    sides = split_pictures(classes)
    for name in ("bottle", "can", "cup"):
        assert on_side(classes, sides, name, TRAIN)
        assert on_side(classes, sides, name, VALIDATION)


def test_copies_and_pickles_of_a_picture_are_equal_and_read_only():
    labels = LabelledImage("a.jpg", (64, 64), [[1, 2, 3, 4]], ["can"])
    picture = Picture("a1", labels, np.arange(576) % 256, TRAIN)
    for same in (copy.deepcopy(picture), pickle.loads(pickle.dumps(picture))):
        assert same == picture
        assert not same.fingerprint.flags.writeable
        assert not same.labels.boxes.flags.writeable


def test_a_class_of_one_picture_keeps_no_other_from_being_on_both_sides():
    assert split_pictures({"0": ["bottle", "cup"], "1": ["can", "cup"]}) == {
        "0": VALIDATION,
        "1": TRAIN,
    }


def test_the_only_picture_of_a_class_is_learnt_from():
    assert split_pictures({"0": ["can"], "1": ["can", "cup"]}) == {"0": VALIDATION, "1": TRAIN}


def test_single_pictures_make_up_for_many_copies():
    classes = {str(number): ["can"] for number in range(10)}
    sides = split_pictures(classes, groups={"7": 0, "8": 0, "9": 0})
    assert on_side(classes, sides, "can", VALIDATION) == 2


def test_what_was_split_earlier_counts():
    classes = {str(number): ["can"] for number in range(10)}
    sides = split_pictures(classes)
    judged_by = {digest: side for digest, side in sides.items() if side == VALIDATION}
    assert split_pictures(classes, judged_by) == sides


def test_classes_are_brought_to_both_sides_one_after_the_other():
    classes = {"0": "ab", "1": "a", "2": "bcd", "3": "d", "4": "abc", "5": "bd", "6": "ac"}
    sides = split_pictures(classes, groups={"1": 0, "3": 0, "5": 0})
    for name in "abcd":
        assert on_side(classes, sides, name, TRAIN)
        assert on_side(classes, sides, name, VALIDATION)


def test_no_more_pictures_than_need_be_are_moved():
    classes = {"0": "b", "1": "c", "2": "a", "3": "ab", "4": "c", "5": "bc"}
    sides = split_pictures(classes, groups={"1": 0, "4": 0})
    assert list(sides.values()).count(VALIDATION) == 2


def test_the_split_is_the_same_everywhere():
    assert split_pictures({"0": ["can"], "1": ["can"]}) == {"0": TRAIN, "1": VALIDATION}
    classes = {f"{number:x}": ["can"] for number in range(16)}
    sides = split_pictures(classes)
    assert [digest for digest in classes if sides[digest] == VALIDATION] == ["b", "d", "f"]


def reference_groups(cells):
    """The slow way: join until nothing is left to join."""
    groups = list(range(len(cells)))
    for one in range(len(cells)):
        for other in range(one):
            apart = np.abs(cells[one].astype(int) - cells[other])
            if apart.max() <= 16 and (apart**2).mean() <= 16:
                low, high = sorted((groups[one], groups[other]))
                groups = [low if group == high else group for group in groups]
    return groups


# Of shades between which all is possible.
cells = st.tuples(st.integers(0, 12), st.integers(1, 40)).flatmap(
    lambda shape: npst.arrays(
        np.uint8, shape, elements=st.sampled_from([0, 3, 4, 5, 16, 17, 255]), fill=st.just(0)
    )
)


@given(cells)
def test_groups_are_those_of_the_slow_way(cells):
    assert copy_groups(cells).tolist() == reference_groups(cells)


def test_a_chain_of_near_copies_is_one_group():
    chain = np.arange(0, 100, 4, dtype=np.uint8)[::-1, None] * np.ones((1, 20), np.uint8)
    assert set(copy_groups(chain)) == {0}
    assert set(copy_groups(chain[::2])) == set(range(len(chain[::2])))


@given(st.integers(0, 2**32 - 1))
def test_copies_are_told_from_others_to_the_last_grey(seed):
    """Four apart in every cell is as much as there may be."""
    random = np.random.default_rng(seed)
    one = random.integers(6, 250, 576)
    other = one + random.choice([-4, 4], 576)
    assert copy_groups([one, other]).tolist() == [0, 0]
    middle = random.integers(100, 156, 576)
    other = middle + random.choice([-4, 4], 576)
    other[:2] = middle[:2]
    other[1] += 6
    assert copy_groups([middle, other]).tolist() == [0, 1]


def test_shades_of_grey_are_copies_wherever_they_lie():
    for shade in range(251):
        shades = np.array([shade, shade + 4, shade + 5])[:, None] * np.ones(20, int)
        assert copy_groups(shades[:2]).tolist() == [0, 0]
        assert copy_groups(shades[::2]).tolist() == [0, 1]


def test_what_is_nearly_a_copy_keeps_no_others_apart():
    first, nearly, second = np.zeros((3, 40), np.uint8)
    nearly[0], second[1] = 17, 3
    assert copy_groups([first, nearly, second]).tolist() == [0, 1, 0]


@pytest.mark.parametrize("shape", [(0, 576), (0, 0), (3, 0)])
def test_nothing_to_compare_is_no_error(shape):
    groups = copy_groups(np.empty(shape, np.uint8))
    assert (groups.shape, groups.dtype) == (shape[:1], np.int64)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3), (4, 4, 3, 1)])
def test_what_is_no_picture_has_no_fingerprint(shape):
    with pytest.raises(ShapeError, match=r"a picture, \(H, W, 3\), not " + re.escape(str(shape))):
        fingerprint(np.zeros(shape, np.uint8))


def test_the_fingerprint_of_a_pixel_is_its_grey():
    assert set(fingerprint(np.full((1, 1, 3), 7, np.uint8))) == {7}


def test_a_wrong_shape_is_told():
    with pytest.raises(ShapeError, match=r"of shape \(N, M\), not \(576,\)"):
        copy_groups(np.zeros(576, np.uint8))
    with pytest.raises(ShapeError, match=r"fingerprint must be of shape \(576,\)"):
        Picture("0", LabelledImage("a.jpg", None, [], []), [0])


@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60), st.just(3))))
def test_a_fingerprint_is_the_mean_of_each_cell(square):
    grey = square @ np.array([0.114, 0.587, 0.299])
    height, width = grey.shape
    found = fingerprint(square).reshape(24, 24)
    for row, column in [(0, 0), (23, 23), (7, 15)]:
        top, left = row * height // 24, column * width // 24
        bottom, right = (row + 1) * height // 24, (column + 1) * width // 24
        cell = grey[top : max(bottom, top + 1), left : max(right, left + 1)]
        assert found[row, column] == pytest.approx(cell.mean(), abs=0.51)


def mark(image, side=512):
    return fingerprint(letterboxed(image, (side, side))[0])


def copies(picture):
    yield decode_image(encode_jpeg(picture, 30))
    half = fit_within(picture, (picture.shape[1] // 2, picture.shape[0] // 2))
    yield decode_image(encode_jpeg(half, 80))


def test_copies_are_known_and_others_are_not(data_dir):
    paths = sorted((data_dir / "images" / "aws-samples").glob("*.jp*g"))
    pictures = [fit_within(decode_image(path.read_bytes()), (640, 640)) for path in paths]
    marks, expected = [], []
    for index, picture in enumerate(pictures):
        for each in (picture, *copies(picture)):
            marks.append(mark(each, 300))
            expected.append(3 * index)
    assert len(pictures) > 15
    assert copy_groups(marks).tolist() == expected


def test_flat_pictures_are_copies_only_of_their_own_shade():
    shades = [np.full((90, 160, 3), shade, np.uint8) for shade in (0, 5, 100, 250)]
    assert copy_groups([mark(shade) for shade in shades]).tolist() == [0, 0, 2, 3]


def test_a_small_thing_that_moves_makes_another_picture(portraits):
    """As a camera on a wall sees it."""
    wall = portraits["hopper"]
    one, other = wall.copy(), wall.copy()
    one[100:140, 100:140] = 0
    other[300:340, 300:340] = 0
    assert copy_groups([mark(wall), mark(one), mark(other)]).tolist() == [0, 1, 2]


def test_thousands_of_pictures_are_grouped_however_much_alike():
    random = np.random.default_rng(0)
    different = random.integers(0, 256, (2000, 576), np.uint8)
    noisy = np.full((2000, 576), 128, np.uint8) + random.integers(0, 8, (2000, 576), np.uint8)
    groups = copy_groups(np.concatenate([different, noisy]))
    assert groups.tolist() == [*range(2000), *[2000] * 2000]


def image(boxes=((10, 10, 100, 100),), labels=None, name="a.jpg", wh=None):
    return LabelledImage(name, wh, list(boxes), labels or ["can"] * len(boxes))


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (image([(600, 10, 700, 80)]), "the box 600, 10, 700, 80 (can) is not within the picture"),
        (image([(-9, 10, 70, 80)]), "the box -9, 10, 70, 80 (can) is not within"),
        (image([(0, 0, 640, 490)]), "the box 0, 0, 640, 490 (can) is not within"),
        (image([(20, 20, 20, 90)]), "the box 20, 20, 20, 90 (can) is empty"),
        (image([(90, 20, 20, 90)]), "is empty, or less than a pixel wide in a square of 300"),
        (image([(5, 5, 6, 99)] * 5), "5 boxes, 5, 5, 6, 99 (can); 5, 5, 6, 99 (can); "),
        (image(labels=["dog"]), "dog is not among the classes"),
        (image(wh=(1280, 960)), "the labels are of 1280x960, but the picture of 640x480."),
        (image(wh=(480, 640)), "of 640x480; label it upright, as its EXIF orientation shows it."),
    ],
)
def test_labels_that_would_ruin_a_job_are_told_by_file(labels, told):
    (finding,) = label_findings(labels, (640, 480), 300, ["can"])
    assert finding.error
    assert finding.file == "a.jpg"
    assert finding.text.startswith("a.jpg: ")
    assert told in finding.text


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (image([(20, 20, 26, 90)]), "the box 20, 20, 26, 90 (can) is less than 4 pixels wide"),
        (image([]), "a.jpg has no box; it is left out."),
    ],
)
def test_labels_that_are_of_little_use_are_warned_of(labels, told):
    (finding,) = label_findings(labels, (640, 480), 300, ["can"])
    assert not finding.error
    assert told in finding.text


def test_good_labels_are_left_alone_and_tools_may_round():
    whole = image([(-0.9, -1, 640.9, 481), (0, 0, 640, 480)], wh=(640, 480))
    assert label_findings(whole, (640, 480), 512) == []
    assert label_findings(image([(-9, 0, 2000, 90)]), (2000, 1000), 512) == []
    assert label_findings(image([(-1, -1, 101, 101)]), (100, 100), 512) == []


@pytest.mark.parametrize("box", [(-1.5, 0, 90, 90), (0, -1.5, 90, 90), (0, 0, 101.5, 90)])
def test_of_a_small_picture_a_box_may_stick_out_by_a_pixel_and_no_more(box):
    (finding,) = label_findings(image([box]), (100, 100), 512)
    assert "is not within the picture of 100x100." in finding.text


def test_all_that_is_wrong_in_one_picture_is_told_box_by_box():
    """Pictures of 640x480 are halved by squares of 320."""
    good, outside = (10, 10, 200, 200), (-9, 10, 70, 80)
    empty = [(5, 5, right, 99) for right in (6, 6.5, 6.75)]
    tiny = [(5, 5, right, 99) for right in (7, 8, 9, 10, 12.5)]
    enough = (5, 5, 13, 99)
    boxes = [good, outside, *empty, *tiny, enough]
    labels = ["can"] * (len(boxes) - 1) + ["dog"]
    assert label_findings(image(boxes, labels), (640, 480), 320, ["can"]) == [
        Finding("a.jpg", "a.jpg: dog is not among the classes."),
        Finding(
            "a.jpg", "a.jpg: the box -9, 10, 70, 80 (can) is not within the picture of 640x480."
        ),
        Finding(
            "a.jpg",
            "a.jpg: 3 boxes, 5, 5, 6, 99 (can); 5, 5, 6.5, 99 (can); 5, 5, 6.75, 99 (can) are "
            "empty, or less than a pixel wide in a square of 320.",
        ),
        Finding(
            "a.jpg",
            "a.jpg: 5 boxes, 5, 5, 7, 99 (can); 5, 5, 8, 99 (can); 5, 5, 9, 99 (can); 2 more are "
            "less than 4 pixels wide in a square of 320.",
            error=False,
        ),
    ]


def test_of_several_things_three_are_named():
    def named(count):
        labels = image([(10, 10, 99, 99)] * count, ["a", "b", "c", "d"][:count])
        (finding,) = label_findings(labels, (640, 480), 300, [])
        return finding.text

    assert named(3) == "a.jpg: a, b, c are not among the classes."
    assert named(4) == "a.jpg: a, b, c, 1 more are not among the classes."


def test_a_picture_without_a_box_is_left_out():
    text = "a.jpg has no box; it is left out."
    assert label_findings(image([]), (640, 480), 300) == [Finding("a.jpg", text, error=False)]


def test_a_missing_picture_is_an_error_and_one_without_labels_a_warning():
    assert file_findings(["d.jpg", "a.jpg", "b.jpg", "b.jpg"], ["e.jpg", "b.jpg", "c.jpg"]) == [
        Finding("a.jpg", "a.jpg has labels, but there is no such picture."),
        Finding("d.jpg", "d.jpg has labels, but there is no such picture."),
        Finding("c.jpg", "c.jpg has no labels; it is left out.", error=False),
        Finding("e.jpg", "e.jpg has no labels; it is left out.", error=False),
    ]


def test_a_picture_of_a_data_set_cannot_be_changed():
    looks = [number % 256 for number in range(576)]
    labels = image(labels=["can"])
    one = Picture("ab", labels, looks)
    assert one.fingerprint.dtype == np.uint8
    assert one.fingerprint.tolist() == looks
    with pytest.raises(ValueError, match="read-only"):
        one.fingerprint[0] = 1
    assert one == Picture("ab", labels, looks)
    assert one != Picture("ab", labels, looks[::-1])
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_what_is_no_fingerprint_is_told():
    with pytest.raises(ShapeError, match=r"must be of shape \(576,\), not \(24, 24\)"):
        Picture("ab", image(), np.zeros((24, 24)))


def picture(number, labels=("can",), copy_of=None, **changes):
    """The number tells content and looks; `copy_of`, whose looks it has."""
    looks = np.random.default_rng(number if copy_of is None else copy_of).integers(0, 256, 576)
    boxes = [[10 * at, 10, 10 * at + 9, 50] for at in range(len(labels))]
    own = LabelledImage(f"{number}.jpg", (300, 300), boxes, labels)
    return attrs.evolve(Picture(f"{number:016x}", own, looks), **changes)


def found_of(pictures, classes=("can",)):
    """What is found in a data set, and what becomes of it."""
    groups = copy_groups([each.fingerprint for each in pictures] or np.empty((0, 576)))
    groups = groups.tolist()
    sides = split_pictures(
        {each.digest: each.classes for each in pictures},
        {each.digest: each.earlier for each in pictures if each.earlier},
        {each.digest: group for each, group in zip(pictures, groups)},
    )
    found = copy_findings(pictures, groups)
    return found + split_findings(pictures, groups, sides, classes)


def test_a_good_data_set_has_no_findings():
    assert found_of([picture(number) for number in range(200)]) == []


@pytest.mark.parametrize(
    ("pictures", "file", "told"),
    [
        ([], "", "There is no labelled box at all."),
        (range(19), "", "15 pictures are too few to train with, which takes at least 16"),
        ([*range(200), picture(200, ["cup"])], "200.jpg", "Only 200.jpg has the class cup"),
        (
            [*range(200), *(picture(200 + n, ["cup"], copy_of=200) for n in range(3))],
            "200.jpg",
            "All 3 pictures of the class cup look the same, 200.jpg and 201.jpg",
        ),
        (
            [
                *range(200),
                picture(200, earlier=TRAIN),
                picture(201, copy_of=200, earlier=VALIDATION),
            ],
            "200.jpg",
            "200.jpg (train) and 201.jpg (validation) of the earlier split are copies",
        ),
        (
            [
                *range(200),
                picture(200, earlier=TRAIN),
                picture(201, copy_of=200, earlier=VALIDATION),
                picture(202, copy_of=200),
            ],
            "202.jpg",
            "202.jpg is a copy of 200.jpg (train) and 201.jpg (validation)",
        ),
    ],
)
def test_a_data_set_that_would_ruin_a_job_is_told(pictures, file, told):
    pictures = [picture(each) if isinstance(each, int) else each for each in pictures]
    classes = sorted(set().union(*(each.classes for each in pictures)))
    (finding,) = [each for each in found_of(pictures, classes) if each.error]
    assert finding.file == file
    assert told in finding.text


def test_a_class_without_a_box_is_an_error():
    found = found_of([picture(number) for number in range(200)], ["can", "cup"])
    assert found == [Finding("", "No box has the class cup.")]


@pytest.mark.parametrize(("train", "enough"), [(15, False), (16, True)])
def test_a_mini_batch_is_enough_to_train_with(train, enough):
    pictures = [picture(number) for number in range(train + 4)]
    sides = {each.digest: TRAIN for each in pictures[:train]}
    sides.update({each.digest: VALIDATION for each in pictures[train:]})
    (finding,) = split_findings(pictures, range(len(pictures)), sides, ["can"])
    assert finding.error != enough


@pytest.mark.parametrize("side", [TRAIN, VALIDATION])
def test_a_copy_of_pictures_of_one_side_is_no_error(side):
    first = [picture(0, earlier=side), picture(1, copy_of=0, earlier=side)]
    (finding,) = copy_findings([*first, picture(2, copy_of=0)], [0, 0, 0])
    assert not finding.error


@pytest.mark.parametrize(
    ("pictures", "told"),
    [
        (range(100), "100 pictures are few; 200 or more give a better model."),
        (
            [*range(200), picture(300, copy_of=7)],
            "2 pictures look the same as others, 7.jpg, 300.jpg for example",
        ),
        (
            [*range(200), *(picture(300 + n, ["cup"], earlier=TRAIN) for n in range(2))],
            "No picture of the class cup is left for validation; take more of it.",
        ),
    ],
)
def test_what_makes_a_worse_model_is_warned_of(pictures, told):
    pictures = [picture(each) if isinstance(each, int) else each for each in pictures]
    classes = sorted(set().union(*(each.classes for each in pictures)))
    (finding,) = found_of(pictures, classes)
    assert finding == Finding("", finding.text, error=False)
    assert told in finding.text


def renamed(picture, name, **changes):
    return attrs.evolve(picture, labels=attrs.evolve(picture.labels, name=name, **changes))


def test_a_picture_that_is_there_twice_is_taken_once():
    first = picture(1, ["can", "cup"])
    turned = renamed(first, "b.jpg", boxes=first.labels.boxes[::-1] + 0.2, labels=["cup", "can"])
    other = picture(2)
    kept, found = distinct([first, other, turned])
    assert kept == [first, other]
    text = "b.jpg is the same picture as 1.jpg; it is taken once."
    assert found == [Finding("b.jpg", text, error=False)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "b.jpg", "labels": ["can", "can"]}, "b.jpg is the same picture as 1.jpg, but"),
        ({"name": "b.jpg", "boxes": [[0, 0, 9, 9]] * 2}, "b.jpg is the same picture as 1.jpg, but"),
        ({"name": "1.jpg", "boxes": [[0, 0, 9, 9]] * 2}, "1.jpg is labelled twice, but"),
    ],
)
def test_a_picture_that_is_there_twice_with_different_labels_is_an_error(changes, told):
    first = picture(1, ["can", "cup"])
    kept, (finding,) = distinct([first, renamed(first, **changes)])
    assert kept == [first]
    assert finding == Finding(changes["name"], finding.text)
    assert told in finding.text


def test_a_box_that_is_in_the_overhang_alone_is_empty():
    labels = LabelledImage("a.jpg", None, [[2001, 100, 2009, 300]], ["can"])
    (finding,) = label_findings(labels, (2000, 2000), 512)
    assert finding.error
    assert "is empty" in finding.text
