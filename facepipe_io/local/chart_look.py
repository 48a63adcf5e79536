"""How the charts look that matplotlib draws."""

from __future__ import annotations

from typing import Any

from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

INK, FAINT = "#1f2430", "#e3e6ea"


def dress(axes: Any) -> None:
    """A faint grid, no frame, and no more ink than needed."""
    axes.grid(color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, which="both", length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def whole_numbers(axis: Any, **places: Any) -> None:
    """Write numbers, and no powers of ten, on a logarithmic axis.

    Args:
        axis: of matplotlib's.
        places: where, as `LogLocator` takes it.
    """
    axis.set_major_locator(LogLocator(**places))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
