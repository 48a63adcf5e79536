"""SageMaker's serving toolkit around an unpacked model archive, over HTTP on loopback.

    python -m tests.serving MODEL_DIR

It prints its port, then answers GET /ping and POST /invocations, one at a time. The toolkit is
the real one, `sagemaker_inference`; what calls it in a container is multi-model-server, a Java
program, of which this is the part in Python: one context for each worker, whose
`request_processor` is replaced with each request (mms/context.py, mms/service.py). The code is the
archive's alone: nothing of the project is on its path.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Iterator

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def serving(model_dir: str | os.PathLike[str], **environment: str) -> Iterator[str]:
    """Start serving a model, and end with the block; gives the URL, without a path.

    Args:
        model_dir: an unpacked model.tar.gz.
        environment: all the variables that the process has, but for PATH.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", __file__, str(model_dir)],  # -I: nothing of where it is started
        cwd=model_dir,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as output:
        port = output.readline().strip()
        try:
            if not port:
                raise RuntimeError(f"the model in {model_dir} cannot be served; see stderr")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


class RequestProcessor:
    """A request's headers, and what is to be answered."""

    def __init__(self, headers: dict[str, Any]) -> None:
        self.status: tuple[int, str | None] = (200, None)
        self.response_headers: dict[str, str] = {}
        self._headers = headers

    def get_request_property(self, key: str) -> Any:
        return self._headers.get(key)

    def get_request_properties(self) -> dict[str, Any]:
        return self._headers

    def report_status(self, code: int, reason_phrase: str | None = None) -> None:
        self.status = (code, reason_phrase)

    def add_response_property(self, key: str, value: str) -> None:
        self.response_headers[key] = value


class Context:
    """What multi-model-server tells a worker, and is told by it."""

    def __init__(self, model_dir: str) -> None:
        self.system_properties = {"model_dir": model_dir, "gpu_id": None, "batch_size": 1}
        self.request_processor: list[RequestProcessor] | None = None

    def get_request_header(self, idx: int, key: str) -> Any:
        return self.request_processor[idx].get_request_property(key)

    def get_all_request_header(self, idx: int) -> dict[str, Any]:
        return self.request_processor[idx].get_request_properties()

    def set_response_content_type(self, idx: int, value: str) -> None:
        self.set_response_header(idx, "content-type", value)

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        self.request_processor[idx].add_response_property(key, value)

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        if self.request_processor is not None:
            self.request_processor[idx].report_status(code, reason_phrase=phrase)


class Worker:
    """A worker of multi-model-server's."""

    def __init__(self, model_dir: str) -> None:
        from sagemaker_inference.default_handler_service import DefaultHandlerService

        self._context = Context(model_dir)
        self._service = DefaultHandlerService()
        self._service.initialize(self._context)

    def invoke(self, headers: dict[str, str], body: bytes) -> tuple[RequestProcessor, bytes]:
        content_type = headers.get("Content-Type")
        request = RequestProcessor({"body": {"content-type": content_type}, **headers})
        self._context.request_processor = [request]
        (answer,) = self._service.handle([{"body": bytearray(body)}], self._context)
        return request, answer.encode() if isinstance(answer, str) else bytes(answer)


def make_handler(worker: Worker) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200 if self.path == "/ping" else 404, None, {}, b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path != "/invocations":
                self._answer(404, None, {}, b"")
                return
            request, answer = worker.invoke(dict(self.headers), body)
            self._answer(*request.status, request.response_headers, answer)

        def _answer(
            self, status: int, phrase: str | None, headers: dict[str, str], body: bytes
        ) -> None:
            self.send_response(status, phrase or None)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


def main(model_dir: str) -> None:
    """Serve until the process is ended."""
    code = Path(model_dir).resolve() / "code"
    sys.path[:] = [str(code), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]
    os.environ["SAGEMAKER_PROGRAM"] = "sagemaker_entry.py"
    worker = Worker(str(Path(model_dir).resolve()))
    for name in ("sagemaker_entry", "facepipe", "facepipe_io"):
        if code not in Path(sys.modules[name].__file__).parents:
            sys.exit(f"{name} is not in the archive")
    with HTTPServer(("127.0.0.1", 0), make_handler(worker)) as server:
        print(server.server_port, flush=True)
        os.dup2(2, 1)  # nobody reads on
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
