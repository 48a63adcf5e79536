"""`facepipe run`: the whole pipeline on this machine."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from facepipe_io.errors import SettingsError
from facepipe_io.local.commands.display import Display, print_summary

if TYPE_CHECKING:
    from facepipe_io.edge.preview import Preview
    from facepipe_io.edge.settings import DeviceSettings

#: The page of `facepipe run --live`; where that port is taken, any other will do.
PAGE = "http://127.0.0.1:8080"
ANY_PORT = "http://127.0.0.1:0"
#: How long nobody may look at the page, once the run is over: whoever loads it anew is back soon.
RELOAD_SECONDS = 2.0


@click.command(short_help="Run the whole pipeline on this machine.")
@click.argument("source", required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Folder for the crops, records.sqlite and report.html. One that was used before gets "
    "one run more; its report then shows the latest.",
)
@click.option(
    "--detector",
    type=click.Choice(["awscam", "haar", "neo", "onnx", "sagemaker", "ssd", "yunet"]),
    help="How faces are found; by default what suits the --model: ssd for .pb and .caffemodel, "
    "yunet for .onnx, or onnx where its labels lie beside it, and haar without one. onnx is a "
    "model of the YOLO family, of whatever it finds; sagemaker asks the endpoint that "
    "FACEPIPE_ENDPOINT names.",
)
@click.option("--model", metavar="PATH", help="The detector's model.")
@click.option(
    "--labels",
    metavar="PATH",
    help="What the model finds, one a line; by default the .txt file of the model's name.",
)
@click.option(
    "--emotion-model",
    metavar="PATH",
    help="An ONNX expression model (mini_XCEPTION or FER+). Without it OpenCV's smile cascade "
    "scores, which knows only HAPPY (a broad smile) and CALM (none).",
)
@click.option(
    "--every",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Look at one in N frames.",
)
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    help="Faces with a lower score are left out; by default the detector's own.",
)
@click.option(
    "--resend-seconds",
    type=click.FloatRange(min=0, max=1e9),
    help="One crop per person per this long; 10 by default.",
)
@click.option(
    "--camera",
    metavar="NAME",
    help="The camera's name in keys, records and report; by default made from SOURCE.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Serve a page that shows the run while it goes, a recording in its own time: at "
    "http://127.0.0.1:8080, or where FACEPIPE_PREVIEW says.",
)
@click.option(
    "--blur", is_flag=True, help="Blur the faces on that page; the crops stay as they are."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def run(
    source: str | None,
    out: Path,
    detector: str | None,
    model: str | None,
    labels: str | None,
    emotion_model: str | None,
    every: int,
    min_score: float | None,
    resend_seconds: float | None,
    camera: str | None,
    live: bool,
    blur: bool,
    as_json: bool,
) -> None:
    """Run the whole pipeline on this machine: faces, crops, emotions, report.

    SOURCE is demo (the default), a video file, an image or a folder of images, a camera's index
    (0), or a URL (rtsp://..., http://...). Ctrl-C ends the run, with a report; the exit code is
    then 130 for a recording, which was not looked at to its end, and 0 for a camera or stream. It
    is 1 where a part of a recording could not be read, or a crop was lost.

    The FACEPIPE_* variables that `facepipe check` lists count here as well, and an argument or
    option beats them; but where crops and records go is up to --out alone, and not to
    FACEPIPE_BUCKET, FACEPIPE_CROPS_DIR, FACEPIPE_CROP_AT, FACEPIPE_BUS, FACEPIPE_TABLE,
    FACEPIPE_NAMESPACE or FACEPIPE_RECORD_DAYS. It classifies no frames, whatever FACEPIPE_MODE
    says, and keeps none for FACEPIPE_FEEDBACK.

    \b
    Examples:
      facepipe run demo --out out
      facepipe run demo --live
      facepipe run hall.mp4 --model face_detection_yunet_2023mar.onnx --every 2
      facepipe run 0 --camera entrance --emotion-model emotion-ferplus-8.onnx
      facepipe run hall.mp4 --detector onnx --model bottles.onnx --labels bottles.txt
      facepipe run demo --json | jq '.people[].dominant'
    """  # noqa: D301 - click wants a real \b
    from facepipe_io.cloud.settings import ScorerSettings
    from facepipe_io.edge.settings import device_settings
    from facepipe_io.local.pipeline import INTERRUPTED, camera_name_of, run_pipeline
    from facepipe_io.local.report import write_report
    from facepipe_io.local.summary import summarise
    from facepipe_io.local.words import plural
    from facepipe_io.settings import load

    environ = dict(os.environ)
    source = source or environ.get("FACEPIPE_SOURCE", "").strip() or "demo"
    needs_model = detector not in (None, "haar", "sagemaker")
    if needs_model and not (model or environ.get("FACEPIPE_MODEL", "").strip()):
        raise click.UsageError(f"--detector {detector} needs its model: add --model PATH")
    if not environ.get("FACEPIPE_CAMERA", "").strip():
        environ["FACEPIPE_CAMERA"] = camera_name_of(source)
    settings = device_settings(
        environ,
        source=source,
        crops_dir=str(out),
        mode="faces",
        crop_at="device",
        detector=detector,
        model=model,
        labels=labels,
        min_score=min_score,
        resend_seconds=resend_seconds,
        camera=camera,
        preview=PAGE if live and "://" not in environ.get("FACEPIPE_PREVIEW", "") else None,
        blur="faces" if blur else None,
    )
    if blur and settings.preview == "off":
        raise click.UsageError("--blur is about the page: add --live")
    min_confidence = load(ScorerSettings, environ).min_confidence
    preview = _open_preview(settings)
    click.get_current_context().call_on_close(preview.close)
    try:
        with Display(preview.url) as display:
            done = run_pipeline(
                settings,
                out,
                emotion_model=emotion_model,
                every=every,
                min_confidence=min_confidence,
                on_open=display.opened,
                on_frame=display.update,
                preview=preview,
                real_time=settings.preview != "off",
            )
    except KeyboardInterrupt:
        click.echo("Given up, without a report.", err=True)
        # Not an ordinary exit, which would pull the libraries away from under the threads.
        os._exit(130)
    report_path = write_report(out, done.run)
    summary = summarise(out, done.run)
    if as_json:
        paths = {"report": str(report_path), "records": str(out / "records.sqlite")}
        click.echo(json.dumps({**summary.as_json(), **paths}, indent=2))
    else:
        print_summary(summary, out, report_path)
    _stay(preview)
    if done.problem:
        click.echo(f"This is not all of it: {done.problem}.", err=True)
        sys.exit(130 if done.problem.startswith(INTERRUPTED) else 1)
    if done.lost:
        lost = plural(done.lost, "crop")
        raise click.ClickException(f"{lost} could not be stored or scored, and are in no figure")


def _open_preview(settings: DeviceSettings) -> Preview:
    """Open the preview; a page that may be anywhere goes elsewhere if its port is taken."""
    from facepipe_io.edge.preview import open_preview

    try:
        return open_preview(settings, emotions=True)
    except SettingsError:
        if settings.preview != PAGE:
            raise
        preview = open_preview(attrs.evolve(settings, preview=ANY_PORT), emotions=True)
        click.echo("Another program has port 8080: the page is elsewhere.", err=True)
        return preview


def _stay(preview: Preview) -> None:
    """Leave the page to those who still look at it."""
    if preview.viewers:
        click.echo("The page stays while somebody looks at it; Ctrl-C ends it.", err=True)
        seen = time.monotonic()
        with suppress(KeyboardInterrupt):
            while time.monotonic() - seen < RELOAD_SECONDS:
                if preview.viewers:
                    seen = time.monotonic()
                time.sleep(0.1)
