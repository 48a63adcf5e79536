"""From the model.tar.gz of a SageMaker training job to a model in use.

A job of the built-in object detection leaves `model_algo_1-symbol.json`, `model_algo_1-0000.params`
and `hyperparams.json`. What comes of it has the network without its training layers, under the
names that AWS DeepLens looks for, `deploy_<prefix>-symbol.json` and `deploy_<prefix>-0000.params`.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Sequence

import attrs

from facepipe.classification import parse_labels
from facepipe.errors import ShapeError
from facepipe_io.edge.classifiers import check_labels
from facepipe_io.edge.models.archives import unpack
from facepipe_io.edge.networks.preprocessing import SSD_NORMAL
from facepipe_io.errors import ModelError, SettingsError, StoreError
from facepipe_io.text import printable
from facepipe_io.training.graph import MAX_BYTES
from facepipe_io.training.parameters import read_parameters
from facepipe_io.training.symbol import strip_training

_SYMBOL = "-symbol.json"
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_MAX_HYPERPARAMS_BYTES = 2**20
_MAX_SIDE = 4096
_MAX_CLASSES = 10_000


@attrs.frozen
class StrippedModel:
    """A model in use, in a folder.

    Attributes:
        symbol: the network, `deploy_<prefix>-symbol.json`.
        parameters: `deploy_<prefix>-0000.params`, as they were trained.
        archive: both and what belongs to them, `deploy_<prefix>.tar.gz`.
        side: the width and height of its input in pixels, where the job's parameters say.
        classes: how many it tells apart, where they say.
        changed: whether there were training layers to take off.
    """

    symbol: Path
    parameters: Path
    archive: Path
    side: int | None
    classes: int | None
    changed: bool


def strip_archive(
    archive: str,
    out: str,
    *,
    prefix: str | None = None,
    nms: float = 0.45,
    labels: Sequence[str] | None = None,
) -> StrippedModel:
    """Make a model in use of a training job's archive.

    Args:
        archive: path of the model.tar.gz.
        out: the folder for what is made; files of the same names are replaced.
        prefix: the model's name, letters, digits and `._-`; by default as in the archive.
        nms: see `facepipe_io.training.symbol.strip_training`.
        labels: the classes' names, the first one's first, for `deploy_<prefix>.txt`.

    Returns:
        Where everything is. The same archive makes the same bytes.

    Raises:
        ModelError: when the archive is damaged, hostile, or holds no SSD of MXNet's, or not as many
            classes as there are labels. Nothing is written then.
        SettingsError: when the prefix or labels cannot be used.
        StoreError: when the folder cannot be written.
    """
    if prefix is not None and not _PREFIX.match(prefix):
        raise SettingsError(
            [f"{printable(prefix)!r} is no name for a model: use 1 to 64 letters, digits and ._-"]
        )
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=out) as partial:
            unpack(archive, str(Path(partial, "in")))
            made = Path(partial, "out")
            made.mkdir()
            model = _strip(printable(archive), Path(partial, "in"), made, prefix, nms, labels)
            for path in made.iterdir():
                path.replace(folder / path.name)
    except OSError as error:
        reason = f"{error.strerror or error}; allow writing there, and make room"
        raise StoreError(printable(out), reason) from error
    places = {
        name: folder / getattr(model, name).name for name in ("symbol", "parameters", "archive")
    }
    return attrs.evolve(model, **places)


def pack(paths: Sequence[Path], archive: Path) -> None:
    """Pack files into a .tar.gz archive, side by side; the same files make the same bytes.

    Args:
        paths: the files.
        archive: the archive, replaced if it is there.

    Raises:
        OSError: when a file cannot be read or the archive not be written.
    """
    with archive.open("wb") as file, gzip.GzipFile(
        "", "wb", fileobj=file, mtime=0
    ) as compressed, tarfile.open(
        fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT
    ) as packed:
        for path in sorted(paths, key=lambda path: path.name):
            member = tarfile.TarInfo(path.name)
            member.size, member.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                packed.addfile(member, content)


def _strip(
    archive: str,
    found: Path,
    made: Path,
    prefix: str | None,
    nms: float,
    labels: Sequence[str] | None,
) -> StrippedModel:
    """Make everything out of a folder that was unpacked."""
    symbol, parameters = _pair(archive, found)
    side, classes = _hyperparameters(archive, found)
    if labels is not None and classes is not None:
        check_labels(archive, classes, labels)
    content = symbol.read_bytes() if symbol.stat().st_size <= MAX_BYTES else bytes(MAX_BYTES + 1)
    stripped = strip_training(content, nms=nms, name=f"{archive}/{symbol.name}")
    shapes = read_parameters(str(parameters), name=f"{archive}/{parameters.name}")
    there = {name[4:] for name in shapes}
    missing = [name for name in stripped.parameters if name not in there]
    if missing:
        named = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        reason = f"{parameters.name} lacks {len(missing)} of its network's parameters ({named})"
        raise ModelError(archive, f"{reason}; give the files of one job")

    name = "deploy_" + (prefix or symbol.name[: -len(_SYMBOL)])
    model = StrippedModel(
        made / f"{name}{_SYMBOL}",
        made / f"{name}-0000.params",
        made / f"{name}.tar.gz",
        side,
        classes,
        stripped.changed,
    )
    model.symbol.write_text(stripped.text, "utf-8")
    shutil.move(str(parameters), str(model.parameters))
    paths = [model.symbol, model.parameters]
    if side is not None:
        paths.append(model.symbol.with_name(model.symbol.name + ".json"))
        paths[-1].write_text(preprocessing_json(side), "utf-8")
    if labels is not None:
        paths.append(made / f"{name}.txt")
        paths[-1].write_text(labels_text(labels), "utf-8")
    pack(paths, model.archive)
    return model


def preprocessing_json(side: int) -> str:
    """What `facepipe_io.edge.networks.preprocessing` is to read beside a model of SageMaker's.

    Args:
        side: the width and height of its input in pixels.
    """
    mean, std = SSD_NORMAL[3]
    return json.dumps({"size": [side, side], "mean": mean, "std": std, "order": "RGB"}) + "\n"


def labels_text(labels: Sequence[str]) -> str:
    """A file of labels, one a line.

    Raises:
        SettingsError: when one of them cannot be in a line, or there is none.
    """
    text = "".join(f"{label}\n" for label in labels)
    try:
        if parse_labels(text) == tuple(labels):
            return text
        reason = "a label is one line of text, with no blanks at its end"
    except ShapeError as error:
        reason = str(error)
    raise SettingsError([f"the labels cannot be used: {reason}"])


def _pair(archive: str, found: Path) -> tuple[Path, Path]:
    """The network's file and the one of its parameters."""
    hint = "give the model.tar.gz of a job of SageMaker's object detection"
    # Hidden files are what other systems leave in archives.
    symbols = sorted(path for path in found.rglob("[!.]*" + _SYMBOL) if path.is_file())
    if len(symbols) != 1:
        many = f"{len(symbols)} files" if symbols else "no file"
        raise ModelError(archive, f"it holds {many} *{_SYMBOL}, and one is needed; {hint}")
    start = symbols[0].name[: -len(_SYMBOL)]
    if not _PREFIX.match(start):
        raise ModelError(archive, f"its network's name, {printable(start)!r}, is unusual; {hint}")
    parameters = [
        path
        for path in sorted(symbols[0].parent.iterdir())
        if re.fullmatch(re.escape(start) + r"-\d{4}\.params", path.name) and path.is_file()
    ]
    if len(parameters) != 1:
        many = f"{len(parameters)} files" if parameters else "no file"
        raise ModelError(archive, f"it holds {many} {start}-NNNN.params, and one is needed; {hint}")
    return symbols[0], parameters[0]


def _hyperparameters(archive: str, found: Path) -> tuple[int | None, int | None]:
    """The input's side and the count of classes, as far as the job's parameters tell them."""
    paths = sorted(path for path in found.rglob("hyperparams.json") if path.is_file())
    if not paths:
        return None, None
    if len(paths) > 1:
        raise ModelError(archive, "it holds several files hyperparams.json; leave one job's")
    given: Any = None
    if paths[0].stat().st_size <= _MAX_HYPERPARAMS_BYTES:
        with contextlib.suppress(RecursionError, ValueError):
            given = json.loads(paths[0].read_text("utf-8"))
    if not isinstance(given, dict):
        raise ModelError(archive, "its hyperparams.json is no JSON object; pack it anew")
    return (
        _whole(archive, given, "image_shape", _MAX_SIDE),
        _whole(archive, given, "num_classes", _MAX_CLASSES),
    )


def _whole(archive: str, given: dict[str, Any], key: str, most: int) -> int | None:
    """A whole number; SageMaker's hyperparameters are texts."""
    value = given.get(key)
    if value is None:
        return None
    text = str(value)
    if not re.match(r"[1-9][0-9]{0,8}\Z", text) or int(text) > most:
        reason = f"{key} in its hyperparams.json is {printable(text[:40])!r}"
        raise ModelError(archive, f"{reason}, and has to be 1 to {most}; mend it")
    return int(text)
