"""Forgets ticks: a record of each evaluation of a sensor or schedule.

Dagster lets them go by age, in whole days, and the sensors of this project tick 30,000 times a day.
"""

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.schedules.schema import JobTickTable
from dagster._core.storage.schedules.sql_schedule_storage import SqlScheduleStorage

from orchestration.upkeep.excess import Excess, beyond, delete


def forget_ticks(instance: dg.DagsterInstance, *, keep: int, most: int | None = None, dry_run: bool = False) -> int:
    """Delete ticks beyond the newest `keep` of each sensor and schedule and what came of them (skipped, succeeded,
    failed), the oldest first, at most `most`. Returns how many went."""
    storage = instance.schedule_storage
    assert isinstance(storage, SqlScheduleStorage)
    kind = (JobTickTable.c.selector_id, JobTickTable.c.status)
    ids = beyond(storage.connect, JobTickTable, kind, keep, most, sa.true())
    if not dry_run:
        delete(Excess(storage.connect, JobTickTable, ids))
    return len(ids)
