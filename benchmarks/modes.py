"""Where faces are looked for, on one clip: on the device, in the cloud, or all of it in the cloud.

    python -m benchmarks.modes [--source demo] [--model face_detection_yunet_2023mar.onnx]

The device's agent runs over the whole clip in each of them. The endpoint is SageMaker's own serving
toolkit with the model archive as `make build` makes it, in a process of its own on this machine;
S3 and SageMaker's runtime are stand-ins on loopback that count what reaches them. So the network's
latency is left out: add a round trip to your region to each frame that is sent.

`ms` is a frame's time in the picker on the clock, `device ms` the processor's time of it on the
device alone: medians over the frames that were looked at. Bytes and calls are those of the device.
Dollars are for a month of one camera that sees such a clip for 8 hours a day: the endpoint's
instance, frames and requests. Rekognition, which is the same for all, is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from facepipe_io.edge.agent import Agent
from facepipe_io.edge.cameras import open_camera
from facepipe_io.edge.picker import Picker
from facepipe_io.edge.pickers import open_picker
from facepipe_io.edge.settings import device_settings
from facepipe_io.edge.uplink import open_uplink
from tests.facepipe_io.edge import servers
from tests.serving import serving

if TYPE_CHECKING:
    from facepipe_io.edge.cameras import Frame
    from facepipe_io.edge.picker import Crop, Look

ROOT = Path(__file__).resolve().parent.parent
MODES: dict[str, dict[str, str]] = {
    "edge": {},
    "cloud, crops on the device": {"detector": "sagemaker", "endpoint": "faces"},
    "cloud, crops at the endpoint": {
        "detector": "sagemaker",
        "endpoint": "faces",
        "crop_at": "endpoint",
    },
}

# us-east-1, November 2026: aws.amazon.com/s3/pricing and aws.amazon.com/sagemaker/pricing.
PUT_DOLLARS = 0.005 / 1000
ENDPOINT_DOLLARS = 0.115 * 730  # an ml.m5.large that runs all month
FRAME_DOLLARS = 0.016 / 1e9  # a byte that an endpoint takes
SECONDS_A_MONTH = 8 * 3600 * 365 / 12


@attrs.define
class Cloud:
    """What reaches AWS from the device.

    Attributes:
        toolkit: where the serving toolkit answers.
        bucket: stands in for S3.
        sent: bytes.
        puts: crops.
        invocations: frames.
        framed: bytes of them.
    """

    toolkit: str
    bucket: servers.Bucket
    sent: int = 0
    puts: int = 0
    invocations: int = 0
    framed: int = 0

    def respond(self, request: Any) -> Any:
        """Answer a request of the device."""
        self.sent += len(request.body)
        if not request.path.startswith("/endpoints/"):
            self.puts += 1
            return self.bucket.respond(request)
        self.invocations += 1
        self.framed += len(request.body)
        names = ("Content-Type", "X-Amzn-SageMaker-Custom-Attributes")
        headers = {name: request.headers[name] for name in names if request.headers[name]}
        asked = urllib.request.Request(f"{self.toolkit}/invocations", request.body, headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, answer.read()


class Timed(Picker):
    """Another picker, and how long it takes over each frame that it looks at."""

    def __init__(self, picker: Picker) -> None:
        self._picker = picker
        self.seconds: list[float] = []
        self.own_seconds: list[float] = []

    def look(self, frame: Frame) -> Look:
        """Look at the next frame."""
        start, own = time.perf_counter(), time.thread_time()
        look = self._picker.look(frame)
        if not look.still:
            self.seconds.append(time.perf_counter() - start)
            self.own_seconds.append(time.thread_time() - own)
        return look

    def flush(self, time: float) -> list[Crop]:
        """What is still to be sent."""
        return self._picker.flush(time)


def run(mode: str, source: str, model: str | None, archive: Path) -> dict[str, float]:
    """Run a mode; its figures."""
    bucket = servers.Bucket()
    keys = {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with contextlib.ExitStack() as stack:
        stored = stack.enter_context(servers.serving(bucket.respond))
        toolkit = stack.enter_context(
            serving(archive, FACEPIPE_BUCKET="crops", AWS_ENDPOINT_URL=f"http://{stored}", **keys)
        )
        cloud = Cloud(toolkit, bucket)
        host = stack.enter_context(servers.serving(cloud.respond))
        os.environ.update(keys, AWS_ENDPOINT_URL=f"http://{host}")
        settings = device_settings(
            {}, camera="hall-1", source=source, bucket="crops", model=model, **MODES[mode]
        )
        camera = open_camera(source, start_time=1.8e9)
        picker = Timed(open_picker(settings, "0000", stills=camera.stills))
        stats = Agent("hall-1", camera, picker, open_uplink(settings)).run()
        assert stats.detector_errors == stats.failed == 0, stats
        assert len(bucket.objects) == stats.uploaded
    seconds = stats.frames / (camera.fps or 10.0)
    scale = SECONDS_A_MONTH / seconds
    puts = len(bucket.objects)
    return {
        "people": stats.people,
        "crops": stats.crops,
        "frames": cloud.invocations,
        "calls": cloud.invocations + cloud.puts,
        "MB": cloud.sent / 1e6,
        "ms": statistics.median(picker.seconds) * 1000,
        "own ms": statistics.median(picker.own_seconds) * 1000,
        "dollars": scale * (puts * PUT_DOLLARS + cloud.framed * FRAME_DOLLARS)
        + (ENDPOINT_DOLLARS if cloud.invocations else 0),
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--source", default="demo", help="a clip, or demo")
    data = Path(os.environ.get("FACEPIPE_DATA", ROOT.parent / "shared" / "data"))
    yunet = data / "models" / "face_detection_yunet_2023mar.onnx"
    found = str(yunet) if yunet.is_file() else None
    parser.add_argument("--model", default=found, help="of the detector; by default OpenCV's own")
    options = parser.parse_args()
    print(f"{options.source}, {'its model' if options.model else 'the cascade'}: {options.model}")
    print(
        f"{'':30}{'people':>7}{'crops':>6}{'frames sent':>12}{'MB sent':>8}{'calls':>6}{'ms':>7}"
        f"{'device ms':>10}{'$/month':>8}"
    )
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, str(ROOT / "tools" / "build.py"), "--zips", "--out", folder]
        model = ["--model", options.model] if options.model else []
        subprocess.run([*build, *model], check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(Path(folder, "model.tar.gz")) as archive:
            archive.extractall(folder, filter="data")
        for mode in MODES:
            found = run(mode, options.source, options.model, Path(folder))
            print(
                f"{mode:30}{found['people']:7}{found['crops']:6}{found['frames']:12}"
                f"{found['MB']:8.1f}{found['calls']:6}{found['ms']:7.1f}{found['own ms']:10.1f}"
                f"{found['dollars']:8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
