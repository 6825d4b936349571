"""One look for all charts: the finding as headline, direct labels, little ink. Drawn without a screen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal

from landfall.plain_text import shortened
from reports.chart import Chart, Rows, day_of

if TYPE_CHECKING:
    import datetime as dt

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET, GRID = "#1f2933", "#66727f", "#e4e8ec"
ALL, HUMAN, ALARM, MONEY = "#a9c4de", "#1f5f99", "#c0392b", "#2a8c6e"
WIDTH_INCHES, HEIGHT_INCHES = 10.0, 5.6
DPI = 110
# Small enough to be kept with each materialization in Dagster, 9-12 KB, and still readable there.
PREVIEW_DPI, PREVIEW_COLOURS = 72, 40
LONGEST_LABEL = 36


def text_as_sent() -> AbstractContextManager[None]:
    """Texts are no formulas: a product `$\\frac{$` ends the drawing otherwise, and `US$ 5 $` loses its signs."""
    # Imported here for start-up time.
    from matplotlib import rc_context

    return rc_context({"text.parse_math": False})


def label(name: object) -> str:
    """A name of an event as it was sent, in one line, and cut where it would not leave room for its bar."""
    return shortened(name, LONGEST_LABEL)


def draw(chart: Chart, rows: Rows, day: dt.date | None, zone: str) -> Figure:
    """The chart of these rows; without any it says so. `day`: the day that was asked for, None for the newest."""
    # Imported here for start-up time.
    import seaborn
    from matplotlib.figure import Figure

    look = {"axes.edgecolor": GRID, "grid.color": GRID, "text.color": INK, "axes.labelcolor": QUIET}
    look |= {"xtick.color": QUIET, "ytick.color": INK, "font.family": "DejaVu Sans"}
    with text_as_sent(), seaborn.axes_style("whitegrid", look):
        figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), facecolor="white")
        figure.subplots_adjust(left=0.07, right=0.97, top=0.80, bottom=0.13)
        if rows:
            chart.plot(figure, rows)
        else:
            say_that_nothing_is_there(figure, chart.nothing, day)
        write_around(figure, chart, rows, day, zone)
    return figure


def write_around(figure: Figure, chart: Chart, rows: Rows, day: dt.date | None, zone: str) -> None:
    """Headline, measure and source."""
    headline = chart.finding(rows) if rows else chart.question
    shown = day_of(rows) or day
    when = f"{shown:%A, %d %B %Y}, {zone}" if shown else "newest day"
    figure.text(0.03, 0.945, headline, fontsize=15, fontweight="bold", color=INK, va="center")
    figure.text(0.03, 0.885, f"{chart.measure} · {when}", fontsize=10.5, color=QUIET, va="center")
    figure.text(0.03, 0.025, f"Source: marts.{chart.marts[0]}", fontsize=8.5, color=QUIET, va="center")


def say_that_nothing_is_there(figure: Figure, nothing: str, day: dt.date | None) -> None:
    """An empty picture with the reason in words."""
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(
        0.5, 0.52, f"{nothing} on {day:%d %B %Y}." if day else f"{nothing} yet.", ha="center", fontsize=14, color=QUIET
    )


def png(figure: Figure) -> bytes:
    """The picture as written to a file."""
    return render(figure, DPI)


def preview(figure: Figure) -> bytes:
    """A small PNG of the picture, in few colours."""
    # Imported here for start-up time.
    from PIL import Image

    small = Image.open(io.BytesIO(render(figure, PREVIEW_DPI))).convert("RGB").quantize(PREVIEW_COLOURS)
    buffer = io.BytesIO()
    small.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def render(figure: Figure, dpi: int) -> bytes:
    """The same bytes for the same figure, whenever it is drawn."""
    # Imported here for start-up time.
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    with text_as_sent():  # some labels are made only now
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def ranked_bars(
    figure: Figure,
    names: Sequence[str],
    every: Sequence[float],
    human: Sequence[float] | None,
    labels: Sequence[str],
    *,
    legend: tuple[str, str] = ("all", "without bots"),
    per_cent: bool = False,
) -> None:
    """Horizontal bars, the first on top: all of it light, and over it dark what people did, where it is known."""
    # Imported here for start-up time.
    import seaborn

    axes = figure.add_subplot()
    figure.subplots_adjust(left=min(0.05 + 0.0095 * max(map(len, names)), 0.35))
    places = list(range(len(names)))
    seaborn.barplot(
        x=list(every), y=places, orient="y", ax=axes, color=ALL if human else HUMAN, saturation=1, width=0.7
    )
    if human:
        seaborn.barplot(x=list(human), y=places, orient="y", ax=axes, color=HUMAN, saturation=1, width=0.34)
        light, dark = axes.containers[0], axes.containers[1]
        axes.legend([light, dark], legend, loc="lower right", frameon=False, fontsize=10)
    quiet_axes(axes, grid="x", unit=" %" if per_cent else "")
    axes.set_yticks(places, names)
    axes.set_ylim(max(len(names), 5) - 0.4, -0.6)
    axes.set_xlim(0, max(every) * 1.34)
    for place, (value, label) in enumerate(zip(every, labels, strict=True)):
        axes.annotate(label, (value, place), (6, 0), textcoords="offset points", va="center", fontsize=9.5)


def quiet_axes(axes: Axes, grid: Literal["x", "y"], unit: str = "") -> None:
    """Only the grid lines that help to read values; thousands with commas."""
    # Imported here for start-up time.
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set(xlabel="", ylabel="")
    axes.grid(visible=False)
    axes.grid(visible=True, axis=grid, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left" if grid == "x" else "bottom"):
        axes.spines[side].set_visible(side == "bottom" and grid == "y")
    value_axis = axes.xaxis if grid == "x" else axes.yaxis
    value_axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}{unit}"))
    value_axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.tick_params(length=0, labelsize=10)


def panel_title(axes: Axes, text: str, colour: str = INK, note: str = "") -> None:
    """What one panel shows, above it on the left, and a note on the right."""
    axes.set_title(text, loc="left", fontsize=10.5, color=colour, pad=6)
    axes.set_title(note, loc="right", fontsize=9.5, color=QUIET, pad=6)


def with_people(every: str, human: str, place: int) -> str:
    """`241 (214 without bots)`; in words on the first bar only."""
    return f"{every} ({human} without bots)" if place == 0 else f"{every} ({human})"


def hours_axis(axes: Axes) -> None:
    """Hours of the day, 0 to 23, each third one named."""
    axes.set_xlim(-0.6, 23.6)
    axes.set_xticks(range(0, 24, 3), [f"{hour:02d}:00" for hour in range(0, 24, 3)])


def share(value: Any) -> str:
    """A fraction as per cent; small ones with a digit behind the point."""
    per_cent = 100 * float(value)
    return f"{per_cent:.1f} %" if 0 < per_cent < 10 else f"{per_cent:.0f} %"
