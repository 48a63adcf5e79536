"""Records out of DynamoDB: facepipe's own are read, anything else is counted, nothing is lost."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from facepipe.emotions import FaceEmotions
from facepipe.images import encode_jpeg
from facepipe.records import ScoredCrop, to_item
from facepipe_io.errors import StoreError
from facepipe_io.local.pictures import BucketPictures, thumbnails
from facepipe_io.local.selection import Selection
from facepipe_io.local.table import crop_of_item, read_table
from tests.facepipe_io.local.crowd_data import crop_of, records
from tests.facepipe_io.local.table_data import BUCKET, CROPS, DOOR, FOREIGN, HALL, ITEMS, TABLE
from tests.facepipe_io.local.test_store import NOON
from tests.strategies import object_crops

ITEM = to_item(crop_of("hall", "4f9c", 1, HAPPY=80.0, CALM=20.0), expires_at=1800000000)

# Whatever DynamoDB can hold.
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=2).map(lambda n: {"N": str(n)})
texts = st.text(max_size=20).map(lambda text: {"S": text})
values = numbers | texts | st.booleans().map(lambda b: {"BOOL": b}) | st.just({"NULL": True})
values |= st.lists(texts, max_size=2).map(lambda each: {"L": each})
names = st.sampled_from([*ITEM, "label", "SAD", "note"]) | st.text(min_size=1, max_size=10)


@given(crops=records())
def test_what_the_cloud_function_writes_is_read(crops):
    for crop in crops:
        assert crop_of_item(to_item(crop, expires_at=1800000000)) == crop


@given(crop=object_crops())
def test_what_it_writes_of_an_object_is_read(crop):
    assert crop_of_item(to_item(crop, expires_at=1800000000)) == crop


@given(item=st.dictionaries(names, values), base=st.sampled_from([{}, ITEM]))
def test_of_any_item_at_all_comes_a_sound_crop_or_none(item, base):
    crop = crop_of_item({**base, **item})
    if crop is not None:
        assert crop.key
        assert crop.camera
        assert all(0 <= value <= 100 for value in crop.emotions.scores.values())
        assert not crop.is_face or (crop.emotions.dominant and crop.face_count >= 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, None) for name in ("s3key", "camera", "captured_at", "dominant", "face_count")],
        ("camera", {"S": "door"}),
        ("captured_at", {"S": "2026-11-20T12:00:01.000Z"}),
        ("captured_at", {"S": "20 November"}),
        ("s3key", {"N": "7"}),
        ("dominant", {"S": "SAD"}),
        ("dominant", {"S": {}}),
        ("face_count", {"N": "0"}),
        ("face_count", {"N": "1.5"}),
        ("HAPPY", {"N": "100.01"}),
        ("HAPPY", {"N": "-1"}),
        ("HAPPY", {"S": "80"}),
        ("note", {"S": "mine"}),
        ("happy", {"N": "80"}),
        ("label", {"S": "cup"}),
        ("label", {"S": ""}),
    ],
)
def test_a_damaged_record_is_none(name, value):
    item = {**ITEM, name: value}
    if value is None:
        del item[name]
    assert crop_of_item(ITEM) is not None
    assert crop_of_item(item) is None


def test_a_picture_that_somebody_uploaded_is_read():
    crop = ScoredCrop("faces/me.jpg", "unknown", NOON, 1, FaceEmotions({"HAPPY": 97.12}))
    assert crop_of_item(to_item(crop, expires_at=1800000000)) == crop


def read(client, asked=(), **selection):
    """What is read, page after page of two records, and what was asked for."""

    def two_a_page(params, **_):
        asked_for.append(params)
        return {**params, "Limit": 2}

    asked_for = []
    for operation in ("Scan", "Query"):
        client.meta.events.register(f"provide-client-params.dynamodb.{operation}", two_a_page)
    try:
        return read_table(client, TABLE, Selection(**selection)), asked_for
    finally:
        for operation in ("Scan", "Query"):
            client.meta.events.unregister(f"provide-client-params.dynamodb.{operation}", two_a_page)


def keys(found):
    return sorted(crop.key for each in found.records for crop in each.crops)


def test_a_table_is_read_page_by_page(aws):
    found, asked = read(aws[0])
    assert keys(found) == sorted(crop.key for crop in CROPS)
    assert found.skipped == len(FOREIGN)
    assert len(asked) > len(ITEMS) / 2 - 1
    assert found.source == "table rekognize-faces"


def test_people_are_told_apart_by_camera_run_and_track(aws):
    found, _ = read(aws[0])
    assert [(each.camera, each.run_id, len(each.people)) for each in found.records] == [
        ("door", "0b0b", 1),
        ("unknown", "", 2),
        ("hall", "4f9c", 3),
        ("door", "0a0a", 1),
    ]
    (hall,) = [each for each in found.records if each.camera == "hall"]
    assert [len(person.crops) for person in hall.people] == [2, 2, 2]
    assert hall.people[0].best == HALL[0], "the clearest is shown"


def test_of_a_camera_its_own_records_alone_are_read(aws):
    found, asked = read(aws[0], cameras=("hall", "door"))
    assert keys(found) == sorted(crop.key for crop in (*HALL, *DOOR))
    assert found.skipped == 0, "what has no such time is not read"
    assert {params["IndexName"] for params in asked} == {"by-camera"}


@pytest.mark.parametrize("cameras", [(), ("hall",)])
def test_a_span_of_time_is_half_open(aws, cameras):
    since, until = HALL[1].captured_at, HALL[4].captured_at
    found, _ = read(aws[0], cameras=cameras, since=since, until=until)
    expected = [crop for crop in CROPS if since <= crop.captured_at < until]
    if cameras:
        expected = [crop for crop in expected if crop.camera in cameras]
    assert keys(found) == sorted(crop.key for crop in expected)
    assert found.skipped == 0, "what has no such time is not read"


def test_of_a_run_its_own_records_alone_count(aws):
    assert keys(read(aws[0], runs=("0a0a",))[0]) == [DOOR[0].key]


def test_nothing_that_is_asked_for_is_said_in_one_sentence(aws):
    with pytest.raises(StoreError) as caught:
        read(aws[0], cameras=("roof",))
    assert (
        str(caught.value) == "cannot use the table rekognize-faces: it has no crop of camera roof"
    )


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("AccessDeniedException", "it takes dynamodb:Scan on the table, or with --camera"),
        ("ExpiredTokenException", "log in to AWS first"),
        ("InternalServerError", "try again"),
    ],
)
def test_what_dynamodb_refuses_is_said_with_what_to_do(aws, code, hint):
    class Refusing:
        def get_paginator(self, operation):
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, operation)

    with pytest.raises(StoreError, match=hint):
        read_table(Refusing(), TABLE, Selection())


def test_a_table_that_is_not_there(aws):
    with pytest.raises(StoreError, match="`terraform output -raw table` tells"):
        read_table(aws[0], "another", Selection())


def test_how_far_it_is_can_be_shown(aws):
    told = []
    read_table(aws[0], TABLE, Selection(), told.append)
    assert told[-1] == len(ITEMS)


def test_crops_that_have_expired_are_gone_and_the_rest_is_shown(aws, portraits):
    _, s3 = aws
    jpeg = encode_jpeg(portraits["collins"][:300, 80:400])
    s3.put_object(Bucket=BUCKET, Key=HALL[0].key, Body=jpeg)
    s3.put_object(Bucket=BUCKET, Key=HALL[2].key, Body=b"no picture")
    told = []
    pictures = BucketPictures(s3, BUCKET, lambda *far: told.append(far))
    found = thumbnails(pictures, HALL)
    assert list(found) == [HALL[0].key]
    assert found[HALL[0].key].startswith("data:image/jpeg;base64,")
    assert pictures.denied == 0
    assert told == [(number, len(HALL)) for number in range(1, len(HALL) + 1)]


class Denying:
    def __init__(self, code):
        self.code = code

    def get_object(self, **_):
        raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "GetObject")


def test_what_s3_does_not_give_out_is_counted():
    pictures = BucketPictures(Denying("AccessDenied"), BUCKET)
    assert (thumbnails(pictures, HALL), pictures.denied) == ({}, len(HALL))


@pytest.mark.parametrize(
    ("code", "hint"), [("NoSuchBucket", "check its name"), ("SlowDown", "leave --bucket out")]
)
def test_a_bucket_that_cannot_be_read(code, hint):
    with pytest.raises(StoreError, match=hint):
        thumbnails(BucketPictures(Denying(code), BUCKET), HALL)
