"""A copy of the project with models that a user adds, and dbt as it is typed there."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner

from database.connect import libpq_variables
from tests.dbt.conftest import Warehouse
from tests.dbt.events import job_events
from warehouse.dbt_session import environment

# The user's models: (name, SQL). They read facts and marts of ours as any model would.
MODELS = {
    "own_merge": """
        {{ config(materialized='incremental', incremental_strategy='merge', unique_key='campaign_id') }}
        select campaign_id, max(load_id) as load_id
        from {{ ref('int_job_events') }}
        {% if is_incremental() %} where load_id > (select max(load_id) from {{ this }}) {% endif %}
        group by campaign_id
    """,
    "own_delete_insert": """
        {{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key=['load_id']) }}
        select load_id, count(*) as events
        from {{ ref('int_job_events') }}
        {% if is_incremental() %} where load_id >= (select max(load_id) from {{ this }}) {% endif %}
        group by load_id
    """,
    "own_table": """
        {{ config(materialized='table') }}
        select custom_track, count(*) as events from {{ ref('fct_job_events') }} group by custom_track
    """,
    "own_view": """
        {{ config(materialized='view') }}
        select campaign_id, load_id from {{ ref('own_merge') }}
    """,
    "own_hooked": """
        {{ config(
            materialized='table', tags=['nightly'], grants={'select': ['bi_reader', 'landing_writer']},
            pre_hook="insert into marts.own_hooks values ('before')",
            post_hook="insert into marts.own_hooks select 'after ' || events from {{ this }}",
        ) }}
        select count(*) as events from {{ ref('int_job_events') }}
    """,
}
OWN = [*MODELS]


@dataclass
class Run:
    """What became of one command of dbt."""

    ok: bool
    messages: list[str]
    status: dict[str, str]
    tables: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    def says(self, text: str) -> bool:
        return any(text in " ".join(message.split()) for message in self.messages)


@dataclass
class Project:
    """A copy of the project with models of a user's in it, and dbt as typed there."""

    folder: Path
    warehouse: Warehouse

    def add(self, name: str, text: str, suffix: str = "sql") -> None:
        """One more file among the user's models."""
        (self.folder / "models" / "own" / f"{name}.{suffix}").write_text(text, encoding="utf-8")

    def dbt(self, *line: str) -> Run:
        """dbt with these arguments, against the database of the test."""
        messages: list[str] = []
        shown: dict[str, list[tuple[Any, ...]]] = {}
        paths = ("--project-dir", str(self.folder), "--profiles-dir", str(self.folder))
        with environment({**libpq_variables(self.warehouse.settings.as_transformer), "LANDFALL_DEVELOPER": "ada"}):
            runner = dbtRunner(callbacks=[lambda event: messages.append(str(getattr(event.info, "msg", "")))])
            result = runner.invoke([line[0], *paths, "--no-use-colors", *line[1:]])
        results = getattr(result.result, "results", ())
        for each in results:
            if getattr(each, "agate_table", None) is not None:
                shown[each.node.name] = [tuple(row) for row in each.agate_table.rows]
        messages += [str(each.message) for each in results]
        if result.exception:
            messages.append(str(result.exception))
        return Run(
            result.success,
            messages,
            {each.node.name: str(each.status) for each in results if str(each.node.resource_type) == "model"},
            shown,
        )

    def run(self, *line: str) -> Run:
        """The same, which must go well."""
        run = self.dbt(*line)
        assert run.ok, run.messages
        return run

    def state(self) -> str:
        """A folder with the manifest of the last command that wrote one."""
        state = self.folder / "state"
        state.mkdir(exist_ok=True)
        shutil.copy(self.folder / "target" / "manifest.json", state)
        return str(state)


def user_project(warehouse: Warehouse, folder: Path) -> Project:
    """The project in `folder` with the user's models; one load of ad events has landed and is in our own tables."""
    warehouse.land("job_tracking", job_events(60, seed=31))
    warehouse.run()
    warehouse.reader.execute("create table marts.own_hooks (hook text)")
    shutil.copytree(warehouse.dbt.project, folder, ignore=shutil.ignore_patterns("logs", "target"))
    (folder / "models" / "own").mkdir()
    project = Project(folder, warehouse)
    for name, text in MODELS.items():
        project.add(name, text)
    return project
