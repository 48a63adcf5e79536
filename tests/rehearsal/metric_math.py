"""CloudWatch's metric math, as far as the dashboard uses it; everything else is refused.

Arithmetic with `+ - * /`, `FILL(..., number)`, `METRICS("text")`, `SUM(...)` and `SEARCH(...)` of
one metric's name, with types and results as in "Using math expressions with CloudWatch metrics" and
"CloudWatch search expression syntax" in the Amazon CloudWatch User Guide.
"""

from __future__ import annotations

import ast
import operator
import re
from typing import Any, Callable, Mapping, Sequence, Union

import attrs

#: Values by the second, since the epoch, at which their period begins.
Points = Mapping[int, float]


class MathError(AssertionError):
    """An expression that CloudWatch, or this module, does not know."""


@attrs.frozen
class Metric:
    """A metric: its dimensions as `(name, value)` pairs, sorted."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class Series:
    """A line, and the metric that it is of where it is of one alone."""

    points: Points
    metric: Metric | None = None


Value = Union[float, Series, Sequence[Series]]

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}

_WORD = r'(?:[A-Za-z0-9_]+|"[^"]+")'
_SEARCH = re.compile(rf'\{{({_WORD}(?:,\s*{_WORD})*)\}}\s+MetricName="([^"]+)"')


@attrs.frozen
class Expressions:
    """The metrics and expressions of one widget, by which they name one another.

    Attributes:
        metrics: what the widget's metrics gave, by their ids.
        expressions: text of the widget's expressions, by their ids.
        times: the seconds at which periods begin, for `FILL`.
        search: gives the metrics of a namespace with just these dimensions and this name, each
            with its points by a statistic.
    """

    metrics: Mapping[str, Series]
    expressions: Mapping[str, str]
    times: Sequence[int]
    search: Callable[[str, frozenset[str], str, str], list[Series]]

    def value(self, text: str, _within: tuple[str, ...] = ()) -> Value:
        """What an expression gives: a number, a line or several.

        Raises:
            MathError: if it is none that CloudWatch knows, as far as this module can tell.
        """
        if text in _within:
            raise MathError(f"{text} is made of itself")
        try:
            tree = ast.parse(text, mode="eval")
        except SyntaxError as error:
            raise MathError(f"{text} cannot be read: {error.msg}") from None
        return self._of(tree.body, text, (*_within, text))

    def _of(self, node: ast.expr, text: str, within: tuple[str, ...]) -> Value:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return float(node.value)
        if isinstance(node, ast.Name):
            return self._named(node.id, within)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            left, right = (self._of(side, text, within) for side in (node.left, node.right))
            return _combined(_OPERATORS[type(node.op)], left, right, text)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            arguments = [self._argument(each, text, within) for each in node.args]
            return self._call(node.func.id, arguments, text)
        raise MathError(f"{ast.unparse(node)} of {text} is not known")

    def _call(self, name: str, arguments: list[Any], text: str) -> Value:
        kinds = tuple(isinstance(each, str) for each in arguments)
        if (name, kinds) == ("FILL", (False, False)):
            return self._fill(*arguments)
        if name == "METRICS" and kinds in ((), (True,)):
            return self._metrics(*arguments)
        if (name, kinds) == ("SEARCH", (True, True)):
            return self._search(*arguments)
        if (name, kinds) == ("SUM", (False,)):
            return self._sum(*arguments)
        raise MathError(f"the function {name} of {text} is not known, or not with these arguments")

    def _argument(self, node: ast.expr, text: str, within: tuple[str, ...]) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        return self._of(node, text, within)

    def _named(self, name: str, within: tuple[str, ...]) -> Value:
        if name in self.metrics:
            return self.metrics[name]
        if name in self.expressions:
            return self.value(self.expressions[name], within)
        raise MathError(f"no metric or expression of the widget has the id {name}")

    def _metrics(self, part: str = "") -> list[Series]:
        """`METRICS("m_")`: the metrics whose id has that text in it; expressions are none."""
        return [series for ident, series in self.metrics.items() if part in ident]

    def _fill(self, value: Value, filling: Value) -> Value:
        """`FILL`: a number wherever there is no value."""
        if not isinstance(filling, float):
            raise MathError("FILL is known with a number alone")
        if isinstance(value, float):
            raise MathError("FILL is of lines, not of a number")
        if isinstance(value, Series):
            return Series({**dict.fromkeys(self.times, filling), **value.points}, value.metric)
        return [self._fill(each, filling) for each in value]

    def _sum(self, value: Value) -> Value:
        """`SUM`: of one line a number, of several a line."""
        if isinstance(value, float):
            raise MathError("SUM is of lines, not of a number")
        if isinstance(value, Series):
            return float(sum(value.points.values()))
        total: dict[int, float] = {}
        for series in value:
            for second, found in series.points.items():
                total[second] = total.get(second, 0.0) + found
        return Series(total)

    def _search(self, what: str, stat: str) -> list[Series]:
        """`SEARCH('{namespace,dimension} MetricName="name"', 'statistic')`."""
        parts = _SEARCH.fullmatch(what)
        if parts is None:
            raise MathError(f"the search {what} is not known")
        namespace, *dimensions = (word.strip('"') for word in re.split(r",\s*", parts[1]))
        return self.search(namespace, frozenset(dimensions), parts[2], stat)


def _combined(
    combine: Callable[[float, float], float], left: Value, right: Value, text: str
) -> Value:
    if isinstance(left, float) and isinstance(right, float):
        try:
            return combine(left, right)
        except ZeroDivisionError:
            raise MathError(f"{text} divides by zero") from None
    if isinstance(left, (float, Series)) and isinstance(right, (float, Series)):
        return Series(_pointwise(combine, left, right))
    if isinstance(left, (float, Series)):
        return [_combined(combine, left, each, text) for each in right]
    if isinstance(right, (float, Series)):
        return [_combined(combine, each, right, text) for each in left]
    raise MathError(f"{text} combines several lines with several")


def _pointwise(
    combine: Callable[[float, float], float], left: float | Series, right: float | Series
) -> Points:
    """Where both have a value; where that divides by zero there is none."""
    sides = [side.points for side in (left, right) if isinstance(side, Series)]
    points = {}
    for second in sorted(set.intersection(*(set(side) for side in sides))):
        values = [
            side if isinstance(side, float) else side.points[second] for side in (left, right)
        ]
        try:
            points[second] = combine(*values)
        except ZeroDivisionError:
            continue
    return points
