"""Show in one screen what is fresh, late, quarantined and failing; the exit code says whether all is well."""

import json
import shutil

import click

from landfall.settings import Settings


@click.command(name="status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every finding.")
@click.option("--all", "show_all", is_flag=True, help="Show what every check says, also where all is well.")
def command(as_json: bool, show_all: bool) -> None:
    """Show what is fresh, late, quarantined and failing.

    \b
    lag          records in Kafka that have not landed
    holes        offsets without a record (compaction, transactions); gaps: what Kafka deleted too early, or cut off
    open         loads being written now; readers stop below the first of them
    sealed       loads that a writer left open when it died; what it had committed counts
    newest       how long ago the newest load landed

    \b
    Exit code    0  all is well, warnings included
                 1  something is wrong: a finding of severity `error`, or a server that does not answer

    The checks, their bounds and what to do are described in health/README.md.
    """
    # Imported here for start-up time.
    from cli.status_report import collect
    from cli.status_screen import as_text

    report = collect(Settings.load())
    width = min(shutil.get_terminal_size((110, 0)).columns, 140)
    screen = json.dumps(report.as_json(), default=str, indent=2) if as_json else as_text(report, show_all, width)
    click.echo(screen)
    if report.health == "error":
        raise click.exceptions.Exit(1)
