"""What the demo knows at a moment: Kafka's offsets, the ledger, the KPI tables. Read only."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cli.demo.kpis import KpiTable, read_kpis
from cli.demo.latency import Age, percentiles
from cli.demo.refreshes import Refreshes, read_refreshes
from database.connect import connect
from database.kept import KeptConnection
from landfall.errors import UserError
from landfall.settings import Settings
from landing_stream.contract import Contract
from landing_stream.histories import ledger_topic_id
from landing_stream.progress import lag_of, ledger_offsets, totals_between
from landing_stream.topics import Topics

LATEST_LOADS = 10
"""Newest loads that the live latency is of: about as many seconds."""
SLICES_OF_A_RUN = 20_000
"""Most slices, the last ones, that the latency of a run is of: an hour of a stream with six partitions."""


LAST_LOAD = """
select coalesce(max(s.load_id), %(load_id)s)
from landing.slices as s
inner join unnest(%(partitions)s::int[], %(ends)s::bigint[]) as t (kafka_partition, until_offset)
    on s.kafka_partition = t.kafka_partition and s.from_offset < t.until_offset
where s.stream = %(stream)s and s.topic_id = %(topic_id)s and s.load_id > %(load_id)s
"""


@dataclass(frozen=True)
class Baseline:
    """Where a stream stood before the demo produced: everything below has landed, and is another run's.

    `topic_id`: under which records of the topic land; `kafka_topic_id`: that of the topic in Kafka.
    """

    contract: Contract
    topic_id: UUID
    kafka_topic_id: UUID
    ends: Mapping[int, int]
    load_id: int

    @property
    def stream(self) -> str:
        return self.contract.stream


@dataclass(frozen=True)
class StreamView:
    """One stream since its baseline. `p50`, `p95`: seconds from produced to landed of the newest loads."""

    stream: str
    produced: int
    landed: int
    quarantined: int
    lag: int
    p50: float | None
    p95: float | None


@dataclass(frozen=True)
class View:
    """All of it at one moment."""

    streams: tuple[StreamView, ...]
    kpis: tuple[KpiTable, ...]
    refreshes: Refreshes


@dataclass(frozen=True)
class Span:
    """What one run of the demo produced into a stream: from the baseline up to `ends`, all of it in the loads up to
    `load_id`. Others may produce into the same topic, before and after.
    """

    baseline: Baseline
    ends: Mapping[int, int]
    load_id: int

    @property
    def produced(self) -> int:
        """Messages, by Kafka's offsets."""
        return offsets_between(self.baseline.ends, self.ends)


def offsets_between(starts: Mapping[int, int], ends: Mapping[int, int]) -> int:
    """How many offsets, over all partitions."""
    return sum(max(0, end - starts.get(partition, 0)) for partition, end in ends.items())


@dataclass(frozen=True)
class Left:
    """What waits to land: records in Kafka, and loads that are not finished. True where there is any."""

    records: int
    open_loads: int

    def __bool__(self) -> bool:
        return bool(self.records or self.open_loads)


@dataclass
class Tally:
    """Sums over the slices of loads that have ended, which never change: each observation adds the new ones."""

    up_to: int
    landed: int = 0
    quarantined: int = 0
    holes: int = 0


class Observer:
    """Observes the servers of `settings`; for one thread. `since`: refreshes that began earlier are another run's."""

    def __init__(self, settings: Settings, contracts: Iterable[Contract], since: dt.datetime) -> None:
        self._since = since
        self._contracts = list(contracts)
        self._topics = Topics(settings.kafka.client_config())
        self.ledger = KeptConnection(
            lambda: connect(settings.as_transformer, autocommit=True, application_name="landfall demo")
        )
        """Reads everything."""
        self._bi_reader = KeptConnection(
            lambda: connect(settings.as_reader, autocommit=True, application_name="landfall demo")
        )
        self._tallies: dict[str, Tally] = {}
        self._kpis: tuple[KpiTable, ...] = ()
        self._kpis_of: dt.datetime | None = None

    def generations(self) -> dict[str, int]:
        """How often each stream's door was taken over: `landfall land` lands once it has raised all of them."""
        rows = self.ledger().execute("select stream, generation from landing.writers where door = 'stream'")
        return {contract.stream: 0 for contract in self._contracts} | dict(rows.fetchall())

    def left(self) -> Left:
        """What waits to land, over all streams."""
        records = sum(lag_of(self.ledger(), contract, self._topics) for contract in self._contracts)
        ((open_loads,),) = self.ledger().execute("select count(*) from landing.loads where state = 'open'").fetchall()
        return Left(records, open_loads)

    def baselines(self) -> list[Baseline]:
        """Where the streams stand now; to be taken while nothing is produced and nothing waits to land."""
        horizons = self._horizons()
        found = []
        for contract in self._contracts:
            kafka_topic_id, partitions = self._topics.describe(contract.topic)
            topic_id = ledger_topic_id(self.ledger(), contract.stream, kafka_topic_id)
            ends = self._topics.latest(contract.topic, partitions)
            found.append(Baseline(contract, topic_id, kafka_topic_id, ends, horizons.get(contract.stream, 0)))
        self._tallies = {baseline.stream: Tally(baseline.load_id) for baseline in found}
        return found

    def observe(self, baselines: Iterable[Baseline]) -> View:
        """What there is now. Raises psycopg.OperationalError or KafkaUnavailable when a server is away."""
        horizons = self._horizons()
        streams = tuple(self._stream(baseline, horizons[baseline.stream]) for baseline in baselines)
        return View(streams, self._kpis_now(), self.refreshes())

    def refreshes(self) -> Refreshes:
        """What became of the refreshes until now."""
        return read_refreshes(self.ledger(), self._since)

    def ends(self, baselines: Iterable[Baseline]) -> dict[str, dict[int, int]]:
        """The end offsets of each stream's topic now."""
        return {b.stream: self._topics.latest(b.contract.topic, self._partitions(b)) for b in baselines}

    def spans(self, baselines: Iterable[Baseline], ends: Mapping[str, Mapping[int, int]]) -> list[Span] | None:
        """The spans up to `ends` once all of them has landed; None before."""
        horizons = self._horizons()
        found = []
        for baseline in baselines:
            wanted = ends[baseline.stream]
            if offsets_between(ledger_offsets(self.ledger(), baseline.stream, baseline.kafka_topic_id), wanted):
                return None
            row = (
                self.ledger()
                .execute(
                    LAST_LOAD,
                    {
                        "stream": baseline.stream,
                        "topic_id": baseline.topic_id,
                        "load_id": baseline.load_id,
                        "partitions": list(wanted),
                        "ends": list(wanted.values()),
                    },
                )
                .fetchone()
            )
            assert row is not None
            if row[0] > horizons[baseline.stream]:
                return None  # its slices are there, and the load is not finished yet
            found.append(Span(baseline, wanted, row[0]))
        return found

    def models_behind(self, spans: Iterable[Span]) -> list[str]:
        """Relations that have not read all of these spans."""
        rows = self.ledger().execute(
            # A developer's own relations (dev_…) are not refreshed by the demo, and not in the catalogue.
            "select relation, source, position from ops.model_progress"
            " where relation in (select relation from ops.catalogue) order by 1"
        )
        wanted = {span.baseline.stream: span.load_id for span in spans}
        return [relation for relation, source, position in rows if position < wanted.get(source, 0)]

    def run_latency(self, baseline: Baseline) -> list[float] | None:
        """p50 and p95 in seconds of what was produced once the stream's first load was there: that one warms up."""
        first = self.ledger().execute(
            "select max(committed_at) from landing.slices where stream = %(stream)s and load_id = ("
            "select min(load_id) from landing.slices where stream = %(stream)s and load_id > %(load)s)",
            {"stream": baseline.stream, "load": baseline.load_id},
        )
        row = first.fetchone()
        since = row[0] if row else None
        if since is None:
            return None
        return percentiles(
            self._ages("load_id > %s and min_kafka_timestamp >= %s", baseline, baseline.load_id, since), (0.5, 0.95)
        )

    def _kpis_now(self) -> tuple[KpiTable, ...]:
        """The KPI tables, read again only when a model has moved: reading takes Postgres some 20 ms."""
        row = self.ledger().execute("select max(updated_at) from ops.model_progress").fetchone()
        moved = row[0] if row else None
        if moved != self._kpis_of or not self._kpis:
            self._kpis, self._kpis_of = read_kpis(self._bi_reader()), moved
        return self._kpis

    def _horizons(self) -> dict[str, int]:
        return dict(self.ledger().execute("select stream, hi from landing.horizons").fetchall())

    def _stream(self, baseline: Baseline, horizon: int) -> StreamView:
        stream, topic = baseline.stream, baseline.contract.topic
        tally = self._add_up(baseline, horizon)
        ages = self._ages(
            "load_id > %s and load_id <= %s", baseline, max(tally.up_to - LATEST_LOADS, baseline.load_id), horizon
        )
        p50, p95 = percentiles(ages, (0.5, 0.95)) or (None, None)
        # Kafka is asked last, so that no more can have landed than was produced.
        produced = offsets_between(baseline.ends, self._topics.latest(topic, self._partitions(baseline)))
        done = tally.landed + tally.quarantined
        lag = max(0, produced - done - tally.holes)
        return StreamView(stream, produced, tally.landed, tally.quarantined, lag, p50, p95)

    def _partitions(self, baseline: Baseline) -> list[int]:
        kafka_topic_id, partitions = self._topics.describe(baseline.contract.topic)
        if kafka_topic_id != baseline.kafka_topic_id:
            raise UserError(
                f"Topic {baseline.contract.topic} was deleted and made again while the demo ran: start the demo anew."
            )
        return partitions

    def _add_up(self, baseline: Baseline, horizon: int) -> Tally:
        tally = self._tallies[baseline.stream]
        new = totals_between(self.ledger(), baseline.stream, tally.up_to, horizon, baseline.topic_id)
        tally.landed, tally.quarantined = tally.landed + new.landed, tally.quarantined + new.quarantined
        tally.holes, tally.up_to = tally.holes + new.holes, horizon
        return tally

    def _ages(self, condition: str, baseline: Baseline, *values: Any) -> list[Age]:
        rows = self.ledger().execute(
            "select landed + quarantined, extract(epoch from committed_at - max_kafka_timestamp)::float8,"
            " extract(epoch from committed_at - min_kafka_timestamp)::float8 from landing.slices"
            f" where stream = %s and topic_id = %s and min_kafka_timestamp is not null and {condition}"
            " order by load_id desc limit %s",
            (baseline.stream, baseline.topic_id, *values, SLICES_OF_A_RUN),
        )
        return [Age(*row) for row in rows]
