"""What a refresh decides and says, without a database."""

import os
from pathlib import Path

import pytest

from database.connect import address
from landfall.errors import UserError
from landfall.login import TRANSFORMER, Login
from warehouse.dbt_manifest import load_manifest, newest_change, project_checksum
from warehouse.dbt_session import NodeOutcome, Outcome, profile_variables, said
from warehouse.refresh import summary
from warehouse.watch import SECONDS_OF_COLD, Horizon, Turns, rest, streams_with_news


def node(name: str, *, status: str = "success", message: str = "", rows: int = 0, kind: str = "model") -> NodeOutcome:
    return NodeOutcome(
        name=name, relation=f"marts.{name}", kind=kind, status=status, message=message, rows=rows, seconds=0.1
    )


def test_a_stream_has_news_when_its_horizon_moved_beyond_the_last_pass() -> None:
    horizons = {"a": Horizon(3, 3), "b": Horizon(9, 4), "c": Horizon(1, 1), "d": Horizon(0, 0), "e": Horizon(2, 1)}
    assert streams_with_news({"a": 3, "b": 3, "e": 1}, horizons) == ["b", "c"]


def at(**horizons: int) -> dict[str, Horizon]:
    """Everything that landed may be read."""
    return {stream: Horizon(hi, hi) for stream, hi in horizons.items()}


def test_cold_tables_of_one_stream_are_refreshed_beside_hot_ones_half_a_minute_after_their_last_turn() -> None:
    turns = Turns()
    assert turns.are_new
    assert turns.next(at(a=0, b=0), 0.0) == ([], None)
    order = []
    for second in range(6):
        news = at(a=second + 1, b=second + 1)
        fresh, cold = turns.next(news, float(second))
        order.append((fresh, cold))
        turns.hot_done(news)
        if cold:
            turns.cold_begins(cold, float(second))
        if second in (2, 4):  # what has begun a second before ends
            turns.cold_done()
    assert order == [(["a", "b"], cold) for cold in (None, "a", None, "b", None, None)], "never behind, both are due"
    assert turns.next(at(a=9, b=9), SECONDS_OF_COLD) == (["a", "b"], None)
    assert turns.next(at(a=9, b=9), SECONDS_OF_COLD + 1) == (["a", "b"], "a")


def test_a_first_pass_over_hot_and_cold_tables_is_the_turn_of_both() -> None:
    turns = Turns()
    turns.all_done(at(a=1, b=1), 0.0)
    assert turns.next(at(a=2, b=1), 1.0) == (["a"], None)
    turns.hot_done(at(a=2, b=1))
    assert turns.next(at(a=3, b=1), 2.0) == (["a"], None), "the cold ones are due half a minute after that pass"


def test_cold_tables_are_next_when_nothing_else_is_new() -> None:
    turns = Turns()
    turns.hot_done(at(a=1, b=1))
    turns.cold_begins("a", 0.0)
    turns.cold_done()
    assert turns.next(at(a=1, b=1), 1.0) == ([], "b")
    turns.cold_begins("b", 1.0)
    assert turns.next(at(a=1, b=2), 1.5) == (["b"], None)
    turns.hot_done(at(a=1, b=2))
    turns.cold_done()
    assert turns.next(at(a=1, b=2), 2.0) == ([], "b"), "what its hot tables read after it began is not in them"
    turns.cold_begins("b", 2.0)
    turns.cold_done()
    assert turns.next(at(a=1, b=2), 3.0) == ([], None)


def test_hot_tables_go_on_where_cold_ones_fail() -> None:
    turns = Turns()
    turns.hot_done(at(a=1))
    turns.cold_begins("a", 1.0)
    turns.cold_lost()
    assert turns.next(at(a=2), 2.0) == (["a"], None)
    turns.hot_done(at(a=2))
    assert turns.next(at(a=3), 1.0 + SECONDS_OF_COLD) == (["a"], "a"), "another attempt"
    assert turns.next(at(a=2), 3.0) == ([], "a")


def test_a_stream_whose_model_fails_waits_longer_and_longer_and_holds_no_other_up() -> None:
    turns = Turns()
    turns.all_done(at(b=1), 0.0)
    turns.failed(["a"], 0.0, cold=False)
    assert turns.next(at(a=1, b=2), 0.5) == (["b"], None)
    assert turns.next(at(a=1, b=2), 1.0) == (["a", "b"], None)
    turns.failed(["a"], 1.0, cold=False)
    assert turns.next(at(a=1, b=1), 2.4) == ([], None)
    assert turns.next(at(a=1, b=1), 3.0) == (["a"], None)
    turns.hot_done(at(a=1))
    turns.failed(["a"], 4.0, cold=True)
    assert turns.next(at(a=2, b=1), 4.5) == (["a"], None), "its cold tables hold its hot ones up no more"
    assert turns.next(at(a=1, b=1), 4.5) == ([], None)
    assert turns.next(at(a=1, b=1), 5.0) == ([], "a")


@pytest.mark.parametrize(
    ("took", "pause", "seconds"), [(0.2, 0.0, 0.1), (0.2, 1.0, 0.8), (2.0, 0.0, 0.0), (2.0, 1.0, 0.0)]
)
def test_it_rests_after_short_passes_and_goes_on_at_once_where_much_is_new(
    took: float, pause: float, seconds: float
) -> None:
    assert rest(took, pause) == pytest.approx(seconds)


def test_a_summary_counts_rows_of_models_and_not_of_seeds_or_views() -> None:
    nodes = (node("fact", rows=7), node("mart", rows=3), node("hosts", rows=70, kind="seed"), node("view", rows=-1))
    assert summary(Outcome(nodes, 1.25)) == "refreshed in 1.2 s: 10 rows written into 2 tables"


def test_a_summary_names_what_failed_first_and_counts_the_rest() -> None:
    nodes = (node("fact", status="error", message="no space left"), node("mart", status="skipped"))
    outcome = Outcome(nodes, 2.0)
    assert not outcome.ok
    assert summary(outcome) == "failed after 2.0 s: fact: no space left (1 more failed or were skipped)"


def test_a_run_that_did_not_start_says_why() -> None:
    assert summary(Outcome((), 0.5, "no connection")) == "failed after 0.5 s: no connection"


def test_libpq_gets_every_part_of_a_dsn_under_its_own_variable() -> None:
    dsn = "postgresql://ada:p%40ss@db.example:5433/shop?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    assert profile_variables(Login(dsn, TRANSFORMER)) == {
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGUSER": "ada",
        "PGPASSWORD": "p@ss",
        "PGDATABASE": "shop",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/ca.pem",
    }


def test_several_hosts_have_one_port_for_dbt() -> None:
    dsn = "postgresql://ada:p@a.example:5433,b.example:5433/shop?target_session_attrs=read-write"
    found = profile_variables(Login(dsn, TRANSFORMER))
    assert (found["PGHOST"], found["PGPORT"]) == ("a.example,b.example", "5433")
    assert found["PGTARGETSESSIONATTRS"] == "read-write"
    assert address(Login(dsn, TRANSFORMER)) == "a.example:5433,b.example:5433/shop"
    with pytest.raises(UserError, match=r"several ports \(5432, 5433\), of which dbt takes one"):
        profile_variables(Login("postgresql://ada:p@a.example,b.example:5433/shop", TRANSFORMER))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one model and a manifest."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "one.sql").write_text("select 1")
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "manifest.json").write_text("{}")
    return tmp_path


def test_a_missing_or_stale_manifest_is_refused_with_what_to_do(project: Path) -> None:
    os.utime(project / "target" / "manifest.json", (1, 1))
    with pytest.raises(UserError, match=r"stale, models/one\.sql is newer: run `make setup`"):
        load_manifest(project, "landfall")
    (project / "target" / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"missing: run `make setup`"):
        load_manifest(project, "landfall")


def test_what_dbt_writes_itself_makes_no_project_newer_or_different(project: Path) -> None:
    before = project_checksum(project)
    since = max(path.stat().st_mtime for path in project.rglob("*"))
    (project / "target" / "run.sql").write_text("select 2")
    os.utime(project / "target" / "run.sql", (since + 10, since + 10))
    assert newest_change(project, since) is None
    assert project_checksum(project) == before
    (project / "models" / "one.sql").write_text("select 3")
    assert project_checksum(project) != before


def test_what_a_macro_raised_is_said_without_the_places_it_came_through() -> None:
    raised = """Compilation Error in operation landfall-on-run-start-0 (./dbt_project.yml)
      The marts are counted in UTC (and 2 more tables): run it > again.

      > in macro check_zone (macros/rules/zone.sql)
      > called by operation landfall-on-run-start-0 (./dbt_project.yml)"""
    assert said(raised) == "The marts are counted in UTC (and 2 more tables): run it > again."
    assert said("Database Error in model a (models/a.sql)\n  bigint out of range") == (
        "Database Error in model a (models/a.sql) bigint out of range"
    )
