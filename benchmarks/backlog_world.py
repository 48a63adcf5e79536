"""What the cloud function meets in `benchmarks.backlog`: a queue, its process, its services."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Iterator

import attr as attr_package
import attrs

from benchmarks.scorer import RESPONSE
from tests.emulator.client import REGION, Emulator
from tests.emulator.function_process import FunctionProcess, make_runtime
from tests.emulator.settings import ROOT_KEYS

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("rekognition_entry.py", "facepipe", "facepipe_io")


class Services:
    """Rekognition, DynamoDB and CloudWatch, as far as the function asks them.

    Attributes:
        asked: how often DetectFaces was called for each crop.
        writes: how often each record was written.
        records: by their keys.
        charts: how often PutMetricData was called.
    """

    def __init__(self) -> None:
        self.charts = 0
        self.asked: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self.records: dict[str, Any] = {}
        self._faces = json.dumps(RESPONSE).encode()

    def respond(self, target: str, body: bytes) -> bytes:
        """The body of the answer to a request for a target, such as `DynamoDB_20120810.PutItem`."""
        _, _, operation = target.partition(".")
        if operation == "DetectFaces":
            self.asked[json.loads(body)["Image"]["S3Object"]["Name"]] += 1
            return self._faces
        if operation == "PutItem":
            item = json.loads(body)["Item"]
            key = item["s3key"]["S"]
            self.writes[key] += 1
            self.records[key] = item
            return b"{}"
        if operation == "GetItem":
            item = self.records.get(json.loads(body)["Key"]["s3key"]["S"])
            return json.dumps({"Item": item} if item else {}).encode()
        assert operation == "PutMetricData", target
        self.charts += 1
        return b"{}"


@contextlib.contextmanager
def serving(services: Services) -> Iterator[str]:
    """Services on loopback, whose connections stay open as AWS's do; gives their URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # headers and body in one piece

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = services.respond(self.headers["X-Amz-Target"], body)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Nothing: the function's own log tells."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Function(FunctionProcess):
    """The function's process."""

    def resident_bytes(self) -> int:
        """What it occupies of the machine's memory."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def processor_seconds(self) -> float:
        """What it used of the processor so far, in steps of a hundredth."""
        after_name = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def emulator() -> Iterator[Emulator]:
    """The emulator with quick queues, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        log_file = Path(folder, "emulator.log")
        with log_file.open("wb") as log, subprocess.Popen(
            [sys.executable, "-m", "benchmarks.quick_queue", "--without-shims"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the emulator did not start:\n{log_file.read_text()}")
            where = json.loads(line)
            started = Emulator(where["url"], where["device_url"], Path(where["ca_file"]), log_file)
            try:
                yield started
            finally:
                started.close()
                process.terminate()


@contextlib.contextmanager
def functions(url: str, copies: int) -> Iterator[list[Function]]:
    """Copies of the function, with nothing of this environment but what its zip has.

    Args:
        url: where they find their services.
        copies: how many.
    """
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        task = folder / "task"
        task.mkdir()
        attr, also_attrs = (Path(each.__file__).parent for each in (attr_package, attrs))
        for source in (*(ROOT / each for each in SOURCES), attr, also_attrs):
            (task / source.name).symlink_to(source)
        environment = {
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": str(task),
            "LAMBDA_RUNTIME_DIR": str(make_runtime(folder / "runtime")),
            "_HANDLER": "rekognition_entry.lambda_handler",
            "AWS_LAMBDA_FUNCTION_NAME": "scorer",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": "scorer",
            "AWS_LAMBDA_LOG_STREAM_NAME": "1",
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **{name.upper(): value for name, value in ROOT_KEYS.items()},
        }
        started = []
        for _ in range(copies):
            started.append(Function(environment))
            stack.callback(started[-1].stop)
        yield started
