"""Show in one screen what is fresh, late, quarantined and failing; the exit code says whether all is well."""

import datetime as dt
import json
import shutil
from dataclasses import asdict
from typing import Any

import click

from landfall.errors import UserError
from landfall.settings import Settings


@click.command(name="status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every finding.")
@click.option("--all", "show_all", is_flag=True, help="Show what every check says, also where all is well.")
def command(as_json: bool, show_all: bool) -> None:
    """Show what is fresh, late, quarantined and failing.

    \b
    lag          records in Kafka that have not landed
    holes        offsets without a record (compaction, transactions); gaps: records that Kafka deleted too early
    open         loads being written now; readers stop below the first of them
    sealed       loads that a writer left open when it died; what it had committed counts
    newest       how long ago the newest load landed

    \b
    Exit code    0  all is well, warnings included
                 1  something is wrong: a finding of severity `error`, or a server that does not answer

    The checks, their bounds and what to do are described in health/README.md.
    """
    from landfall.status_screen import as_text

    report = collect(Settings.load())
    width = min(shutil.get_terminal_size((110, 0)).columns, 140)
    click.echo(
        json.dumps(report, default=str, indent=2) if as_json else as_text(report, show_all=show_all, width=width)
    )
    if report["health"] == "error":
        raise click.exceptions.Exit(1)


def collect(settings: Settings) -> dict[str, Any]:
    """Everything there is to show; what cannot be asked is left out."""
    import psycopg

    from database.connect import connect
    from database.locks import FOLLOWER, is_held
    from health.checks import evaluate
    from health.checks.services import judge
    from health.findings import worst
    from health.limits import load_limits
    from landfall.commands.up import address
    from landfall.services import kept_services
    from landfall.stream_status import model_progress, stream_statuses
    from landing_stream.contract import load_contracts
    from landing_stream.topics import KafkaUnavailable, Topics

    topics: Topics | None = Topics(settings.kafka.client_config())
    contracts = list(load_contracts().values())
    servers: dict[str, Any] = {"postgres": {"address": address(settings.postgres_dsn), "answers": True}}
    servers["kafka"] = {"address": settings.kafka.bootstrap_servers, "answers": True}
    report: dict[str, Any] = {"home": str(settings.home), "health": "ok", "servers": servers, "streams": []}
    services = kept_services(settings.home)
    report |= {"models": [], "followed": False, "findings": [], "services": [asdict(service) for service in services]}
    try:
        with connect(settings.postgres_dsn, role="transformer", application_name="landfall status") as connection:
            try:
                streams = stream_statuses(connection, contracts, topics)
            except KafkaUnavailable as error:
                topics = None
                servers["kafka"] |= {"answers": False, "why": str(error)}
                streams = stream_statuses(connection, contracts, None)
            report["streams"] = [asdict(stream) for stream in streams]
            report["models"] = [asdict(model) for model in model_progress(connection)]
            report["followed"] = is_held(connection, FOLLOWER)
            connection.commit()
            findings = evaluate(settings, connection, topics)
            report["findings"] = [asdict(finding) for finding in findings]
            report["health"] = worst(findings)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedObject) as error:
        raise UserError(f"{servers['postgres']['address']} is not of this release: run `landfall migrate`.") from error
    except psycopg.OperationalError as error:
        servers["postgres"] |= {"answers": False, "why": " ".join(str(error).split())}
        found = judge(services, dt.datetime.now(dt.UTC), load_limits(settings.health_limits))
        report["findings"] = [asdict(finding) for finding in found]
    if not all(server["answers"] for server in servers.values()):
        report["health"] = "error"
    return report
