"""Everything that Dagster shows, as text. `python -m tests.orchestration.describe` writes it to graph.txt."""

from pathlib import Path

import dagster as dg

SNAPSHOT = Path(__file__).parent / "graph.txt"


def describe(defs: dg.Definitions) -> str:
    """Assets with their parents, checks, jobs, schedules and sensors, one a line, in order."""
    graph = defs.resolve_asset_graph()
    lines = []
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        parents = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        kind = "asset" if node.is_materializable else "external"
        lines.append(f"{kind} {key.to_user_string()} [{node.group_name}]" + (f" <- {parents}" if parents else ""))
    lines += sorted(f"check {check.asset_key.to_user_string()}: {check.name}" for check in graph.asset_check_keys)
    repository = defs.get_repository_def()
    lines += sorted(f"job {job.name}" for job in repository.get_all_jobs() if not job.name.startswith("__"))
    lines += sorted(f"schedule {s.name} ({s.cron_schedule}) -> {s.job_name}" for s in repository.schedule_defs)
    lines += sorted(f"sensor {s.name} (every {s.minimum_interval_seconds} s)" for s in repository.sensor_defs)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    from orchestration.definitions import defs

    SNAPSHOT.write_text(describe(defs), encoding="utf-8")
