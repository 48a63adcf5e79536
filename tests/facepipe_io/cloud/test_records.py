from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings

from facepipe.emotions import FaceEmotions
from facepipe.records import ScoredCrop
from tests.facepipe_io.cloud.world import NOON, TABLE, World, crop_key
from tests.strategies import object_crops, scored_crops


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(crop=scored_crops() | object_crops())
def test_what_is_put_can_be_got(world: World, crop: ScoredCrop) -> None:
    world.scorer.records.put(crop, expires_at=1800000000)
    assert world.scorer.records.get(crop.key) == crop


def test_scoring_the_same_crop_twice_makes_one_record(world: World) -> None:
    records = world.scorer.records
    for happy in (40.0, 97.0):
        crop = ScoredCrop(crop_key(), "hall-1", NOON, 1, FaceEmotions({"HAPPY": happy}))
        records.put(crop, expires_at=1800000000)
    assert list(world.items()) == [crop_key()]
    assert records.get(crop_key()) == crop


def test_a_crop_without_a_record_has_none(world: World) -> None:
    assert world.scorer.records.get(crop_key()) is None


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param({"HAPPY": {"S": "97.123"}}, id="scores as strings"),
        pytest.param({}, id="a key alone"),
        pytest.param({"captured_at": {"S": "yesterday"}}, id="another notation of time"),
    ],
)
def test_another_programs_record_counts_as_none(world: World, rest: dict[str, Any]) -> None:
    item = {"s3key": {"S": "faces/me.jpg"}, **rest}
    world.scorer.records.client.put_item(TableName=TABLE, Item=item)
    assert world.scorer.records.get("faces/me.jpg") is None


def test_an_error_of_dynamodb_is_passed_on(world: World) -> None:
    world.broken["GetItem"] = "ProvisionedThroughputExceededException"
    with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
        world.scorer.records.get(crop_key())
