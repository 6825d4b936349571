"""The short form of `landfall-bench convergence`, over all tables of all streams."""

from benchmarks.convergence_trial.trial import Plan, run
from tests.conftest import MakeDatabase


def test_shuffled_late_repeated_events_in_many_refreshes_end_as_one_full_refresh_and_as_events_in_order(
    make_database: MakeDatabase,
) -> None:
    outcome = run(make_database(models=True), make_database(models=True), Plan(events=3_000, refreshes=6), print)
    assert outcome.problems == []
    assert outcome.tables >= 40
    assert outcome.rows > 30_000
