from __future__ import annotations

import os
import tarfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from facepipe.errors import PointerError
from facepipe.models import parse_pointer
from facepipe_io.edge.models.published import PublishedModel
from facepipe_io.errors import ModelError, SettingsError, StoreError, UplinkError
from facepipe_io.training import publish as publishing
from facepipe_io.training.publish import (
    fetch_archive,
    pack_model,
    parse_bucket,
    publish,
    roll_back,
)
from tests.facepipe_io.edge.models.test_archives import held
from tests.facepipe_io.edge.publishing import nobody, s3_alone
from tests.facepipe_io.edge.uplink.test_uplinks import at_most_bytes_a_file

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def client():
    with s3_alone() as s3:
        yield s3


@pytest.fixture
def s3(client):
    client.create_bucket(Bucket="models")
    yield client
    for found in client.list_objects_v2(Bucket="models").get("Contents", []):
        client.delete_object(Bucket="models", Key=found["Key"])
    client.delete_bucket(Bucket="models")


@pytest.fixture
def packed(tmp_path):
    """Packs a model whose file has some content."""

    def pack(content=b"a", name="cups", labels=("cup", "mug")):
        path = tmp_path / "cups.onnx"
        path.write_bytes(content)
        return pack_model(path, tmp_path / "out", name=name, detector="onnx", labels=labels)

    return pack


def ignore(done, total):
    pass


def pointer(s3, name="cups"):
    answer = s3.get_object(Bucket="models", Key=f"models/{name}.json")
    return parse_pointer(answer["Body"].read().decode())


def keys(s3):
    return [found["Key"] for found in s3.list_objects_v2(Bucket="models").get("Contents", [])]


class TestPack:
    def test_what_is_packed(self, packed, tmp_path):
        (tmp_path / "cups.onnx.json").write_text("{}")
        done = packed()
        with tarfile.open(done.archive) as archive:
            files = {member.name: archive.extractfile(member).read() for member in archive}
        assert files == {
            "cups.onnx": b"a",
            "cups.onnx.json": b"{}",
            "cups.txt": b"cup\nmug\n",
        }
        assert done.archive == tmp_path / "out" / done.version.archive
        assert done.archive.stat().st_size == done.version.size
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["models"]

    def test_without_labels(self, packed):
        with tarfile.open(packed(labels=None).archive) as archive:
            assert archive.getnames() == ["cups.onnx"]

    def test_the_same_files_make_the_same_bytes(self, packed, tmp_path):
        first = packed().archive.read_bytes()
        os.utime(tmp_path / "cups.onnx", (1, 1))
        assert packed().archive.read_bytes() == first
        assert packed(b"b").archive.read_bytes() != first

    def test_what_cannot_be_packed(self, packed, tmp_path, monkeypatch):
        with pytest.raises(PointerError, match="a model's name has"):
            packed(name="a b")
        with pytest.raises(SettingsError, match="a label is one line"):
            packed(labels=("a\nb",))
        with pytest.raises(StoreError, match=r"nowhere\.onnx: No such file"):
            pack_model(tmp_path / "nowhere.onnx", tmp_path / "new", name="a", detector="onnx")
        (tmp_path / "large.onnx").write_bytes(os.urandom(1000))
        with at_most_bytes_a_file(500), pytest.raises(StoreError, match="File too large"):
            pack_model(tmp_path / "large.onnx", tmp_path / "out", name="large", detector="onnx")
        monkeypatch.setattr(publishing, "MAX_MODEL_BYTES", 10)
        with pytest.raises(ModelError, match="devices take 1e-05 MB at most"):
            packed(b"more than ten bytes")
        assert held(tmp_path / "out") == {}


class TestPublish:
    def test_a_device_gets_what_was_published(self, s3, packed, tmp_path):
        done = packed()
        told = []
        publish(s3, "models", done, NOON, lambda *progress: told.append(progress))
        assert told[-1] == (done.version.size, done.version.size)
        model = PublishedModel(
            "s3://models/models/cups.json", str(tmp_path / "state"), connect=lambda: s3
        )
        version, path = model.start(lambda detector, path: path)
        assert (version.sha256, version.detector) == (done.version.sha256, "onnx")
        assert version.published_at == "2026-11-20T12:00:00.000Z"
        assert held(Path(path).parent) == {"cups.onnx": b"a", "cups.txt": b"cup\nmug\n"}

    def test_the_archive_is_there_before_the_pointer(self, s3, packed):
        order = []

        def note(params, **_):
            order.append(params["url_path"].rpartition(".")[2])

        s3.meta.events.register("before-call.s3.PutObject", note)
        publish(s3, "models", packed(), NOON, ignore)
        s3.meta.events.unregister("before-call.s3.PutObject", note)
        assert order == ["gz", "json"]

    def test_an_upload_that_fails_leaves_the_pointer(self, s3, packed):
        def refuse(params, **_):
            if params["url_path"].endswith(".gz"):
                raise EndpointConnectionError(endpoint_url="https://s3")

        publish(s3, "models", packed(), NOON, ignore)
        s3.meta.events.register("before-call.s3.PutObject", refuse)
        with pytest.raises(UplinkError, match="check the network"):
            publish(s3, "models", packed(b"b"), NOON, ignore)
        s3.meta.events.unregister("before-call.s3.PutObject", refuse)
        assert pointer(s3).version == packed().version

    def test_each_version_knows_the_one_before_it(self, s3, packed):
        versions = []
        for content in (b"a", b"b", b"c"):
            done = packed(content)
            publish(s3, "models", done, NOON, ignore)
            versions.append(done.version)
        assert pointer(s3).previous == versions[1]
        again = NOON + timedelta(seconds=1)
        publish(s3, "models", packed(b"c"), again, ignore)
        assert pointer(s3).previous == versions[1]
        assert pointer(s3).published_at == again
        assert len(keys(s3)) == 4

    def test_what_is_no_pointer_is_replaced(self, s3, packed):
        for text in (b"{}", b"\xff"):
            s3.put_object(Bucket="models", Key="models/cups.json", Body=text)
            publish(s3, "models", packed(), NOON, ignore)
            assert pointer(s3).previous is None

    @pytest.mark.parametrize("before", [True, False])
    def test_of_two_at_once_the_second_is_told(self, s3, packed, monkeypatch, before):
        if before:
            publish(s3, "models", packed(), NOON, ignore)
        upload = publishing._upload

        def meanwhile(*args):
            monkeypatch.setattr(publishing, "_upload", upload)
            publish(s3, "models", packed(b"b"), NOON, ignore)
            return upload(*args)

        monkeypatch.setattr(publishing, "_upload", meanwhile)
        with pytest.raises(UplinkError, match="another one was published meanwhile"):
            publish(s3, "models", packed(b"c"), NOON, ignore)
        assert pointer(s3).version == packed(b"b").version

    def test_a_bucket_that_is_not_there(self, s3, packed):
        with pytest.raises(UplinkError, match=r"s3://nowhere: .*NoSuchBucket.*check its name"):
            publish(s3, "nowhere", packed(), NOON, ignore)

    def test_without_a_network(self, packed):
        with pytest.raises(UplinkError, match="check the network, then try again"):
            publish(nobody(), "models", packed(), NOON, ignore)


class TestRollBack:
    def test_the_version_before_is_published_again(self, s3, packed):
        for content in (b"a", b"b"):
            publish(s3, "models", packed(content), NOON, ignore)
        later = NOON + timedelta(hours=1)
        assert roll_back(s3, "models", "cups", later) == pointer(s3)
        assert pointer(s3).version == packed(b"a").version
        assert pointer(s3).previous is None
        assert pointer(s3).published_at == later
        with pytest.raises(SettingsError, match="there is no version of cups before"):
            roll_back(s3, "models", "cups", later)
        assert pointer(s3).version == packed(b"a").version

    def test_there_is_none_before(self, s3, packed):
        with pytest.raises(SettingsError, match=r"there is no model s3://models/models/cups\.json"):
            roll_back(s3, "models", "cups", NOON)
        publish(s3, "models", packed(), NOON, ignore)
        with pytest.raises(SettingsError, match="there is no version of cups before"):
            roll_back(s3, "models", "cups", NOON)


class TestFetch:
    def test_it_is_there_as_a_whole_or_not_at_all(self, s3, tmp_path):
        data = os.urandom(200_000)
        s3.put_object(Bucket="models", Key="training/a/output/model.tar.gz", Body=data)
        target = tmp_path / "new" / "model.tar.gz"
        where = ("models", "training/a/output/model.tar.gz", target)
        with pytest.raises(ModelError, match=r"it has 0\.2 MB, which no model needs"):
            fetch_archive(s3, *where, ignore, max_bytes=100_000)
        with at_most_bytes_a_file(100_000), pytest.raises(StoreError, match="File too large"):
            fetch_archive(s3, *where, ignore)
        assert list(target.parent.iterdir()) == []
        told = []
        fetch_archive(s3, *where, lambda *progress: told.append(progress))
        assert target.read_bytes() == data
        assert told[-1] == (200_000, 200_000)

    def test_what_is_not_there(self, s3, tmp_path):
        with pytest.raises(
            ModelError, match=r"s3://models/a\.tar\.gz: .*NoSuchKey.*check the name"
        ):
            fetch_archive(s3, "models", "a.tar.gz", tmp_path / "a.tar.gz", ignore)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["models", "s3://", "s3://a/b", "http://models", "s3://A b"])
def test_what_is_no_bucket(text):
    with pytest.raises(SettingsError, match="--to takes s3://BUCKET"):
        parse_bucket(text)
