"""One archive of the dashboards, which any Superset imports: `landfall dashboards --bundle FILE.zip`.

It is made from datasets.yaml, boards/*.yaml and dbt's manifest, and holds no password: whoever imports it gives one.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dashboards.superset.charts import chart_file, check_chart
from dashboards.superset.datasets import Compiled, compiled, dataset_file
from dashboards.superset.description import Board, Descriptions, read_descriptions
from dashboards.superset.identity import DATABASE, VERSION, identity
from dashboards.superset.layout import dashboard_file
from dashboards.superset.marts import Marts
from landfall.errors import UserError
from landfall.settings import Settings
from warehouse.dbt_manifest import read_manifest
from warehouse.reporting_timezone import zone_set

PLACEHOLDER = "postgresql+psycopg2://bi_reader@postgres.example:5432/landfall"
"""Address of the database in the archive: its host is nobody's."""
ROOT = "landfall"
"""The folder that the files of an archive stand in, as Superset's own have one."""
WRITTEN = (2000, 1, 1, 0, 0, 0)
"""The time of every file: equal descriptions make equal bytes."""


def write_bundle(path: Path) -> None:
    """Write the archive of all dashboards.

    Raises UserError for a description with a mistake, a missing or stale manifest of dbt, and a file that cannot be
    written.
    """
    files = bundle_files()
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                entry = zipfile.ZipInfo(f"{ROOT}/{name}", WRITTEN)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, text)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error


def bundle_files(
    descriptions: Descriptions | None = None,
    manifest: Mapping[str, Any] | None = None,
    zone: str | None = None,
    database_uri: str = PLACEHOLDER,
) -> dict[str, str]:
    """The files of the archive by their names, sorted.

    `descriptions`, `manifest`, `zone`: those of this project and its settings where they are not given.
    `database_uri`: address of the database, without a password in what is handed on.
    Raises UserError, which names board, chart and column, for a description that does not fit the models.
    """
    descriptions = descriptions or read_descriptions()
    marts = Marts(manifest if manifest is not None else read_manifest())
    zone = zone or zone_set(Settings.load())
    files: dict[str, Any] = {
        "metadata.yaml": {"version": VERSION, "timestamp": "2000-01-01T00:00:00+00:00"},
        f"databases/{DATABASE}.yaml": database_file(database_uri),
    }
    for name, board in descriptions.boards.items():
        datasets = checked_datasets(name, board, descriptions, marts)
        for dataset in datasets.values():
            files[f"datasets/{DATABASE}/{dataset.name}.yaml"] = dataset_file(dataset)
        for chart in board.charts:
            files[f"charts/{name}_{file_name(chart.name)}.yaml"] = chart_file(
                name, chart, datasets[chart.dataset], zone
            )
        files[f"dashboards/{name}.yaml"] = dashboard_file(name, board, datasets, zone)
    return {key: as_yaml(files[key]) for key in sorted(files)}


def checked_datasets(name: str, board: Board, descriptions: Descriptions, marts: Marts) -> dict[str, Compiled]:
    """The datasets of a board's charts and filters. Raises UserError, which names board, chart and column."""
    found: dict[str, Compiled] = {}
    users = [(f"chart {chart.name!r}", chart.dataset) for chart in board.charts]
    users += [(f"filter {each.name!r}", each.dataset) for each in board.filters]
    for user, dataset in users:
        try:
            if dataset not in found:
                found[dataset] = compiled(dataset, descriptions.datasets[dataset], marts)
        except UserError as problem:
            raise UserError(f"{name}.yaml: {user}: dataset {dataset}: {problem.format_message()}") from problem
    for chart in board.charts:
        try:
            check_chart(chart, found[chart.dataset])
        except UserError as problem:
            raise UserError(f"{name}.yaml: chart {chart.name!r}: {problem.format_message()}") from problem
    for each in board.filters:
        try:
            found[each.dataset].check_column(each.column)
        except UserError as problem:
            raise UserError(f"{name}.yaml: filter {each.name!r}: {problem.format_message()}") from problem
    return found


def tables_of(name: str, board: Board, descriptions: Descriptions, marts: Marts) -> set[str]:
    """Names of the models that a board's charts and filters read."""
    datasets = checked_datasets(name, board, descriptions, marts)
    return {table for dataset in datasets.values() for table in dataset.tables}


def database_file(uri: str) -> dict[str, Any]:
    """The connection: reads only, and nobody changes anything through it."""
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": uri,
        "cache_timeout": None,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_file_upload": False,
        "extra": {"allows_virtual_table_explore": True},
        "uuid": identity("database", DATABASE),
        "version": VERSION,
    }


def file_name(title: str) -> str:
    """A name in lower case, of letters, digits and underscores."""
    return "".join(letter if letter.isalnum() else "_" for letter in title.lower())


def as_yaml(value: Any) -> str:
    """The same text for the same value."""
    return yaml.safe_dump(value, sort_keys=True, allow_unicode=True, width=120)
