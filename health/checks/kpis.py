"""Whether the KPIs look as usual: the last whole hour against the same hour of the last seven days."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from health.check import Check, marts
from health.context import Context
from health.findings import Finding, Severity, Unit, graded
from health.limits import Limits
from landfall.wording import counted, share
from warehouse.dbt_vars import dbt_vars
from warehouse.reporting_timezone import zones_counted

DAYS = 7

# Each: (start of the hour in the reporting time zone, events, of which bots'), for the hours asked for.
BY_HOUR = {
    "kpi_product_views_hourly": """
        select event_date + event_hour * interval '1 hour', sum(views)::bigint, sum(views - human_views)::bigint
        from intermediate.int_product_views__hourly
        where (event_date, event_hour) in (select h::date, extract(hour from h)::integer from unnest(%(hours)s) as h)
        group by 1
    """,
    "kpi_web_actions_5min": """
        select date_trunc('hour', window_start at time zone %(zone)s), sum(request_count)::bigint,
            sum(request_count - human_request_count)::bigint
        from intermediate.int_web_actions__5min
        where date_trunc('hour', window_start at time zone %(zone)s) = any(%(hours)s)
            and window_start > %(first)s
        group by 1
    """,
    "kpi_jobs_hourly": """
        select event_date + event_hour * interval '1 hour', sum(clicks)::bigint, 0::bigint
        from intermediate.int_job_events__hourly
        where (event_date, event_hour) in (select h::date, extract(hour from h)::integer from unnest(%(hours)s) as h)
        group by 1
    """,
}
PAYMENTS = """
select date_trunc('hour', window_start at time zone %(zone)s),
    sum(attempts)::bigint,
    sum(payment_errors)::bigint
from marts.kpi_web_payment_errors_5min
where date_trunc('hour', window_start at time zone %(zone)s) = any(%(hours)s) and window_start > %(first)s
group by 1
"""
NEWEST = {
    "kpi_product_views_hourly": "select max(newest_event_at) from intermediate.int_product_events__newest",
    "kpi_web_actions_5min": "select max(newest_event_at) from intermediate.int_web_requests__newest",
    "kpi_jobs_hourly": "select max(newest_event_at) from intermediate.int_job_events__newest",
}
COUNTS = {
    "kpi_product_views_hourly": ("views", "product views"),
    "kpi_web_actions_5min": ("requests", "requests"),
    "kpi_jobs_hourly": ("clicks", "clicks"),
}
"""By mart: the check's name, and what it counts."""
WITH_BOTS = ("kpi_product_views_hourly", "kpi_web_actions_5min")
PAYMENT_MART = "kpi_web_payment_errors_5min"

Hours = Mapping[datetime, tuple[int, int]]
"""Start of an hour, without zone, to (count, part of it: bots' or failed)."""


@dataclass(frozen=True)
class Compared:
    """The last whole hour, and the same hour of the days before that have events."""

    hour: datetime
    count: int
    part: int
    usual: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, hours: Hours, hour: datetime) -> Compared:
        """From the counts of the hours."""
        days = (hours.get(hour - timedelta(days=day)) for day in range(1, DAYS + 1))
        return cls(hour, *hours.get(hour, (0, 0)), tuple(day for day in days if day is not None and day[0] > 0))

    @property
    def ratio(self) -> float:
        """The part, of the count."""
        return self.part / self.count if self.count else 0.0

    @property
    def says(self) -> str:
        """Which hour it is, for a sentence."""
        return f"{self.hour:%Y-%m-%d %H}:00 to {self.hour + timedelta(hours=1):%H}:00"

    def usual_ratio(self, limits: Limits) -> float | None:
        """The days' median ratio; None without enough of them."""
        ratios = [part / count for count, part in self.usual]
        return statistics.median(ratios) if len(ratios) >= limits.least_days else None


def kpis_are_as_usual(context: Context) -> list[Finding]:
    """Findings about volume, bots and payments; nothing is judged of an hour that the marts do not show whole."""
    zone = counted_zone(context)
    ((lateness,),) = context.rows("select %(lateness)s::interval", lateness=dbt_vars()["allowed_lateness"])
    hour = last_whole_hour(context.now, zone, lateness)
    hours = [hour - timedelta(days=day) for day in range(DAYS + 1)]
    first = context.now - timedelta(days=DAYS + 1)
    findings = []
    for mart, (check, what) in COUNTS.items():
        ((newest,),) = context.rows(NEWEST[mart])
        whole = newest is not None and newest.astimezone(zone).replace(tzinfo=None) >= hour + timedelta(hours=1)
        found = context.rows(BY_HOUR[mart], hours=hours, zone=zone.key, first=first) if whole else []
        compared = Compared.of({start: (count, part) for start, count, part in found}, hour) if whole else None
        findings.append(judge_volume(mart, check, what, compared, context.limits))
        if mart in WITH_BOTS:
            findings.append(judge_bots(mart, what, compared, context.limits))
        if mart == "kpi_web_actions_5min":
            paid = context.rows(PAYMENTS, hours=hours, zone=zone.key, first=first) if whole else []
            payments = {start: (attempts, errors) for start, attempts, errors in paid}
            findings.append(judge_payments(Compared.of(payments, hour) if whole else None, context.limits))
    return findings


def counted_zone(context: Context) -> ZoneInfo:
    """The zone that the hours of the marts are of."""
    return ZoneInfo(next(iter(zones_counted(context.connection)), context.reporting_timezone))


def last_whole_hour(now: datetime, zone: ZoneInfo, lateness: timedelta) -> datetime:
    """Start of the last hour that nothing late is expected for, as the marts write it: in `zone`, without it.

    `lateness`: how long after its end an hour is whole.
    """
    settled = (now - lateness).astimezone(zone).replace(tzinfo=None)
    return settled.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)


def finding(
    check: str, mart: str, severity: Severity, message: str, advice: str, value: float | None, unit: Unit
) -> Finding:
    """A finding of a mart."""
    return Finding(
        check, f"marts.{mart}", ("marts", mart), severity, message, "" if severity == "ok" else advice, value, unit
    )


def unjudged(check: str, mart: str, unit: Unit) -> Finding:
    """The hour is not whole in the mart: what is late or away is said by other checks."""
    return finding(check, mart, "ok", "The last hour is not whole in the mart, so it is not judged.", "", None, unit)


def judge_volume(mart: str, check: str, what: str, compared: Compared | None, limits: Limits) -> Finding:
    """The hour's count against the median of the days. Robust: one odd day moves neither median nor spread."""
    name = f"usual_{check}"
    if compared is None:
        return unjudged(name, mart, "events")
    counts = [count for count, _ in compared.usual]
    usual = statistics.median(counts) if counts else 0.0
    if len(counts) < limits.least_days or usual < limits.least_events:
        message = (
            f"{compared.says}: {compared.count:,} {what}; not compared, as fewer than {limits.least_days} of the last"
            f" {DAYS} days have {limits.least_events} at that hour."
        )
        return finding(name, mart, "ok", message, "", compared.count, "events")
    spread = 1.4826 * statistics.median(abs(count - usual) for count in counts)
    allowed = max(limits.volume_share * usual, limits.volume_deviations * spread)
    odd = abs(compared.count - usual) > allowed
    low, high = max(usual - allowed, 0), usual + allowed
    message = (
        f"{compared.says}: {compared.count:,} {what}; usual are {usual:,.0f} (median of {len(counts)} days)"
        f", and {low:,.0f} to {high:,.0f} within bounds."
    )
    advice = (
        "Fewer: does part of the shop send nothing? More: a campaign, bots (check bot_share), or events sent again"
        " under new keys? The mart's hours before show when it began."
    )
    return finding(name, mart, "warn" if odd else "ok", message, advice, compared.count, "events")


def judge_bots(mart: str, what: str, compared: Compared | None, limits: Limits) -> Finding:
    """The bots' part of the hour."""
    if compared is None:
        return unjudged("bot_share", mart, "ratio")
    usual = compared.usual_ratio(limits)
    rise = usual is not None and compared.ratio >= usual + limits.bot_share_rise_warn
    odd = compared.count >= limits.least_events and (compared.ratio >= limits.bot_share_warn or rise)
    message = (
        f"{compared.says}: {share(compared.ratio)} of {counted(compared.count, what.rstrip('s'))} were bots'"
        f"{f'; {share(usual)} is usual' if usual is not None else ''}."
    )
    advice = (
        "The `human_` columns are not affected. marts.kpi_web_bot_ips_minutely and dim_user_agent say who they are."
    )
    return finding("bot_share", mart, "warn" if odd else "ok", message, advice, round(compared.ratio, 6), "ratio")


def judge_payments(compared: Compared | None, limits: Limits) -> Finding:
    """The part of the hour's payments that failed."""
    if compared is None:
        return unjudged("payment_errors", PAYMENT_MART, "ratio")
    usual = compared.usual_ratio(limits)
    severity = graded(compared.ratio, limits.payment_error_warn, limits.payment_error_error)
    if severity == "ok" and usual is not None and compared.ratio >= usual + limits.payment_error_rise_warn:
        severity = "warn"
    message = (
        f"{compared.says}: {compared.part:,} of {counted(compared.count, 'payment')} failed ({share(compared.ratio)})"
        f"{f'; {share(usual)} is usual' if usual is not None else ''}."
    )
    advice = "Look at the payment service: marts.kpi_web_payment_errors_5min says since when."
    judged: Severity = severity if compared.count >= limits.least_payments else "ok"
    return finding("payment_errors", PAYMENT_MART, judged, message, advice, round(compared.ratio, 6), "ratio")


CHECKS = (
    *(
        Check(
            f"usual_{name}",
            f"Are there as many {what} as is usual at this hour?",
            marts(mart),
            kpis_are_as_usual,
            "kpis",
        )
        for mart, (name, what) in COUNTS.items()
    ),
    Check("bot_share", "Are bots no more than is usual?", marts(*WITH_BOTS), kpis_are_as_usual, "kpis"),
    Check("payment_errors", "Does paying work?", marts(PAYMENT_MART), kpis_are_as_usual, "kpis"),
)
