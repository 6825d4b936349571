"""What people read costs what they ask for: a filter reaches the tables beneath, behind three years of days."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg import sql

from tests.conftest import Connection
from tests.dbt.conftest import Warehouse
from tests.dbt.events import job_events
from tests.dbt.shop_events import shop_visits
from tests.dbt.web_counts import web_traffic
from warehouse.dbt_manifest import read_manifest

DAYS, STEP = 1095, 11
SMALL = 500
SHARE = 0.1
"""Of a table with more than so many rows, at most this part may be read for what the last days alone have."""
TIMES = ("event_at", "started_at", "minute_start", "window_start", "hour_start", "event_date", "cohort_week")
KEPT = ("topic_id",)
LEFT_OUT = ("__newest", "__watermark", "__accounts", "__rejected", "__values")

BY_NO_INDEX = {
    "kpi_web_response_time_5min.action": "few actions, each of all windows",
    "kpi_web_product_views_5min.product_id": "one more index would be written for nearly each request",
    "kpi_product_views_hourly.product_id": "one more index would be written for nearly each view",
    "kpi_views_5min.store_id": "one more index would be written for nearly each event",
}
"""Filters that reach the table beneath, where no index has them: read whole it is, but nothing more is done with it."""

OF_ALL = {
    "kpi_stores_daily.store_id": "ranks are among all stores of a day and country",
    "kpi_countries_daily.country_name": "ranks are among all countries of a day",
    "kpi_referrers_daily.referrer_url": "ranks are among all pages of a day, and pages differ in their query",
    "kpi_web_actions_5min.action": "ratios are of all actions of a window",
    "kpi_web_status_hourly.status_class": "ratios are of all classes of an hour",
    "kpi_funnel_daily.step_order": "steps are compared with those before them",
    "kpi_web_funnel_daily.step_order": "steps are compared with those before them",
    "kpi_retention_weekly.cohort_type": "shares are of the cohort's first week; at most 108 rows beneath a week",
    "kpi_retention_weekly.cohort_week": "shares are of the cohort's first week; at most 108 rows beneath a week",
    "kpi_retention_weekly.weeks_since": "shares are of the cohort's first week; at most 108 rows beneath a week",
    "kpi_browser_os_hourly.browser": "what a user agent is may change, so the counts are by agent",
    "kpi_browser_os_hourly.os": "what a user agent is may change, so the counts are by agent",
}
"""Filters that do not reach the table beneath: what is shown of a row depends on those that are left out."""


@dataclass(frozen=True)
class Read:
    """A view, its kind, the columns of its own, and the one that it is filtered by; none: it is read whole."""

    view: str
    kind: str
    columns: list[str]
    column: str | None = None

    def __str__(self) -> str:
        return self.view if self.column is None else f"{self.view}.{self.column}"


@pytest.fixture
def reader(warehouse: Warehouse) -> Connection:
    """A connection to a warehouse with three years of events, in which the planner takes an index where it can."""
    warehouse.land("job_tracking", job_events(400, seed=1))
    warehouse.land("product_views", shop_visits(seed=2))
    warehouse.land("web_logs", web_traffic(400, seed=3))
    warehouse.run()
    fill(warehouse.reader)
    for setting in ("enable_seqscan", "enable_mergejoin", "jit"):
        warehouse.reader.execute(sql.SQL("set {} = off").format(sql.Identifier(setting)))
    return warehouse.reader


def test_a_filter_reads_what_it_asks_for_and_the_newest_day_costs_one_day(reader: Connection) -> None:
    by_no_index, of_all = set(), set()
    for read in reads():
        shares = shares_of(reader, read)
        if max((found for found, _ in shares), default=0) > SHARE:
            of_all.add(str(read))
        # facts lie by time, and in partitions of it: what matters is that these are told of the filter
        elif read.kind != "fact" and max((looked_at for _, looked_at in shares), default=0) > SHARE:
            by_no_index.add(str(read))
    assert of_all == set(OF_ALL)
    assert by_no_index == set(BY_NO_INDEX)


def reads() -> list[Read]:
    """KPIs by each column of their grain but an hour of each day, facts by their times, the newest day whole."""
    nodes = read_manifest()["nodes"]
    found: list[Read] = []
    for node in nodes.values():
        kind = node["config"]["meta"].get("kind")
        if kind in ("fact", "latest"):
            columns = list(node["columns"])
            asked: list[str | None] = [column for column in TIMES if column in columns] if kind == "fact" else [None]
            found.extend(Read(node["name"], kind, columns, column) for column in asked)
        elif node.get("test_metadata", {}).get("name") == "unique_together" and node["attached_node"]:
            of = nodes[node["attached_node"]]
            if of["config"]["meta"].get("kind") == "kpi":
                grain = node["test_metadata"]["kwargs"]["columns"]
                found.extend(
                    Read(of["name"], "kpi", list(of["columns"]), column) for column in grain if column != "event_hour"
                )
    return found


def shares_of(reader: Connection, read: Read) -> list[tuple[float, float]]:
    """Of each table beneath: which part of its rows a query takes, and which part it looks at for that."""
    query = sql.SQL("select * from {}").format(sql.Identifier("marts", read.view))
    if read.column is not None:
        time = next(column for column in TIMES if column in read.columns)
        newest = sql.SQL("select {0} from ({1}) as v where {0} is not null order by {2} desc limit 1").format(
            sql.Identifier(read.column), query, sql.Identifier(time)
        )
        (value,) = reader.execute(newest).fetchall()[0]
        query = sql.SQL("{} where {} = {}").format(query, sql.Identifier(read.column), sql.Literal(value))
    (plan,) = reader.execute(sql.SQL("explain (analyze, timing off, format json) {}").format(query)).fetchall()[0]
    tables = reader.execute(
        "select relname, reltuples from pg_class where relnamespace = 'intermediate'::regnamespace and reltuples > %s",
        (SMALL,),
    )
    sizes: dict[str, float] = dict(tables.fetchall())
    shares = []
    for node in nodes_of(plan[0]["Plan"]):
        size = sizes.get(node.get("Relation Name", ""))
        if size:
            removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            found, loops = node["Actual Rows"], node["Actual Loops"]
            shares.append((found * loops / size, (found + removed) * loops / size))
    return shares


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes_of(below)


def fill(connection: Connection) -> None:
    """Gives the tables three years: their rows again, of days before, and of other products, stores, people, …"""
    tables = connection.execute(
        "select c.relname, array_agg(a.attname::text order by a.attnum),"
        " array_agg(format_type(a.atttypid, null) order by a.attnum),"
        " array_agg(a.attname::text) filter (where a.attnum = any(k.conkey))"
        " from pg_class as c inner join pg_constraint as k on k.conrelid = c.oid and k.contype = 'p'"
        " inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relnamespace = 'intermediate'::regnamespace and not c.relispartition group by 1"
    ).fetchall()
    for name, columns, kinds, key in tables:
        if name.endswith(LEFT_OUT):
            continue
        if "event_at" in columns:
            connection.execute(
                sql.SQL(
                    "select ops.make_partitions({0}, array(select generate_series("
                    "min(event_at) - make_interval(days => {1}), max(event_at) + interval '1 month', '1 month')))"
                    " from {2} having count(*) > 0"
                ).format(sql.Literal(f"intermediate.{name}"), sql.Literal(DAYS), sql.Identifier("intermediate", name))
            )
        connection.execute(
            sql.SQL("insert into {0} ({1}) select {2} from {0}, generate_series({3}, {4}, {3}) as days (ago)").format(
                sql.Identifier("intermediate", name),
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.SQL(", ").join(older(column, kind, key) for column, kind in zip(columns, kinds, strict=True)),
                sql.Literal(STEP),
                sql.Literal(DAYS),
            )
        )
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier("intermediate", name)))


def older(name: str, kind: str, key: list[str]) -> sql.Composable:
    """SQL of a column's value in the copy of a row of `days.ago` days before."""
    column = sql.Identifier(name)
    if name in KEPT:
        return column
    if kind in ("date", "timestamp with time zone", "timestamp without time zone"):
        return sql.SQL("{} - make_interval(days => days.ago)").format(column)
    if kind == "uuid":
        return sql.SQL("md5({}::text || days.ago)::uuid").format(column)
    if kind == "text":
        return sql.SQL("{} || '-' || days.ago").format(column)
    if kind == "bigint" and name in key:
        return sql.SQL("{} + 1000000 * days.ago").format(column)
    return column
