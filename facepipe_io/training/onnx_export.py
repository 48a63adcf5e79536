"""Turns a model in use into an ONNX model, which OpenCV runs on any device.

That takes MXNet, which installs on CPython 3.8 at the newest: it is run in an environment of its
own, as another program.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Sequence

import attrs

from facepipe_io.edge.classifiers import check_labels
from facepipe_io.errors import ModelError, SettingsError, StoreError
from facepipe_io.text import printable
from facepipe_io.training.package import labels_text, preprocessing_json

#: Where MXNet's Python is looked for, from the working directory.
DEFAULT_PYTHON = ".venv-mxnet/bin/python"
#: What makes that environment.
MAKE_ENVIRONMENT = (
    "python3.8 -m venv .venv-mxnet && "
    ".venv-mxnet/bin/pip install mxnet==1.9.1 'numpy<1.24' onnx==1.17.0"
)

TIMEOUT_SECONDS = 600.0

_SCRIPT = Path(__file__).with_name("mxnet_to_onnx.py")


@attrs.frozen
class OnnxModel:
    """A detector for `facepipe_io.edge.detectors.ssd_onnx`.

    Attributes:
        path: the .onnx file; the JSON file of its preprocessing and that of its labels are beside.
        anchors: how many boxes it looks at.
        classes: how many classes it tells apart.
    """

    path: Path
    anchors: int
    classes: int


def export_onnx(
    symbol: str,
    parameters: str,
    out: str,
    *,
    side: int,
    labels: Sequence[str] | None = None,
    mxnet: str | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> OnnxModel:
    """Write an ONNX model, its preprocessing and its labels.

    Args:
        symbol: the network's file, stripped of its training layers.
        parameters: the file of its parameters.
        out: the file to write, `bottles.onnx` say; beside it come `bottles.onnx.json` and, where
            labels are given, `bottles.txt`. Files of the same names are replaced.
        side: the width and height of its input in pixels, as it was trained.
        labels: the classes' names, the first one's first.
        mxnet: the Python of an environment with MXNet; by default `.venv-mxnet/bin/python`.
        timeout_seconds: how long MXNet may take.

    Raises:
        ModelError: when MXNet refuses the model, or takes too long, or there are not as many
            classes as labels. Nothing is written then.
        SettingsError: when there is no such environment.
        StoreError: when a file cannot be written.
    """
    target = Path(out)
    if target.suffix != ".onnx" or not target.stem:
        raise SettingsError([f"{printable(out)} does not end in .onnx; name it so"])
    texts = {f"{target.name}.json": preprocessing_json(side)}
    if labels is not None:
        texts[f"{target.stem}.txt"] = labels_text(labels)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=target.parent) as partial:
            made = Path(partial, target.name)
            arguments = [symbol, parameters, str(side), str(made)]
            said = _run(mxnet or DEFAULT_PYTHON, arguments, timeout_seconds)
            if labels is not None:
                check_labels(symbol, said["classes"], labels)
            for name, text in texts.items():
                Path(partial, name).write_text(text, "utf-8")
            for path in sorted(Path(partial).iterdir()):
                path.replace(target.parent / path.name)
    except OSError as error:
        reason = f"{error.strerror or error}; allow writing there, and make room"
        raise StoreError(printable(out), reason) from error
    return OnnxModel(target, said["anchors"], said["classes"])


def _run(python: str, arguments: Sequence[str], timeout_seconds: float) -> dict[str, int]:
    """What the program that runs in MXNet's environment says at its end."""
    model = printable(arguments[0])
    try:
        # -I: nothing that lies about here, or that the environment names, is imported there.
        done = subprocess.run(  # noqa: S603 - the user's own Python
            [python, "-I", str(_SCRIPT), *arguments],
            check=False,
            capture_output=True,
            timeout=timeout_seconds,
        )
    except OSError as error:
        reason = f"there is no Python with MXNet at {printable(python)} ({error.strerror})"
        raise SettingsError([f"{reason}; make it with: {MAKE_ENVIRONMENT}"]) from error
    except subprocess.TimeoutExpired as error:
        reason = f"MXNet was not done with it after {timeout_seconds:g} s; give it more time"
        raise ModelError(model, reason) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        if said[-1].startswith(("ModuleNotFoundError", "ImportError")):
            reason = f"{printable(python)} has no MXNet that works ({said[-1]})"
            raise SettingsError([f"{reason}; make one that has: {MAKE_ENVIRONMENT}"])
        raise ModelError(model, f"MXNet cannot export it: {said[-1][:300]}; strip it anew")
    try:
        answer: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        reason = f"{printable(python)} is no Python that runs MXNet"
        raise SettingsError([f"{reason}; make one: {MAKE_ENVIRONMENT}"]) from error
    return answer
