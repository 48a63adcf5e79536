"""Amazon Kinesis Video Streams; needs boto3.

A stream is watched by a session of HTTP Live Streaming, which AWS gives a URL for: Amazon Kinesis
Video Streams Developer Guide, "GetHLSStreamingSessionURL". The URL holds the session's token, and
whoever has that can watch: it goes to OpenCV and nowhere else. (OpenCV's FFmpeg encrypts, but does
not check the server's certificate, and for playlists it cannot be told to.)
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Callable

from botocore import exceptions
from botocore.config import Config

from facepipe_io.edge import aws
from facepipe_io.edge.cameras.video import VideoCamera
from facepipe_io.edge.credentials import make_session
from facepipe_io.errors import CameraError, SettingsError

if TYPE_CHECKING:
    import boto3

# Amazon Kinesis Video Streams API Reference, "CreateStream"
_STREAM = re.compile(r"[a-zA-Z0-9_.-]{1,256}\Z")

SESSION = {
    "PlaybackMode": "LIVE",
    # 5 to 25 % more bytes than fragmented MP4, AWS's default. But each fragment says for itself how
    # it is coded: of the latter FFmpeg makes garbage once a camera starts anew in another size.
    "ContainerFormat": "MPEG_TS",
    # The times that the camera gave, since frames are shown at their pace; the server's have gaps
    # and overlaps wherever the network had.
    "HLSFragmentSelector": {"FragmentSelectorType": "PRODUCER_TIMESTAMP"},
    "DiscontinuityMode": "ON_DISCONTINUITY",  # what AWS recommends for most players
    # AWS's own choice. FFmpeg starts with the third fragment from the end, so that the other two
    # cost no delay; they are what may be late before FFmpeg skips ahead, which bounds the delay.
    "MaxMediaPlaylistFragmentResults": 5,
    "Expires": 43200,  # 12 hours, the longest there is; then the camera is opened again
}

# Short, and once: the agent tries again by itself, and `watch` allows an opening 30 seconds.
_CONFIG: Any = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})

# What to do, by what AWS says.
_ALLOW = (
    "allow its role kinesisvideo:GetDataEndpoint and kinesisvideo:GetHLSStreamingSessionURL on the "
    "stream"
)
_WAIT = "nothing to do but wait; a stream bears few viewers at a time"
_CODEC = "let what sends it send H.264 or H.265 with its codec private data"
_NO_STREAM = "check the stream's name, and that AWS_DEFAULT_REGION is its region"
_NO_VIDEO = "nothing was sent to the stream in the last 30 seconds; see to what sends it"
_HINTS = {
    "AccessDeniedException": _ALLOW,
    "NotAuthorizedException": _ALLOW,
    "ClientLimitExceededException": _WAIT,
    "ThrottlingException": _WAIT,
    "InvalidCodecPrivateDataException": _CODEC,
    "MissingCodecPrivateDataException": _CODEC,
    "UnsupportedStreamMediaTypeException": _CODEC,
    "NoDataRetentionException": "set the stream's data retention to an hour or more",
}


def open_stream(
    source: str,
    *,
    clock: Callable[[], float],
    connect: Callable[[], boto3.Session] | None = None,
) -> VideoCamera:
    """Open a session and read it.

    Args:
        source: `kvs://` and the stream's name.
        clock: gives the time of each frame. That is some seconds later than it was taken, for a
            fragment is sent when it is complete.
        connect: makes a session of boto3's, which brings credentials and region; boto3's usual ones
            by default.

    Raises:
        CameraError: when AWS gives no session, or there is no picture in it.
        SettingsError: when the name cannot be a stream's, or there is no region.
    """
    name = source[len("kvs://") :]
    if not _STREAM.match(name):
        raise SettingsError(
            [f"{source!r} must be kvs:// and a stream's name, 1 to 256 of a-z, A-Z, 0-9, _ . and -"]
        )
    # In its most detailed log, every answer is told.
    logging.getLogger("botocore.parsers").setLevel(logging.INFO)
    try:
        url = _session_url((connect or make_session)(), name)
    except exceptions.NoRegionError as error:
        raise SettingsError(
            [f"{source} needs a region; set AWS_DEFAULT_REGION to the stream's"]
        ) from error
    # A SettingsError is what a certificate gives that is just being replaced; a RuntimeError is
    # what botocore raises for new credentials that have already run out.
    except (
        exceptions.BotoCoreError,
        exceptions.ClientError,
        OSError,
        RuntimeError,
        SettingsError,
        ValueError,
    ) as error:
        raise CameraError(source, _reason(error)) from error
    try:
        camera = VideoCamera(url, clock=clock, start_time=clock())
    except CameraError as error:
        raise CameraError(
            source,
            "AWS gives a session, but no picture comes; check the network, and that the stream is "
            "sent as H.264 or H.265",
        ) from error
    camera.source = source
    return camera


def _session_url(session: boto3.Session, name: str) -> str:
    """The address of a new session, its token in it."""
    streams: Any = session.client("kinesisvideo", config=_CONFIG)
    endpoint = streams.get_data_endpoint(StreamName=name, APIName="GET_HLS_STREAMING_SESSION_URL")
    media: Any = session.client(
        "kinesis-video-archived-media", endpoint_url=endpoint["DataEndpoint"], config=_CONFIG
    )
    answer = media.get_hls_streaming_session_url(StreamName=name, **SESSION)
    return str(answer["HLSStreamingSessionURL"])


def _reason(error: BaseException) -> str:
    """What an error says, and what to do about it."""
    of_stream = getattr(error, "operation_name", "") == "GetDataEndpoint"
    hints = {**_HINTS, "ResourceNotFoundException": _NO_STREAM if of_stream else _NO_VIDEO}
    return aws.reason(error, hints, "check the stream and the device's credentials")
