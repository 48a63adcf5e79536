"""Which environments the wheel is tried in."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import attrs

#: The oldest Python that a device has, and the oldest that the `facepipe` command runs on.
DEVICE, DESK = "3.7", "3.9"

# What is installed one at a time.
EXTRAS = (
    "headless",
    "opencv",
    "aws",
    "greengrass",
    "greengrass2",
    "neo",
    "mqtt",
    "live",
    "device",
    "training",
    "local",
)

# What pip says of the extra that an old Python cannot have.
_REFUSALS = {"training": "requires a different Python: 3.7"}

# There pip goes through all releases of a dozen packages before it says so.
_NOT_ON_DEVICES = ("local",)


@attrs.frozen
class Environment:
    """An interpreter, and what pip is asked to install into it.

    Attributes:
        python: its path.
        version: its version, as `3.7`.
        extras: facepipe's.
        lowest: whether each direct requirement has the lowest version that setup.cfg claims.
        refusal: what pip says, where it is to refuse.
    """

    python: str
    version: str
    extras: tuple[str, ...] = ()
    lowest: bool = False
    refusal: str | None = None

    @property
    def name(self) -> str:
        """Such as `3.7 headless`."""
        words = [self.version, ",".join(self.extras) or "bare", "lowest" if self.lowest else ""]
        return " ".join(filter(None, words))


def environments(*, quick: bool = False) -> list[Environment]:
    """Those that this machine can make.

    Args:
        quick: only the wheel alone on the oldest Python, and with OpenCV on this one.

    Raises:
        SystemExit: when an interpreter is missing that is not to be done without.
    """
    pythons = _interpreters()
    if DEVICE not in pythons:
        sys.exit(f"CPython {DEVICE} is not here: install it, by pyenv for one")
    old = pythons[DEVICE]
    if quick:
        return [
            Environment(old, DEVICE),
            Environment(sys.executable, _version_of(sys.executable), ("headless",)),
        ]
    newest = max(pythons, key=lambda version: int(version.partition(".")[2]))
    new = pythons[newest]
    found = [Environment(old, DEVICE), Environment(new, newest)]
    found += [
        Environment(old, DEVICE, (extra,), refusal=_REFUSALS.get(extra))
        for extra in EXTRAS
        if extra not in _NOT_ON_DEVICES
    ]
    found += [Environment(new, newest, (extra,)) for extra in EXTRAS]
    found += [
        Environment(new, newest, ("headless", "local", "device", "training")),
        Environment(old, DEVICE, ("headless", "aws", "mqtt", "live", "greengrass"), lowest=True),
    ]
    if DESK in pythons:
        desk = ("headless", "local", "device", "training")
        found.append(Environment(pythons[DESK], DESK, desk, lowest=True))
    return found


def lowest(wheel: Path, extras: tuple[str, ...]) -> list[str]:
    """The lowest version that a wheel claims to run with, of each direct requirement.

    Of a claim such as 4.5 that is the last 4.5.x: not every project has released a 4.5.0.
    """
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    found = {}
    for line in metadata.splitlines():
        match = re.match(r"Requires-Dist: ([\w.-]+)[^;]*>=([\d.]+)", line)
        extra = re.search(r"extra == ['\"](\w+)", line)
        if match and (extra is None or extra.group(1) in extras):
            # Of two extras that want the same package, the one that wants more.
            version = tuple(map(int, match.group(2).split(".")))
            found[match.group(1)] = max(version, found.get(match.group(1), ()))
    return [f"{name}=={'.'.join(map(str, version))}.*" for name, version in sorted(found.items())]


def _interpreters() -> dict[str, str]:
    """Version to path, of those on PATH and of pyenv's."""
    found = {}
    pyenv = Path.home() / ".pyenv" / "versions"
    for minor in range(7, 30):
        version = f"3.{minor}"
        candidates = [shutil.which(f"python{version}")]
        candidates += sorted(map(str, pyenv.glob(f"{version}.*/bin/python{version}")))
        for path in filter(None, candidates):
            if _version_of(path) == version:
                found[version] = path
    return found


def _version_of(python: str) -> str:
    """Such as `3.7`; empty when it does not run, as a shim of pyenv's may not."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return done.stdout.strip()
