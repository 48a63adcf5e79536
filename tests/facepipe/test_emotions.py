from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.emotions import FaceEmotions, face_details, filter_emotions, largest_face
from facepipe.errors import ResponseError
from tests.strategies import confidences
from tests.strategies import face_details as faces


def highest(face):
    """The slow way: the highest confidence of each type."""
    best = {}
    for emotion in face["Emotions"]:
        name, value = emotion["Type"], float(emotion["Confidence"])
        best[name] = max(value, best.get(name, value))
    return best


@given(faces(), confidences())
def test_it_keeps_every_emotion_above_the_threshold_and_no_other(face, threshold):
    expected = {name: value for name, value in highest(face).items() if value > threshold}
    assert dict(filter_emotions(face, threshold).scores) == expected


@given(faces())
@example({"Emotions": [{"Type": "CALM", "Confidence": 10.5}]})
def test_the_threshold_is_10_unless_told(face):
    assert filter_emotions(face) == filter_emotions(face, 10.0)


@given(faces(), confidences())
def test_emotions_come_in_descending_order_and_the_first_dominates(face, threshold):
    kept = filter_emotions(face, threshold)
    values = list(kept.scores.values())
    assert values == sorted(values, reverse=True)
    assert kept.dominant == (next(iter(kept.scores)) if kept.scores else None)


@given(faces(), confidences(), confidences())
def test_raising_the_threshold_never_adds_one(face, a, b):
    low, high = (filter_emotions(face, t).scores for t in sorted((a, b)))
    assert set(high) <= set(low)


@given(faces(), st.data())
def test_the_order_of_the_response_does_not_matter(face, data):
    shuffled = {**face, "Emotions": data.draw(st.permutations(face["Emotions"]))}
    kept, same = filter_emotions(face), filter_emotions(shuffled)
    assert list(kept.scores.items()) == list(same.scores.items())


rubbish = (
    st.none()
    | st.booleans()
    | st.text()
    | st.just([])
    | st.floats().filter(lambda value: not 0 <= value <= 100)
)


@given(
    faces(),
    st.lists(
        rubbish
        | st.fixed_dictionaries({"Type": st.none() | st.just("") | st.integers()})
        | st.fixed_dictionaries({"Type": st.just("") | st.integers(), "Confidence": st.just(50.0)})
        | st.fixed_dictionaries({"Type": st.just("HAPPY")})
        | st.fixed_dictionaries(
            {
                "Type": st.just("HAPPY"),
                "Confidence": rubbish.filter(lambda v: not (isinstance(v, str) and v.strip())),
            }
        )
    ),
)
def test_a_malformed_entry_is_dropped_and_takes_no_neighbour_with_it(face, mad):
    assert filter_emotions({**face, "Emotions": mad + face["Emotions"]}) == filter_emotions(face)


@pytest.mark.parametrize("confidence", [-0.5, 100.5, float("nan"), 10**400, "much", None, True, []])
def test_a_confidence_that_is_no_percentage_is_dropped(confidence):
    mad = {"Type": "ANGRY", "Confidence": confidence}
    good = {"Type": "HAPPY", "Confidence": 50}
    assert dict(filter_emotions({"Emotions": [mad, good]}, 0.0).scores) == {"HAPPY": 50.0}


@pytest.mark.parametrize("face", [{}, {"Emotions": None}, {"Emotions": "HAPPY"}])
def test_a_face_without_emotions_says_how_to_get_them(face):
    with pytest.raises(ResponseError, match="Attributes="):
        filter_emotions(face)


@given(faces())
def test_copies_and_pickles_are_equal(face):
    kept = filter_emotions(face)
    assert copy.deepcopy(kept) == pickle.loads(pickle.dumps(kept)) == kept
    assert hash(copy.deepcopy(kept)) == hash(kept)


def test_scores_cannot_be_changed():
    kept = FaceEmotions({"CALM": 20.0})
    with pytest.raises(TypeError):
        kept.scores["HAPPY"] = 99.0


@given(st.lists(faces(), min_size=1))
def test_the_largest_face_is_the_one_scored(details):
    areas = [f["BoundingBox"]["Width"] * f["BoundingBox"]["Height"] for f in details]
    found = largest_face({"FaceDetails": details})
    assert found is details[areas.index(max(areas))]
    assert face_details({"FaceDetails": details}) == tuple(details)


@pytest.mark.parametrize(
    "box",
    [None, {}, {"Width": "wide", "Height": 1}, {"Width": float("nan"), "Height": 1},
     {"Width": float("inf"), "Height": 1}, {"Width": 10**400, "Height": 1}],
)  # fmt: skip
def test_a_face_without_a_box_never_wins(box):
    good = {"BoundingBox": {"Width": 0.1, "Height": 0.1}}
    assert largest_face({"FaceDetails": [{"BoundingBox": box}, good]}) is good
    assert largest_face({"FaceDetails": [{"BoundingBox": box}]}) == {"BoundingBox": box}


@pytest.mark.parametrize("response", [None, {}, [], {"FaceDetails": None}, {"FaceDetails": [1]}])
def test_what_is_no_response_is_told(response):
    with pytest.raises(ResponseError, match="no DetectFaces response"):
        largest_face(response)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("awscli_detect_faces", {"CALM": 72.79895782470703}),
        ("detect_faces_devguide_7_emotions", {"CALM": 99.47616577148438}),
    ],
)
def test_real_responses(data_dir, name, expected):
    response = json.loads((data_dir / f"responses/{name}.json").read_text("utf-8"))
    assert dict(filter_emotions(largest_face(response)).scores) == expected
    assert len(filter_emotions(largest_face(response), 0.0).scores) > 5
