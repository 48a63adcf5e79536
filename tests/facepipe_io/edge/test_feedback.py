from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from facepipe.images import decode_image, encode_jpeg
from facepipe.samples import parse_sample_key
from facepipe.sampling import FeedbackConfig, Strategy, face_predictions, parse_feedback
from facepipe_io.edge import feedback as feedback_module
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.feedback import Feedback, read_feedback
from facepipe_io.edge.samples import bucket_and_key
from facepipe_io.edge.settings import device_settings
from facepipe_io.edge.uplink import FolderUplink, open_uplink
from facepipe_io.edge.uplink.spool import Spool
from facepipe_io.errors import SettingsError
from tests.facepipe_io.edge.helpers import faces, forget_aws, picture, scene
from tests.facepipe_io.edge.uplink.test_spool import files_in
from tests.facepipe_io.edge.uplink.test_uploader import Sending

ROOT = Path(__file__).resolve().parents[3]
TIME = 1795080605.25
ALL = '{"all": {"s3-bucket-name": "samples", "content-type": "image/jpeg"}}'


class Kept:
    """A feedback loop whose samples are kept in a list."""

    def __init__(self, *configs, generator=None, camera="hall-1"):
        self.samples = []
        self.counts = Counter()
        self.errors = []
        generator = random.Random(7) if generator is None else generator
        self.feedback = Feedback(configs, camera, "4f9c", generator, self.put, count=self.count)

    def put(self, name, image, record):
        self.samples.append((name, image, json.loads(record.decode())))

    def count(self, error=None, **more):
        self.errors.append(error)
        self.counts.update(more)

    def offer(self, *scores, time=TIME):
        found = faces(*[[40, 30, 90, 90]] * len(scores), score=0.5)
        self.feedback.offer(picture(7), time, face_predictions(scores), found)


class TestOffer:
    def test_each_configuration_keeps_what_its_own_strategy_picks(self):
        kept = Kept(
            FeedbackConfig("random", "a-bucket", strategy=Strategy("RANDOM_SAMPLING", 0.5)),
            FeedbackConfig("unsure", "b-bucket", "un/sure", strategy=Strategy("MARGIN", 0.5)),
            FeedbackConfig("none", "c-bucket", strategy=Strategy("RANDOM_SAMPLING", 0)),
        )
        draws = random.Random(7)
        expected = []
        for score in (0.9, 0.6, 0.95, 0.74, 0.5, 0.76):
            kept.offer(0.99, score)
            expected += ["random"] * (draws.random() < 0.5)
            draws.random()  # of the configuration that keeps none
            expected += ["unsure"] * (score < 0.75)
        assert "random" in expected
        assert [record["config-id"] for _, _, record in kept.samples] == expected
        buckets = {"random": "a-bucket", "unsure": "b-bucket"}
        for number, (name, _, record) in enumerate(kept.samples, start=1):
            bucket, key = bucket_and_key(name)
            said = parse_sample_key(key)
            assert (bucket, said.camera) == (buckets[record["config-id"]], "hall-1")
            assert said.prefix == ("un/sure" if record["config-id"] == "unsure" else "")
            assert (said.run, said.number, said.extension) == ("4f9c", number, "jpg")
            assert said.captured_at.timestamp() == TIME
            assert record["source-ref"] == f"s3://{bucket}/{key}"
        assert not kept.counts

    def test_a_frame_is_encoded_once_for_each_format(self, monkeypatch):
        encoded = Counter()

        def counting(kind, encode):
            def count(image):
                encoded[kind] += 1
                return encode(image)

            return count

        encoders = {k: counting(k, e) for k, e in feedback_module._ENCODE.items()}
        monkeypatch.setattr(feedback_module, "_ENCODE", encoders)
        kept = Kept(
            FeedbackConfig("a1", "samples"),
            FeedbackConfig("a2", "samples", "b", "image/png", "png"),
            FeedbackConfig("a3", "samples", "c", "image/jpeg", "jpeg"),
        )
        kept.offer()
        assert encoded == {"image/jpeg": 1, "image/png": 1}
        (_, jpeg, _), (name, png, _), (_, again, _) = kept.samples
        assert jpeg == again == encode_jpeg(picture(7))
        assert name.endswith(".png")
        assert (decode_image(png) == picture(7)).all()

    def test_of_a_classifier_the_record_has_its_probabilities_and_no_label(self):
        kept = Kept(FeedbackConfig("a1", "samples", strategy=Strategy("ENTROPY", 0.75)))
        kept.feedback.offer(picture(7), TIME, [[0.5, 0.25, 0.25]])
        kept.feedback.offer(picture(7), TIME, [[0.98, 0.01, 0.01]])
        ((_, _, record),) = kept.samples
        assert record["model-prediction"] == [0.5, 0.25, 0.25]
        assert not [key for key in record if "faces" in key]

    def test_a_fault_costs_one_sample_and_is_logged_once(self, monkeypatch, caplog):
        kept = Kept(FeedbackConfig("a1", "samples"), FeedbackConfig("a2", "samples", "b"))
        put = kept.put

        def faulty(name, image, record):
            if "/b/" in name:
                raise ZeroDivisionError("a fault")
            put(name, image, record)

        kept.feedback._put = faulty
        for _ in range(3):
            kept.offer(0.9)
        assert len(kept.samples) == 3
        assert kept.counts == {"samples": 6, "samples_dropped": 6}
        assert [type(error) for error in kept.errors] == [ZeroDivisionError] * 3
        assert caplog.text.count("a sample could not be kept") == 1


@pytest.fixture
def _an_account(monkeypatch):
    forget_aws(monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def uplink(_an_account):
    """An uplink to moto's S3, with a bucket of crops and one of samples."""
    moto = pytest.importorskip("moto", reason="moto is not installed")
    with contextlib.ExitStack() as stack:
        stack.enter_context(moto.mock_aws() if hasattr(moto, "mock_aws") else moto.mock_s3())
        found = open_uplink(device_settings({}, source="demo", bucket="crops"))
        for bucket in ("crops", "samples"):
            found.connection.get().create_bucket(Bucket=bucket)
        yield found


def manifest_of(client, prefix):
    """The records under a prefix, put together; and every key there."""
    listed = client.list_objects_v2(Bucket="samples", Prefix=prefix)
    keys = sorted(entry["Key"] for entry in listed.get("Contents", []))
    lines = b"".join(
        client.get_object(Bucket="samples", Key=key)["Body"].read()
        for key in keys
        if key.endswith(".json")
    )
    return [json.loads(line) for line in lines.decode().splitlines()], keys


def test_what_lies_under_a_prefix_is_a_data_set(uplink, tmp_path, portraits):
    """Real faces, found by a real detector, through the spool, out of S3 again."""
    configs = parse_feedback(
        """{
          "everything": {"s3-bucket-name": "samples", "s3-prefix": "every/thing/",
                         "content-type": "image/jpeg,image/png", "file-ext": "png,jpg"},
          "unsure": {"s3-bucket-name": "samples", "s3-prefix": "unsure",
                     "content-type": "image/png",
                     "sampling-strategy": {"strategy-name": "LEAST_CONFIDENCE", "threshold": 0.9}}
        }"""
    )
    sending = Sending(uplink, Spool(tmp_path))
    loop = Feedback(
        configs,
        "hall 1",
        "4f9c",
        random.Random(7),
        sending.uploader.put_sample,
        count=sending.count,
    )
    detector = open_detector("haar", None, min_score=None)
    images, unsure, found = [], [], []
    for index in range(4):
        shown = [(portraits["hopper"], 40 * index, 60, 300), (portraits["collins"], 350, 90, 320)]
        images.append(scene(*shown[: index % 3]))
        seen = detector.detect(images[-1])
        found.append(seen)
        loop.offer(images[-1], TIME + index, face_predictions(seen.scores), seen)
        if any(max(score, 1 - score) <= 0.9 for score in seen.scores):
            unsure.append(index)
    counts = sending.end()
    assert any(len(seen) for seen in found), "the detector found nobody"

    client = uplink.connection.get()
    records, keys = manifest_of(client, "every/thing/hall 1/")
    assert len(records) == len(images)
    assert len(keys) == 2 * len(images)
    assert counts["samples"] == counts["samples_stored"] == 2 * (len(images) + len(unsure))
    for record, image, seen in zip(records, images, found):
        bucket, _, key = record["source-ref"].partition("s3://")[2].partition("/")
        stored = decode_image(client.get_object(Bucket=bucket, Key=key)["Body"].read())
        assert stored.shape == image.shape
        size = record["faces"]["image_size"][0]
        assert (size["height"], size["width"], size["depth"]) == stored.shape
        boxes = record["faces"]["annotations"]
        assert len(boxes) == len(record["faces-metadata"]["objects"]) == len(seen)
        for box in boxes:
            assert 0 <= box["left"] < box["left"] + box["width"] <= size["width"]
            assert 0 <= box["top"] < box["top"] + box["height"] <= size["height"]
            assert record["faces-metadata"]["class-map"][str(box["class_id"])] == "face"
    records, keys = manifest_of(client, "unsure/")
    assert len(records) == len(unsure)
    for record, index in zip(records, unsure):
        key = record["source-ref"].partition("s3://samples/")[2]
        answer = client.get_object(Bucket="samples", Key=key)
        assert answer["ContentType"] == "image/png"
        assert (decode_image(answer["Body"].read()) == images[index]).all()
    assert "Contents" not in client.list_objects_v2(Bucket="crops")
    assert files_in(tmp_path) == set()


def test_after_a_kill_the_next_start_sends_what_was_kept(tmp_path):
    """The process is killed with two samples in its spool, before the uplink takes any."""
    code = f"""
import os, random, signal
from facepipe_io.edge.feedback import Feedback, read_feedback
from facepipe_io.edge.uplink.spool import Spool
from tests.facepipe_io.edge.helpers import ListUplink, picture
from tests.facepipe_io.edge.uplink.test_uploader import Sending

uplink = ListUplink()
uplink.refusing.set()
sending = Sending(uplink, Spool({str(tmp_path / "spool")!r}), backoff_seconds=60)
configs = read_feedback({ALL!r}, "hall")
loop = Feedback(
    configs, "hall", "4f9c", random.Random(7), sending.uploader.put_sample, count=sending.count
)
for time in (1e9, 2e9):
    loop.offer(picture(int(time / 1e9)), time, [[0.5, 0.5]])
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=str(ROOT), timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert len(files_in(tmp_path / "spool")) == 4
    sending = Sending(FolderUplink(tmp_path / "out"), Spool(tmp_path / "spool"))
    assert sending.end()["samples_stored"] == 4
    stored = tmp_path / "out" / "feedback" / "samples" / "hall"
    assert sorted(path.name for path in stored.iterdir()) == [
        "20010909T014640000Z-4f9c-1.jpg",
        "20010909T014640000Z-4f9c-1.json",
        "20330518T033320000Z-4f9c-2.jpg",
        "20330518T033320000Z-4f9c-2.json",
    ]
    assert files_in(tmp_path / "spool") == set()


class TestOpen:
    def test_the_text_itself_or_a_file_of_it(self, tmp_path):
        path = tmp_path / "feedback.json"
        path.write_text(ALL, "utf-8-sig")  # as Windows writes it
        expected = parse_feedback(ALL)
        assert read_feedback(f"\n {ALL} ", "hall") == expected
        assert read_feedback(str(path), "hall") == expected

    @pytest.mark.parametrize("text", [None, "", "  "])
    def test_nothing_is_nothing(self, text):
        assert read_feedback(text, "hall") == ()

    @pytest.mark.parametrize("name", ["missing.json", ".", "nul\0l", "latin.json"])
    def test_a_file_that_cannot_be_read(self, tmp_path, name):
        (tmp_path / "latin.json").write_bytes(b"\xff\xfe\xfa")
        with pytest.raises(SettingsError, match="FACEPIPE_FEEDBACK names a file that cannot be"):
            read_feedback(str(tmp_path / name), "hall")

    def test_every_problem_is_told(self, tmp_path):
        path = tmp_path / "feedback.json"
        path.write_text('{"a1": {}, "b": 1}')
        with pytest.raises(SettingsError) as caught:
            read_feedback(str(path), "hall")
        assert len(caught.value.problems) == 4
        assert all(p.startswith("FACEPIPE_FEEDBACK: ") for p in caught.value.problems)

    def test_an_empty_file_is_a_mistake(self, tmp_path):
        path = tmp_path / "feedback.json"
        path.touch()
        with pytest.raises(SettingsError, match="must be JSON"):
            read_feedback(str(path), "hall")

    def test_a_camera_whose_samples_would_be_scored(self):
        with pytest.raises(SettingsError, match="s3-prefix must be set, for the camera is called"):
            read_feedback(ALL, "faces")
        prefixed = ALL.replace('"content', '"s3-prefix": "x", "content')
        assert read_feedback(prefixed, "faces")[0].prefix == "x"
