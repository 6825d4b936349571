"""Newer rules look at known rows again; what they change reaches the models as a change load."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from enrichment.addresses import AddressRules
from enrichment.enricher import Enriched
from enrichment.referrers import ReferrerRules
from enrichment.tables import REFERRER_HOSTS, USER_AGENTS
from tests.enrichment.conftest import Lake
from tests.enrichment.geo_files import city, write_geo_file

STREAMS_WITH_ADDRESSES = ("product_views", "web_logs")
STREAMS = ("job_tracking", *STREAMS_WITH_ADDRESSES)


class Agents:
    """Rules of a version that call some agents bots."""

    table = USER_AGENTS
    corrects = True

    def __init__(self, version: str, *bots: str) -> None:
        self.version, self._bots = version, bots

    def judge(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        return [
            ("B", None, "O", None, "D", *((True, "other", "so it is") if text in self._bots else (False, None, None)))
            for text in texts
        ]

    def reload(self) -> None: ...


def changes(lake: Lake) -> list[tuple[Any, ...]]:
    """What was changed: (stream, load, kind, text of the user agent)."""
    return lake.rows(
        "select c.stream, c.load_id, c.kind, u.user_agent from ops.changes as c"
        " left join enrichment.user_agent as u on u.user_agent_key = c.key order by 1, 2, 4"
    )


def test_a_new_version_of_the_rules_marks_what_it_changes_and_nothing_else(lake: Lake) -> None:
    lake.land("web_logs", [{"user_agent": "a"}, {"user_agent": "b"}, {"user_agent": "c"}])
    assert lake.enricher(rules=[Agents("1", "a")]).run_once() == Enriched(new=3)
    before = lake.rows("select user_agent, enriched_at from enrichment.user_agent order by 1")

    enricher = lake.enricher(rules=[Agents("2", "a", "b")])
    assert enricher.run_once() == Enriched(reviewed=3, changed=1)

    assert changes(lake) == [(stream, 2 if stream == "web_logs" else 1, "user_agent", "b") for stream in STREAMS]
    assert lake.rows("select user_agent, is_bot, rules from enrichment.user_agent order by 1") == [
        ("a", True, "2"),
        ("b", True, "2"),
        ("c", False, "2"),
    ]
    after = lake.rows("select user_agent, enriched_at from enrichment.user_agent order by 1")
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    for stream in STREAMS:
        landed, readable = lake.horizon(stream)
        assert landed == readable, "the change load holds nothing back"
    assert enricher.run_once() == Enriched()
    assert lake.enricher(rules=[Agents("2", "a", "b")]).run_once() == Enriched()


def test_a_change_load_is_readable_with_its_changes_only(lake: Lake) -> None:
    """Marked and drawn in one transaction: whoever sees the load finds what it changes."""
    lake.land("web_logs", [{"user_agent": "a"}])
    lake.enricher(rules=[Agents("1")]).run_once()
    lake.enricher(rules=[Agents("2", "a")]).run_once()
    ((kind, state, finished),) = lake.rows(
        "select kind, state, finished_at is not null from landing.loads where stream = 'web_logs' and load_id = 2"
    )
    assert (kind, state, finished) == ("change", "finished", True)
    assert lake.one(
        "select (select xmin::text from ops.changes where stream = 'web_logs')"
        " = (select xmin::text from landing.loads where stream = 'web_logs' and load_id = 2)"
    )


def test_rules_that_change_nothing_draw_no_load(lake: Lake) -> None:
    lake.land("web_logs", [{"user_agent": "a"}])
    lake.enricher(rules=[Agents("1")]).run_once()
    assert lake.enricher(rules=[Agents("2")]).run_once() == Enriched(reviewed=1)
    assert changes(lake) == []
    assert lake.horizon("web_logs") == (1, 1)


def test_many_rows_are_reviewed_in_batches(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enrichment.enricher.TEXTS_AT_ONCE", 40)
    agents = [f"agent {n}" for n in range(100)]
    lake.land("web_logs", [{"user_agent": agent} for agent in agents])
    lake.enricher(rules=[Agents("1")]).run_once()
    assert lake.enricher(rules=[Agents("2", *agents)]).run_once() == Enriched(reviewed=100, changed=100)
    assert lake.one("select count(distinct load_id) from ops.changes where stream = 'web_logs'") == 3
    assert lake.one("select count(*) from ops.changes where stream = 'web_logs'") == 100
    assert lake.horizon("web_logs") == (4, 4)


def test_new_loads_do_not_wait_for_a_long_review(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enrichment.enricher.TEXTS_AT_ONCE", 40)
    agents = [f"agent {n}" for n in range(100)]
    lake.land("web_logs", [{"user_agent": agent} for agent in agents])
    lake.enricher(rules=[Agents("1")]).run_once()

    class Landing(Agents):
        """Rules during whose review a load lands."""

        lands = True

        def judge(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
            if self.lands and len(texts) == 40:
                self.lands = False
                lake.land("job_tracking", [{"ua": "new"}])
            elif "new" in texts:
                (reviewed,) = lake.rows("select count(*) from enrichment.user_agent where rules = '2'")
                assert reviewed == (40,), "it is looked up between the batches"
            return super().judge(texts)

    assert lake.enricher(rules=[Landing("2")]).run_once() == Enriched(new=1, reviewed=100)
    assert lake.horizon("job_tracking") == (1, 1)


def test_a_new_geo_file_moves_addresses_and_marks_them_in_the_streams_that_have_some(
    lake: Lake, tmp_path: Path
) -> None:
    path = write_geo_file(
        tmp_path / "geo.mmdb", {"192.0.2.0/24": city("DE", "Berlin"), "1.0.0.0/8": city("FR", "Lyon")}
    )
    lake.land("web_logs", [{"ip_address": "192.0.2.1"}, {"ip_address": "1.2.3.4"}, {"ip_address": "10.0.0.1"}])
    enricher = lake.enricher(rules=[AddressRules(path)])
    assert enricher.run_once() == Enriched(new=3)

    write_geo_file(tmp_path / "next.mmdb", {"192.0.2.0/24": city("VN", "Hanoi"), "1.0.0.0/8": city("FR", "Lyon")})
    (tmp_path / "next.mmdb").replace(path)
    assert enricher.run_once() == Enriched(reviewed=3, changed=1), "seen without a restart"

    assert lake.rows("select stream, kind from ops.changes order by 1") == [(s, "ip") for s in STREAMS_WITH_ADDRESSES]
    assert lake.rows(
        "select ip_address, country_code, country_name, city from enrichment.ip_address"
        " join enrichment.location using (location_key) order by 1"
    ) == [
        ("1.2.3.4", "FR", "France", "Lyon"),
        ("10.0.0.1", None, "(none)", "(none)"),
        ("192.0.2.1", "VN", "Vietnam", "Hanoi"),
    ]


def test_without_a_geo_file_what_is_known_stays_and_with_one_again_the_rest_is_filled_in(
    lake: Lake, tmp_path: Path
) -> None:
    path = write_geo_file(tmp_path / "geo.mmdb", {"192.0.2.0/24": city("DE", "Berlin")})
    lake.land("web_logs", [{"ip_address": "192.0.2.1"}])
    lake.enricher(rules=[AddressRules(path)]).run_once()
    lake.land("web_logs", [{"ip_address": "192.0.2.2"}])
    assert lake.enricher(rules=[AddressRules(None)]).run_once() == Enriched(new=1), "and looks at none again"
    places = (
        "select ip_address, city from enrichment.ip_address join enrichment.location using (location_key) order by 1"
    )
    assert lake.rows(places) == [("192.0.2.1", "Berlin"), ("192.0.2.2", "(none)")]
    assert lake.enricher(rules=[AddressRules(path)]).run_once() == Enriched(reviewed=1, changed=1)
    assert lake.rows(places) == [("192.0.2.1", "Berlin"), ("192.0.2.2", "Berlin")]


def test_an_address_that_was_shortened_keeps_the_place_that_the_whole_one_had(lake: Lake, tmp_path: Path) -> None:
    path = write_geo_file(tmp_path / "geo.mmdb", {"192.0.2.128/25": city("DE", "Berlin")})
    lake.land("web_logs", [{"ip_address": "192.0.2.200"}])
    lake.enricher(rules=[AddressRules(path)]).run_once()
    lake.rows("update enrichment.ip_address set ip_address = '192.0.2.0' returning 1")
    other = write_geo_file(tmp_path / "other.mmdb", {"192.0.2.0/25": city("FR", "Lyon")})
    assert lake.enricher(rules=[AddressRules(other)]).run_once() == Enriched(reviewed=1)
    assert lake.one("select city from enrichment.ip_address join enrichment.location using (location_key)") == "Berlin"


def test_a_geo_file_that_was_damaged_meanwhile_is_told_and_the_one_before_stays(
    lake: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_geo_file(tmp_path / "geo.mmdb", {"192.0.2.0/24": city("DE", "Berlin")})
    enricher = lake.enricher(rules=[AddressRules(path)])
    path.write_bytes(b"half a download")
    lake.land("web_logs", [{"ip_address": "192.0.2.1"}])
    with caplog.at_level(logging.WARNING):
        enricher.run_once()
        enricher.run_once()
    assert lake.one("select city from enrichment.ip_address join enrichment.location using (location_key)") == "Berlin"
    assert len([record for record in caplog.records if "no MMDB file" in record.getMessage()]) == 1


def test_a_changed_list_of_referrers_marks_their_hosts(lake: Lake, tmp_path: Path) -> None:
    text = "prefixes: {}\nsearch: {}\nsocial: {}\nai: {}\nemail: {}\nother: {}\n"
    path = tmp_path / "hosts.yaml"
    path.write_text(text)
    lake.land("job_tracking", [{"rl": "https://find.example/x"}, {"rl": "https://jobs.example/"}])
    lake.enricher(rules=[ReferrerRules(path)]).run_once()
    path.write_text(text.replace("search: {}", "search: { Find: [find.example] }"))
    assert lake.enricher(rules=[ReferrerRules(path)]).run_once() == Enriched(reviewed=2, changed=1)
    assert lake.rows("select stream, kind from ops.changes order by 1") == [
        ("job_tracking", REFERRER_HOSTS.kind),
        ("product_views", REFERRER_HOSTS.kind),
    ]
