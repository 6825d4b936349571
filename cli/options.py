"""Options that more than one command has."""

from __future__ import annotations

import click


class Delimiter(click.ParamType):  # type: ignore[type-arg]  # generic in its stub alone
    """What separates the cells of a CSV file: one sign, or `tab`."""

    name = "sign"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        sign = "\t" if value in ("tab", r"\t") else value
        if len(sign) != 1 or sign in '"\r\n\0':
            self.fail(f"{value!r} separates no cells: write one sign, such as ';', or tab.", param, ctx)
        return sign


DELIMITER = click.option(
    "--delimiter",
    type=Delimiter(),
    metavar="SIGN",
    help="What separates the cells of CSV files: a sign, or `tab`. Default: a tab in .tsv files, else a comma.",
)
