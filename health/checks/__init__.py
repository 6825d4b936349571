"""Every check of the system, one file an idea: SQL reads rows, pure functions judge them."""

from collections.abc import Callable
from datetime import datetime

import psycopg

from health.checks import (
    arrival,
    data_age,
    dbt_results,
    enrichment,
    events,
    kpis,
    landing,
    quarantine,
    reconciliation,
    services,
    set_apart,
    troubles,
    waits,
    zone,
)
from health.findings import Finding
from health.limits import load_limits
from health.look import Connection, Look
from landfall.services import kept_services
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.topics import Topics
from warehouse.reporting_timezone import zone_set

CHECKS: dict[str, Callable[[Look], list[Finding]]] = {
    "landing": landing.look,
    "arrival": arrival.look,
    "quarantine": quarantine.look,
    "data_age": data_age.look,
    "reconciliation": reconciliation.look,
    "set_apart": set_apart.look,
    "events": events.look,
    "kpis": kpis.look,
    "enrichment": enrichment.look,
    "dbt": dbt_results.look,
    "services": services.look,
    "troubles": troubles.look,
    "waits": waits.look,
    "zone": zone.look,
}
STATEMENT_TIMEOUT = "5s"
"""A look happens twice a minute: a query that takes so long is given up, and that is said."""


def evaluate(
    settings: Settings, connection: Connection, topics: Topics | None, now: datetime | None = None
) -> list[Finding]:
    """Every finding of one look, the good ones too; milliseconds to some tenths of a second.

    `connection`: role transformer, not within a transaction. `topics`: None leaves Kafka out. `now`: UTC, by default
    Postgres' clock, which the ledger's times are of.
    Raises psycopg.OperationalError when Postgres is away; a check that cannot be made is a finding.
    """
    if now is None:
        row = connection.execute("select clock_timestamp()").fetchone()
        assert row is not None
        now = row[0]
    limits, kept = load_limits(settings.health_limits), kept_services(settings.home)
    look = Look(connection, load_contracts(), topics, limits, now, kept, zone_set(settings))
    findings = [finding for name, check in CHECKS.items() for finding in careful(name, check, look)]
    connection.commit()
    return findings


def careful(name: str, check: Callable[[Look], list[Finding]], look: Look) -> list[Finding]:
    """The check's findings; where its tables cannot be read, a finding that says so, and the others go on."""
    try:
        with look.connection.transaction():
            look.connection.execute(f"set local statement_timeout = '{STATEMENT_TIMEOUT}'".encode())
            return check(look)
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        why, advice = f"Its query took longer than {STATEMENT_TIMEOUT}", "See what keeps Postgres busy."
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        why, advice = error.diag.message_primary or "A table is missing", "Run `landfall migrate`, then dbt."
    return [Finding("health", name, (), "warn", f"The checks of {name} could not be made: {why}.", advice)]
