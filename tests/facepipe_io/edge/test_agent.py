from __future__ import annotations

import itertools
import threading
import time
from collections import Counter

import numpy as np
import pytest

from facepipe.images import encode_jpeg
from facepipe.keys import parse_key
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.bus import Bus
from facepipe_io.edge.cameras import Frame, open_camera
from facepipe_io.edge.classifiers import Classifier
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.picker import ClassifyPicker, CropPicker
from facepipe_io.edge.uplink.spool import Spool
from facepipe_io.edge.uplink.uploader import UPLOAD_TRIES
from facepipe_io.errors import CameraError, SettingsError
from tests.facepipe_io.edge.helpers import (
    ONE_FACE,
    ListUplink,
    ScriptedCamera,
    ScriptedDetector,
    camera_error,
    faces,
    frames,
    picture,
    scene,
    write_video,
)

NOW = 1.7e9  # frames of a live camera are looked at only when its clock was set
WAIT = 90  # seconds, after which a test has failed; nothing takes that long


def make(camera, *, detector=None, uplink=None, run="4f9c", **more):
    detector = ScriptedDetector(ONE_FACE) if detector is None else detector
    uplink = ListUplink() if uplink is None else uplink
    more.setdefault("backoff_seconds", 0.001)
    more.setdefault("max_fps", 1000.0)
    # Scripted detectors do not go by what they are shown.
    stills = camera is not None and camera.stills
    picker = CropPicker("hall", run, detector, every_frame=True, stills=stills)
    return Agent("hall", camera, picker, uplink, **more), uplink


def make_paced(count, *, may_end=None, ran_out=None, **more):
    """A live camera of 4 frames a second whose next frame comes when the last was looked at."""
    looked_at = threading.Semaphore(1)
    camera = ScriptedCamera(
        frames(count, fps=4), live=True, after_read=lambda n: n >= count or looked_at.acquire()
    )
    if may_end is not None:
        camera.may_end = may_end
    if ran_out is not None:
        camera.ran_out = ran_out
    agent, _ = make(camera, on_frame=lambda frame, look: looked_at.release(), **more)
    return agent


class Unclosable(ScriptedCamera):
    def close(self):
        raise OSError("it hangs on")


GROUP = 11  # frames


def crowd(count):
    """Of each 11 frames, so many people in the first 3; at 4 frames a second each time new ones."""

    def found(call):
        boxes = [[40 * i, 30, 40 * i + 30, 70] for i in range(count)]
        return faces(*boxes) if (call - 1) % GROUP < 3 else faces()

    return found


class ListBus(Bus):
    def __init__(self, error=None):
        self.messages = []
        self.error = error

    def publish(self, topic, message):
        if self.error is not None:
            raise self.error
        self.messages.append((topic, message))


class BrightOrDark(Classifier):
    labels = ("bright", "dark")

    def classify(self, image):
        bright = image.mean() / 255
        return np.array([bright, 1 - bright])


class TestFile:
    def test_each_person_of_a_clip_is_sent_once(self, portraits, tmp_path):
        images = [
            scene((portraits["hopper"], 5 * i, 120, 300), (portraits["collins"], 380, 100, 280))
            for i in range(24)
        ]
        clip = str(write_video(tmp_path / "clip.avi", images, fps=12))

        def run():
            camera = open_camera(clip, start_time=1700000000.0)
            agent, uplink = make(camera, detector=open_detector("haar"))
            return agent.run(), uplink.crops

        stats, crops = run()
        assert (stats.frames, stats.skipped, stats.people) == (24, 0, 2)
        assert stats.crops == stats.uploaded == len(crops) == 2
        assert stats.bytes_uploaded == sum(len(jpeg) for _, jpeg in crops)
        assert stats.faces >= 40
        assert (stats.waiting, stats.bytes_waiting, stats.last_error) == (0, 0, None)
        assert {parse_key(key).track for key, _ in crops} == {1, 2}
        assert run() == (stats, crops)

    def test_no_frame_is_dropped_however_slow_the_detector_is(self):
        """The camera's stage may be one frame ahead of the one waiting, and no further."""
        looked = threading.Semaphore(0)
        ahead = []

        def found(call):
            ahead.append(reads[0] - call)
            looked.release()
            return faces()

        reads = [0]

        def after_read(count):
            reads[0] = count + 1

        camera = ScriptedCamera(frames(50), after_read=after_read)
        agent, _ = make(camera, detector=ScriptedDetector(found), max_fps=0.001)
        stats = agent.run()
        assert (stats.frames, stats.skipped) == (50, 0)
        assert max(ahead) <= 3
        assert camera.closed.is_set()

    def test_no_crop_is_dropped_however_slow_the_uplink_is(self, monkeypatch):
        monkeypatch.setattr("facepipe_io.edge.uplink.uploader.QUEUED_CROPS", 4)
        uplink = ListUplink()
        uplink.gate.clear()
        camera = ScriptedCamera(frames(5 * GROUP, fps=4))
        agent, _ = make(camera, detector=ScriptedDetector(crowd(4)), uplink=uplink)
        agent.start()
        # One is with the uplink, three wait, and the fifth has no place yet.
        give_up = time.monotonic() + WAIT
        while agent.stats.crops < 5 and time.monotonic() < give_up:
            time.sleep(0.005)
        uplink.gate.set()
        stats = agent.join()
        assert stats.crops == stats.uploaded == len(uplink.crops) == 20
        assert len(set(uplink.keys)) == 20

    def test_a_camera_that_breaks_down_is_told_once_its_crops_are_stored(self):
        camera = ScriptedCamera([*frames(10), camera_error()])
        agent, uplink = make(camera)
        with pytest.raises(CameraError, match="gives no picture"):
            agent.run()
        assert len(uplink.crops) == 1
        assert camera.closed.is_set()

    def test_a_frame_that_the_detector_fails_on_costs_that_frame(self, caplog):
        def found(call):
            if call % 3 == 0:
                raise RuntimeError(f"bad frame {call}")
            return ONE_FACE

        agent, uplink = make(ScriptedCamera(frames(30)), detector=ScriptedDetector(found))
        stats = agent.run()
        assert (stats.frames, stats.detector_errors, stats.faces) == (30, 10, 20)
        assert stats.last_error == "bad frame 30"
        assert len(uplink.crops) == stats.uploaded == 1
        assert len(caplog.records) == 1

    def test_the_log_has_one_line_for_each_kind_of_failure(self, caplog):
        def found(call):
            raise [RuntimeError, ValueError][call % 2]("bad frame")

        agent, _ = make(ScriptedCamera(frames(20)), detector=ScriptedDetector(found))
        assert agent.run().detector_errors == 20
        assert len(caplog.records) == 2

    def test_an_uplink_that_refuses_everything_is_given_up(self, caplog):
        uplink = ListUplink()
        uplink.refusing.set()
        camera = ScriptedCamera(frames(2 * GROUP, fps=4))
        agent, _ = make(camera, detector=ScriptedDetector(crowd(3)), uplink=uplink)
        stats = agent.run()
        assert stats.crops == stats.failed == 6
        assert stats.uplink_errors == UPLOAD_TRIES + 5
        assert (stats.uploaded, stats.waiting, stats.bytes_waiting) == (0, 0, 0)
        assert "it refuses" in stats.last_error
        assert len(caplog.records) == 1

    def test_a_fault_in_the_uplink_costs_one_crop(self, caplog):
        class Faulty(ListUplink):
            def put(self, key, jpeg):
                if parse_key(key).track == 2:
                    raise ZeroDivisionError("a fault")
                super().put(key, jpeg)

        camera = ScriptedCamera(frames(4, fps=4))
        agent, uplink = make(camera, detector=ScriptedDetector(crowd(3)), uplink=Faulty())
        stats = agent.run()
        assert (stats.uploaded, stats.failed, stats.last_error) == (2, 1, "a fault")
        assert [parse_key(key).track for key in uplink.keys] == [1, 3]

    def test_who_watches_sees_every_frame_and_what_came_of_it(self):
        seen = []
        agent, uplink = make(
            ScriptedCamera(frames(20)), on_frame=lambda frame, look: seen.append((frame, look))
        )
        agent.run()
        assert [frame.time for frame, _ in seen] == [1000 + i / 10 for i in range(20)]
        assert all(look.tracks.tolist() == [1] for _, look in seen)
        assert [crop.key for _, look in seen for crop in look.crops] == uplink.keys

    def test_a_fault_of_who_watches_is_counted_and_logged_once(self, caplog):
        def on_frame(frame, look):
            if frame.time > 1000.45:
                raise ZeroDivisionError("a fault")

        agent, uplink = make(ScriptedCamera(frames(30)), on_frame=on_frame)
        stats = agent.run()
        assert (stats.frames, stats.observer_errors, stats.last_error) == (30, 25, "a fault")
        assert len(uplink.crops) == stats.uploaded == 1
        assert len(caplog.records) == 1

    def test_a_camera_that_cannot_be_closed_fails_nothing(self, caplog):
        camera = Unclosable(frames(30))
        agent, _ = make(camera)
        stats = agent.run()
        assert (stats.uploaded, stats.last_error) == (1, "it hangs on")
        assert len(caplog.records) == 1

    def test_frames_that_could_not_be_used_are_counted(self, tmp_path):
        for name in "abcd":
            (tmp_path / (name + ".png")).write_bytes(b"no image")
        import cv2

        cv2.imwrite(str(tmp_path / "e.png"), picture(9))
        agent, _ = make(open_camera(str(tmp_path)))
        stats = agent.run()
        assert (stats.frames, stats.unusable, stats.people) == (1, 4, 1)


class TestLive:
    def test_while_the_detector_is_slow_the_newest_frame_wins(self):
        """The camera goes on; the frames in between are skipped and counted."""
        looking, look_on = threading.Event(), threading.Event()

        def found(call):
            if call == 1:
                looking.set()
                assert look_on.wait(WAIT)
            return faces()

        def after_read(count):
            if count == 1:
                assert looking.wait(WAIT)

        seen = []
        camera = ScriptedCamera(frames(60, fps=30), live=True, ends=False, after_read=after_read)
        agent, _ = make(
            camera,
            detector=ScriptedDetector(found),
            on_frame=lambda frame, look: seen.append(frame.time),
        )
        agent.start()
        assert camera.ran_out.wait(WAIT)  # while the detector has not got past its first frame
        look_on.set()
        camera.may_end.set()
        stats = agent.join()
        assert seen == [1000.0, 1000 + 59 / 30]
        assert (stats.frames, stats.skipped) == (2, 58)

    def test_while_the_uplink_hangs_frames_are_looked_at(self):
        uplink = ListUplink()
        uplink.gate.clear()
        agent = make_paced(40, uplink=uplink)
        agent.start()
        assert uplink.entered.wait(WAIT)
        agent._threads[1].join(WAIT)  # the detector gets through while the uplink hangs
        stats = agent.stats
        assert (stats.frames, stats.uploaded, stats.waiting) == (40, 0, 1)
        assert stats.bytes_waiting > 0
        uplink.gate.set()
        assert agent.join().uploaded == 1

    def test_too_many_waiting_crops_cost_the_oldest(self, monkeypatch):
        size = len(encode_jpeg(picture(1, (80, 80))))
        monkeypatch.setattr("facepipe_io.edge.uplink.uploader.MEMORY_BYTES", 7.5 * size)
        uplink = ListUplink()
        uplink.gate.clear()
        agent = make_paced(4 * GROUP, detector=ScriptedDetector(crowd(4)), uplink=uplink)
        agent.start()
        assert uplink.entered.wait(WAIT)
        agent._threads[1].join(WAIT)  # the detector is through, the uplink holds the first crop
        uplink.gate.set()
        stats = agent.join()
        assert (stats.crops, stats.uploaded, stats.dropped, stats.bytes_waiting) == (16, 7, 9, 0)
        tracks = [parse_key(key).track for key in uplink.keys]
        assert tracks == [1, *range(11, 17)]

    def test_no_more_frames_are_looked_at_than_wanted(self):
        agent, _ = make(ScriptedCamera(frames(90, fps=30), live=True), max_fps=10)
        stats = agent.run()
        assert stats.frames <= 31
        assert stats.frames + stats.skipped == 90

    def test_a_camera_that_fails_is_opened_again(self, caplog):
        opened = []

        def open_camera():
            opened.append(len(opened))
            if len(opened) in (2, 3):
                raise camera_error()
            if len(opened) == 4:
                raise OSError("a driver's own error")
            script = [[*frames(3, start=NOW), camera_error()], [], [], [], frames(3, start=NOW)][
                len(opened) - 1
            ]
            return ScriptedCamera(script, live=True)

        agent, _ = make(None, open_camera=open_camera)
        stats = agent.run()
        assert len(opened) == 5
        assert stats.camera_errors == 4
        assert stats.frames + stats.skipped == 6
        assert stats.last_error == "a driver's own error"
        assert [r.getMessage() for r in caplog.records] == [
            "camera: cannot read frames from script: it gives no picture; check its cable or "
            "network; trying again",
            "camera: works again, after 4 failures",
        ]

    def test_a_camera_that_cannot_be_closed_is_opened_again(self, caplog):
        scripts = [[*frames(3, start=NOW), camera_error()], [camera_error()], frames(3, start=NOW)]
        agent, _ = make(None, open_camera=lambda: Unclosable(scripts.pop(0), live=True))
        stats = agent.run()
        assert stats.frames + stats.skipped == 6
        assert sum(r.exc_info is not None for r in caplog.records) == 1

    def test_frames_wait_for_a_clock_that_is_not_set(self, caplog):
        script = [*frames(5, start=1000.0), *frames(3, start=NOW)]
        agent, _ = make(None, open_camera=lambda: ScriptedCamera(script, live=True))
        stats = agent.run()
        assert (stats.unusable, stats.camera_errors) == (5, 0)
        assert stats.frames + stats.skipped == 3
        assert ["waiting until it is set" in r.getMessage() for r in caplog.records] == [
            True,
            False,
        ]
        assert "it is set" in caplog.text

    def test_what_turns_out_to_be_a_recording_is_run_to_its_end_once(self):
        """No frame of it is dropped, and no second copy is opened."""
        opened = []

        def open_camera():
            opened.append(len(opened))
            if len(opened) == 1:
                raise camera_error()
            return ScriptedCamera(frames(50))

        agent, _ = make(None, open_camera=open_camera, max_fps=0.001)
        stats = agent.run()
        assert (stats.frames, stats.skipped, stats.camera_errors) == (50, 0, 1)
        assert len(opened) == 2

    def test_a_recording_that_breaks_down_is_not_opened_again(self):
        scripts = [[*frames(10), camera_error()]]
        agent, uplink = make(None, open_camera=lambda: ScriptedCamera(scripts.pop()))
        with pytest.raises(CameraError):
            agent.run()
        assert len(uplink.crops) == 1

    def test_a_camera_that_this_machine_cannot_have_is_no_reason_to_wait(self):
        def open_camera():
            raise SettingsError(["the source awscam works on an AWS DeepLens only"])

        agent, _ = make(None, open_camera=open_camera)
        with pytest.raises(SettingsError):
            agent.run()

    def test_a_camera_that_was_opened_for_good_fails_for_good(self):
        agent, _ = make(ScriptedCamera([*frames(3), camera_error()], live=True))
        with pytest.raises(CameraError):
            agent.run()

    def test_an_uplink_that_comes_back_gets_every_crop_in_order(self, caplog):
        uplink = ListUplink()
        uplink.refusing.set()
        camera_may_end = threading.Event()
        agent = make_paced(
            5 * GROUP,
            detector=ScriptedDetector(crowd(2)),
            uplink=uplink,
            may_end=camera_may_end,
        )
        agent.start()
        for _ in range(2 * UPLOAD_TRIES):  # it is tried again and again, and nothing is given up
            assert uplink.refused.wait(WAIT)
            uplink.refused.clear()
        assert agent.stats.failed == 0
        uplink.refusing.clear()
        camera_may_end.set()
        stats = agent.join()
        assert stats.uploaded == stats.crops == 10
        assert stats.failed == stats.dropped == 0
        tracks = [parse_key(key).track for key in uplink.keys]
        # The one with which it was tried may have been the newest; all others went in order.
        assert sorted(tracks) == list(range(1, 11))
        assert tracks[1:] == sorted(tracks[1:])
        assert len(caplog.records) == 2  # it fails, and it works again


class TestSpool:
    def test_crops_wait_in_it_until_the_next_start(self, tmp_path):
        """With a clock that was set back meanwhile, too."""
        refusing = ListUplink()
        refusing.refusing.set()
        agent, _ = make(ScriptedCamera(frames(20)), uplink=refusing, spool=Spool(tmp_path))
        stats = agent.run()
        assert (stats.crops, stats.uploaded, stats.lost, stats.waiting) == (1, 0, 0, 1)
        camera = ScriptedCamera(frames(20, start=500.0))
        agent, uplink = make(camera, run="5a0d", spool=Spool(tmp_path))
        stats = agent.run()
        assert (stats.recovered, stats.crops, stats.uploaded, stats.waiting) == (1, 1, 2, 0)
        assert [parse_key(key).run for key in uplink.keys] == ["4f9c", "5a0d"]

    def test_what_is_wrong_with_it_is_told_on_the_bus(self, tmp_path):
        (tmp_path / "notes.txt").write_text("not a crop")
        key = tmp_path / "faces/hall/2026/11/20/09/20261120T093005250Z-4f9c-7-0.jpg"
        key.parent.mkdir(parents=True)
        key.write_bytes(encode_jpeg(picture())[:-9])
        bus = ListBus()
        make(ScriptedCamera(frames(3)), bus=bus, spool=Spool(tmp_path))[0].run()
        _, health = bus.messages[-1]
        assert (health["damaged_crops"], health["foreign_files"]) == (1, 1)


class TestStop:
    def test_stop_waits_for_every_crop(self):
        uplink = ListUplink()
        uplink.gate.clear()
        camera_may_end = threading.Event()
        agent = make_paced(
            2 * GROUP,
            detector=ScriptedDetector(crowd(2)),
            uplink=uplink,
            may_end=camera_may_end,
        )
        agent.start()
        assert uplink.entered.wait(WAIT)
        agent.stop()
        camera_may_end.set()
        agent._threads[1].join(WAIT)
        decided = agent.stats.crops
        assert decided >= 2
        assert agent.stats.uploaded == 0
        assert agent._threads[2].is_alive()
        uplink.gate.set()
        stats = agent.join()
        assert stats.crops == stats.uploaded == len(uplink.crops) == decided

    def test_stop_does_not_wait_for_an_uplink_that_refuses_for_ever(self):
        uplink = ListUplink()
        uplink.refusing.set()
        camera_may_end = threading.Event()
        camera_ran_out = threading.Event()
        agent = make_paced(
            5 * GROUP,
            detector=ScriptedDetector(crowd(2)),
            uplink=uplink,
            may_end=camera_may_end,
            ran_out=camera_ran_out,
        )
        agent.start()
        assert camera_ran_out.wait(WAIT)
        assert uplink.refused.wait(WAIT)
        agent.stop()
        camera_may_end.set()
        stats = agent.join()
        assert stats.failed == stats.crops == 10
        assert (stats.waiting, stats.bytes_waiting) == (0, 0)

    def test_after_a_stop_an_uplink_that_refuses_is_tried_for_so_long(self, monkeypatch):
        """Each try may take a network's timeout, and hundreds of crops may wait."""
        monkeypatch.setattr("facepipe_io.edge.agent.STOP_SECONDS", 0.0)
        uplink = ListUplink()
        uplink.gate.clear()
        uplink.refusing.set()
        agent = make_paced(5 * GROUP, detector=ScriptedDetector(crowd(2)), uplink=uplink)
        agent.start()
        assert uplink.entered.wait(WAIT)
        agent._threads[1].join(WAIT)  # the detector is through, the uplink holds the first crop
        agent.stop()
        uplink.gate.set()
        stats = agent.join()
        assert (stats.failed, stats.lost, stats.waiting) == (10, 10, 0)
        assert stats.uplink_errors == 1

    def test_stop_ends_a_file_that_is_not_through(self):
        agent, uplink = make(
            ScriptedCamera(frames(2000)),
            on_frame=lambda frame, look: frame.time > 1002 and agent.stop(),
        )
        stats = agent.run()
        assert stats.frames < 100
        assert stats.crops == stats.uploaded == len(uplink.crops) == 1

    def test_stop_before_the_start(self):
        camera = ScriptedCamera(frames(100))
        agent, _ = make(camera)
        agent.stop()
        assert agent.run().frames == 0
        assert camera.closed.is_set()

    def test_stop_while_a_camera_is_waited_for(self):
        failed = threading.Event()

        def open_camera():
            failed.set()
            raise camera_error()

        agent, _ = make(None, open_camera=open_camera, backoff_seconds=1e6)
        agent.start()
        assert failed.wait(WAIT)
        agent.stop()
        assert agent.join().camera_errors == 1


class TestMessages:
    def test_faces_are_told_of_at_most_once_a_second_and_so_is_their_leaving(self):
        bus = ListBus()
        clock = itertools.count(0.0, 0.1)  # each look at it is a tenth of a second later
        detector = ScriptedDetector(lambda call: ONE_FACE if 5 <= call <= 60 else faces())
        agent, _ = make(
            ScriptedCamera(frames(120)), detector=detector, bus=bus, clock=clock.__next__
        )
        agent.run()
        told = [message for topic, message in bus.messages if topic == "$aws/things/hall/infer"]
        assert 3 <= len(told) < 56
        assert [face["track"] for face in told[0]["faces"]] == [1]
        assert told[0]["camera"] == "hall"
        assert told[0]["captured_at"] == "1970-01-01T00:16:40.400Z"
        assert [len(message["faces"]) for message in told] == [1] * (len(told) - 1) + [0]

    def test_what_a_classifier_sees_is_told_of_at_most_once_a_second(self):
        bus = ListBus()
        clock = itertools.count(0.0, 0.1)
        picker = ClassifyPicker(BrightOrDark(), top_k=2)
        camera = ScriptedCamera([Frame(picture(5 * i), 1000 + i / 10) for i in range(50)])
        agent = Agent("hall", camera, picker, ListUplink(), bus=bus, clock=clock.__next__)
        stats = agent.run()
        told = [message for topic, message in bus.messages if topic == "mli/predictions/hall"]
        assert 3 <= len(told) < 30
        assert told[0] == [
            {"confidence": "1.0", "prediction": "dark"},
            {"confidence": "0.0", "prediction": "bright"},
        ]
        assert told[-1][0]["prediction"] == "bright"
        assert (stats.frames, stats.crops, stats.faces) == (50, 0, 0)
        assert not [topic for topic, _ in bus.messages if topic.endswith("infer")]

    def test_health_is_told_every_minute_and_at_the_end(self):
        bus = ListBus()
        enough = threading.Event()

        class Counting(ListBus):
            def publish(self, topic, message):
                super().publish(topic, message)
                if len(self.messages) == 3:
                    enough.set()

        bus = Counting()
        clock = itertools.count(0.0, 61.0)
        camera = ScriptedCamera(frames(1), live=True, ends=False)
        agent, _ = make(camera, detector=ScriptedDetector(faces()), bus=bus, clock=clock.__next__)
        agent.start()
        assert enough.wait(WAIT)  # although the camera gives no more frames
        agent.stop()
        camera.may_end.set()
        stats = agent.join()
        topics = Counter(topic for topic, _ in bus.messages)
        assert set(topics) == {"facepipe/hall/health"}
        last = bus.messages[-1][1]
        assert (last["frames"], last["uploads"]) == (stats.frames, stats.uploaded)
        assert last["uptime"] > 0

    def test_the_last_health_message_has_the_final_figures(self):
        bus = ListBus()
        agent, _ = make(ScriptedCamera(frames(20)), bus=bus)
        stats = agent.run()
        topic, health = bus.messages[-1]
        assert topic == "facepipe/hall/health"
        assert (health["frames"], health["faces"], health["uploads"]) == (20, 20, 1)
        assert stats.uploaded == 1

    def test_a_bus_that_fails_costs_messages_and_nothing_else(self, caplog):
        agent, _uplink = make(ScriptedCamera(frames(20)), bus=ListBus(ConnectionError("no broker")))
        stats = agent.run()
        assert (stats.frames, stats.uploaded, stats.last_error) == (20, 1, "no broker")
        assert stats.bus_errors >= 1
        assert len(caplog.records) == 1

    def test_a_bus_that_hangs_stalls_nothing(self, monkeypatch):
        monkeypatch.setattr("facepipe_io.edge.agent.HANG_SECONDS", 0.01)
        hanging, let_go = threading.Event(), threading.Event()

        class Hanging(Bus):
            def publish(self, topic, message):
                hanging.set()
                let_go.wait(WAIT)

        agent, _ = make(
            ScriptedCamera(frames(500)),
            bus=Hanging(),
            on_frame=lambda frame, look: frame.time > 1040 and hanging.wait(WAIT),
        )
        stats = agent.run()
        let_go.set()
        assert hanging.is_set()
        assert (stats.frames, stats.skipped) == (500, 0)
        assert stats.crops == stats.uploaded


def test_a_camera_or_the_means_to_open_it_is_needed():
    with pytest.raises(TypeError, match="open_camera"):
        make(None)


def test_frames_of_changing_size_and_of_one_pixel():
    sizes = [(160, 120), (640, 480), (1, 1), (90, 200), (160, 120)] * 6
    script = [Frame(picture(1, wh), 1000 + i / 10) for i, wh in enumerate(sizes)]
    agent, _ = make(ScriptedCamera(script))
    stats = agent.run()
    assert (stats.frames, stats.detector_errors) == (30, 0)
    assert stats.crops == stats.uploaded


def test_figures_are_whole_numbers():
    agent, _ = make(ScriptedCamera(frames(5)))
    stats = agent.run()
    assert not any(isinstance(value, np.generic) for value in vars_of(stats))


def vars_of(stats):
    return [getattr(stats, field.name) for field in type(stats).__attrs_attrs__]
