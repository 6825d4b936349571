"""Does anything of ours wait for a lock, and for whom?"""

from collections.abc import Sequence
from datetime import datetime

from database.locks import Waiter, waiters
from health.check import Check, no_asset
from health.context import Context
from health.findings import Finding, graded
from health.limits import Limits
from landfall.plain_text import printable
from landfall.wording import duration


def nobody_waits_long(context: Context) -> list[Finding]:
    """One finding about all who wait."""
    return [judge(waiters(context.connection), context.now, context.limits)]


def judge(waiting: Sequence[Waiter], now: datetime, limits: Limits) -> Finding:
    """The longest wait counts. `now`: UTC."""

    def seconds(waiter: Waiter) -> float:
        return max((now - waiter.since).total_seconds(), 0.0)

    first = max(waiting, key=seconds, default=None)
    if first is None or seconds(first) < limits.waits_warn_seconds:
        return Finding("waits", "warehouse", (), "ok", "Nobody waits for long.", "", 0.0, "seconds")
    waited = seconds(first)
    severity = graded(waited, limits.waits_warn_seconds, limits.waits_error_seconds)
    message = f"{printable(first.name)} (pid {first.pid}) has waited {duration(waited)} for {first.blocker}."
    advice = (
        "A long run of the models ends by itself. A session that is nobody's: as its own role or a superuser, run"
        f" `select pg_terminate_backend({first.blocker_pid})`."
    )
    return Finding("waits", "warehouse", (), severity, message, advice, waited, "seconds")


CHECKS = (Check("waits", "Does nothing wait long for a lock?", no_asset, nobody_waits_long, "waits"),)
