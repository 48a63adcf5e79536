"""The `facepipe` command."""

from __future__ import annotations

import sys
from typing import Any

if sys.version_info < (3, 9):
    sys.exit("facepipe's command needs Python 3.9 or newer; the library runs here all the same")

try:
    import click
    import rich  # noqa: F401 - every command shows something
except ModuleNotFoundError as error:
    sys.exit(f"facepipe's command needs the package {error.name}: pip install 'facepipe[local]'")

from facepipe._version import __version__
from facepipe.errors import FacepipeError
from facepipe_io.device.cli import device
from facepipe_io.local.commands.check import check
from facepipe_io.local.commands.cost import cost
from facepipe_io.local.commands.report import report
from facepipe_io.local.commands.run import run
from facepipe_io.training.commands.dataset import dataset
from facepipe_io.training.commands.deploy import deploy
from facepipe_io.training.commands.train import train

# Which extra brings a package that a command needs.
_EXTRAS = {
    "boto3": "aws",
    "botocore": "aws",
    "certifi": "device",
    "cryptography": "device",
    "cv2": "headless",
}


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


for command in (check, cost, dataset, deploy, device, report, run, train):
    main.add_command(command)
