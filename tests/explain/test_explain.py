"""`landfall explain` as it is typed, over marts that the models made."""

import datetime as dt
import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from cli.commands.explain import command
from landfall.settings import Settings
from tests.dbt.conftest import Warehouse
from tests.dbt.events import Event

MONDAY = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
SEARCH, SOCIAL, MAIL = "https://www.google.com/", "https://www.facebook.com/", "https://mail.yahoo.com/"
LINE = {"product_id": 100, "amount": 2, "price": "50,00", "currency": "€", "option": ""}
MODELS = ("last", "first", "last_non_direct", "linear", "position")


def event(number: int, day: int, device: str | None, referrer: str = "", **more: str) -> Event:
    return {
        "id": f"event-{number}",
        "time_stamp": str(int((MONDAY + dt.timedelta(days=day - 1)).timestamp())),
        "collection": "view_product_detail",
        "current_url": "https://www.glamira.de/ring",
        "referrer_url": referrer,
        "device_id": device,
        "resolution": "390x844",
        **more,
    }


def ordered(number: int, order: str, day: int, device: str | None) -> Event:
    return event(number, day, device, collection="checkout_success", order_id=order, cart_products=json.dumps([LINE]))


EVENTS = [
    event(1, 1, "A", SEARCH),
    event(2, 9, "A", user_id_db="7"),
    event(3, 2, "B", SOCIAL, user_id_db="7"),
    event(4, 3, "F", user_id_db="7"),
    event(5, 4, "F", "https://chatgpt.com/", user_id_db="8"),
    event(6, 5, "F", "https://blog.example/"),
    event(7, 20, "A", MAIL),
    ordered(8, "501", 31, "A"),
    ordered(9, "502", 31, None),
]


@pytest.fixture
def ask(warehouse: Warehouse, environ_of: Callable[[Settings], dict[str, str]]) -> Callable[..., Result]:
    warehouse.land("product_views", EVENTS)
    warehouse.run()
    environment = environ_of(warehouse.settings)
    return lambda *arguments: CliRunner().invoke(command, arguments, env=environment)


def test_a_visitor_and_an_order_are_told_down_to_their_events_and_nobody_is_named(
    ask: Callable[..., Result], warehouse: Warehouse
) -> None:
    of_seven, of_device = (
        str(warehouse.one(f"select visitor_key from marts.dim_visitor where {condition}"))
        for condition in ("identified_by = 'user' and devices = 3", "identified_by = 'device'")
    )
    said = ask("visitor", of_seven, "--events").output
    assert "an account" in said
    assert "3 devices, 6 sessions (6 without a bot)" in said
    assert said.count("logged in") == 3
    assert said.count("its device knows this login alone") == 3
    assert "first by search in Germany" in said
    assert "product_views/0@0" in said
    assert "checkout_success" in said
    assert not {"7", "A"} & set(said.split())
    limited = ask("visitor", of_seven, "--limit", "2").output
    assert limited.splitlines()[-1] == "... and 4 sessions more: see --limit"
    said = ask("visitor", of_device).output
    assert "nobody logged in, on a shared device" in said

    said = ask("order", "501").output
    assert of_seven in said
    assert "100.00 EUR in 1 line" in said
    credit = {line.split()[0]: line.split()[2:] for line in said.splitlines() if ", EUR" in line}
    assert credit == {
        "direct,": ["100.00", "0.00", "0.00", "0.00", "0.00"],
        "email,": ["0.00", "0.00", "100.00", "33.33", "40.00"],
        "search,": ["0.00", "100.00", "0.00", "33.33", "40.00"],
        "social,": ["0.00", "0.00", "0.00", "33.33", "20.00"],
    }
    rows = warehouse.rows(
        "select channel, model, sum(revenue) from marts.kpi_attribution_daily where channel <> '(none)' group by 1, 2"
    )
    assert len(rows) >= 8
    for channel, model, revenue in rows:
        assert credit[f"{channel},"][MODELS.index(model)] == f"{revenue:.2f}", (channel, model)
    assert "each model credits the channel (none)" in ask("order", "502").output


def test_a_key_that_nobody_has_gets_one_sentence(ask: Callable[..., Result]) -> None:
    for arguments in (("visitor", "nobody"), ("visitor", "00000000-0000-0000-0000-000000000001"), ("order", "1")):
        asked = ask(*arguments)
        assert asked.exit_code == 1
        assert f"There is no {arguments[0]} '{arguments[1]}': take " in asked.output
        assert asked.output.count("\n") == 1
