"""The figures as one table: on a terminal, and as Markdown for the docs."""

from __future__ import annotations

from itertools import groupby
from typing import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Growth, Ratio


def figure(value: float) -> str:
    """Three digits, or whole where there are more."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(low: float, middle: float, high: float) -> str:
    """A figure, and its quartiles where they differ from it."""
    if low == high:
        return figure(middle)
    return f"{figure(middle)} ({figure(low)} to {figure(high)})"


def verdict(measured: Ratio | Growth) -> str:
    """What a reader wants to know first."""
    if isinstance(measured, Growth):
        return "" if measured.wins else f"above {measured.bound:g}"
    return "" if measured.wins else "behind"


def ratio_cells(each: Ratio) -> tuple[str, ...]:
    """A line of the table of ratios."""
    return (
        each.what,
        f"{figure(each.ours)} {each.unit}",
        f"{figure(each.theirs)} {each.unit}",
        each.peer,
        spread(each.low, each.ratio, each.high) + (" ↑" if each.more_is_better else ""),
        verdict(each),
    )


def growth_cells(each: Growth) -> tuple[str, ...]:
    """A line of the table of growth."""
    return (
        f"{each.group}: {each.what}",
        f"{each.sizes[0]:,.10g} to {each.sizes[-1]:,.10g} {each.size}",
        f"{figure(each.figures[0])} to {figure(each.figures[-1])} {each.unit}",
        spread(each.low, each.exponent, each.high),
        f"{each.bound:g}",
        verdict(each),
    )


RATIOS = ("", "facepipe", "peer", "", "facepipe / peer", "")
GROWTH = ("", "from, to", "takes", "exponent", "at most", "")


def tables(
    measured: Sequence[Ratio | Growth],
) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """A title, the columns' names and the lines of each table."""
    ratios = [each for each in measured if isinstance(each, Ratio)]
    for group, members in groupby(ratios, lambda each: each.group):
        yield group, RATIOS, [ratio_cells(each) for each in members]
    growths = [growth_cells(each) for each in measured if isinstance(each, Growth)]
    if growths:
        yield "how cost grows", GROWTH, growths


def show(measured: Sequence[Ratio | Growth], console: Console) -> None:
    """Print the tables as one, the columns of all equally wide."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(no_wrap=True)
    for name in RATIOS[1:]:
        table.add_column(name, overflow="fold")
    for index, (title, columns, lines) in enumerate(tables(measured)):
        if index:
            table.add_row()
        heads = columns[1:] if columns != RATIOS or index == 0 else ("",) * 5
        table.add_row(f"[bold]{title}[/]", *(f"[dim]{head}[/]" for head in heads))
        for line in lines:
            style = "yellow" if line[-1] else None
            table.add_row(f"  {line[0]}", *line[1:], style=style)
    table.show_header = False
    console.print(table)


def markdown(measured: Sequence[Ratio | Growth]) -> str:
    """The tables in Markdown, a heading above each."""
    parts = []
    for title, columns, lines in tables(measured):
        rows = [columns, ("---",) * len(columns), *lines]
        table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        parts.append(f"### {title}\n\n{table}\n")
    return "\n".join(parts)
