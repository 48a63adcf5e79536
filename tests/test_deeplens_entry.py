from __future__ import annotations

import functools
import http.server
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import deeplens_entry
from facepipe.images import decode_image, encode_jpeg
from facepipe.keys import parse_key
from facepipe_io.edge import pickers
from facepipe_io.errors import SettingsError
from tests.facepipe_io.edge.helpers import STANDINS, scene, write_video
from tests.facepipe_io.local.onnx_file import means_onnx

ROOT = Path(__file__).resolve().parent.parent
WAIT = 60  # seconds, after which a test has failed; nothing takes that long


@pytest.fixture
def environ(tmp_path):
    """The environment of a device: awscam and greengrasssdk, one person before the camera."""
    person = np.zeros((4, 480, 640, 3), np.uint8)
    person[:, 120:300, 200:340] = np.random.default_rng(7).integers(60, 255, (180, 140, 3))
    np.save(tmp_path / "frames.npy", person)
    (tmp_path / "face.xml").write_bytes(b"<?xml version='1.0'?>")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FACEPIPE_")}
    return dict(
        kept,
        PYTHONPATH=os.pathsep.join([str(STANDINS), str(ROOT)]),
        AWSCAM_FRAMES=str(tmp_path / "frames.npy"),
        GREENGRASSSDK_LOG=str(tmp_path / "bus.log"),
        AWS_IOT_THING_NAME="hall",
        FACEPIPE_MODEL=str(tmp_path / "face.xml"),
        FACEPIPE_CROPS_DIR=str(tmp_path / "crops"),
        FACEPIPE_SPOOL_DIR=str(tmp_path / "spool"),
        FACEPIPE_RESEND_SECONDS="0",
    )


@pytest.fixture
def start(environ):
    """Starts a device's process, and ends what is left of it."""
    processes = []

    def start(*arguments):
        processes.append(
            subprocess.Popen(
                [sys.executable, *arguments],
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                universal_newlines=True,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def finish(process):
    output, _ = process.communicate(timeout=WAIT)
    return process.returncode, output


def crops_in(folder):
    return sorted(folder.rglob("*.jpg"))


def wait_until(condition, process):
    end = time.monotonic() + WAIT
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    "module",
    [
        "deeplens_entry",
        *sorted(
            "facepipe_io.edge." + path.stem
            for path in (ROOT / "facepipe_io" / "edge").glob("*.py")
            if path.stem not in ("__init__", "demo", "demo_art")
        ),
    ],
)
def test_awscam_is_loaded_before_cv2(start, module):
    code = f"import {module}, sys, awscam; sys.exit(awscam.CV2_CAME_FIRST)"
    assert finish(start("-c", code)) == (0, "")


def test_the_entry_point_does_load_cv2(start):
    """Else the test above would prove nothing."""
    assert finish(
        start("-c", "import deeplens_entry, sys; sys.exit('cv2' not in sys.modules)")
    ) == (0, "")


def test_the_whole_device_until_sigterm(start, environ, tmp_path):
    process = start(str(ROOT / "deeplens_entry.py"))
    wait_until(lambda: len(crops_in(tmp_path / "crops")) >= 2, process)
    process.send_signal(signal.SIGTERM)
    code, output = finish(process)
    assert code == 0, output

    crops = crops_in(tmp_path / "crops")
    keys = [parse_key(path.relative_to(tmp_path / "crops").as_posix()) for path in crops]
    assert {key.camera for key in keys} == {"hall"}
    assert len({key.run for key in keys}) == 1
    assert {key.track for key in keys} == {1}
    assert sorted(key.shot for key in keys) == list(range(len(keys)))
    for path in crops:
        assert min(decode_image(path.read_bytes()).shape[:2]) >= 180
    assert not list((tmp_path / "crops").rglob("*.part"))

    messages = [json.loads(line) for line in (tmp_path / "bus.log").read_text().splitlines()]
    seen = [message for topic, message in messages if topic == "$aws/things/hall/infer"]
    assert seen[0]["faces"][0]["track"] == 1
    np.testing.assert_allclose(seen[0]["faces"][0]["box"], [200, 120, 340, 300], atol=6)
    topic, health = messages[-1]
    assert topic == "facepipe/hall/health"
    assert health["uploads"] == len(crops)
    assert (health["people"], health["spool_depth"], health["last_error"]) == (1, 0, None)


def test_sigterm_waits_for_the_crop_that_is_on_its_way(start, environ):
    pytest.importorskip("boto3", reason="boto3 is not installed")
    arrived, answer = threading.Event(), threading.Event()
    stored = []

    class Bucket(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_PUT(self):
            if self.headers.get("Expect") == "100-continue":
                self.send_response_only(100)
                self.end_headers()
            self.rfile.read(int(self.headers["Content-Length"]))
            arrived.set()
            answer.wait(WAIT)
            stored.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        del environ["FACEPIPE_CROPS_DIR"]
        environ.update(
            FACEPIPE_BUCKET="crops",
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}",
            AWS_ACCESS_KEY_ID="testing",
            AWS_SECRET_ACCESS_KEY="testing",
            AWS_DEFAULT_REGION="us-east-1",
            NO_PROXY="127.0.0.1",
        )
        process = start(str(ROOT / "deeplens_entry.py"))
        assert arrived.wait(WAIT)
        process.send_signal(signal.SIGTERM)
        answer.set()
        code, output = finish(process)
    finally:
        server.shutdown()
        server.server_close()
    assert code == 0, output
    assert f"uploaded {len(stored)}, bytes uploaded" in output  # and none dropped nor failed
    assert all(path.startswith("/crops/faces/hall/") for path in stored)
    assert len(set(stored)) == len(stored) >= 1


def test_a_camera_that_is_not_there_yet_is_waited_for(start, environ, tmp_path):
    frames = Path(environ["AWSCAM_FRAMES"])
    frames.rename(tmp_path / "later.npy")
    process = start(str(ROOT / "deeplens_entry.py"))
    line = process.stdout.readline()
    assert "awscam: it gives no picture" in line
    (tmp_path / "later.npy").rename(frames)
    wait_until(lambda: crops_in(tmp_path / "crops"), process)
    process.send_signal(signal.SIGTERM)
    code, output = finish(process)
    assert code == 0, output
    assert "works again" in output


def test_a_file_is_run_to_its_end(start, environ, portraits, tmp_path):
    images = [
        scene((portraits["hopper"], 5 * i, 120, 300), (portraits["collins"], 380, 100, 280))
        for i in range(20)
    ]
    environ["FACEPIPE_SOURCE"] = str(write_video(tmp_path / "clip.avi", images))
    del environ["FACEPIPE_MODEL"]
    environ["FACEPIPE_RESEND_SECONDS"] = "10"
    environ["FACEPIPE_SPOOL_DRI"] = "/spool"
    code, output = finish(start(str(ROOT / "deeplens_entry.py")))
    assert code == 0, output
    assert (
        "FACEPIPE_SPOOL_DRI is no setting of facepipe; did you mean FACEPIPE_SPOOL_DIR?" in output
    )
    assert "done: frames 20, faces" in output  # none skipped
    assert len(crops_in(tmp_path / "crops")) == 2


def test_a_clip_on_a_web_server_is_run_to_its_end(start, environ, portraits, tmp_path):
    images = [scene((portraits["hopper"], 5 * i, 120, 300)) for i in range(20)]
    write_video(tmp_path / "clip.avi", images)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        environ["FACEPIPE_SOURCE"] = f"http://127.0.0.1:{server.server_port}/clip.avi"
        environ["FACEPIPE_MAX_FPS"] = "1"  # which is for live cameras
        environ["FACEPIPE_RESEND_SECONDS"] = "10"
        del environ["FACEPIPE_MODEL"]
        code, output = finish(start(str(ROOT / "deeplens_entry.py")))
    finally:
        server.shutdown()
        server.server_close()
    assert code == 0, output
    assert "done: frames 20, " in output
    assert len(crops_in(tmp_path / "crops")) == 1


def test_the_settings_reach_the_agent_and_the_detector(monkeypatch, portraits, tmp_path):
    import cv2

    made = {}

    class RecordedAgent(deeplens_entry.Agent):
        def __init__(self, name, camera, picker, *arguments, **options):
            made.update(options)
            super().__init__(name, camera, picker, *arguments, **options)

    class RecordedPicker(pickers.CropPicker):
        def __init__(self, camera, run, detector, **options):
            made.update(options, detector=detector)
            super().__init__(camera, run, detector, **options)

    cv2.imwrite(str(tmp_path / "a.png"), portraits["hopper"])
    for name in [name for name in os.environ if name.startswith("FACEPIPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FACEPIPE_SOURCE", str(tmp_path))
    monkeypatch.setenv("FACEPIPE_CROPS_DIR", str(tmp_path / "crops"))
    monkeypatch.setenv("FACEPIPE_MAX_FPS", "3.5")
    monkeypatch.setenv("FACEPIPE_RESEND_SECONDS", "45")
    monkeypatch.setenv("FACEPIPE_MIN_SCORE", "0.625")
    monkeypatch.setattr(deeplens_entry, "Agent", RecordedAgent)
    monkeypatch.setattr(pickers, "CropPicker", RecordedPicker)
    stats = deeplens_entry.make_agent().run()
    assert stats.frames == 1
    assert (made["max_fps"], made["resend_seconds"], made["stills"]) == (3.5, 45.0, True)
    assert made["detector"].min_score == 0.625


def test_frames_are_kept_for_labelling(environ, start, portraits, tmp_path):
    images = [scene((portraits["hopper"], 100, 80, 300)) for _ in range(6)]
    feedback = {"all": {"s3-bucket-name": "samples", "content-type": "image/jpeg"}}
    environ.update(
        FACEPIPE_SOURCE=str(write_video(tmp_path / "clip.avi", images)),
        FACEPIPE_FEEDBACK=json.dumps(feedback),
        FACEPIPE_DETECTOR="haar",
        FACEPIPE_MODEL="",
    )
    code, output = finish(start(str(ROOT / "deeplens_entry.py")))
    assert code == 0, output
    folder = tmp_path / "crops" / "feedback" / "samples" / "hall"
    pictures = sorted(folder.glob("*.jpg"))
    assert len(pictures) == 6
    for picture in pictures:
        record = json.loads(picture.with_suffix(".json").read_text())
        assert record["source-ref"] == f"s3://samples/hall/{picture.name}"
        assert len(record["faces"]["annotations"]) == 1
        assert decode_image(picture.read_bytes()).shape == (480, 640, 3)


def test_the_live_page_is_served_and_its_token_is_in_no_log(environ, start, portraits, tmp_path):
    images = [scene((portraits["hopper"], 100, 80, 300)) for _ in range(6)]
    token = tmp_path / "state" / "token"
    environ.update(
        FACEPIPE_SOURCE=str(write_video(tmp_path / "clip.avi", images)),
        FACEPIPE_DETECTOR="haar",
        FACEPIPE_MODEL="",
        FACEPIPE_PREVIEW="http://0.0.0.0:0",
        FACEPIPE_PREVIEW_TOKEN_FILE=str(token),
    )
    code, output = finish(start(str(ROOT / "deeplens_entry.py")))
    assert code == 0, output
    assert f"for whoever has the token in {token}" in output
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert token.read_text().strip() not in output


def test_a_classifier_says_what_it_sees(environ, start, tmp_path):
    (tmp_path / "pictures").mkdir()
    red = np.zeros((90, 90, 3), np.uint8)
    red[..., 2] = 255
    (tmp_path / "pictures" / "red.jpg").write_bytes(encode_jpeg(red))
    (tmp_path / "model.onnx").write_bytes(means_onnx((1, 3, 64, 64)))
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    environ.update(
        FACEPIPE_MODE="classify",
        FACEPIPE_SOURCE=f"loop:{tmp_path / 'pictures'}",
        FACEPIPE_MODEL=str(tmp_path / "model.onnx"),
        FACEPIPE_LABELS=str(tmp_path / "labels.txt"),
        FACEPIPE_TOP_K="2",
        FACEPIPE_BUS="log",
    )
    process = start(str(ROOT / "deeplens_entry.py"))
    said = next(line for line in process.stdout if "mli/predictions/hall" in line)
    process.terminate()
    assert finish(process)[0] == 0
    best, second = json.loads(said.partition("mli/predictions/hall ")[2])
    assert best["prediction"] == "red"
    assert second["prediction"] in ("green", "blue")
    assert 0.5 < float(best["confidence"]) <= 1


class TestLoss:
    """What a supervisor is told of crops that were not stored."""

    @pytest.fixture
    def dead_network(self, environ):
        """A bucket behind an address that takes connections and never answers."""
        pytest.importorskip("boto3", reason="boto3 is not installed")
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            del environ["FACEPIPE_CROPS_DIR"]
            environ.update(
                FACEPIPE_BUCKET="crops",
                AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.getsockname()[1]}",
                AWS_ACCESS_KEY_ID="testing",
                AWS_SECRET_ACCESS_KEY="testing",
                AWS_DEFAULT_REGION="us-east-1",
                NO_PROXY="127.0.0.1",
            )
            yield server

    def test_crops_that_could_not_be_stored_go_with_the_next_start(
        self, start, environ, portraits, tmp_path
    ):
        environ["FACEPIPE_SOURCE"] = str(
            write_video(tmp_path / "clip.avi", [scene((portraits["hopper"], 0, 120, 300))] * 20)
        )
        del environ["FACEPIPE_MODEL"]
        environ["FACEPIPE_RESEND_SECONDS"] = "10"
        (tmp_path / "crops" / "faces").mkdir(parents=True)
        (tmp_path / "crops" / "faces" / "hall").write_text("in the way")
        code, output = finish(start(str(ROOT / "deeplens_entry.py")))
        assert code == 0, output
        assert f"1 crop waits in {tmp_path}/spool for the next start" in output
        assert "name another folder" in output

        (waiting,) = crops_in(tmp_path / "spool")
        (tmp_path / "crops" / "faces" / "hall").unlink()
        code, output = finish(start(str(ROOT / "deeplens_entry.py")))
        assert code == 0, output
        assert waiting.name in [path.name for path in crops_in(tmp_path / "crops")]
        assert len(crops_in(tmp_path / "crops")) == 2
        assert crops_in(tmp_path / "spool") == []

    @pytest.mark.parametrize("autostart", [False, True])
    def test_a_second_signal_does_not_wait(self, start, environ, dead_network, autostart):
        if autostart:
            environ["FACEPIPE_AUTOSTART"] = "1"
            code = "import deeplens_entry, time\nwhile True: time.sleep(0.05)"
            process = start("-c", code)
        else:
            process = start(str(ROOT / "deeplens_entry.py"))
        connection, _ = dead_network.accept()  # a crop is on its way and will never arrive
        with connection:
            process.send_signal(signal.SIGTERM)
            while process.poll() is None:
                time.sleep(0.2)
                process.send_signal(signal.SIGTERM)
            code, output = finish(process)
        assert code == 1, output
        assert "told twice to stop; " in output


class TestAutostart:
    def test_an_agent_that_breaks_down_ends_the_process(self, start, environ):
        """A supervisor starts it again; alive but blind it would stay so for ever."""
        environ.update(
            FACEPIPE_AUTOSTART="1",
            FACEPIPE_DETECTOR="haar",
            PYTHONPATH=str(ROOT),  # where there is no awscam
        )
        del environ["FACEPIPE_MODEL"]
        code = "import deeplens_entry, time\nwhile True: time.sleep(0.05)"
        returned, output = finish(start("-c", code))
        assert returned == 1
        assert "facepipe: the source awscam works on an AWS DeepLens only" in output

    def test_an_import_starts_the_agent_and_sigterm_ends_it(self, start, environ, tmp_path):
        environ["FACEPIPE_AUTOSTART"] = "1"
        code = "import deeplens_entry, time\nwhile True: time.sleep(0.05)"  # as Greengrass does
        process = start("-c", code)
        wait_until(lambda: crops_in(tmp_path / "crops"), process)
        process.send_signal(signal.SIGTERM)
        returned, output = finish(process)
        assert (returned, output) == (0, "")
        last = json.loads((tmp_path / "bus.log").read_text().splitlines()[-1])[1]
        assert last["uploads"] == len(crops_in(tmp_path / "crops")) >= 1

    def test_a_file_keeps_the_process_until_its_end(self, start, environ, portraits, tmp_path):
        images = [scene((portraits["hopper"], 5 * i, 120, 300)) for i in range(20)]
        environ["FACEPIPE_SOURCE"] = str(write_video(tmp_path / "clip.avi", images))
        environ["FACEPIPE_AUTOSTART"] = "1"
        del environ["FACEPIPE_MODEL"]
        assert finish(start("-c", "import deeplens_entry")) == (0, "")
        assert len(crops_in(tmp_path / "crops")) >= 1

    @pytest.mark.parametrize("value", [None, "0", ""])
    def test_an_import_alone_starts_nothing(self, start, environ, tmp_path, value):
        if value is not None:
            environ["FACEPIPE_AUTOSTART"] = value
        code = "import deeplens_entry, threading; print(threading.active_count())"
        assert finish(start("-c", code)) == (0, "1\n")
        assert not (tmp_path / "crops").exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"FACEPIPE_CROPS_DIR": ""}, "FACEPIPE_BUCKET must name"),
        (
            {"FACEPIPE_SOURCE": "/no/clip.mp4", "FACEPIPE_DETECTOR": "haar"},
            "no such file or folder",
        ),
        ({"FACEPIPE_MODEL": "/no/model.xml"}, "check the path"),
        ({"FACEPIPE_MODEL": __file__}, "awscam refuses it"),
        ({"FACEPIPE_CROPS_DIR": __file__ + "/crops"}, "name another folder"),
        ({"FACEPIPE_MAX_FPS": "fast", "FACEPIPE_BUS": "pigeon"}, "FACEPIPE_MAX_FPS must be"),
    ],
)
def test_a_mistake_is_told_in_one_line(start, environ, changes, told):
    environ.update(changes)
    code, output = finish(start(str(ROOT / "deeplens_entry.py")))
    assert code == 1
    assert output.startswith("facepipe: ")
    assert told in output
    assert output.count("\n") == 1


def test_main_raises_what_is_wrong(monkeypatch):
    monkeypatch.setenv("FACEPIPE_MAX_FPS", "fast")
    with pytest.raises(SettingsError):
        deeplens_entry.main()


def test_the_handler_does_nothing():
    assert deeplens_entry.function_handler({"any": "event"}, None) is None
