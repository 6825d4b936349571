"""The zone whose clock the days and hours of the marts are of: as it is set, and as the tables are counted."""

from __future__ import annotations

from typing import Any

import psycopg

from database.connect import connect
from landfall.login import TRANSFORMER
from landfall.settings import Settings
from warehouse.dbt_vars import dbt_vars

COUNTED = """
select reporting_timezone from ops.model_definition
where reporting_timezone is not null
group by 1 order by count(*) desc, 1
"""


def zone_set(settings: Settings) -> str:
    """LANDFALL_REPORTING_TIMEZONE, or else the var reporting_timezone of the dbt project."""
    return settings.reporting_timezone or str(dbt_vars()["reporting_timezone"])


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
