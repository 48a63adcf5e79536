"""Fixtures, Hypothesis profiles, and the guard against skips that nobody notices."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase

ROOT = Path(__file__).resolve().parent.parent

# Stand-ins for what exists on a device alone; a subprocess imports them, and nobody else should.
collect_ignore = ["standins"]

# Hypothesis loads a derandomised profile by itself in CI; there, fresh seeds find more, and a
# failing one is printed.
_ALL = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
    # Each release of Hypothesis has its own: what another wrote makes no examples.
    "database": DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / hypothesis.__version__),
}
_FRESH = {**_ALL, "derandomize": False, "print_blob": True}
settings.register_profile("few", max_examples=10, **_FRESH)
settings.register_profile("quick", max_examples=60, **_ALL)
settings.register_profile("ci", max_examples=15, **_FRESH)
settings.register_profile("long", max_examples=5000, **_ALL)
# For tools/mutants.py: each mutant is tried on the same examples, and why one fails is no matter.
settings.register_profile(
    "mutants",
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "quick")
)

# What takes longest, the longest first, so that no process is left alone with it at the end.
_LONGEST = (
    "tests/rehearsal",
    "tests/terraform",
    "tests/facepipe_io/device/test_install",
    "tests/test_outages",
    "tests/browser",
    "tests/facepipe_io/local",
    "tests/facepipe_io/device",
    "tests/emulator",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        found = (i for i, start in enumerate(_LONGEST) if item.nodeid.startswith(start))
        return next(found, len(_LONGEST))

    items.sort(key=place)


# With FACEPIPE_FORBID_SKIPS set, a skip fails the run unless its reason starts with one of the
# words that FACEPIPE_EXPECT_SKIPS names, separated by commas.
_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not hasattr(report, "wasxfail"):
        _note_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note_skip(report)


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped.append(reason.partition("Skipped: ")[2] or reason)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # one of several processes, whose first one judges
        session.config.workeroutput["skipped"] = _skipped
    elif os.environ.get("FACEPIPE_FORBID_SKIPS"):
        expected = tuple(filter(None, os.environ.get("FACEPIPE_EXPECT_SKIPS", "").split(",")))
        surprises = [reason for reason in _skipped if not reason.startswith(expected or ("\0",))]
        if surprises:
            print(f"\nskipped, but not expected to be: {sorted(set(surprises))}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what another process skipped as a whole file, of which no test reports."""
    _skipped.extend(getattr(node, "workeroutput", {}).get("skipped", []))


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where programs keep their state by default: not where the user's own do."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time zone is another one."""
    with monkeypatch.context() as there:
        there.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real models, pictures, clips and responses that lie beside the project, if they do."""
    folder = Path(os.environ.get("FACEPIPE_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "MANIFEST.md").is_file():
        pytest.skip(f"data: no folder of test data at {folder}")
    return folder


@pytest.fixture(scope="session")
def portraits() -> dict[str, Any]:
    """Public-domain portraits out of installed packages, (H, W, 3) uint8 in BGR.

    `hopper` (calm, U.S. Navy) comes with matplotlib, `collins` (smiling, NASA) with scikit-image.
    """
    cv2 = pytest.importorskip("cv2", reason="portraits: OpenCV is not installed")
    places = {
        "hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
        "collins": ("skimage", "data/astronaut.png"),
    }
    found = {}
    for name, (package, path) in places.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            pytest.skip(f"portraits: {package} is not installed")
        found[name] = cv2.imread(str(Path(spec.origin).parent / path))
        found[name].flags.writeable = False
    return found


@pytest.fixture(scope="session")
def load_event() -> Callable[[str], Any]:
    """Read tests/events/<name>.json."""

    def load(name: str) -> Any:
        return json.loads((ROOT / "tests" / "events" / f"{name}.json").read_text("utf-8"))

    return load
