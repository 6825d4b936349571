"""`landfall refresh --from DAY --to DAY`: marts of these days are counted again, whatever stood in them."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg import sql

from tests.dbt.conftest import Warehouse
from tests.dbt.events import DAY, job_events
from tests.dbt.shop_events import purchase, shop_visits
from tests.dbt.web_counts import web_traffic
from warehouse.dbt_arguments import EventDays
from warehouse.dbt_manifest import read_manifest
from warehouse.refresh import recount

StartCommand = Callable[..., "object"]
DAY_TO_MEND = DAY.date() + dt.timedelta(days=1)


@dataclass(frozen=True)
class Aggregate:
    """A table that counts facts by bucket. `event_day`: SQL of the day of a row; `columns`: types by name."""

    relation: sql.Identifier
    name: str
    key: list[str]
    columns: dict[str, str]
    event_day: sql.SQL


OVER_DAYS = {
    *("int_email_users", "int_device_logins", "int_wide_logins", "int_visitor_sessions", "int_visitor_firsts"),
    *("int_visitors", "int_visitor_weeks", "int_retention__weekly", "int_order_credits", "int_carts"),
}
"""Worked out by visitor, device, login or order over all their days, whenever what they are made of changes."""


def rebuilt() -> list[dict[str, Any]]:
    """The models that count by bucket."""
    nodes = read_manifest()["nodes"].values()
    return [node for node in nodes if node["config"].get("incremental_strategy") == "rebuild_buckets"]


def aggregates() -> list[Aggregate]:
    """All of the project whose rows are of a day."""
    return [
        Aggregate(
            relation=sql.Identifier(node["schema"], node["alias"]),
            name=node["alias"],
            key=next(each["columns"] for each in node["constraints"] if each["type"] == "primary_key"),
            columns={name: column["data_type"] for name, column in node["columns"].items()},
            event_day=sql.SQL(node["config"]["meta"]["event_day"]),
        )
        for node in rebuilt()
        if node["alias"] not in OVER_DAYS
    ]


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A warehouse with events of some days in all streams."""
    warehouse.land("job_tracking", job_events(400, seed=1))
    warehouse.land("product_views", [*shop_visits(seed=2), *purchase(DAY + dt.timedelta(days=1, hours=12))])
    warehouse.land("web_logs", web_traffic(800, seed=3))
    warehouse.run()
    return warehouse


def damage(warehouse: Warehouse, table: Aggregate, day: dt.date) -> int:
    """Rows of this day lost, made up, and wrong; returns how many rows the day had."""
    of_day = sql.SQL("{} = {}").format(sql.SQL("({})").format(table.event_day), sql.Literal(day))
    execute = warehouse.reader.execute
    (row,) = execute(sql.SQL("select count(*) from {} where {}").format(table.relation, of_day)).fetchall()
    values = [name for name, kind in table.columns.items() if name not in table.key and kind in ("bigint", "numeric")]
    if values:
        sets = sql.SQL(", ").join(sql.SQL("{0} = {0} + 7").format(sql.Identifier(name)) for name in values)
        execute(sql.SQL("update {} set {} where {}").format(table.relation, sets, of_day))
    other_keys = {
        name: sql.SQL("gen_random_uuid()") if kind == "uuid" else sql.SQL("{} + 700").format(sql.Identifier(name))
        for name, kind in table.columns.items()
        if name in table.key and kind in ("uuid", "bigint")
    }
    if other_keys:
        selected = [other_keys.get(name, sql.Identifier(name)) for name in table.columns]
        execute(
            sql.SQL("insert into {0} ({1}) select {2} from {0} where {3}").format(
                table.relation,
                sql.SQL(", ").join(map(sql.Identifier, table.columns)),
                sql.SQL(", ").join(selected),
                of_day,
            )
        )
    execute(
        sql.SQL("delete from {0} where ctid in (select ctid from {0} where {1} and md5(ctid::text) < '6')").format(
            table.relation, of_day
        )
    )
    return int(row[0])


def test_every_table_of_counts_says_the_day_of_its_rows() -> None:
    assert {node["alias"] for node in rebuilt() if "event_day" not in node["config"]["meta"]} == OVER_DAYS
    assert len(aggregates()) >= 20


def test_days_are_mended_whatever_was_lost_made_up_or_wrong_in_them(filled: Warehouse) -> None:
    before = filled.tables()
    rows = {table.name: damage(filled, table, DAY_TO_MEND) for table in aggregates()}
    assert [name for name, count in rows.items() if not count] == []
    outcome = recount(filled.settings, EventDays(DAY_TO_MEND, DAY_TO_MEND))
    assert outcome.ok, (outcome.trouble, outcome.failed)
    after = filled.tables()
    assert [name for name in before if before[name] != after[name]] == []


def test_other_days_are_left_as_they_are(filled: Warehouse) -> None:
    other = DAY_TO_MEND - dt.timedelta(days=1)
    filled.reader.execute("update intermediate.int_web_actions__5min set request_count = request_count + 7")
    outcome = recount(filled.settings, EventDays(DAY_TO_MEND, DAY_TO_MEND))
    assert outcome.ok, (outcome.trouble, outcome.failed)
    wrong = filled.rows(
        "select distinct a.window_start::date from intermediate.int_web_actions__5min as a"
        " where a.request_count <> (select count(*) from intermediate.int_web_requests as r where coalesce(r.action,"
        " '(none)') = a.action and r.event_at >= a.window_start and r.event_at < a.window_start + interval '5 min')"
    )
    assert wrong == [(other,)]


def test_a_changed_rule_shows_in_the_marts_of_the_days_and_facts_stay(filled: Warehouse) -> None:
    before = filled.tables()
    # as if these rules had been others when the events were counted: the command loads the seeds of today
    filled.reader.execute(
        "update reference.host_countries set country_name = 'Elsewhere', environment = 'not_production'"
        " where host = 'www.glamira.de'; delete from reference.web_funnel_steps where step = 'paid';"
        " update reference.shop_funnel_steps set step_order = 9 - step_order"
    )
    days = EventDays(DAY.date() - dt.timedelta(days=1), DAY.date() + dt.timedelta(days=9))
    filled.run("run", "--vars", json.dumps({"from_day": str(days.first), "to_day": str(days.last)}))
    other = filled.tables()
    assert other["intermediate.int_country_views__daily"] != before["intermediate.int_country_views__daily"]
    assert other["intermediate.int_web_funnel_users__daily"] != before["intermediate.int_web_funnel_users__daily"]
    facts = ("intermediate.int_product_events", "intermediate.int_web_requests", "intermediate.int_job_events")
    assert [name for name in facts if other[name] != before[name]] == []
    outcome = recount(filled.settings, days)
    assert outcome.ok, (outcome.trouble, outcome.failed)
    after = filled.tables()
    assert [name for name in before if before[name] != after[name]] == []
