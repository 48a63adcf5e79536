from __future__ import annotations

import gzip
import os
import sys
import threading
from pathlib import Path

import boto3
import moto
import pytest
from botocore.config import Config

from facepipe_io.edge import models
from facepipe_io.edge.models import fetch_model
from facepipe_io.errors import ModelError, SettingsError
from tests.facepipe_io.edge.models.test_archives import FILES, good_tar, held, member, tar
from tests.facepipe_io.edge.servers import serving
from tests.facepipe_io.edge.uplink.test_uplinks import at_most_bytes_a_file

ARCHIVE = gzip.compress(good_tar())
OTHER = gzip.compress(tar(member("other", b"model")))
NAME = "s3://models/neo/face.tar.gz"

mock_aws = getattr(moto, "mock_aws", None) or moto.mock_s3  # the last for CPython 3.7 has it so


@pytest.fixture
def cache(tmp_path):
    return str(tmp_path / "cache")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(ARCHIVE)
    return str(tmp_path / "model.tar.gz")


@pytest.fixture
def unpacked(monkeypatch):
    """What is unpacked from now on."""
    done, unpack = [], models.unpack
    monkeypatch.setattr(models, "unpack", lambda *a, **k: (unpack(*a, **k), done.append(a)))
    return done


@pytest.fixture
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="models")
        yield s3


def leftovers(cache):
    """What is there besides one folder and its lock for each model."""
    return [
        path
        for home in Path(cache).iterdir()
        for path in home.iterdir()
        if path.name.startswith(".") and path.name != ".lock"
    ]


def client(endpoint="http://127.0.0.1:9"):
    """Of a server on loopback; by default, of none."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"max_attempts": 0}),
    )


class TestLocal:
    def test_a_folder_is_the_model_itself(self, tmp_path, cache):
        assert fetch_model(str(tmp_path), cache) == str(tmp_path)
        assert not Path(cache).exists()

    def test_an_archive_is_unpacked_once(self, path, cache, unpacked):
        folder = fetch_model(path, cache)
        assert held(Path(folder)) == FILES
        os.utime(path, (1, 1))
        assert fetch_model(path, cache) == folder
        assert len(unpacked) == 1

    def test_another_archive_of_that_name_is_unpacked_and_replaces_it(self, path, cache):
        old = fetch_model(path, cache)
        Path(path).write_bytes(OTHER)
        new = fetch_model(path, cache)
        assert held(Path(new)) == {"other": b"model"}
        assert not Path(old).exists()

    def test_models_do_not_meet(self, path, cache, tmp_path):
        (tmp_path / "other.tar.gz").write_bytes(OTHER)
        first, second = fetch_model(path, cache), fetch_model(str(tmp_path / "other.tar.gz"), cache)
        assert held(Path(first)) == FILES
        assert held(Path(second)) == {"other": b"model"}

    def test_the_same_file_by_another_path(self, path, cache, tmp_path, monkeypatch, unpacked):
        folder = fetch_model(path, cache)
        monkeypatch.chdir(tmp_path)
        assert fetch_model("model.tar.gz", cache) == folder
        assert len(unpacked) == 1

    def test_one_that_was_not_unpacked_to_its_end_is_never_used(self, path, cache, monkeypatch):
        class PowerCutError(BaseException):
            pass

        def cut(*_):
            raise PowerCutError

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", cut)
            patch.setattr("shutil.rmtree", lambda *_, **__: None)
            with pytest.raises(PowerCutError):
                fetch_model(path, cache)
        assert leftovers(cache)
        assert held(Path(fetch_model(path, cache))) == FILES
        assert not leftovers(cache)

    def test_several_at_once(self, path, cache, unpacked):
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(fetch_model(path, cache)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len(set(found)) == len(unpacked) == 1

    @pytest.mark.parametrize("name", ["missing.tar.gz", "caf\udce9.tar.gz"])
    def test_missing(self, name, tmp_path, cache):
        with pytest.raises(ModelError, match=r"No such file.*check the path") as caught:
            fetch_model(str(tmp_path / name), cache)
        str(caught.value).encode()

    def test_a_name_that_no_file_can_have(self, cache):
        with pytest.raises(ModelError, match=r"File name too long; check the path"):
            fetch_model("m" * 300, cache)

    def test_damaged(self, path, cache):
        Path(path).write_bytes(ARCHIVE[:-1])
        with pytest.raises(ModelError, match=r"model.tar.gz: it is damaged"):
            fetch_model(path, cache)
        assert not leftovers(cache)

    def test_too_large(self, path, cache):
        with pytest.raises(ModelError, match=r"more than 0\.001 MB"):
            fetch_model(path, cache, max_bytes=1000)

    def test_a_place_that_cannot_be_written(self, path):
        with pytest.raises(ModelError, match=r"allow writing in .*model.tar.gz/cache"):
            fetch_model(path, path + "/cache")


class TestS3:
    def test_an_archive_is_fetched_once(self, s3, cache, unpacked, monkeypatch):
        s3.put_object(Bucket="models", Key="neo/face.tar.gz", Body=ARCHIVE)
        folder = fetch_model(NAME, cache)
        assert held(Path(folder)) == FILES
        monkeypatch.setattr(models, "_save", None)
        assert fetch_model(NAME, cache) == folder
        assert len(unpacked) == 1
        assert not leftovers(cache)

    def test_a_new_one_of_that_name_is_fetched_and_replaces_it(self, s3, cache):
        s3.put_object(Bucket="models", Key="neo/face.tar.gz", Body=ARCHIVE)
        old = fetch_model(NAME, cache)
        s3.put_object(Bucket="models", Key="neo/face.tar.gz", Body=OTHER)
        assert held(Path(fetch_model(NAME, cache))) == {"other": b"model"}
        assert not Path(old).exists()

    def test_keys_of_any_kind(self, s3, cache):
        s3.put_object(Bucket="models", Key="a b+ü%2B/#1?.tar.gz", Body=ARCHIVE)
        assert held(Path(fetch_model("s3://models/a b+ü%2B/#1?.tar.gz", cache))) == FILES

    def test_without_a_network_the_last_one_is_used(self, s3, cache, caplog):
        with pytest.raises(ModelError, match="check the network"):
            fetch_model(NAME, cache, connect=client)
        s3.put_object(Bucket="models", Key="neo/face.tar.gz", Body=ARCHIVE)
        folder = fetch_model(NAME, cache)
        assert fetch_model(NAME, cache, connect=client) == folder
        assert [record.getMessage() for record in caplog.records if record.name == models.__name__]
        assert "going on with the one that was fetched last" in caplog.text

    def test_a_damaged_one_does_not_replace_the_last_one(self, s3, cache, caplog):
        s3.put_object(Bucket="models", Key="neo/face.tar.gz", Body=ARCHIVE)
        folder = fetch_model(NAME, cache)
        s3.put_object(Bucket="models", Key="neo/face.tar.gz", Body=ARCHIVE[:-1])
        assert fetch_model(NAME, cache) == folder
        assert f"cannot use the model {NAME}: it is damaged" in caplog.text
        assert held(Path(folder)) == FILES
        assert not leftovers(cache)

    def test_a_full_disk(self, s3, cache, caplog):
        s3.put_object(Bucket="models", Key="neo/face.tar.gz", Body=ARCHIVE)
        folder = fetch_model(NAME, cache)
        s3.put_object(Bucket="models", Key="neo/face.tar.gz", Body=os.urandom(5000))
        with at_most_bytes_a_file(1000):
            assert fetch_model(NAME, cache) == folder
        assert "make room for it; going on with the one" in caplog.text
        assert not leftovers(cache)

    def test_a_download_that_breaks_off(self, cache):
        def half(request):
            request.send_response(200)
            request.send_header("ETag", '"1"')
            request.send_header("Content-Length", str(len(ARCHIVE)))
            request.end_headers()
            request.wfile.write(ARCHIVE[:100])

        with serving(half) as address, pytest.raises(ModelError, match="check the network"):
            fetch_model(NAME, cache, connect=lambda: client(f"http://{address}"))
        assert not leftovers(cache)

    def test_what_is_not_there(self, s3, cache):
        with pytest.raises(ModelError, match=r"NoSuchKey.*; check the name"):
            fetch_model(NAME, cache)
        with pytest.raises(ModelError, match=r"NoSuchBucket.*; check the name"):
            fetch_model("s3://nowhere/model.tar.gz", cache)

    def test_too_large(self, s3, cache, unpacked):
        s3.put_object(Bucket="models", Key="neo/face.tar.gz", Body=ARCHIVE)
        with pytest.raises(ModelError, match="MB, which no model needs"):
            fetch_model(NAME, cache, max_bytes=100)
        assert not unpacked

    @pytest.mark.parametrize("name", ["s3://", "s3://models", "s3://models/", "s3:///key"])
    def test_half_a_name(self, name, cache):
        with pytest.raises(ModelError, match="named s3://bucket/key"):
            fetch_model(name, cache)

    def test_without_boto3(self, cache, monkeypatch):
        monkeypatch.setitem(sys.modules, "facepipe_io.edge.credentials", None)
        with pytest.raises(SettingsError, match=r"install facepipe\[aws\]"):
            fetch_model(NAME, cache)
