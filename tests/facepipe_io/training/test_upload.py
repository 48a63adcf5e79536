"""The way into a bucket: the manifests last, and what is there is not sent again."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timezone

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from facepipe.label_formats import parse_manifest
from facepipe_io.errors import SettingsError, StoreError, UplinkError
from facepipe_io.training.dataset import Source, make_data_set
from facepipe_io.training.upload import Target, parse_target, upload_data_set
from tests.facepipe_io.training.pictures import noise, write_pictures

TARGET = Target("deeplens-faces", "datasets/bottles")
LAST = ["dataset.json", "train.manifest", "validation.manifest"]


def untold(what, done, total):
    pass


def make(folder, out):
    result = make_data_set(
        Source(folder, side=300), out, datetime(2026, 11, 20, tzinfo=timezone.utc), untold
    )
    assert result.errors == []


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A data set of 22 pictures."""
    home = tmp_path_factory.mktemp("original")
    make(write_pictures(home / "pictures"), home / "out")
    return home / "out"


@pytest.fixture
def folder(original, tmp_path):
    """A copy of it."""
    return shutil.copytree(original, tmp_path / "out")


@pytest.fixture
def s3(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("s3", "us-east-1", config=Config(retries={"max_attempts": 1}))
        client.create_bucket(Bucket=TARGET.bucket)
        yield client


@pytest.fixture
def sent(s3):
    """The names of the files that were sent, in order."""
    names = []

    def note(params, **_):
        names.append(params["url_path"].partition(f"{TARGET.prefix}/")[2])

    s3.meta.events.register("before-call.s3.PutObject", note)
    return names


def bodies(s3):
    """All that is in the bucket, by name."""
    listed = s3.list_objects_v2(Bucket=TARGET.bucket).get("Contents", ())
    return {
        entry["Key"][len(TARGET.prefix) + 1 :]: s3.get_object(
            Bucket=TARGET.bucket, Key=entry["Key"]
        )["Body"].read()
        for entry in listed
    }


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_data_set_is_uploaded_and_its_manifests_last(folder, s3, sent):
    done = upload_data_set(folder, TARGET, s3, untold)
    assert (done.sent, done.there) == (27, 0)
    assert sent[-3:] == LAST
    assert bodies(s3) == files(folder)
    assert done.bytes_sent == sum(map(len, files(folder).values()))
    assert json.loads((folder / "dataset.json").read_text())["uploaded_to"] == str(TARGET)


def test_the_manifests_name_what_is_in_the_bucket(folder, s3):
    upload_data_set(folder, TARGET, s3, untold)
    found = bodies(s3)
    refs = []
    for manifest in LAST[1:]:
        refs += [image.name for image in parse_manifest(found[manifest].decode()).images]
    start = f"{TARGET}/"
    assert sorted(ref[len(start) :] for ref in refs) == sorted(
        name for name in found if name.startswith("images/")
    )
    assert all(ref.startswith(start) for ref in refs)


def test_pictures_have_their_type(folder, s3):
    upload_data_set(folder, TARGET, s3, untold)
    name = next(name for name in bodies(s3) if name.startswith("images/"))
    head = s3.head_object(Bucket=TARGET.bucket, Key=f"{TARGET.prefix}/{name}")
    assert head["ContentType"] == "image/jpeg"


def test_an_upload_that_broke_off_sends_the_rest_and_no_more(folder, s3, sent):
    def fail(request, **_):
        if len(sent) > 9:
            raise EndpointConnectionError(endpoint_url="https://s3.amazonaws.com")

    s3.meta.events.register("before-send.s3.PutObject", fail)
    before = files(folder)
    with pytest.raises(UplinkError, match="try again: what was sent is not sent again"):
        upload_data_set(folder, TARGET, s3, untold)
    s3.meta.events.unregister("before-send.s3.PutObject", fail)
    there = set(bodies(s3))
    assert there
    assert not there & set(LAST)
    assert files(folder) == before
    sent.clear()
    done = upload_data_set(folder, TARGET, s3, untold)
    assert set(sent) == set(files(folder)) - there
    assert (done.sent, done.there) == (len(sent), len(there))
    assert bodies(s3) == files(folder)


def test_nothing_is_sent_twice_even_where_etags_say_nothing(folder, s3, sent):
    """With a KMS key an ETag is no MD5."""
    upload_data_set(folder, TARGET, s3, untold)
    sent.clear()

    def disguise(parsed, **_):
        for entry in parsed.get("Contents", ()):
            entry["ETag"] = '"no-md5"'

    s3.meta.events.register("after-call.s3.ListObjectsV2", disguise)
    done = upload_data_set(folder, TARGET, s3, untold)
    assert (sent, done.sent, done.there) == ([], 0, 27)


def test_a_file_that_was_spoiled_in_the_bucket_is_sent_anew(folder, s3, sent):
    upload_data_set(folder, TARGET, s3, untold)
    name = next(name for name in bodies(s3) if name.startswith("images/"))
    spoiled = bytes(len(files(folder)[name]))
    s3.put_object(Bucket=TARGET.bucket, Key=f"{TARGET.prefix}/{name}", Body=spoiled)
    sent.clear()
    upload_data_set(folder, TARGET, s3, untold)
    assert sent == [name]
    assert bodies(s3) == files(folder)


def test_what_was_added_is_sent_and_the_manifests_again(folder, s3, sent, tmp_path):
    upload_data_set(folder, TARGET, s3, untold)
    before = set(files(folder))
    make(write_pictures(tmp_path / "more", noise(range(30, 34))), folder)
    assert json.loads((folder / "dataset.json").read_text())["uploaded_to"] is None
    sent.clear()
    upload_data_set(folder, TARGET, s3, untold)
    assert set(sent) - {"preview.jpg", *LAST} == set(files(folder)) - before
    assert sent[-3:] == LAST
    assert bodies(s3) == files(folder)


@pytest.mark.parametrize("other", [{"side": 512}, {"classes": ["cup"]}, {"classes": []}])
def test_another_data_set_is_not_mixed_in(folder, s3, sent, other):
    upload_data_set(folder, TARGET, s3, untold)
    about = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**about, **other}))
    sent.clear()
    with pytest.raises(UplinkError, match=r"squares of 300, of .*, is there; name another place"):
        upload_data_set(folder, TARGET, s3, untold)
    assert sent == []


def test_progress_is_told(folder, s3):
    seen = []
    upload_data_set(folder, TARGET, s3, lambda *told: seen.append(told))
    assert seen == [("files", done, 24) for done in range(25)]


def test_a_bucket_that_is_not_there_is_told_and_the_folder_stays(folder, s3):
    before = files(folder)
    with pytest.raises(UplinkError, match=r"cannot store anything in s3://no-bucket/x: .*NoSuchBu"):
        upload_data_set(folder, Target("no-bucket", "x"), s3, untold)
    assert files(folder) == before


def test_without_credentials_one_is_told_to_log_in(folder, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(UplinkError, match="log in to AWS first"):
        upload_data_set(folder, TARGET, boto3.Session().client("s3", "us-east-1"), untold)


@pytest.mark.parametrize("name", ["train.manifest", "preview.jpg", "images"])
def test_a_folder_that_is_not_whole_is_told(folder, s3, name):
    if name == "images":
        next((folder / "images").iterdir()).unlink()
    else:
        (folder / name).unlink()
    with pytest.raises(StoreError, match=r"No such file or directory; make the data set again"):
        upload_data_set(folder, TARGET, s3, untold)
    assert not set(bodies(s3)) & set(LAST)


@pytest.mark.parametrize("line", ["[]", "[" * 100_000], ids=["no object", "too deep"])
def test_a_manifest_that_is_damaged_is_told(folder, s3, line):
    (folder / "train.manifest").write_text(f"{line}\n")
    with pytest.raises(StoreError, match=r"train\.manifest: it is damaged"):
        upload_data_set(folder, TARGET, s3, untold)


@pytest.mark.parametrize(
    "text",
    ["deeplens-faces/x", "s3://deeplens-faces", "s3://deeplens-faces/", "s3://Deep_Lens/x",
     "https://deeplens-faces/x", "s3://deeplens-faces/a//b", "s3://deeplens-faces/../b",
     "s3://deeplens-faces/a b", ""],
)  # fmt: skip
def test_what_is_no_place_in_a_bucket_is_told(text):
    with pytest.raises(SettingsError, match="--to takes s3://BUCKET/datasets/NAME"):
        parse_target(text)
