from __future__ import annotations

import io
import json
import logging
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import attrs
import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.attributes import FrameAttributes, format_attributes
from facepipe.detections import Detections
from facepipe.keys import parse_key
from facepipe_io.cloud import endpoint as module
from facepipe_io.cloud.bodies import MAX_PIXELS, RequestError, read_body
from facepipe_io.cloud.endpoint import (
    Endpoint,
    EndpointSettings,
    Request,
    open_endpoint,
    read_request,
)
from facepipe_io.edge.cameras.base import Frame
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.picker import CropPicker
from facepipe_io.errors import ModelError
from facepipe_io.settings import load
from tests.facepipe_io.cloud.bodies import jpeg_header, npy, png_header
from tests.facepipe_io.edge.helpers import ListUplink, ScriptedDetector, faces, picture
from tests.serving import Worker

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
HEADER = "X-Amzn-SageMaker-Custom-Attributes"
TWO = faces([40, 30, 90, 90], [-20, 50, 40, 110])


class Clock:
    """Stands still, unless it is set."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


class TestBodies:
    def test_pixels_come_through_in_every_form(self, portraits):
        image = portraits["collins"][50:150, 100:300]
        png = cv2.imencode(".png", image)[1].tobytes()
        every = [
            read_body(png, "image/png"),
            read_body(npy(image), "application/x-npy"),
            read_body(npy(np.asfortranarray(image)), "application/x-npy"),
            read_body(npy(image, version=(2, 0)), "application/x-npy"),
            read_body(json.dumps(image.tolist()).encode(), "application/json"),
            read_body(json.dumps([image.tolist()]).encode(), "application/json"),
            read_body(json.dumps(image.astype(float).tolist()).encode(), "application/json"),
        ]
        for read in every:
            assert read.dtype == np.uint8
            assert np.array_equal(read, image)

    @pytest.mark.parametrize("kind", ["application/json", "application/x-npy"])
    def test_a_grey_array_is_a_picture(self, kind):
        grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
        data = npy(grey) if "npy" in kind else json.dumps(grey.tolist()).encode()
        assert np.array_equal(read_body(data, kind), np.repeat(grey[..., None], 3, axis=2))

    @pytest.mark.parametrize(
        "kind", ["image/JPEG", "Image/Jpeg; q=1", " image/jpeg ;charset=utf-8", "image/jpeg;"]
    )
    def test_case_and_parameters_of_the_type_do_not_matter(self, kind):
        assert read_body(cv2.imencode(".jpg", picture())[1].tobytes(), kind).shape == (120, 160, 3)

    @pytest.mark.parametrize(
        ("data", "kind", "status", "reason"),
        [
            (b"", "", 415, "content type must be one of image/jpeg, image/png"),
            (b"[[1]]", "text/csv", 415, "not 'text/csv'"),
            (b"x", "application/x-npz", 415, "content type"),
            (b"x", "x" * 10_000, 415, "content type"),
            (b"", "image/jpeg", 400, "0 bytes are no JPEG"),
            (b"GIF89a" + bytes(50), "image/png", 400, "no JPEG and no PNG"),
            (cv2.imencode(".jpg", picture())[1].tobytes()[:-9], "image/jpeg", 400, "no picture"),
            (cv2.imencode(".png", picture())[1].tobytes()[:-30], "image/png", 400, "no picture"),
            (png_header(10_000, 10_000), "image/png", 413, "more than 50 megapixels"),
            (png_header(2**31 - 1, 2**31 - 1), "image/png", 413, "more than 50 megapixels"),
            (jpeg_header(10_000, 10_000), "image/jpeg", 413, "more than 50 megapixels"),
            (b"", "application/x-npy", 400, "no NumPy file"),
            (b"\x93NUMPY\x09\x00" + bytes(99), "application/x-npy", 400, "no NumPy file"),
            (npy(np.zeros((2, 2, 3))), "application/x-npy", 400, "of uint8, not of 'float64'"),
            (npy(np.zeros(2, "u1,u2")), "application/x-npy", 400, "of uint8, not of"),
            (npy(np.array([[{}]])), "application/x-npy", 400, "of uint8, not of 'object'"),
            (npy(picture())[:-1], "application/x-npy", 400, "57599 bytes of pixels; its header"),
            (npy(picture()) + b"\0", "application/x-npy", 400, "57601 bytes of pixels"),
            (npy(picture()[None]), "application/x-npy", 400, r"shape \(H, W, 3\) or \(H, W\)"),
            (npy(picture()[:0]), "application/x-npy", 400, r"not \(0, 160, 3\)"),
            (npy(np.zeros((2, 2, 4), np.uint8)), "application/x-npy", 400, "must have the shape"),
            (npy(np.uint8(1)), "application/x-npy", 400, "must have the shape"),
            (b"", "application/json", 400, "must be an array"),
            (b"[]", "application/json", 400, r"shape .* not \(0,\)"),
            (b"[[]]", "application/json", 400, r"not \(1, 0\)"),
            (b"7", "application/json", 400, r"not \(\)"),
            (b"[[1, 2], [3]]", "application/json", 400, "must be an array"),
            (b"[[1, 2", "application/json", 400, "must be an array"),
            (b"[[256]]", "application/json", 400, "from 0 to 255"),
            (b"[[-1]]", "application/json", 400, "from 0 to 255"),
            (b"[[1e999]]", "application/json", 400, "from 0 to 255"),
            (b"[[" + b"9" * 1000 + b"]]", "application/json", 400, "from 0 to 255"),
            (b"[[" + b"9" * 10_000 + b"]]", "application/json", 400, "must be an array"),
            (b"[[NaN]]", "application/json", 400, "numbers from 0 to 255 and nothing else"),
            (b"[[true]]", "application/json", 400, "nothing else"),
            (b'{"image": [[1]]}', "application/json", 400, "nothing else"),
            (b'["' + b"x" * 10**6 + b'"' + b', ""' * 10**6 + b"]", "application/json", 400, "else"),
            (b"\xff\xfe[[1]]", "application/json", 400, "nothing else"),
            (b"[" * 10**6, "application/json", 400, "must be an array"),
            (b"[" * 80 + b"1" + b"]" * 80, "application/json", 400, "must"),
            (b"[[[[1, 2, 3]]], [[[1, 2, 3]]]]", "application/json", 400, "shape"),
        ],
        ids=lambda value: repr(value)[:24],
    )
    def test_what_is_no_picture_is_told(self, data, kind, status, reason):
        with pytest.raises(RequestError, match=reason) as caught:
            read_body(data, kind)
        assert caught.value.status == status
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300

    @pytest.mark.parametrize("shape", [(10_000, 10_000, 3), (1, MAX_PIXELS + 1), (10**30, 10**30)])
    def test_an_array_of_too_many_pixels_is_refused_by_its_header(self, shape):
        stream = io.BytesIO()
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        with pytest.raises(RequestError, match="more than 50 megapixels") as caught:
            read_body(stream.getvalue(), "application/x-npy")
        assert caught.value.status == 413

    @given(st.text(max_size=400).map(lambda text: text.encode("utf-8", "replace")))
    @example(b"{'descr': (), 'fortran_order': False, 'shape': (2, 2)}")
    @example(b"{'descr': [1], 'fortran_order': False, 'shape': (2, 2)}")
    @example(b"{'descr': ('|u1', 10**30), 'fortran_order': False, 'shape': (2, 2)}")
    @example(b"{'descr': ('|u1', 1000000000000000000000), 'fortran_order': False, 'shape': (2,)}")
    @example(b"{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 2L)}")
    @example(b"{'descr': '|u1', 'fortran_order': 1, 'shape': (True, True)}")
    @example(b"{'descr': '|u1', 'fortran_order': False, 'shape': (-2, -2)}")
    @example(b"{'descr': '|O', 'fortran_order': False, 'shape': (2, 2)}")
    @example(b"{[]: 1}")
    @example(b"{1: 1, 'a': 2}")
    @example(b"(" * 300)
    @example(b"-" * 400 + b"1")
    @example(b"'\\d'")
    @example(b"'''")
    def test_a_hostile_header_of_numpys_is_told(self, header):
        data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        with pytest.raises(RequestError) as caught:
            read_body(data, "application/x-npy")
        assert caught.value.status in (400, 413)


def said(camera: str = "hall", at: float = 0.0, **flags: bool) -> FrameAttributes:
    return FrameAttributes(camera, NOON + timedelta(seconds=at), **flags)


@lru_cache(maxsize=None)
def frame(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (120, 160, 3), np.uint8)


def send(endpoint: Endpoint, frames: int, camera: str = "hall", start: float = 0.0, **flags: bool):
    """Frames of a camera, ten a second, and what is answered to each."""
    answers = []
    for index in range(frames):
        last = flags.get("last", False) and index == frames - 1
        attributes = said(camera, start + index / 10, **{**flags, "last": last})
        answers.append(endpoint.answer(Request(frame(index), attributes)))
    return answers


def stored(answers: list[Any]) -> list[str]:
    return [key for answer in answers for key in answer["crops"]]


@pytest.fixture
def uplink():
    return ListUplink()


class TestEndpoint:
    def test_faces_are_told_normalised_and_clipped(self):
        endpoint = Endpoint(ScriptedDetector(TWO))
        answer = endpoint.answer(Request(picture()))
        assert answer == {
            "prediction": [
                [1, 0.9, 40 / 160, 30 / 120, 90 / 160, 90 / 120],
                [1, 0.9, 0.0, 50 / 120, 40 / 160, 110 / 120],
            ]
        }
        read = Detections.from_mxnet_ssd(answer, frame_wh=(160, 120))
        assert np.allclose(read.boxes, TWO.clipped((160, 120)).boxes)

    def test_a_cameras_crops_are_those_of_a_picker(self, uplink):
        endpoint = Endpoint(ScriptedDetector(TWO), uplink, resend_seconds=1.0)
        answers = send(endpoint, 30, last=True)
        run = parse_key(uplink.keys[0]).run
        picker = CropPicker("hall", run, ScriptedDetector(TWO), resend_seconds=1.0)
        times = [NOON.timestamp() + index / 10 for index in range(30)]
        crops = [c for i, t in enumerate(times) for c in picker.look(Frame(frame(i), t)).crops]
        crops += picker.flush(times[-1])
        assert len(crops) > 2
        assert uplink.crops == [(crop.key, crop.jpeg) for crop in crops]
        assert stored(answers) == uplink.keys
        assert all(answer["tracks"] == [1, 2] for answer in answers)
        assert all(len(answer["prediction"]) == 2 for answer in answers)
        assert all(answer["waiting"] == 0 for answer in answers)

    def test_cameras_are_followed_each_on_its_own(self, uplink):
        endpoint = Endpoint(ScriptedDetector(TWO), uplink)
        for index in range(9):
            for name in ("hall", "door"):
                endpoint.answer(Request(frame(index), said(name, index / 10)))
        keys = [parse_key(key) for key in uplink.keys]
        assert sorted((key.camera, key.track, key.shot) for key in keys) == [
            ("door", 1, 0), ("door", 2, 0), ("hall", 1, 0), ("hall", 2, 0),
        ]  # fmt: skip
        assert len({(key.camera, key.run) for key in keys}) == 2

    def test_in_stills_everybody_is_stored_at_once(self, uplink):
        endpoint = Endpoint(ScriptedDetector(TWO), uplink)
        answers = [send(endpoint, 1, start=start, stills=True)[0] for start in (0, 1, 2)]
        assert [len(answer["crops"]) for answer in answers] == [0, 2, 2]
        assert len(stored(send(endpoint, 1, start=3, stills=True, last=True))) == 4

    @pytest.mark.parametrize("body", [b"", b"[]", b" []\n"])
    def test_the_end_of_a_camera_needs_no_picture(self, uplink, body):
        endpoint = Endpoint(ScriptedDetector(TWO), uplink)
        send(endpoint, 4)
        assert uplink.keys == []
        headers = {HEADER: format_attributes(said(at=1.0, last=True))}
        request = read_request(body, "application/json", headers)
        answer = endpoint.answer(request)
        assert (answer["prediction"], answer["tracks"]) == ([], [])
        assert answer["crops"] == uplink.keys
        assert len(uplink.keys) == 2
        again = endpoint.answer(request)
        assert again == {"prediction": [], "tracks": [], "crops": [], "dropped": 0, "waiting": 0}

    def test_a_camera_that_ended_may_begin_again(self, uplink):
        endpoint = Endpoint(ScriptedDetector(TWO), uplink)
        send(endpoint, 4, last=True)
        send(endpoint, 4, last=True)  # of the same times, and the same tracks and shots
        assert len(set(uplink.keys)) == 4
        assert len({parse_key(key).run for key in uplink.keys}) == 2

    def test_a_camera_that_turns_to_stills_loses_nothing(self, uplink):
        endpoint = Endpoint(ScriptedDetector(TWO), uplink)
        send(endpoint, 4)
        (answer,) = send(endpoint, 1, start=0.5, stills=True)
        assert len(answer["crops"]) == 2

    def test_crops_that_s3_does_not_take_wait_for_a_later_request(self, uplink, clock, caplog):
        endpoint = Endpoint(ScriptedDetector(TWO), uplink, clock=clock)
        uplink.refusing.set()
        answers = send(endpoint, 12)
        assert stored(answers) == []
        assert (answers[0]["waiting"], answers[-1]["waiting"]) == (0, 2)
        (line,) = (record.getMessage() for record in caplog.records)
        assert line.startswith("camera hall: crops wait, 64 at most of each camera: cannot ")
        uplink.refusing.clear()
        (answer,) = send(endpoint, 1, start=1.2)
        assert (answer["crops"], answer["waiting"]) == ([], 2)  # nobody waits for another try yet
        clock.now += module.REST_SECONDS
        (answer,) = send(endpoint, 1, start=1.3)
        assert answer["waiting"] == 0
        assert answer["crops"] == uplink.keys
        assert len(uplink.keys) == 2

    def test_the_end_can_be_told_again_until_nothing_waits(self, uplink, clock):
        endpoint = Endpoint(ScriptedDetector(TWO), uplink, clock=clock)
        uplink.refusing.set()
        assert send(endpoint, 4, last=True)[-1]["waiting"] == 2
        uplink.refusing.clear()
        clock.now += module.REST_SECONDS
        answer = endpoint.answer(Request(None, said(at=1.0, last=True)))
        assert len(answer["crops"]) == 2
        assert answer["waiting"] == 0

    def test_what_waits_is_bounded_and_the_oldest_goes_first(self, uplink, clock, monkeypatch):
        monkeypatch.setattr(module, "MAX_WAITING", 3)
        endpoint = Endpoint(ScriptedDetector(TWO), uplink, clock=clock)
        uplink.refusing.set()
        answers = [send(endpoint, 1, start=at, stills=True)[0] for at in range(5)]
        assert [answer["waiting"] for answer in answers] == [0, 2, 3, 3, 3]
        assert [answer["dropped"] for answer in answers] == [0, 0, 1, 2, 2]
        uplink.refusing.clear()
        clock.now += module.REST_SECONDS
        send(endpoint, 1, start=5, stills=True)
        seconds = [parse_key(key).captured_at.second for key in uplink.keys]
        assert seconds == [2, 3, 3, 4, 4]

    def test_the_camera_not_seen_for_longest_leaves_with_its_crops_stored(
        self, uplink, clock, monkeypatch
    ):
        monkeypatch.setattr(module, "MAX_CAMERAS", 2)
        endpoint = Endpoint(ScriptedDetector(TWO), uplink, clock=clock)
        for name in ("a", "b"):
            send(endpoint, 4, name)
        send(endpoint, 1, "a", start=0.4)
        refused = endpoint.answer(Request(frame(0), said("c")))
        assert (refused.status, str(refused)) == (
            429,
            "too many cameras ask at once; try again later",
        )
        assert uplink.keys == []
        clock.now += module.UNSEEN_SECONDS
        send(endpoint, 1, "c")
        assert {parse_key(key).camera for key in uplink.keys} == {"b"}
        assert len(uplink.keys) == 2

    def test_a_forgotten_cameras_lost_crops_are_told(self, uplink, clock, monkeypatch, caplog):
        monkeypatch.setattr(module, "MAX_CAMERAS", 1)
        endpoint = Endpoint(ScriptedDetector(TWO), uplink, clock=clock)
        uplink.refusing.set()
        send(endpoint, 4, "a")
        clock.now += module.UNSEEN_SECONDS
        send(endpoint, 1, "b")
        assert "camera a is forgotten with 2 crops" in caplog.text

    @given(st.lists(st.sampled_from([-1e9, -3600, -5, -0.5, 0, 0.1, 0.1, 0.1, 5, 1e6, 1e10])))
    @example([0.1] * 5 + [-1e9] + [0.1] * 5 + [1e10] + [0.1] * 5)
    def test_a_clock_that_steps_does_no_harm(self, steps):
        uplink, time = ListUplink(), 0.0
        endpoint = Endpoint(ScriptedDetector(TWO), uplink)
        for number, step in enumerate(steps):
            time = min(max(time + step, -6e10), 2e11)
            answer = endpoint.answer(Request(picture(number % 99), said(at=time)))
            assert len(answer["tracks"]) == len(answer["prediction"])
        uplink.crops.clear()
        hour_on = said(at=time + 3600).captured_at
        for number in range(12):  # business as usual
            endpoint.answer(Request(picture(number), said(at=time + 3600 + number / 10)))
        keys = [parse_key(key) for key in uplink.keys]
        fresh = [key for key in keys if abs(key.captured_at - hour_on) < timedelta(seconds=2)]
        assert sorted(key.shot for key in fresh) == [0, 0]

    @pytest.mark.parametrize(
        "moment",
        [datetime(1, 1, 1, tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)],
    )
    def test_the_ends_of_time_do_no_harm(self, uplink, moment):
        endpoint = Endpoint(ScriptedDetector(TWO), uplink)
        for _ in range(2):
            answer = endpoint.answer(
                Request(picture(), FrameAttributes("hall", moment, stills=True, last=True))
            )
            assert len(answer["crops"]) == 2

    def test_without_a_bucket_a_camera_is_told_so(self):
        endpoint = Endpoint(ScriptedDetector(TWO))
        answer = endpoint.answer(Request(picture(), said()))
        assert isinstance(answer, RequestError)
        assert answer.status == 400
        assert "FACEPIPE_BUCKET" in str(answer)

    def test_a_failure_of_a_detector_loses_nothing(self, uplink):
        def find(call: int) -> Detections:
            if call == 5:
                raise RuntimeError("on purpose")
            return TWO

        endpoint = Endpoint(ScriptedDetector(find), uplink)
        send(endpoint, 4)
        with pytest.raises(RuntimeError):
            send(endpoint, 1, start=0.4)
        send(endpoint, 2, start=0.5, last=True)
        assert len(uplink.keys) == 2


class TestOpening:
    def test_without_a_model_opencvs_own_cascade_finds_the_faces(self, tmp_path, portraits):
        (tmp_path / "code").mkdir()
        (tmp_path / "._yunet.onnx").touch()  # macOS leaves such files in archives
        endpoint = open_endpoint(str(tmp_path), EndpointSettings())
        found = endpoint.answer(Request(portraits["collins"]))["prediction"]
        assert len(found) == len(open_detector("haar").detect(portraits["collins"])) > 0

    def test_several_models_are_told(self, tmp_path):
        for name in ("a.onnx", "b.xml"):
            (tmp_path / name).touch()
        with pytest.raises(ModelError, match=r"several models \(a.onnx, b.xml\); leave one"):
            open_endpoint(str(tmp_path), EndpointSettings())

    def test_a_damaged_model_is_told(self, tmp_path):
        (tmp_path / "face.XML").write_text("no cascade")
        with pytest.raises(ModelError, match="no cascade that OpenCV can read"):
            open_endpoint(str(tmp_path), EndpointSettings())

    def test_the_settings_reach_the_work(self, tmp_path, portraits):
        settings = load(EndpointSettings, {"FACEPIPE_MIN_SCORE": "1"})
        endpoint = open_endpoint(str(tmp_path), settings)
        assert endpoint.answer(Request(portraits["collins"])) == {"prediction": []}


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    """The serving toolkit in this process, around the project's own modules; no bucket."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGEMAKER_PROGRAM", "sagemaker_entry.py")
        for name in attrs.fields_dict(EndpointSettings):
            patch.delenv(f"FACEPIPE_{name.upper()}", raising=False)
        yield Worker(str(tmp_path_factory.mktemp("model")))


_bodies = (
    st.binary(max_size=300)
    | st.lists(st.lists(st.integers(-1, 256) | st.floats(), max_size=3), max_size=3).map(
        lambda rows: json.dumps(rows).encode()
    )
    | st.recursive(st.none() | st.integers() | st.text(max_size=3), st.lists).map(
        lambda tree: json.dumps(tree).encode()
    )
    | st.sampled_from(
        [cv2.imencode(form, picture(90))[1].tobytes() for form in (".jpg", ".png", ".bmp")]
        + [npy(picture()), npy(picture().astype(float)), b"[[1, 2], [3, 4]]", b"[]"]
        + [png_header(10_000, 10_000), jpeg_header(10_000, 10_000)]
    )
)
_types = st.sampled_from(
    ["image/jpeg", "image/png", "application/x-npy", "application/json", "text/csv", "image/jpeg;x"]
) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
_said = st.sampled_from(
    ["", "camera=a", "last=1", format_attributes(said()), format_attributes(said(last=True))]
) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)


@given(_bodies, st.none() | _types, st.none() | _types, _said, st.data())
def test_whatever_is_sent_is_answered_or_refused_in_one_sentence(
    worker, body, kind, accept, attributes, draws
):
    if body and draws.draw(st.booleans()):
        body = body[: draws.draw(st.integers(0, len(body)))]
    headers = {"Content-Type": kind, "Accept": accept, HEADER: attributes}
    given_headers = {name: text for name, text in headers.items() if text is not None}
    request, answer = worker.invoke(given_headers, body)
    status, phrase = request.status
    if status == 200:
        rows = json.loads(answer)["prediction"]
        assert all(len(row) == 6 for row in rows)
        assert request.response_headers["content-type"] == "application/json"
    else:
        assert 400 <= status < 500
        assert phrase == HTTPStatus(status).phrase
        text = answer.decode()
        assert "\n" not in text
        assert "Traceback" not in text
        assert request.response_headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200), ("*/*", 200), ("application/*", 200), ("Application/JSON; q=0.5", 200),
        ("text/html, application/json", 200), ("text/csv", 406), ("application/jsonlines", 406),
        ("application/x-npy", 406),
    ],
)  # fmt: skip
def test_the_answer_is_json_or_none(worker, accept, status):
    headers = {"content-type": "application/json", **({"accept": accept} if accept else {})}
    request, answer = worker.invoke(headers, b"[[0]]")
    assert request.status[0] == status
    assert (answer == b'{"prediction": []}') == (status == 200)


def test_a_failure_of_its_own_is_the_toolkits(worker, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(Endpoint, "answer", lambda *_: 1 / 0)
    request, _ = worker.invoke({"Content-Type": "application/json"}, b"[[0]]")
    assert request.status[0] == 500
    monkeypatch.undo()
    request, _ = worker.invoke({"Content-Type": "application/json"}, b"[[0]]")
    assert request.status[0] == 200
