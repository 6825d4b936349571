"""Make a person unknown, everywhere, and keep every count."""

from pathlib import Path

import click

from landfall.errors import UserError
from landfall.plain_text import printable
from landfall.settings import Settings
from landfall.wording import listed


@click.command(name="erase")
@click.option(
    "--user-id", "users", multiple=True, metavar="ID", help="An account of the person; may be given more often."
)
@click.option("--device-id", "devices", multiple=True, metavar="ID", help="A device or visitor id of the person.")
@click.option("--email", "emails", multiple=True, metavar="ADDRESS", help="An e-mail address of the person.")
@click.option(
    "--follow-links",
    is_flag=True,
    help="With what goes along goes what stands beside that, and so on (not by devices).",
)
@click.option("--no-links", is_flag=True, help="Only what is given, and nothing that stands beside it.")
@click.option(
    "--max-links",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Most accounts, devices and e-mails that may go along; with more nothing is changed.",
)
@click.option(
    "--again",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Instead of naming somebody: erase everybody whom this journal of erasures knows.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be changed, and what would go along.")
def command(
    users: tuple[str, ...],
    devices: tuple[str, ...],
    emails: tuple[str, ...],
    follow_links: bool,
    no_links: bool,
    max_links: int,
    again: Path | None,
    dry_run: bool,
) -> None:
    """Replace a person's identifiers by one random token: in landing, quarantine, facts, sessions and all that is
    counted by them, also where they stand in addresses of pages, in hosts and in unknown fields.

    With what is given go the accounts, devices and e-mails in the same records, and IP addresses that nobody else known
    has. They are listed, also by --dry-run: anybody can send events that put somebody else's account beside this one.
    Distinct devices stay distinct, and so every count stays as it is. What lands again later with the same identifiers
    gets the same token. ops.erasures keeps an account of it without the person.

    Safe beside `landfall land` and refreshes, which wait, and safe to repeat.

    Who was erased is also written down outside the database, as salted hashes, in LANDFALL_ERASURE_JOURNAL (default:
    erasures.jsonl in the state folder). Keep a copy of it apart: a restored backup knows nobody whom it does not know,
    and `landfall restore`, or --again after a restore by other means, erases them in it once more.

    \b
    Not reached, mind their own retention:
      Kafka's topics; lake files that were ingested
      exported files: export those days again
      charts of `landfall report`, and what Dagster's storage shows of hosts and ids
      Postgres' WAL, replicas' delays, backups
      master data (schemas reference and snapshots)
    """
    # Imported here for start-up time.
    from erasure.erase import NAMES, erase, given_identifiers
    from erasure.erase_restored import erase_restored
    from erasure.journal import Journal

    settings = Settings.load()
    if again is not None:
        if users or devices or emails or dry_run or follow_links or no_links:
            raise UserError("--again takes nobody's names and no other options: the journal says who.")
        rows = erase_restored(settings, Journal(again.absolute()))
        for table, count in rows.items():
            click.echo(f"{table}: {count:,} row(s)")
        click.echo("Who is in the journal is erased." if rows else "Nothing of those in the journal is there.")
        return

    if follow_links and no_links:
        raise UserError("--follow-links and --no-links exclude each other.")
    done = erase(
        settings,
        given_identifiers(users, devices, emails),
        dry_run=dry_run,
        links="all" if follow_links else "none" if no_links else "direct",
        most_links=max_links,
    )
    if done is None:
        click.echo("Nothing of this person is there.")
        return
    found = ", ".join(f"{count} {NAMES[kind]}" for kind, count in done.identifiers.items())
    click.echo(f"{found} {'would become' if dry_run else 'became'} {'a token' if dry_run else done.token}")
    for kind in ("user", "device", "email"):
        if along := [printable(value) for of, value in done.linked if of == kind]:
            click.echo(f"along with what was given: {NAMES[kind]} {listed(along, most=50)}")
    if dry_run and len(done.linked) > max_links:
        click.echo(f"These are more than may go along: --max-links {len(done.linked)} allows them.")
    for table, count in done.rows.items():
        click.echo(f"{table}: {count:,} row(s)")
    if not dry_run:
        click.echo("Sessions take their new keys with the next refresh.")
        click.echo(f"Written down without naming anybody in {Journal.of(settings).path}: keep a copy of it apart.")
        click.echo(
            "Not reached: Kafka's topics, exported files (export those days again), charts, Dagster's storage,"
            " Postgres' WAL and backups."
        )
