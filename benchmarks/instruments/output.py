"""How every measurement is shown: tables in the terminal, Markdown on request, raw figures in a file on request."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from benchmarks.instruments.machine import machine
from benchmarks.instruments.tables import Part

Say = Callable[[str], None]
"""Tells how far it is: on stderr, so that the results can be redirected."""


def measured(measure: Callable[..., Part | Iterable[Part]]) -> Callable[..., None]:
    """Makes a function that measures (called with `say` beside its own options) a command that shows the result.

    Several parts are shown, and written to the file, one by one as they come: the last may fail.
    """

    @click.option("--markdown", is_flag=True, help="Tables as Markdown.")
    @click.option(
        "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Raw figures too."
    )
    @functools.wraps(measure)
    def show(*args: Any, markdown: bool, json_file: Path | None, **options: Any) -> None:
        raw: dict[str, Any] = {"machine": machine()}
        click.echo(raw["machine"] + "\n")
        found = measure(*args, say=say, **options)
        for part in [found] if isinstance(found, Part) else found:
            for table in part.tables:
                click.echo((table.as_markdown() if markdown else table.as_text()) + "\n")
            raw[part.name] = part.raw
            if json_file is not None:
                json_file.write_text(json.dumps(raw, indent=2, default=str) + "\n", encoding="utf-8")

    return show


def say(line: str) -> None:
    """A line of progress."""
    click.echo(line, err=True)
