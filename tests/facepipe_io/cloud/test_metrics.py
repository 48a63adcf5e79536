from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.emotions import FaceEmotions
from facepipe.records import ScoredCrop, metric_data
from facepipe_io.cloud.metrics import MAX_DATA, acceptable, in_calls
from tests.facepipe_io.cloud.world import NOON, World, crop_key

_TYPES = ["HAPPY", "SAD", "ANGRY", "CONFUSED", "DISGUSTED", "SURPRISED", "CALM", "FEAR", "UNKNOWN"]


def _crop(
    number: int = 1,
    camera: str = "hall-1",
    at: datetime = NOON,
    faces: int = 1,
    emotions: int = 1,
    label: str = "face",
) -> ScoredCrop:
    scores = FaceEmotions(dict.fromkeys(_TYPES[:emotions], 50.0))
    return ScoredCrop(crop_key(number), camera, at, faces, scores, label=label)


_crops = st.lists(
    st.builds(
        _crop,
        camera=st.sampled_from(["hall-1", "hall 2", "Küche", " "]),
        at=st.timedeltas(timedelta(days=-20), timedelta(days=1)).map(NOON.__add__),
        faces=st.integers(0, 2),
        emotions=st.integers(0, 9),
        label=st.sampled_from(["face", "cup", "Öl"]),
    ),
    max_size=200,
)


@given(_crops)
def test_every_acceptable_datum_is_in_exactly_one_call(crops: list[ScoredCrop]) -> None:
    calls, _ = in_calls(crops, NOON)
    sent = [datum for call in calls for datum in call.data]
    assert sent == [datum for datum in metric_data(crops) if acceptable(datum, NOON)]


@given(_crops)
def test_calls_are_as_few_as_the_limit_allows(crops: list[ScoredCrop]) -> None:
    calls, _ = in_calls(crops, NOON)
    assert all(1 <= len(call.data) <= MAX_DATA for call in calls)
    most = 2 * (len(_TYPES) + 1)  # of one crop, which is never torn apart
    assert all(len(call.data) > MAX_DATA - most for call in calls[:-1])


@given(_crops)
def test_crops_are_named_where_their_data_are(crops: list[ScoredCrop]) -> None:
    numbered = [
        _crop(number, c.camera, c.captured_at, c.face_count, label=c.label)
        for number, c in enumerate(crops)
    ]
    calls, refused = in_calls(numbered, NOON)
    for call in calls:
        named = [crop for crop in numbered if crop.key in call.keys]
        assert call.data == [d for d in metric_data(named) if acceptable(d, NOON)]
    for crop in numbered:
        every = all(acceptable(datum, NOON) for datum in metric_data([crop]))
        assert (crop.key in refused) == (not every)


@pytest.mark.parametrize(
    ("late", "taken"),
    [
        (timedelta(0), True),
        (timedelta(days=13, hours=23), True),
        (timedelta(weeks=2), False),
        (timedelta(minutes=-90), True),
        (timedelta(hours=-2), False),
    ],
)
def test_times_that_cloudwatch_refuses_are_left_out(late: timedelta, taken: bool) -> None:
    crop = _crop(at=NOON - late)
    calls, refused = in_calls([crop], NOON)
    assert bool(calls) == taken
    assert refused == ([] if taken else [crop.key])


@pytest.mark.parametrize("camera", ["Küche", " ", "a\tb"])
def test_a_name_that_cloudwatch_refuses_still_counts_over_all_cameras(camera: str) -> None:
    crop = _crop(camera=camera)
    (call,), refused = in_calls([crop], NOON)
    assert [datum["MetricName"] for datum in call.data] == ["HAPPY", "FacesScored"]
    assert not any("Dimensions" in datum for datum in call.data)
    assert refused == [crop.key]


@pytest.mark.parametrize(
    ("camera", "label", "sent"),
    [
        ("hall-1", "soda bottle", [["Label"], ["Camera", "Label"]]),
        ("Küche", "soda bottle", [["Label"]]),
        ("hall-1", "Ölflasche", []),
    ],
)
def test_an_object_counts_where_cloudwatch_takes_its_names(
    camera: str, label: str, sent: list[list[str]]
) -> None:
    crop = _crop(camera=camera, label=label)
    calls, refused = in_calls([crop], NOON)
    data = [datum for call in calls for datum in call.data]
    assert [[each["Name"] for each in datum["Dimensions"]] for datum in data] == sent
    assert refused == ([] if len(sent) == 2 else [crop.key])


def test_no_crops_no_call() -> None:
    assert in_calls([], NOON) == ([], [])


def test_cloudwatch_has_what_was_put(world: World) -> None:
    (call,), _ = in_calls([_crop()], NOON)
    world.scorer.metrics.put(call.data)
    listed = world.scorer.metrics.client.list_metrics(Namespace="Facepipe")["Metrics"]
    camera = [{"Name": "Camera", "Value": "hall-1"}]
    assert sorted((m["MetricName"], m["Dimensions"]) for m in listed) == [
        ("FacesScored", []),
        ("FacesScored", camera),
        ("HAPPY", []),
        ("HAPPY", camera),
    ]
