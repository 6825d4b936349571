"""Refreshing the models once, whole or in part; and making their relations, empty."""

from __future__ import annotations

import datetime as dt

from database.connect import connect
from enrichment.enricher import enrich
from landfall.errors import UserError
from landfall.settings import Settings
from warehouse.dbt_arguments import (
    EventDays,
    create_arguments,
    history_arguments,
    rebuild_arguments,
    recount_arguments,
    refresh_arguments,
)
from warehouse.dbt_manifest import DBT_PROJECT, project_checksum
from warehouse.dbt_session import DbtSession, NodeOutcome, Outcome
from warehouse.set_apart import Refresher, read_again

PROJECT_KEY = "(dbt project)"
"""Key in ops.model_definition of the whole project: the md5 of the files whose relations were all made."""


def create_relations(settings: Settings) -> bool:
    """Make every relation of the models, empty, and load the seeds. Returns whether there was anything to do.

    Rows, and the progress of models, stay as they are. Quick when nothing has changed since the last time.
    Raises UserError when dbt fails.
    """
    if _is_up_to_date(settings):
        return False
    session = DbtSession(settings, started_by="up")
    for arguments in create_arguments():
        outcome = session.run(arguments)
        if not outcome.ok:
            raise UserError(
                f"The models' relations could not be made: {first_trouble(outcome)}. "
                f"See {session.folder / 'logs' / 'dbt.log'}."
            )
    _record_up_to_date(settings)
    return True


def refresh(settings: Settings, *, full_refresh: bool = False) -> Outcome:
    """One refresh of all models from what has landed. `full_refresh`: each table emptied and filled anew, in place; a
    change of the reporting timezone asks for it.

    What has landed is enriched first, so that it shows wherever it was landed.
    """
    enrich(settings)
    return Refresher(DbtSession(settings, started_by="refresh")).run(refresh_arguments(full_refresh=full_refresh))


def streams_without_full_landing(settings: Settings) -> dict[str, dt.date]:
    """Streams of whose landing `landfall retention` has dropped partitions, with the newest day of them.

    A full refresh leaves alone what was filled from it, facts above all, and fills the marts anew from the facts.
    """
    with connect(settings.as_transformer, autocommit=True, application_name="landfall refresh") as connection:
        query = "select stream, max(landed_on) from ops.dropped_landing group by stream order by stream"
        return dict(connection.execute(query).fetchall())


def retry_set_apart_events(settings: Settings) -> int:
    """Let the next refresh read what was set apart because a model failed on it; how many events."""
    return read_again(DbtSession(settings, started_by="refresh"))


def recount(settings: Settings, days: EventDays) -> Outcome:
    """A refresh that counts the marts of these event days again: what a changed rule, seed or setting asks for.

    Facts stay as they are; what people read is right after each table's own transaction. Raises UserError for days
    whose facts were let go.
    """
    refuse_days_let_go(settings, days)
    enrich(settings)
    return Refresher(DbtSession(settings, started_by="refresh")).run(recount_arguments(days))


def refuse_days_let_go(settings: Settings, days: EventDays) -> None:
    """Days that cannot be counted again, as `landfall retention` has let their facts go, or is about to."""
    with connect(settings.as_transformer, autocommit=True, application_name="landfall refresh") as connection:
        query = (
            "select stream, (kept_from at time zone coalesce(zone.name, 'UTC'))::date as first from ops.fact_bounds"
            " cross join lateral (select min(reporting_timezone) as name from ops.model_definition) as zone"
            " where (kept_from at time zone coalesce(zone.name, 'UTC'))::date > %s order by 2 desc limit 1"
        )
        row = connection.execute(query, (days.first,)).fetchone()
    if row is not None:
        stream, first = row
        raise UserError(
            f"{days.first} cannot be counted again: facts of {stream} from before {first} were let go (`landfall"
            f" retention`), and its marts stay as they were counted. Name {first} or a later day with --from."
        )


def rebuild(settings: Settings, model: str, *, downstream: bool = True) -> Outcome:
    """Empty one model and fill it anew, in place, and with `downstream` every model that reads it."""
    enrich(settings)
    return Refresher(DbtSession(settings, started_by="repair")).run(rebuild_arguments(model, downstream=downstream))


def keep_history(settings: Settings) -> None:
    """Add the versions of the master data that are not in `snapshots` yet. Raises UserError when dbt fails."""
    outcome = DbtSession(settings, started_by="reference").run(history_arguments())
    if not outcome.ok:
        raise UserError(f"The master data was loaded, and its history not kept: {first_trouble(outcome)}.")


def summary(outcome: Outcome) -> str:
    """One line about a run: how many models, new rows, seconds; or what failed first."""
    if not outcome.ok:
        return f"failed after {outcome.seconds:.1f} s: {first_trouble(outcome)}"
    filled = [node for node in outcome.nodes if node.kind == "model" and node.rows > 0]
    rows = sum(node.rows for node in filled)
    return f"refreshed in {outcome.seconds:.1f} s: {rows:,} rows written into {len(filled)} tables"


def first_trouble(outcome: Outcome) -> str:
    """What went wrong, in one sentence."""
    if outcome.trouble:
        return outcome.trouble
    if not outcome.failed:
        return f"{outcome.skipped} models were skipped"
    first: NodeOutcome = outcome.failed[0]
    if first.name.startswith("landfall-on-run-start"):
        return first.message  # why nothing was run at all
    others = len(outcome.failed) - 1 + outcome.skipped
    return f"{first.name}: {first.message}" + (f" ({others} more failed or were skipped)" if others else "")


def _is_up_to_date(settings: Settings) -> bool:
    with connect(settings.as_transformer, application_name="landfall refresh") as connection:
        row = connection.execute(
            "select 1 from ops.model_definition where relation = %s and definition_md5 = %s"
            # every relation that a model made is still there
            " and not exists (select from ops.model_definition where relation <> %s and to_regclass(relation) is null)",
            (PROJECT_KEY, project_checksum(DBT_PROJECT), PROJECT_KEY),
        ).fetchone()
    return row is not None


def _record_up_to_date(settings: Settings) -> None:
    with connect(settings.as_transformer, application_name="landfall refresh") as connection:
        connection.execute(
            "insert into ops.model_definition as d (relation, definition_md5) values (%s, %s)"
            " on conflict (relation) do update"
            " set definition_md5 = excluded.definition_md5, updated_at = clock_timestamp()",
            (PROJECT_KEY, project_checksum(DBT_PROJECT)),
        )
