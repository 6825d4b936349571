"""Refreshes that go on where a model fails on what an event says: the event is found and set apart visibly.

Every refresh of ours goes through `Refresher`. A `dbt build` typed by hand does not; the next refresh mends what failed
there.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from database.connect import connect
from database.locks import DBT, Connection, held
from landfall.settings import Settings
from warehouse.dbt_arguments import cold_arguments, models_arguments, pass_arguments
from warehouse.dbt_session import DbtSession, NodeOutcome, Outcome
from warehouse.model_tables import ModelTable, fact_of, model_tables
from warehouse.narrowing import MOST_EVENTS, BeyondHelp, Culprit, Reading, Trials, identifier, one
from warehouse.pass_plan import PassPlan
from warehouse.scripts import Scripts

logger = logging.getLogger(__name__)

MOST_ROUNDS = 8
"""Models are some levels deep, and what a failed one holds back is tried only when that is well."""
TABLES_BESIDE = 2
"""Cold tables that are refreshed at once beside hot ones, which are to get most of two cores."""
SECONDS_UNTIL_TRIED_AGAIN = 600.0
"""A model that is beyond help is left alone for this many seconds: to narrow it down takes minutes, and others wait."""
NAME = "landfall refresh"

# The bounds of the day are those of Python's dates, with room for a day more.
NOTED = """
insert into ops.events_set_apart (
    stream, topic_id, kafka_partition, kafka_offset, load_id, event_key,
    model, sqlstate, reason, event_day, is_recounted
)
select
    %s, topic_id, kafka_partition, kafka_offset, load_id, event_key, %s, sqlstate, reason,
    (least(greatest(event_at, '0002-01-01'), '9998-12-01') at time zone 'UTC')::date,
    event_key is null
from hidden inner join found using (n)
on conflict do nothing
"""
REJECTED = """
insert into {} (load_id, topic_id, kafka_partition, kafka_offset, reason, kafka_timestamp, landed_at)
select load_id, topic_id, kafka_partition, kafka_offset, 'set_apart', kafka_timestamp, landed_at from hidden
on conflict do nothing
"""
ACCOUNTED = """
update {accounts} as a set winners = a.winners - h.facts, rejected = a.rejected + h.facts
from (
    select
        -- or the load that it was merged into
        (
            select min(l.load_id) from landing.loads as l where l.stream = {stream} and l.load_id >= hidden.load_id
        ) as load_id,
        count(*) as facts
    from hidden where event_key is not null group by 1
) as h
where a.load_id = h.load_id
"""
# The loads of the ledger that some loads are, or were merged into, and behind which the first of these begins.
MERGED_LOADS = """
select
    array(
        select (select min(l.load_id) from landing.loads as l where l.stream = %(stream)s and l.load_id >= n.load_id)
        from unnest(%(loads)s::bigint[]) as n (load_id)
    ),
    coalesce(
        (
            select max(l.load_id) from landing.loads as l
            where
                l.stream = %(stream)s
                and l.load_id < (select min(n.load_id) from unnest(%(loads)s::bigint[]) as n (load_id))
        ),
        0
    )
"""


@dataclass(frozen=True)
class Days:
    """Days of events (UTC), both included, whose marts are to be counted again."""

    stream: str
    first: dt.date
    last: dt.date

    @property
    def arguments(self) -> list[str]:
        """The pass of dbt that counts them, with a day more on either side: sessions go on over midnight, and days of
        other zones begin at other times."""
        around = {
            "from_day": (self.first - dt.timedelta(days=1)).isoformat(),
            "to_day": (self.last + dt.timedelta(days=1)).isoformat(),
        }
        return [*pass_arguments([self.stream]), "--vars", json.dumps(around)]


class Refresher:
    """Refreshes the models, by their scripts where that will do, and sets apart the events that they fail on."""

    def __init__(self, session: DbtSession) -> None:
        self._session = session
        self._scripts, self._beside = Scripts(session), Scripts(session, at_once=TABLES_BESIDE)
        self._thread = futures.ThreadPoolExecutor(1, thread_name_prefix="cold")
        self._cold: tuple[str, futures.Future[Outcome | None], PassPlan] | None = None
        self._tables = model_tables(session.manifest)
        self._left_alone_until: dict[str, float] = {}
        self._compiled: dict[str, str] = {}
        # From the start: a process that was killed may have set something apart and not counted its day again.
        self._counts_days_at = 0.0

    def run(self, arguments: Sequence[str]) -> Outcome:
        """Run dbt with these arguments, and again as long as events are found that it fails on. See DbtSession.run."""
        return self._with_days(self._run(arguments))

    def hot_pass(self, streams: Collection[str], *, cold: bool = False) -> Outcome:
        """One pass over the tables of these streams, with `cold` over those of that tag too. See _pass."""
        return self._pass(self._scripts.plan(streams, hot=True, cold=cold), pass_arguments(streams, cold=cold))

    def cold_pass(self, stream: str) -> Outcome:
        """One pass over the cold tables of a stream. See _pass."""
        return self._pass(self._scripts.plan([stream], hot=False, cold=True), cold_arguments(stream))

    def begin_cold_pass(self, stream: str) -> None:
        """Begin one in a thread of its own, beside passes over hot tables; one at a time."""
        plan = self._beside.plan([stream], hot=False, cold=True)
        self._cold = (stream, self._thread.submit(self._beside.run, plan), plan)

    def cold_pass_begun(self, *, wait: bool) -> tuple[str, Outcome] | None:
        """The stream of the pass that was begun and what became of it, once; None while it goes on, or without one.

        What of it takes dbt is done now, in this thread. Raises psycopg.OperationalError when Postgres went away.
        """
        if self._cold is None or not (wait or self._cold[1].done()):
            return None
        (stream, running, plan), self._cold = self._cold, None
        return stream, self._finished(running.result(), plan, cold_arguments(stream))

    def _pass(self, plan: PassPlan, arguments: Sequence[str]) -> Outcome:
        return self._finished(self._scripts.run(plan), plan, arguments)

    def _finished(self, outcome: Outcome | None, plan: PassPlan, arguments: Sequence[str]) -> Outcome:
        """What scripts made of a pass, and the rest of it: without dbt where each table was built by this project; else
        by dbt, with these arguments.

        What only dbt can refresh, a user's `incremental` and what reads it, dbt does afterwards. Where a table fails,
        dbt does the whole pass again, and what it still fails on is set apart. See Scripts.run and DbtSession.run.
        """
        if outcome is None:
            outcome = self._run(arguments)
        elif outcome.failed:
            outcome = together(outcome, self._run(arguments))
        elif outcome.ok and plan.by_dbt:
            outcome = together(outcome, self._run(models_arguments(plan.by_dbt)))
        return self._with_days(outcome)

    def close(self) -> None:
        """Close the connections of the scripts, when the pass beside has ended; what became of it is lost."""
        if self._cold is not None:
            futures.wait([self._cold[1]])
            self._cold = None
        self._scripts.close()
        self._beside.close()

    def _with_days(self, outcome: Outcome) -> Outcome:
        """And count the days again of which facts were taken away."""
        for _ in range(MOST_ROUNDS):
            if time.monotonic() < self._counts_days_at:
                break
            self._counts_days_at = float("inf")
            for days in days_to_count(self._session.settings):
                outcome = together(outcome, counted := self._run(days.arguments))
                if counted.ok:
                    note_counted(self._session.settings, days)
                else:
                    self._counts_days_at = time.monotonic() + SECONDS_UNTIL_TRIED_AGAIN
        return outcome

    def streams_of_failures(self, outcome: Outcome) -> set[str]:
        """Streams of the models that failed; none where something else failed too, which concerns all."""
        tables = [self._tables.get(node.name) for node in outcome.failed]
        if outcome.trouble or None in tables:
            return set()
        return {table.stream for table in tables if table}

    def _run(self, arguments: Sequence[str]) -> Outcome:
        began, outcome = time.time(), self._session.run(arguments)
        for round_ in range(MOST_ROUNDS):
            why_not: dict[str, str] = {}
            is_worth_another = False
            for node in outcome.failed:
                table = self._tables.get(node.name) if node.kind == "model" else None
                if table is None:
                    continue
                try:
                    # what went well on its own once and fails again is no passing trouble
                    self._help(table, arguments, began, hopeful=round_ == 0)
                    is_worth_another = True
                except BeyondHelp as reason:
                    why_not[node.name] = str(reason)
            if not is_worth_another:
                return replace(outcome, nodes=tuple(explained(node, why_not.get(node.name)) for node in outcome.nodes))
            began, before = time.time(), outcome
            outcome = together(before, self._session.run(arguments))
        return outcome

    def _help(self, table: ModelTable, arguments: Sequence[str], began: float, *, hopeful: bool) -> None:
        """Set apart what a model failed on; afterwards it is worth another run. Raises BeyondHelp when it is not."""
        if time.monotonic() < self._left_alone_until.get(table.name, 0.0):
            raise BeyondHelp("nothing could be set apart a short while ago")
        try:
            found = self._find(table, arguments, began)
            if not found and not hopeful:
                raise BeyondHelp("its SQL goes well on its own")
        except psycopg.OperationalError as error:
            raise BeyondHelp(f"it could not be narrowed down: {' '.join(str(error).split())}") from error
        except BeyondHelp:
            self._left_alone_until[table.name] = time.monotonic() + SECONDS_UNTIL_TRIED_AGAIN
            raise
        if found:
            self._counts_days_at = 0.0

    def _find(self, table: ModelTable, arguments: Sequence[str], began: float) -> list[Culprit]:
        """Set apart what a model failed on, in one transaction; what it was."""
        script = self._session.folder / "target" / "run" / table.path
        fact = fact_of(self._tables, table.stream)
        if fact is None or not script.is_file() or script.stat().st_mtime < began:
            raise BeyondHelp("it failed before it wrote rows")
        settings = self._session.settings
        compiled = self._compiled_above(table)
        with (
            held(settings, DBT, f"{NAME} narrows down"),
            connect(settings.as_transformer, application_name=NAME, lock_timeout_ms=0) as connection,
        ):
            reading = Reading(
                table=table,
                script=script.read_text(encoding="utf-8"),
                compiled=compiled,
                from_start="--full-refresh" in arguments
                and not (table.reads_landing and has_lost_landing(connection, table)),
                days=days_of(arguments),
            )
            trials = Trials(connection, reading, self._tables, fact)
            found = trials.culprits(MOST_EVENTS - set_apart_lately(connection, table))
            if found:
                trials.take_out(trials.count, [culprit.place for culprit in found])
                note(connection, table, self._tables, found)
            connection.commit()
        for culprit in found:
            logger.warning(
                "%s failed on an event of %s, which is set apart: %s", table.name, table.stream, culprit.reason
            )
        return found

    def _compiled_above(self, table: ModelTable) -> dict[str, str]:
        """The SQL of the models above a table that count buckets, by name, with their bounds still to be looked up."""
        counting = {each.name: each.path for each in self._tables.values() if each.strategy == "rebuild_buckets"}
        if not self._compiled and counting.keys() & set(table.upstream):
            outcome = self._session.run(["compile", "--select", *counting])
            if not outcome.ok:
                raise BeyondHelp(f"the models above it cannot be compiled: {outcome.trouble}")
            folder = self._session.folder / "target" / "compiled"
            self._compiled = {name: (folder / path).read_text(encoding="utf-8") for name, path in counting.items()}
        return {name: self._compiled[name] for name in table.upstream if name in self._compiled}


def note(connection: Connection, table: ModelTable, tables: Mapping[str, ModelTable], found: Sequence[Culprit]) -> None:
    """Note what was taken out (the temporary table `hidden`) as set apart, and as rejected where records are counted.

    What other tables have counted of it is counted again by its day, later.
    """
    connection.execute("create temporary table found (n integer, sqlstate text, reason text) on commit drop")
    with connection.cursor() as cursor:
        rows = [(culprit.place, culprit.sqlstate, culprit.reason) for culprit in found]
        cursor.executemany("insert into found values (%s, %s, %s)", rows)
    connection.execute(NOTED, (table.stream, table.name))
    if rejected := tables.get(f"int_{table.stream}__rejected"):
        connection.execute(sql.SQL(REJECTED).format(identifier(rejected)))
    if accounts := tables.get(f"int_{table.stream}__accounts"):
        connection.execute(sql.SQL(ACCOUNTED).format(accounts=identifier(accounts), stream=sql.Literal(table.stream)))


def read_again(session: DbtSession) -> int:
    """Have the models read what was set apart, as when it landed; how many events. What left landing stays apart.

    The models of these streams go back to the loads of these events, and read what came behind once more: what they
    hold comes out as it was. What is added up over all that was ever seen does not go back, nor count these events.
    """
    tables = model_tables(session.manifest)
    with (
        held(session.settings, DBT, NAME),
        connect(session.settings.as_transformer, application_name=NAME, lock_timeout_ms=0) as connection,
    ):
        execute = connection.execute
        execute("select 1 from ops.model_progress order by relation, source for update")
        returning = execute(
            "delete from ops.events_set_apart as e where load_id > coalesce((select max(until_load_id) from"
            " ops.dropped_landing as d where d.stream = e.stream), 0) returning stream, load_id"
        ).fetchall()
        for stream in {stream for stream, _ in returning}:
            loads = [load_id for of, load_id in returning if of == stream]
            merged, before = one(connection, MERGED_LOADS, {"stream": stream, "loads": loads})
            again = [table for table in tables.values() if table.stream == stream and table.strategy != "add_up"]
            for table in again:
                if table.name == f"int_{stream}__rejected":
                    execute(
                        sql.SQL("delete from {} where reason = 'set_apart' and load_id = any(%s)").format(
                            identifier(table)
                        ),
                        (loads,),
                    )
                elif table.name == f"int_{stream}__accounts":
                    execute(sql.SQL("delete from {} where load_id = any(%s)").format(identifier(table)), (merged,))
            execute(
                "update ops.model_progress set position = least(position, %s) where source = %s and relation = any(%s)",
                (before, stream, [table.relation for table in again]),
            )
        connection.commit()
    return len(returning)


def days_to_count(settings: Settings) -> list[Days]:
    """Days of facts that were taken away since their marts were counted last; those in a row together."""
    with connect(settings.as_transformer, autocommit=True, application_name=NAME) as connection:
        rows = connection.execute(
            "select distinct stream, event_day from ops.events_set_apart where not is_recounted order by 1, 2"
        ).fetchall()
    found: list[Days] = []
    for stream, day in rows:
        if found and found[-1].stream == stream and day - found[-1].last <= dt.timedelta(days=1):
            found[-1] = replace(found[-1], last=day)
        else:
            found.append(Days(stream, day, day))
    return found


def note_counted(settings: Settings, days: Days) -> None:
    """These days were counted again."""
    with connect(settings.as_transformer, autocommit=True, application_name=NAME) as connection:
        connection.execute(
            "update ops.events_set_apart set is_recounted = true where stream = %s and event_day between %s and %s",
            (days.stream, days.first, days.last),
        )


def set_apart_lately(connection: Connection, table: ModelTable) -> int:
    """How many events were set apart for this model in the last hour."""
    query = (
        "select count(*) from ops.events_set_apart"
        " where model = %s and set_apart_at > clock_timestamp() - interval '1 hour'"
    )
    (count,) = one(connection, query, (table.name,))
    return int(count)


def has_lost_landing(connection: Connection, table: ModelTable) -> bool:
    """Whether landing or facts of its stream have gone, so that a full refresh leaves it as it is."""
    query = (
        "select 1 from ops.dropped_landing where stream = %(stream)s"
        " union all select 1 from ops.fact_bounds where stream = %(stream)s limit 1"
    )
    return connection.execute(query, {"stream": table.stream}).fetchone() is not None


def days_of(arguments: Sequence[str]) -> tuple[str, str] | None:
    """The days that a run counts again."""
    if "--vars" not in arguments:
        return None
    variables = json.loads(arguments[arguments.index("--vars") + 1])
    return (variables["from_day"], variables["to_day"]) if "from_day" in variables else None


def together(first: Outcome, second: Outcome) -> Outcome:
    """Two runs as one: what the second did not mend or do again is as the first left it."""
    done_again = {node.relation for node in second.nodes}
    kept = (node for node in first.nodes if node.relation not in done_again or (node.rows and not node.failed))
    return Outcome((*kept, *second.nodes), first.seconds + second.seconds, second.trouble)


def explained(node: NodeOutcome, why_not: str | None) -> NodeOutcome:
    """A failed model with the reason why nothing was set apart for it."""
    return replace(node, message=f"{node.message} (nothing was set apart: {why_not})") if why_not else node
