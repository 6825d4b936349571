"""The models' own tests: each model has one, all of them pass on good data, and each kind fails on bad data."""

from __future__ import annotations

from collections import defaultdict

from database.connect import connect
from landfall.settings import Settings
from tests.dbt.conftest import Warehouse
from tests.dbt.events import Event, job_events, shop_events
from tests.dbt.web_counts import web_traffic
from warehouse.dbt_manifest import DBT_PROJECT, load_manifest

KEYS = {"not_null", "unique", "unique_together"}
DAMAGES = {
    # statement: the tests that must see what it does, by the beginnings of their names
    "update intermediate.int_product_viewers__5min set views = views + 1": ["shop_days_add_up_to_their_windows"],
    "update intermediate.int_product_funnel__daily set devices = devices + 1": ["shop_funnel_holds_every_device"],
    "update intermediate.int_product_sessions__daily set sessions = sessions + 1": ["shop_sessions_add_up_by_day"],
    "update intermediate.int_product_sessions set events = events + 1, ended_at = started_at - interval '1 s'": [
        "holds_fct_product_sess",
        "sessions_hold_every_event_of_a_device",
    ],
    "delete from intermediate.int_products": ["relationships_of_new_events_fct_product_events_ref_int_products_"],
    "update intermediate.int_pages set page_key = gen_random_uuid()": [
        "relationships_of_new_events_fct_product_events_ref_int_pages_"
    ],
    "delete from intermediate.int_referrers": ["relationships_of_new_events_fct_product_events_ref_int_referrers_"],
    "delete from enrichment.user_agent": ["relationships_of_new_events_fct_product_events_user_agent_key"],
    "update intermediate.int_web_sessions set events = 0": [
        "holds_fct_web_sessions_",
        "web_sessions_hold_every_request_of_a_user",
    ],
    "delete from intermediate.int_web_funnel_users__daily": ["web_funnel_holds_every_user_of_a_session"],
    "update intermediate.int_web_product_views__5min set view_count = 0": ["web_views_add_up_to_their_actions"],
    "update intermediate.int_job_events__newest set newest_event_at = newest_event_at + interval '1 day'": [
        "newest_events_are_those_of_the_loads"
    ],
    "insert into reference.job (id) values (999)": ["relationships_mostly_fct_job_events_job_id"],
    "update intermediate.int_web_requests set is_from_future = true": ["odd_values_are_counted_once"],
    "create or replace view marts.kpi_products_daily_latest as select * from marts.kpi_products_daily": [
        "is_latest_day_of_kpi_products_daily_latest_"
    ],
}
"""Bad data of each kind of test. What one of them damages, others may see too."""


def test_every_model_has_a_test_of_more_than_its_keys(settings: Settings) -> None:
    manifest = load_manifest(DBT_PROJECT, "landfall")
    tests: dict[str, set[str]] = defaultdict(set)
    for node in manifest.nodes.values():
        if node.resource_type == "test":
            metadata = getattr(node, "test_metadata", None)
            for parent in node.depends_on.nodes:
                tests[parent].add(metadata.name if metadata else node.name)
    models = {key: node.name for key, node in manifest.nodes.items() if node.resource_type == "model"}
    assert len(models) > 90
    assert sorted(name for key, name in models.items() if not tests[key]) == []
    dimensions = {name for name in models.values() if name.startswith("dim_")}
    assert {models[key] for key in models if not tests[key] - KEYS} <= dimensions


def test_the_tests_of_the_models_pass_on_good_data_and_fail_on_bad(warehouse: Warehouse) -> None:
    visitors: list[Event] = [
        {
            **event,
            "ip": f"81.2.69.{number % 30 + 142}",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "referrer_url": "https://www.google.com/search?q=ring",
        }
        for number, event in enumerate(shop_events(400, 1))
    ]
    warehouse.land("product_views", visitors)
    warehouse.land("web_logs", web_traffic(300, 2))
    warehouse.land("job_tracking", job_events(200, 3))
    warehouse.run()
    warehouse.run("test", "--exclude", "test_type:unit", "events_have_nothing_odd")

    with connect(warehouse.settings.as_transformer, autocommit=True) as owner:
        for statement in DAMAGES:
            assert owner.execute(statement).rowcount != 0, statement
    found = warehouse.dbt.run(["test", "--exclude", "test_type:unit"]).nodes
    bad = {node.name for node in found if node.status in ("fail", "warn")}
    expected = {name for names in DAMAGES.values() for name in names}
    assert {name for name in expected if not any(each.startswith(name) for each in bad)} == set()
