"""`facepipe dataset`: pictures and labels become what a model is trained on."""

from __future__ import annotations

import re
import shlex
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

import click
import rich.box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from facepipe.datasets import Finding
    from facepipe_io.training.dataset import Examined
    from facepipe_io.training.upload import Target

SHOWN = 20  # errors, and warnings


def _classes(_: Any, __: Any, text: str | None) -> tuple[str, ...]:
    from facepipe.labels import name_problem

    names = tuple(name.strip() for name in text.split(",")) if text is not None else ()
    for name in names:
        problem = name_problem(name)
        if problem is not None:
            raise click.BadParameter(f"a class's name {problem}, and {name!r} is none")
    if len(set(names)) < len(names):
        raise click.BadParameter("it names a class twice")
    return names


@click.command(short_help="Make a data set of labelled pictures.")
@click.argument("pictures", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--labels",
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    help="File or folder of the labels; by default they are looked for in PICTURES; those of VOC "
    "and YOLO in the folders beside it, too.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["coco", "voc", "yolo", "manifest"]),
    help="The labels' format; by default told by the files' names. manifest is Ground Truth's.",
)
@click.option(
    "--side",
    type=click.Choice(["300", "480", "512"]),
    default="512",
    show_default=True,
    help="Pixels of the squares that the pictures are fitted into, whole: nothing is cut off.",
)
@click.option(
    "--classes",
    metavar="A,B",
    callback=_classes,
    help="The classes that there are to be, in this order; by default those that have a box.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("dataset"),
    show_default=True,
    help="Folder for the data set. To one that is there, pictures are added, and those that are "
    "in it stay on their side.",
)
@click.option("--to", metavar="S3_URI", help="Upload it: s3://BUCKET/datasets/NAME.")
@click.option("--check", is_flag=True, help="Look for errors alone, and write nothing.")
def dataset(
    pictures: Path,
    labels: Path | None,
    kind: str | None,
    side: str,
    classes: tuple[str, ...],
    out: Path,
    to: str | None,
    check: bool,
) -> None:
    """Make a data set of PICTURES and their labels, to train a detector with.

    Labels are those of COCO (.json), Pascal VOC (.xml), YOLO (.txt, with classes.txt, obj.names or
    data.yaml) or SageMaker Ground Truth (.manifest). All is checked first, and nothing is written
    while there is an error. Pictures are JPEG, PNG, BMP or WebP; a fifth of each class is kept to
    judge the model by, the same ones every time.

    \b
    Examples:
      facepipe dataset pictures --check
      facepipe dataset pictures --labels instances.json --out bottles
      facepipe dataset pictures --out bottles --to s3://deeplens-faces/datasets/bottles
    """  # noqa: D301 - click wants a real \b
    from facepipe_io.training.dataset import Source, check_data_set, make_data_set
    from facepipe_io.training.upload import parse_target

    target = None if to is None else parse_target(to)
    source = Source(pictures, labels, kind, int(side), classes)
    with _Display() as display:
        if check:
            made = check_data_set(source, out, display.update)
        else:
            made = make_data_set(source, out, datetime.now(timezone.utc), display.update)
    _tell("Warning", made.warnings)
    if made.errors:
        _tell("Error", made.errors)
        count = _plural(len(made.errors), "error")
        raise click.ClickException(f"{count} to put right first; nothing was written")
    _print_table(made)
    if check:
        click.echo("No errors. Next, without --check, the data set itself:\n")
        click.echo(f"  {_again(source, out, to)}")
        return
    click.echo(f"Made {out}. See whether the boxes are right: {out / 'preview.jpg'}")
    if target is None:
        click.echo("Next, upload it:\n")
        click.echo(f"  {_again(source, out, 's3://BUCKET/datasets/' + _name(out))}")
        return
    _upload(out, target)
    click.echo("Next, train:\n")
    click.echo(f"  {shlex.join(['facepipe', 'train', str(out)])}")


def _upload(out: Path, target: Target) -> None:
    import boto3
    from botocore.config import Config

    from facepipe_io.training.upload import PARALLEL, upload_data_set

    retries: Any = {"mode": "standard", "max_attempts": 8}
    client = boto3.client("s3", config=Config(retries=retries, max_pool_connections=PARALLEL))
    with _Display() as display:
        done = upload_data_set(out, target, client, display.update)
    there = f", {done.there:,} were there" if done.there else ""
    size = f"{done.bytes_sent / 1e6:,.1f} MB"
    click.echo(f"Uploaded to {target}: {_plural(done.sent, 'file')}, {size}{there}.")


def _again(source: Any, out: Path, to: str | None) -> str:
    """The command that was typed, without --check, and with a place to upload to."""
    words = ["facepipe", "dataset", str(source.pictures)]
    words += ["--labels", str(source.labels)] if source.labels else []
    words += ["--format", source.format] if source.format else []
    words += ["--side", str(source.side)] if source.side != 512 else []
    words += ["--classes", ",".join(source.classes)] if source.classes else []
    words += ["--out", str(out)] if out != Path("dataset") else []
    words += ["--to", to] if to else []
    return shlex.join(words)


def _name(out: Path) -> str:
    """A folder's name, as it may stand in an address."""
    return re.sub("[^A-Za-z0-9]+", "-", out.resolve().name).strip("-") or "NAME"


def _tell(what: str, findings: Sequence[Finding]) -> None:
    """Errors or warnings on stderr, those of a file together."""
    by_file = sorted(findings, key=lambda finding: finding.file)
    for finding in by_file[:SHOWN]:
        click.echo(f"{what}: {finding.text}", err=True)
    if len(by_file) > SHOWN:
        click.echo(f"and {_plural(len(by_file) - SHOWN, 'more ' + what.lower())}", err=True)


def _print_table(made: Examined) -> None:
    table = Table(box=rich.box.SIMPLE_HEAD, show_footer=len(made.classes) > 1)
    counts = [
        (
            len(of_class),
            sum(picture.labels.labels.count(name) for picture in of_class),
            sum(made.sides[picture.digest] == "train" for picture in of_class),
            sum(made.sides[picture.digest] == "validation" for picture in of_class),
        )
        for name in made.classes
        for of_class in [[each for each in made.pictures if name in each.classes]]
    ]
    total = (
        len(made.pictures),
        sum(len(picture.labels.boxes) for picture in made.pictures),
        len(made.on("train")),
        len(made.on("validation")),
    )
    table.add_column("class", "all", overflow="fold")
    for column, figure in zip(("pictures", "boxes", "train", "validation"), total):
        table.add_column(column, f"{figure:,}", justify="right", no_wrap=True)
    for name, figures in zip(made.classes, counts):
        table.add_row(name, *(f"{figure:,}" for figure in figures))
    Console(markup=False, highlight=False).print(table)


def _plural(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


class _Display:
    """A bar for each thing that takes its time, on stderr."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Display:
        self._progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._progress.stop()

    def update(self, what: str, done: int, total: int) -> None:
        """Show how far it is."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done)
