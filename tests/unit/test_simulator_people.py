"""The shop's simulated people over two months: what brings them, who comes back, and what becomes of their carts."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import pytest

from simulator.people import People
from simulator.simulation import Options, ticks

START = 1_750_000_000.0
DAY = 86_400
PAST = Options(streams=("product_views",), count=50_000, start=START, days=60)


@dataclass
class Visit:
    """Events of a device less than half an hour apart."""

    began: float
    events: list[dict[str, Any]]

    @property
    def user(self) -> str:
        return str(self.events[0]["user_id_db"])

    @property
    def device(self) -> str:
        return str(self.events[0]["device_id"])

    def holds(self, event_type: str) -> bool:
        return any(event["collection"] == event_type for event in self.events)


def events_of(options: Options, people: People | None = None) -> list[dict[str, Any]]:
    return [
        json.loads(value)
        for tick in ticks(options, people)
        for batch in tick.batches.values()
        for value in batch.values
        if value is not None
    ]


def visits_of(events: list[dict[str, Any]]) -> list[Visit]:
    """Those of people who do not call themselves bots, by their beginning."""
    found: list[Visit] = []
    newest: dict[str, tuple[float, Visit]] = {}
    for event in events:
        moment = event["time_stamp"]
        if not isinstance(moment, int) or isinstance(moment, bool) or "bot" in event.get("user_agent", "").lower():
            continue
        moment = moment / 1000 if moment > 10**12 else moment
        seen, visit = newest.get(event["device_id"], (0.0, Visit(moment, [])))
        if moment - seen > 1_800:
            visit = Visit(moment, [])
            found.append(visit)
        visit.events.append(event)
        newest[event["device_id"]] = moment, visit
    return found


@pytest.fixture(scope="module")
def visits() -> list[Visit]:
    return visits_of(events_of(PAST))


def test_people_come_back_after_days_and_weeks_and_fewer_with_each_week(visits: list[Visit]) -> None:
    first: dict[str, float] = {}
    weeks = Counter[int]()
    for visit in visits:
        since = visit.began - first.setdefault(visit.user or visit.device, visit.began)
        weeks[int(since // (7 * DAY))] += since > 0
    assert 0.15 < weeks.total() / len(visits) < 0.35
    assert weeks[0] > weeks[1] > weeks[3] > weeks[6] > 0


def test_an_account_has_devices_a_device_has_a_second_account_now_and_then(visits: list[Visit]) -> None:
    devices: dict[str, set[str]] = defaultdict(set)
    users: dict[str, set[str]] = defaultdict(set)
    silent = {visit.device for visit in visits if not visit.user}
    for visit in visits:
        if visit.user:
            devices[visit.user].add(visit.device)
            users[visit.device].add(visit.user)
    several = sum(len(found) > 1 for found in devices.values())
    assert 0.08 < several / len(devices) < 0.5
    assert max(map(len, devices.values())) <= 4
    assert 0 < sum(len(found) > 1 for found in users.values()) < 0.05 * len(users)
    assert silent & set(users), "who has an account looks around before logging in"


def test_every_channel_has_its_share_and_campaigns_their_names(visits: list[Visit]) -> None:
    def channel(event: dict[str, Any]) -> str:
        host = event["referrer_url"].partition("://")[2].partition("/")[0]
        return "paid" if isinstance(event.get("utm_source"), str) else host or "direct"

    found = Counter(channel(visit.events[0]) for visit in visits)
    assert found["direct"] / len(visits) == pytest.approx(0.23, abs=0.04)
    assert found["paid"] / len(visits) == pytest.approx(0.22, abs=0.04)
    assert {"www.google.com", "www.facebook.com", "mail.yahoo.com", "chatgpt.com"} < set(found)
    tagged = [visit.events[0] for visit in visits if visit.events[0].get("utm_medium") == "cpc"]
    with_query = [event for event in tagged if "?" in event["current_url"]]
    assert with_query
    assert all("utm_source=google&utm_medium=cpc" in event["current_url"] for event in with_query)


def test_few_visits_buy_and_most_carts_are_left_but_some_are_bought_days_later(visits: list[Visit]) -> None:
    filled = [visit for visit in visits if visit.holds("add_to_cart_action")]
    bought = [visit for visit in visits if visit.holds("checkout_success")]
    assert 0.01 < len(bought) / len(visits) < 0.05
    assert 0.5 < sum(not visit.holds("checkout_success") for visit in filled) / len(filled) < 0.9
    left = {visit.device: visit.began for visit in filled if not visit.holds("checkout_success")}
    later = [visit for visit in bought if visit.began - left.get(visit.device, visit.began) > DAY]
    assert len(later) > 10


def test_a_cart_page_says_what_is_in_the_cart_and_now_and_then_that_it_was_emptied(visits: list[Visit]) -> None:
    pages = [event for visit in visits for event in visit.events if event["collection"] == "view_shopping_cart"]
    assert 0.01 < sum(event["cart_products"] == [] for event in pages) / len(pages) < 0.1


def test_people_of_an_earlier_run_come_back_in_a_later_one() -> None:
    people = People()
    before = {event["device_id"] for event in events_of(PAST, people)}
    live = Options(streams=("product_views",), rate=20, count=3_000, start=START + 61 * DAY)
    alone, after = ({event["device_id"] for event in events_of(live, known)} for known in (None, people))
    assert not before & alone
    assert len(before & after) > 0.1 * len(after)
