"""Fuzzes the parsers of what comes from outside, by coverage.

    python -m tests.fuzz events --minutes 10

Without a target, all of them take their turns. The corpus grows in build/fuzz; what broke a law is
in build/fuzz/findings, and to be pinned in the tests of the module at fault.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import GROUPS


def main() -> int:
    """Read the arguments, and fuzz."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Fuzz the parsers of what comes from outside; needs atheris.",
        epilog="example: python -m tests.fuzz events labels --minutes 10",
    )
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(GROUPS)}; else all"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="for each target (10)")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/fuzz"), help="of corpus and findings"
    )
    options = parser.parse_args()
    unknown = sorted(set(options.targets) - set(GROUPS))
    if unknown:
        parser.error(f"there is no target {unknown[0]}, only {', '.join(GROUPS)}")
    if importlib.util.find_spec("atheris") is None:
        parser.error(
            "atheris is not installed here; `make fuzz` has it in an environment of its own"
        )
    chosen = options.targets or list(GROUPS)
    failed = []
    for place, name in enumerate(chosen, 1):
        print(f"== {name} ({place} of {len(chosen)})", file=sys.stderr, flush=True)
        findings = options.folder / "findings" / name
        shutil.rmtree(findings, ignore_errors=True)  # of an earlier run
        findings.mkdir(parents=True)
        seconds = str(max(1, round(options.minutes * 60)))
        command = [sys.executable, "-m", "tests.fuzz.one", name, seconds, str(options.folder)]
        done = subprocess.run(command, check=False)
        found = sorted(findings.iterdir())
        if done.returncode or found:
            failed.append(name)
        for path in found:
            print(path, file=sys.stderr)
    if failed:
        print(f"laws are broken: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
