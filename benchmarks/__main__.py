"""Every figure in one table: ratios to peers in one run, and how cost grows with size.

    python -m benchmarks [--only nms,crops] [--seconds 1] [--write docs]

A figure left of its peer's was measured in turns with it, in this run. `facepipe / peer` is the
median of the rounds' ratios and, in brackets, their middle half; less is better, but where an arrow
says that more is. An exponent is that of `cost ~ size ** exponent`, fitted round by round.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import Progress

from benchmarks.charts import write_charts
from benchmarks.figures import Growth, Ratio
from benchmarks.table import markdown, show

#: Modules with a `figures(seconds)` that yields `Ratio` and `Growth`.
GROUPS = (
    "nms",
    "boxes",
    "detections",
    "crops",
    "choosing",
    "growth",
    "agent",
    "spool",
    "scorer",
    "backlog",
)
BEGIN, END = "<!-- made by make bench -->\n", "<!-- until here -->"


def measure(groups: list[str], seconds: float, console: Console) -> list[Ratio | Growth]:
    """Everything, with what is under way on the console."""
    measured: list[Ratio | Growth] = []
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=len(groups))
        for name in groups:
            progress.update(task, description=name)
            for each in importlib.import_module(f"benchmarks.{name}").figures(seconds):
                measured.append(each)
                progress.update(task, description=f"{name}: {each.what}")
            progress.advance(task)
    return measured


def machine() -> str:
    """What it was measured on, and with."""
    return (
        f"CPython {platform.python_version()}, NumPy {np.__version__}, OpenCV {cv2.__version__}, "
        f"{platform.machine()}"
    )


def write(measured: list[Ratio | Growth], docs: Path) -> None:
    """Put the table into `figures.md` between its marks, and the charts beside the other images."""
    page = docs / "figures.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{machine()}.\n\n{markdown(measured)}\n{END}{after}")
    write_charts(measured, docs / "images")


def main() -> None:
    """Measure, print, and write if asked to."""
    summary, _, more = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=summary,
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", help="groups, with commas between: " + ", ".join(GROUPS))
    parser.add_argument("--seconds", type=float, default=1.0, help="for each line of the table")
    parser.add_argument("--write", type=Path, metavar="DOCS", help="folder with figures.md")
    options = parser.parse_args()
    groups = options.only.split(",") if options.only else list(GROUPS)
    unknown = sorted(set(groups) - set(GROUPS))
    if unknown:
        parser.error(f"no group {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    if options.only and options.write:
        parser.error("figures.md has every group: --write goes without --only")
    cv2.setNumThreads(1)
    measured = measure(groups, options.seconds, Console(stderr=True))
    show(measured, Console(width=None if sys.stdout.isatty() else 170))
    if options.write:
        write(measured, options.write)


if __name__ == "__main__":
    main()
