from __future__ import annotations

import contextlib
import errno
import re
import resource
import socket
import sys
import threading

import pytest

from facepipe_io.edge.settings import device_settings
from facepipe_io.edge.uplink import FolderUplink, S3Uplink, Uplink, open_uplink
from facepipe_io.errors import SettingsError, UplinkError
from tests.facepipe_io.edge.certificates import Authority
from tests.facepipe_io.edge.helpers import forget_aws
from tests.facepipe_io.edge.servers import Bucket, CredentialsProvider, TokenExchange, serving

KEY = "faces/hall 1+ü/2026/11/20/09/20261120T093005250Z-4f9c-7-0.jpg"
JPEG = b"\xff\xd8" + b"picture" * 1000
SAMPLE = "feedback/samples/un sure+ü/hall/20261120T093005250Z-4f9c-7."


class TestFolder:
    def test_a_crop_lies_under_its_key_and_nothing_else_does(self, tmp_path):
        uplink = FolderUplink(tmp_path / "new" / "crops")
        uplink.put(KEY, JPEG)
        uplink.put(KEY, JPEG)  # again, as after an answer that was lost
        files = [path for path in (tmp_path / "new" / "crops").rglob("*") if path.is_file()]
        assert files == [tmp_path / "new" / "crops" / KEY]
        assert files[0].read_bytes() == JPEG

    @pytest.mark.parametrize("folder", ["file", "file/crops", "/proc/facepipe"])
    def test_a_folder_that_cannot_be_made_or_written_to(self, tmp_path, folder):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(UplinkError, match="; name another folder"):
            FolderUplink(tmp_path / folder)

    def test_a_full_disk(self, tmp_path):
        uplink = FolderUplink(tmp_path)
        path = (tmp_path / KEY).with_name((tmp_path / KEY).name + ".part")
        path.parent.mkdir(parents=True)
        path.symlink_to("/dev/full")
        with pytest.raises(UplinkError, match="No space left on device; make room, or name"):
            uplink.put(KEY, JPEG)
        assert not (tmp_path / KEY).exists()

    def test_a_name_that_is_too_long(self, tmp_path):
        with pytest.raises(UplinkError, match="too long; give the camera a shorter name"):
            FolderUplink(tmp_path).put(KEY.replace("hall", "h" * 260), JPEG)

    def test_a_folder_that_may_not_be_written_to(self, tmp_path):
        """By the error's number: root, who may run the tests, may write anywhere."""
        told = str(FolderUplink(tmp_path)._failure(OSError(errno.EACCES, "Permission denied")))
        assert told.endswith("Permission denied; allow writing, or name another folder")

    def test_a_crop_that_fits_in_part_leaves_nothing_behind(self, tmp_path):
        uplink = FolderUplink(tmp_path)
        with at_most_bytes_a_file(1000), pytest.raises(UplinkError):
            uplink.put(KEY, JPEG)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
        uplink.put(KEY, JPEG)
        assert (tmp_path / KEY).read_bytes() == JPEG

    def test_many_threads_at_once_even_of_one_crop(self, tmp_path):
        uplink = FolderUplink(tmp_path)
        keys = [KEY, KEY, *(KEY.replace("20/09", f"20/{hour:02}") for hour in range(10, 16))]
        assert not in_threads([lambda key=key: uplink.put(key, JPEG) for key in keys * 5])
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert sorted(files) == sorted(tmp_path / key for key in set(keys))
        assert all(path.read_bytes() == JPEG for path in files)

    def test_a_sample_lies_under_its_bucket_and_key(self, tmp_path):
        uplink = FolderUplink(tmp_path)
        uplink.put(SAMPLE + "jpg", JPEG)
        path = "feedback/samples/un sure+ü/hall/20261120T093005250Z-4f9c-7.jpg"
        assert (tmp_path / path).read_bytes() == JPEG

    def test_a_folder_that_went_away_is_made_again(self, tmp_path):
        uplink = FolderUplink(tmp_path / "crops")
        (tmp_path / "crops").rmdir()
        uplink.put(KEY, JPEG)
        assert (tmp_path / "crops" / KEY).read_bytes() == JPEG


def in_threads(acts):
    """Do all of it at once; what was raised."""
    together = threading.Barrier(len(acts))
    errors = []

    def run(act):
        together.wait(30)
        try:
            act()
        except UplinkError as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return errors


@contextlib.contextmanager
def at_most_bytes_a_file(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def bucket(monkeypatch):
    found = Bucket()
    with serving(found.respond) as host:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}")
        yield found


def open_s3(name="crops", **given):
    return open_uplink(device_settings({}, camera="hall-1", source="demo", bucket=name, **given))


@pytest.fixture
def _an_account(monkeypatch):
    forget_aws(monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.usefixtures("_an_account")
class TestS3:
    def test_a_crop_is_stored_as_a_jpeg_under_its_key(self):
        moto = pytest.importorskip("moto", reason="moto is not installed")
        with moto.mock_aws() if hasattr(moto, "mock_aws") else moto.mock_s3():
            uplink = open_s3()
            uplink.connection.get().create_bucket(Bucket="crops")
            uplink.put(KEY, JPEG)
            uplink.put(KEY, JPEG)
            stored = uplink.connection.get().get_object(Bucket="crops", Key=KEY)
            assert stored["Body"].read() == JPEG
            assert stored["ContentType"] == "image/jpeg"
            with pytest.raises(UplinkError, match=r"s3://other: .*NoSuchBucket.*FACEPIPE_BUCKET"):
                open_s3("other").put(KEY, JPEG)

    def test_a_sample_is_stored_in_its_own_bucket_by_its_kind(self):
        moto = pytest.importorskip("moto", reason="moto is not installed")
        with moto.mock_aws() if hasattr(moto, "mock_aws") else moto.mock_s3():
            uplink = open_s3()
            uplink.connection.get().create_bucket(Bucket="samples")
            for extension, kind in (
                ("jpg", "image/jpeg"),
                ("jpeg", "image/jpeg"),
                ("png", "image/png"),
                ("json", "application/json"),
            ):
                uplink.put(SAMPLE + extension, extension.encode())
                key = (SAMPLE + extension).split("/", 2)[2]
                stored = uplink.connection.get().get_object(Bucket="samples", Key=key)
                assert stored["Body"].read() == extension.encode()
                assert stored["ContentType"] == kind
            with pytest.raises(UplinkError, match=r"s3://other: .*; check s3-bucket-name in"):
                uplink.put(SAMPLE.replace("samples", "other") + "jpg", JPEG)

    def test_a_role_that_may_not_put_samples(self, bucket):
        bucket.errors = [(403, "AccessDenied")]
        with pytest.raises(UplinkError, match=r"; allow .* s3:PutObject on the samples' bucket"):
            open_s3().put(SAMPLE + "png", b"")

    def test_a_crop_is_put_only_where_there_is_none_and_that_is_signed(self, bucket):
        open_s3().put(KEY, JPEG)
        (headers,) = bucket.requests
        assert headers["If-None-Match"] == "*"
        signed = re.search("SignedHeaders=([^,]+)", headers["Authorization"])[1].split(";")
        assert {"if-none-match", "content-type", "host"} <= set(signed)
        assert list(bucket.objects.values()) == [JPEG]

    def test_a_crop_that_is_there_already_is_left_alone(self, bucket):
        open_s3().put(KEY, JPEG)
        open_s3().put(KEY, b"again")
        assert list(bucket.objects.values()) == [JPEG]
        assert len(bucket.requests) == 2

    def test_a_put_whose_answer_is_lost_succeeds(self, bucket):
        bucket.losing = 1
        open_s3().put(KEY, JPEG)
        assert list(bucket.objects.values()) == [JPEG]
        assert len(bucket.requests) == 2

    def test_two_puts_at_once_of_which_neither_came_through(self, bucket):
        bucket.errors = [(409, "ConditionalRequestConflict")]
        uplink = open_s3()
        with pytest.raises(UplinkError, match=r"ConditionalRequestConflict.*nothing to do"):
            uplink.put(KEY, JPEG)
        uplink.put(KEY, JPEG)
        assert list(bucket.objects.values()) == [JPEG]

    def test_many_threads_at_once(self, bucket):
        uplink = open_s3()
        keys = [f"faces/hall-1/{number}.jpg" for number in range(20)]
        assert not in_threads([lambda key=key: uplink.put(key, JPEG) for key in keys])
        assert sorted(bucket.objects) == sorted(f"/crops/{key}" for key in keys)

    @pytest.mark.parametrize(
        ("code", "status", "hint"),
        [
            ("AccessDenied", 403, "allow the device's role s3:PutObject"),
            ("AuthorizationHeaderMalformed", 400, "set AWS_DEFAULT_REGION to the bucket's region"),
            ("ExpiredToken", 400, "the next try gets new credentials"),
            ("InternalError", 500, "nothing to do but wait"),
            ("InvalidAccessKeyId", 403, "the next try gets new credentials"),
            ("NoSuchBucket", 404, "check FACEPIPE_BUCKET"),
            ("PermanentRedirect", 301, "set AWS_DEFAULT_REGION to the bucket's region"),
            ("RequestTimeTooSkewed", 403, "set the device's clock right"),
            ("SlowDown", 503, "nothing to do but wait"),
            ("Unheard", 418, "check the bucket and the device's credentials"),
        ],
    )
    def test_what_s3_refuses_is_told_with_what_to_do(self, code, status, hint):
        stub = pytest.importorskip("botocore.stub", reason="boto3 is not installed")
        uplink = open_s3()
        with stub.Stubber(uplink.connection.get()) as stubber:
            expected = {"Bucket": "crops", "Key": KEY, "Body": JPEG, "ContentType": "image/jpeg"}
            stubber.add_client_error(
                "put_object", code, http_status_code=status, expected_params=expected
            )
            with pytest.raises(UplinkError, match=rf"\({code}\).*; {hint}"):
                uplink.put(KEY, JPEG)

    def test_a_server_that_never_answers(self):
        boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
        options = {"retries": {"total_max_attempts": 1}, "read_timeout": 0.05}
        config = __import__("botocore.config").config.Config(**options)
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            uplink = S3Uplink("crops", lambda: boto3.client("s3", endpoint_url=url, config=config))
            with pytest.raises(UplinkError, match="; check the network"):
                uplink.put(KEY, JPEG)

    def test_a_network_that_is_away(self):
        boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
        config = __import__("botocore.config").config.Config(retries={"total_max_attempts": 1})
        with socket.socket() as server:  # bound but not listening: it refuses
            server.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            uplink = S3Uplink("crops", lambda: boto3.client("s3", endpoint_url=url, config=config))
            with pytest.raises(UplinkError, match="; check the network"):
                uplink.put(KEY, JPEG)

    def test_a_server_that_is_not_s3(self, tmp_path, monkeypatch):
        authority = Authority(tmp_path)
        with serving(None, authority.server()) as host:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://{host}")
            with pytest.raises(UplinkError, match=r"SSL.*; check the device's clock, and AWS_CA"):
                open_s3().put(KEY, JPEG)

    def test_credentials_that_are_only_there_later(self, bucket, monkeypatch):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        uplink = open_s3()
        with pytest.raises(UplinkError, match="credentials; set FACEPIPE_CREDENTIALS_ENDPOINT"):
            uplink.put(KEY, JPEG)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        uplink.put(KEY, JPEG)
        assert len(bucket.objects) == 1

    def test_greengrass_that_is_only_up_later(self, bucket, monkeypatch, caplog):
        utils = pytest.importorskip("botocore.utils", reason="boto3 is not installed")
        monkeypatch.setattr(utils.ContainerMetadataFetcher, "SLEEP_TIME", 0)
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        exchange = TokenExchange()
        exchange.is_up = False
        with serving(exchange.respond) as host:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://{host}/")
            uplink = open_s3()
            assert "no AWS credentials yet: " in caplog.text
            with pytest.raises(UplinkError, match=r"container-role.*; check the network, and who"):
                uplink.put(KEY, JPEG)
            exchange.is_up = True
            uplink.put(KEY, JPEG)
        assert bucket.tokens == ["exchanged"]

    def test_without_boto3_the_person_is_told_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "boto3", None)
        monkeypatch.delitem(sys.modules, "facepipe_io.edge.credentials", raising=False)
        with pytest.raises(SettingsError, match=r"AWS needs boto3 .*: install facepipe\[aws\]"):
            open_s3()

    def test_a_configuration_that_boto3_refuses(self, monkeypatch):
        pytest.importorskip("boto3", reason="boto3 is not installed")
        monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
        with pytest.raises(SettingsError, match="no-such-profile"):
            open_s3()


@pytest.mark.usefixtures("_an_account")
class TestS3WithACertificate:
    @pytest.fixture
    def server(self):
        return CredentialsProvider()

    @pytest.fixture
    def authority(self, tmp_path):
        return Authority(tmp_path / "authority")

    @pytest.fixture
    def host(self, server, authority):
        with serving(server.respond, authority.server()) as host:
            yield host

    @staticmethod
    def open(host, authority):
        identity = authority.identity()
        return open_s3(
            credentials_endpoint=host,
            role_alias="cameras",
            certificate=identity.certificate,
            private_key=identity.key,
            ca=identity.ca,
        )

    def test_crops_are_put_with_the_credentials_it_gives(self, bucket, server, host, authority):
        uplink = self.open(host, authority)
        assert not server.requests
        uplink.put(KEY, JPEG)
        uplink.put(KEY + "2", JPEG)
        assert bucket.tokens == ["token1", "token1"]
        assert server.requests == [("/role-aliases/cameras/credentials", "hall-1", "hall-1")]

    def test_an_expired_token_leads_to_a_new_one(self, bucket, server, host, authority):
        uplink = self.open(host, authority)
        uplink.put(KEY, JPEG)
        bucket.refused.add("token1")
        with pytest.raises(UplinkError, match="ExpiredToken"):
            uplink.put(KEY + "2", JPEG)
        uplink.put(KEY + "2", JPEG)
        assert bucket.tokens == ["token1", "token1", "token2"]
        assert len(bucket.objects) == 2

    def test_threads_whose_token_expired_get_one_new_one(self, bucket, server, host, authority):
        uplink = self.open(host, authority)
        uplink.put(KEY, JPEG)
        bucket.refused.add("token1")

        def another_thread():
            with pytest.raises(UplinkError, match="ExpiredToken"):
                uplink.put(KEY + "2", JPEG)
            uplink.put(KEY + "2", JPEG)

        bucket.meanwhile = another_thread
        with pytest.raises(UplinkError, match="ExpiredToken"):
            uplink.put(KEY + "3", JPEG)
        uplink.put(KEY + "3", JPEG)
        assert bucket.tokens == ["token1", "token1", "token1", "token2", "token2"]

    def test_a_certificate_that_is_refused_and_then_activated(
        self, bucket, server, host, authority, monkeypatch
    ):
        credentials = pytest.importorskip("facepipe_io.edge.credentials", reason="no boto3")
        monkeypatch.setattr(credentials, "SHARED_SECONDS", 0)
        uplink = self.open(host, authority)
        server.answer = 403, b""
        with pytest.raises(UplinkError) as caught:
            uplink.put(KEY, JPEG)
        assert str(caught.value) == (
            f"cannot store anything in s3://crops: no credentials from {host}: it refuses the "
            "certificate (403); it must be active and attached to the thing hall-1, and its policy "
            "must allow iot:AssumeRoleWithCertificate on cameras"
        )
        assert not bucket.requests
        server.answer = None
        uplink.put(KEY, JPEG)
        assert bucket.tokens == ["token2"]

    def test_a_certificate_that_cannot_be_used(self, authority):
        other = authority.identity("hall-2")
        with pytest.raises(SettingsError, match="are no certificate and its private key"):
            open_s3(
                credentials_endpoint="host",
                role_alias="cameras",
                certificate=authority.identity().certificate,
                private_key=other.key,
            )


def test_a_folder_is_preferred(tmp_path):
    uplink = open_s3("bucket", crops_dir=tmp_path)
    assert isinstance(uplink, FolderUplink)


def test_how_many_threads_an_uplink_bears(tmp_path):
    assert Uplink.parallel == 1
    assert FolderUplink(tmp_path).parallel == S3Uplink.parallel == 4


def test_crops_of_an_earlier_start_are_told_of_where_there_is_no_bucket():
    for given in ({"mode": "classify", "model": __file__, "labels": __file__},):
        uplink = open_uplink(device_settings({}, source="demo", **given))
        with pytest.raises(UplinkError, match="no bucket is named for crops; set FACEPIPE_BUCKET"):
            uplink.put(KEY, JPEG)
    pytest.importorskip("boto3", reason="boto3 is not installed")
    with pytest.raises(UplinkError, match="no bucket is named"):
        S3Uplink(None, lambda: None).put(KEY, JPEG)
