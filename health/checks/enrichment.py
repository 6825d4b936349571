"""Whether user agents, addresses and referrers can be judged, and whether the process that has them judged lives."""

from collections.abc import Sequence
from datetime import timedelta

from health.check import Check, no_asset
from health.context import Context
from health.findings import Finding, graded
from health.limits import Limits
from landfall.wording import counted, listed

SET_APART = """
select kind, count(*), (array_agg(reason order by set_apart_at desc))[1]
from ops.texts_set_apart where set_apart_at > %(since)s
group by 1 order by 2 desc, 1
"""
FAILURES = "select reason from ops.enricher_failures where noted_at > %(since)s order by noted_at desc"

SetApart = tuple[str, int, str]
"""(kind of text, how many, the newest reason)."""


def texts_can_be_judged(context: Context) -> list[Finding]:
    """One finding for texts, one for the process."""
    since = context.now - timedelta(hours=context.limits.seen_within_hours)
    recent = context.now - timedelta(minutes=context.limits.recent_minutes)
    return [
        judge_texts(context.rows(SET_APART, since=since), context.limits),
        judge_process([reason for (reason,) in context.rows(FAILURES, since=recent)], context.limits),
    ]


def judge_texts(rows: Sequence[SetApart], limits: Limits) -> Finding:
    """Texts on which the rules failed lately, by kind."""
    texts = sum(count for _, count, _ in rows)
    kinds = listed([f"{kind} {count:,} ({reason.rstrip('.')})" for kind, count, reason in rows])
    within = f"in the last {limits.seen_within_hours:g} hours"
    return Finding(
        check="texts_set_apart",
        subject="enrichment",
        asset=(),
        severity="warn" if texts else "ok",
        message=(
            f"The rules failed on {counted(texts, 'text')} {within}: {kinds}."
            if texts
            else f"The rules judged every text that came {within}."
        ),
        advice=(
            "Their events are counted, as those of people and of no known place. ops.texts_set_apart has the keys;"
            " another version of the rules tries them again."
            if texts
            else ""
        ),
        value=texts,
        unit="texts",
    )


def judge_process(reasons: Sequence[str], limits: Limits) -> Finding:
    """How often the process beside the landing ended lately. `reasons`: the newest first."""
    severity = graded(len(reasons), limits.enricher_failures_warn, limits.enricher_failures_error)
    within = f"in the last {limits.recent_minutes:g} minutes"
    return Finding(
        check="enricher",
        subject="enrichment",
        asset=(),
        severity=severity,
        message=(
            f"The enricher ended {counted(len(reasons), 'time')} {within}, last {reasons[0]}."
            if reasons
            else f"The enricher did not fail {within}."
        ),
        advice=(
            "No mart shows what is not enriched. The log of `landfall land` says what it did; a kill (signal SIGKILL)"
            " may be the kernel's, for want of memory."
            if severity != "ok"
            else ""
        ),
        value=len(reasons),
        unit="ends",
    )


CHECKS = (
    Check(
        "texts_set_apart",
        "Can every user agent, address and referrer be judged?",
        no_asset,
        texts_can_be_judged,
        "enrichment",
    ),
    Check(
        "enricher",
        "Does the process that enriches beside the landing keep running?",
        no_asset,
        texts_can_be_judged,
        "enrichment",
    ),
)
