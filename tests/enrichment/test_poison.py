"""A text on which the rules fail: it is set apart where it can be seen, and everything behind it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest

from enrichment.addresses import AddressRules
from enrichment.enricher import Enriched
from enrichment.referrers import ReferrerRules
from enrichment.rules import Rules
from enrichment.tables import ADDRESSES, TABLES, Table
from enrichment.user_agents import UserAgentRules
from health.checks import evaluate
from tests.enrichment.conftest import Lake

FIELDS = {"user_agent": "user_agent", "ip": "ip", "referrer_host": "referrer_url"}
"""The field of product_views that a table is made of, by its kind."""
POISON = "192.0.2.66"
GOOD = [f"192.0.2.{number}" for number in range(1, 6)]


class Panic(BaseException):
    """What an extension in Rust raises: no Exception."""


class Poisoned:
    """Rules that fail on one text, in one of the ways in which rules fail."""

    def __init__(self, rules: Rules, fail: Callable[[Sequence[Any]], Sequence[Any]], version: str = "1") -> None:
        self._rules, self._fail = rules, fail
        self.table, self.corrects, self.version = rules.table, True, version

    def judge(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        judged: Sequence[Any] = self._rules.judge(texts)
        return list(self._fail(judged) if POISON in texts else judged)

    def reload(self) -> None: ...


def raises(error: BaseException) -> Callable[[Sequence[Any]], Sequence[Any]]:
    def fail(judged: Sequence[Any]) -> Sequence[Any]:
        raise error

    return fail


def hangs(judged: Sequence[Any]) -> Sequence[Any]:
    time.sleep(600)
    return judged


def catches_all_and_hangs(judged: Sequence[Any]) -> Sequence[Any]:
    while True:
        try:
            time.sleep(600)
        except Exception:
            continue


WAYS: dict[str, tuple[Callable[[Sequence[Any]], Sequence[Any]], str]] = {
    "an error": (raises(ValueError("of 192.0.2.66, it says")), "ValueError in test_poison.py, line "),
    "a panic": (raises(Panic()), "Panic in test_poison.py, line "),
    "a recursion": (raises(RecursionError()), "RecursionError in "),
    "no end": (hangs, "It took longer than 0.2 s."),
    "no end and no error": (catches_all_and_hangs, "It took longer than 0.2 s."),
    "too few values": (lambda judged: judged[:-1], "ValueError in judging.py, line "),
    "a value that Postgres refuses": (
        lambda judged: [tuple("\0" if isinstance(value, str) else value for value in row) for row in judged],
        "DataError in ",
    ),
    "values that the table refuses": (lambda judged: [(None,) * len(row) for row in judged], "NotNullViolation in "),
}
RULES: dict[str, Callable[[], Rules]] = {
    "user_agent": UserAgentRules,
    "ip": lambda: AddressRules(None),
    "referrer_host": ReferrerRules,
}


@pytest.fixture(autouse=True)
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enrichment.judging.PIECE_SECONDS", 0.4)
    monkeypatch.setattr("enrichment.judging.TEXT_SECONDS", 0.2)


def event(kind: str, text: str) -> dict[str, str | None]:
    return {FIELDS[kind]: f"https://{text}/" if kind == "referrer_host" else text}


def table_of(kind: str) -> Table:
    return next(table for table in TABLES if table.kind == kind)


@pytest.mark.parametrize("kind", RULES)
def test_whatever_a_rule_does_on_a_text_it_is_set_apart_and_the_others_are_judged(lake: Lake, kind: str) -> None:
    table = table_of(kind)
    for load, (fail, reason) in enumerate(WAYS.values(), 1):
        lake.land("product_views", [event(kind, text) for text in (*GOOD, POISON)])
        enricher = lake.enricher(rules=[Poisoned(RULES[kind](), fail)])
        assert enricher.run_once() == Enriched(new=6, set_apart=1)
        assert lake.horizon("product_views") == (load, load), "the models go on"
        assert enricher.run_once() == Enriched(), "and it is not tried for ever"

        ((of, key, why),) = lake.rows("select kind, key, reason from ops.texts_set_apart")
        assert of == kind
        assert why.startswith(reason)
        assert POISON not in why, "a reason says nothing of the text"
        assert lake.rows(f"select {table.text} from enrichment.{table.name} where {table.key} = %s", key) == [(POISON,)]
        names = [*table.columns]
        row = lake.rows(f"select {', '.join(names)} from enrichment.{table.name} where {table.key} = %s", key)
        assert row == [table.unknown[: len(names)]], "nothing is known of it"
        assert lake.one(f"select count(*) from enrichment.{table.name}") == len(GOOD) + 1
        lake.rows(f"delete from enrichment.{table.name} returning 1")
        lake.rows("delete from ops.texts_set_apart returning 1")


@pytest.mark.parametrize("kind", RULES)
def test_other_rules_try_it_again(lake: Lake, kind: str) -> None:
    lake.land("product_views", [event(kind, text) for text in (*GOOD, POISON)])
    fail = raises(ValueError())
    lake.enricher(rules=[Poisoned(RULES[kind](), fail)]).run_once()
    second = lake.enricher(rules=[Poisoned(RULES[kind](), fail, "2")])
    assert second.run_once() == Enriched(reviewed=6, set_apart=1)
    assert second.run_once() == Enriched()
    assert lake.rows("select rules from ops.texts_set_apart") == [("2",)]
    lake.enricher(rules=[Poisoned(RULES[kind](), lambda judged: judged, "3")]).run_once()
    assert lake.rows("select 1 from ops.texts_set_apart") == []


def test_what_was_known_of_a_text_stays_when_newer_rules_fail_on_it(lake: Lake) -> None:
    lake.land("product_views", [{"user_agent": POISON}])
    table = table_of("user_agent")

    class Known:
        table = table_of("user_agent")
        corrects, version = True, "1"

        def judge(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
            return [("Browser", "1", "System", "2", "Device", True, "other", "so it is")] * len(texts)

        def reload(self) -> None: ...

    lake.enricher(rules=[Known()]).run_once()
    lake.enricher(rules=[Poisoned(UserAgentRules(), raises(ValueError()), "2")]).run_once()
    assert lake.rows(f"select browser, is_bot, rules from enrichment.{table.name}") == [("Browser", True, "2")]


def test_slow_texts_take_many_short_transactions_and_no_text_twice(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres ends what is idle in a transaction for a minute: so long a step would never come to its end."""
    monkeypatch.setattr("enrichment.enricher.STEP_SECONDS", 0.0)
    monkeypatch.setattr("enrichment.judging.PIECE", 10)
    agents = [f"agent {number}" for number in range(45)]
    lake.land("web_logs", [{"user_agent": agent, "ip_address": GOOD[0]} for agent in agents])
    seen: list[str] = []

    class Slow(UserAgentRules):
        def judge(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
            assert lake.one("select count(*) from enrichment.user_agent") == len(seen), "what came before is committed"
            assert lake.horizon("web_logs") == (1, 0), "and the models wait for all of it"
            seen.extend(texts)
            return super().judge(texts)

    assert lake.enricher(rules=[Slow(), AddressRules(None)]).run_once() == Enriched(new=46)
    assert sorted(seen) == sorted(agents)
    assert lake.horizon("web_logs") == (1, 1)


def test_a_review_of_slow_texts_goes_on_where_it_stopped(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enrichment.enricher.STEP_SECONDS", 0.0)
    monkeypatch.setattr("enrichment.judging.PIECE", 10)
    lake.land("web_logs", [{"user_agent": f"agent {number}"} for number in range(45)])
    lake.enricher(rules=[Poisoned(UserAgentRules(), raises(ValueError()))]).run_once()
    assert lake.enricher(rules=[UserAgentRules()]).run_once() == Enriched(reviewed=45)
    assert lake.one("select count(distinct rules) from enrichment.user_agent") == 1


def test_it_can_be_seen(lake: Lake) -> None:
    lake.land("product_views", [{"ip": text} for text in (*GOOD, POISON)])
    lake.enricher(rules=[Poisoned(AddressRules(None), raises(ValueError()))]).run_once()
    found = {finding.check: finding for finding in evaluate(lake.settings, lake.reader, None)}["texts_set_apart"]
    assert found.severity == "warn"
    assert found.message.startswith("The rules failed on 1 text in the last 24 hours: ip 1 (ValueError in ")


def test_an_error_of_the_server_is_no_fault_of_a_text(lake: Lake) -> None:
    lake.land("product_views", [{"ip": POISON}])
    enricher = lake.enricher(rules=[Poisoned(AddressRules(None), raises(psycopg.OperationalError("away")))])
    with pytest.raises(psycopg.OperationalError):
        enricher.run_once()
    assert lake.horizon("product_views") == (1, 0), "the next pass starts over"
    assert lake.rows("select 1 from ops.texts_set_apart") == []


def test_beside_the_main_thread_a_text_still_cannot_stop_the_others(lake: Lake) -> None:
    """No signal arrives there, so that time has no limit; errors are narrowed down all the same."""
    lake.land("product_views", [{"ip": text} for text in (*GOOD, POISON)])
    enricher = lake.enricher(rules=[Poisoned(AddressRules(None), raises(ValueError()))])
    stop, landed = threading.Event(), threading.Event()
    landed.set()
    thread = threading.Thread(target=enricher.run, args=(stop, landed))
    thread.start()
    thread.join(60)
    assert lake.rows("select kind from ops.texts_set_apart") == [(ADDRESSES.kind,)]
    assert lake.horizon("product_views") == (1, 1)
