"""Every check of the system, one file an idea: SQL reads rows, pure functions judge them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

import psycopg

from health.check import Asset, Check
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
from health.context import Connection, Context
from health.findings import Finding
from health.limits import load_limits
from landfall.services import kept_services
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.topics import Topics
from warehouse.catalogue import Catalogue, read_catalogue
from warehouse.reporting_timezone import zone_set

CHECKS = {
    check.name: check
    for module in (
        landing,
        arrival,
        quarantine,
        data_age,
        reconciliation,
        set_apart,
        events,
        kpis,
        enrichment,
        dbt_results,
        services,
        troubles,
        waits,
        zone,
    )
    for check in module.CHECKS
}
"""By name."""
NOT_MADE = "health"
"""What a finding that a group of checks could not be made is known by."""
STATEMENT_TIMEOUT = "5s"
"""An evaluation happens twice a minute: a query that takes longer is given up, and that is said."""


@dataclass(frozen=True)
class Asked:
    """A check of an asset."""

    check: Check
    asset: Asset


def asked_of_assets(streams: Collection[str], catalogue: Catalogue) -> list[Asked]:
    """Every check that is shown on an asset."""
    return [Asked(check, asset) for check in CHECKS.values() for asset in check.scope(streams, catalogue)]


def evaluate(
    settings: Settings, connection: Connection, topics: Topics | None, now: datetime | None = None
) -> list[Finding]:
    """Every finding of one evaluation, the good ones too; milliseconds to some tenths of a second.

    `connection`: role transformer, not within a transaction. `topics`: None leaves Kafka out. `now`: UTC, by default
    Postgres' clock, which the ledger's times are of.
    Raises psycopg.OperationalError when Postgres is away; a check that cannot be made is a finding.
    """
    if now is None:
        row = connection.execute("select clock_timestamp()").fetchone()
        assert row is not None
        now = row[0]
    context = Context(
        connection=connection,
        contracts=load_contracts(),
        catalogue=read_catalogue(connection),
        topics=topics,
        limits=load_limits(settings.health_limits),
        now=now,
        services=kept_services(settings.home),
        reporting_timezone=zone_set(settings),
    )
    groups = {check.find: check.group for check in CHECKS.values()}
    findings = [finding for find, group in groups.items() for finding in careful(group, find, context)]
    connection.commit()
    return findings


def careful(group: str, find: Callable[[Context], list[Finding]], context: Context) -> list[Finding]:
    """What a group of checks finds; where its tables cannot be read, a finding that says so, and the others go on."""
    try:
        with context.connection.transaction():
            context.connection.execute(f"set local statement_timeout = '{STATEMENT_TIMEOUT}'".encode())
            return find(context)
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        why, advice = f"Its query took longer than {STATEMENT_TIMEOUT}", "See what keeps Postgres busy."
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        why, advice = error.diag.message_primary or "A table is missing", "Run `landfall migrate`, then dbt."
    return [Finding(NOT_MADE, group, (), "warn", f"The checks of {group} could not be made: {why}.", advice)]
