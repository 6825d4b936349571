"""What is odd about the events themselves: unknown hosts and types, rejected, contradicting, unreadable ones."""

from collections.abc import Sequence
from datetime import timedelta

from health.check import Check, every_stream, streams_that_count
from health.context import Context
from health.findings import Finding, graded
from health.limits import Limits
from landfall.wording import counted, duration, listed, share
from warehouse.catalogue import of_kind

RECENT = """
select
    coalesce(sum(a.landed), 0)::bigint,
    coalesce(sum(a.rejected), 0)::bigint,
    coalesce(sum(a.conflicting_duplicates), 0)::bigint
from landing.loads as l
inner join {accounts} as a using (load_id)
where
    l.stream = %(stream)s
    and l.load_id > (select last_load_id - %(newest)s from landing.streams where stream = %(stream)s)
    and l.landed_at > %(since)s
"""
# These issues are counted by value, ever, in small tables; rejected and conflicting_duplicate would be read row by row.
SEEN = """
select stream, issue, detail, events
from ops.data_quality
where issue = any(%(issues)s) and newest_kafka_timestamp > %(since)s
order by 1, 2, events desc, detail
"""
# Of the planner's statistics, which autovacuum keeps: exact enough for a part of 5 %.
EVENTS_EVER = """
select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
from pg_partition_tree(to_regclass(%(relation)s)) as t
inner join pg_class as c on c.oid = t.relid
where t.isleaf
"""
UNKNOWN = {
    "host": (
        "unmapped_hosts",
        "unmapped_host",
        "Add it to dbt_project/seeds/host_countries.csv with its country (or as an environment that is not production),"
        " then `landfall refresh --from DAY --to DAY` counts its days again.",
    ),
    "event_type": (
        "unknown_event_types",
        "unknown_event_type",
        "Add it to dbt_project/seeds/event_types.csv once its meaning is known; until then it is kept and not counted.",
    ),
}
"""By kind of the values that are counted: the check, the issue in ops.data_quality, and what to do."""
ODD = ("bad_cast", "from_future", "unknown_currency")

Seen = tuple[str, int]
"""(host, event type or field; its events, ever)."""


def events_make_sense(context: Context) -> list[Finding]:
    """Findings of every stream that has a fact."""
    since = context.now - timedelta(hours=context.limits.seen_within_hours)
    issues = [*(issue for _, issue, _ in UNKNOWN.values()), *ODD]
    seen: dict[tuple[str, str], list[Seen]] = {}
    for stream, issue, detail, events in context.rows(SEEN, issues=issues, since=since):
        seen.setdefault((stream, issue), []).append((detail, events))
    findings = []
    for stream, values in of_kind(context.catalogue, "values").items():
        for kind, (check, issue, advice) in UNKNOWN.items():
            if kind in values.counts:
                found = seen.get((stream, issue), [])
                findings.append(judge_unknown(stream, check, issue, advice, found, context.limits))
    facts, rejections = context.models("events"), context.models("rejected")
    for stream, accounts in context.models("accounts").items():
        recent = context.now - timedelta(minutes=context.limits.recent_minutes)
        query = RECENT.format(accounts=accounts)
        ((landed, rejected, conflicting),) = context.rows(query, stream=stream, since=recent)
        findings.append(judge_rejected(stream, rejections.get(stream, ""), landed, rejected, context.limits))
        findings.append(judge_conflicting(stream, landed, conflicting, context.limits))
        ever = context.rows(EVENTS_EVER, relation=facts.get(stream, ""))
        odd = [(f"{issue} {detail}", count) for issue in ODD for detail, count in seen.get((stream, issue), [])]
        findings.append(judge_odd(stream, odd, ever[0][0] if ever else 0, context.limits))
    return findings


def judge_unknown(stream: str, check: str, issue: str, advice: str, seen: Sequence[Seen], limits: Limits) -> Finding:
    """Hosts or event types that came lately and that nobody has classified. `seen`: the most frequent first."""
    events = sum(count for _, count in seen)
    what = issue.replace("_", " ")
    within = duration(limits.seen_within_hours * 3_600)
    return Finding(
        check=check,
        subject=stream,
        asset=("landing", stream),
        severity="warn" if seen else "ok",
        message=(
            f"{counted(len(seen), what)} seen in the last {within}: {listed([name for name, _ in seen])};"
            f" {counted(events, 'event')} so far."
            if seen
            else f"No {what} was seen in the last {within}."
        ),
        advice=advice if seen else "",
        value=len(seen),
        unit="hosts" if issue == "unmapped_host" else "types",
    )


def judge_rejected(stream: str, relation: str, landed: int, rejected: int, limits: Limits) -> Finding:
    """The part of the newest landed records that have no key or no usable time, or came too late.

    `relation` holds the former, ops.late_events the others.
    """
    part = rejected / landed if landed else 0.0
    judged = landed >= limits.least_records
    severity = graded(part, limits.rejected_share_warn, limits.rejected_share_error) if judged else "ok"
    return Finding(
        check="rejected_share",
        subject=stream,
        asset=("landing", stream),
        severity=severity,
        message=recently(rejected, landed, part, "had no key, no usable time, or came too late", limits),
        advice=(
            ""
            if severity == "ok"
            else f"{relation} and ops.late_events say why; they are in no mart. Tell the producer."
        ),
        value=round(part, 6) if landed else None,
        unit="ratio",
    )


def judge_conflicting(stream: str, landed: int, conflicting: int, limits: Limits) -> Finding:
    """The part of the newest landed records that repeat a key and contradict the event that is held."""
    part = conflicting / landed if landed else 0.0
    warns = landed >= limits.least_records and part >= limits.conflicting_share_warn
    return Finding(
        check="conflicting_duplicates",
        subject=stream,
        asset=("landing", stream),
        severity="warn" if warns else "ok",
        message=recently(conflicting, landed, part, "repeated a key and said something else", limits),
        advice="The first event of a key counts. Does the producer number its events anew?" if warns else "",
        value=round(part, 6) if landed else None,
        unit="ratio",
    )


def recently(part: int, landed: int, ratio: float, what: str, limits: Limits) -> str:
    """How many of the newest records were so."""
    minutes = f"the last {limits.recent_minutes:g} minutes"
    if not landed:
        return f"The models have read nothing of {minutes}."
    return f"{counted(part, 'record')} of {landed:,} ({share(ratio)}) of {minutes} {what}."


def judge_odd(stream: str, odd: Sequence[Seen], events_ever: int, limits: Limits) -> Finding:
    """Values that could not be read, by field; judged by the field with the most. `events_ever`: how many
    there are, about."""
    most = max((count for _, count in odd), default=0)
    part = most / events_ever if events_ever >= limits.least_records else 0.0
    warns = part >= limits.odd_share_warn
    within = duration(limits.seen_within_hours * 3_600)
    ranked = sorted(odd, key=lambda item: (-item[1], item[0]))
    return Finding(
        check="odd_values",
        subject=stream,
        asset=("landing", stream),
        severity="warn" if warns else "ok",
        message=(
            f"Seen in the last {within}, with their events so far: "
            f"{listed([f'{name} {count:,}' for name, count in ranked])}."
            if odd
            else f"Every value of the last {within} could be read."
        ),
        advice=(
            "A field changed its form: see ops.data_quality, and the field's cast in dbt_project/models/staging."
            if warns
            else ""
        ),
        value=most,
        unit="events",
    )


CHECKS = (
    Check(
        "rejected_share",
        "Do nearly all new records have a key and a usable time?",
        every_stream,
        events_make_sense,
        "events",
    ),
    Check(
        "conflicting_duplicates",
        "Do records that repeat a key say the same?",
        every_stream,
        events_make_sense,
        "events",
    ),
    Check(
        "odd_values",
        "Can nearly all values be read as what they are meant to be?",
        every_stream,
        events_make_sense,
        "events",
    ),
    Check(
        "unmapped_hosts",
        "Is every host that events come from known?",
        streams_that_count("host"),
        events_make_sense,
        "events",
    ),
    Check(
        "unknown_event_types",
        "Is every event type known?",
        streams_that_count("event_type"),
        events_make_sense,
        "events",
    ),
)
