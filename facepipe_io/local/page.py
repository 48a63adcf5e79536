"""Pages: templates with what all of them need."""

from __future__ import annotations

from typing import Any, Sequence

import jinja2
import plotly.offline  # type: ignore[import-untyped]

from facepipe.moods import emotion_colour, emotion_word
from facepipe_io.local.patterns import print_patterns, print_style
from facepipe_io.local.words import (
    human_bytes,
    human_day,
    human_seconds,
    in_text,
    listed,
    plural,
)

#: Pixels of a chart on A4, of 1/96 inch: in a card, and across the page, whose style sets margins.
PAPER_WIDTHS = (664, 706)


def make_page(
    template: str,
    types: Sequence[str],
    charts: dict[str, str],
    side_by_side: dict[str, Any],
    **values: Any,
) -> str:
    """A page out of its template.

    Args:
        template: the template's name.
        types: emotions on the page, the most common first.
        charts: figures as JSON, by the id of what they are drawn into.
        side_by_side: what the comparison of crowds needs; empty for a page without it.
        values: what else the template needs.
    """
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("facepipe_io.local", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    env.filters.update(
        bytes=human_bytes,
        colour=emotion_colour,
        day=human_day,
        listed=listed,
        mood_class=lambda name: f"m{types.index(name)}" if name in types else "",
        name=in_text,
        number=lambda value: f"{value:,.0f}",
        p_value=lambda p: "p < 0.001" if p < 0.001 else f"p = {p:.2g}",
        percent=lambda share: f"{100 * share:.1f}%",
        plural=plural,
        seconds=human_seconds,
        word=emotion_word,
    )
    return env.get_template(template).render(
        **{"comparison": None, **side_by_side},
        **values,
        types=types,
        charts=charts,
        print_style=print_style(types),
        print_patterns=print_patterns(types),
        paper_widths=PAPER_WIDTHS,
        plotly_js=plotly.offline.get_plotlyjs() if charts else "",
    )
