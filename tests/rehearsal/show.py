"""The dashboard of a few minutes of visitors: python -m tests.rehearsal.show PICTURE.

Two cameras watch the demo as it would go on before them, by the clock and over and over.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.emulator import running
from tests.rehearsal.stack import MODEL, Stack

MINUTES = 6

#: Stands in for AWS DeepLens' module: its frames are the demo's, at the time that it is.
_AWSCAM = """
import functools, os, time
from facepipe_io.edge.cameras.demo import FPS, SECONDS, DemoCamera

begin = float(os.environ["SHOW_BEGIN"])
paint = functools.lru_cache(1)(DemoCamera(0.0).paint)

def getLastFrame():
    return True, paint(int((time.time() + begin) * FPS) % int(SECONDS * FPS))
"""


def show(picture: Path, minutes: float = MINUTES) -> None:
    """Build the stack, let cameras watch, and draw the dashboard."""
    with tempfile.TemporaryDirectory(prefix="facepipe-show-") as folder, running(
        "--enforce-iam", "--retry-seconds", "5"
    ) as aws:
        Path(folder, "awscam.py").write_text(_AWSCAM)
        stack = Stack.make(aws, Path(folder))
        stack.terraform.init()
        stack.build()
        yunet = {"FACEPIPE_DETECTOR": "yunet", "FACEPIPE_MODEL": str(MODEL)}
        settings = {
            "PYTHONPATH": folder,
            "FACEPIPE_MAX_FPS": "5",
            **(yunet if MODEL.is_file() else {"FACEPIPE_DETECTOR": "haar"}),
        }

        def watch(number: int, name: str) -> None:
            stack.cameras[name].run(
                aws,
                stack.outputs["role_alias"],
                stack.outputs["bucket"],
                source="awscam",
                seconds=60 * minutes,
                SHOW_BEGIN=str(15 * number),
                **settings,
            )

        with ThreadPoolExecutor() as pool:
            for each in [pool.submit(watch, *camera) for camera in enumerate(stack.cameras)]:
                each.result()
        stack.see_an_object("hall-1")
        stack.assert_dashboard_shows_all(picture)


if __name__ == "__main__":
    show(Path(sys.argv[1]))
