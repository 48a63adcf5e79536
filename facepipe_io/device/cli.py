"""`facepipe device`: keys and bundles for cameras."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import click
import rich.box
from rich.console import Console
from rich.table import Table

_DIR = click.option(
    "--dir",
    "parent",
    type=click.Path(path_type=Path),
    default=Path("devices"),
    show_default=True,
    help="Folder in which each camera has one of its own.",
)


@click.group(short_help="Get facepipe onto a device.")
def device() -> None:
    """Get facepipe onto a device: a key, then a bundle to install it from.

    \b
    Examples:
      facepipe device new hall-1
      facepipe device bundle hall-1 --source 0
    """  # noqa: D301 - click wants a real \b


@device.command()
@click.argument("name")
@_DIR
def new(name: str, parent: Path) -> None:
    """Make a private key, and the request that Terraform has a certificate made for.

    The key stays on this machine until it is bundled, and is overwritten by nothing.

    \b
    Example:
      facepipe device new hall-1
    """  # noqa: D301 - click wants a real \b
    from facepipe_io.device.keys import CameraFiles, make_key

    files = CameraFiles(parent, name)
    make_key(files)
    terraform = Path("terraform")
    path = files.request.resolve()
    if terraform.is_dir():
        path = Path(os.path.relpath(path, terraform.resolve()))
    entry = f"{json.dumps(name)} = {json.dumps(str(path), ensure_ascii=False)}"
    bundle = ["facepipe", "device", "bundle", name]
    if parent != Path("devices"):
        bundle += ["--dir", str(parent)]
    click.echo(
        f"Made {files.key}, which is private, and {files.request}. Next:\n"
        "\n"
        "1. Put this into terraform/terraform.tfvars, beside the cameras that are there:\n"
        f"     cameras = {{ {entry} }}\n"
        "2. Have the certificate made:\n"
        "     terraform -chdir=terraform apply\n"
        "3. Make the bundle, with the camera's source:\n"
        f"     {shlex.join(bundle)} --source 0"
    )


@device.command()
@click.argument("name")
@_DIR
@click.option(
    "--terraform",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("terraform"),
    show_default=True,
    help="Where `terraform apply` was run; its outputs are asked for.",
)
@click.option(
    "--outputs",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What `terraform output -json` said, to be read instead.",
)
@click.option("--source", default="0", show_default=True, help="FACEPIPE_SOURCE of the device.")
@click.option("--detector", help="FACEPIPE_DETECTOR of the device.")
@click.option(
    "--model",
    "models",
    metavar="PATH",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The detector's model, to be packed. Once more for each file that has to lie beside it.",
)
@click.option(
    "--set",
    "assignments",
    metavar="NAME=VALUE",
    multiple=True,
    help="Any other setting of the device; `facepipe check` lists them.",
)
@click.option(
    "--wheel",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="facepipe's wheel; by default built from the sources that this command runs from.",
)
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="The bundle.")
def bundle(
    name: str,
    parent: Path,
    terraform: Path,
    outputs: Path | None,
    source: str,
    detector: str | None,
    models: tuple[Path, ...],
    assignments: tuple[str, ...],
    wheel: Path | None,
    out: Path | None,
) -> None:
    """Pack all that a device needs: program, settings, certificate and private key.

    On a DeepLens, name the model that is there with --set FACEPIPE_MODEL=..., and awscam as source.

    \b
    Examples:
      facepipe device bundle hall-1 --source 0 --model face_detection_yunet_2023mar.onnx
      facepipe device bundle door --source rtsp://10.0.0.7/1 --set FACEPIPE_RESEND_SECONDS=30
    """  # noqa: D301 - click wants a real \b
    from facepipe_io.device.bundle import bundle_entries, write_bundle
    from facepipe_io.device.keys import CameraFiles
    from facepipe_io.device.stack import ask_terraform, read_outputs
    from facepipe_io.device.wheel import build_wheel, fetch_pip, read_wheel

    files = CameraFiles(parent, name)
    settings = {"FACEPIPE_SOURCE": source}
    if detector:
        settings["FACEPIPE_DETECTOR"] = detector
    for assignment in assignments:
        variable, equals, value = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes NAME=VALUE, and not {assignment!r}")
        settings[variable] = value
    stack = ask_terraform(terraform) if outputs is None else read_outputs(outputs)
    # Checked before the wheel is built, which takes its time.
    entries = bundle_entries(files, stack, settings=settings, models=models)
    entries += [read_wheel(wheel) if wheel else build_wheel(), fetch_pip()]
    out = out or files.bundle
    folder = f"facepipe-{name}"
    write_bundle(out, folder, entries)

    table = Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("file", no_wrap=True)
    table.add_column("bytes", justify="right")
    table.add_column("what it is")
    for entry in sorted(entries, key=lambda entry: entry.name):
        table.add_row(entry.name, f"{len(entry.data):,}", entry.about)
    Console(markup=False, highlight=False).print(table)
    unpack = shlex.join(["tar", "xzf", f"./{out.name}"])
    remove = shlex.join(["rm", "-r", f"./{folder}", f"./{out.name}"])
    install = f"{unpack} && sudo sh ./{folder}/install.sh && {remove}"
    click.echo(
        f"Made {out}. It holds the camera's private key: whoever has it can pass for the camera.\n"
        "Install it, as a user of the device who may use sudo:\n"
        "\n"
        f"  scp {shlex.quote(str(out))} USER@DEVICE:\n"
        f"  ssh -t USER@DEVICE {shlex.quote(install)}"
    )
