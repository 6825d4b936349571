"""A pass over the real Postgres: what is new is looked up once, and the models are told how far it is."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from enrichment.enricher import Enriched, Enricher
from enrichment.tables import IP_ADDRESS, LANDED, SALTED_KEY, TEXT_KEY, URL_HOST
from landfall.layout import PROJECT
from landing_stream.ledger import Load
from tests.enrichment.conftest import Lake

MACROS = PROJECT / "dbt_project" / "macros" / "rules"


def test_models_read_no_load_that_is_not_enriched(lake: Lake) -> None:
    lake.land("web_logs", [{"user_agent": "curl/8.1", "ip_address": "192.0.2.1"}])
    assert lake.horizon("web_logs") == (1, 0)
    enricher = lake.enricher()
    assert enricher.run_once() == Enriched(new=2)
    assert lake.horizon("web_logs") == (1, 1)

    held_back = lake.land("web_logs", [{"user_agent": "curl/8.2"}], finish=False)
    lake.land("web_logs", [{"user_agent": "curl/8.3"}])
    assert enricher.run_once() == Enriched(), "an open load holds back those behind it"
    assert lake.horizon("web_logs") == (1, 1)
    lake.finish("web_logs", held_back)
    assert enricher.run_once() == Enriched(new=2)
    assert lake.horizon("web_logs") == (3, 3)


def test_each_field_that_the_contract_marks_gets_its_row(lake: Lake) -> None:
    lake.land(
        "product_views",
        [{"user_agent": "Googlebot/2.1", "ip": "1.2.3.4", "referrer_url": "https://user@WWW.Google.com:443/x?y"}],
    )
    lake.land("web_logs", [{"user_agent": "Googlebot/2.1", "ip_address": "2001:db8::1"}])
    lake.land("job_tracking", [{"ua": "Wget/1.2", "rl": "https://jobs.example/search"}])
    lake.enricher().run_once()
    assert lake.rows("select user_agent from enrichment.user_agent order by 1") == [("Googlebot/2.1",), ("Wget/1.2",)]
    assert lake.rows("select ip_address from enrichment.ip_address order by 1") == [("1.2.3.4",), ("2001:db8::1",)]
    assert lake.rows("select referrer_host, medium, source from enrichment.referrer_host order by 1") == [
        ("jobs.example", "other", None),
        ("www.google.com", "search", "Google"),
    ]


def test_a_text_is_looked_up_once_however_often_and_wherever_it_comes(lake: Lake) -> None:
    enricher = lake.enricher()
    lake.land("web_logs", [{"user_agent": "curl/8.1"}] * 50)
    assert enricher.run_once() == Enriched(new=1)
    lake.land("web_logs", [{"user_agent": "curl/8.1"}, {"user_agent": "curl/8.2"}])
    lake.land("job_tracking", [{"ua": "curl/8.1"}])
    assert enricher.run_once() == Enriched(new=1)


def test_empty_and_missing_texts_have_no_row_and_older_rows_keep_theirs_in_extra(lake: Lake) -> None:
    lake.land(
        "product_views",
        [
            {"user_agent": "", "ip": None, "referrer_url": ""},
            {"user_agent": None, "ip": "", "referrer_url": "no url at all"},
        ],
        extras=[{"user_agent": "Wget/1.2", "ip": "192.0.2.9", "referrer_url": "https://t.co/x"}, {"user_agent": ""}],
    )
    assert lake.enricher().run_once() == Enriched(new=3)
    assert lake.one("select user_agent from enrichment.user_agent") == "Wget/1.2"


def test_nothing_new_is_one_query_and_no_transaction(lake: Lake) -> None:
    lake.land("web_logs", [{"user_agent": "curl/8.1"}])
    enricher = lake.enricher()
    enricher.run_once()
    before = lake.one("select pg_current_wal_insert_lsn()")
    statements = seen_by_the_server(enricher)
    assert enricher.run_once() == Enriched()
    assert len(statements) == 1
    assert "landing.horizons" in statements[0]
    assert lake.one("select %s::pg_lsn = pg_current_wal_insert_lsn()", before)


def seen_by_the_server(enricher: Enricher) -> list[str]:
    """Statements that the enricher sends from now on: its connection writes them down."""
    connection = enricher._connection()
    found: list[str] = []

    class Noted(psycopg.Cursor[Any]):
        def execute(self, *arguments: Any, **options: Any) -> Any:
            found.append(str(arguments[0]))
            return super().execute(*arguments, **options)

    connection.cursor_factory = Noted
    return found


def test_a_backlog_is_done_in_steps_of_whole_loads(lake: Lake) -> None:
    loads = [lake.land("web_logs", [{"user_agent": f"agent {load} {n}"} for n in range(10)]) for load in range(7)]
    enricher = lake.enricher(rows_a_step=25)
    stop = StopAfter(1)
    assert enricher.run_once(stop) == Enriched(new=20), "25 rows hold two loads of 10"
    assert lake.horizon("web_logs") == (loads[-1].load_id, loads[1].load_id)
    assert lake.enricher(rows_a_step=1).run_once() == Enriched(new=50), "a load at least"
    assert lake.horizon("web_logs") == (loads[-1].load_id, loads[-1].load_id)


class StopAfter(threading.Event):
    """An event that is set once it was asked so often."""

    def __init__(self, questions: int) -> None:
        super().__init__()
        self._left = questions

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0


def test_two_at_once_end_as_one(lake: Lake) -> None:
    agents = [{"user_agent": f"agent {n}", "ip_address": f"192.0.2.{n % 250}"} for n in range(300)]
    for _ in range(4):
        lake.land("web_logs", agents)
        lake.land("product_views", [{"user_agent": event["user_agent"], "ip": event["ip_address"]} for event in agents])
    results = at_once([lake.enricher(rows_a_step=300) for _ in range(3)])
    assert sum(result.new for result in results) == 300 + 250
    assert lake.one("select count(*) from enrichment.user_agent") == 300
    assert lake.horizon("web_logs") == (4, 4)
    assert lake.horizon("product_views") == (4, 4)


def at_once(enrichers: list[Enricher]) -> list[Enriched]:
    """What a pass of each did, all of them started together."""
    with ThreadPoolExecutor(len(enrichers)) as threads:
        return [pending.result() for pending in [threads.submit(enricher.run_once) for enricher in enrichers]]


def test_a_position_never_goes_back(lake: Lake) -> None:
    lake.land("web_logs", [{"user_agent": "curl/8.1"}])
    enricher = lake.enricher()
    enricher.run_once()
    lake.rows("update enrichment.progress set position = 9 where stream = 'web_logs' returning 1")
    lake.land("web_logs", [{"user_agent": "curl/8.2"}])
    enricher.run_once()
    assert lake.one("select position from enrichment.progress where stream = 'web_logs'") == 9


@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        "Mozilla/5.0 " + "(" * 50_000,
        "\x01\x02\x7f\x1b[31m",
        "\u202e\ufeff\ud7ff\U0001f600 ünïcode",
        "%s %(a)s {} {0} \\ ' \" ; -- \n\r\t",
        " ",
    ],
    ids=["long", "brackets", "control characters", "unicode", "signs of ours", "a space"],
)
def test_any_text_is_taken_whole_and_stops_nobody(lake: Lake, text: str) -> None:
    url = f"https://{text}/"
    lake.land("product_views", [{"user_agent": text, "ip": text, "referrer_url": url}])
    lake.enricher().run_once()
    assert lake.horizon("product_views") == (1, 1)
    assert lake.one("select user_agent from enrichment.user_agent where user_agent_key = md5(%s)::uuid", text) == text
    places = lake.rows("select country_name from enrichment.ip_address join enrichment.location using (location_key)")
    assert places == ([("(none)",)] if text.strip() else []), "a blank is no address"


def test_a_text_that_was_landed_by_two_streams_in_another_order_does_not_deadlock(lake: Lake) -> None:
    lake.land("web_logs", [{"user_agent": f"agent {n}"} for n in range(2_000)])
    lake.land("job_tracking", [{"ua": f"agent {1_999 - n}"} for n in range(2_000)])
    at_once([lake.enricher(), lake.enricher()])
    assert lake.one("select count(*) from enrichment.user_agent") == 2_000


def test_it_goes_on_by_itself_after_its_connection_was_lost(lake: Lake) -> None:
    enricher = lake.enricher()
    enricher.run_once()
    lake.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'landfall enricher' and datname = current_database()"
    )
    lake.land("web_logs", [{"user_agent": "curl/8.1"}])
    stop, landed = threading.Event(), threading.Event()
    landed.set()
    assert enricher.run(stop, landed), "it backs off, connects again and comes to its end"
    assert lake.horizon("web_logs") == (1, 1)


def test_the_keys_and_the_host_are_those_that_dbt_computes() -> None:
    """The rules stand in dbt's macros; a copy that says something else would leave facts without their rows."""
    keys, hosts, landed = ((MACROS / f"{name}.sql").read_text() for name in ("keys", "hosts", "landed"))
    assert same(body(keys, "text_key"), TEXT_KEY.replace("{text}", "{{ text }}"))
    assert same(body(keys, "salted_key"), SALTED_KEY.replace("{text}", "{{ text }}"))
    assert same(body(hosts, "url_host"), URL_HOST.replace("{url}", "{{ url }}"))
    assert same(body(hosts, "ip_address"), IP_ADDRESS.replace("{text}", "{{ text }}"))
    names = {"column": "{{ quoted_name(column or field) }}", "name": "{{ text_literal(field) }}"}
    ours = LANDED.format(**names).replace("l.", "")
    assert same(body(landed, "landed"), ours)


def body(text: str, macro: str) -> str:
    found = re.search(r"\{% macro " + macro + r"\([^)]*\) -?%\}(.*?)\{%-? endmacro %\}", text, re.DOTALL)
    assert found is not None, macro
    return found[1]


def same(one: str, other: str) -> bool:
    return re.sub(r"\s", "", one) == re.sub(r"\s", "", other)


def test_a_key_is_that_of_the_text_in_postgres(lake: Lake) -> None:
    lake.land("web_logs", [{"user_agent": "curl/8.1", "ip_address": "192.0.2.1"}])
    lake.enricher().run_once()
    assert lake.one("select user_agent_key = md5('curl/8.1')::uuid from enrichment.user_agent")
    salted = "encode(sha256(convert_to((select salt from ops.pseudonym_salt) || '192.0.2.1', 'UTF8')), 'hex')"
    assert lake.one(f"select ip_key::text = substr({salted}, 1, 32)::uuid::text from enrichment.ip_address")


def test_partitions_of_other_days_are_not_looked_at(lake: Lake) -> None:
    load: Load = lake.land("web_logs", [{"user_agent": "curl/8.1"}])
    day = f"{load.landed_at:%Y%m%d}"
    lake.landing.execute(f"alter table landing.web_logs detach partition landing.web_logs_{day}")
    assert lake.enricher().run_once() == Enriched(), "what retention dropped is passed over"
    assert lake.horizon("web_logs") == (1, 1)
