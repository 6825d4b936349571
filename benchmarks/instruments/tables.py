"""Results as people read them: aligned plain text in the terminal, Markdown in a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Cell = str | int | float | None


@dataclass
class Table:
    """A result. The first column names a row, the others hold its figures; each header gives the unit."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_text(self) -> str:
        """Aligned for a terminal: names to the left, figures to the right."""
        lines = [list(self.columns), *([_shown(cell) for cell in row] for row in self.rows)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.columns))]
        shown = [
            "  ".join(
                cell.ljust(width) if place == 0 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, *(f"  {line}" for line in shown), *(f"  {note}" for note in self.notes)])

    def as_markdown(self) -> str:
        """A heading, a table and the notes."""
        header = "| " + " | ".join(self.columns) + " |"
        rule = "|---|" + "---:|" * (len(self.columns) - 1)
        rows = ["| " + " | ".join(_shown(cell) for cell in row) + " |" for row in self.rows]
        notes = [line for note in self.notes for line in ("", note)]
        return "\n".join([f"### {self.title}", "", header, rule, *rows, *notes])


@dataclass
class Part:
    """One measurement: its name, what to show of it, and its raw figures."""

    name: str
    tables: list[Table]
    raw: dict[str, Any]


def _shown(cell: Cell) -> str:
    """A figure with about three significant digits: what lies below is noise."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 1000:
        return f"{round(cell):,}"
    if abs(cell) >= 100:
        return f"{cell:.0f}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
