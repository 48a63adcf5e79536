"""What is looked at inside an environment that has the wheel.

    python -I inside.py CHECKOUT [EXTRA ...]

It runs on CPython 3.7, with nothing but the wheel and what pip brought with it.
"""

import contextlib
import csv
import doctest
import importlib
import importlib.util
import io
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

ENTRIES = ("deeplens_entry", "rekognition_entry", "sagemaker_entry")

# What an extra is for: a module of ours that needs it, or what it brings.
USED = {
    "headless": "facepipe.images",
    "opencv": "facepipe.images",
    "aws": "rekognition_entry",
    "greengrass": "greengrasssdk",
    "greengrass2": "awsiot.greengrasscoreipc.clientv2",
    "neo": "dlr.counter",
    "mqtt": "paho.mqtt.enums",
    "live": "facepipe_io.edge.live.server",
    "device": "facepipe_io.device.keys",
    "training": "facepipe_io.training.upload",
    "local": "facepipe_io.local.charts",
}
# Which of our modules need a package that pip may not have brought.
OPTIONAL = {
    "awscam", "awscrt", "awsiot", "boto3", "botocore", "certifi", "click", "cryptography", "cv2",
    "dlr", "greengrasssdk", "jinja2", "matplotlib", "mo", "mxnet", "onnx", "paho", "plotly",
    "rich", "sagemaker_inference", "scipy", "skimage", "tornado",
}  # fmt: skip


def main():
    """Look at everything; an assertion that fails says what is wrong."""
    checkout, extras = Path(sys.argv[1]), sys.argv[2:]
    files = installed_files()
    only_what_belongs(files)
    missing = names_or_the_sentence()
    documented_examples(checkout)
    modules = modules_import(extras)
    for extra in extras:
        if extra != "neo":  # its native library is the device's own
            importlib.import_module(USED[extra])
    command = the_command(extras)
    print(f"{len(files)} files, {missing} names without OpenCV, {modules} modules, {command}")


def installed_files():
    """What pip wrote down as installed, relative to site-packages."""
    import facepipe

    home = Path(facepipe.__file__).resolve().parent.parent
    assert "site-packages" in home.parts, "facepipe is imported from " + str(home)
    (record,) = home.glob("facepipe-*.dist-info/RECORD")
    with record.open(newline="") as lines:
        return {row[0] for row in csv.reader(lines) if "__pycache__" not in row[0]}


def only_what_belongs(files):
    """Two packages, three modules, the command, and the wheel's own papers."""
    command = next(name for name in files if name.endswith("/bin/facepipe"))
    tops = {name.partition("/")[0] for name in files - {command}}
    papers = {top for top in tops if top.startswith("facepipe-") and top.endswith(".dist-info")}
    assert tops - papers == {"facepipe", "facepipe_io"} | {name + ".py" for name in ENTRIES}, tops
    assert {"facepipe/py.typed", "facepipe_io/py.typed"} <= files
    assert not [name for name in files if "test" in name]


def names_or_the_sentence():
    """Every public name, or the sentence that says which extra it is in; gives how many are not."""
    import facepipe

    refused = []
    for name in facepipe.__all__:
        try:
            getattr(facepipe, name)
        except ImportError as error:
            assert "pip install 'facepipe[headless]'" in str(error), error
            refused.append(name)
    has_opencv = importlib.util.find_spec("cv2") is not None
    images = [name for name, home in facepipe._HOME.items() if home == "images"]
    assert refused == ([] if has_opencv else sorted(images)), refused
    return len(refused)


def documented_examples(checkout):
    """The examples of the pages that need nothing but the wheel, and those of docstrings."""
    for page in ("README.md", "docs/library.md"):
        failed, tried = doctest.testfile(str(checkout / page), module_relative=False)
        assert (bool(tried), failed) == (True, 0), page
    import facepipe

    for home in sorted(set(facepipe._HOME.values())):
        with contextlib.suppress(ImportError):
            module = importlib.import_module("facepipe." + home)
            assert not doctest.testmod(module).failed, home


def modules_import(extras):
    """Import everything, but for what the extras do not bring; gives how much was imported.

    On a Python that a device may have, what runs on a desk is left out.
    """
    import facepipe
    import facepipe_io

    names = list(ENTRIES)
    for package in (facepipe, facepipe_io):
        found = pkgutil.walk_packages(package.__path__, package.__name__ + ".", onerror=fail_but)
        names += [info.name for info in found]
    device = re.compile(r"(facepipe|facepipe_io\.(edge|settings|errors|text))\b|deeplens_entry")
    imported = 0
    for name in names:
        if sys.version_info < (3, 9) and not device.match(name + "."):
            continue
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                importlib.import_module(name)
            imported += 1
        except ImportError as error:
            fail_but(name, error)
        except SystemExit as error:
            assert "pip install 'facepipe[" in str(error), (name, error)
        if name == "deeplens_entry" and importlib.util.find_spec("cv2"):
            assert name in sys.modules, "a device needs OpenCV alone to start"
    return imported


def fail_but(name, error=None):
    """Raise, unless a package is missing that an extra brings."""
    error = error or sys.exc_info()[1]
    cause = error
    while cause is not None and not (isinstance(cause, ImportError) and cause.name):
        cause = cause.__cause__
    package = (cause.name if cause else "").partition(".")[0]
    assert package in OPTIONAL, f"{name}: {error!r}"
    assert importlib.util.find_spec(package) is None, f"{name}: {error!r}, though it is here"


def the_command(extras):
    """Its help, or one sentence; gives which."""
    script = Path(sys.executable).with_name("facepipe")
    desk = sys.version_info >= (3, 9) and {"device", "local", "training"} & set(extras)
    help_ = run(script, "--help")
    if not desk:
        said = help_.stderr.strip()
        assert help_.returncode == 1, help_
        assert "\n" not in said, said
        wanted = "pip install 'facepipe[local]'" if sys.version_info >= (3, 9) else "Python 3.9"
        assert wanted in said, said
        return "the command says what it needs"
    assert help_.returncode == 0, help_
    assert "Example" in help_.stdout, help_
    commands = re.findall(r"^  ([a-z]+) ", help_.stdout.partition("Commands:")[2], re.M)
    assert len(commands) >= 8, commands
    for command in commands:
        assert run(script, command, "--help").returncode == 0, command
    for needed, command in (
        ({"headless", "local"}, ["run", "demo", "--every", "40"]),
        (set(), ["cost"]),
        ({"device"}, ["device", "new", "hall-1"]),
    ):
        done = run(script, *command)
        if needed <= set(extras):
            assert done.returncode == 0, done
        else:
            assert "pip install 'facepipe[" in done.stderr.strip().splitlines()[-1], done
            assert "Traceback" not in done.stderr, done
    return f"{len(commands)} commands"


def run(script, *arguments):
    """Run the command as a user would."""
    command = [str(script), *arguments]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
    return subprocess.run(command, env=dict(os.environ, COLUMNS="120"), **options)


if __name__ == "__main__":
    main()
