"""One run of the demo, for all tests that look at what came of it."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

pytest.importorskip("plotly", reason="local: the extra facepipe[local] is not installed")


@attrs.frozen
class DemoRun:
    out: Path
    run: object
    progress: list


@pytest.fixture(scope="session")
def demo_run(portraits, tmp_path_factory):
    from facepipe_io.edge.settings import device_settings
    from facepipe_io.local.pipeline import run_pipeline
    from facepipe_io.local.report import write_report

    out = tmp_path_factory.mktemp("demo")
    settings = device_settings({}, source="demo", crops_dir=str(out), camera="demo")
    progress = []
    run = run_pipeline(settings, out, on_frame=progress.append)
    write_report(out)
    return DemoRun(out, run, progress)


@pytest.fixture(scope="session")
def two_portraits(portraits, tmp_path_factory):
    """A folder of two images: a quick source."""
    import cv2

    folder = tmp_path_factory.mktemp("Two Portraits")
    for name, image in portraits.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    return folder
