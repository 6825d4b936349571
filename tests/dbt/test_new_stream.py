"""A new stream registers itself: a copy of the project with a fourth one, all of whose files are in new_stream/."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from database.connect import connect
from landfall.layout import PROJECT, build_folder, venv_bin
from landfall.settings import Settings

NEW_STREAM = Path(__file__).parent / "new_stream"
STREAM = "door_openings"
OPENING = {"opened_at": "2026-03-28T10:00:00Z", "shop": "Lyon", "visitors": "2"}
RECORDS: list[Any] = [
    *({"opening_id": f"{number}"} | OPENING for number in range(8)),
    {"opening_id": "7"} | OPENING | {"shop": "Nantes"},  # says something else of a key that is there
    {"opening_id": "8"} | OPENING | {"visitors": "many"},
    {"opening_id": "9"} | OPENING | {"opened_at": "at noon"},
    OPENING,  # has no key
]
SHOWN = """
import json
from landfall.settings import Settings
from monitoring.collector import LandfallCollector
from orchestration.definitions import defs

samples = [sample for metric in LandfallCollector(Settings.load()).collect() for sample in metric.samples]
graph = defs.resolve_asset_graph()
print(json.dumps({
    "metrics": sorted({sample.name for sample in samples if sample.labels.get("stream") == "door_openings"}),
    "groups": {key.to_user_string(): graph.get(key).group_name for key in graph.get_all_asset_keys()},
    "parents": {key.to_user_string(): [parent.to_user_string() for parent in graph.get(key).parent_keys]
                for key in graph.get_all_asset_keys()},
    "checks": [f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys],
}))
"""


@pytest.fixture
def in_copy(
    tmp_path: Path,
    database: Settings,
    make_topic: Callable[..., str],
    environ_of: Callable[[Settings], dict[str, str]],
) -> Callable[..., str]:
    """in_copy("refresh"): what the copy's `landfall` says on stdout; in_copy(code=…): what its Python does."""
    copy = tmp_path / "copy"
    for folder in ("dbt_project", *(init.parent.name for init in PROJECT.glob("*/__init__.py"))):
        ignored = shutil.ignore_patterns("__pycache__", "target", "logs")
        shutil.copytree(PROJECT / folder, copy / folder, ignore=ignored)
    shutil.copytree(NEW_STREAM, copy, dirs_exist_ok=True)
    contract = copy / "landing_stream" / "contracts" / f"{STREAM}.yaml"
    text = contract.read_text(encoding="utf-8")
    contract.write_text(text.replace(f"physicalName: {STREAM}", f"physicalName: {make_topic(3)}"), encoding="utf-8")
    variables = {"PYTHONPATH": str(copy), "LANDFALL_BUILD": str(build_folder())}
    environ = environ_of(database) | variables | {"DBT_PROFILES_DIR": str(copy / "dbt_project")}

    def run(*command: str | Path, cwd: Path = copy, codes: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode in codes, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run(venv_bin() / "dbt", "--quiet", "--no-partial-parse", "parse", cwd=copy / "dbt_project")

    def in_copy(*arguments: str, code: str = "from cli.main import main; main()", codes: tuple[int, ...] = (0,)) -> str:
        return run(sys.executable, "-c", code, *arguments, codes=codes)

    return in_copy


def test_a_new_stream_registers_itself_everywhere(
    in_copy: Callable[..., str], database: Settings, tmp_path: Path
) -> None:
    in_copy("migrate")
    records = tmp_path / "doors.jsonl"
    records.write_text("".join(f"{json.dumps(record)}\n" for record in RECORDS) + "no json\n", encoding="utf-8")
    in_copy("replay", STREAM, str(records))
    in_copy("land", "--once", "--stream", STREAM)
    in_copy("refresh")

    with connect(database.as_transformer, autocommit=True) as reader:

        def rows(query: str) -> list[tuple[Any, ...]]:
            return reader.execute(query.encode(), {"stream": STREAM}).fetchall()

        account = (
            "select sum(landed), sum(quarantined), sum(winners), sum(rejected), sum(duplicates),"
            " sum(abs(unexplained_rows)) from ops.reconciliation where stream = %(stream)s"
        )
        assert rows(account) == [(12, 1, 9, 2, 1, 0)]
        assert rows("select issue, detail, events from ops.data_quality where stream = %(stream)s order by 1, 2") == [
            ("bad_cast", "visitors", 1),
            ("conflicting_duplicate", "(none)", 1),
            ("rejected", "bad_event_time", 1),
            ("rejected", "missing_key", 1),
        ]
        assert rows(
            "select mart, newest_event_at::text, loads_behind from ops.freshness where stream = %(stream)s order by 1"
        ) == [
            ("fct_door_openings", "2026-03-28 10:00:00+00", 0),
            ("kpi_doors_daily", "2026-03-28 10:00:00+00", 0),
        ]

    # 1: what other tests left in the topics of other streams has not landed here
    findings = {
        (finding["check"], finding["subject"]): finding
        for finding in json.loads(in_copy("status", "--all", "--json", codes=(0, 1)))["findings"]
    }
    of_stream = {check for check, subject in findings if subject == STREAM}
    assert of_stream == {check for check, subject in findings if subject == "job_tracking"} - {"arrival"}
    assert {"reconciliation", "rejected_share", "conflicting_duplicates", "odd_values"} < of_stream
    assert findings["reconciliation", STREAM]["message"] == "Every record of the newest 1 load is accounted for."
    assert findings["odd_values", STREAM]["value"] == 1
    assert findings["data_age", "marts.kpi_doors_daily"]["severity"] == "ok"
    assert ("data_age", "marts.fct_door_openings") in findings
    assert not [finding for (check, _), finding in findings.items() if check == "health"], "every check was made"

    in_copy("export", str(tmp_path / "lake"))
    files = {str(path.relative_to(tmp_path / "lake")) for path in (tmp_path / "lake").rglob("part*")}
    for mart in ("fct_door_openings", "kpi_doors_daily"):
        assert f"{mart}/event_date=2026-03-28/part-0.parquet" in files

    shown = json.loads(in_copy(code=SHOWN).splitlines()[-1])
    assert {
        "landfall_landing_records_total",
        "landfall_landing_lag_records",
        "landfall_models_behind",
        "landfall_mart_newest_event_timestamp_seconds",
        "landfall_mart_loads_behind",
        "landfall_quarantine_waiting_records",
    } <= set(shown["metrics"])
    groups = shown["groups"]
    assert (groups[f"kafka/{STREAM}"], groups[f"landing/{STREAM}"]) == ("kafka", "landing")
    assert groups["marts/fct_door_openings"] == groups["intermediate/int_door_events"] == "facts"
    assert (groups["marts/kpi_doors_daily"], groups["exports/kpi_doors_daily"]) == ("marts", "exports")
    assert "intermediate/int_door_openings__rejected" in shown["parents"]["ops/data_quality"]
    assert {f"landing/{STREAM}:reconciliation", "marts/kpi_doors_daily:data_age"} <= set(shown["checks"])
