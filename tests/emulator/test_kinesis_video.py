from __future__ import annotations

from tests.emulator.helpers import REGION, gap, make_user, put_media, refusal
from tests.emulator.settings import ACCOUNT, ROOT_KEYS

OURS = f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/ours/*"


def make_stream(aws, name="ours"):
    made = aws.client("kinesisvideo").create_stream(StreamName=name, DataRetentionInHours=24)
    return made["StreamARN"]


@gap
def test_tags_are_kept(aws):
    client, arn = aws.client("kinesisvideo"), make_stream(aws)
    client.tag_stream(StreamARN=arn, Tags={"Project": "x", "Other": "y"})
    client.untag_stream(StreamARN=arn, TagKeyList=["Other"])
    assert client.list_tags_for_stream(StreamARN=arn)["Tags"] == {"Project": "x"}


@gap
def test_the_data_endpoint_is_the_emulator(aws):
    make_stream(aws)
    found = aws.client("kinesisvideo").get_data_endpoint(StreamName="ours", APIName="PUT_MEDIA")
    assert found["DataEndpoint"] == aws.url


@gap
def test_video_can_be_watched(aws):
    make_stream(aws)
    client = aws.client("kinesis-video-archived-media")
    found = client.get_hls_streaming_session_url(StreamName="ours", PlaybackMode="LIVE")
    assert found["HLSStreamingSessionURL"].startswith(f"{aws.url}/hls/v1/")
    code = refusal(client.get_hls_streaming_session_url, StreamName="none", PlaybackMode="LIVE")
    assert code == "ResourceNotFoundException"


@gap
def test_video_can_be_sent(aws):
    make_stream(aws)
    assert put_media(aws, ROOT_KEYS, "ours") == 200


def test_streams_one_by_one(aws):
    make_stream(aws)
    make_stream(aws, "ours-2")
    actions = [f"kinesisvideo:{name}" for name in ("PutMedia", "GetHLSStreamingSessionURL")]
    keys = make_user(aws, "worker", {"Action": actions, "Resource": OURS})
    aws.enforce_iam()
    watch = aws.client("kinesis-video-archived-media", keys).get_hls_streaming_session_url
    assert watch(StreamName="ours", PlaybackMode="LIVE")["HLSStreamingSessionURL"]
    assert refusal(watch, StreamName="ours-2", PlaybackMode="LIVE") == "AccessDeniedException"
    assert put_media(aws, keys, "ours") == 200
    assert put_media(aws, keys, "ours-2") == 403
    describe = aws.client("kinesisvideo", keys).describe_stream
    assert refusal(describe, StreamName="ours") == "AccessDeniedException"
