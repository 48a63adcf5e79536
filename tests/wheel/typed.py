"""What a type checker sees in the installed wheel, in a project of somebody else's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

#: A statement's expression, and what its type has to begin with.
TYPES = {
    "facepipe.nms([[0, 0, 1, 1]], [0.5], 0.5)": "numpy.ndarray[",
    "crop_regions(found, (640, 480))": "numpy.ndarray[",
    "found.boxes": "numpy.ndarray[",
    "facepipe.filter_emotions({}).dominant": "str",
    "facepipe.encode_jpeg": "def (image: ",
    "facepipe.__version__": "str",
}


def check_types(python: Path, folder: Path) -> str:
    """Check a small project with mypy --strict; gives what was wrong, or nothing."""
    names = (
        "import facepipe\nfrom facepipe import *\nfrom facepipe import Detections, crop_regions\n"
    )
    lines = [names, "found = Detections([[0, 0, 1, 1]], [0.5], [1])"]
    lines += [f"reveal_type({expression})" for expression in TYPES]
    (folder / "use.py").write_text("\n".join(lines), "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "use.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    revealed = re.findall(r'Revealed type is "(.*)"', done.stdout)
    as_expected = len(revealed) == len(TYPES) and all(
        shown.startswith(("builtins." + start, start))
        for shown, start in zip(revealed, TYPES.values())
    )
    return "" if done.returncode == 0 and as_expected else done.stdout + done.stderr
