"""Draw the charts of a day into a folder: products, countries, actions, bots, payments, clicks."""

from pathlib import Path

import click

from landfall.plain_text import printable
from landfall.settings import Settings


@click.command(name="report")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--day", metavar="DAY", help="Day of events, as 2026-03-28. Default: the newest day of each stream.")
def command(folder: Path, day: str | None) -> None:
    """Write each chart as a PNG into DIR, and an index.html that shows them all.

    A chart is one select on the marts (reports/), in reporting_timezone. Files of an earlier report are replaced.
    """
    # Imported here for start-up time.
    from reports.write import write_report
    from warehouse.dbt_arguments import day_of

    written = write_report(Settings.load(), folder, day_of("--day", day) if day else None)
    for path in written:
        click.echo(printable(path))
