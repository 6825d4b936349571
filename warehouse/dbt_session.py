"""dbt inside this process: imported once, with the manifest of the set-up; a run then costs little but its SQL."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from database.connect import libpq_variables
from database.locks import DBT, held
from landfall.errors import UserError
from landfall.login import Login
from landfall.pooler import in_words
from landfall.settings import Settings
from landfall.state import open_state
from warehouse.dbt_arguments import global_arguments, path_arguments
from warehouse.dbt_manifest import BY_LOAD, DBT_PROJECT, built_md5, load_manifest, newest_change

# dbt reads its settings from the environment of the process, so runs of one process follow one another.
_ONE_RUN = threading.Lock()
WRITING = ("run", "build", "seed", "snapshot")
"""Commands of dbt that write relations."""
REFRESHING = ("watch", "refresh", "repair", "dagster", "dbt")
"""What starts runs that refresh models. By `up` they are made, empty; `reference` writes snapshots."""


@dataclass(frozen=True)
class NodeOutcome:
    """What became of a node. `relation`: schema.table. `kind`: model, seed, test, …; `rows`: inserted, where dbt knows;
    `seconds`: wall clock."""

    name: str
    relation: str
    kind: str
    status: str
    message: str
    rows: int
    seconds: float
    is_table: bool = True
    """Whether it is a table filled load by load, which has rows to count where there was news."""

    @property
    def failed(self) -> bool:
        return self.status in ("error", "fail", "runtime error", "partial success")


@dataclass(frozen=True)
class Outcome:
    """What became of a run. `trouble`: why it did not start or end, else empty."""

    nodes: tuple[NodeOutcome, ...]
    seconds: float
    trouble: str = ""

    @property
    def failed(self) -> tuple[NodeOutcome, ...]:
        return tuple(node for node in self.nodes if node.failed)

    @property
    def skipped(self) -> int:
        return sum(node.status == "skipped" for node in self.nodes)

    @property
    def ok(self) -> bool:
        return not self.trouble and not self.failed and not self.skipped


class DbtSession:
    """A warm dbt for the servers of `settings`. Logs and compiled SQL go to LANDFALL_HOME/dbt."""

    def __init__(self, settings: Settings, project: Path = DBT_PROJECT, *, started_by: str = "dbt") -> None:
        """`started_by`: what runs dbt, for ops.runs."""
        self.settings, self.project, self.started_by = settings, project, started_by
        open_state(settings.home)
        self.folder = settings.home / "dbt"
        clear_target_of_other_dbt(self.folder)
        self._read_at = time.time()
        self.manifest = load_manifest(project, str(conninfo_to_dict(settings.as_transformer.dsn)["dbname"]))
        self.project_md5 = built_md5(project, settings.reporting_timezone)
        """Of what its models are made of: what dbt builds here, a script says as its `project` (ops.model_scripts)."""

    @property
    def edited(self) -> Path | None:
        """The file of the project that was changed last since it was read here, else None."""
        return newest_change(self.project, self._read_at)

    def run(self, arguments: Sequence[str]) -> Outcome:
        """Run dbt once, e.g. `["run", "--select", "dim_job"]`. What fails is in the outcome and not raised.

        A run that writes waits until no other process writes (see locks).
        Raises psycopg.OperationalError when Postgres does not answer.
        """
        # Imported here for start-up time.
        from dbt.cli.main import dbtRunner

        command, *options = arguments
        line = [
            *global_arguments(self.folder),
            command,
            *path_arguments(self.project, self.folder),
            "--target",
            "prod",
            *options,
        ]
        variables = {
            **profile_variables(self.settings.as_transformer),
            "LANDFALL_STARTED_BY": self.started_by,
            "LANDFALL_PROJECT_MD5": self.project_md5,
        }
        if self.settings.reporting_timezone is not None:
            variables["LANDFALL_REPORTING_TIMEZONE"] = self.settings.reporting_timezone
        with _ONE_RUN, ExitStack() as turn, environment(variables):
            started = time.monotonic()
            if command in WRITING:
                try:
                    turn.enter_context(held(self.settings, DBT, f"landfall dbt {self.started_by}"))
                except UserError as error:
                    return Outcome((), time.monotonic() - started, str(error))
                started = time.monotonic()
            without_sources_of_flags()
            result = dbtRunner(manifest=self.manifest).invoke(line)
            seconds = time.monotonic() - started
        trouble = said(str(result.exception)) if result.exception else ""
        return Outcome(tuple(node_outcome(item) for item in getattr(result.result, "results", ())), seconds, trouble)


def without_sources_of_flags() -> None:
    """Spare dbt the search for the module that declares each of its flags: it walks the stack some 35 times a run, 0.3
    s where many modules are loaded, for an event that nobody reads.
    """
    from dbt_common.behavior_flags import BehaviorFlagRendered

    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt")  # type: ignore[method-assign]


def clear_target_of_other_dbt(folder: Path) -> None:
    """Remove the compiled SQL that another release of dbt left in `folder`.

    1.12 makes folders where 1.11 made files, and fails on them.
    """
    made_by, current = folder / "target" / "dbt-version", version("dbt-core")
    if made_by.is_file() and made_by.read_text(encoding="ascii").strip() == current:
        return
    shutil.rmtree(folder / "target", ignore_errors=True)
    made_by.parent.mkdir(parents=True, exist_ok=True)
    made_by.write_text(f"{current}\n", encoding="ascii")


def node_outcome(result: Any) -> NodeOutcome:
    """One of dbt's results in our words."""
    rows = (result.adapter_response or {}).get("rows_affected", 0)
    # exposures have no relation; `dbt build` lists them
    schema, alias = getattr(result.node, "schema", ""), getattr(result.node, "alias", result.node.name)
    return NodeOutcome(
        name=result.node.name,
        relation=f"{schema}.{alias}",
        kind=str(result.node.resource_type),
        status=str(result.status),
        message=said(result.message or ""),
        rows=rows if isinstance(rows, int) else 0,
        seconds=result.execution_time or 0.0,
        is_table=getattr(result.node.config, "materialized", "") == BY_LOAD,
    )


def said(message: str) -> str:
    """A result's message in one line; of one that a macro raised, what it says, without dbt's frame of places; of one
    of a pooler, what to do."""
    line = " ".join(message.split())
    raised = re.fullmatch(r"Compilation Error in \S+ \S+ \(\S+\) (.*?)(?: > (?:in|called by) .*)?", line)
    return in_words(line) or (raised[1] if raised else line)


def profile_variables(login: Login) -> dict[str, str]:
    """What profiles.yml reads of a login: the variables of libpq (PGHOST, PGSSLMODE, …).

    Raises UserError for several hosts with several ports: dbt's profile takes one, which then counts for all.
    """
    variables = libpq_variables(login)
    ports = {port or "5432" for port in variables.get("PGPORT", "").split(",")}
    if len(ports) > 1:
        raise UserError(
            f"LANDFALL_POSTGRES_DSN names hosts with several ports ({', '.join(sorted(ports))}), of which dbt takes"
            " one: let the servers listen on the same port."
        )
    return variables | {"PGPORT": ports.pop()} if "PGPORT" in variables else variables


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """These variables in the process' environment, as it was before afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
