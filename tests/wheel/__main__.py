"""Install the wheel and look at it: python -m tests.wheel.

    python -m tests.wheel                          every environment that this machine can make
    python -m tests.wheel --quick                  two of them, in a minute
    python -m tests.wheel --only '3.7 headless'    those whose name contains it

An environment is an interpreter and the extras that pip is asked for; what is in it is looked at
from outside the checkout by `inside.py`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from facepipe_io.device.wheel import build_wheel
from tests.wheel.matrix import DEVICE, Environment, environments, lowest
from tests.wheel.typed import check_types

ROOT = Path(__file__).resolve().parent.parent.parent
INSIDE = Path(__file__).with_name("inside.py")


class WheelError(Exception):
    """What was said by a step that failed."""


def main() -> None:
    """Every environment, each ticked off; the exit code is 1 if one of them is not as it should."""
    options = _options()
    # Not in a pipe: progress goes where people look.
    console = Console(stderr=True, highlight=False)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="facepipe-wheel-") as folder:
        made = build_wheel()
        wheel = Path(folder, made.name)
        wheel.write_bytes(made.data)
        chosen = environments(quick=options.quick)
        chosen = [one for one in chosen if options.only in one.name]
        for environment in chosen:
            started = time.monotonic()
            try:
                with console.status(f"{environment.name} ..."):
                    found = _try(environment, wheel, Path(folder))
            except WheelError as error:
                failed += 1
                console.print(f"[red]✗[/] {environment.name}")
                console.print(str(error), markup=False)
            else:
                took = time.monotonic() - started
                console.print(f"[green]✓[/] {environment.name}: {found} [dim]{took:.0f} s[/]")
    if failed or not chosen:
        sys.exit(f"{failed} of {len(chosen)} environments failed")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.wheel",
        description="Install the wheel into clean environments and look at it.",
        epilog="Example: python -m tests.wheel --only headless",
    )
    parser.add_argument("--quick", action="store_true", help="only two of them, in a minute")
    parser.add_argument("--only", default="", help="environments whose name contains this")
    return parser.parse_args()


def _try(environment: Environment, wheel: Path, folder: Path) -> str:
    """Make an environment, look at it and remove it; gives what was found in a few words."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        python = Path(home, "venv", "bin", "python")
        _run([environment.python, "-m", "venv", python.parent.parent], home)
        extras = f"[{','.join(environment.extras)}]" if environment.extras else ""
        wanted = [f"{wheel}{extras}"]
        if environment.lowest:
            wanted += lowest(wheel, environment.extras)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        install = _run([*pip, "install", *wanted], home, check=environment.refusal is None)
        if environment.refusal is not None:
            return _refused(install, environment.refusal)
        _run([*pip, "check"], home)
        look = [python, "-I", INSIDE, ROOT, *environment.extras]
        found = _run(look, home).stdout.strip()
        # Once is enough, where there is no doubt that the checker knows this NumPy.
        if environment.extras == ("headless",) and environment.version != DEVICE:
            wrong = check_types(python, Path(home))
            if wrong:
                raise WheelError(wrong)
            found += ", types"
        return found


def _refused(install: subprocess.CompletedProcess[str], refusal: str) -> str:
    if install.returncode == 0:
        raise WheelError(f"pip installed it, and should have said: {refusal}")
    if refusal not in install.stderr:
        raise WheelError(install.stderr)
    return "pip refuses: " + refusal


def _run(
    command: list[str | Path], folder: str, *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program that sees nothing of the checkout and of this environment."""
    hidden = ("PYTHON", "VIRTUAL_ENV", "FACEPIPE_", "AWS_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise WheelError(f"{done.stdout}{done.stderr}".strip())
    return done


if __name__ == "__main__":
    main()
