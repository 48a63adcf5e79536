"""A SageMaker endpoint's container: the serving toolkit around an archive, in a process."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Callable, Mapping

import attrs

from tests.emulator import serving_child

# Amazon SageMaker Developer Guide, "How containers serve requests": within 8 minutes, and 60 s.
# Nobody who rehearses wants to wait for minutes.
_START_SECONDS = 60
_ANSWER_SECONDS = 60
_END_SECONDS = 1


@attrs.frozen
class Answer:
    """What a container answers: status, headers by their names in lower case, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Container:
    """A running container.

    Args:
        model_dir: an unpacked archive.
        environment: all of its variables.
        tell: is given each line that it writes.

    Raises:
        RuntimeError: if it does not start, or does not answer a ping.
    """

    def __init__(
        self, model_dir: Path, environment: Mapping[str, str], tell: Callable[[str], None]
    ) -> None:
        # -I: no PYTHON* variables and no current folder, hence no project.
        self._process = subprocess.Popen(
            [sys.executable, "-I", serving_child.__file__, str(model_dir)],
            cwd=model_dir,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        threading.Thread(target=self._read, args=(tell,), daemon=True).start()
        too_late = threading.Timer(_START_SECONDS, self._process.kill)
        too_late.start()
        assert self._process.stdout is not None
        with self._process.stdout as output:
            port = output.readline().strip()
        too_late.cancel()
        if not port:
            self.stop()
            raise RuntimeError("The container did not start; see its log.")
        self._port = int(port)
        if self._ask("GET", "/ping", {}, b"").status != 200:
            self.stop()
            raise RuntimeError("The container did not pass the ping health check; see its log.")

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def invoke(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Have it answer a request.

        Raises:
            OSError: if it does not, or takes too long.
        """
        try:
            return self._ask("POST", "/invocations", headers, body)
        except ConnectionError:
            # What ends loses its connections first, and looks alive a moment longer.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
            raise

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_SECONDS)
        with closing(connection):
            connection.request(method, path, body, dict(headers))
            try:
                found = connection.getresponse()
                data = found.read()
            except http.client.HTTPException as error:
                raise ConnectionError(str(error)) from None
            return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, data)

    def _read(self, tell: Callable[[str], None]) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                tell(line.rstrip("\n"))
