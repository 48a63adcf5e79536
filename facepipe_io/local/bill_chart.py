"""The bill as a chart: dollars a month of each mode over the number of cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from facepipe.costs import MODES, PriceList, Workload, bill
from facepipe_io.errors import StoreError
from facepipe_io.local.bill import MODE_WORDS
from facepipe_io.local.chart_look import INK, dress, whole_numbers

#: Okabe's and Ito's colours, which people with any kind of colour vision tell apart; the lines
#: differ in their dashes, too.
_STYLES: dict[str, dict[str, Any]] = {
    "edge": {"color": "#009e73", "linestyle": "-"},
    "cloud": {"color": "#0072b2", "linestyle": (0, (6, 1.5))},
    "endpoint": {"color": "#d55e00", "linestyle": (0, (2, 1.2))},
}
_POINTS = 60


def write_chart(path: Path, workload: Workload, prices: PriceList, mode: str | None = None) -> None:
    """Draw a fleet's dollars a month over its number of cameras, both axes logarithmic.

    Args:
        path: a .png or .svg file, which is replaced.
        workload: the fleet, which is marked.
        prices: where it is.
        mode: the only one to draw; None for all.

    Raises:
        StoreError: if the file cannot be written, or is to be of another kind.
    """
    if path.suffix.lower() not in (".png", ".svg"):
        raise StoreError(str(path), "a chart is a .png or an .svg; name one of these")
    # Texts stay texts, and the same bill gives the same bytes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "facepipe"}):
        figure = draw_chart(workload, prices, mode)
        metadata = {"Software": None} if path.suffix.lower() == ".png" else {"Date": None}
        try:
            figure.savefig(path, dpi=150, metadata=metadata)
        except OSError as error:
            raise StoreError(
                str(path), f"{error.strerror or error}; make room, or allow writing"
            ) from error


def draw_chart(workload: Workload, prices: PriceList, mode: str | None = None) -> Figure:
    """The chart, as matplotlib's figure."""
    at = max(workload.cameras, 1)
    quota = bill(workload, prices).quota_cameras
    # The quota is in the picture, unless it is so far off that nothing else would be.
    most = max(100, 10 * at, 2 * quota if quota is not None and quota <= 10_000 else 0)
    cameras = np.unique(np.geomspace(1, most, _POINTS).round().astype(int)).tolist()
    figure = Figure(figsize=(9, 5), layout="constrained", facecolor="white")
    axes = figure.add_subplot(xscale="log", yscale="log")
    ends, here = {}, {}
    for each in MODES if mode is None else (mode,):
        dollars = [
            float(bill(attrs.evolve(workload, mode=each, cameras=number), prices).total)
            for number in cameras
        ]
        axes.plot(cameras, dollars, linewidth=2.2, **_STYLES[each])
        ends[each] = dollars[-1]
        here[each] = float(bill(attrs.evolve(workload, mode=each, cameras=at), prices).total)
    _dress(axes, workload, prices)
    _name(axes, ends, most)
    _mark(axes, here, at)
    if quota is not None and 1 <= quota <= most:
        _mark_quota(axes, quota, prices)
    return figure


def _name(axes: Any, ends: dict[str, float], most: int) -> None:
    """Say at the end of each line what it is, without one name lying on another."""
    low, high = np.log(axes.get_ylim())
    floor = np.inf  # of the name above
    for mode, end in sorted(ends.items(), key=lambda item: -item[1]):
        name = MODE_WORDS[mode].replace("crops ", "crops\n")
        half = (high - low) * 0.021 * len(name.splitlines())
        height = min(np.log(end), floor - half)
        floor = height - half
        axes.annotate(
            name,
            (most, np.exp(height)),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=_STYLES[mode]["color"],
            fontweight="bold",
            annotation_clip=False,
        )


def _mark(axes: Any, here: dict[str, float], at: int) -> None:
    """Say what the fleet costs: the cheapest below its line, the others above theirs."""
    cameras = "1 camera" if at == 1 else f"{at:,} cameras"
    above = -1
    for mode, dollars in sorted(here.items(), key=lambda item: item[1]):
        colour = _STYLES[mode]["color"]
        axes.plot(at, dollars, "o", color=colour, markeredgecolor="white", markersize=8, zorder=3)
        axes.annotate(
            f"${dollars:,.0f}" + (f" for {cameras}" if above < 0 else ""),
            (at, dollars if above < 0 else max(here.values())),
            xytext=(8, -14) if above < 0 else (-8, 8 + 13 * above),
            textcoords="offset points",
            ha="left" if above < 0 else "right",
            color=colour,
            fontweight="bold",
            fontsize=9,
        )
        above += 1


def _mark_quota(axes: Any, quota: int, prices: PriceList) -> None:
    axes.axvline(quota, color=INK, linewidth=1, linestyle=(0, (1, 2)))
    left, right = axes.get_xlim()
    late = quota > (left * right) ** 0.5
    axes.annotate(
        f"Rekognition's quota of {prices.calls_a_second:g} calls\n"
        f"a second is reached at {quota:,} cameras",
        (quota, 0.03),
        xycoords=("data", "axes fraction"),
        xytext=(-6 if late else 6, 0),
        textcoords="offset points",
        ha="right" if late else "left",
        fontsize=9,
        color=INK,
    )


def _dress(axes: Any, workload: Workload, prices: PriceList) -> None:
    axes.set_title(
        "What a fleet costs a month", loc="left", fontsize=14, fontweight="bold", color=INK
    )
    axes.set_xlabel(
        f"cameras, each with {workload.people_per_hour:,.0f} people an hour, "
        f"{workload.hours:g} hours a day\n{prices.region}, {prices.date}, before free tiers "
        "and taxes",
        color=INK,
    )
    axes.set_ylabel(f"{prices.currency} a month", color=INK)
    for axis in (axes.xaxis, axes.yaxis):
        whole_numbers(axis, subs=(1, 2, 5))
    dress(axes)
