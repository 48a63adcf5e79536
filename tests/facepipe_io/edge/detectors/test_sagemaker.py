from __future__ import annotations

import socket

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.attributes import parse_attributes
from facepipe.boxes import box_iou
from facepipe.errors import FacepipeError
from facepipe.images import decode_image
from facepipe_io.edge.agent import LOOK_TRIES, Agent
from facepipe_io.edge.aws import Connection
from facepipe_io.edge.cameras import Frame
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.detectors.sagemaker import (
    FOLLOWED_SECONDS,
    LONG_SIDE,
    Endpoint,
    EndpointPicker,
    SageMakerDetector,
)
from facepipe_io.edge.picker import NO_TRACKS, NOBODY, CropPicker, Look, Picker
from facepipe_io.edge.pickers import detector_of, open_picker
from facepipe_io.edge.process import loss
from facepipe_io.edge.settings import device_settings
from facepipe_io.errors import EndpointError, SettingsError
from tests.facepipe_io.edge.helpers import (
    ListUplink,
    ScriptedCamera,
    forget_aws,
    frames,
    picture,
    scene,
)
from tests.facepipe_io.edge.servers import Runtime, serving

KEY = "faces/hall-1/2023/11/14/22/20231114T221320000Z-4f9c-7-{}.jpg"
NOW = 1.7e9  # is 2023-11-14T22:13:20Z


def answer_of(detections=((1, 0.9, 0.25, 0.25, 0.5, 0.75),), **more):
    return {"prediction": [list(row) for row in detections], **more}


@pytest.fixture(autouse=True)
def _an_account(monkeypatch):
    forget_aws(monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest.fixture
def runtime():
    return Runtime(lambda body, said: answer_of())


@pytest.fixture
def host(runtime):
    with serving(runtime.respond) as address:
        yield address


def connected(host, tokens=None, **config):
    boto3 = pytest.importorskip("boto3")
    from botocore.config import Config

    settings = Config(retries={"max_attempts": 0}, **config)
    tokens = iter(tokens or ())

    def connect():
        return boto3.session.Session().client(
            "sagemaker-runtime",
            endpoint_url=f"http://{host}",
            config=settings,
            aws_access_key_id="AKIA",
            aws_secret_access_key="secret",
            aws_session_token=next(tokens, None),
        )

    return Endpoint("faces", Connection(connect))


class TestDetector:
    def test_no_more_of_a_frame_is_sent_than_a_detector_needs(self, runtime, host):
        found = SageMakerDetector(connected(host)).detect(picture(90, (1920, 1080)))
        ((name, kind, said, body),) = runtime.requests
        assert (name, kind, said) == ("faces", "image/jpeg", None)
        assert decode_image(body).shape == (LONG_SIDE * 9 // 16, LONG_SIDE, 3)
        assert found.boxes.tolist() == [[480.0, 270.0, 960.0, 810.0]]

    def test_it_finds_what_the_endpoints_detector_would_find_here(self, runtime, host, portraits):
        haar = open_detector("haar")

        def endpoint(body, said):
            image = decode_image(body)
            found = haar.detect(image)
            wh = np.array([image.shape[1], image.shape[0]] * 2)
            rows = zip(found.labels, found.scores, found.boxes / wh)
            return answer_of([(int(label), score, *box) for label, score, box in rows])

        runtime.endpoint = endpoint
        image = scene(
            (portraits["hopper"], 100, 80, 700),
            (portraits["collins"], 1100, 60, 800),
            wh=(1920, 1080),
        )
        near, far = haar.detect(image), SageMakerDetector(connected(host)).detect(image)
        assert len(near) == len(far) == 2
        assert box_iou(near.boxes, far.boxes).max(axis=1).min() > 0.9

    def test_what_scores_less_than_asked_for_is_left_out(self, host):
        detector = SageMakerDetector(connected(host))
        detector.min_score = 0.95
        assert len(detector.detect(picture())) == 0

    @pytest.mark.parametrize(
        ("status", "code", "todo"),
        [
            (400, "ValidationError", "check FACEPIPE_ENDPOINT and AWS_DEFAULT_REGION"),
            (400, "ThrottlingException", "nothing to do but wait"),
            (403, "AccessDeniedException", "allow the device's role sagemaker:InvokeEndpoint"),
            (424, "ModelError", "see the endpoint's log"),
            (429, "ModelNotReadyException", "nothing to do but wait"),
            (500, "InternalFailure", "nothing to do but wait"),
            (503, "ServiceUnavailable", "nothing to do but wait"),
            (418, "SomethingNew", "check FACEPIPE_ENDPOINT and the device's credentials"),
        ],
    )
    def test_a_failure_says_what_to_do_and_the_next_frame_is_looked_at(
        self, runtime, host, status, code, todo
    ):
        detector = SageMakerDetector(connected(host))
        runtime.errors = [(status, code, "no")]
        with pytest.raises(EndpointError) as told:
            detector.detect(picture())
        assert todo in str(told.value)
        assert str(told.value).startswith("the endpoint faces does not answer as it should: ")
        assert "\n" not in str(told.value)
        assert len(detector.detect(picture())) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"\xff",
            b"[]",
            b"7",
            b"{",
            {},
            {"prediction": [[1]]},
            {"prediction": "x"},
            b"[" * 99999,
        ],
        ids=lambda answer: str(answer)[:20],
    )
    def test_an_answer_that_makes_no_sense_is_an_error(self, runtime, host, answer):
        runtime.endpoint = lambda body, said: answer
        with pytest.raises(EndpointError, match="otherwise than facepipe's does"):
            SageMakerDetector(connected(host)).detect(picture())

    def test_nobody_is_no_error(self, runtime, host):
        runtime.endpoint = lambda body, said: answer_of([])
        assert len(SageMakerDetector(connected(host)).detect(picture())) == 0

    def test_nobody_there_or_one_who_never_answers(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            host = f"127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(EndpointError, match="check the network"):
                SageMakerDetector(connected(host)).detect(picture())
            silent.listen()
            with pytest.raises(EndpointError, match="check the network"):
                SageMakerDetector(connected(host, read_timeout=0.05)).detect(picture())

    def test_credentials_that_ran_out_are_replaced(self, runtime, host):
        detector = SageMakerDetector(connected(host, ["old", "new"]))
        runtime.refused = {"old"}
        with pytest.raises(EndpointError, match="the next try gets new credentials"):
            detector.detect(picture())
        assert len(detector.detect(picture())) == 1
        assert runtime.tokens == ["old", "new"]


class TestEndpointPicker:
    def test_it_sends_whole_frames_and_tells_what_the_endpoint_made_of_them(self, runtime, host):
        runtime.endpoint = lambda body, said: answer_of(tracks=[7], crops=[KEY.format(0)])
        picker = EndpointPicker("hall-1", connected(host))
        look = picker.look(Frame(picture(90, (1280, 720)), NOW))
        ((_, kind, said, body),) = runtime.requests
        assert kind == "image/jpeg"
        assert decode_image(body).shape == (720, 1280, 3)
        told = parse_attributes(said)
        assert (told.camera, told.captured_at.timestamp()) == ("hall-1", NOW)
        assert (told.stills, told.last) == (False, False)
        assert look.detections.boxes.tolist() == [[320.0, 180.0, 640.0, 540.0]]
        assert look.tracks.tolist() == [7]
        assert [(crop.key, crop.jpeg, crop.track, crop.shot) for crop in look.crops] == [
            (KEY.format(0), b"", 7, 0)
        ]

    def test_a_scene_where_nobody_is_and_nothing_changes_is_not_sent(self, runtime, host):
        runtime.endpoint = lambda body, said: answer_of([], tracks=[], crops=[])
        picker = EndpointPicker("hall-1", connected(host))
        looks = [picker.look(frame) for frame in frames(50, start=NOW)]
        assert sum(look.still for look in looks) == 50 - len(runtime.requests) > 30

    def test_a_face_that_is_missed_for_a_moment_does_not_end_the_sending(self, runtime, host):
        """Or the endpoint, which hears nothing, would take its person for somebody new."""
        looks = iter([answer_of(tracks=[1]), *[answer_of([], tracks=[])] * 99])
        runtime.endpoint = lambda body, said: next(looks)
        picker = EndpointPicker("hall-1", connected(host))
        still = [picker.look(frame).still for frame in frames(30, start=NOW)]
        assert still.index(True) > FOLLOWED_SECONDS * 10

    def test_a_frame_that_failed_was_not_looked_at(self, runtime, host):
        runtime.endpoint = lambda body, said: answer_of([], tracks=[])
        picker = EndpointPicker("hall-1", connected(host))
        for frame in frames(20, start=NOW):
            picker.look(frame)
        runtime.errors = [(503, "ServiceUnavailable", "no")] * 3
        due = Frame(picture(1), NOW + 9)  # only because of the time
        for _ in range(3):
            with pytest.raises(EndpointError):
                picker.look(due)
        assert not picker.look(due).still

    def test_crops_that_the_endpoint_gave_up_are_told(self, runtime, host):
        runtime.endpoint = lambda body, said: answer_of([], tracks=[], dropped=3)
        stats = run(EndpointPicker("hall", connected(host)), ScriptedCamera(frames(1, start=NOW)))
        assert (stats.crops, stats.dropped, stats.uploaded, stats.waiting) == (3, 3, 0, 0)

    def test_every_frame_is_sent_while_somebody_is_there(self, runtime, host):
        runtime.endpoint = lambda body, said: answer_of(tracks=[1], crops=[])
        picker = EndpointPicker("hall-1", connected(host))
        assert not any(picker.look(frame).still for frame in frames(50, start=NOW))

    def test_of_stills_every_one_is_sent_as_a_scene_of_its_own(self, runtime, host):
        runtime.endpoint = lambda body, said: answer_of([], tracks=[], crops=[])
        picker = EndpointPicker("hall-1", connected(host), stills=True)
        assert not any(picker.look(frame).still for frame in frames(50, start=NOW))
        assert all(parse_attributes(said).stills for _, _, said, _ in runtime.requests)

    def test_at_the_end_the_endpoint_sends_what_it_has(self, runtime, host):
        runtime.endpoint = lambda body, said: answer_of([], tracks=[], crops=[KEY.format(1)])
        (crop,) = EndpointPicker("hall-1", connected(host)).flush(NOW)
        assert (crop.key, crop.jpeg) == (KEY.format(1), b"")
        ((_, _, said, _),) = runtime.requests
        assert parse_attributes(said).last

    @pytest.mark.parametrize(
        "more",
        [
            {},
            {"tracks": []},
            {"tracks": [1, 2]},
            {"tracks": ["x"]},
            {"tracks": [2**63]},
            {"tracks": [-1]},
            {"tracks": [1], "dropped": -1},
            {"tracks": [[1], [1, 2]]},
            {"tracks": [1], "dropped": "x"},
            {"tracks": [[1]]},
            {"tracks": [1], "crops": ["faces/me.jpg"]},
            {"tracks": [1], "crops": [7]},
            {"tracks": [1], "crops": 7},
        ],
        ids=str,
    )
    def test_an_answer_of_something_else_is_an_error(self, runtime, host, more):
        runtime.endpoint = lambda body, said: answer_of(**more)
        with pytest.raises(EndpointError, match="otherwise than facepipe's does"):
            EndpointPicker("hall-1", connected(host)).look(Frame(picture(), NOW))


class Flaky(Picker):
    """Fails so often with each call as the script says, and then looks."""

    def __init__(self, failures):
        self.failures = list(failures)
        self.looked_at = []
        self.calls = 0

    def look(self, frame):
        self.calls += 1
        if self.failures and self.failures.pop(0):
            raise EndpointError("faces", "no; wait")
        self.looked_at.append(frame.time)
        return Look(NOBODY, NO_TRACKS, [])


def run(picker, camera):
    agent = Agent("hall", camera, picker, ListUplink(), backoff_seconds=0.001, max_fps=1000.0)
    return agent.run()


class TestAgent:
    def test_a_recordings_frame_is_sent_again_until_it_is_answered(self, caplog):
        picker = Flaky([True] * (LOOK_TRIES - 1))
        stats = run(picker, ScriptedCamera(frames(3)))
        assert picker.looked_at == [frame.time for frame in frames(3)]
        assert (stats.frames, stats.detector_errors) == (3, LOOK_TRIES - 1)
        said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert said == [
            "detector: the endpoint faces does not answer as it should: no; wait; trying again",
            f"detector: works again, after {LOOK_TRIES - 1} failures",
        ]

    def test_after_a_frame_was_given_up_those_behind_it_are_tried_once(self):
        picker = Flaky([True] * 1000)
        stats = run(picker, ScriptedCamera(frames(10)))
        assert picker.calls == stats.detector_errors == LOOK_TRIES + 9
        assert stats.unseen == 10
        assert loss(stats) == (
            "10 of 10 frames were not looked at: "
            "the endpoint faces does not answer as it should: no; wait"
        )
        picker = Flaky([True] * (LOOK_TRIES + 1))
        run(picker, ScriptedCamera(frames(10)))
        assert len(picker.looked_at) == 8

    def test_a_live_cameras_frame_is_left_for_the_newest_one(self):
        picker = Flaky([True, False, True])
        stats = run(picker, ScriptedCamera(frames(10, start=NOW), live=True))
        assert stats.detector_errors == 2 or len(picker.looked_at) <= 1
        assert stats.frames == picker.calls

    def test_crops_that_the_endpoint_stored_count_as_stored(self, runtime, host):
        count = iter(range(99))
        runtime.endpoint = lambda body, said: answer_of(tracks=[7], crops=[KEY.format(next(count))])
        stats = run(EndpointPicker("hall", connected(host)), ScriptedCamera(frames(3, start=NOW)))
        assert (stats.people, stats.crops, stats.uploaded, stats.waiting) == (1, 4, 4, 0)

    def test_the_end_is_in_order_though_the_endpoint_is_gone(self, runtime, host, caplog):
        runtime.endpoint = lambda body, said: answer_of(tracks=[7], crops=[])

        class Ends(EndpointPicker):
            def flush(self, time):
                runtime.errors = [(503, "ServiceUnavailable", "gone")]
                return super().flush(time)

        stats = run(Ends("hall", connected(host)), ScriptedCamera(frames(3, start=NOW)))
        assert (stats.frames, stats.detector_errors) == (3, 1)
        assert "the last crops may be missing" in caplog.text

    def test_a_scene_that_is_spared_does_not_count_as_an_answer(self, caplog):
        class Dead(Picker):
            calls = 0

            def look(self, frame):
                self.calls += 1
                if self.calls % 2:
                    raise EndpointError("faces", "no; wait")
                return Look(NOBODY, NO_TRACKS, [], still=True)

        run(Dead(), ScriptedCamera(frames(20)))
        said = [record for record in caplog.records if "works again" in record.getMessage()]
        assert said == []


class TestSettings:
    def settings(self, **given):
        given.setdefault("endpoint", "faces")
        return device_settings({}, source="demo", camera="hall-1", detector="sagemaker", **given)

    def test_by_default_crops_are_cut_on_the_device(self):
        settings = self.settings(bucket="crops", min_score=0.3)
        picker = open_picker(settings, "4f9c")
        assert isinstance(picker, CropPicker)
        assert detector_of(settings).min_score == 0.3

    def test_crops_cut_at_the_endpoint_need_no_bucket(self):
        settings = self.settings(crop_at="endpoint")
        assert isinstance(open_picker(settings, "4f9c"), EndpointPicker)
        assert not settings.sends_crops

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"endpoint": None, "bucket": "crops"}, "FACEPIPE_ENDPOINT must name the endpoint"),
            ({"endpoint": "a/b", "bucket": "crops"}, "endpoint must be an endpoint's name"),
            ({"bucket": None}, "FACEPIPE_BUCKET must name"),
            ({"crop_at": "moon"}, "crop_at must be one of device, endpoint"),
        ],
    )
    def test_what_is_missing_is_said(self, given, told):
        with pytest.raises(SettingsError, match=told):
            self.settings(**given)

    def test_crops_cut_at_the_endpoint_need_one(self):
        with pytest.raises(SettingsError, match="must be sagemaker, for FACEPIPE_CROP_AT"):
            device_settings({}, source="demo", crop_at="endpoint")


@given(st.binary(max_size=200))
def test_no_answer_breaks_anything(answer):
    class Silent:
        def invoke_endpoint(self, **_):
            return {"Body": self}

        def read(self):
            return answer

    pytest.importorskip("boto3")
    picker = EndpointPicker("hall-1", Endpoint("faces", Connection(Silent)))
    try:
        picker.look(Frame(picture(), NOW))
    except FacepipeError as error:
        assert "otherwise than" in str(error)
