"""A Lambda function's process: started once, asked many times, as a warm function is."""

from __future__ import annotations

import importlib.util
import json
import queue
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Mapping

import attrs

from tests.emulator import lambda_child

#: What Lambda's Python runtime brings besides Python.
RUNTIME = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")


@attrs.frozen
class Invocation:
    """What came of one invocation.

    Attributes:
        answer: the handler's, or the description of its error.
        failed: whether there was an error.
        log: the lines that it wrote.
    """

    answer: Any
    failed: bool
    log: list[str]


def make_runtime(folder: Path) -> Path:
    """A folder with what Lambda's runtime brings, out of this machine's environment.

    Nothing else of that environment can be imported from there, the project least of all.
    """
    folder.mkdir()
    for name in RUNTIME:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise RuntimeError(f"the emulated Lambda runtime needs {name}: install facepipe[test]")
        origin = Path(spec.origin)
        origin = origin.parent if origin.name == "__init__.py" else origin
        (folder / origin.name).symlink_to(origin)
    return folder


class FunctionProcess:
    """A running function.

    Args:
        environment: all of its variables, `LAMBDA_TASK_ROOT` and `LAMBDA_RUNTIME_DIR` among them.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        # -I: no PYTHON* variables and no current folder; -S: no site-packages, hence no project.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", lambda_child.__file__],
            cwd=environment["LAMBDA_TASK_ROOT"],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it can be invoked once more."""
        return self._process.poll() is None

    def invoke(self, event: Any, arn: str, seconds: float) -> Invocation:
        """Have it handle an event; when it takes too long, that is its end.

        Args:
            event: for the handler.
            arn: by which it is called.
            seconds: it may take.
        """
        request_id = str(uuid.uuid4())
        line = {"event": event, "arn": arn, "seconds": seconds, "request_id": request_id}
        log: list[str] = []
        deadline = time.monotonic() + seconds
        try:
            self._ask(json.dumps(line))
            while True:
                text = self._lines.get(timeout=max(0, deadline - time.monotonic()))
                if text is None:
                    self.stop()  # it closes its output first, and looks alive a moment longer
                    return self._broken(log, "Runtime.ExitError", "exited")
                before, mark, answer = text.partition(lambda_child.MARK)
                if before:
                    log.append(before)
                if mark:
                    return self._answered(json.loads(answer), log)
        except queue.Empty:
            self.stop()
            message = f"Task timed out after {seconds:.2f} seconds"
            return self._broken(log, "Sandbox.Timedout", f"{request_id} {message}")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def _ask(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended, which the reader tells

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _answered(self, answer: Mapping[str, Any], log: list[str]) -> Invocation:
        if "error" in answer:
            return Invocation(answer["error"], True, log)
        return Invocation(answer["result"], False, log)

    def _broken(self, log: list[str], kind: str, message: str) -> Invocation:
        log.append(message)
        return Invocation({"errorType": kind, "errorMessage": message}, True, log)
