"""ops.catalogue: what each model is, from dbt's graph; and the views over the tables of every stream."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from landfall.layout import venv_bin
from landfall.settings import Settings
from tests.dbt.conftest import Warehouse
from tests.dbt.events import job_events
from warehouse.catalogue import catalogue_of, of_kind, read_catalogue
from warehouse.dbt_manifest import DBT_PROJECT, read_manifest

STREAMS = {"job_tracking", "product_views", "web_logs"}
QUALITY = ("reconciliation", "data_quality", "freshness", "catalogue")
NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


def test_postgres_and_the_manifest_say_the_same_of_every_model(warehouse: Warehouse) -> None:
    found = read_catalogue(warehouse.reader)
    assert found == catalogue_of(read_manifest())
    relations = warehouse.rows("select relation from ops.model_progress")
    assert {relation for (relation,) in relations} <= {model.relation for model in found}
    for kind in ("staging", "events", "rejected", "accounts", "values", "newest"):
        assert set(of_kind(found, kind)) == STREAMS
    kinds = {(model.schema, model.kind) for model in found}
    assert {kind for schema, kind in kinds if schema == "marts"} == {"fact", "dimension", "kpi", "latest", "state"}
    assert all(model.day_column for model in found if model.kind in ("fact", "kpi", "latest"))


def test_quality_views_are_whole_though_dbt_makes_them_before_the_tables_that_they_read(warehouse: Warehouse) -> None:
    warehouse.reader.execute("drop schema intermediate cascade; create schema intermediate")
    # with what they refer to: the tables of every stream, which they find in the graph, are none of it
    warehouse.run("run", "--select", *(f"+{name}" for name in QUALITY))
    warehouse.land("job_tracking", job_events(20, 1))
    warehouse.run("build", *NO_UNIT_TESTS, "--exclude-resource-type", "test")
    warehouse.run("test", "--select", *QUALITY)
    fresh = "select distinct stream, newest_event_at is not null from ops.freshness where mart like 'kpi%' order by 1"
    assert warehouse.rows(fresh) == [(stream, stream == "job_tracking") for stream in sorted(STREAMS)]


REFUSED = {
    "kind: kpi, day_column: day": "kpi_jobs_hourly: meta.day_column is day, which is no column of it.",
    "kind: kpis": "kpi_jobs_hourly: meta.kind is kpis; write one of staging, events, rejected",
    "kind: accounts": "kpi_jobs_hourly: job_tracking has a model of kind accounts already, int_job_tracking__accounts.",
}


def test_what_a_model_says_of_itself_and_is_not_so_is_refused_in_words(
    tmp_path: Path, database: Settings, environ_of: Callable[[Settings], dict[str, str]]
) -> None:
    project, before = tmp_path / "dbt_project", "kind: kpi, day_column: event_date"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    described = project / "models" / "marts" / "recruitment" / "_kpi_jobs_hourly.yml"
    text = described.read_text(encoding="utf-8")
    assert before in text
    for meta, said in REFUSED.items():
        described.write_text(text.replace(before, meta, 1), encoding="utf-8")
        done = subprocess.run(
            [venv_bin() / "dbt", "--no-use-colors", "compile", "--select", "catalogue"],
            check=False, capture_output=True, text=True, cwd=project, env=environ_of(database),
        )  # fmt: skip
        assert done.returncode != 0
        assert said in " ".join(done.stdout.split())
