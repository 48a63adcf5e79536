from __future__ import annotations

import contextlib
import logging
import socket
import sys
import time

import boto3
import numpy as np
import pytest

from facepipe_io.edge.cameras import open_camera
from facepipe_io.edge.cameras.watch import CameraWatch
from facepipe_io.errors import CameraError, SettingsError
from tests.facepipe_io.edge.helpers import forget_aws
from tests.facepipe_io.edge.hls import FPS, VideoStreams, fragments_of

SOURCE = "kvs://hall"
OPEN = {"GetDataEndpoint": "getDataEndpoint", "Session": "getHLSStreamingSessionURL"}


@pytest.fixture(autouse=True)
def _an_account(monkeypatch):
    forget_aws(monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUSUAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def streams(monkeypatch):
    with contextlib.closing(VideoStreams()) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        yield found


@pytest.fixture(scope="module")
def clip(data_dir):
    return data_dir / "video" / "head-pose-face-detection-female-and-male.gif"


@pytest.fixture(scope="module")
def pictures(clip):
    with open_camera(str(clip)) as camera:
        return np.stack([small(frame) for frame in iter(camera.read, None)])


@pytest.fixture(scope="module")
def fragments(clip, tmp_path_factory):
    return fragments_of(clip, tmp_path_factory.mktemp("fragments"))


def small(frame):
    return frame.image[::4, ::4].astype(np.float32)


def numbers(frames, pictures):
    """Which of a clip's pictures each frame shows."""
    found = []
    for frame in frames:
        differences = np.abs(pictures - small(frame)).mean(axis=(1, 2, 3))
        found.append(int(differences.argmin()))
        assert differences.min() < 3
    return found


def read(camera, count):
    return [camera.read() for _ in range(count)]


class TestWatching:
    def test_the_streams_pictures_come_in_order_and_at_their_pace(
        self, streams, fragments, pictures
    ):
        streams.fragments = fragments
        before = time.time()
        with open_camera(SOURCE) as camera:
            assert (camera.source, camera.live, camera.total) == (SOURCE, True, None)
            frames = read(camera, 36)  # more than were there at the start
        shown = numbers(frames, pictures)
        assert shown == list(range(shown[0], shown[0] + 36))
        times = [frame.time for frame in frames]
        assert times == sorted(times)
        assert before < times[0]
        assert times[15] - times[0] > 0.5 * 15 / FPS  # they were all there at once

    def test_what_aws_is_asked_for(self, streams, fragments):
        streams.fragments = fragments
        open_camera(SOURCE).close()
        (first, endpoint, headers), (second, session, _) = streams.calls
        assert (first, second) == tuple(OPEN.values())
        assert endpoint == {"StreamName": "hall", "APIName": "GET_HLS_STREAMING_SESSION_URL"}
        assert session == {
            "StreamName": "hall",
            "PlaybackMode": "LIVE",
            "ContainerFormat": "MPEG_TS",
            "HLSFragmentSelector": {"FragmentSelectorType": "PRODUCER_TIMESTAMP"},
            "DiscontinuityMode": "ON_DISCONTINUITY",
            "MaxMediaPlaylistFragmentResults": 5,
            "Expires": 43200,
        }
        assert "Credential=AKIAUSUAL/" in headers["Authorization"]
        assert "/us-east-1/kinesisvideo/" in headers["Authorization"]

    def test_a_session_of_ones_own(self, streams, fragments):
        streams.fragments = fragments
        session = boto3.Session("AKIAOWN", "secret", region_name="eu-west-1")
        open_camera(SOURCE, connect=lambda: session).close()
        for _, _, headers in streams.calls:
            assert "Credential=AKIAOWN/" in headers["Authorization"]
            assert "/eu-west-1/kinesisvideo/" in headers["Authorization"]

    def test_a_session_that_ends_is_followed_by_another(
        self, streams, fragments, pictures, caplog, capfd
    ):
        """And no log ever tells a session's token."""
        caplog.set_level(logging.DEBUG)
        streams.fragments = fragments
        watch = CameraWatch(lambda: open_camera(SOURCE))
        told = []
        for number in range(2):
            with watch.open() as camera:
                numbers(read(camera, 3), pictures)
                streams.cut.add(streams.tokens[number])
                with pytest.raises(CameraError, match="it gives no picture") as caught:
                    read(camera, 1000)
                told.append(str(caught.value))
            assert streams.served[streams.tokens[number]] >= 3
        watch.close()
        assert len(streams.tokens) == 2
        told += [caplog.text, repr(caplog.records), *capfd.readouterr()]
        assert not any("SECRET" in text for text in told)
        assert told[0].startswith(f"cannot read frames from {SOURCE}: ")

    def test_a_camera_that_starts_anew_in_another_size_is_seen_as_before(
        self, streams, fragments, clip, pictures, tmp_path
    ):
        others = fragments_of(clip, tmp_path, width=320)
        streams.fragments = [*fragments[:5], *others]
        with open_camera(SOURCE) as camera:
            read(camera, 3 * 6)
            frames = read(camera, 12)
        for frame in frames:  # enlarged, and less sharp for it
            image = small(frame)
            assert np.abs(pictures - image).mean(axis=(1, 2, 3)).min() < 8


class TestTrouble:
    @pytest.mark.parametrize(
        ("action", "code", "what_to_do"),
        [
            ("GetDataEndpoint", "ResourceNotFoundException", "check the stream's name, and that"),
            ("Session", "ResourceNotFoundException", "nothing was sent to the stream in the last"),
            ("GetDataEndpoint", "AccessDeniedException", "allow its role kinesisvideo:GetDataEndp"),
            ("Session", "NotAuthorizedException", "kinesisvideo:GetHLSStreamingSessionURL on the"),
            ("Session", "NoDataRetentionException", "set the stream's data retention to an hour"),
            (
                "Session",
                "UnsupportedStreamMediaTypeException",
                "send H.264 or H.265 with its codec",
            ),
            ("Session", "MissingCodecPrivateDataException", "send H.264 or H.265 with its codec"),
            ("Session", "ClientLimitExceededException", "nothing to do but wait"),
            ("GetDataEndpoint", "ThrottlingException", "nothing to do but wait"),
            ("GetDataEndpoint", "ExpiredTokenException", "the next try gets new credentials"),
            ("Session", "InvalidArgumentException", "check the stream and the device's credential"),
        ],
    )
    def test_what_aws_refuses(self, streams, action, code, what_to_do):
        streams.errors[OPEN[action]] = 400, code
        with pytest.raises(CameraError) as caught:
            open_camera(SOURCE)
        told = str(caught.value)
        assert told.startswith(f"cannot read frames from {SOURCE}: ")
        assert code in told
        assert what_to_do in told
        assert "\n" not in told

    def test_a_failure_is_not_tried_again_here(self, streams):
        streams.errors["getDataEndpoint"] = 500, "InternalFailure"
        with pytest.raises(CameraError):
            open_camera(SOURCE)
        assert len(streams.calls) == 1

    def test_a_session_without_pictures(self, streams, caplog, capfd):
        caplog.set_level(logging.DEBUG)
        with pytest.raises(CameraError, match=r"gives a session, but no picture.*H\.264") as caught:
            open_camera(SOURCE)
        told = [str(caught.value), repr(caught.value.__cause__), caplog.text, *capfd.readouterr()]
        assert len(streams.tokens) == 1
        assert not any("SECRET" in text for text in told)

    def test_nobody_answers(self, monkeypatch):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
            with pytest.raises(CameraError, match="check the network"):
                open_camera(SOURCE)

    def test_no_credentials(self, streams, monkeypatch):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        with pytest.raises(CameraError, match="set FACEPIPE_CREDENTIALS_ENDPOINT, or give boto3"):
            open_camera(SOURCE)
        assert not streams.calls

    def test_no_region(self, monkeypatch):
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        with pytest.raises(SettingsError, match="kvs://hall needs a region; set AWS_DEFAULT_REGI"):
            open_camera(SOURCE)

    def test_a_configuration_that_boto3_refuses(self, monkeypatch):
        monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
        with pytest.raises(CameraError, match=r"no-such-profile.*check boto3's configuration"):
            open_camera(SOURCE)

    def test_a_certificate_that_is_being_replaced_does_not_end_the_agent(self):
        def connect():
            raise SettingsError(["hall-1.pem cannot be read; check it"])

        with pytest.raises(CameraError, match=r"kvs://hall: hall-1.pem cannot be read; check it$"):
            open_camera(SOURCE, connect=connect)

    @pytest.mark.parametrize("name", ["", "a b", "a/b", "hall\n", "a" * 257, "hall?x=1"])
    def test_a_name_that_no_stream_can_have(self, name):
        with pytest.raises(SettingsError, match="must be kvs:// and a stream's name"):
            open_camera("kvs://" + name)

    def test_without_boto3_the_person_is_told_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "botocore", None)
        monkeypatch.delitem(sys.modules, "facepipe_io.edge.cameras.kinesis", raising=False)
        with pytest.raises(SettingsError, match=r"needs boto3 .*: install facepipe\[aws\]"):
            open_camera(SOURCE)
