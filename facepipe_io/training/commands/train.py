"""`facepipe train`: a model from a data set, by SageMaker's built-in object detection."""

from __future__ import annotations

import json
import shlex
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from facepipe_io.errors import SettingsError
from facepipe_io.text import one_line

if TYPE_CHECKING:
    from facepipe_io.training.job import Plan
    from facepipe_io.training.watch import Progress, Result


@click.command(short_help="Train a model on a data set.")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--name", help="Of the model; by default the data set's.")
@click.option(
    "--role",
    metavar="ARN",
    help="The role that SageMaker takes on, instead of the one that Terraform made.",
)
@click.option("--region", help="Where, with --role or --follow; by default boto3's.")
@click.option(
    "--terraform",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("terraform"),
    show_default=True,
    help="Where `terraform apply` was run; its outputs are asked for, unless there is a --role.",
)
@click.option(
    "--outputs",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What `terraform output -json` said, to be read instead.",
)
@click.option(
    "--instance-type",
    metavar="TYPE",
    default="ml.g4dn.xlarge",
    show_default=True,
    help="Any with GPUs that the algorithm knows: of the families ml.g4dn, ml.g5 and ml.p3.",
)
@click.option("--epochs", type=int, default=50, show_default=True, help="Passes over the pictures.")
@click.option(
    "--set",
    "assignments",
    metavar="NAME=VALUE",
    multiple=True,
    help="A hyperparameter of the algorithm, such as mini_batch_size=8. Once more for each.",
)
@click.option(
    "--max-hours",
    type=float,
    default=6,
    show_default=True,
    help="A job that takes longer is stopped, and with it what it costs.",
)
@click.option("--image", metavar="IMAGE", help="The algorithm's image in ECR, instead of AWS's.")
@click.option(
    "--tune",
    is_flag=True,
    help="Try learning rates from 0.0001 to 0.01 and all optimizers, one job after another.",
)
@click.option(
    "--jobs",
    type=int,
    help="How many jobs --tune starts, 30 by default; 30 to 50 are a good number.",
)
@click.option("--watch", "watching", is_flag=True, help="Follow the job until it ends.")
@click.option("--follow", metavar="JOB", help="Follow a job that was started before; no DIR.")
@click.option("--dry-run", is_flag=True, help="Print the request as JSON, and send nothing.")
def train(
    folder: Path | None,
    name: str | None,
    role: str | None,
    region: str | None,
    terraform: Path,
    outputs: Path | None,
    instance_type: str,
    epochs: int,
    assignments: tuple[str, ...],
    max_hours: float,
    image: str | None,
    tune: bool,
    jobs: int | None,
    watching: bool,
    follow: str | None,
    dry_run: bool,
) -> None:
    """Train a model on the data set in DIR, which `facepipe dataset` made and uploaded.

    It costs money: SageMaker charges for the instance by the second, from its start to its end.

    \b
    Examples:
      facepipe train bottles --watch
      facepipe train bottles --tune --jobs 40
      facepipe train bottles --set mini_batch_size=8 --dry-run
      facepipe train --follow deeplens-bottles-20261120-093005 --region eu-west-1
    """  # noqa: D301 - click wants a real \b
    if follow is not None:
        if folder is not None or not follow:
            raise click.UsageError("--follow takes the name of a job, and no DIR besides")
        _follow(follow, region or _own_region())
        return
    if folder is None:
        raise click.UsageError("name the data set's folder, DIR, or a job to --follow")
    if jobs is not None and not tune:
        raise click.UsageError("--jobs is of --tune; without it there is one job")
    jobs = 30 if jobs is None else jobs

    from facepipe_io.training.job import training_request, tuning_request
    from facepipe_io.training.uploaded import read_data_set

    data_set = read_data_set(folder)
    plan = attrs.evolve(
        _place(role, region, terraform, outputs),
        name=name,
        instance_type=instance_type,
        epochs=epochs,
        hyperparameters=_pairs(assignments),
        image=image,
        max_hours=max_hours,
    )
    now = datetime.now(timezone.utc)
    if tune:
        request = tuning_request(data_set, plan, now, jobs)
    else:
        request = training_request(data_set, plan, now)
    if dry_run:
        click.echo(json.dumps(request, indent=2))
        return
    each = f"{jobs} jobs one after another, each" if tune else "one job"
    click.echo(
        f"This costs money: {each} on {instance_type}, for {max_hours:g} hours at most; "
        "https://aws.amazon.com/sagemaker/ai/pricing/ has the price.",
        err=True,
    )
    job = _start(request, plan.region)
    if watching:
        _follow(job, plan.region)
    else:
        click.echo(job)
        click.echo(f"It runs. To follow it: {_follow_command(job, plan.region)}", err=True)


def _place(role: str | None, region: str | None, terraform: Path, outputs: Path | None) -> Plan:
    """Role, region, bucket and key, from options or from Terraform."""
    from facepipe_io.device.stack import ask_terraform, read_outputs
    from facepipe_io.training.job import Plan

    if role and outputs is None:
        return Plan(role=role, region=region or _own_region())
    stack = ask_terraform(terraform) if outputs is None else read_outputs(outputs)
    if region not in (None, stack.region):
        raise SettingsError([f"Terraform built the stack in {stack.region}: leave --region out"])
    if role:
        return Plan(role=role, region=stack.region, kms_key=stack.kms_key_arn)
    if stack.training_role_arn is None:
        raise SettingsError(
            ["Terraform has made no role to train with: set `training = true` and apply, or --role"]
        )
    return Plan(
        role=stack.training_role_arn,
        region=stack.region,
        kms_key=stack.kms_key_arn,
        bucket=stack.bucket,
    )


def _own_region() -> str:
    import boto3

    region = boto3.Session().region_name
    if not region:
        raise SettingsError(["name the region with --region"])
    return region


def _pairs(assignments: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes NAME=VALUE, and not {assignment!r}")
        pairs[name.strip()] = value.strip()
    return pairs


def _client(service: str, region: str) -> Any:
    import boto3
    from botocore.config import Config

    client: Any = boto3.client  # its overloads want the service's name
    config = Config(
        connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 3}
    )
    return client(service, region_name=region, config=config)


def _start(request: dict[str, Any], region: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    from facepipe_io.errors import TrainingError

    tuning = "HyperParameterTuningJobName" in request
    name: str = request["HyperParameterTuningJobName" if tuning else "TrainingJobName"]
    try:
        sagemaker = _client("sagemaker", region)
        if tuning:
            sagemaker.create_hyper_parameter_tuning_job(**request)
        else:
            sagemaker.create_training_job(**request)
    except (BotoCoreError, ClientError) as error:
        raise TrainingError(name, f"it was not started: {one_line(error)}") from error
    return name


def _follow(job: str, region: str) -> None:
    from botocore.exceptions import BotoCoreError

    from facepipe_io.errors import TrainingError
    from facepipe_io.training.watch import watch

    try:
        sagemaker, logs = _client("sagemaker", region), _client("logs", region)
    except BotoCoreError as error:
        raise TrainingError(job, str(error)) from error
    click.echo(f"Following {job}; Ctrl-C leaves it running.", err=True)
    try:
        with _Display() as display:
            result = watch(sagemaker, logs, job, display.show, time.sleep)
    except KeyboardInterrupt:
        click.echo(
            f"\nThe job goes on. To follow it again: {_follow_command(job, region)}", err=True
        )
        sys.exit(130)
    _tell(result)
    deploy = ["facepipe", "deploy", result.model, "--name", "NAME", "--labels", "DIR/classes.txt"]
    click.echo(f"Next, look what it finds:\n\n  {' '.join(deploy)} --try PICTURES", err=True)


def _follow_command(job: str, region: str) -> str:
    return shlex.join(["facepipe", "train", "--follow", job, "--region", region])


def _tell(result: Result) -> None:
    if result.best is not None:
        click.echo(f"Best mAP on the validation pictures: {result.best.value:.4f}", err=True)
    if result.tuned:
        found = ", ".join(f"{name}={value}" for name, value in sorted(result.tuned.items()))
        click.echo(f"Found by {result.job}: {found}", err=True)
    click.echo(result.model)


class _Display:
    """A line on stderr that changes; where it cannot, a line for each change."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, refresh_per_second=2)
        self._shown = self._problem = ""

    def __enter__(self) -> _Display:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._live.stop()

    def show(self, progress: Progress) -> None:
        """Show what is new, and a problem when it comes up."""
        line, shown = progress.line(), self._shown
        self._shown = line
        if self._console.is_terminal:
            self._live.update(Text(line))
        elif line != shown:
            click.echo(line, err=True)
        if progress.problem and not self._problem:
            self._console.print(progress.problem, style="yellow", markup=False, highlight=False)
        self._problem = progress.problem
