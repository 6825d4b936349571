"""Do the services of `landfall serve` stay up? What dies is started again, so the state of the moment says nothing."""

from collections.abc import Iterable
from datetime import datetime

from health.check import Check, no_asset
from health.context import Context
from health.findings import Finding, Severity, graded
from health.limits import Limits
from landfall.services import ServiceRecord
from landfall.wording import counted, duration


def services_stay_up(context: Context) -> list[Finding]:
    """One finding for each service that a running `landfall serve` of this state folder keeps running."""
    return judge(context.services, context.now, context.limits)


def judge(services: Iterable[ServiceRecord], now: datetime, limits: Limits) -> list[Finding]:
    """A service that ended once is worth a look, one that dies again and again is wrong. `now`: UTC."""
    return [judge_one(service, now.timestamp(), limits) for service in services]


def judge_one(service: ServiceRecord, now: float, limits: Limits) -> Finding:
    """The finding about one service. `now`: seconds since 1970."""
    recent = [end for end in service.ends if now - end.at <= limits.recent_minutes * 60]
    severity: Severity = graded(len(recent), 1, limits.service_ends_error)
    message, advice = "It stays up.", ""
    if service.given_up:
        severity, message = "warn", f"It has ended for good: {service.given_up}."
        advice = "Stop the other one, or this `landfall serve`."
    elif recent:
        last = recent[-1]
        message = (
            f"It ended {counted(len(recent), 'time')} in the last {duration(limits.recent_minutes * 60)}, the last time"
            f" {last.how}, {duration(max(now - last.at, 0))} ago; it said: {last.said}"
        )
        advice = "It is started again by itself: do what it says. Its log in the state folder says more."
    return Finding("services", service.name, (), severity, message, advice, float(len(recent)), "ends")


CHECKS = (Check("services", "Do the services of `landfall serve` stay up?", no_asset, services_stay_up, "services"),)
