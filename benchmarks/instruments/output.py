"""How every measurement is shown: tables in the terminal, Markdown on request, raw figures in a file on request."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks.instruments.machine import machine
from benchmarks.instruments.tables import Part

Say = Callable[[str], None]
"""Tells how far it is: on stderr, so that the results can be redirected."""


def measured(measure: Callable[..., Part | list[Part]]) -> Callable[..., None]:
    """Makes a function that measures (called with `say` beside its own options) a command that shows the result."""

    @click.option("--markdown", is_flag=True, help="Tables as Markdown.")
    @click.option(
        "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Raw figures too."
    )
    @functools.wraps(measure)
    def show(*args: Any, markdown: bool, json_file: Path | None, **options: Any) -> None:
        before = machine()
        found = measure(*args, say=say, **options)
        parts = found if isinstance(found, list) else [found]
        click.echo(before + "\n")
        for part in parts:
            for table in part.tables:
                click.echo((table.as_markdown() if markdown else table.as_text()) + "\n")
        if json_file is not None:
            raw = {"machine": before, **{part.name: part.raw for part in parts}}
            json_file.write_text(json.dumps(raw, indent=2, default=str) + "\n", encoding="utf-8")

    return show


def say(line: str) -> None:
    """A line of progress."""
    click.echo(line, err=True)
