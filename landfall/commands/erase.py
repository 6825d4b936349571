"""Make a person unknown, everywhere, and keep every count."""

import click


@click.command(name="erase")
@click.option(
    "--user-id", "users", multiple=True, metavar="ID", help="An account of the person; may be given more often."
)
@click.option("--device-id", "devices", multiple=True, metavar="ID", help="A device or visitor id of the person.")
@click.option("--email", "emails", multiple=True, metavar="ADDRESS", help="An e-mail address of the person.")
@click.option("--dry-run", is_flag=True, help="Only say what would be changed.")
def command(users: tuple[str, ...], devices: tuple[str, ...], emails: tuple[str, ...], dry_run: bool) -> None:
    """Replace a person's identifiers by one random token: in landing, quarantine, facts, sessions and all that is
    counted by them, also where they stand in addresses of pages and in unknown fields.

    With what is given go the accounts and e-mails in the same records, their devices, and IP addresses that nobody else
    known has; look at --dry-run first. Distinct devices stay distinct, and so every count stays as it is. What lands
    again later with the same identifiers gets the same token. ops.erasures keeps an account of it without the person.

    Safe beside `landfall land` and refreshes, which wait, and safe to repeat. It needs LANDFALL_ADMIN_DSN, to change
    landing and models in one transaction. Kafka and backups keep what they have: mind their own retention.
    """
    from landfall.settings import Settings
    from warehouse.erase import erase, given_identifiers

    done = erase(Settings.load(), given_identifiers(users, devices, emails), dry_run=dry_run)
    if done is None:
        click.echo("Nothing of this person is there.")
        return
    names = {"user": "account(s)", "device": "device(s)", "email": "e-mail(s)", "address": "IP address(es)"}
    found = ", ".join(f"{count} {names[kind]}" for kind, count in done.identifiers.items())
    click.echo(f"{found} {'would become' if dry_run else 'became'} {'a token' if dry_run else done.token}")
    for table, count in done.rows.items():
        click.echo(f"{table}: {count:,} row(s)")
    if not dry_run:
        click.echo("Sessions take their new keys with the next refresh.")
