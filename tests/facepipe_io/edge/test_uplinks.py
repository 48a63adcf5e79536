from __future__ import annotations

import contextlib
import errno
import resource
import socket
import sys

import pytest

from facepipe_io.edge.uplinks import FolderUplink, S3Uplink, open_s3, open_uplink
from facepipe_io.errors import SettingsError, UplinkError

KEY = "faces/hall 1+ü/2026/11/20/09/20261120T093005250Z-4f9c-7-0.jpg"
JPEG = b"\xff\xd8" + b"picture" * 1000


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

    def test_a_folder_that_went_away_is_made_again(self, tmp_path):
        uplink = FolderUplink(tmp_path / "crops")
        (tmp_path / "crops").rmdir()
        uplink.put(KEY, JPEG)
        assert (tmp_path / "crops" / KEY).read_bytes() == JPEG


@contextlib.contextmanager
def at_most_bytes_a_file(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestS3:
    @pytest.fixture(autouse=True)
    def _no_account(self, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def test_a_crop_is_stored_as_a_jpeg_under_its_key(self):
        moto = pytest.importorskip("moto", reason="moto is not installed")
        with moto.mock_aws() if hasattr(moto, "mock_aws") else moto.mock_s3():
            uplink = open_s3("crops")
            uplink._client.create_bucket(Bucket="crops")
            uplink.put(KEY, JPEG)
            stored = uplink._client.get_object(Bucket="crops", Key=KEY)
            assert stored["Body"].read() == JPEG
            assert stored["ContentType"] == "image/jpeg"
            with pytest.raises(UplinkError, match=r"s3://other: .*NoSuchBucket"):
                open_s3("other").put(KEY, JPEG)

    @pytest.mark.parametrize(
        ("code", "status"),
        [("AccessDenied", 403), ("SlowDown", 503), ("InternalError", 500), ("ExpiredToken", 400)],
    )
    def test_what_s3_refuses_is_an_uplink_error(self, code, status):
        stub = pytest.importorskip("botocore.stub", reason="boto3 is not installed")
        uplink = open_s3("crops")
        with stub.Stubber(uplink._client) as stubber:
            expected = {"Bucket": "crops", "Key": KEY, "Body": JPEG, "ContentType": "image/jpeg"}
            stubber.add_client_error(
                "put_object", code, http_status_code=status, expected_params=expected
            )
            with pytest.raises(UplinkError, match=code + ".*check the network"):
                uplink.put(KEY, JPEG)

    def test_a_network_that_is_away_is_an_uplink_error(self):
        boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
        with socket.socket() as server:  # bound but not listening: it refuses
            server.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            config = __import__("botocore.config").config.Config(retries={"total_max_attempts": 1})
            client = boto3.client("s3", endpoint_url=url, config=config)
            with pytest.raises(UplinkError, match="check the network"):
                S3Uplink(client, "crops").put(KEY, JPEG)

    def test_no_credentials_is_an_uplink_error(self, monkeypatch, tmp_path):
        pytest.importorskip("boto3", reason="boto3 is not installed")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        with pytest.raises(UplinkError, match="credentials"):
            open_s3("crops").put(KEY, JPEG)

    def test_without_boto3_the_person_is_told_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "boto3", None)
        with pytest.raises(SettingsError, match=r"install facepipe\[aws\], or use a folder"):
            open_s3("crops")

    def test_a_configuration_that_boto3_refuses(self, monkeypatch):
        pytest.importorskip("boto3", reason="boto3 is not installed")
        monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
        with pytest.raises(SettingsError, match="no-such-profile"):
            open_s3("crops")


def test_a_folder_is_preferred_and_one_of_both_is_needed(tmp_path):
    assert isinstance(open_uplink("bucket", str(tmp_path)), FolderUplink)
    with pytest.raises(SettingsError, match="bucket or a folder"):
        open_uplink(None, None)
