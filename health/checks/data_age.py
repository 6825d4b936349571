"""How old the data of each mart is: not since its last run, but since something landed that it does not show yet."""

from collections.abc import Iterable
from datetime import datetime

from health.check import Check, every_judged_mart
from health.context import Context
from health.findings import Finding, graded
from health.limits import Limits
from landfall.wording import counted, duration
from warehouse.catalogue import judged_marts

# Per mart and stream: since when the oldest load waits that is not in the mart, and how many do. Change loads do not
# count: they bring no data. Several marts are as far as each other; each position is looked up once.
BEHIND = """
with marts as (
    select mart, stream, newest_load_id as load_id from ops.freshness
),

reached as (
    select distinct stream, load_id from marts
),

waiting as (
    select
        r.stream,
        r.load_id,
        oldest.landed_at,
        (
            select count(*) from landing.loads as l
            where l.stream = r.stream and l.load_id > greatest(r.load_id, s.last_load_id - %(newest)s)
                and l.kind = 'events' and l.state <> 'open'
        ) as loads
    from reached as r
    inner join landing.streams as s on s.stream = r.stream
    left join lateral (
        select coalesce(l.finished_at, l.landed_at) as landed_at from landing.loads as l
        where l.stream = r.stream and l.load_id > r.load_id and l.kind = 'events' and l.state <> 'open'
        order by l.load_id limit 1
    ) as oldest on true
)

select m.mart, m.stream, w.landed_at, w.loads
from marts as m
inner join waiting as w using (stream, load_id)
order by 1, 2
"""
Waiting = tuple[str, str, datetime | None, int]
"""(mart, stream, since when the oldest load waits or None, loads that wait)."""


def marts_show_what_landed(context: Context) -> list[Finding]:
    """A finding for every KPI table and fact."""
    judged = set(judged_marts(context.catalogue))
    return judge([row for row in context.rows(BEHIND) if row[0] in judged], context.now, context.limits)


def judge(rows: Iterable[Waiting], now: datetime, limits: Limits) -> list[Finding]:
    """One finding a mart, about the stream that it is furthest behind."""
    ages: dict[str, tuple[float, str, int]] = {}
    for mart, stream, since, loads in rows:
        age = 0.0 if since is None else max((now - since).total_seconds(), 0.0)
        if mart not in ages or age > ages[mart][0]:
            ages[mart] = (age, stream, loads)
    return [judge_mart(mart, *found, limits) for mart, found in ages.items()]


def judge_mart(mart: str, age: float, stream: str, loads: int, limits: Limits) -> Finding:
    """`age`: seconds since the oldest load finished that is not in it, 0 when it shows all."""
    severity = graded(age, limits.data_age_warn_seconds, limits.data_age_error_seconds)
    return Finding(
        check="data_age",
        subject=f"marts.{mart}",
        asset=("marts", mart),
        severity=severity,
        message=(
            f"It does not show {counted(loads, 'load')} of {stream}, the oldest of which landed {duration(age)} ago."
            if loads
            else "It shows everything that has landed."
        ),
        advice=(
            ""
            if severity == "ok"
            else "Does `landfall refresh --watch` run, or Dagster? If so, see check dbt_runs, and whether the"
            " enricher keeps up; a load that stays open holds all later ones back."
        ),
        value=round(age, 1),
        unit="seconds",
    )


CHECKS = (
    Check(
        "data_age",
        "Does it show what landed longer than a minute ago?",
        every_judged_mart,
        marts_show_what_landed,
        "data_age",
    ),
)
