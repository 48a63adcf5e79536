"""One target, fuzzed with atheris for so many seconds; `python -m tests.fuzz` starts it.

    python -m tests.fuzz.one TARGET SECONDS FOLDER

A broken law does not end the run: each is told once, with the smallest bytes that broke it.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

#: Larger than any seed needs to be.
MAX_BYTES = 4096

_HERE = Path(__file__).parent


class Findings:
    """Each broken law by where it was noticed.

    Args:
        folder: for the bytes that broke them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._smallest: dict[str, int] = {}

    def add(self, data: bytes, error: Exception) -> None:
        """Tell of an error, and keep its bytes if no smaller ones made the same."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        name = f"{type(error).__name__}-{Path(place.filename).stem}-{place.lineno}"
        if len(data) >= self._smallest.get(name, sys.maxsize):
            return
        if name not in self._smallest:
            text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            (self._folder / f"{name}.txt").write_text(text, "utf-8", "backslashreplace")
            print(f"FOUND {name}: {error!r:.200}", file=sys.stderr, flush=True)
        self._smallest[name] = len(data)
        (self._folder / name).write_bytes(data)


def main() -> None:
    """Fuzz; libFuzzer ends the process."""
    import atheris  # it is in an environment of its own

    with atheris.instrument_imports(include=["facepipe", "facepipe_io"]):
        from facepipe_io.edge.opencv import quiet_opencv
        from tests.fuzz.targets import target

    name, seconds, folder = sys.argv[1:]
    if Path("/dev/shm").is_dir():  # a thousand files a second need no disk
        tempfile.tempdir = "/dev/shm"
    run = target(name)
    corpus, found = Path(folder, "corpus", name), Path(folder, "findings", name)
    for path in (corpus, found):
        path.mkdir(parents=True, exist_ok=True)
    findings = Findings(found)
    warnings.simplefilter("error")  # as in the tests
    logging.getLogger().addHandler(logging.NullHandler())  # laws may look at what is logged
    quiet_opencv()

    def look(data: bytes) -> None:
        try:
            run(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it was not to come out
            findings.add(data, error)

    words = _HERE / "words.dict"
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            str(_HERE / "corpus" / name),
            f"-max_total_time={seconds}",
            f"-max_len={MAX_BYTES}",
            f"-artifact_prefix={found}/",
            f"-dict={words}",
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ],
        look,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
