"""A model that fails on what an event says: the event is found and set apart, and everything else goes on."""

import datetime as dt
import functools
import subprocess
from collections.abc import Callable, Mapping

import pytest
from psycopg import sql

from health.checks import evaluate
from health.findings import Finding
from monitoring.quality import quality_metrics
from tests.dbt.conftest import LANDING_RELATIONS, Warehouse
from tests.dbt.events import Event, job_events, uuid_v1
from tests.dbt.hostile_values import ordinary_events
from tests.dbt.shop_events import shop_visits
from tests.dbt.web_counts import web_traffic
from warehouse.dbt_arguments import pass_arguments
from warehouse.dbt_manifest import DBT_PROJECT, load_manifest
from warehouse.model_tables import ModelTable, model_tables
from warehouse.narrowing import smallest_failing
from warehouse.set_apart import Refresher

GOOD: Mapping[str, list[Event]] = {
    "job_tracking": job_events(60, seed=81),
    "product_views": shop_visits(seed=82, visits=20),
    "web_logs": web_traffic(120, seed=83),
}
# Rows that nobody foresaw cannot be written: those that hold a text.
REFUSE = """
create function ops.refuse() returns trigger language plpgsql as $$
begin
    if to_jsonb(new)::text like any (tg_argv) then raise exception 'refused: %', to_jsonb(new); end if;
    return new;
end
$$
"""
SEEN_FOR_EVER = {
    *LANDING_RELATIONS,
    *(
        "int_products",
        "int_referrers",
        "int_pages",
        "int_product_events__newest",
        "int_job_events__newest",
        "kpi_shop_same_hours",
    ),
    # open or abandoned, over or not: by the newest event that was ever seen
    *("fct_carts", "kpi_carts_daily", "kpi_carts_daily_latest", "kpi_retention_weekly"),
    *(f"int_{stream}__{kind}" for stream in GOOD for kind in ("rejected", "values")),
}
"""Tables of what was ever seen, and where; so are dimensions."""


OF_KEYS = {
    *("int_device_logins", "int_email_users", "int_wide_logins"),
    *("int_visitor_weeks", "int_retention__weekly"),
}
"""Tables of keys and weeks: no row of theirs holds a text or the day of a single event."""


@functools.cache
def tables() -> list[ModelTable]:
    """The tables that are filled load by load, and can hold what one event says."""
    found = model_tables(load_manifest(DBT_PROJECT, "any")).values()
    return sorted((table for table in found if table.name not in OF_KEYS), key=lambda table: table.name)


def poison_for(table: ModelTable, number: int) -> tuple[Event, list[str]]:
    """An event that is well but for its time and names, and patterns of the rows that come of it in this very table."""
    name = f"poison-{number:02}-"
    day = dt.date(2025, 6, 1) + dt.timedelta(days=number)
    if table.name.endswith("__newest"):
        day = dt.date(2026, 5, 1)
    if table.name.endswith("__accounts"):
        day = dt.date(2026, 5, 2)
    moment = dt.datetime.combine(day, dt.time(12, 30), dt.UTC)
    is_order = any(word in table.name for word in ("order", "revenue", "attribution"))
    event = dict(ordinary_events(table.stream, number)[int(is_order)])
    match table.stream:
        case "job_tracking":
            own: Event = {"create_time": uuid_v1(moment, 7_000 + number)}
            unreadable, key, time = {"bid": "?", "group_id": "?"}, "create_time", "create_time"
        case "web_logs":
            own = {"event_id": name, "timestamp": moment.isoformat(), "user_id": name, "product_id": name}
            unreadable, key, time = {"response_time": "?", "status_code": "?"}, "event_id", "timestamp"
        case _:
            own = {"id": name, "time_stamp": str(int(moment.timestamp())), "device_id": name, "product_id": name}
            own |= {"referrer_url": f"https://{name}.example/", "current_url": f"https://www.glamira.at/{name}"}
            unreadable, key, time = {"option": "?", "price": "?"}, "id", "time_stamp"
            if "identity" in table.name:
                own |= {"user_id_db": name}
            if "cart" in table.name:
                own |= {"collection": "add_to_cart_action", "price": "3,00", "currency": "€"}
            if "cart_products" in event:
                own["cart_products"] = f'[{{"product_id": "{name}", "amount": 1, "price": "3,00", "currency": "€"}}]'
    if table.name.endswith("__rejected"):
        own |= {time: "no time", key: name}
    if table.name.endswith("__values"):
        return event | own | unreadable, [f"%{', '.join(unreadable)}%"]
    return event | own, [f"%{day}T%", f'%"{day}"%', f"%{name}%"]


@pytest.fixture
def poisoned(warehouse: Warehouse) -> Warehouse:
    """A warehouse where each table refuses the rows of one event, after a first load in which all was well."""
    warehouse.reader.execute(REFUSE)
    for number, table in enumerate(tables()):
        _, patterns = poison_for(table, number)
        warehouse.reader.execute(
            sql.SQL(
                "create trigger refuse before insert or update on {} for each row execute function ops.refuse({})"
            ).format(sql.Identifier(table.schema, table.name), sql.SQL(", ").join(map(sql.Literal, patterns)))
        )
    return warehouse


def loads(stream: str, *, with_poison: bool) -> list[list[Event]]:
    """Loads of a stream: good events; such with the poison of all tables among them; such with that of the accounts."""
    good = GOOD[stream]
    third = len(good) // 3
    poison = [(table, poison_for(table, number)[0]) for number, table in enumerate(tables()) if table.stream == stream]
    middle = [event for table, event in poison if not table.name.endswith("__accounts")] if with_poison else []
    last = [event for table, event in poison if table.name.endswith("__accounts")] if with_poison else []
    between = good[third : 2 * third]
    return [good[:third], [*between[:5], *middle, *between[5:]], [*last, *good[2 * third :]]]


def refresh(warehouse: Warehouse, *streams: str) -> None:
    """A pass as every door makes it, which must go well."""
    outcome = Refresher(warehouse.dbt).run(pass_arguments(streams))
    assert outcome.ok, (outcome.trouble, outcome.failed)


def unexplained(warehouse: Warehouse) -> int:
    """Landed records that are none of winner, rejected or duplicate."""
    explained = [
        f"coalesce(sum(winners + rejected + duplicates), 0) from intermediate.int_{stream}__accounts" for stream in GOOD
    ]
    landed = [f"count(*) from landing.{stream}" for stream in GOOD]
    return sum(
        abs(warehouse.one(f"select (select {of_landing}) - (select {of_accounts})"))
        for of_landing, of_accounts in zip(landed, explained, strict=True)
    )


def test_each_model_goes_on_without_the_event_that_it_fails_on(
    poisoned: Warehouse, make_warehouse: Callable[[], Warehouse]
) -> None:
    clean = make_warehouse()
    for load in range(3):
        for stream in GOOD:
            poisoned.land(stream, loads(stream, with_poison=True)[load])
            clean.land(stream, loads(stream, with_poison=False)[load])
        refresh(poisoned, *GOOD)
    clean.run()

    apart = poisoned.rows("select model, stream, sqlstate, reason, is_recounted from ops.events_set_apart order by 1")
    assert apart == [(table.name, table.stream, "P0001", "raise exception", True) for table in tables()]
    assert unexplained(poisoned) == 0
    assert poisoned.rows(
        "select stream, sum(events)::integer from ops.data_quality where (issue, detail) = ('rejected', 'set_apart')"
        " group by 1 order by 1"
    ) == [(stream, sum(table.stream == stream for table in tables())) for stream in GOOD]

    found, expected = poisoned.tables(with_positions=False), clean.tables(with_positions=False)
    compared = {
        name for name in expected if not name.startswith("marts.dim_") and name.partition(".")[2] not in SEEN_FOR_EVER
    }
    assert len(compared) > 50
    assert [name for name in sorted(compared) if found[name] != expected[name]] == []


def refuse(warehouse: Warehouse, relation: str, text: str) -> None:
    """From now on the relation takes no row that holds this text."""
    schema, name = relation.split(".")
    warehouse.reader.execute(REFUSE)
    warehouse.reader.execute(
        sql.SQL(
            "create trigger refuse before insert or update on {} for each row execute function ops.refuse({})"
        ).format(sql.Identifier(schema, name), sql.Literal(f"%{text}%"))
    )


def click(number: int, **fields: str) -> Event:
    """A click that is well, but for what is given."""
    return ordinary_events("job_tracking", number)[0] | fields


def clicks(warehouse: Warehouse) -> dict[int, int]:
    """Clicks by job."""
    return dict(warehouse.rows("select job_id, sum(clicks)::integer from marts.kpi_jobs_hourly group by 1"))


def told(warehouse: Warehouse) -> Finding:
    """What `landfall status` says of the ad events that are set apart."""
    found = evaluate(warehouse.settings, warehouse.reader, None)
    (finding,) = [each for each in found if each.key == ("events_set_apart", "job_tracking")]
    return finding


def test_what_was_set_apart_is_seen_and_read_again_once_the_model_is_mended(
    warehouse: Warehouse, start_command: Callable[..., "subprocess.Popen[str]"]
) -> None:
    refuse(warehouse, "intermediate.int_job_events__hourly", '"job_id": 666')
    poison = click(2, job_id="666")
    warehouse.land("job_tracking", [click(0), click(1), poison, click(3)])
    warehouse.land("job_tracking", [click(4), poison])
    refresh(warehouse, "job_tracking")
    assert (clicks(warehouse), unexplained(warehouse)) == ({900: 4}, 0)

    warehouse.reader.execute("drop function ops.refuse cascade")
    warehouse.land("job_tracking", [click(5)])
    refresh(warehouse, "job_tracking")
    assert clicks(warehouse) == {900: 5}, "it stays apart until it is asked for"
    finding = told(warehouse)
    assert finding.severity == "warn"
    assert finding.message.startswith(
        "Models failed on 1 event, set apart since: int_job_events__hourly 1 (raise exception)"
    )
    (metric,) = [each for each in quality_metrics(warehouse.reader) if each.name == "landfall_events_set_apart"]
    assert [(sample.labels["model"], sample.value) for sample in metric.samples] == [("int_job_events__hourly", 1)]

    output, _ = start_command(warehouse.settings, "refresh", "--retry-set-apart").communicate(timeout=300)
    assert output.startswith("To be read again: 1 event.\nrefreshed in "), output
    assert told(warehouse).severity == "ok"
    assert (clicks(warehouse), unexplained(warehouse)) == ({900: 5, 666: 1}, 0)
    incremental = warehouse.tables()
    warehouse.run(*pass_arguments(["job_tracking"]), "--full-refresh")
    assert warehouse.tables() == incremental


def test_a_fault_of_the_model_sets_nothing_apart_and_holds_no_other_model_back(warehouse: Warehouse) -> None:
    refuse(warehouse, "intermediate.int_job_events__hourly", '"job_id": 900')
    warehouse.land("job_tracking", [click(3_700 * number) for number in range(130)])
    warehouse.land("web_logs", GOOD["web_logs"])
    outcome = Refresher(warehouse.dbt).run(pass_arguments(["job_tracking", "web_logs"]))
    (failed,) = outcome.failed
    assert "nothing was set apart: it fails on more than 100 events" in failed.message
    assert warehouse.one("select count(*) from ops.events_set_apart") == 0
    assert warehouse.one("select count(*) from marts.fct_job_events") == 130
    assert warehouse.one("select sum(action_count) from marts.kpi_web_actions_5min") == len(GOOD["web_logs"])


def test_what_no_event_is_the_cause_of_sets_nothing_apart(warehouse: Warehouse) -> None:
    warehouse.land("job_tracking", [click(0)])
    warehouse.reader.execute("alter table intermediate.int_job_events__hourly rename column clicks to renamed")
    outcome = Refresher(warehouse.dbt).run(pass_arguments(["job_tracking"]))
    assert "nothing was set apart" in outcome.failed[0].message
    assert warehouse.one("select count(*) from ops.events_set_apart") == 0


def test_a_day_that_was_not_counted_again_is_counted_by_the_next_refresh(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaigns = "select campaign_id, clicks from marts.kpi_campaigns_daily"
    refuse(warehouse, "intermediate.int_job_tracks__daily", '"job_id": 666')
    warehouse.land("job_tracking", [click(0), click(1, job_id="666")])
    monkeypatch.setattr("warehouse.set_apart.days_to_count", lambda settings: [])
    refresh(warehouse, "job_tracking")
    assert warehouse.rows(campaigns) == [(90, 2)], "as if it was killed here: another table has counted it"
    monkeypatch.undo()
    refresh(warehouse, "job_tracking")
    assert warehouse.rows(campaigns) == [(90, 1)]


@pytest.mark.parametrize("least", range(1, 12))
def test_the_first_event_with_which_a_model_fails_is_found_by_halving(least: int) -> None:
    tried: list[int] = []

    def fails(number: int) -> bool:
        tried.append(number)
        return number >= least

    assert smallest_failing(11, 0, fails) == least
    assert len(tried) <= 4
