"""The final account: nothing that was produced is missing anywhere, and nothing is there twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from cli.demo.observer import Span
from warehouse.catalogue import Catalogue, of_kind, read_catalogue

Connection = psycopg.Connection[tuple[Any, ...]]


OF_STREAM = {"staging": "staging", "fact": "events", "rejected": "rejected"}
"""Where a stream's events go, by kind in ops.catalogue. The fact is the table beneath the view that people read."""

PLACES = """
with span as (
    select *
    from unnest(%(partitions)s::int[], %(starts)s::bigint[], %(ends)s::bigint[])
        as t (kafka_partition, from_offset, until_offset)
),
places as (
    select kafka_partition, kafka_offset, false as is_quarantined
    from landing.{table}
    where topic_id = %(topic_id)s and load_id > %(after)s and load_id <= %(load_id)s
    union all
    select kafka_partition, kafka_offset, true as is_quarantined
    from landing.quarantine
    where stream = %(stream)s and topic_id = %(topic_id)s and load_id > %(after)s and load_id <= %(load_id)s
    and replayed_load_id is null
)
select
    count(*) filter (where not is_quarantined),
    count(*) filter (where is_quarantined),
    count(distinct (kafka_partition, kafka_offset)),
    (
        select coalesce(sum(holes), 0)::bigint from landing.slices
        where stream = %(stream)s and topic_id = %(topic_id)s and load_id > %(after)s and load_id <= %(load_id)s
    )
from places inner join span using (kafka_partition)
where kafka_offset >= from_offset and kafka_offset < until_offset
"""
EVENTS = """
with landed as (
    select event_key, rejected_reason, (topic_id, kafka_partition, kafka_offset) as place
    from {staging} where load_id > %(after)s and load_id <= %(load_id)s
),
winners as (
    select event_key, (topic_id, kafka_partition, kafka_offset) as place from {fact}
)
select
    count(*) filter (where l.rejected_reason is not null),
    count(*) filter (where l.rejected_reason is null and w.event_key is null),
    count(*) filter (where w.place = l.place),
    count(*) filter (where w.place <> l.place),
    (select count(*) from {fact} where load_id > %(after)s and load_id <= %(load_id)s),
    (select count(*) from {rejected} where load_id > %(after)s and load_id <= %(load_id)s)
from landed as l
left join winners as w on l.event_key = w.event_key and l.rejected_reason is null
"""
# A KPI against the fact beneath it, over all of history and up to where the KPI's own table has read.
SUMS = (
    (
        "views in kpi_products_daily",
        "select coalesce(sum(views), 0)::bigint from marts.kpi_products_daily",
        "select count(*) from marts.fct_product_events where is_view and is_production"
        " and load_id <= (select position from ops.model_progress"
        " where relation = 'intermediate.int_product_views__daily' and source = 'product_views')",
    ),
    (
        "clicks in kpi_jobs_hourly",
        "select coalesce(sum(clicks), 0)::bigint from marts.kpi_jobs_hourly",
        "select count(*) from marts.fct_job_events where custom_track = 'click'"
        " and load_id <= (select position from ops.model_progress"
        " where relation = 'intermediate.int_job_events__hourly' and source = 'job_tracking')",
    ),
    (
        "requests in kpi_web_actions_5min",
        "select coalesce(sum(action_count), 0)::bigint from marts.kpi_web_actions_5min",
        "select count(*) from marts.fct_web_requests"
        " where load_id <= (select position from ops.model_progress"
        " where relation = 'intermediate.int_web_actions__5min' and source = 'web_logs')",
    ),
)


@dataclass(frozen=True)
class StreamAccount:
    """One stream since its baseline.

    `produced`: by Kafka's offsets; `acknowledged`: what Kafka told the simulator; both count messages. Of the landed
    rows, `in_fact` are rows of the fact, `rejected` have no key or no usable time, `duplicates` have a key that the
    fact holds from another position, and `missing` are none of these.
    """

    stream: str
    produced: int
    acknowledged: int
    malformed: int
    landed: int
    quarantined: int
    holes: int
    distinct: int
    in_fact: int
    rejected: int
    duplicates: int
    missing: int
    fact_rows: int
    rejected_rows: int

    @property
    def lost(self) -> int:
        """Messages that Kafka acknowledged and that neither landed nor are in quarantine."""
        return max(self.produced, self.acknowledged) - self.holes - self.distinct

    @property
    def doubled(self) -> int:
        """Rows whose position in Kafka another row has too."""
        return self.landed + self.quarantined - self.distinct

    def troubles(self) -> list[str]:
        """What is wrong, a sentence each; none when all is well."""
        found = []
        if self.lost:
            found.append(f"{self.stream}: {self.lost:,} of {self.produced:,} messages are lost.")
        if self.doubled:
            found.append(f"{self.stream}: {self.doubled:,} rows are there twice.")
        # Others may produce into the same topic meanwhile; then nobody knows what is to be in quarantine.
        if self.produced == self.acknowledged and self.quarantined != self.malformed:
            found.append(
                f"{self.stream}: {self.malformed:,} messages were malformed, {self.quarantined:,} are in quarantine."
            )
        if self.missing:
            found.append(f"{self.stream}: {self.missing:,} events landed and are not in the fact.")
        if self.in_fact != self.fact_rows or self.rejected != self.rejected_rows:
            found.append(
                f"{self.stream}: the fact has {self.fact_rows:,} rows for {self.in_fact:,} events,"
                f" and {self.rejected_rows:,} rows of rejected events for {self.rejected:,}."
            )
        return found


@dataclass(frozen=True)
class Account:
    """All streams, the KPI tables' rows, and what does not add up."""

    streams: tuple[StreamAccount, ...]
    kpi_rows: dict[str, int]
    troubles: tuple[str, ...]


def account(
    connection: Connection,
    spans: Iterable[Span],
    acknowledged: Mapping[str, int],
    malformed: Mapping[str, int],
    kpis: Iterable[str],
) -> Account:
    """Compare what was produced with what is in landing, in the facts and in the KPI tables, at one moment.

    To be called when all of the spans has landed and the models have read it. `acknowledged` and `malformed`: messages
    by stream, as the simulator counted them. `connection`: in autocommit mode, of a role that reads every schema.
    """
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        catalogue = read_catalogue(connection)
        streams = tuple(stream_account(connection, catalogue, span, acknowledged, malformed) for span in spans)
        count = sql.SQL("select count(*) from {}")
        rows = {name: one(connection, count.format(sql.Identifier("marts", name))) for name in kpis}
        troubles = [trouble for stream in streams for trouble in stream.troubles()]
        for what, in_kpi, in_fact in SUMS:
            added_up, counted = one(connection, in_kpi), one(connection, in_fact)
            if added_up != counted:
                troubles.append(f"There are {added_up:,} {what}, and {counted:,} in the fact beneath it.")
    return Account(streams, rows, tuple(troubles))


def stream_account(
    connection: Connection,
    catalogue: Catalogue,
    span: Span,
    acknowledged: Mapping[str, int],
    malformed: Mapping[str, int],
) -> StreamAccount:
    """The account of one stream."""
    baseline = span.baseline
    models = {name: of_kind(catalogue, kind)[baseline.stream] for name, kind in OF_STREAM.items()}
    parameters = {
        "stream": baseline.stream,
        "topic_id": baseline.topic_id,
        "after": baseline.load_id,
        "load_id": span.load_id,
        "partitions": list(span.ends),
        "starts": [baseline.ends.get(partition, 0) for partition in span.ends],
        "ends": list(span.ends.values()),
    }
    places = sql.SQL(PLACES).format(table=sql.Identifier(baseline.stream))
    events = sql.SQL(EVENTS).format(**{name: sql.Identifier(each.schema, each.name) for name, each in models.items()})
    landed, quarantined, distinct, holes = row(connection, places, parameters)
    rejected, missing, in_fact, duplicates, fact_rows, rejected_rows = row(connection, events, parameters)
    return StreamAccount(
        stream=baseline.stream,
        produced=span.produced,
        acknowledged=acknowledged.get(baseline.stream, 0),
        malformed=malformed.get(baseline.stream, 0),
        landed=landed,
        quarantined=quarantined,
        holes=holes,
        distinct=distinct,
        in_fact=in_fact,
        rejected=rejected,
        duplicates=duplicates,
        missing=missing,
        fact_rows=fact_rows,
        rejected_rows=rejected_rows,
    )


def row(connection: Connection, query: Any, parameters: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    """The only row of a query."""
    found = connection.execute(query, parameters).fetchone()
    assert found is not None
    return found


def one(connection: Connection, query: Any) -> int:
    """The only value of a query."""
    return int(row(connection, query)[0])
