"""The questions of analyses/: each is one select of one mart, which a BI tool may ask as it is."""

import datetime as dt

import psycopg

from database.connect import connect
from tests.dbt.conftest import Warehouse
from tests.dbt.events import job_events, views_at, web_requests
from warehouse.dbt_manifest import DBT_PROJECT, read_manifest

NAMES = sorted(path.stem for path in (DBT_PROJECT / "analyses").glob("*.sql"))
# The six questions about the shop: of these the rows are looked at too.
SHOP = [name for name in NAMES if name.startswith("shop__")]


def test_every_analysis_is_one_select_of_one_mart() -> None:
    manifest = read_manifest()
    nodes = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "analysis"}
    assert sorted(nodes) == NAMES
    assert len(SHOP) == 6
    for name, node in nodes.items():
        read = {reference["name"] for reference in node["refs"]}
        assert len(read) == 1, f"{name} reads {read}"
        assert read.pop().startswith(("kpi_", "fct_", "dim_")), name


def test_every_analysis_runs_as_the_bi_reader_and_answers_with_and_without_bots(warehouse: Warehouse) -> None:
    now = dt.datetime.now(dt.UTC)
    views = views_at(now, seed=51)
    warehouse.land("product_views", views)
    warehouse.land("web_logs", web_requests(50, seed=52))
    warehouse.land("job_tracking", job_events(50, seed=53))
    warehouse.run()
    warehouse.run("compile", "--select", "resource_type:analysis")
    compiled = warehouse.dbt.folder / "target" / "compiled" / "landfall" / "analyses"
    with connect(warehouse.settings.as_reader, autocommit=True) as reader:
        for name in NAMES:
            cursor = reader.cursor(row_factory=psycopg.rows.dict_row)
            rows = cursor.execute((compiled / f"{name}.sql").read_bytes()).fetchall()
            assert cursor.description is not None
            if name in SHOP:
                assert [(row["views"], row["human_views"]) for row in rows] == [(20, people(views))], name


def people(views: list[dict[str, str | None]]) -> int:
    """Views that no crawler's screen gives away."""
    return sum(view["resolution"] != "2000x2000" for view in views)
