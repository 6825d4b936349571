"""What dbt's runs and tests came to, whoever started them."""

from collections.abc import Sequence
from datetime import datetime

from health.check import Check, no_asset
from health.context import Context
from health.findings import Finding
from landfall.wording import at_utc, counted, duration, listed

# A failed model is well again once it has filled its table since, or a run at least as large went well. Tests that
# failed in a build are the other check's.
FAILED_RUNS = """
with failed as (
    select
        r.invocation_id, r.started_by, r.command, r.ended_at, f.name,
        r.models + r.skipped + cardinality(r.failed) as size
    from (
        select * from ops.runs
        where started_at > %(now)s - interval '2 days' and failed <> '{}'
        order by started_at desc limit 200
    ) as r
    cross join lateral unnest(r.failed) as f (name)
    where not exists (select from ops.test_results as t where t.test = f.name)
)

select f.name, min(f.started_by), max(f.command), max(f.ended_at), count(distinct f.invocation_id)
from failed as f
where
    not exists (
        select from ops.model_progress as p
        where split_part(p.relation, '.', 2) = f.name and p.updated_at > f.ended_at
    )
    and not exists (
        select from ops.runs as later
        where
            later.started_at > f.ended_at and later.failed = '{}' and later.skipped = 0 and later.models >= f.size
    )
group by 1
order by 4 desc, 1
"""
# A test that was renamed or removed leaves its last result behind.
TESTS = """
select test, status, coalesce(failures, 0), message, tested_at, relation
from ops.test_results
where tested_at > %(now)s - interval '7 days'
order by tested_at desc, test
"""

# It warns whoever runs dbt of the first odd event ever, and for ever. The checks of events.py ask the same within
# bounds, and of what is new: told twice, it would be noise.
JUDGED_WITHIN_BOUNDS = ("events_have_nothing_odd",)

FailedModel = tuple[str, str, str, datetime, int]
"""(name, started_by, command, when it failed last, how many runs failed at it)."""
TestResult = tuple[str, str, int, str, datetime, str | None]
"""(test, status, rows that it found, dbt's message, when, schema.table or None)."""


def models_and_tests_go_well(context: Context) -> list[Finding]:
    """One finding for runs, one for when the tests were run, and one for each test that does not pass."""
    ((last_run,),) = context.rows("select max(ended_at) from ops.runs")
    results = context.rows(TESTS, now=context.now)
    return [
        judge_runs(context.rows(FAILED_RUNS, now=context.now)),
        judge_lateness(results, last_run, context),
        *judge_tests(results),
    ]


def judge_runs(failed: Sequence[FailedModel]) -> Finding:
    """Models that failed and were not built since, the newest failure first."""
    last = max((when for _, _, _, when, _ in failed), default=None)
    starters = sorted({started_by for _, started_by, _, _, _ in failed})
    return Finding(
        check="dbt_runs",
        subject="dbt",
        asset=(),
        severity="error" if failed else "ok",
        message=(
            f"{counted(len(failed), 'model')} failed and {'has' if len(failed) == 1 else 'have'} not been built since:"
            f" {listed([name for name, *_ in failed])}; last at {at_utc(last)} (by {', '.join(starters)})."
            if last is not None
            else "Every model that ran was built."
        ),
        advice=(
            "The error stands in the run's log: of Dagster in its run, of `landfall refresh` in its output. What is"
            " already in the tables stays right; a model catches up by itself once it can be built."
            if failed
            else ""
        ),
        value=len(failed),
        unit="models",
    )


def judge_lateness(results: Sequence[TestResult], last_run: datetime | None, context: Context) -> Finding:
    """Whether the tests were run lately, and how many passed. `results`: the newest first."""
    tested = [result for result in results if result[1] != "skipped"]
    passed = sum(status == "pass" for _, status, *_ in tested)
    newest = tested[0][4] if tested else None
    age = None if newest is None else context.seconds_since(newest)
    allowed = context.limits.tests_late_hours * 3_600
    late = age is not None and newest is not None and last_run is not None and last_run > newest and age >= allowed
    when = f", last {duration(age)} ago" if age is not None else ""
    return Finding(
        check="dbt_tests",
        subject="dbt",
        asset=(),
        severity="warn" if late else "ok",
        message=(
            f"{passed:,} of {counted(len(tested), 'test')} of the last 7 days passed{when}."
            if tested
            else "No test was run in the last 7 days."
        ),
        advice="Does Dagster's schedule run? `dbt build` runs them by hand." if late else "",
        value=None if age is None else round(age, 1),
        unit="seconds",
    )


def judge_tests(results: Sequence[TestResult]) -> list[Finding]:
    """A finding for each test whose newest result is not good, but for those whose question other checks ask better."""
    judged = (result for result in results if result[0] not in JUDGED_WITHIN_BOUNDS)
    bad = [result for result in judged if result[1] in ("warn", "fail", "error")]
    return [
        Finding(
            check="dbt_tests",
            subject=test,
            asset=tuple(relation.split(".", 1)) if relation else (),
            severity="warn" if status == "warn" else "error",
            message=f"The test {test}{f' of {relation}' if relation else ''} {outcome(status, failures, message)}.",
            advice=f'`dbt show --select {test}` in dbt_project shows them, after `eval "$(landfall env)"`.',
            value=failures,
            unit="rows",
        )
        for test, status, failures, message, _, relation in bad
    ]


def outcome(status: str, failures: int, message: str) -> str:
    """What became of a test that is not good."""
    if status == "error":
        return f"could not run: {' '.join(message.split())[:300].rstrip('.')}"
    return f"found {counted(failures, 'row')} that {'breaks' if failures == 1 else 'break'} its rule"


CHECKS = (
    Check("dbt_runs", "Was every model built at its last run?", no_asset, models_and_tests_go_well, "dbt"),
    Check(
        "dbt_tests", "Does every dbt test pass, and were they run lately?", no_asset, models_and_tests_go_well, "dbt"
    ),
)
