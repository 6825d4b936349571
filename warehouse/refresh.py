"""Refreshing the models: once, or warm whenever a load finishes; and making their relations, empty."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Mapping

import psycopg

from enrichment.enricher import enrich
from landfall.errors import UserError
from landfall.settings import Settings
from warehouse.connect import connect
from warehouse.dbt_arguments import (
    EventDays,
    create_arguments,
    history_arguments,
    pass_arguments,
    rebuild_arguments,
    recount_arguments,
    refresh_arguments,
)
from warehouse.dbt_manifest import project_checksum
from warehouse.dbt_session import DBT_PROJECT, DbtSession, NodeOutcome, Outcome

logger = logging.getLogger(__name__)

ROLE = "transformer"
PROJECT_KEY = "(dbt project)"
"""Key in ops.model_definition of the whole project: the md5 of the files whose relations were all made."""
POLL_SECONDS = 0.25
"""How often a watch looks at ops.horizons, a query of 0.3 ms."""
PAUSE_SECONDS = 2.0
"""Least time from the start of one pass to the next: a pass keeps a core busy for about half a second."""
LONGEST_BACK_OFF_SECONDS = 30.0

Report = Callable[[Outcome], None]


def create_relations(settings: Settings) -> bool:
    """Make every relation of the models, empty, and load the seeds. Returns whether there was anything to do.

    Rows, and the progress of models, stay as they are. Quick when nothing has changed since the last time.
    Raises UserError when dbt fails.
    """
    if _is_up_to_date(settings):
        return False
    session = DbtSession(settings)
    outcome = session.run(create_arguments())
    if not outcome.ok:
        raise UserError(
            f"The models' relations could not be made: {first_trouble(outcome)}. "
            f"See {session.folder / 'logs' / 'dbt.log'}."
        )
    _record_up_to_date(settings)
    return True


def refresh(settings: Settings, *, full_refresh: bool = False) -> Outcome:
    """One refresh of all models from what has landed. `full_refresh`: each table emptied and filled anew, in place.

    What has landed is enriched first, so that it shows wherever it was landed.
    """
    enrich(settings)
    return DbtSession(settings).run(refresh_arguments(full_refresh=full_refresh))


def streams_without_full_landing(settings: Settings) -> dict[str, dt.date]:
    """Streams of whose landing `landfall retention` has dropped partitions, with the newest day of them.

    A full refresh leaves alone what was filled from it, facts above all, and fills the marts anew from the facts.
    """
    with connect(settings.postgres_dsn, role=ROLE, autocommit=True, application_name="landfall refresh") as connection:
        query = "select stream, max(landed_on) from ops.dropped_landing group by stream order by stream"
        return dict(connection.execute(query).fetchall())


def recount(settings: Settings, days: EventDays) -> Outcome:
    """A refresh that counts the marts of these event days again: what a changed rule, seed or setting asks for.

    Facts stay as they are; what people read is right after each table's own transaction.
    """
    enrich(settings)
    return DbtSession(settings).run(recount_arguments(days))


def rebuild(settings: Settings, model: str, *, downstream: bool = True) -> Outcome:
    """Empty one model and fill it anew, in place, and with `downstream` every model that reads it."""
    enrich(settings)
    return DbtSession(settings).run(rebuild_arguments(model, downstream=downstream))


def keep_history(settings: Settings) -> None:
    """Add the versions of the master data that are not in `snapshots` yet. Raises UserError when dbt fails."""
    outcome = DbtSession(settings).run(history_arguments())
    if not outcome.ok:
        raise UserError(f"The master data was loaded, and its history not kept: {first_trouble(outcome)}.")


def watch(
    settings: Settings,
    stop: threading.Event,
    report: Report,
    *,
    full_refresh: bool = False,
    pause_seconds: float = PAUSE_SECONDS,
) -> bool:
    """Refresh once, then whenever a load finishes, until `stop` is set; returns whether the last pass went well.

    A pass runs the tables of the streams that have news. Postgres away or a failed pass: said in the log, and tried
    again after a pause that doubles up to 30 s.
    """
    session = DbtSession(settings)
    done: dict[str, int] = {}
    arguments: list[str] | None = refresh_arguments(full_refresh=full_refresh)
    back_off, went_well = 0.0, True
    while not stop.is_set():
        started = time.monotonic()
        try:
            horizons = read_horizons(settings)
            if arguments is None:
                fresh = streams_with_news(done, horizons)
                if not fresh:
                    stop.wait(POLL_SECONDS)
                    continue
                arguments = pass_arguments(fresh)
            outcome = session.run(arguments)
            report(outcome)
            went_well = outcome.ok
        except psycopg.OperationalError as error:
            logger.warning("Postgres does not answer: %s", " ".join(str(error).split()))
            went_well = False
        if went_well:
            done, arguments, back_off = horizons, None, 0.0
            stop.wait(max(0.0, started + pause_seconds - time.monotonic()))
        else:
            back_off = min(max(1.0, back_off * 2), LONGEST_BACK_OFF_SECONDS)
            stop.wait(back_off)
            arguments = refresh_arguments() if not done else None
    return went_well


def read_horizons(settings: Settings) -> dict[str, int]:
    """The newest readable load of each stream."""
    with connect(settings.postgres_dsn, role=ROLE, autocommit=True, application_name="landfall refresh") as connection:
        return dict(connection.execute("select stream, hi from ops.horizons").fetchall())


def streams_with_news(done: Mapping[str, int], horizons: Mapping[str, int]) -> list[str]:
    """Streams whose horizon has moved beyond what the last good pass read."""
    return sorted(stream for stream, hi in horizons.items() if hi > done.get(stream, 0))


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
    others = len(outcome.failed) - 1 + outcome.skipped
    return f"{first.name}: {first.message}" + (f" ({others} more failed or were skipped)" if others else "")


def _is_up_to_date(settings: Settings) -> bool:
    with connect(settings.postgres_dsn, role=ROLE, application_name="landfall refresh") as connection:
        row = connection.execute(
            "select 1 from ops.model_definition where relation = %s and definition_md5 = %s"
            # every relation that a model made is still there
            " and not exists (select from ops.model_definition where relation <> %s and to_regclass(relation) is null)",
            (PROJECT_KEY, project_checksum(DBT_PROJECT), PROJECT_KEY),
        ).fetchone()
    return row is not None


def _record_up_to_date(settings: Settings) -> None:
    with connect(settings.postgres_dsn, role=ROLE, application_name="landfall refresh") as connection:
        connection.execute(
            "insert into ops.model_definition as d (relation, definition_md5) values (%s, %s)"
            " on conflict (relation) do update"
            " set definition_md5 = excluded.definition_md5, updated_at = clock_timestamp()",
            (PROJECT_KEY, project_checksum(DBT_PROJECT)),
        )
