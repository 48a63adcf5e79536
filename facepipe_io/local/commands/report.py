"""`facepipe report`: the page on runs, and their figures for other programs."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from facepipe_io.local.gather import Gathered
    from facepipe_io.local.pictures import Pictures
    from facepipe_io.local.selection import Selection


def _moment(ctx: click.Context, param: click.Parameter, text: str | None) -> datetime | None:
    from facepipe_io.local.selection import parse_moment

    if text is None:
        return None
    try:
        return parse_moment(text, datetime.now(timezone.utc), end=param.name == "until")
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


@click.command(short_help="Write the page on runs; whose crowd was happier.")
@click.argument("folders", metavar="[DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Of one DIR, too, the page is about all.")
@click.option(
    "--run",
    "runs",
    metavar="ID",
    multiple=True,
    help="Only this run. Once more for each of several.",
)
@click.option(
    "--by",
    type=click.Choice(["camera", "run"]),
    help="What stands side by side; by default cameras, or runs where there is one camera or a "
    "--run.",
)
@click.option(
    "--camera",
    "cameras",
    metavar="NAME",
    multiple=True,
    help="Only this camera. Once more for each of several.",
)
@click.option(
    "--since",
    metavar="TIME",
    callback=_moment,
    help="Only what was taken then or later: 2026-11-20, 2026-11-20T14:30 (UTC; with +01:00 in "
    "another zone), or '2h ago'.",
)
@click.option(
    "--until",
    metavar="TIME",
    callback=_moment,
    help="Only what was taken before; of a day, before its end.",
)
@click.option(
    "--table",
    metavar="NAME",
    help="Read the cloud's records out of DynamoDB instead. It takes dynamodb:Scan on the table, "
    "or, with --camera, which reads that camera's alone, dynamodb:Query on its index by-camera; "
    "with a KMS key of your own kms:Decrypt, too.",
)
@click.option(
    "--bucket",
    metavar="NAME",
    help="Show crops out of this bucket: s3:GetObject on faces/*, and s3:ListBucket, without which "
    "those that have expired look like forbidden ones.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page; by default report.html in the first DIR, or, of a table, in this folder.",
)
@click.option(
    "--csv",
    "csv_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write one row for each crop, too; - is standard output. A cell that a spreadsheet would "
    "take for a formula begins with an apostrophe.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def report(
    folders: tuple[Path, ...],
    everything: bool,
    runs: tuple[str, ...],
    by: str | None,
    cameras: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    table: str | None,
    bucket: str | None,
    out: Path | None,
    csv_file: Path | None,
    as_json: bool,
) -> None:
    """Write a page on the runs in DIR, by default out, and on whose crowd was happier.

    Of one DIR the page is about the run begun last, with the others beside it. Of several, of a
    table, and with a --camera or a time, it is about all that fits. Of a recording that was run
    again into the same DIR the latest run counts, unless --run names others.

    AWS is reached as by any program: AWS_PROFILE, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL.

    \b
    Examples:
      facepipe report out
      facepipe report stage-a stage-b --out stages.html
      facepipe report out --since 2026-11-20T18:00+01:00 --csv evening.csv
      facepipe report --table rekognize-faces --bucket deeplens-faces --since '2h ago'
      facepipe report --table rekognize-faces --camera hall-1 --json | jq .side_by_side.answer
    """  # noqa: D301 - click wants a real \b
    from facepipe_io.local.comparison import compare
    from facepipe_io.local.crowds import crowds_by
    from facepipe_io.local.export import report_json, write_csv, write_csv_file
    from facepipe_io.local.gather import read_folders
    from facepipe_io.local.pictures import FolderPictures
    from facepipe_io.local.report import FILE_NAME, render, render_crowds, write_page
    from facepipe_io.local.selection import Selection
    from facepipe_io.local.summary import summarise

    to_stdout = csv_file == Path("-")
    _check_usage(
        (bool(table and folders), "--table NAME is instead of DIR: leave one of them out"),
        (bool(bucket and not table), "--bucket goes with --table: crops of DIR are in it"),
        (bool(everything and (table or runs)), "--all is of one DIR, and not for --table or --run"),
        (to_stdout and as_json, "--csv - and --json both print: write --csv to a file"),
        (
            bool(since and until and since >= until),
            "--since must be before --until: nothing is between them",
        ),
    )
    selection = Selection(since, until, tuple(dict.fromkeys(cameras)), tuple(dict.fromkeys(runs)))
    pictures: Pictures | None
    if table:
        gathered = _read_table(table, selection)
        pictures = _bucket_pictures(bucket) if bucket else None
        out = out or Path(FILE_NAME)
    else:
        folders = folders or (Path("out"),)
        gathered = read_folders(folders, selection)
        pictures = FolderPictures(gathered.folders)
        out = out or folders[0] / FILE_NAME
    if csv_file == out:
        raise click.UsageError("--csv names the page's own file: name another one")
    comparison = compare(*crowds_by(gathered, by or ("run" if runs else None)))
    document: dict[str, Any] = {}
    one_run = not (table or everything or selection.of_crops) and (
        len(gathered.runs) == 1 if runs else len({folder.resolve() for folder in folders}) == 1
    )
    if one_run:
        folder = gathered.folders[runs[0]] if runs else folders[0]
        summary = summarise(folder, runs[0] if runs else None)
        page = render(summary, folder, gathered, comparison)
        document = summary.as_json()
    else:
        page = render_crowds(gathered, comparison, selection, pictures)
    path = write_page(page, out)
    _warn(gathered, selection, pictures)
    if to_stdout:
        write_csv(gathered, sys.stdout)
    elif csv_file is not None:
        write_csv_file(gathered, csv_file)
    if as_json:
        document = {**report_json(gathered, comparison, selection), **document}
        click.echo(json.dumps({**document, "report": str(path)}, indent=2))
        return
    if len(comparison.sides) > 1 and gathered.people:
        click.echo(comparison.answer, err=True)
    click.echo(path, err=to_stdout)


def _check_usage(*mistakes: tuple[bool, str]) -> None:
    for wrong, message in mistakes:
        if wrong:
            raise click.UsageError(message)


def _read_table(table: str, selection: Selection) -> Gathered:
    from facepipe_io.local.table import read_table

    with _Display() as display:
        return read_table(_client("dynamodb"), table, selection, display.read)


def _bucket_pictures(bucket: str) -> Pictures:
    from facepipe_io.local.pictures import BucketPictures

    return BucketPictures(_client("s3"), bucket)


def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, NoRegionError

    from facepipe_io.errors import SettingsError

    retries: Any = {"mode": "standard", "max_attempts": 8}
    client: Any = boto3.client  # its overloads want the service's name
    try:
        return client(service, config=Config(retries=retries))
    except NoRegionError as error:
        raise SettingsError(["AWS_DEFAULT_REGION must be set, to the table's region"]) from error
    except (BotoCoreError, ValueError) as error:
        raise SettingsError([f"boto3 cannot make a client: {error}"]) from error


def _warn(gathered: Gathered, selection: Selection, pictures: Pictures | None) -> None:
    from facepipe_io.local.words import in_text, listed, plural

    there = {each.camera for each in gathered.records}
    missing = [in_text(name) for name in selection.cameras if name not in there]
    if missing:
        click.echo(f"Warning: no crop of camera {listed(missing)} fits", err=True)
    if gathered.skipped:
        count = plural(gathered.skipped, "record")
        click.echo(f"Warning: {count} left out, none of facepipe's or damaged", err=True)
    denied = getattr(pictures, "denied", 0)
    if denied:
        click.echo(
            f"Warning: S3 did not give out {plural(denied, 'crop')}: gone, or forbidden; to show "
            "them takes s3:GetObject on faces/*, to tell the two apart s3:ListBucket",
            err=True,
        )


class _Display:
    """Says on stderr how far it is."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("reading the table")

    def __enter__(self) -> _Display:
        self._progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._progress.stop()

    def read(self, count: int) -> None:
        """So many records were read."""
        self._progress.update(self._task, description=f"{count:,} records read")
