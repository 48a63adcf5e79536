"""`facepipe deploy`: a model is tried, and published for devices."""

from __future__ import annotations

import re
import shlex
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import rich.box
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from facepipe_io.errors import ModelError, SettingsError, StoreError

if TYPE_CHECKING:
    from facepipe.models import ModelPointer
    from facepipe_io.edge.detectors.base import Detector
    from facepipe_io.training.publish import PackedModel
    from facepipe_io.training.trial import Trial

# Of the contact sheet.
MAX_SHOWN = 24
COLUMNS = 4

_S3_ARCHIVE = re.compile(r"s3://([^/]+)/(.*\.tar\.gz)\Z")
_JOB = re.compile(r"(?:.*/)?([^/]+)/output/model\.tar\.gz\Z")


@click.command()
@click.argument("model", required=False)
@click.option(
    "--labels",
    "labels_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What it finds, one a line, in the order of its classes; by default the .txt file of its "
    "name beside it. Of a training job, the classes.txt of its data set.",
)
@click.option("--name", help="The model's name for devices; by default its file's or its job's.")
@click.option(
    "--detector",
    type=click.Choice(["onnx", "ssd", "yunet"]),
    default="onnx",
    show_default=True,
    help="What runs an .onnx file: onnx for the YOLO family, ssd for one that this command made.",
)
@click.option(
    "--try",
    "tried",
    metavar="PATH",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A picture, or a folder of pictures, to try it on. Once more for each.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("deploy"),
    show_default=True,
    help="Folder for what is made.",
)
@click.option("--to", metavar="s3://BUCKET", help="The bucket that devices look into.")
@click.option(
    "--terraform",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where `terraform apply` was run: publish in the bucket that it made.",
)
@click.option(
    "--outputs",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What `terraform output -json` said: likewise.",
)
@click.option(
    "--mxnet",
    metavar="PYTHON",
    help="Of an environment with MXNet: a training job's model becomes one for any device. By "
    "default .venv-mxnet/bin/python, if that is there.",
)
@click.option(
    "--rollback", is_flag=True, help="Have devices use the version before the published one again."
)
def deploy(
    model: str | None,
    labels_file: Path | None,
    name: str | None,
    detector: str,
    tried: tuple[Path, ...],
    out: Path,
    to: str | None,
    terraform: Path | None,
    outputs: Path | None,
    mxnet: str | None,
    rollback: bool,
) -> None:
    """Try MODEL on pictures, and publish it for devices.

    MODEL is an .onnx file, or the model.tar.gz of a SageMaker training job of the built-in object
    detection, here or in S3. The latter's training layers are taken off, for AWS DeepLens and
    others that run MXNet; with --mxnet it becomes an .onnx file, too, and is published like one.

    Devices whose FACEPIPE_MODEL names the model take a new version up within five minutes, and go
    back by themselves when it does not work.

    \b
    Examples:
      facepipe deploy bottles.onnx --try pictures
      facepipe deploy bottles.onnx --try pictures --to s3://deeplens-faces
      facepipe deploy model.tar.gz --name bottles --labels bottles/classes.txt
      facepipe deploy --rollback --name bottles --to s3://deeplens-faces
    """  # noqa: D301 - click wants a real \b
    if sum(given is not None for given in (to, terraform, outputs)) > 1:
        raise click.UsageError("give one of --to, --terraform and --outputs")
    bucket = _bucket(to, terraform, outputs)
    if rollback:
        if name is None or model is not None or bucket is None:
            raise click.UsageError("--rollback takes --name and a bucket, and no MODEL besides")
        _roll_back(bucket, name)
        return
    if model is None:
        raise click.UsageError("name the MODEL: an .onnx file, or a training job's model.tar.gz")

    from facepipe.errors import PointerError
    from facepipe.models import check_model_name
    from facepipe_io.edge.classifiers import read_labels
    from facepipe_io.edge.detectors.base import labels_beside

    try:
        name = check_model_name(name or _name_of(model))
    except PointerError as error:
        raise SettingsError([f"{error}; give it one with --name"]) from error
    labels = None if labels_file is None else read_labels(str(labels_file))
    if model.endswith(".tar.gz"):
        onnx = _from_training(model, name, labels, out, mxnet, needed=bucket is not None)
        if onnx is None:
            return
        path, detector = onnx, "ssd"
    elif model.lower().endswith(".onnx") and not model.startswith("s3://"):
        path = Path(model)
    else:
        reason = "it is neither an .onnx file here nor a .tar.gz; give a model of these kinds"
        raise ModelError(model, reason)
    if detector == "yunet":
        if labels is not None:
            raise click.UsageError("--labels are not for yunet, which finds faces alone")
    elif labels is None:
        labels = labels_beside(str(path))
    if labels is None and detector == "onnx":
        _warn("there are no labels: all that it finds is taken for faces. Give --labels")

    from facepipe_io.training.publish import pack_model
    from facepipe_io.training.trial import pictures_in

    pictures = pictures_in(tried)
    packed = pack_model(path, out, name=name, detector=detector, labels=labels)
    trials = _try(path, packed, pictures)
    if trials:
        _show(trials, out)
    else:
        click.echo("It opens, but was tried on a blank picture alone. Add --try PICTURES.")
    _publish(packed, bucket, out)


def _bucket(to: str | None, terraform: Path | None, outputs: Path | None) -> str | None:
    from facepipe_io.device.stack import ask_terraform, read_outputs
    from facepipe_io.training.publish import parse_bucket

    if to is not None:
        return parse_bucket(to)
    if terraform is not None:
        return ask_terraform(terraform).bucket
    return None if outputs is None else read_outputs(outputs).bucket


def _name_of(model: str) -> str:
    """A job's name, where the model lies as the job left it, else the file's."""
    job = _JOB.match(model)
    if job is not None:
        return job[1]
    file = Path(model).name
    return file[: -len(".tar.gz")] if file.endswith(".tar.gz") else Path(file).stem


def _from_training(
    model: str,
    name: str,
    labels: tuple[str, ...] | None,
    out: Path,
    mxnet: str | None,
    *,
    needed: bool,
) -> Path | None:
    """Strip a training job's model; the .onnx file that it becomes, if MXNet is there."""
    from facepipe_io.training.onnx_export import DEFAULT_PYTHON, MAKE_ENVIRONMENT, export_onnx
    from facepipe_io.training.package import strip_archive

    with tempfile.TemporaryDirectory() as folder:
        archive = model
        if model.startswith("s3://"):
            archive = str(Path(folder, "model.tar.gz"))
            _fetch(model, Path(archive))
        stripped = strip_archive(archive, str(out), prefix=name, labels=labels)
    click.echo(f"Made {stripped.archive}, for AWS DeepLens and others that run MXNet.")
    if not stripped.changed:
        click.echo("It had no training layers.")
    if mxnet is None and not Path(DEFAULT_PYTHON).exists():
        reason = (
            "For all other devices it has to become an .onnx file, which takes MXNet. Make an "
            f"environment with it in this folder, and do this again:\n\n  {MAKE_ENVIRONMENT}"
        )
        if needed:
            raise click.ClickException(f"nothing is published. {reason}")
        click.echo(reason)
        return None
    if labels is None:
        problem = "say what it finds: --labels takes the classes.txt of the data set that it is of"
        raise SettingsError([problem])
    if stripped.side is None:
        reason = "its archive does not tell its pictures' size; put back its hyperparams.json"
        raise ModelError(model, reason)
    with Console(stderr=True).status("MXNet makes it an .onnx file"):
        made = export_onnx(
            str(stripped.symbol),
            str(stripped.parameters),
            str(out / f"{name}.onnx"),
            side=stripped.side,
            labels=labels,
            mxnet=mxnet,
        )
    click.echo(f"Made {made.path}.")
    return made.path


def _fetch(model: str, archive: Path) -> None:
    from facepipe_io.training.publish import fetch_archive

    found = _S3_ARCHIVE.match(model)
    if found is None:
        raise SettingsError([f"in S3 a model is named s3://BUCKET/KEY.tar.gz, and not {model!r}"])
    with _Bytes("fetching") as shown:
        fetch_archive(_s3(), found[1], found[2], archive, shown.update)


def _try(model: Path, packed: PackedModel, pictures: list[Path]) -> list[Trial]:
    """Open the model as a device does, out of the archive, and try it."""
    from facepipe_io.edge.detectors import open_detector
    from facepipe_io.edge.models.archives import unpack
    from facepipe_io.training.trial import try_out

    version = packed.version
    with tempfile.TemporaryDirectory() as folder:
        unpack(str(packed.archive), str(Path(folder, "model")))
        onnx = str(Path(folder, "model", f"{version.name}.onnx"))
        try:
            detector: Detector = open_detector(version.detector, onnx)
        except ModelError as error:  # not by the name of a copy that is gone by then
            raise ModelError(str(model), error.reason) from error
        if not pictures:
            return []
        progress = Progress(
            TextColumn("trying"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True)
        )
        with progress:
            return list(progress.track(try_out(detector, pictures), total=len(pictures)))


def _show(trials: list[Trial], out: Path) -> None:
    """Tell what was found, and draw it."""
    from facepipe_io.training.contact_sheet import contact_sheet

    table = Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("picture", overflow="fold")
    table.add_column("found, and the best score", overflow="fold")
    table.add_column("ms", justify="right")
    for trial in trials:
        table.add_row(trial.path.name, trial.summary or "nothing", f"{trial.milliseconds:.0f}")
    Console(markup=False, highlight=False).print(table)
    preview = out / "preview.jpg"
    try:
        preview.write_bytes(contact_sheet([trial.drawn for trial in trials[:MAX_SHOWN]], COLUMNS))
    except OSError as error:
        raise StoreError(str(preview), error.strerror or str(error)) from error
    which = f"the first {MAX_SHOWN} are" if len(trials) > MAX_SHOWN else "they are"
    click.echo(f"With boxes, {which} in {preview}.")
    if not any(trial.found for trial in trials):
        _warn("it found nothing on any picture. Is it the right model, --detector and --labels?")


def _publish(packed: PackedModel, bucket: str | None, out: Path) -> None:
    from facepipe.models import ModelPointer, format_pointer, pointer_key
    from facepipe_io.training.publish import publish

    version, now = packed.version, datetime.now(timezone.utc)
    if bucket is not None:
        with _Bytes("uploading") as shown:
            pointer = publish(_s3(), bucket, packed, now, shown.update)
        _tell(bucket, pointer)
        return
    path = out / pointer_key(version.name)
    try:
        path.write_text(format_pointer(ModelPointer(version, now)), "utf-8")
    except OSError as error:
        raise StoreError(str(path), error.strerror or str(error)) from error
    click.echo(
        f"Made {packed.archive}\nand {path}. Nothing is published yet: do so by this command with "
        "--to s3://BUCKET or --terraform terraform."
    )


def _roll_back(bucket: str, name: str) -> None:
    from facepipe_io.training.publish import roll_back

    _tell(bucket, roll_back(_s3(), bucket, name, datetime.now(timezone.utc)))


def _tell(bucket: str, pointer: ModelPointer) -> None:
    from facepipe.models import pointer_key

    version, previous = pointer.version, pointer.previous
    before = "" if previous is None else f", in the place of {previous.sha256[:12]}"
    setting = f"FACEPIPE_MODEL=s3://{bucket}/{pointer_key(version.name)}"
    bundle = shlex.join(["facepipe", "device", "bundle", "CAMERA", "--set", setting])
    click.echo(
        f"Published {version.name} {version.sha256[:12]}{before}.\n"
        "Devices that are set so take it up within five minutes:\n"
        "\n"
        f"  {setting}\n"
        "\n"
        "A new device gets this setting with its bundle:\n"
        "\n"
        f"  {bundle}"
    )


def _warn(text: str) -> None:
    click.echo(f"Warning: {text}.", err=True)


def _s3() -> Any:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    retries: Any = {"mode": "standard", "max_attempts": 4}
    try:
        return boto3.client("s3", config=Config(retries=retries))
    except BotoCoreError as error:
        raise SettingsError([f"boto3 cannot reach S3: {error}"]) from error


class _Bytes:
    """How far a transfer is, on stderr."""

    def __init__(self, what: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task(what, total=None)

    def __enter__(self) -> _Bytes:
        self._progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._progress.stop()

    def update(self, done: int, total: int) -> None:
        """Show how far it is."""
        self._progress.update(self._task, completed=done, total=total)
