"""The enricher: reads the texts of new loads, looks up what they mean, and tells the models how far it is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from database.connect import connect
from database.kept import KeptConnection
from database.recovery import Recovery
from enrichment.judging import STEP_SECONDS, Care, judge
from enrichment.rules import Rules, all_rules
from enrichment.tables import NEW_TEXTS, SPELLINGS, find_new_texts
from erasure.erase_again import erase_again
from landfall.failures import Kind
from landfall.settings import Settings
from landing_stream.abandoned import seal_abandoned
from landing_stream.contract import Contract, load_contracts

logger = logging.getLogger(__name__)

ROWS_A_STEP = 50_000
"""Most landed rows of one transaction, a single load apart: a second or two when every text in them is new."""
LOADS_A_STEP = 5_000
TEXTS_AT_ONCE = 10_000
"""Most texts that are in this process' memory at a time."""
LONGEST_TEXT = 2_048
"""Characters of a text that rules look at. Whole ones are stored; a user agent of 100 KB is somebody's joke."""
POLL_SECONDS = 0.2
"""How often a running enricher looks for finished loads, a query of 0.3 ms."""
SECONDS_BETWEEN_SEALINGS = 5.0
"""How often it looks for loads that a killed `landfall ingest` left open: they hold every reader of the stream back."""
TRIES_ONCE = {Kind.PASSING: 8, Kind.PERSON: 4}
"""With `landfall land --once` somebody waits for the end: half a minute of failures, as for the landing itself."""
LOCK_TIMEOUT_MS = 300_000
"""How long a step waits for that of another enricher: the largest load takes some ten seconds."""
NO_KEY = UUID(int=0)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Enriched:
    """What a pass did: texts that were new, rows that newer rules looked at again, those of them that changed, and
    texts that the rules failed on.
    """

    new: int = 0
    reviewed: int = 0
    changed: int = 0
    set_apart: int = 0

    def __add__(self, other: Enriched) -> Enriched:
        return Enriched(
            self.new + other.new,
            self.reviewed + other.reviewed,
            self.changed + other.changed,
            self.set_apart + other.set_apart,
        )


class Enricher:
    """Brings schema enrichment up to what has landed. Several at once follow one another, step by step.

    Raises UserError when the geo file of the settings cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        contracts: Mapping[str, Contract] | None = None,
        rules: Iterable[Rules] | None = None,
        rows_a_step: int = ROWS_A_STEP,
        care: Care | None = None,
    ) -> None:
        self._settings = settings
        self._connection = KeptConnection(
            lambda: connect(
                settings.as_transformer,
                autocommit=True,
                application_name="landfall enricher",
                lock_timeout_ms=LOCK_TIMEOUT_MS,
            )
        )
        self._contracts = dict(load_contracts() if contracts is None else contracts)
        self._rules = list(all_rules(settings) if rules is None else rules)
        self._rows_a_step = rows_a_step
        self._care = care or Care()
        self._reviewed: dict[str, str] = {}
        self._is_spelled = False
        self._seals_again_at = 0.0

    @property
    def versions(self) -> dict[str, str]:
        """The version of the rules by kind: user_agent, ip, referrer_host."""
        return {rules.table.kind: rules.version for rules in self._rules}

    def run_once(self, stop: threading.Event | None = None) -> Enriched:
        """Enrich every load that has landed by now, then look again at rows of older rules; ends early on `stop`.

        Raises psycopg.Error when Postgres is away or refuses; the next call starts over on a new connection.
        """
        try:
            return self._pass(stop or threading.Event())
        except BaseException:
            self.close()
            raise

    def run(self, stop: threading.Event, landed: threading.Event | None = None) -> bool:
        """Keep going until `stop` is set, whatever happens to Postgres; with `landed`, end when everything that was
        there as it was set is enriched.

        Returns whether it came to its end: False when it gave up after `landed`. Raises what is a bug.
        """
        recovery = Recovery(self._settings, "enricher")
        while not stop.is_set():
            last = landed is not None and landed.is_set()
            try:
                done = self.run_once(stop)
                self._care.one_by_one = False  # what its predecessors died of is got over
                recovery.well()
                if last:
                    break
                if done != Enriched():
                    logger.debug("enriched %s", done)
                stop.wait(POLL_SECONDS)
            except Exception as error:  # landing goes on without us, and so must we without Postgres
                failure = recovery.failed(error)
                if failure.kind is Kind.BUG:
                    raise
                if last and recovery.failures >= TRIES_ONCE[failure.kind]:
                    logger.error("enricher: given up after %d failures: %s", recovery.failures, failure.sentence)
                    return False
                stop.wait(recovery.pause)
        recovery.close()
        self.close()
        return True

    def close(self) -> None:
        """Give the connection back; a later call makes a new one."""
        self._connection.close()

    def _pass(self, stop: threading.Event) -> Enriched:
        connection = self._connection()
        self._seal_abandoned(connection)
        for rules in self._rules:
            rules.reload()
        done = self._enrich_new(connection, stop)
        for rules in self._rules:
            key: UUID | None = NO_KEY
            while key is not None and self._reviewed.get(rules.table.kind) != rules.version and not stop.is_set():
                key, batch = self._review(connection, rules, key)
                done += batch
                if batch != Enriched():  # new loads do not wait for millions of known rows, nor do the changes drawn
                    done += self._enrich_new(connection, stop)
            if key is None:
                self._reviewed[rules.table.kind] = rules.version
        while not self._is_spelled and not stop.is_set():
            done += self._find_again(connection)
            done += self._enrich_new(connection, stop)
        return done

    def _seal_abandoned(self, connection: Connection) -> None:
        if time.monotonic() >= self._seals_again_at:
            self._seals_again_at = time.monotonic() + SECONDS_BETWEEN_SEALINGS
            if sealed := seal_abandoned(connection):
                logger.warning("sealed %d load(s) that a killed process left open", sealed)

    def _enrich_new(self, connection: Connection, stop: threading.Event) -> Enriched:
        done = Enriched()
        for stream, (position, hi) in read_lag(connection).items():
            while position < hi and stream in self._contracts and not stop.is_set():
                position, step = self._step(connection, self._contracts[stream], hi)
                done += step
        return done

    def _step(self, connection: Connection, contract: Contract, hi: int) -> tuple[int, Enriched]:
        """One stretch of loads of a stream, or a part of its texts: (the new position, what came out)."""
        stream = contract.stream
        with connection.transaction():
            position = lock_progress(connection)[stream]
            if position >= hi:  # another enricher was quicker
                return position, Enriched()
            stretch = plan_stretch(connection, stream, position, hi, self._rows_a_step)
            erase_again(connection, self._settings, contract, position, int(stretch["upto"]))
            done, finished = self._find(connection, contract, stretch)
            if not finished:  # what was judged is known to the next step, which finds the rest
                return position, done
            connection.execute(
                "update enrichment.progress set position = %(upto)s, updated_at = clock_timestamp()"
                " where stream = %(stream)s and position < %(upto)s",
                stretch,
            )
        return int(stretch["upto"]), done

    def _find(self, connection: Connection, contract: Contract, stretch: dict[str, Any]) -> tuple[Enriched, bool]:
        """Judge the texts of a stretch that are not known: (what came out, whether all of them were judged)."""
        find, done = find_new_texts(contract), Enriched()
        if find is None or stretch["first_landed_at"] is None:
            return done, True
        connection.execute(NEW_TEXTS)
        connection.execute(find, stretch)
        until = time.monotonic() + STEP_SECONDS
        for rules in self._rules:
            found, finished = self._look_up(connection, rules, until)
            done += found
            if not finished:
                return done, False
        return done, True

    def _find_again(self, connection: Connection) -> Enriched:
        """A stretch of loads whose texts were found by older spellings: facts that are filled anew have other keys."""
        behind = (
            "select stream, spelled_to, position from enrichment.progress"
            " where spellings is distinct from %s and stream = any(%s) order by stream limit 1"
        )
        with connection.transaction():
            lock_progress(connection)
            row = connection.execute(behind, (SPELLINGS, list(self._contracts))).fetchone()
            if row is None:
                self._is_spelled = True
                return Enriched()
            stream, at, hi = row
            done, finished = Enriched(), True
            if at < hi:
                stretch = plan_stretch(connection, stream, at, hi, self._rows_a_step)
                done, finished = self._find(connection, self._contracts[stream], stretch)
                at = int(stretch["upto"]) if finished else at
            connection.execute(
                "update enrichment.progress set spelled_to = case when %(at)s < %(hi)s then %(at)s else 0 end,"
                " spellings = case when %(at)s < %(hi)s then spellings else %(version)s end where stream = %(stream)s",
                {"at": at, "hi": hi, "version": SPELLINGS, "stream": stream},
            )
        return done

    def _look_up(self, connection: Connection, rules: Rules, until: float) -> tuple[Enriched, bool]:
        """Judge the new texts of a kind: (what came out, whether all of them were judged)."""
        done = Enriched()
        with connection.cursor("new_texts_of_a_kind") as cursor:
            cursor.execute(
                "select key, left(value, %s) from new_texts where kind = %s", (LONGEST_TEXT, rules.table.kind)
            )
            while texts := cursor.fetchmany(TEXTS_AT_ONCE):
                judged = judge(connection, rules, "insert", texts, until, self._care)
                done += Enriched(new=judged.done, set_apart=judged.set_apart)
                if judged.done < len(texts):
                    return done, False
        return done, True

    def _review(self, connection: Connection, rules: Rules, after: UUID) -> tuple[UUID | None, Enriched]:
        """Look again at some rows of other rules behind a key: (the last of them, what came out); None at the end."""
        table = rules.table
        if not rules.corrects:
            return None, Enriched()
        bounds = {"rules": rules.version, "after": after, "most": TEXTS_AT_ONCE, "longest": LONGEST_TEXT}
        if after == NO_KEY and not connection.execute(table.any_outdated, bounds).fetchone():
            return None, Enriched()
        with connection.transaction():
            streams = lock_progress(connection)
            rows = connection.execute(table.outdated, bounds).fetchall()
            if not rows:
                return None, Enriched()
            connection.execute(
                table.keep, {"rules": rules.version, "keys": [key for key, text in rows if text is None]}
            )
            texts = [row for row in rows if row[1] is not None]
            judged = judge(connection, rules, "correct", texts, time.monotonic() + STEP_SECONDS, self._care)
            changed = judged.changed
            if judged.done < len(texts):
                rows = rows[: rows.index(texts[judged.done])]
            marked = {c.stream for c in self._contracts.values() for f in c.fields if f.enrichment == table.enrichment}
            if changed:
                draw_changes(connection, sorted(marked & set(streams)), table.kind, changed)
        logger.info("looked again at %d rows of enrichment.%s: %d changed", len(rows), table.name, len(changed))
        return rows[-1][0], Enriched(reviewed=len(rows), changed=len(changed), set_apart=judged.set_apart)


def enrich(settings: Settings) -> Enriched:
    """One pass over what has landed by now, by an enricher of its own."""
    enricher = Enricher(settings)
    try:
        return enricher.run_once()
    finally:
        enricher.close()


def read_lag(connection: Connection) -> dict[str, tuple[int, int]]:
    """(position, newest load that has landed) of the streams that are behind: the one query when nothing is new."""
    rows = connection.execute(
        "select h.stream, coalesce(p.position, 0), h.hi from landing.horizons as h"
        " left join enrichment.progress as p on p.stream = h.stream"
        " where p.position is null or p.position < h.hi order by h.stream"
    )
    return {stream: (position, hi) for stream, position, hi in rows}


def lock_progress(connection: Connection) -> dict[str, int]:
    """Take the turn: the positions of all streams, locked until the transaction ends.

    All of them: the streams share the tables, and two that insert the same texts in another order would deadlock.
    """
    connection.execute(
        "insert into enrichment.progress (stream, spellings) select s.stream, %s from landing.streams as s"
        " where not exists (select from enrichment.progress as p where p.stream = s.stream)"
        " order by s.stream on conflict do nothing",
        (SPELLINGS,),
    )
    rows = connection.execute("select stream, position from enrichment.progress order by stream for update")
    return dict(rows.fetchall())


def plan_stretch(connection: Connection, stream: str, position: int, hi: int, most_rows: int) -> dict[str, Any]:
    """The next loads up to `hi` that hold `most_rows` rows or less, one at least, and when they landed."""
    row = connection.execute(
        """
        with loads as (
            select load_id, coalesce(first_landed_at, landed_at) as first_landed_at, landed_at from landing.loads
            where stream = %(stream)s and load_id > %(position)s and load_id <= %(hi)s
            order by load_id limit %(most_loads)s
        ),
        counted as (
            select l.load_id, l.first_landed_at, l.landed_at, coalesce(sum(s.landed), 0) as landed
            from loads as l
            left join landing.slices as s on s.stream = %(stream)s and s.load_id = l.load_id
            group by l.load_id, l.first_landed_at, l.landed_at
        ),
        summed as (
            select
                load_id,
                first_landed_at,
                landed_at,
                sum(landed) over (order by load_id) as landed,
                row_number() over (order by load_id) as number
            from counted
        )
        select max(load_id), min(first_landed_at), max(landed_at) from summed
        where landed <= %(most_rows)s or number = 1
        """,
        {"stream": stream, "position": position, "hi": hi, "most_loads": LOADS_A_STEP, "most_rows": most_rows},
    ).fetchone()
    assert row is not None
    upto, first, last = row
    return {
        "stream": stream,
        "after": position,
        "upto": hi if upto is None else upto,
        "first_landed_at": first,
        "last_landed_at": last,
    }


def draw_changes(connection: Connection, streams: Sequence[str], kind: str, keys: Sequence[UUID]) -> None:
    """One change load for each stream, with these keys. Last in a transaction: no load can be drawn until its end."""
    for stream in streams:
        connection.execute(
            "insert into ops.changes (stream, load_id, kind, key)"
            " select %(stream)s, drawn.load_id, %(kind)s, changed.key"
            " from (select landing.draw_change(%(stream)s) as load_id) as drawn,"
            " unnest(%(keys)s::uuid[]) as changed (key)",
            {"stream": stream, "kind": kind, "keys": keys},
        )
