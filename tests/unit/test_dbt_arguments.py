"""What is asked of dbt."""

import datetime as dt
from itertools import pairwise
from pathlib import Path

import pytest

from landfall.errors import UserError
from warehouse.dbt_arguments import (
    EventDays,
    cold_arguments,
    create_arguments,
    global_arguments,
    pass_arguments,
    path_arguments,
    rebuild_arguments,
    recount_arguments,
    refresh_arguments,
)
from warehouse.dbt_session import clear_target_of_other_dbt


def test_relations_are_made_without_reading_and_without_tests() -> None:
    seeds, relations = create_arguments()
    assert seeds == ["seed"]
    assert relations[:2] == ["build", "--empty"]
    assert without_tests(relations)
    assert relations[-1] == "seed"


def test_a_refresh_leaves_tests_out_and_is_full_when_asked() -> None:
    assert without_tests(refresh_arguments())
    assert "--full-refresh" not in refresh_arguments()
    assert refresh_arguments(full_refresh=True) == [*refresh_arguments(), "--full-refresh"]


def test_a_model_is_rebuilt_alone_or_with_all_that_reads_it() -> None:
    full = refresh_arguments(full_refresh=True)
    assert rebuild_arguments("dim_job", downstream=False) == [*full, "--select", "dim_job"]
    assert rebuild_arguments("dim_job", downstream=True) == [*full, "--select", "dim_job+"]


def test_a_pass_runs_the_tables_of_the_streams_with_news() -> None:
    assert pass_arguments({"web_logs", "job_tracking"}) == [
        "run",
        "--no-populate-cache",
        "--select",
        "source:landing.job_tracking+",
        "source:landing.web_logs+",
        "--exclude",
        "config.materialized:view",
        "config.materialized:table",
    ]
    assert pass_arguments({"web_logs"}, cold=False)[-2:] == ["config.materialized:table", "tag:cold"]
    assert cold_arguments("web_logs")[2:4] == ["--select", "tag:cold,source:landing.web_logs+"]


def test_a_pass_without_a_stream_is_refused_because_dbt_would_run_everything() -> None:
    with pytest.raises(UserError):
        pass_arguments([])


def test_days_are_counted_again_by_variables_beside_an_ordinary_refresh() -> None:
    days = EventDays.parse("2026-03-28", "2026-03-29")
    assert days == EventDays(dt.date(2026, 3, 28), dt.date(2026, 3, 29))
    variables = '{"from_day": "2026-03-28", "to_day": "2026-03-29"}'
    assert recount_arguments(days) == [*refresh_arguments(), "--vars", variables]
    assert EventDays.parse(None, None) is None


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-03-28", None, "go together"),
        (None, "2026-03-28", "go together"),
        ("2026-03-29", "2026-03-28", "before --from 2026-03-29"),
        ("2026-02-30", "2026-03-28", "--from is '2026-02-30'"),
        ("2026-03-28", "20260329", "--to is '20260329'"),
        ("2026-03-28", "yesterday", "--to is 'yesterday'"),
    ],
)
def test_days_that_are_none_or_not_in_order_are_refused(first: str | None, last: str | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        EventDays.parse(first, last)


def test_nothing_of_dbt_reaches_stdout_and_its_files_stay_in_one_folder() -> None:
    folder = Path("/state/dbt")
    assert global_arguments(folder)[:3] == ["--quiet", "--log-level", "none"]
    assert "/state/dbt/logs" in global_arguments(folder)
    assert path_arguments(Path("/project"), folder)[-2:] == ["--target-path", "/state/dbt/target"]


def without_tests(arguments: list[str]) -> bool:
    left_out = [value for option, value in pairwise(arguments) if option == "--exclude-resource-type"]
    return left_out[:2] == ["test", "unit_test"]


def test_compiled_sql_of_another_dbt_is_cleared_away_once(tmp_path: Path) -> None:
    leftover = tmp_path / "target" / "run" / "job_history.sql"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("of dbt 1.11, where 1.12 makes a folder")
    clear_target_of_other_dbt(tmp_path)
    assert not leftover.exists()
    leftover.parent.mkdir(parents=True)
    leftover.write_text("of this dbt")
    clear_target_of_other_dbt(tmp_path)
    assert leftover.exists()
