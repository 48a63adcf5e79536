"""The report: one page about a run that needs nothing but a browser.

It shows one run in a folder. Only the comparison of cameras is over all of the folder's
runs, so that clips of several cameras, run one after another into one folder, stand side by side.
"""

from __future__ import annotations

import base64
import html
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go  # type: ignore[import-untyped]
import plotly.offline  # type: ignore[import-untyped]

from facepipe.errors import ImageError
from facepipe.images import decode_image, encode_jpeg, fit_within
from facepipe_io.errors import StoreError
from facepipe_io.local.objects import label_counts, objects_headline
from facepipe_io.local.store import Run
from facepipe_io.local.summary import Summary, emotion_curve, summarise

FILE_NAME = "report.html"

#: Chosen to stand apart from one another, on white and on black.
COLOURS = {
    "HAPPY": "#d69200",
    "CALM": "#2a9d8f",
    "SAD": "#4c7fd9",
    "ANGRY": "#d64a3f",
    "SURPRISED": "#c75ab4",
    "FEAR": "#8467d7",
    "DISGUSTED": "#7b9a2c",
    "CONFUSED": "#b0713a",
}
OTHER_COLOUR = "#868c96"

WORDS = {"FEAR": "afraid", "UNKNOWN": "unclear"}  # for others the type itself, in small letters

#: More faces, or objects, than this make a page that no one reads to its end.
SHOWN_PEOPLE = 60
THUMBNAIL_WH = (288, 288)


def write_report(folder: Path, run_id: str | None = None) -> Path:
    """Write `report.html` into an output folder, from what is in it.

    Args:
        folder: the output folder.
        run_id: the run to show; by default the one that was begun last.

    Returns:
        The report's path.

    Raises:
        StoreError: if the folder has no run or cannot be read or written.
    """
    summary = summarise(folder, run_id)
    path = folder / FILE_NAME
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_text(render(summary, folder), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        if partial.is_file():
            partial.unlink()
        raise StoreError(
            str(path), f"{error.strerror or error}; make room, or allow writing"
        ) from error
    return path


def render(summary: Summary, folder: Path) -> str:
    """The page.

    Args:
        summary: what to show.
        folder: where the crops are.
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
        clock=lambda moment: _since_start(summary.run, moment),
        colour=colour,
        day=lambda moment: f"{moment.day} {moment:%B %Y, %H:%M} UTC",
        number=lambda value: f"{value:,.0f}",
        percent=lambda share: f"{100 * share:.1f}%",
        plural=plural,
        seconds=human_seconds,
        word=word,
    )
    run = summary.run
    shown = summary.people[-SHOWN_PEOPLE:]
    things = summary.objects[-SHOWN_PEOPLE:]
    return env.get_template("report.html").render(
        s=summary,
        run=run,
        headline=headline(summary),
        moods=[(name, count, count / len(summary.people)) for name, count in summary.moods],
        curve=_curve(summary) if summary.crops else None,
        cameras=_cameras(summary) if summary.crops else None,
        source=run.source if "://" in run.source else Path(run.source).name,
        people=[(person, _picture(folder, person.best.key)) for person in shown],
        things=[(thing, _picture(folder, thing.best.key)) for thing in things],
        labels=label_counts(summary.objects),
        types=_types(summary),
        plotly_js=plotly.offline.get_plotlyjs(),
    )


def headline(summary: Summary) -> str:
    """The run in one short line.

    Example:
        >>> from facepipe_io.local.store import Run
        >>> noon = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
        >>> run = Run("4f9c", noon, "demo", "demo", False, "haar", "smile", "", 10.0)
        >>> headline(Summary(run, (), (), {}))
        'Nobody was seen'
    """
    if summary.objects:
        objects = objects_headline(label_counts(summary.objects))
        return f"{_mood(summary)}; {objects}" if summary.people else objects
    return _mood(summary)


def _mood(summary: Summary) -> str:
    people, run = len(summary.people), summary.run
    if not people and run.crops:
        return "Faces were seen, but no clear emotion"
    if not people and run.lost:
        return "Every crop was lost"
    if not people:
        return "Nothing was seen" if run.of_objects else "Nobody was seen"
    name, count = summary.moods[0]
    if people == 1:
        return f"One person, who looked {word(name)}"
    if count == people:
        return f"All {people:,} people looked {word(name)}"
    if count * 2 > people:
        return f"{count:,} of {people:,} people looked {word(name)}"
    moods = ", ".join(f"{count:,} {word(name)}" for name, count in summary.moods[:3])
    return f"{people:,} people: {moods}{' and others' if len(summary.moods) > 3 else ''}"


def word(emotion: str) -> str:
    """How a person says an emotion's name.

    Example:
        >>> word("HAPPY"), word("FEAR")
        ('happy', 'afraid')
    """
    return WORDS.get(emotion, emotion.lower())


def colour(emotion: str) -> str:
    """The colour of an emotion, the same everywhere."""
    return COLOURS.get(emotion, OTHER_COLOUR)


def human_bytes(count: float) -> str:
    """A number of bytes as a person reads it.

    Example:
        >>> human_bytes(532), human_bytes(198_484), human_bytes(45_192_000)
        ('532 bytes', '198 kB', '45.2 MB')
    """
    if count < 1000:
        return f"{count:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.5 or unit == "GB":
            break
    return f"{count:.3g} {unit}" if count < 999.5 else f"{count:,.0f} {unit}"


def human_seconds(seconds: float) -> str:
    """A duration as a person reads it.

    Example:
        >>> human_seconds(4.21), human_seconds(41.9), human_seconds(754), human_seconds(7500)
        ('4.2 seconds', '42 seconds', '12 min 34 s', '2 h 5 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} seconds"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} seconds"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def plural(count: int, noun: str) -> str:
    """A number of something.

    Example:
        >>> plural(1, "crop"), plural(1200, "crop"), plural(2, "person")
        ('1 crop', '1,200 crops', '2 people')
    """
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {'people' if noun == 'person' else noun + 's'}"


def _types(summary: Summary) -> list[str]:
    """Every emotion on the page, the most common first."""
    seen: dict[str, float] = {}
    for emotions in [*(p.emotions for p in summary.people), *summary.cameras.values()]:
        for name, value in emotions.items():
            seen[name] = seen.get(name, 0.0) + value
    return sorted(seen, key=lambda name: -seen[name])


def _since_start(run: Run, moment: datetime) -> str:
    """A moment of a recording counted from its start; of a camera, by the clock."""
    if run.live:
        return f"{moment:%H:%M:%S}"
    seconds = max(round((moment - run.started_at).total_seconds()), 0)
    hours = f"{seconds // 3600}:{seconds // 60 % 60:02}" if seconds >= 3600 else f"{seconds // 60}"
    return f"{hours}:{seconds % 60:02}"


def _picture(folder: Path, key: str) -> str | None:
    """A crop as a data URI; None when it was deleted or damaged since."""
    try:
        image = decode_image((folder / key).read_bytes())
    except (OSError, ImageError):
        return None
    small = encode_jpeg(fit_within(image, THUMBNAIL_WH), quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(small).decode("ascii")


def _curve(summary: Summary) -> dict[str, Any]:
    """The chart of emotions over time, and what to say beside it."""
    run = summary.run
    first, last = summary.crops[0].captured_at, summary.crops[-1].captured_at
    start = min(run.started_at, first)
    # No less than a few seconds, so that the axis has something to show.
    end = max(last, start + timedelta(seconds=max(run.recorded_seconds, 2.0)))
    moments, shares, width = emotion_curve(summary.crops, start, end)
    # A recording has no time of day worth showing: its clock starts at midnight.
    shift = timedelta(0) if run.live else datetime(2000, 1, 1, tzinfo=timezone.utc) - run.started_at
    figure = go.Figure()
    for name in _types(summary):
        if name in shares:
            figure.add_scatter(
                x=[_plain(moment + shift) for moment in moments],
                y=shares[name],
                name=_label(name),
                mode="lines",
                line={"width": 0.5, "color": colour(name)},
                fillcolor=colour(name),
                stackgroup="share",
                hovertemplate="%{y:.0f}%",
            )
    tracks = {crop.key: person.track for person in summary.people for crop in person.crops}
    figure.add_scatter(
        x=[_plain(crop.captured_at + shift) for crop in summary.crops],
        y=[106] * len(summary.crops),
        name="crop",
        mode="markers",
        marker={
            "size": 9,
            "color": [colour(str(crop.emotions.dominant)) for crop in summary.crops],
        },
        customdata=[
            f"person {tracks[crop.key]}, {_label(str(crop.emotions.dominant))}"
            for crop in summary.crops
        ],
        hovertemplate="%{customdata}",
        cliponaxis=False,
    )
    length = (end - start).total_seconds()
    clock = run.live or length > 3600
    figure.update_layout(
        hovermode="x unified",
        height=320,
        xaxis={
            "tickformat": ("%H:%M" if length > 300 else "%H:%M:%S") if clock else "%-M:%S",
            "hoverformat": "%H:%M:%S" if clock else "%-M:%S",
            "range": [_plain(start + shift), _plain(end + shift)],
            "dtick": 1000 if length < 12 else None,  # ms; plotly would put two into a second
            "showgrid": False,
            "ticklabelstandoff": 8,
            "zeroline": False,
            "fixedrange": True,
        },
        yaxis={
            "range": [0, 110],
            "tickvals": [0, 25, 50, 75, 100],
            "ticktext": ["0%", "25%", "50%", "75%", "100%"],
            "ticklabelstandoff": 6,
            "zeroline": False,
            "fixedrange": True,
        },
        margin={"l": 54, "r": 14, "t": 8, "b": 36},
    )
    return {"figure": _json(figure), "width": width}


def _cameras(summary: Summary) -> dict[str, Any]:
    """The chart that compares the cameras."""
    figure = go.Figure()
    names = list(summary.cameras)
    totals = {camera: sum(emotions.values()) for camera, emotions in summary.cameras.items()}
    for name in _types(summary):
        shares = [100 * summary.cameras[c].get(name, 0.0) / totals[c] for c in names]
        figure.add_bar(
            x=shares,
            y=[html.escape(camera) for camera in names],
            name=_label(name),
            orientation="h",
            marker={"color": colour(name), "line": {"width": 0}},
            hovertemplate="%{y}: %{x:.0f}% " + _label(name) + "<extra></extra>",
        )
    figure.update_layout(
        barmode="stack",
        bargap=0.35,
        height=70 + 44 * len(names),
        xaxis={
            "range": [0, 100],
            "tickvals": [0, 25, 50, 75, 100],
            "ticktext": ["0%", "25%", "50%", "75%", "100%"],
            "ticklabelstandoff": 6,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        yaxis={
            "type": "category",  # else plotly takes names like 7 and 10 for numbers
            "automargin": True,
            "autorange": "reversed",
            "ticksuffix": "  ",
            "fixedrange": True,
        },
        margin={"l": 20, "r": 24, "t": 8, "b": 32},
    )
    return {"figure": _json(figure), "shares": summary.cameras, "totals": totals}


def _label(emotion: str) -> str:
    """An emotion's name for plotly, which takes HTML in its texts for markup."""
    return html.escape(word(emotion))


def _json(figure: go.Figure) -> str:
    """A figure for the page's script: no background of its own, letters as on the page."""
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        font={"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13},
    )
    # Inside <script>, so that no name in the data can end it.
    return str(figure.to_json()).replace("<", "\\u003c")


def _plain(moment: datetime) -> str:
    """A time as plotly takes it without moving it into the reader's time zone."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
