"""What orchestration/README.md shows is what there is."""

import re

import dagster as dg

from landfall.layout import PROJECT


def test_every_job_schedule_and_sensor_is_in_the_tables(defs: dg.Definitions) -> None:
    text = (PROJECT / "orchestration" / "README.md").read_text(encoding="utf-8")
    tables = "".join(re.findall(r"^\|.*$", text, re.MULTILINE))
    repository = defs.get_repository_def()
    jobs = [job.name for job in repository.get_all_jobs() if not job.name.startswith("__")]
    there = {*jobs, *(s.name for s in repository.schedule_defs), *(s.name for s in repository.sensor_defs)}
    assert there - set(re.findall(r"`(\w+)`", tables)) == set()
