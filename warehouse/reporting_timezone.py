"""The zone whose clock the days and hours of the marts are of: as it is set, and as the tables are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import yaml

from database.connect import connect
from landfall.layout import PROJECT
from landfall.login import TRANSFORMER
from landfall.settings import Settings

PROJECT_FILE = PROJECT / "dbt_project" / "dbt_project.yml"
COUNTED = """
select reporting_timezone from ops.model_definition
where reporting_timezone is not null
group by 1 order by count(*) desc, 1
"""


def zone_set(settings: Settings, project_file: Path = PROJECT_FILE) -> str:
    """LANDFALL_REPORTING_TIMEZONE, or else the var reporting_timezone of the dbt project."""
    if settings.reporting_timezone is not None:
        return settings.reporting_timezone
    return str(yaml.safe_load(project_file.read_text(encoding="utf-8"))["vars"]["reporting_timezone"])


def zones_counted(connection: psycopg.Connection[Any]) -> list[str]:
    """Zones in which tables are counted, that of most first: one, or more after a change of zone was broken off.

    `connection`: role transformer.
    """
    return [row[0] for row in connection.execute(COUNTED).fetchall()]


def zone_of_marts(settings: Settings) -> str:
    """What to write beside a day: the zone in which it was counted; the one that is set, where that cannot be asked."""
    if TRANSFORMER in settings.dsns:
        with connect(settings.as_transformer, autocommit=True) as connection:
            if counted := zones_counted(connection):
                return counted[0]
    return zone_set(settings)
