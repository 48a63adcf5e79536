"""Patterns by which emotions are told apart on paper, where there may be no colours."""

from __future__ import annotations

from typing import Sequence
from urllib.parse import quote

from facepipe.moods import emotion_colour

_SIDE = 8  # pixels; a tile meets itself at its edges
_LINES = {
    "CALM": "M-2,2l4,-4M0,8l8,-8M6,10l4,-4",
    "SAD": "M2,2h.01M6,6h.01",
    "ANGRY": "M-2,2l4,-4M0,8l8,-8M6,10l4,-4M-2,6l4,4M0,0l8,8M6,-2l4,4",
    "SURPRISED": "M-2,6l4,4M0,0l8,8M6,-2l4,4",
    "FEAR": "M4,0v8",
    "DISGUSTED": "M0,4h8",
    "CONFUSED": "M4,0v8M0,4h8",
}


def tile(emotion: str) -> str:
    """What is repeated over an area, as SVG: happiness is one colour, all others are drawn over."""
    colour = emotion_colour(emotion)
    lines = _LINES.get(emotion)
    if lines is None:
        fill = colour if emotion == "HAPPY" else _mixed(colour, 255, 0.75)
        return f'<rect width="{_SIDE}" height="{_SIDE}" fill="{fill}"/>'
    light, dark = _mixed(colour, 255, 0.75), _mixed(colour, 0, 0.45)
    return (
        f'<rect width="{_SIDE}" height="{_SIDE}" fill="{light}"/>'
        f'<path d="{lines}" fill="none" stroke="{dark}" stroke-width="1.4" '
        'stroke-linecap="round"/>'
    )


def print_style(emotions: Sequence[str]) -> str:
    """Rules that put patterns in place of colours: those of class `m0`, `m1`, ..., and in charts.

    Args:
        emotions: by the number of their class.
    """
    rules = []
    size = f"width='{_SIDE}' height='{_SIDE}'"
    for number, emotion in enumerate(emotions):
        svg = quote(f"<svg xmlns='http://www.w3.org/2000/svg' {size}>{tile(emotion)}</svg>")
        rgb = ", ".join(str(part) for part in _rgb(emotion_colour(emotion)))
        rules += [
            f'.m{number} {{ background: url("data:image/svg+xml,{svg}") !important; }}',
            f'.js-fill[style*="fill: rgb({rgb})"] {{ fill: url(#m{number}) !important; }}',
        ]
    return "\n  ".join(rules)


def print_patterns(emotions: Sequence[str]) -> str:
    """What those rules refer to in charts, as SVG."""
    return "".join(
        f'<pattern id="m{number}" width="{_SIDE}" height="{_SIDE}" patternUnits="userSpaceOnUse">'
        f"{tile(emotion)}</pattern>"
        for number, emotion in enumerate(emotions)
    )


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def _mixed(colour: str, other: int, part: float) -> str:
    """A colour, so much of it black (0) or white (255)."""
    mixed = (round(value * (1 - part) + other * part) for value in _rgb(colour))
    return "#" + "".join(f"{value:02x}" for value in mixed)
