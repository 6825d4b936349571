"""Writes the charts to a folder, with a page that shows them all."""

from __future__ import annotations

import datetime as dt
import html
import os
from pathlib import Path

from landfall.errors import UserError
from landfall.settings import Settings
from reports.catalog import CHARTS
from reports.chart import Rows, open_marts
from reports.style import draw, png
from warehouse.reporting_timezone import zone_of_marts

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Landfall report</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; color: #1f2933; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }}
  figure {{ margin: 0 0 2rem }} img {{ width: 100%; border: 1px solid #e4e8ec; border-radius: 6px }}
  figcaption, p {{ color: #66727f }}
</style>
<h1>Landfall report</h1>
<p>{day} Drawn {drawn:%Y-%m-%d %H:%M} UTC.</p>
{figures}
</html>
"""
FIGURE = """<figure id="{name}">
  <img src="{name}.png" alt="{finding}">
  <figcaption>{question} Rows: {rows}.</figcaption>
</figure>"""


def write_report(settings: Settings, folder: Path, day: dt.date | None = None) -> list[Path]:
    """Draw every chart of `day` (default: each stream's newest) into `folder`, with an index.html; returns the files.

    A file is replaced whole or stays as it was. Raises UserError when the folder cannot be written, or when there are
    no marts.
    """
    zone = zone_of_marts(settings)
    written, figures = [], []
    with open_marts(settings) as marts:
        for chart in CHARTS.values():
            rows = chart.read(marts, day, zone)
            written.append(replace(folder / f"{chart.name}.png", png(draw(chart, rows, day, zone))))
            figures.append(
                figure_html(chart.name, chart.question, chart.finding(rows) if rows else chart.nothing, rows)
            )
    about = f"Day: {day}, {zone}." if day else f"The newest day of each stream, {zone}."
    page = PAGE.format(day=about, drawn=dt.datetime.now(dt.UTC), figures="\n".join(figures))
    return [*written, replace(folder / "index.html", page.encode())]


def figure_html(name: str, question: str, finding: str, rows: Rows) -> str:
    """One chart on the page; what it says is also its text for those who cannot see it."""
    return FIGURE.format(name=name, question=html.escape(question), finding=html.escape(finding), rows=len(rows))


def replace(path: Path, content: bytes) -> Path:
    """Write the file, whole or not at all. Raises UserError when it cannot be."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}. Name a folder of your own.") from error
    return path
