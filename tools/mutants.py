"""Which changes to the library do its tests not notice?

    python tools/mutants.py [MODULE ...]

A mutant is a module of facepipe/ with one small change: another comparison, a number one higher, an
argument left out. The module's own tests and examples are tried on each until one fails. A mutant
that none of them tells from the original is printed, unless tests/facepipe/MUTANTS.md explains why
it changes nothing. The wording of errors is left alone.

The mutations are mutmut's. mutmut itself makes none in what has a decorator, nor at the level of a
module or a class, and there most of a frozen class's rules are. Here a process that has collected
the tests is forked for each mutant, and the mutant's code put into the functions that are there
already; a change to what a module does when it is imported is tried in a fork that imports it anew.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.machinery
import importlib.util
import io
import os
import re
import resource
import signal
import sys
import time
import types
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable

import pytest
from _pytest.doctest import DoctestItem
from _pytest.runner import runtestprotocol
from mutations import Mutant, functions_of, meaning, mutants_of, pairs_of

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "facepipe"
EXPLAINED = ROOT / "tests" / "facepipe" / "MUTANTS.md"

#: Tables of names, and a number: a test could only repeat them.
LEFT_OUT = {"__init__", "_version", "label_formats"}

#: The tests of modules that have none of their own name, or more.
TESTS = {
    "_arrays": ["boxes", "detections", "labels", "letterbox"],
    "_coco": ["coco", "label_formats"],
    "_copies": ["datasets"],
    "_ground_truth": ["manifest", "samples"],
    "_image_size": ["images"],
    "_label_text": ["coco", "label_formats", "manifest", "voc", "yolo_labels"],
    "_manifest": ["manifest", "label_formats"],
    "_prices": ["costs"],
    "_split": ["datasets"],
    "_voc": ["voc", "label_formats"],
    "_workload": ["costs"],
    "_yolo_labels": ["yolo_labels", "label_formats"],
}

# A mutant that takes longer than the tests by this, or more memory, counts as noticed.
_TIMES, _SECONDS = 3, 2  # of the processor
_BYTES = 6 << 30

_PYTEST = ["-x", "--assert=plain", "--tb=no", "--capture=no", "-otimeout=0"]
_PYTEST += ["-pno:cacheprovider", "-pno:xdist"]


class _Trial:
    """A plugin of pytest that tries mutants on the tests that it has collected."""

    def __init__(self, path: Path, mutants: list[Mutant], arguments: list[str]) -> None:
        self.path = path
        self.mutants = mutants
        self.arguments = arguments
        self.tried = 0
        self.survivors: list[Mutant] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        reached, took = self._reach(session)
        source = self.path.read_text("utf-8")
        original = compile(source, str(self.path), "exec")
        live = defaultdict(list)
        for found in gc.get_objects():
            if isinstance(found, types.FunctionType):
                live[found.__code__].append(found)

        def put(changed: list[tuple[Any, Any]]) -> None:
            for old, new in (pair for outer in changed for pair in pairs_of(*outer)):
                for function in live.get(old, ()):
                    if len(old.co_freevars) == len(new.co_freevars):
                        function.__code__ = new

        def survives(mutated: types.CodeType) -> bool:
            if meaning(mutated, functions=False) != meaning(original, functions=False):
                return self._imports(mutated, took)
            pairs = zip(functions_of(original), functions_of(mutated))
            changed = [(old, new) for old, new in pairs if meaning(old) != meaning(new)]
            tests = {test for old, _ in changed for test in reached[old.co_qualname]}
            put(changed)
            return _passes(session, {test: took[test] for test in sorted(tests, key=took.get)})

        gc.freeze()  # a collection in a fork would copy all that it touches
        if not (
            _in_fork(lambda: _passes(session, took))
            and _in_fork(lambda: self._imports(original, took))
        ):
            raise RuntimeError("a test fails without a mutant when it is run again")
        for done, mutant in enumerate(self.mutants, 1):
            _say(f"\r{self.path.stem}: {done}/{len(self.mutants)}, {len(self.survivors)} survive ")
            mutated = compile(mutant.source, str(self.path), "exec")
            if meaning(mutated) != meaning(original):
                self.tried += 1
                if _in_fork(lambda mutated=mutated: survives(mutated)):
                    self.survivors.append(mutant)
        return True

    def _reach(self, session: pytest.Session) -> tuple[dict[str, set[Any]], dict[Any, float]]:
        """Which tests run each function, and what each test takes; every one has to pass."""
        reached: dict[str, set[Any]] = defaultdict(set)
        took = {}
        for item in session.items:
            names = dict(item.dtest.globs) if isinstance(item, DoctestItem) else {}

            def note(frame: Any, event: str, _: Any, item: Any = item) -> None:
                if event == "call" and frame.f_code.co_filename == str(self.path):
                    reached[frame.f_code.co_qualname.partition(".<locals>")[0]].add(item)

            began = time.process_time()
            sys.setprofile(note)
            # What a session shares stays set up, and the forks have it.
            reports = runtestprotocol(item, log=False, nextitem=session)  # type: ignore[arg-type]
            sys.setprofile(None)
            took[item] = time.process_time() - began
            for report in reports:
                if report.failed:
                    raise RuntimeError(f"{item.nodeid} fails without a mutant: {report.longrepr}")
            if isinstance(item, DoctestItem):
                item.dtest.globs.update(names)  # which running it empties
        return reached, took

    def _imports(self, code: types.CodeType, took: dict[Any, float]) -> bool:
        _limit(sum(took.values()))
        for name in [n for n in sys.modules if n.partition(".")[0] in ("facepipe", "tests")]:
            del sys.modules[name]
        module = f"facepipe.{self.path.stem}"
        loader = importlib.machinery.SourceFileLoader(module, str(self.path))
        loader.get_code = lambda _: code  # type: ignore[method-assign]
        spec = importlib.util.spec_from_loader(module, loader)

        class Finder:
            @staticmethod
            def find_spec(name: str, *_: Any) -> Any:
                return spec if name == module else None

        sys.meta_path.insert(0, Finder)  # type: ignore[arg-type]
        return pytest.main([*_PYTEST, *self.arguments]) == 0


def _limit(seconds: float) -> None:
    """Let what takes much longer than it did without a mutant be killed."""
    signal.setitimer(signal.ITIMER_PROF, _TIMES * seconds + _SECONDS)


def _passes(session: pytest.Session, took: dict[Any, float]) -> bool:
    for test, seconds in took.items():
        _limit(seconds)
        reports = runtestprotocol(test, log=False, nextitem=session)  # type: ignore[arg-type]
        if any(report.failed for report in reports):
            return False
    return True


def _in_fork(attempt: Callable[[], bool]) -> bool:
    child = os.fork()
    if not child:
        gc.disable()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
        try:
            os._exit(not attempt())
        except BaseException:  # noqa: BLE001 - whatever it is, the mutant is noticed
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(text, end="", file=sys.stderr, flush=True)


def _explained(name: str) -> set[tuple[str, str]]:
    text = EXPLAINED.read_text("utf-8").replace("\\|", "|")  # as a table has to write it
    rows = re.findall(r"^\| (\w+) \| `(.*?)` → `(.*?)` \|", text, re.M)
    return {(before, after) for module, before, after in rows if module == name}


def try_module(name: str) -> int:
    """Try every mutant of one module; how many survive that nothing explains."""
    path = LIBRARY / f"{name}.py"
    mutants, wording = mutants_of(path.read_text("utf-8"))
    tests = [f"tests/facepipe/test_{test}.py" for test in TESTS.get(name, [name.lstrip("_")])]
    arguments = [*tests, f"facepipe/{name}.py"]
    trial = _Trial(path, mutants, arguments)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        status = pytest.main([*_PYTEST, *arguments], plugins=[trial])
    if status:
        raise SystemExit(f"{name}: its tests cannot be tried on mutants\n{said.getvalue()}")
    explained = _explained(name)
    left = [m for m in trial.survivors if (m.before, m.after) not in explained]
    gone = explained - {(m.before, m.after) for m in trial.survivors}
    survive = len(trial.survivors)
    _say("\r")
    print(
        f"{name}: {trial.tried} mutants, {trial.tried - survive} killed, "
        f"{survive - len(left)} explained, {len(left)} survive; {wording} of wording not tried",
        *(f"  facepipe/{name}.py:{m.line}: `{m.before}` → `{m.after}`" for m in left),
        *(f"  explained for nothing: `{before}` → `{after}`" for before, after in sorted(gone)),
        sep="\n",
        flush=True,
    )
    return len(left)


def main() -> int:
    """Try the modules that the command line names, or all; 1 if a mutant is left."""
    parser = argparse.ArgumentParser(
        description="Which changes to the library do its tests not notice?",
        epilog="example: python tools/mutants.py keys events",
    )
    every = sorted({path.stem for path in LIBRARY.glob("*.py")} - LEFT_OUT)
    parser.add_argument(
        "modules",
        metavar="MODULE",
        nargs="*",
        help="as in facepipe/MODULE.py; all if none is named",
    )
    names = parser.parse_args().modules or every
    if sys.version_info < (3, 11):
        parser.error("it needs Python 3.11 or newer; name one with: make mutants PYTHON=python3.11")
    unknown = sorted(set(names) - set(every))
    if unknown:
        parser.error(f"no such module: {', '.join(unknown)}; there are {', '.join(every)}")
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    bad = False
    for name in names:  # each in a process of its own, for none to see what another left behind
        child = os.fork()
        if not child:
            os._exit(try_module(name) > 0)
        bad |= os.waitpid(child, 0)[1] != 0
    return bad


if __name__ == "__main__":
    sys.exit(main())
