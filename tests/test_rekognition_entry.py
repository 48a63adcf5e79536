from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timezone
from typing import Any, Iterator, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import rekognition_entry
from facepipe_io.errors import SettingsError
from tests.facepipe_io.cloud.world import (
    BUCKET,
    World,
    crop_key,
    face,
    returned,
    running_world,
    s3_event,
    sqs_event,
)


class Context:
    """The part of Lambda's context that the function looks at."""

    aws_request_id = "8f5c2a1e-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world() as running:
        yield running


#: What may befall a crop, by name: its answer, and whether its message comes back.
FATES: dict[str, tuple[Any, bool]] = {
    "happy": (face(HAPPY=97.1, CALM=11.0), False),
    "neutral": (face(HAPPY=3.0), False),
    "object": (KeyError("it is not asked about"), False),
    "faceless": ({"FaceDetails": []}, False),
    "too small": ("InvalidParameterException", False),
    "no image": ("InvalidImageFormatException", False),
    "too large": ("ImageTooLargeException", False),
    "deleted": ("InvalidS3ObjectException", False),
    "unreadable": ("InvalidS3ObjectException", True),
    "throttled": ("ProvisionedThroughputExceededException", True),
    "denied": ("AccessDeniedException", True),
    "fault": (KeyError("on purpose"), True),
}
#: Messages that name no crop; none comes back.
CROPLESS = {
    "no json": "{",
    "malformed": '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]}',
    "test": '{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}',
    "deletion": '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete"}]}',
    "elsewhere": s3_event("frames/1.jpg"),
}


class Message(NamedTuple):
    what: str
    crop: int = 0  # messages of one number speak of one crop
    recorded: bool = False  # a redelivery of a crop whose record is there


_messages = st.lists(
    st.builds(Message, st.sampled_from(sorted(CROPLESS)))
    | st.builds(Message, st.sampled_from(sorted(FATES)), st.integers(0, 2), st.booleans()),
    min_size=1,
    max_size=12,
)


@given(_messages)
@example([Message(what) for what in (*FATES, *CROPLESS)])
@example([Message("happy"), Message("happy"), Message("happy", recorded=True)])
def test_in_any_mixture_exactly_what_a_retry_can_help_comes_back(
    world: World, messages: list[Message]
) -> None:
    now = datetime.now(timezone.utc)
    world.reset()
    bodies: list[Any] = []
    keys: dict[str, list[int]] = {}  # crop to its messages
    fate: dict[str, str] = {}
    recorded: set[str] = set()
    for number, message in enumerate(messages):
        if message.what in CROPLESS:
            bodies.append(CROPLESS[message.what])
            continue
        track = 10 * sorted(FATES).index(message.what) + message.crop
        key = crop_key(track, at=now, label="cup" if message.what == "object" else "face")
        keys.setdefault(key, []).append(number)
        fate[key] = message.what
        world.faces[key] = FATES[message.what][0]
        if message.what == "unreadable":
            world.scorer.faces.s3().put_object(Bucket=BUCKET, Key=key, Body=b"jpeg")
        if message.recorded:
            recorded.add(key)
        bodies.append(s3_event(key, at=now))
    if recorded:  # what an earlier delivery left behind
        answers, world.faces = world.faces, {}
        rekognition_entry.lambda_handler(sqs_event(*map(s3_event, recorded)), Context())
        world.faces = answers
    world.forget_calls()

    event = sqs_event(*bodies)
    for key in recorded:
        for number in keys[key]:
            if messages[number].recorded:
                event["Records"][number]["attributes"]["ApproximateReceiveCount"] = "2"
    answer = rekognition_entry.lambda_handler(event, Context())

    back = {
        n for key, ns in keys.items() if key not in recorded and FATES[fate[key]][1] for n in ns
    }
    assert sorted(returned(answer)) == sorted(f"m-{number}" for number in back)
    objects = {key for key in keys if fate[key] == "object"}
    assert sorted(world.asked) == sorted(keys.keys() - recorded - objects)
    good = ({key for key in keys if fate[key] == "happy"} | recorded) - objects
    assert world.items().keys() == good | objects
    charted = good | {key for key in keys if fate[key] == "neutral"}
    assert len(world.charted) == (1 if charted or objects else 0)
    for call in world.charted:
        seen = [d for d in call["MetricData"] if d["MetricName"] == "ObjectsSeen"]
        assert len(seen) == 2 * len(objects)
        names = [d["MetricName"] for d in call["MetricData"] if "Dimensions" not in d]
        assert names.count("FacesScored") == len(charted)
        assert names.count("HAPPY") == len(good)


def test_an_empty_event_is_no_error(world: World) -> None:
    assert rekognition_entry.lambda_handler({"Records": []}, Context()) is None


def test_the_clients_slow_down_by_themselves_and_do_not_hang(world: World) -> None:
    scorer = rekognition_entry.scorer()
    clients: list[Any] = [scorer.faces.client, scorer.faces.s3()]
    for client in (*clients, scorer.records.client, scorer.metrics.client):
        config = client.meta.config
        assert config.retries["mode"] == "adaptive"
        assert config.connect_timeout + config.read_timeout <= 10


def test_everything_is_made_once(world: World) -> None:
    assert rekognition_entry.scorer() is rekognition_entry.scorer()
    assert rekognition_entry.scorer().faces.s3() is rekognition_entry.scorer().faces.s3()


def test_settings_that_make_no_sense_stop_the_function_with_one_sentence(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEPIPE_MIN_CONFIDENCE", "much")
    with pytest.raises(SettingsError, match="FACEPIPE_MIN_CONFIDENCE must be a number"):
        rekognition_entry.scorer.__wrapped__()


def test_the_settings_reach_the_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEPIPE_TABLE", "other-table")
    monkeypatch.setenv("FACEPIPE_NAMESPACE", "Other")
    monkeypatch.setenv("FACEPIPE_MIN_CONFIDENCE", "50")
    scorer = rekognition_entry.scorer.__wrapped__()
    assert scorer.records.table == "other-table"
    assert scorer.metrics.namespace == "Other"
    assert scorer.settings.min_confidence == 50.0


def _in_a_new_process(code: str) -> str:
    # No credentials, no region, no home: an import must need none.
    environ = {"PATH": "/nonexistent", "HOME": "/nonexistent"}
    command = [sys.executable, "-c", code]
    root = rekognition_entry.__file__.rpartition("/")[0]
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_function_needs_no_account_and_loads_no_arrays() -> None:
    heavy = "{'numpy', 'cv2', 'facepipe_io.edge', 'facepipe_io.local', 'facepipe.boxes'}"
    code = f"import sys, rekognition_entry; print(sorted({heavy} & set(sys.modules)))"
    assert _in_a_new_process(code) == "[]"


def test_importing_the_function_makes_no_client() -> None:
    code = "import rekognition_entry as r; print(r.scorer.cache_info().currsize)"
    assert _in_a_new_process(code) == "0"
