"""Export marts to Parquet files in a folder or an S3 bucket, by day."""

import click

from landfall.settings import Settings
from landfall.wording import counted


@click.command(name="export")
@click.argument("destination", metavar="DIR_OR_S3_URL")
@click.option("--table", "tables", multiple=True, metavar="MART", help="Only this mart; may be given more than once.")
@click.option("--from", "first_day", metavar="DAY", help="Only this day of events, as 2026-03-28…")
@click.option("--to", "last_day", metavar="DAY", help="…to this one, both included.")
@click.option("--redshift", is_flag=True, help="Also write redshift/MART.sql, which loads the export into Redshift.")
def command(
    destination: str, tables: tuple[str, ...], first_day: str | None, last_day: str | None, redshift: bool
) -> None:
    """Write the marts to DIR_OR_S3_URL as Parquet: MART/event_date=2026-03-28/part-0.parquet, dimensions as one file.

    Only days whose rows have changed since the last export are written, and days that a mart has no more go: so again
    is cheap, and changes nothing. Files are replaced whole; each mart is as of one moment.

    \b
    landfall export lake/
    landfall export s3://bucket/marts --table kpi_products_daily --redshift

    s3:// leads to Amazon, or to LANDFALL_S3_ENDPOINT; keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a
    profile, or the machine's role.
    """
    # Imported here for start-up time.
    from exports.export import Exported, export
    from warehouse.dbt_arguments import EventDays

    days = EventDays.parse(first_day, last_day)

    def report(done: Exported) -> None:
        changes = f"{done.written:,} written" + (f", {done.removed:,} removed" if done.removed else "")
        odd = f"; {done.misfits:,} values too long or too large were cut or left empty" if done.misfits else ""
        click.echo(
            f"{done.mart:<32} {done.rows:>12,} rows  {done.files:>5,} files  {done.size:>13,} bytes  {changes}{odd}"
        )

    done = export(Settings.load(), destination, tables, days, redshift=redshift, report=report)
    written = counted(sum(each.written for each in done), "file")
    click.echo(f"{written} written in {done[0].path.rpartition('/')[0]}")
