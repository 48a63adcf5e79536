"""The built model archive in SageMaker's serving toolkit, over HTTP."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Iterator, NamedTuple
from urllib.parse import unquote

import cv2
import numpy as np
import pytest

from facepipe.attributes import FrameAttributes, format_attributes
from facepipe.detections import Detections
from facepipe.images import decode_image, encode_jpeg, fit_within
from facepipe.keys import parse_key
from facepipe_io.edge.cameras.base import Frame
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.detectors.base import Detector
from facepipe_io.edge.picker import Crop, CropPicker
from tests.facepipe_io.cloud.bodies import jpeg_header, npy, png_header
from tests.facepipe_io.edge.helpers import wait_for
from tests.facepipe_io.edge.servers import Bucket
from tests.facepipe_io.edge.servers import serving as serving_s3
from tests.serving import serving

ROOT = Path(__file__).resolve().parent.parent
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
YUNET = "face_detection_yunet_2023mar.onnx"
SSD = "opencv_face_detector_uint8.pb"


class Answer(NamedTuple):
    status: int
    phrase: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def post(url: str, body: bytes, kind: str, said: FrameAttributes | str = "", **headers: str):
    if isinstance(said, FrameAttributes):
        said = format_attributes(said)
    headers["Content-Type"] = kind
    if said:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = said
    request = urllib.request.Request(url + "/invocations", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=90) as done:
            return Answer(done.status, done.reason, done.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.reason, error.read())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked model.tar.gz, of OpenCV's own cascade."""
    folder = tmp_path_factory.mktemp("model")
    command = [sys.executable, ROOT / "tools" / "build.py", "--zips", "--out", folder]
    subprocess.run(command, check=True, capture_output=True)
    with tarfile.open(folder / "model.tar.gz") as packed:
        packed.extractall(folder / "haar", filter="data")
    return folder / "haar"


@pytest.fixture(scope="module")
def with_model(archive: Path, data_dir: Path) -> Any:
    """Put another model into the archive; gives its folder."""

    def put(*models: str) -> Path:
        folder = archive.with_name(models[0])
        if not folder.exists():
            shutil.copytree(archive, folder)
            (folder / "haarcascade_frontalface_default.xml").unlink()
            for name in models:
                shutil.copy(data_dir / "models" / name, folder)
        return folder

    return put


@pytest.fixture(scope="module")
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture(scope="module")
def account(bucket: Bucket) -> Iterator[dict[str, str]]:
    """The environment of an endpoint that cuts crops."""
    with serving_s3(bucket.respond) as host:
        yield {
            "AWS_ENDPOINT_URL": f"http://{host}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "FACEPIPE_BUCKET": "crops",
        }


@pytest.fixture(scope="module")
def haar(archive: Path, account: dict[str, str]) -> Iterator[str]:
    with serving(archive, **account) as url:
        yield url


@pytest.fixture(scope="module")
def yunet(with_model: Any, account: dict[str, str]) -> Iterator[str]:
    with serving(with_model(YUNET), **account) as url:
        yield url


@pytest.fixture
def stored(bucket: Bucket) -> Iterator[dict[str, bytes]]:
    """What is in the bucket, by key."""
    bucket.objects.clear()
    return bucket.objects


@pytest.fixture(scope="module")
def crowd(data_dir: Path) -> np.ndarray:
    image = decode_image((data_dir / "images/pexels/pexels-pixabay-53370.jpg").read_bytes())
    return fit_within(image, (480, 480))


def agrees(url: str, detector: Detector, image: np.ndarray) -> int:
    """Check that every type is answered with what the detector finds; gives how many faces."""
    jpeg = encode_jpeg(image)
    bodies = {
        "image/jpeg": (jpeg, decode_image(jpeg)),
        "image/png": (cv2.imencode(".png", image)[1].tobytes(), image),
        "application/x-npy": (npy(image), image),
        "application/json": (json.dumps(image.tolist()).encode(), image),
    }
    wh = (image.shape[1], image.shape[0])
    for kind, (body, seen) in bodies.items():
        answer = post(url, body, kind, Accept="application/json")
        assert (answer.status, answer.json.keys()) == (200, {"prediction"}), kind
        found = Detections.from_mxnet_ssd(answer.json, frame_wh=wh)
        expected = detector.detect(seen).clipped(wh)
        assert np.allclose(found.boxes, expected.boxes, atol=1e-6)
        assert np.array_equal(found.scores, expected.scores)
        assert np.array_equal(found.labels, expected.labels)
    return len(found)


def test_without_a_model_opencvs_own_cascade_answers_in_every_type(archive, portraits):
    with serving(archive) as url:
        assert urllib.request.urlopen(url + "/ping").status == 200
        image = fit_within(portraits["hopper"], (320, 320))
        assert agrees(url, open_detector("haar"), image) == 1
        answer = post(url, encode_jpeg(image), "image/jpeg", FrameAttributes("hall", NOON))
        assert answer.status == 400
        assert b"set FACEPIPE_BUCKET" in answer.body


def test_an_ssd_answers_in_every_type(with_model, data_dir, crowd):
    with serving(with_model(SSD, "opencv_face_detector.pbtxt"), FACEPIPE_MIN_SCORE="0.3") as url:
        ssd = open_detector("ssd", str(data_dir / "models" / SSD), min_score=0.3)
        assert agrees(url, ssd, crowd) >= 1


def test_yunet_answers_in_every_type(yunet, data_dir, crowd):
    assert agrees(yunet, open_detector("yunet", str(data_dir / "models" / YUNET)), crowd) >= 3


JPEG = encode_jpeg(np.zeros((120, 160, 3), np.uint8))
SAID = format_attributes(FrameAttributes("hall", NOON))


def pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([[print]]))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("status", "body", "kind", "said", "accept"),
    [
        (415, JPEG, "application/x-image", "", None),
        (415, JPEG, "multipart/form-data", "", None),
        (400, JPEG, "image/jpeg", "camera=..%2F..%2Fetc&captured_at=x", None),
        (400, JPEG, "image/jpeg", SAID + "&run=4f9c", None),
        (400, JPEG, "image/jpeg", SAID.replace("hall", "%0D%0ASet-Cookie:%20a=b"), None),
        (400, JPEG, "image/jpeg", SAID.replace("hall", "h\xe4ll"), None),
        (400, JPEG, "image/jpeg", "x" * 2000, None),
        (400, JPEG[:-20], "image/jpeg", SAID, None),
        (400, JPEG[:300], "image/jpeg", "", None),
        (400, b"", "image/png", "", None),
        (413, png_header(10_000, 10_000), "image/png", "", None),
        (413, jpeg_header(10_000, 10_000), "image/jpeg", SAID, None),
        (400, pickled(), "application/x-npy", "", None),
        (400, b'{"image": "me"}', "application/json", "", None),
        (400, b"[]", "application/json", SAID, None),
        (400, b"\xff\xfe\x00", "application/json", "", None),
        (415, b"\xff\xfe\x00", "text/csv", "", None),
        (400, b"[" * 100_000, "application/json", "", None),
        (400, b"[[" + b"9" * 100_000 + b"]]", "application/json", "", None),
        (406, JPEG, "image/jpeg", SAID, "text/html"),
    ],
)
def test_a_bad_request_is_refused_in_one_sentence_and_the_next_is_served(
    haar, stored, status, body, kind, said, accept
):
    answer = post(haar, body, kind, said, **({"Accept": accept} if accept else {}))
    text = answer.body.decode()
    assert (answer.status, text.count("\n"), "Traceback" in text) == (status, 0, False), text
    assert 20 < len(text) < 300
    assert answer.phrase
    following = post(haar, JPEG, "Image/JPEG; charset=binary", Accept="*/*")
    assert (following.status, following.json) == (200, {"prediction": []})
    assert not stored


def clip(data_dir: Path) -> list[np.ndarray]:
    """Two people who turn their heads."""
    path = data_dir / "video" / "head-pose-face-detection-female-and-male.gif"
    capture = cv2.VideoCapture(str(path))
    return [image for _, image in iter(capture.read, (False, None))]


def said_of(index: int, **flags: bool) -> FrameAttributes:
    return FrameAttributes("hall 1", NOON + timedelta(seconds=index * 0.08), **flags)


def picked(images: list[np.ndarray], detector: Detector, run: str) -> list[Crop]:
    """What a device cuts out of frames."""
    picker = CropPicker("hall 1", run, detector)
    times = [said_of(index).captured_at.timestamp() for index in range(len(images))]
    crops = [c for image, t in zip(images, times) for c in picker.look(Frame(image, t)).crops]
    return crops + picker.flush(times[-1])


def test_the_same_people_are_cut_as_on_a_device(yunet, stored, data_dir):
    images = clip(data_dir)[:30]
    jpegs = [encode_jpeg(image) for image in images]
    last = len(jpegs) - 1
    answers = [
        post(yunet, jpeg, "image/jpeg", said_of(index, last=index == last))
        for index, jpeg in enumerate(jpegs)
    ]
    assert {answer.status for answer in answers} == {200}
    keys = [key for answer in answers for key in answer.json["crops"]]
    in_s3 = {unquote(path)[len("/crops/") :]: jpeg for path, jpeg in stored.items()}
    assert list(in_s3) == keys

    yunet_here = open_detector("yunet", str(data_dir / "models" / YUNET))
    run = parse_key(keys[0]).run
    seen = picked([decode_image(jpeg) for jpeg in jpegs], yunet_here, run)
    assert list(in_s3.items()) == [(crop.key, crop.jpeg) for crop in seen]
    on_device = picked(images, yunet_here, run)
    assert {(c.track, c.shot) for c in on_device} == {(c.track, c.shot) for c in seen}
    assert len({crop.track for crop in on_device}) == 2
    for answer in answers:
        assert len(answer.json["tracks"]) == len(answer.json["prediction"])


def test_what_s3_refuses_comes_with_a_later_request(haar, stored, bucket, portraits):
    jpeg = encode_jpeg(portraits["hopper"])
    bucket.errors = [(403, "AccessDenied")]
    said = FrameAttributes("door", NOON, stills=True, last=True)
    first = post(haar, jpeg, "image/jpeg", said).json
    assert (first["crops"], first["waiting"], len(first["tracks"])) == ([], 1, 1)
    assert not stored

    def end():
        return post(haar, b"", "application/octet-stream", said).json

    assert end() == {"prediction": [], "tracks": [], "crops": [], "dropped": 0, "waiting": 1}
    wait_for(lambda: end()["waiting"] == 0)  # S3 is left alone for a while
    assert len(stored) == 1
