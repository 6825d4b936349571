"""Passes without dbt: each table's script, as dbt compiled it, run by Postgres in the order of the graph.

dbt stores a model's script when it builds it (dbt_project/macros/materializations/scripts.sql), and runs the same.
"""

from __future__ import annotations

import datetime as dt
import logging
import queue
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import psycopg

from database.connect import connect
from database.locks import DBT, Connection, connection_for_a_lock, take
from landfall.errors import UserError
from landfall.wording import counted
from warehouse.dbt_session import DbtSession, NodeOutcome, Outcome
from warehouse.pass_plan import PassPlan, has_other_hooks, plan_pass

logger = logging.getLogger(__name__)

TABLES_AT_ONCE = 4
"""As dbt's threads in profiles.yml: on two cores a third one uses the time in which others wait for disk."""
SUCCESS, ERROR, SKIPPED = "success", "error", "skipped"
"""As dbt says it."""

# What is there of each table, before anything is locked. A table that somebody dropped is dbt's to make.
LOOK = """
with horizons as materialized (select stream, hi from ops.horizons)

select
    r.relation,
    coalesce(s.project = %(project)s, false) and to_regclass(r.relation) is not null,
    exists (
        select from ops.model_progress as p
        inner join horizons as h on h.stream = p.source
        where p.relation = r.relation and p.position < h.hi
    )
from unnest(%(relations)s::text[]) as r (relation)
left join ops.model_scripts as s on s.relation = r.relation
"""
REFRESH = "select ops.refresh_model(%s, %s, %s)"
RECORD = "select ops.record_run(%s, %s, 'run', %s, %s, %s, 0, 0, '{}')"


@dataclass(frozen=True)
class Look:
    """What is there of the tables of a pass: those that this project has not built yet, and those with news."""

    not_built: tuple[str, ...]
    with_news: frozenset[str]


class Scripts:
    """Runs the scripts of the tables of a session's project. One pass at a time; connections stay open between.

    Another one may run other tables of the same session meanwhile, in another thread."""

    def __init__(self, session: DbtSession, *, at_once: int = TABLES_AT_ONCE) -> None:
        self._session, self._at_once = session, at_once
        self._plans: dict[tuple[frozenset[str], bool, bool], PassPlan] = {}
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue()
        self._lock: Connection | None = None
        self._seconds: dict[str, float] = {}
        self._said: tuple[str, ...] = ()
        self._needs_dbt = has_other_hooks(session.manifest)
        if self._needs_dbt:
            logger.warning("dbt_project.yml has hooks of its own at a run's start or end: every pass goes through dbt.")

    def plan(self, streams: Collection[str], *, hot: bool, cold: bool) -> PassPlan:
        """The tables of a pass; see plan_pass."""
        key = (frozenset(streams), hot, cold)
        if key not in self._plans:
            self._plans[key] = plan_pass(self._session.manifest, streams, hot=hot, cold=cold)
        return self._plans[key]

    def run(self, plan: PassPlan) -> Outcome | None:
        """Refresh the tables of a plan that have scripts; None where only dbt can, as it has to build some first.

        A table that fails is in the outcome, and what reads it is skipped. Where all went well, ops.runs says so; else
        dbt is to try again, and says what became of it.
        Raises psycopg.OperationalError when Postgres does not answer.
        """
        if self._needs_dbt:
            return None
        began = time.monotonic()
        with self._connection() as connection:
            look = self._look(connection, plan)
        if look.not_built:
            self._say(look.not_built)
            return None
        self._said = ()
        if not look.with_news:
            return Outcome(tuple(map(nothing_new, plan.by_script)), time.monotonic() - began)
        try:
            with self._turn():
                return self._refresh(plan, look.with_news)
        except UserError as error:
            return Outcome((), time.monotonic() - began, str(error))

    def close(self) -> None:
        """Close what is open. It opens again by itself."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _refresh(self, plan: PassPlan, with_news: frozenset[str]) -> Outcome:
        """Behind the lock of those who write models: the tables with news, all to one horizon."""
        invocation, started_at, began = str(uuid.uuid4()), dt.datetime.now(dt.UTC), time.monotonic()
        with self._connection() as connection:
            connection.execute("select ops.capture_horizon(%s)", (invocation,))
            nodes = self._in_order(plan, with_news, invocation)
            outcome = Outcome(tuple(nodes), time.monotonic() - began)
            if outcome.ok:
                rows = sum(node.rows for node in nodes)
                connection.execute(RECORD, (invocation, self._session.started_by, started_at, len(nodes), rows))
                # a horizon that stays says of a pass that it was killed; of those that went well there are many
                connection.execute("delete from ops.run_horizon where invocation_id = %s", (invocation,))
        return outcome

    def _in_order(self, plan: PassPlan, with_news: frozenset[str], invocation: str) -> list[NodeOutcome]:
        """Each table as soon as those that it reads are done, the longest way to the end first."""
        waiting = {relation: set(plan.by_script[relation] & with_news) for relation in with_news}
        ways = longest_ways(waiting, self._seconds)
        nodes = {relation: nothing_new(relation) for relation in plan.by_script if relation not in with_news}
        running: dict[Future[NodeOutcome], str] = {}
        with ThreadPoolExecutor(self._at_once, thread_name_prefix="script") as threads:
            while waiting or running:
                ready = sorted((name for name, above in waiting.items() if not above), key=lambda name: -ways[name])
                for relation in ready[: self._at_once - len(running)]:
                    del waiting[relation]
                    running[threads.submit(self._one, relation, invocation)] = relation
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    relation = running.pop(future)
                    nodes[relation] = node = future.result()
                    if node.failed:
                        for skipped in reached(relation, waiting):
                            del waiting[skipped]
                            nodes[skipped] = replace(nothing_new(skipped), status=SKIPPED)
                    for above in waiting.values():
                        above.discard(relation)
        return list(nodes.values())

    def _one(self, relation: str, invocation: str) -> NodeOutcome:
        """One table. Raises psycopg.OperationalError when Postgres went away."""
        began = time.monotonic()
        outcome = nothing_new(relation)
        with self._connection() as connection:
            try:
                row = connection.execute(REFRESH, (relation, invocation, self._session.project_md5)).fetchone()
                outcome = replace(outcome, rows=row[0] or 0 if row else 0)
            except psycopg.Error as error:
                if connection.closed:
                    raise
                message = " ".join((error.diag.message_primary or str(error)).split())
                outcome = replace(outcome, status=ERROR, message=message)
        self._seconds[relation] = time.monotonic() - began
        return replace(outcome, seconds=self._seconds[relation])

    def _look(self, connection: Connection, plan: PassPlan) -> Look:
        rows = connection.execute(
            LOOK, {"project": self._session.project_md5, "relations": list(plan.by_script)}
        ).fetchall()
        return Look(
            not_built=tuple(relation for relation, is_built, _ in rows if not is_built),
            with_news=frozenset(relation for relation, _, has_news in rows if has_news),
        )

    def _say(self, not_built: tuple[str, ...]) -> None:
        """Once, and again when they are others."""
        if not_built != self._said:
            logger.warning(
                "%s not built yet as this project has %s (%s): this pass goes through dbt.",
                f"{counted(len(not_built), 'table')} {'is' if len(not_built) == 1 else 'are'}",
                "it" if len(not_built) == 1 else "them",
                ", ".join(not_built[:3]) + (", …" if len(not_built) > 3 else ""),
            )
        self._said = not_built

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The turn of those who write models, shared with other passes: each table has a lock of its own."""
        if self._lock is None or self._lock.closed:
            self._lock = connection_for_a_lock(self._session.settings, f"landfall refresh {self._session.started_by}")
        try:
            take(self._lock, DBT, shared=True)
            yield
        finally:
            if not self._lock.closed:
                self._lock.rollback()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """One that is idle, or else a new one. It waits for a model's turn as long as dbt does."""
        connection = None
        with suppress(queue.Empty):
            connection = self._idle.get_nowait()
        connection = connection or connect(
            self._session.settings.as_transformer,
            autocommit=True,
            application_name=f"landfall refresh {self._session.started_by}",
            lock_timeout_ms=0,
        )
        try:
            yield connection
        finally:
            if not connection.closed:
                self._idle.put(connection)


def nothing_new(relation: str) -> NodeOutcome:
    """A table that had nothing to read."""
    return NodeOutcome(
        name=relation.partition(".")[2],
        relation=relation,
        kind="model",
        status=SUCCESS,
        message="",
        rows=0,
        seconds=0.0,
    )


def longest_ways(above: dict[str, set[str]], seconds: dict[str, float]) -> dict[str, float]:
    """By table: seconds from its start to the end of the last one that waits for it, by what each took last time."""
    found: dict[str, float] = {}

    def way(relation: str) -> float:
        if relation not in found:
            below = (other for other, names in above.items() if relation in names)
            found[relation] = seconds.get(relation, 0.01) + max(map(way, below), default=0.0)
        return found[relation]

    for relation in above:
        way(relation)
    return found


def reached(relation: str, above: dict[str, set[str]]) -> Sequence[str]:
    """Those that wait for a table, directly or for one that does."""
    found = [relation]
    for name in found:
        found.extend(other for other, names in above.items() if name in names and other not in found)
    return found[1:]
