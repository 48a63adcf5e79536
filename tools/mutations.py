"""Mutants of a module: its source with one small change, as mutmut's operators make them."""

from __future__ import annotations

import re
import types
from typing import Any, Iterator

import attrs
import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

# A text of several words is for people to read: what it says is nothing for a test.
_WORDS = re.compile(r"[A-Za-z]{2,},? [A-Za-z]")
_STRINGS = (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString)


@attrs.frozen
class Mutant:
    """One change: the whole module's source with it, and the line before and after."""

    line: int
    before: str
    after: str
    source: str


class _Changes(cst.CSTVisitor):
    """Collects what mutmut's operators make of each node, and counts what is wording."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        self.found: list[tuple[Any, cst.CSTNode]] = []
        self.wording = 0
        self._raising = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)):
            return False
        if isinstance(node, cst.If) and cst.Module([]).code_for_node(node.test) == "TYPE_CHECKING":
            return False
        if (
            isinstance(node, cst.Assign)
            and cst.Module([]).code_for_node(node.targets[0].target) == "__all__"
        ):
            return False
        self._raising += isinstance(node, cst.Raise)
        if self._raising and cst.Module([]).code_for_node(node).startswith("repr("):
            return False  # how a value is shown, and how much of it
        seen = set()
        for kind, operator in mutation_operators:
            for changed in operator(node) if isinstance(node, kind) else ():  # type: ignore[operator]
                text = cst.Module([]).code_for_node(changed)
                if isinstance(node, cst.BaseString) and not text.strip("rb'\"").startswith("XX"):
                    continue  # upper and lower case say nothing that "XX" does not
                if text in seen:
                    continue
                seen.add(text)
                if self._is_wording(node, changed):
                    self.wording += 1
                else:
                    self.found.append((self.get_metadata(PositionProvider, node), text))
        return not isinstance(node, _STRINGS) or not self._is_wording(node, node)

    def on_leave(self, node: cst.CSTNode) -> None:
        self._raising -= isinstance(node, cst.Raise)

    def _is_wording(self, node: cst.CSTNode, changed: cst.CSTNode) -> bool:
        if isinstance(node, _STRINGS):
            return bool(self._raising) or bool(_WORDS.search(cst.Module([]).code_for_node(node)))
        if isinstance(node, cst.Call) and isinstance(changed, cst.Call):
            kept = {id(argument.value) for argument in changed.args}
            gone = [argument.value for argument in node.args if id(argument.value) not in kept]
            return bool(gone) and all(
                isinstance(value, _STRINGS) and self._is_wording(value, value) for value in gone
            )
        return False


def mutants_of(source: str) -> tuple[list[Mutant], int]:
    """Every mutant of a module's source that compiles, and how many more are of wording alone."""
    changes = _Changes()
    MetadataWrapper(cst.parse_module(source)).visit(changes)
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    found = []
    for place, text in changes.found:
        begin = starts[place.start.line - 1] + place.start.column
        end = starts[place.end.line - 1] + place.end.column
        mutated = source[:begin] + text + source[end:]
        after = mutated.splitlines()[place.start.line - 1 :]
        number = place.start.line
        while lines[number - 1].strip() == (after[0].strip() if after else ""):
            after = after[1:]
            number += 1
        try:
            compile(mutated, "mutant", "exec")
        except SyntaxError:
            continue
        line = lines[number - 1]
        found.append(Mutant(number, line.strip(), after[0].strip() if after else "", mutated))
    return found, changes.wording


def _inner(code: types.CodeType) -> list[types.CodeType]:
    return [inner for inner in code.co_consts if isinstance(inner, types.CodeType)]


def _is_function(code: types.CodeType) -> bool:
    return bool(code.co_flags & 0x2)  # CO_NEWLOCALS: a class's body lacks it


def meaning(code: types.CodeType, *, functions: bool = True) -> Any:
    """What tells two pieces of code apart, other than where their lines are."""
    constants = []
    for value in code.co_consts:
        if not isinstance(value, types.CodeType):
            constants.append((type(value), repr(value)))
        elif functions or not _is_function(value):
            constants.append(meaning(value, functions=functions))
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return code.co_code, constants, names, code.co_exceptiontable, code.co_flags


def functions_of(code: types.CodeType) -> Iterator[types.CodeType]:
    """The functions of a module and of its classes, but not those inside of functions."""
    for inner in _inner(code):
        if _is_function(inner):
            yield inner
        else:
            yield from functions_of(inner)


def pairs_of(old: types.CodeType, new: types.CodeType) -> Iterator[tuple[Any, Any]]:
    """A function before and after a change, and likewise all that are inside of it."""
    yield old, new
    for before, after in zip(_inner(old), _inner(new)):
        yield from pairs_of(before, after)
