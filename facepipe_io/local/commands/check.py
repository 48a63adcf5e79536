"""`facepipe check`: the settings, what each means, and what is missing."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any, Callable

import attrs
import click
import rich.box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from facepipe_io.errors import SettingsError


@click.command()
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
    from facepipe_io.settings import load, misspelt

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
    for name, near in misspelt(environ, *(settings for _, settings, _ in sections)).items():
        hint = near and f"; did you mean {near}?"
        click.echo(f"Warning: {name} is no setting of facepipe{hint}", err=True)
    for problem in problems:
        click.echo(f"Problem: {problem}", err=True)
    if problems:
        click.echo("So no device or cloud function starts; facepipe run asks for less.", err=True)
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
