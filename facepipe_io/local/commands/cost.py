"""`facepipe cost`: what a fleet costs a month."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Sequence

import attrs
import click
import rich.box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from facepipe.costs import MODES, Workload
from facepipe.errors import CostsError

if TYPE_CHECKING:
    from decimal import Decimal

    from facepipe.costs import Bill, Line, PriceList
    from facepipe_io.local.store import Run


#: Of a shorter run, or of fewer people (of 30 who come by chance, 11 more or less may come the next
#: time), nobody knows what a month is like.
LEAST_SECONDS, LEAST_PEOPLE = 600, 30


def _figure(option: str, field: str, help: str) -> Callable[[Any], Any]:  # noqa: A002
    """An option for a field of `Workload`, whose own check says what is wrong with a value."""
    default = attrs.fields_dict(Workload)[field].default
    if default is not None:
        help = f"{help[:-1]}; {default:,g} by default."  # noqa: A001
    whole = field in ("cameras", "max_concurrency")
    return click.option(option, field, metavar="N", type=int if whole else float, help=help)


@click.command(short_help="What a fleet of cameras costs a month in AWS.")
@_figure("--cameras", "cameras", "How many there are.")
@_figure("--hours", "hours", "A day, for which they look.")
@_figure("--days", "days", "A month, on which they do.")
@_figure("--people", "people_per_hour", "Who pass each camera in an hour.")
@_figure("--seconds", "seconds_in_view", "For how long each of them is in view.")
@_figure("--resend-seconds", "resend_seconds", "One crop per person per this long.")
@_figure(
    "--every-face",
    "crops_a_second",
    "Score every face so many times a second instead, as a camera without a policy does.",
)
@_figure("--fps", "fps", "Frames that each camera looks at in a second.")
@_figure(
    "--moving",
    "moving",
    "Share of the frames, 0 to 1, in which something moves; by default those in which somebody is.",
)
@_figure("--crop-bytes", "crop_bytes", "Of a crop.")
@_figure("--frame-bytes", "frame_bytes", "Of a whole frame.")
@_figure("--peak", "peak", "How many times the mean the busiest hour has.")
@_figure("--max-concurrency", "max_concurrency", "Crops scored at once, as told to Terraform.")
@click.option(
    "--mode",
    type=click.Choice(MODES),
    help="Where faces are looked for: on the device; at an endpoint; at one that cuts the crops, "
    "too. All of them by default.",
)
@click.option(
    "--from-run",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Take people an hour, their time in view, crops and bytes from the run begun last in DIR.",
)
@click.option(
    "--prices",
    "prices_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Another price list; by default that of us-east-1 in November 2026.",
)
@click.option(
    "--chart",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Draw dollars over the number of cameras, as .png or .svg.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def cost(
    mode: str | None,
    from_run: Path | None,
    prices_file: Path | None,
    chart: Path | None,
    as_json: bool,
    **figures: float | None,
) -> None:
    """Show what a fleet of cameras costs a month in AWS, by line, and what its busiest hour needs.

    Before free tiers, taxes and discounts. What depends on how things fall together is counted as
    the most that it can be; facepipe.costs says how.

    \b
    Examples:
      facepipe cost
      facepipe cost --cameras 40 --hours 10 --people 600 --resend-seconds 30
      facepipe cost --from-run out --cameras 10 --chart cost.png
      facepipe cost --mode edge --json | jq .modes.edge.dollars
    """  # noqa: D301 - click wants a real \b
    from facepipe_io.local import bill

    changes = {name: value for name, value in figures.items() if value is not None}
    if {"crops_a_second", "resend_seconds"} <= set(changes):
        raise click.UsageError("--every-face is instead of --resend-seconds: leave one of them out")
    run: Run | None = None
    found: dict[str, Any] = {}
    if from_run is not None:
        run, found = bill.run_workload(from_run)
    try:
        workload = Workload(**bill.with_changes(found, changes))
    except CostsError as error:
        field, _, rest = error.reason.partition(" ")
        options = {each.name: each.opts[0] for each in click.get_current_context().command.params}
        raise click.ClickException(f"{options.get(field, field)} {rest}") from error
    prices = bill.read_prices(prices_file or bill.PRICES_FILE)
    bills = bill.bills_of(workload, prices, mode)
    if chart is not None:
        from facepipe_io.local.bill_chart import write_chart

        write_chart(chart, workload, prices, mode)
    if as_json:
        click.echo(json.dumps(bill.as_json(bills, prices), indent=2))
        return
    _print(bills, prices, run, bill.advice(bills, prices))
    if chart is not None:
        click.echo(chart)


def _print(bills: Sequence[Bill], prices: PriceList, run: Run | None, advice: list[str]) -> None:
    console = Console(highlight=False)
    if run is not None:
        seconds = run.recorded_seconds
        console.print(
            f"As in the run {run.run}, {seconds:,.0f} seconds of {run.source}.", markup=False
        )
        if seconds < LEAST_SECONDS or run.people < LEAST_PEOPLE:
            console.print(
                f"Too short to tell of a month: give it {LEAST_SECONDS / 60:.0f} minutes and "
                f"{LEAST_PEOPLE} people, or say --people and --seconds.",
                style="yellow",
            )
    console.print(_fleet(bills[0]), markup=False)
    console.print(_table(bills))
    console.print(_peak(bills[0]), markup=False)
    for sentence in advice:
        console.print(f"[bold red]Too much:[/] {escape(sentence)}")
    console.print(
        f"Prices of {prices.region}, {prices.date}, before free tiers and taxes.",
        markup=False,
        style="dim",
    )


def _fleet(bill: Bill) -> str:
    w = bill.workload
    cameras = "1 camera" if w.cameras == 1 else f"{w.cameras:,} cameras"
    return (
        f"{cameras}, {w.hours:g} hours a day on {w.days:g} days, {w.people_per_hour:,.0f} people "
        f"an hour at each, {w.seconds_in_view:.2g} s in view:\n"
        f"{bill.people:,.0f} people, {bill.crops:,.0f} crops."
    )


def _table(bills: Sequence[Bill]) -> Table:
    # As narrow as can be: it has to fit into 80 columns.
    table = Table(
        title="Dollars a month",
        title_justify="left",
        box=rich.box.SIMPLE,
        show_footer=True,
        padding=(0, 1, 0, 0),
    )
    foot = ["[bold]in all[/]", "paid in any case", "a person seen", "GB sent up"]
    table.add_column("", no_wrap=True)
    table.add_column("", "\n".join(foot), no_wrap=True)
    table.add_column("quantity", justify="right", no_wrap=True)
    for each in bills:
        person = each.dollars_per_person
        foot = [
            f"[bold]{_dollars(each.total)}[/]",
            _dollars(each.fixed),
            "-" if person is None else f"{person:.4f}",
            _count(each.bytes_up / 1e9),
        ]
        table.add_column(each.workload.mode, "\n".join(foot), justify="right", no_wrap=True)
    service = ""
    for lines in zip(*(each.lines for each in bills)):
        line: Line = lines[0]
        if not any(each.quantity for each in lines):
            continue
        shown = "" if line.service == service else line.service
        service = line.service
        quantities = dict.fromkeys(_count(each.quantity) for each in lines if each.quantity)
        dollars = [_dollars(each.dollars) if each.quantity else "-" for each in lines]
        table.add_row(shown, line.what, "/".join(quantities), *dollars)
    return table


def _peak(bill: Bill) -> str:
    w = bill.workload
    share = 100 * bill.peak_calls / bill.quota
    reached = "" if bill.quota_cameras is None else f", enough for {bill.quota_cameras:,} cameras"
    return (
        f"Busiest hour: {bill.peak_calls:,.1f} calls a second, {share:,.0f} % of the quota of "
        f"{bill.quota:g}{reached}; {bill.concurrency:,.1f} crops scored at once, of "
        f"{w.max_concurrency}."
    )


def _dollars(amount: Decimal) -> str:
    if amount >= 10**7:
        return _count(float(amount))
    if amount >= 10_000:
        return f"{amount:,.0f}"
    return f"{amount:,.2f}" if amount >= 0.005 or not amount else "<0.01"


def _count(number: float) -> str:
    """A quantity as a person reads it.

    Example:
        >>> [_count(number) for number in (0.0957, 13, 43.3333, 14400, 1_440_000)]
        ['0.096', '13', '43.3', '14,400', '1.44 M']
    """
    for size, word in ((1e12, "trn"), (1e9, "bn"), (1e6, "M")):
        if number >= size:
            digits = 2 if number < 10 * size else 1 if number < 100 * size else 0
            return f"{number / size:,.{digits}f} {word}"
    if number >= 100 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.3g}" if number >= 1 else f"{number:.2g}"
