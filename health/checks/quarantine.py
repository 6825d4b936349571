"""What could not be landed: its part of the newest records, and how much waits for somebody to look at it."""

from collections.abc import Sequence
from datetime import timedelta

from health.check import Check, every_stream
from health.context import Context
from health.findings import Finding, graded
from health.limits import Limits
from landfall.wording import counted, listed, share

RECENT = """
select coalesce(sum(s.landed), 0)::bigint, coalesce(sum(s.quarantined), 0)::bigint
from landing.loads as l
inner join landing.slices as s using (stream, load_id)
where
    l.stream = %(stream)s
    and l.load_id > (select last_load_id - %(newest)s from landing.streams where stream = %(stream)s)
    and l.landed_at > %(since)s
"""
MOST_COUNTED = 100_001
# By the partial index of what waits; of a quarantine that is fuller than that nobody needs the exact number.
WAITING = """
select reason, count(*) from (
    select reason from landing.quarantine
    where stream = %(stream)s and replayed_load_id is null limit %(most)s
) as waiting
group by 1 order by 2 desc, 1
"""


def records_can_be_landed(context: Context) -> list[Finding]:
    """Two findings for every stream."""
    findings = []
    since = context.now - timedelta(minutes=context.limits.recent_minutes)
    for stream in context.contracts:
        ((landed, quarantined),) = context.rows(RECENT, stream=stream, since=since)
        findings.append(judge_share(stream, landed, quarantined, context.limits))
        findings.append(judge_waiting(stream, context.rows(WAITING, stream=stream, most=MOST_COUNTED), context.limits))
    return findings


def judge_share(stream: str, landed: int, quarantined: int, limits: Limits) -> Finding:
    """The part of the newest records that was quarantined."""
    records = landed + quarantined
    part = quarantined / records if records else 0.0
    judged = records >= limits.least_records
    severity = graded(part, limits.quarantine_share_warn, limits.quarantine_share_error) if judged else "ok"
    minutes = f"the last {limits.recent_minutes:g} minutes"
    return Finding(
        check="quarantine_share",
        subject=stream,
        asset=("landing", stream),
        severity=severity,
        message=(
            f"{counted(quarantined, 'record')} of {records:,} ({share(part)}) of {minutes} could not be landed."
            if records
            else f"Nothing came in {minutes}."
        ),
        advice="" if severity == "ok" else "`landfall quarantine list` says why; tell the producer.",
        value=round(part, 6) if records else None,
        unit="ratio",
    )


def judge_waiting(stream: str, reasons: Sequence[tuple[str, int]], limits: Limits) -> Finding:
    """How much is in quarantine that was not replayed. `reasons`: (reason, records), the most frequent first."""
    waiting = sum(records for _, records in reasons)
    severity = graded(waiting, limits.quarantine_waiting_warn, limits.quarantine_waiting_error)
    number = f"more than {MOST_COUNTED - 1:,} records" if waiting >= MOST_COUNTED else counted(waiting, "record")
    return Finding(
        check="quarantine_waiting",
        subject=stream,
        asset=("landing", stream),
        severity=severity,
        message=(
            f"{number} in quarantine: {listed([f'{reason} {records:,}' for reason, records in reasons])}."
            if reasons
            else "Nothing is in quarantine."
        ),
        advice=(
            ""
            if severity == "ok"
            else "See `landfall quarantine show`. Once the cause is mended, `landfall quarantine replay` lands them;"
            " `landfall retention` deletes old ones."
        ),
        value=waiting,
        unit="records",
    )


CHECKS = (
    Check(
        "quarantine_share", "Can nearly all new records be landed?", every_stream, records_can_be_landed, "quarantine"
    ),
    Check("quarantine_waiting", "Is the quarantine nearly empty?", every_stream, records_can_be_landed, "quarantine"),
)
