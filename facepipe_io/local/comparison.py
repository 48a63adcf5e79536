"""Which crowd was happier, and whether that is more than chance.

Each crowd is told with the share of its people who looked happy and Wilson's 95% interval of it.
The happiest one is compared with the next by Fisher's exact test, two-sided. That the first of many
is tested against the runner-up needs no correction (Hung and Fithian, "Rank verification for
exponential families", Annals of Statistics 47, 2019, for crowds of one size). Both take people as
independent of one another.
"""

from __future__ import annotations

from typing import Sequence

import attrs

from facepipe_io.local.crowds import Crowd
from facepipe_io.local.words import in_text, listed, plural

#: Below this a difference counts as more than chance.
LEVEL = 0.05

#: Three happy people against three others are within chance (p = 0.1): fewer than four compare with
#: nobody.
MIN_PEOPLE = 4

TEST = "Fisher's exact test, two-sided"


@attrs.frozen
class Share:
    """How many of how many people.

    Attributes:
        count: 0 to `of`.
        of: 0 or more.
    """

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None of nobody."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95% interval of it, 0 to 1; of nobody all of that.

        Example:
            >>> [round(end, 3) for end in Share(25, 40).interval]
            [0.47, 0.758]
        """
        if not self.of:
            return 0.0, 1.0
        from scipy.stats import binomtest  # type: ignore[import-untyped]  # it takes its time

        found = binomtest(self.count, self.of).proportion_ci(0.95, method="wilson")
        return float(found.low), float(found.high)


@attrs.frozen
class Side:
    """A crowd in a comparison.

    Attributes:
        crowd: the crowd.
        happy: how many of them looked happy.
    """

    crowd: Crowd
    happy: Share = attrs.field()

    @happy.default
    def _happy(self) -> Share:
        return Share(self.crowd.happy, len(self.crowd.people))

    @property
    def compares(self) -> bool:
        """Whether they are people enough to be compared."""
        return self.happy.of >= MIN_PEOPLE


@attrs.frozen
class Comparison:
    """Crowds side by side.

    Attributes:
        sides: the happiest first; those of too few people after all others.
        by: `camera` or `run`: what each is of.
        p_value: that of the first two; None where there are no two of people enough.
    """

    sides: tuple[Side, ...]
    by: str
    p_value: float | None

    @property
    def telling(self) -> bool:
        """Whether the first is happier than the second beyond chance."""
        return self.p_value is not None and self.p_value < LEVEL

    @property
    def headline(self) -> str:
        """Which crowd was happier, in one short line."""
        first, *others = self.sides
        if self.p_value is None:
            return "Too few people to say which crowd was happier"
        if not self.telling:
            return "No telling which crowd was happier"
        ranked = sum(side.compares for side in (first, *others))
        return f"{in_text(first.crowd.name)} had the happie{'r' if ranked == 2 else 'st'} crowd"

    @property
    def figures(self) -> str:
        """What the headline goes by, in one sentence without its stop."""
        ranked = [side for side in self.sides if side.compares]
        if self.p_value is None:
            return listed([_figure(side) for side in self.sides], shown=3)
        first, second = ranked[:2]
        one, other = _percents(first.happy, second.happy)
        names = in_text(first.crowd.name), in_text(second.crowd.name)
        if self.telling:
            said = f"{one} of {plural(first.happy.of, 'person')} looked happy"
            against = "against" if len(ranked) == 2 else "and next"
            return f"{said}, {against} {other} of {second.happy.of:,} at {names[1]}"
        if first.happy.value == second.happy.value:
            each = f"{plural(first.happy.of, 'person')} at {names[0]} and of {second.happy.of:,}"
            return f"{one} looked happy of {each} at {names[1]}"
        return (
            f"{one} of {plural(first.happy.of, 'person')} looked happy at {names[0]} and {other} "
            f"of {second.happy.of:,} at {names[1]}, a difference within chance"
        )

    @property
    def answer(self) -> str:
        """Which crowd was happier, and by how much."""
        return f"{self.headline}: {self.figures}."


def compare(crowds: Sequence[Crowd], by: str) -> Comparison:
    """Put crowds side by side.

    Args:
        crowds: at least one.
        by: `camera` or `run`: what each is of.
    """
    sides = [Side(crowd) for crowd in crowds]
    sides.sort(key=lambda side: (not side.compares, -(side.happy.value or 0.0), -side.happy.of))
    ranked = [side.happy for side in sides if side.compares][:2]
    return Comparison(tuple(sides), by, p_value(*ranked) if len(ranked) == 2 else None)


def p_value(one: Share, other: Share) -> float:
    """How likely a difference this large is if the two do not differ: Fisher's exact test.

    Example:
        >>> round(p_value(Share(25, 40), Share(17, 38)), 3), p_value(Share(4, 4), Share(4, 4))
        (0.173, 1.0)
    """
    from scipy.stats import fisher_exact

    table = [[share.count, share.of - share.count] for share in (one, other)]
    return min(float(fisher_exact(table)[1]), 1.0)


def _figure(side: Side) -> str:
    return f"{side.happy.count:,} of {side.happy.of:,} at {in_text(side.crowd.name)}"


def _percents(one: Share, other: Share) -> tuple[str, str]:
    """Two shares in percent, told apart if they differ."""
    values = [100 * (share.value or 0.0) for share in (one, other)]
    for digits in (0, 1, 2):
        said = [f"{value:.{digits}f}%" for value in values]
        if said[0] != said[1] or values[0] == values[1]:
            break
    return said[0], said[1]
