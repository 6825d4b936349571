"""The KPIs of the web shop, whatever the order in which its requests land."""

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.dbt import web_counts
from tests.dbt.conftest import Warehouse
from tests.dbt.events import DAY, Event
from tests.dbt.web_counts import KNOWN_BOT, PERSON, web_traffic
from warehouse.dbt_arguments import pass_arguments

TRAFFIC = web_traffic(1_500, seed=1)


def by_key(rows: list[tuple[Any, ...]], width: int) -> dict[Any, Any]:
    """The rows by their first columns; numbers as floats."""
    found = {row[:width]: tuple(value if value is None else float(value) for value in row[width:]) for row in rows}
    assert len(found) == len(rows), "a key comes twice"
    return found


def nearly(expected: dict[Any, Any]) -> dict[Any, Any]:
    """These figures, give or take the last digits of a float."""
    return {
        key: tuple(None if figure is None else pytest.approx(figure, rel=1e-9) for figure in figures)
        for key, figures in expected.items()
    }


def assert_marts_hold(warehouse: Warehouse, events: list[Event]) -> None:
    """Every mart against a count of its own."""
    requests = web_counts.read(events)
    rows = warehouse.rows
    views = rows("select window_start, product_id, view_count, human_view_count from marts.kpi_web_product_views_5min")
    assert by_key(views, 2) == web_counts.product_views(requests)
    actions = rows(
        "select window_start, action, action_count, action_ratio, human_action_count, human_action_ratio"
        " from marts.kpi_web_actions_5min"
    )
    assert by_key(actions, 2) == nearly(web_counts.actions(requests))
    response_times = rows(
        "select window_start, action, request_count, avg_seconds, p50_seconds, p95_seconds, p99_seconds,"
        " human_request_count, human_avg_seconds, human_p50_seconds, human_p95_seconds, human_p99_seconds"
        " from marts.kpi_web_response_time_5min"
    )
    assert by_key(response_times, 2) == nearly(web_counts.response_times(requests))
    errors = rows(
        "select window_start, checkouts, payment_errors, error_ratio, human_checkouts, human_payment_errors,"
        " human_error_ratio from marts.kpi_web_payment_errors_5min"
    )
    assert by_key(errors, 1) == nearly(web_counts.payment_errors(requests))
    bot_ips = rows("select minute_start, ip_address, request_count from marts.kpi_web_bot_ips_minutely")
    assert {row[:2]: row[2] for row in bot_ips} == web_counts.bot_ips(requests)
    statuses = rows(
        "select hour_start, status_class, request_count, request_ratio, human_request_count, human_request_ratio"
        " from marts.kpi_web_status_hourly"
    )
    assert by_key(statuses, 2) == nearly(web_counts.statuses(requests))
    funnel = rows("select event_date, step, users, human_users from marts.kpi_web_funnel_daily")
    assert by_key(funnel, 2) == web_counts.funnel(requests)
    sessions = rows(
        "select user_id, started_at, ended_at, events, views, carts, checkouts, is_engaged, is_bot"
        " from marts.fct_web_sessions"
    )
    assert len(sessions) == len(set(sessions))
    assert set(sessions) == web_counts.sessions(requests)
    bots = warehouse.one("select count(*) filter (where is_bot) from marts.fct_web_requests")
    assert bots == len(requests) - len(web_counts.people(requests))


def test_every_mart_holds_what_an_independent_count_gives(warehouse: Warehouse) -> None:
    warehouse.land("web_logs", TRAFFIC)
    warehouse.run()
    assert_marts_hold(warehouse, TRAFFIC)
    assert warehouse.one("select count(*) from marts.kpi_web_bot_ips_minutely") > 10, "the traffic has bots by rate"
    warehouse.run("test", "--select", "int_web_requests+", "--exclude", "test_type:unit", "events_have_nothing_odd")


def test_shuffled_late_and_duplicated_requests_in_many_loads_give_the_same_tables(
    make_warehouse: Callable[[], Warehouse],
) -> None:
    chance = random.Random(2)
    whole, parts = make_warehouse(), make_warehouse()
    whole.land("web_logs", TRAFFIC)
    whole.run()
    shuffled = [*TRAFFIC, *chance.sample(TRAFFIC, 75)]
    chance.shuffle(shuffled)
    for number in range(12):
        parts.land("web_logs", shuffled[number::12])
        if number % 5 != 3:
            parts.run()
            assert_marts_hold(parts, [event for part in range(number + 1) for event in shuffled[part::12]])
    parts.run()
    assert parts.tables(with_positions=False) == whole.tables(with_positions=False)

    incremental = parts.tables()
    parts.run(*pass_arguments(["web_logs"]), "--full-refresh")
    assert parts.tables() == incremental


def request(number: int, seconds: float, **fields: str | None) -> Event:
    return {
        "event_id": f"r{number}",
        "timestamp": (DAY + dt.timedelta(seconds=seconds)).isoformat(),
        "action": "view_product",
        "user_agent": PERSON,
        "ip_address": "198.51.100.7",
        "user_id": None,
        "product_id": "p1",
        "status_code": "200",
        "response_time": "0.1",
        **fields,
    }


def test_a_table_that_has_no_hours_yet_gets_those_of_its_windows(warehouse: Warehouse) -> None:
    warehouse.land("web_logs", TRAFFIC[:100])
    warehouse.run()
    before = warehouse.tables()
    warehouse.reader.execute("alter table intermediate.int_web_statuses__5min drop column hour_start cascade")
    warehouse.reader.execute(
        "update ops.model_definition set definition_md5 = '' where relation like '%statuses__5min'"
    )
    warehouse.run("run", "-s", "int_web_statuses__5min", "kpi_web_status_hourly")
    after = warehouse.tables()
    assert before["marts.kpi_web_status_hourly"] != []
    assert [name for name in before if before[name] != after[name]] == []


def test_the_eleventh_request_makes_bots_of_the_first_ten_and_of_their_users_sessions(warehouse: Warehouse) -> None:
    first_ten = [request(number, number, user_id=f"u{number}") for number in range(10)]
    warehouse.land("web_logs", first_ten)
    warehouse.run()
    assert warehouse.one("select sum(human_view_count) from marts.kpi_web_product_views_5min") == 10
    assert warehouse.one("select count(*) from marts.kpi_web_bot_ips_minutely") == 0
    assert warehouse.rows("select distinct is_bot from marts.fct_web_sessions") == [(False,)]

    eleventh = request(11, 59.999, user_id="someone else")
    next_minute = request(12, 60, user_id="u1")
    warehouse.land("web_logs", [eleventh, next_minute])
    warehouse.run()
    views = warehouse.rows("select view_count, human_view_count from marts.kpi_web_product_views_5min")
    assert views == [(12, 1)]
    assert warehouse.rows("select bot_reason, count(*) from marts.fct_web_requests group by 1 order by 1") == [
        ("rate", 11),
        (None, 1),
    ]
    assert warehouse.rows("select is_bot, count(*) from marts.fct_web_sessions group by 1") == [(True, 11)]
    assert warehouse.rows("select users, human_users from marts.kpi_web_funnel_daily where step = 'view'") == [(11, 1)]
    assert_marts_hold(warehouse, [*first_ten, eleventh, next_minute])


def test_an_address_is_one_however_it_is_written(warehouse: Warehouse) -> None:
    """A client that writes its address in another way each time is as much a bot as one that does not."""
    minutes = [
        ("203.0.113.7", ("203.0.113.7", "::ffff:203.0.113.7", "::FFFF:CB00:7107", "203.000.113.007")),
        ("203.0.113.8", tuple(f"203.0.113.8:{port}" for port in range(50_000, 50_012))),
        ("2001:db8::7", ("2001:db8::7", "2001:DB8::7", "2001:0db8:0:0:0:0:0:7", "[2001:db8::7]:443")),
        ("203.0.113.9", ("203.0.113.9, 10.0.0.1", " 203.0.113.9,10.0.0.2", "203.0.113.9:80, 10.0.0.3")),
    ]
    requests = [
        request(100 * minute + number, 60 * minute + number, ip_address=spellings[number % len(spellings)])
        for minute, (_, spellings) in enumerate(minutes)
        for number in range(12)
    ]
    warehouse.land("web_logs", requests)
    warehouse.run()
    bots = warehouse.rows("select ip_address, request_count from marts.kpi_web_bot_ips_minutely order by minute_start")
    assert bots == [(address, 12) for address, _ in minutes]
    assert warehouse.one("select count(*) from marts.fct_web_requests where bot_reason = 'rate'") == 48
    assert warehouse.one("select count(*) from enrichment.ip_address") == len(minutes)


def test_requests_without_an_address_or_an_agent_are_no_bots(warehouse: Warehouse) -> None:
    blanks = [*(None, " ") * 8, *(" (none) ",) * 12]
    nobody = [request(number, number, ip_address=blank, user_agent=None) for number, blank in enumerate(blanks)]
    known = request(40, 40, ip_address=None, user_agent=KNOWN_BOT)
    warehouse.land("web_logs", [*nobody, known])
    warehouse.run()
    assert warehouse.rows("select event_id, bot_reason from marts.fct_web_requests where is_bot") == [
        ("r40", "user_agent")
    ]


def test_a_pause_of_30_minutes_ends_no_session_and_a_longer_one_does(warehouse: Warehouse) -> None:
    warehouse.land(
        "web_logs",
        [
            request(1, 0, user_id="exactly"),
            request(2, 1800, user_id="exactly"),
            request(3, 0, user_id="longer"),
            request(4, 1800.000001, user_id="longer"),
        ],
    )
    warehouse.run()
    assert warehouse.rows("select user_id, events, is_engaged from marts.fct_web_sessions order by 1") == [
        ("exactly", 2, True),
        ("longer", 1, False),
        ("longer", 1, False),
    ]


def test_a_late_request_joins_two_sessions_across_midnight(warehouse: Warehouse) -> None:
    midnight = 86_400
    apart = [request(1, midnight - 1200, user_id="u1"), request(2, midnight + 1200, user_id="u1")]
    warehouse.land("web_logs", apart)
    warehouse.run()
    assert warehouse.one("select count(*) from marts.fct_web_sessions") == 2
    warehouse.land("web_logs", [request(3, midnight, user_id="u1", action="checkout")])
    warehouse.run()
    assert warehouse.rows("select events, checkouts, ended_at - started_at from marts.fct_web_sessions") == [
        (3, 1, dt.timedelta(minutes=40))
    ]


def test_an_agent_that_is_known_later_as_a_bot_corrects_what_was_counted(warehouse: Warehouse) -> None:
    requests = [request(1, 0, user_id="u1"), request(2, 90, user_id="u2", user_agent=None)]
    warehouse.land("web_logs", requests)
    warehouse.run()
    with warehouse.reader.transaction():
        warehouse.reader.execute(
            "update enrichment.user_agent set is_bot = true, bot_reason = 'a newer rule' where user_agent = %s",
            (PERSON,),
        )
        warehouse.reader.execute(
            "insert into ops.changes (stream, load_id, kind, key)"
            " select 'web_logs', landing.draw_change('web_logs'), 'user_agent', md5(%s)::uuid",
            (PERSON,),
        )
        warehouse.reader.execute("update enrichment.progress set position = 2 where stream = 'web_logs'")
    warehouse.run()
    assert warehouse.rows("select view_count, human_view_count from marts.kpi_web_product_views_5min") == [(2, 1)]
    assert warehouse.rows("select user_id, is_bot from marts.fct_web_sessions order by 1") == [
        ("u1", True),
        ("u2", False),
    ]
    incremental = warehouse.tables()
    warehouse.run(*pass_arguments(["web_logs"]), "--full-refresh")
    assert warehouse.tables() == incremental
