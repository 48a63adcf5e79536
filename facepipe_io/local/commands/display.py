"""What `facepipe run` shows on a terminal: its progress, and at the end what it found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from facepipe_io.edge.cameras import Camera
    from facepipe_io.edge.stats import Stats
    from facepipe_io.local.summary import Summary

#: How many lines of people the table at the end of a run has at most.
SHOWN_PEOPLE = 30


class Display:
    """The progress of a run, on stderr.

    Args:
        page: the URL of the page that shows it; empty where there is none.
    """

    def __init__(self, page: str = "") -> None:
        self._page = page
        self._console = Console(stderr=True)
        self._progress: Progress | None = None
        self._task: Any = None

    def __enter__(self) -> Display:
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


def print_summary(summary: Summary, out: Path, report_path: Path) -> None:
    """Say who was seen, what it took, and where the report is."""
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
