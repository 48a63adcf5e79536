"""The unit and the installer as such: what systemd and a shell's own tools say of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import facepipe_io.device

FILES = Path(facepipe_io.device.__file__).parent / "files"
UNIT = FILES / "facepipe.service"
INSTALLER = FILES / "install.sh"

systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd: not installed"
)


@systemd
def test_systemd_understands_the_unit(tmp_path):
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text()))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@systemd
def test_the_service_is_exposed_little():
    """On systemd's scale from 0 to 10; 9.6 is a service of which nothing is said."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager"]
    done = subprocess.run([*command, UNIT], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def directives(name):
    return re.findall(rf"(?m)^{name}=(.*)$", UNIT.read_text())


def test_a_systemd_that_ignores_what_it_does_not_know_starts_it_all_the_same():
    """229 knows no groups of system calls: a list of what is allowed would be empty to it."""
    assert all(value.startswith("~") for value in directives("SystemCallFilter"))
    assert directives("ProtectSystem") == ["full", "strict"]
    (burst, seconds) = (5, 10)  # its limit of starts, with no way to lift it in [Unit]
    assert float(directives("RestartSec")[0]) * (burst - 1) > seconds


def test_the_unit_and_the_installer_agree_on_paths():
    script = INSTALLER.read_text()
    for path in [*directives("ExecStart"), *directives("EnvironmentFile")]:
        folder = path.lstrip("-").split()[0].partition("/venv/")[0]
        assert (folder if folder.startswith("/opt") else str(Path(folder).parent)) in script
    assert directives("User") == directives("StateDirectory") == ["facepipe"]


def test_the_installer_is_posix_sh_without_faults():
    beside = Path(sys.executable).with_name("shellcheck")
    shellcheck = str(beside) if beside.exists() else shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck: not installed")
    done = subprocess.run(
        [shellcheck, "--shell=sh", "--severity=style", INSTALLER], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.glob("requirements*.txt")))
def test_every_requirement_is_pinned(name):
    lines = [line for line in (FILES / name).read_text().splitlines() if line[0] != "#"]
    assert lines
    assert all(
        re.fullmatch(r"[a-z0-9-]+==[a-z0-9.]+( ; python_full_version .*)?", x) for x in lines
    )
