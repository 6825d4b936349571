"""A pass over the real Postgres: what is new is looked up once, and the models are told how far it is."""

from __future__ import annotations

from enrichment.enricher import Enriched
from tests.enrichment.conftest import Lake


def test_models_read_no_load_that_is_not_enriched(lake: Lake) -> None:
    lake.land("web_logs", [{"user_agent": "curl/8.1", "ip_address": "192.0.2.1"}])
    assert lake.horizon("web_logs") == (1, 0)
    enricher = lake.enricher()
    assert enricher.run_once() == Enriched(new=2)
    assert lake.horizon("web_logs") == (1, 1)
    held_back = lake.land("web_logs", [{"user_agent": "curl/8.2"}], finish=False)
    lake.land("web_logs", [{"user_agent": "curl/8.3"}])
    assert enricher.run_once() == Enriched()
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
    assert lake.rows("select referrer_host from enrichment.referrer_host order by 1") == [
        ("jobs.example",),
        ("www.google.com",),
    ]
