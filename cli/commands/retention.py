"""Drop old landing partitions and quarantined records, shorten old addresses and identifiers, let old facts go."""

import click

from landfall.settings import Settings
from landfall.wording import counted


@click.command(name="retention")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def command(dry_run: bool) -> None:
    """Let go of what is older than the settings say.

    \b
    LANDFALL_LANDING_RETENTION_DAYS      landing partitions, one a day (30)
    LANDFALL_LEDGER_DETAIL_HOURS         single loads in the ledger: then they are merged by the hour, and by the day
                                         once its landing partition has gone (8 hours)
    LANDFALL_QUARANTINE_RETENTION_DAYS   records in quarantine (90)
    LANDFALL_ADDRESS_RETENTION_DAYS      full IP addresses: then /24 or, of IPv6, /48 (30)
    LANDFALL_IDENTIFIER_RETENTION_DAYS   identifiers of users and devices in facts: then their keys, by which all is
                                         counted on; addresses of pages: then without query and fragment (90)
    LANDFALL_FACT_RETENTION_DAYS         facts, partition by partition, a month later; an event that is older when it
                                         lands is in no mart, but in ops.late_events (unset: facts stay for ever)

    A landing partition, and a single load, stays as long as some model, of whoever's schema, or the enricher has not
    read all of it. Loads are merged by Kafka partition, and their sums stay. Once a landing partition has gone, a full
    refresh rebuilds the marts from the facts and leaves the facts as they are.

    Marts keep everything: days whose facts were let go stay as they were counted, whatever comes.
    """
    # Imported here for start-up time.
    from warehouse.retention import retain

    done = retain(Settings.load(), dry_run=dry_run)
    would, become = ("would be ", "would become") if dry_run else ("", "become")
    for stream in sorted({partition.stream for partition in done.dropped}):
        gone = [partition for partition in done.dropped if partition.stream == stream]
        rows = sum(partition.rows for partition in gone)
        days = f"{gone[0].day}" if len(gone) == 1 else f"{gone[0].day} to {gone[-1].day}"
        click.echo(f"{stream}: {len(gone)} day(s) of landing {would}dropped, {days}, {rows:,} rows")
    for partition, reader in done.held:
        click.echo(
            f"{partition.stream}: {partition.day} stays: {reader.name} has read to load {max(reader.position, 0)} of"
            f" {partition.last_load_id}; run `landfall refresh`, or drop that table when it is nobody's"
        )
    for stream, bound in done.facts.bounds:
        facts = [each for each in done.facts.dropped if each.stream == stream]
        click.echo(
            f"{stream}: {counted(sum(each.facts for each in facts), 'fact')} of {counted(len(facts), 'partition')}"
            f" {would}let go, up to {facts[-1].until:%Y-%m-%d}; events from before {bound:%Y-%m-%d} {become} no facts"
        )
    for stream, why in done.facts.held:
        click.echo(f"{stream}: old facts stay: {why}")
    click.echo(f"ledger: {done.loads:,} load(s) {would}merged into others")
    click.echo(f"quarantine: {done.quarantined:,} record(s) {would}deleted")
    click.echo(f"addresses: {done.addresses:,} {would}shortened")
    click.echo(f"identifiers: {done.identifiers:,}, addresses of pages: {done.pages:,} {would}shortened")
