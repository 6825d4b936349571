"""Following loads: the models refreshed, warm, whenever one finishes. One follower at a time; others stand by."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from database.connect import connect
from database.locks import FOLLOWER, Connection, connection_for_a_lock, holder_of, try_to_take
from database.recovery import Recovery
from enrichment.enricher import enrich
from landfall.backoff import Backoff
from landfall.failures import Kind, Passing
from landfall.heartbeat import Heartbeat
from landfall.settings import Settings
from warehouse.dbt_session import DbtSession, Outcome
from warehouse.refresh import first_trouble
from warehouse.set_apart import Refresher

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
"""How often a follower with nothing to do looks at ops.horizons, a query of 0.3 ms."""
PAUSE_SECONDS = 0.0
"""Least time from the start of one pass to the next."""
REST_SHARE, REST_FOR_SECONDS = 0.5, 0.5
"""After a pass over the hot tables it rests for this share of what the pass took, so that it keeps busy two thirds of
the time at most: a pass over the shop's tables costs 0.15 s of a processor for 300 events, and 1.3 s for 10,000. After
one that took longer than this many seconds, where much is new, it does not rest."""
SECONDS_BETWEEN_LOOKS_AT_FILES = 10.0
"""How often it sees whether the project was edited, in 10 ms."""
SECONDS_OF_COLD = 30.0
"""How far tables of tag `cold` may be behind the others while events flow: they cost half as much as the others."""
STAND_BY_SECONDS = 1.0
"""How often one that stands by tries to take over."""
FIRST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS = 1.0, 30.0
SECONDS_TO_ENRICH = 10.0
"""`landfall land` enriches what it lands within a second. What has waited longer, the follower enriches."""

Report = Callable[[Outcome], None]


@dataclass(frozen=True)
class Horizon:
    """The newest load of a stream that has landed, and the newest that models may read (it is enriched too)."""

    landed_hi: int
    hi: int


class Turns:
    """Whose turn it is: the hot tables of all streams that have news, and beside them the cold tables of one stream.

    Cold tables wait until nothing else is new, or SECONDS_OF_COLD; the hot ones never wait for them.
    """

    def __init__(self) -> None:
        self._hot: dict[str, int] = {}
        self._cold: dict[str, int] = {}
        self._cold_at: dict[str, float] = {}
        self._under_way: tuple[str, int] | None = None
        self._backoffs: dict[tuple[str, bool], Backoff] = {}
        self._waits_until: dict[tuple[str, bool], float] = {}

    @property
    def are_new(self) -> bool:
        """Whether nothing was done yet: the first pass is one over hot and cold tables."""
        return not self._hot

    def next(self, horizons: Mapping[str, Horizon], now: float) -> tuple[Collection[str], str | None]:
        """(streams whose hot tables are next, the stream whose cold tables are, unless some are under way)."""
        fresh = [
            stream for stream in streams_with_news(self._hot, horizons) if not self._waits(stream, now, cold=False)
        ]
        stale = [
            stream
            for stream, hi in self._hot.items()
            if hi > self._cold.get(stream, 0) and not self._waits(stream, now, cold=True)
        ]
        coldest = min(stale, key=self._begun, default=None) if not self._under_way else None
        is_due = coldest is not None and (not fresh or now - self._begun(coldest) >= SECONDS_OF_COLD)
        return fresh, coldest if is_due else None

    def hot_done(self, horizons: Mapping[str, Horizon]) -> None:
        """The hot tables of these streams have read up to these."""
        self._hot |= {stream: horizon.hi for stream, horizon in horizons.items()}
        for stream in horizons:
            self._backoffs.pop((stream, False), None)

    def all_done(self, horizons: Mapping[str, Horizon], began: float) -> None:
        """All tables of these streams have read up to these, in a pass that began then."""
        self.hot_done(horizons)
        self._cold |= {stream: horizon.hi for stream, horizon in horizons.items()}
        self._cold_at |= dict.fromkeys(horizons, began)
        for stream in horizons:
            self._backoffs.pop((stream, True), None)

    def cold_begins(self, stream: str, now: float) -> None:
        """A pass over its cold tables begins, up to where its hot ones are."""
        self._cold_at[stream] = now
        self._under_way = (stream, self._hot[stream])

    def cold_done(self) -> None:
        """It went well."""
        if self._under_way is not None:
            stream, self._cold[stream] = self._under_way
            self._backoffs.pop((stream, True), None)
        self._under_way = None

    def cold_lost(self) -> None:
        """It did not, or what became of it is not known."""
        self._under_way = None

    def failed(self, streams: Collection[str], now: float, *, cold: bool) -> None:
        """A model of these streams failed. They are tried again after a pause that doubles, and hold no other up."""
        for stream in streams:
            backoff = self._backoffs.setdefault(
                (stream, cold), Backoff(FIRST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS)
            )
            self._waits_until[stream, cold] = now + backoff.next()

    def _waits(self, stream: str, now: float, *, cold: bool) -> bool:
        return now < self._waits_until.get((stream, cold), float("-inf"))

    def _begun(self, stream: str) -> float:
        """When its cold tables last had their turn."""
        return self._cold_at.get(stream, float("-inf"))


class PassFailed(Passing):
    """A pass failed in something that belongs to no stream: it did not start, or a seed or snapshot failed."""


class Follower:
    """Refreshes the streams that have news, pass by pass."""

    def __init__(
        self, settings: Settings, session: DbtSession, report: Report, *, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._settings, self._session, self._report = settings, session, report
        self._refresher = Refresher(session)
        self._heartbeat = Heartbeat(settings.home, "refresh")
        self._pause_seconds = pause_seconds
        self._turns = Turns()
        self._recovery = Recovery(settings, "refresh", first=FIRST_BACK_OFF_SECONDS, longest=LONGEST_BACK_OFF_SECONDS)
        self._waits_for_enrichment_since: float | None = None
        self._looked_at_files_at = float("-inf")
        self._edited: Path | None = None
        self.went_well = True
        self.why = ""
        """Why it did not go well, where no pass says it."""

    def follow(self, stop: threading.Event, *, first: list[str] | None = None, until: float | None = None) -> None:
        """Until `stop` is set, or until this time of time.monotonic().

        `first`: arguments of dbt for the first pass, which is not left out when nothing is new. While another process
        follows, this one stands by. Postgres away or a pass that broke off: said in the log, and tried again after
        a pause that doubles up to 30 s. Where a model failed, its stream alone waits so. Raises what is a bug.
        """
        arguments = first
        while not over(stop, until):
            self._heartbeat.beat()
            try:
                with (
                    connection_for_a_lock(self._settings, "landfall refresh") as lock,
                    connect(
                        self._settings.as_transformer,
                        autocommit=True,
                        application_name="landfall refresh",
                    ) as connection,
                ):
                    if not stand_by(lock, stop, until, self._heartbeat):
                        return
                    while not over(stop, until):
                        self._heartbeat.beat()
                        lock.execute("select 1")  # the lock is gone when this session was ended by somebody
                        arguments = self._once(connection, stop, arguments)
                    self._note_cold(stop, wait=True)
            except Exception as error:
                self.went_well = False
                failure = self._recovery.failed(error)
                if failure.kind is Kind.BUG:
                    raise
                self.why = failure.sentence
                self._refresher.close()
                self._turns = Turns()  # the server may be another one by now, which was behind: ask for everything
                stop.wait(self._recovery.pause)
        self._refresher.close()
        if stop.is_set():  # else somebody follows again soon
            self._recovery.close()

    def _once(self, connection: Connection, stop: threading.Event, first: list[str] | None) -> list[str] | None:
        """One look, and one pass when there is news; returns what is still to be run whatever is new."""
        started = time.monotonic()
        horizons = read_horizons(connection)
        self._enrich_what_waits(horizons)
        self._note_cold(stop, wait=False)
        fresh, cold = self._turns.next(horizons, started)
        whole = first is not None or (self._turns.are_new and bool(fresh))
        if not (whole or fresh or cold):
            self._recovery.well()
            stop.wait(POLL_SECONDS)
            return None
        self._say_what_was_edited(started)
        if cold and not whole:
            self._turns.cold_begins(cold, started)
            self._refresher.begin_cold_pass(cold)
        if not (whole or fresh):
            return None
        streams = [*horizons] if whole else fresh
        outcome = self._refresher.run(first) if first else self._refresher.hot_pass(streams, cold=whole)
        failed = self._failed(outcome, stop)
        if failed is None:
            return first
        self._turns.failed(failed, time.monotonic(), cold=False)
        read = {stream: horizons[stream] for stream in streams if stream not in failed}
        if whole:
            self._turns.all_done(read, started)
        else:
            self._turns.hot_done(read)
        stop.wait(rest(time.monotonic() - started, self._pause_seconds))
        return None

    def _note_cold(self, stop: threading.Event, *, wait: bool) -> None:
        """What became of the cold tables that are refreshed beside, if that is known."""
        done = self._refresher.cold_pass_begun(wait=wait)
        if done is None:
            return
        stream, outcome = done
        failed = self._failed(outcome, stop)
        if failed:
            self._turns.failed([stream], time.monotonic(), cold=True)
        if outcome.ok:
            self._turns.cold_done()
        else:
            self._turns.cold_lost()

    def _failed(self, outcome: Outcome, stop: threading.Event) -> set[str] | None:
        """Streams of which a model failed in a pass, which is reported; None, after a pause, where it failed in
        something that belongs to no stream."""
        self.went_well = outcome.ok
        failed = self._refresher.streams_of_failures(outcome)
        if not outcome.ok and not failed:
            before, self.why = self.why, first_trouble(outcome)
            if self.why != before or not self._recovery.failures:  # the same again is not said twice
                self._report(outcome)
            self._recovery.failed(PassFailed(self.why))
            stop.wait(self._recovery.pause)
            return None
        self._report(outcome)
        self._recovery.well()
        return failed

    def _say_what_was_edited(self, now: float) -> None:
        """Once a file: a process refreshes what it read when it began, and the tables as they were built since."""
        if now - self._looked_at_files_at < SECONDS_BETWEEN_LOOKS_AT_FILES:
            return
        self._looked_at_files_at = now
        edited = self._session.edited
        if edited is not None and edited != self._edited:
            logger.warning(
                "%s was edited after this process had read the project, and is not in what it refreshes:"
                " run `make setup` and start this again.",
                edited.relative_to(self._session.project),
            )
        self._edited = edited

    def _enrich_what_waits(self, horizons: Mapping[str, Horizon]) -> None:
        """Whoever landed it has gone, or was killed: without this its events would wait for the next landing."""
        if all(horizon.hi == horizon.landed_hi for horizon in horizons.values()):
            self._waits_for_enrichment_since = None
        elif self._waits_for_enrichment_since is None:
            self._waits_for_enrichment_since = time.monotonic()
        elif time.monotonic() - self._waits_for_enrichment_since > SECONDS_TO_ENRICH:
            enrich(self._settings)
            self._waits_for_enrichment_since = None


def over(stop: threading.Event, until: float | None) -> bool:
    """Whether it is time to end."""
    return stop.is_set() or (until is not None and time.monotonic() >= until)


def rest(took: float, pause: float) -> float:
    """Seconds until the next pass may begin, after one that took so many; `pause`: least from start to start."""
    share = REST_SHARE * took if took <= REST_FOR_SECONDS else 0.0
    return max(share, pause - took, 0.0)


def stand_by(connection: Connection, stop: threading.Event, until: float | None, heartbeat: Heartbeat) -> bool:
    """Wait to be the follower; False when it is time to end before."""
    waited = False
    while not over(stop, until):
        heartbeat.beat()
        if try_to_take(connection, FOLLOWER):
            if waited:
                logger.warning("The other follower is gone: this one goes on.")
            return True
        if not waited:
            holder = holder_of(connection, FOLLOWER) or "another process"
            connection.rollback()
            logger.warning("%s refreshes the models after each load: standing by.", holder)
            waited = True
        stop.wait(STAND_BY_SECONDS)
    return False


def read_horizons(connection: Connection) -> dict[str, Horizon]:
    """The horizons by stream."""
    rows = connection.execute("select stream, landed_hi, hi from ops.horizons").fetchall()
    return {stream: Horizon(landed_hi, hi) for stream, landed_hi, hi in rows}


def streams_with_news(done: Mapping[str, int], horizons: Mapping[str, Horizon]) -> Collection[str]:
    """Streams whose horizon has moved beyond what the last good pass read."""
    return sorted(stream for stream, horizon in horizons.items() if horizon.hi > done.get(stream, 0))
