"""Settings: environment variables read once into a frozen attrs class.

A settings class marks each attribute with `setting`; `load` fills it from arguments first and the
environment second, and reports every problem together.
"""

from __future__ import annotations

import difflib
import math
from typing import Any, Callable, Iterable, Mapping, TypeVar, cast

import attrs

from facepipe_io.errors import SettingsError

T = TypeVar("T")

#: Read by an entry module itself, so that no settings class has it.
READ_BY_ENTRIES = ("FACEPIPE_AUTOSTART",)


def setting(
    env: str,
    *,
    help: str,  # noqa: A002
    default: Any = None,
    parse: Callable[[str], Any] = str,
) -> Any:
    """Declare one attribute of a settings class.

    Args:
        env: the environment variable that gives it; `load` also takes it as an argument.
        help: what it means, in one line, for `facepipe check`.
        default: its value when nobody gives one.
        parse: text to value; raises `ValueError` whose text completes "NAME must be ...".
    """
    metadata = {"env": env, "help": help, "parse": parse}
    return attrs.field(default=default, metadata=metadata)


def load(cls: type[T], environ: Mapping[str, str], **given: Any) -> T:
    """Fill a settings class from arguments and the environment.

    An argument beats the environment, and a variable that is set but empty counts as not set.
    An argument of None counts as not given, so that command line options can be passed on as
    they are. Both are checked by the same parser.

    Raises:
        SettingsError: with one sentence for each setting that makes no sense.

    Example:
        >>> @attrs.frozen
        ... class Settings:
        ...     rate: float = setting("RATE", help="frames a second", default=5.0, parse=positive)
        >>> load(Settings, {"RATE": "2.5"})
        Settings(rate=2.5)
        >>> load(Settings, {"RATE": "fast"})
        Traceback (most recent call last):
            ...
        facepipe_io.errors.SettingsError: RATE must be a number greater than 0, not 'fast'
        >>> load(Settings, {}, rate=0)
        Traceback (most recent call last):
            ...
        facepipe_io.errors.SettingsError: rate must be a number greater than 0, not '0'
    """
    values = {name: value for name, value in given.items() if value is not None}
    problems = []
    for field in attrs.fields(cast(Any, cls)):
        if field.name in values:
            name, text = field.name, str(values[field.name])
        else:
            name = field.metadata["env"]
            text = environ.get(name, "").strip()
            if not text:
                continue
        try:
            values[field.name] = field.metadata["parse"](text)
        except ValueError as error:
            problems.append(f"{name} must be {error}, not {text!r}")
    try:
        settings = cls(**values)
    except SettingsError as error:
        told = {problem.split()[0] for problem in problems}  # what is wrong counts as missing here
        problems.extend(p for p in error.problems if p.split()[0] not in told)
    if problems:
        raise SettingsError(problems)
    return settings


def misspelt(environ: Iterable[str], *classes: type) -> dict[str, str]:
    """Variables of facepipe's that no settings class reads, and the one that may be meant.

    Args:
        environ: the names of the variables that are set.
        classes: the settings classes that read them.

    Returns:
        By name, the name that comes near; empty where none does.

    Example:
        >>> @attrs.frozen
        ... class Settings:
        ...     fps: float = setting("FACEPIPE_MAX_FPS", help="frames a second")
        >>> misspelt(["FACEPIPE_MAX_FSP", "FACEPIPE_MOOD", "HOME"], Settings)
        {'FACEPIPE_MAX_FSP': 'FACEPIPE_MAX_FPS', 'FACEPIPE_MOOD': ''}
    """
    known = [field.metadata["env"] for each in classes for field in attrs.fields(cast(Any, each))]
    return {
        name: "".join(difflib.get_close_matches(name, known, n=1, cutoff=0.8))
        for name in sorted(environ)
        if name.startswith("FACEPIPE_") and name not in (*known, *READ_BY_ENTRIES)
    }


def number(low: float, high: float) -> Callable[[str], float]:
    """Parser of a number from `low` to `high`, both included."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return parse


def positive(text: str) -> float:
    """Parser of a finite number greater than 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError("a number greater than 0")
    return value


def positive_int(text: str) -> int:
    """Parser of a whole number greater than 0."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("a whole number greater than 0")
    return int(text)


def one_of(*choices: str) -> Callable[[str], str]:
    """Parser of one word out of a few."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text

    return parse
