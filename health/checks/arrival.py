"""Whether every stream delivers within the time that its contract promises."""

from datetime import datetime

from health.check import Check, every_stream
from health.context import Context
from health.findings import Finding, graded
from landfall.wording import at_utc, duration

NEWEST = """
select
    s.created_at,
    (
        select l.landed_at from landing.loads as l
        where l.stream = s.stream and l.kind = 'events' and l.state <> 'open'
            and l.load_id > s.last_load_id - %(newest)s
        order by l.load_id desc limit 1
    )
from landing.streams as s
where s.stream = %(stream)s
"""


def streams_deliver_in_time(context: Context) -> list[Finding]:
    """A finding for every stream whose contract says how often it delivers."""
    findings = []
    for stream, contract in context.contracts.items():
        if contract.expected_every_seconds is None:
            continue
        rows = context.rows(NEWEST, stream=stream)
        created_at, newest = rows[0] if rows else (context.now, None)
        findings.append(judge(stream, context, newest, created_at, contract.expected_every_seconds))
    return findings


def judge(stream: str, context: Context, newest: datetime | None, created_at: datetime, expected: float) -> Finding:
    """`newest`: when its newest load landed; without one, the time counts from when the stream was set up."""
    age = context.seconds_since(newest or created_at)
    severity = graded(age, expected, expected * context.limits.arrival_error_times)
    said = (
        f"The newest records landed {duration(age)} ago" if newest else f"Nothing has come since {at_utc(created_at)}"
    )
    return Finding(
        check="arrival",
        subject=stream,
        asset=("landing", stream),
        severity=severity,
        message=f"{said}; expected is something every {duration(expected)}.",
        advice=(
            ""
            if severity == "ok"
            else f"Ask its producer, and see check landing_lag. Where that is its pace, say so in slaProperties of the"
            f" contract landing_stream/contracts/{stream}.yaml."
        ),
        value=round(age, 1),
        unit="seconds",
    )


CHECKS = (
    Check(
        "arrival",
        "Has the stream delivered within its expected time?",
        every_stream,
        streams_deliver_in_time,
        "arrival",
    ),
)
