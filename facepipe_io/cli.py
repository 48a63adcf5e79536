"""The `facepipe` command."""

from __future__ import annotations

import difflib
import json
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import attrs

try:
    import click
    import rich.box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Table
except ModuleNotFoundError as error:
    sys.exit(f"facepipe's command needs the package {error.name}: pip install 'facepipe[local]'")

from facepipe._version import __version__
from facepipe.errors import FacepipeError
from facepipe_io.device.cli import device
from facepipe_io.errors import SettingsError
from facepipe_io.local.commands.cost import cost
from facepipe_io.local.commands.report import report
from facepipe_io.training.commands.dataset import dataset
from facepipe_io.training.commands.deploy import deploy
from facepipe_io.training.commands.train import train

if TYPE_CHECKING:
    from facepipe_io.edge.cameras import Camera
    from facepipe_io.edge.preview import Preview
    from facepipe_io.edge.settings import DeviceSettings
    from facepipe_io.edge.stats import Stats
    from facepipe_io.local.summary import Summary

# Which extra brings a package that a command needs.
_EXTRAS = {
    "boto3": "aws",
    "botocore": "aws",
    "certifi": "device",
    "cryptography": "device",
    "cv2": "headless",
}

# Read by the entry modules themselves, so that no settings class has it.
_OTHER_VARIABLES = ("FACEPIPE_AUTOSTART",)

#: The page of `facepipe run --live`; where that port is taken, any other will do.
PAGE = "http://127.0.0.1:8080"
ANY_PORT = "http://127.0.0.1:0"
#: How long nobody may look at the page, once the run is over: whoever loads it anew is back soon.
RELOAD_SECONDS = 2.0

#: How many lines of people the table at the end of a run has at most.
SHOWN_PEOPLE = 30


class _Commands(click.Group):
    """Commands whose known errors end in one line, never in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FacepipeError as error:
            raise click.ClickException(str(error)) from error
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package in ("facepipe", "facepipe_io"):
                raise
            extra = _EXTRAS.get(package, "local")
            raise click.ClickException(
                f"this needs the package {package}: pip install 'facepipe[{extra}]'"
            ) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="facepipe")
def main() -> None:
    """See how a crowd feels: faces found in a video, their emotions scored and charted.

    \b
    Example:
      facepipe run demo --out out
    """  # noqa: D301 - click wants a real \b


for command in (cost, dataset, deploy, device, report, train):
    main.add_command(command)


@main.command(short_help="Run the whole pipeline on this machine.")
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
    help="How faces are found; by default yunet where there is a --model, onnx where its labels "
    "lie beside it, else haar. onnx is a model of the YOLO family, of whatever it finds; sagemaker "
    "asks the endpoint that FACEPIPE_ENDPOINT names.",
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
    then 130 for a recording, which was not looked at to its end, and 0 for a camera or stream.

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
        with _Display(preview.url) as display:
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
        _print_summary(summary, out, report_path)
    _stay(preview)
    if done.problem.startswith(INTERRUPTED):
        click.echo(f"This is not all of it: {done.problem}.", err=True)
        sys.exit(130)
    if done.problem:
        raise click.ClickException(f"the run ended early: {done.problem}")
    if done.lost:
        lost = plural(done.lost, "crop")
        raise click.ClickException(f"{lost} could not be stored or scored, and are in no figure")


@main.command()
def check() -> None:
    """Show the settings, what each means, and what is missing.

    Settings are environment variables: those of the device (deeplens_entry.py), most of which
    count for `facepipe run` as well, and those of the cloud function (rekognition_entry.py).
    Ends with 1 when something is wrong.

    \b
    Example:
      FACEPIPE_SOURCE=0 FACEPIPE_BUCKET=deeplens-faces facepipe check
    """  # noqa: D301 - click wants a real \b
    from facepipe_io.cloud.settings import ScorerSettings
    from facepipe_io.edge.settings import DeviceSettings, device_settings
    from facepipe_io.settings import load

    environ = {name: value for name, value in os.environ.items() if value.strip()}
    host = environ.get("AWS_IOT_THING_NAME") or socket.gethostname()
    sections: list[tuple[str, Any, Callable[[], object]]] = [
        ("Device", DeviceSettings, lambda: device_settings(environ)),
        ("Cloud function", ScorerSettings, lambda: load(ScorerSettings, environ)),
    ]
    console = Console()
    problems: list[str] = []
    for title, settings, read in sections:
        found: list[str] = []
        try:
            read()
        except SettingsError as error:
            found = list(error.problems)
        console.print(_settings_table(title, settings, {"FACEPIPE_CAMERA": host}, found))
        problems += found
    known = [f.metadata["env"] for _, settings, _ in sections for f in attrs.fields(settings)]
    known += _OTHER_VARIABLES
    for name in sorted(environ):
        if name.startswith("FACEPIPE_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            hint = f"; did you mean {near[0]}?" if near else ""
            click.echo(f"Warning: {name} is no setting of facepipe{hint}", err=True)
    for problem in problems:
        click.echo(f"Problem: {problem}", err=True)
    if problems:
        sys.exit(1)
    click.echo("All settings make sense.")


def _settings_table(
    title: str, settings: Any, defaults: dict[str, str], problems: list[str]
) -> Table:
    from facepipe_io.edge.cameras import without_secrets

    table = Table(title=title, title_justify="left", box=rich.box.SIMPLE_HEAD)
    table.add_column("variable", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("meaning")
    for field in attrs.fields(settings):
        env = field.metadata["env"]
        value = os.environ.get(env, "").strip()
        if env in ("FACEPIPE_SOURCE", "FACEPIPE_BUS"):
            value = without_secrets(value)
        default = defaults.get(env, field.default)
        if any(problem.startswith(env + " ") for problem in problems):
            shown = f"[bold red]wrong: {escape(value)}[/]" if value else "[bold red]missing[/]"
        elif value:
            shown = f"[bold]{escape(value)}[/]"
        elif default is None:
            shown = "[dim]not set[/]"
        else:
            shown = f"{escape(str(default))} [dim](default)[/]"
        table.add_row(env, shown, escape(field.metadata["help"]))
    return table


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


class _Display:
    """The progress of a run, on stderr.

    Args:
        page: the URL of the page that shows it; empty where there is none.
    """

    def __init__(self, page: str = "") -> None:
        self._page = page
        self._console = Console(stderr=True)
        self._progress: Progress | None = None
        self._task: Any = None

    def __enter__(self) -> _Display:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def opened(self, camera: Camera) -> None:
        """Begin, now that the length is known, or known to be unknown."""
        known = camera.total is not None
        ends = [BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
        endless = [TextColumn("{task.completed} frames,"), TimeElapsedColumn()]
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            *(ends if known else endless),
            TextColumn("{task.fields[found]}", markup=False),
            console=self._console,
        )
        name = Path(camera.source).name  # a camera keeps no secret in its source
        self._task = self._progress.add_task(name, total=camera.total, found="")
        if self._page:
            # The token is for who sits here: what is no terminal may be a log.
            page = self._page if self._console.is_terminal else self._page.partition("?")[0]
            self._console.print(f"Live page: {page}", markup=False, highlight=False, soft_wrap=True)
        if camera.live:
            self._console.print("Ctrl-C ends it, with a report.")
        self._progress.start()

    def update(self, stats: Stats) -> None:
        """Show the figures so far."""
        if self._progress is not None:
            things = f", objects {stats.things}" if stats.things else ""
            found = f"people {stats.people}{things}, crops {stats.crops}"
            if stats.last_error:
                found += f"; {stats.last_error}"
            self._progress.update(self._task, completed=stats.frames, found=found)


def _print_summary(summary: Summary, out: Path, report_path: Path) -> None:
    from facepipe_io.local.report import headline
    from facepipe_io.local.words import human_bytes, human_seconds, plural

    console = Console()
    run = summary.run
    people = [
        (p.track, f"{p.dominant} {p.emotions[p.dominant]:.0f}%", str(out / p.best.key))
        for p in summary.people
    ]
    objects = [(o.track, o.label, str(out / o.best.key)) for o in summary.objects]
    _print_seen(console, "person", "emotion", people)
    _print_seen(console, "object", "label", objects)
    console.print(f"[bold]{escape(headline(summary))}.[/]")
    found = [] if summary.objects_alone else [plural(run.faces, "face")]
    if run.objects or run.of_objects:
        found.append(f"{plural(run.objects, 'sighting')} of objects")
    console.print(
        f"{plural(run.frames, 'frame')} in {human_seconds(run.seconds)}, {', '.join(found)}, "
        f"{plural(run.crops, 'crop')} of {human_bytes(run.bytes_sent)}",
        highlight=False,
    )
    calls = summary.calls_saved
    if summary.bytes_saved is not None and (calls is not None or summary.objects):
        console.print(
            f"saved {summary.bytes_saved:.1%} of the bytes (all frames: about "
            f"{human_bytes(summary.bytes_of_frames)})"
            + ("" if calls is None else f" and {calls:.1%} of the calls"),
            highlight=False,
        )
    if not summary.objects_alone:
        console.print(f"[dim]{escape(run.limits)}[/]", highlight=False)
    console.print("Report:", end=" ")
    click.echo(report_path)


def _print_seen(console: Console, who: str, what: str, rows: list[tuple[int, str, str]]) -> None:
    """Print who or what was seen: the number in the run, what it is said to be, its best crop."""
    if not rows:
        return
    table = Table(box=rich.box.SIMPLE_HEAD)
    table.add_column(who, justify="right")
    table.add_column(what)
    table.add_column("best crop", no_wrap=True)
    for track, text, path in rows[:SHOWN_PEOPLE]:
        table.add_row(str(track), escape(text), escape(path))
    # Paths are to be copied: a line may be wider than the terminal, but is not broken.
    width = 24 + sum(max(map(cell_len, column)) for column in list(zip(*rows))[1:])
    Console(width=max(console.width, width)).print(table)
    if len(rows) > SHOWN_PEOPLE:
        console.print(f"and {len(rows) - SHOWN_PEOPLE} more")
