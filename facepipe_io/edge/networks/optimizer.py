"""AWS DeepLens' model optimizer, which makes of a network of MXNet's what its graphics chip runs.

Its module `mo` is on the device alone: AWS DeepLens Developer Guide, "Model Optimization (mo)
Module".
"""

from __future__ import annotations

from pathlib import Path

from facepipe_io.edge.networks.preprocessing import read_preprocessing
from facepipe_io.errors import ModelError, SettingsError
from facepipe_io.text import one_line, printable

SYMBOL_SUFFIX = "-symbol.json"
DEFAULT_WH = (300, 300)  # of DeepLens' own SSDs, where nothing says another
MAX_SIDE = 1024  # of mo.optimize, by its documentation

_NORMAL = {3: ((0.0,) * 3, (1.0,) * 3)}  # of no use: the size alone is read

# By its documentation, "Error Codes".
_ERRORS = {1: "it does not know MXNet", 2: "it failed; its reasons are in the device's log"}


def needs_optimizing(model: str) -> bool:
    """Whether a model is a network of MXNet's, or a folder with one.

    Example:
        >>> needs_optimizing("deploy_bottles-symbol.json"), needs_optimizing("mxnet_face.xml")
        (True, False)
    """
    return model.endswith(SYMBOL_SUFFIX) or Path(model).is_dir()


def optimize(model: str) -> tuple[str, tuple[int, int]]:
    """Have a network optimised; that takes a minute or two.

    Its input's size is read from the JSON file beside it: see
    `networks.preprocessing.read_preprocessing`. Without that it is 300x300.

    Args:
        model: path of `<name>-symbol.json`, with `<name>-0000.params` beside it; or of a folder in
            which there is one.

    Returns:
        The path of what `awscam.Model` takes, and `(width, height)` of its input in pixels.

    Raises:
        ModelError: when the network is missing, or refused.
        SettingsError: on any other machine.
    """
    symbol = _symbol(model)
    name = symbol.name[: -len(SYMBOL_SUFFIX)]
    if not symbol.with_name(name + "-0000.params").is_file():
        raise ModelError(printable(str(symbol)), f"{printable(name)}-0000.params is not beside it")
    wh = _wh(symbol)
    try:
        import mo
    except ImportError as error:
        raise SettingsError(
            [f"networks of MXNet are optimised on an AWS DeepLens only ({error}); give another"]
        ) from error
    try:
        failed, path = mo.optimize(name, *wh, aux_inputs={"--models-dir": str(symbol.parent)})
    except Exception as error:  # mo documents no types of its own
        reason = f"DeepLens' optimizer refuses it ({one_line(error)}); train or strip it anew"
        raise ModelError(printable(str(symbol)), reason) from error
    if failed:
        reason = f"DeepLens' optimizer says {failed}: {_ERRORS.get(failed, 'unknown to AWS, too')}"
        raise ModelError(printable(str(symbol)), reason)
    return str(path), wh


def _symbol(model: str) -> Path:
    path = Path(model)
    if not path.is_dir():
        if not path.is_file() or not path.name.endswith(SYMBOL_SUFFIX):
            reason = f"there is no such file, or it is no *{SYMBOL_SUFFIX}; check the path"
            raise ModelError(printable(model), reason)
        return path
    found = sorted(path.glob("*" + SYMBOL_SUFFIX))
    if len(found) != 1:
        reason = f"it has {len(found)} files *{SYMBOL_SUFFIX}, and one is needed; name the file"
        raise ModelError(printable(model), reason)
    return found[0]


def _wh(symbol: Path) -> tuple[int, int]:
    if not symbol.with_name(symbol.name + ".json").is_file():
        return DEFAULT_WH
    wh = read_preprocessing(str(symbol), (1, 3, None, None), _NORMAL).wh
    if max(wh) > MAX_SIDE:
        reason = f"its input is {wh[0]}x{wh[1]}, and DeepLens takes {MAX_SIDE} at most; train anew"
        raise ModelError(printable(str(symbol)), reason)
    return wh
