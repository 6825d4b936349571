"""Whether the marts are counted in the zone that is set: no refresh adds to them in another one."""

from collections.abc import Sequence

from health.check import Check, no_asset
from health.context import Context
from health.findings import Finding
from warehouse.reporting_timezone import zones_counted


def marts_are_in_the_zone_that_is_set(context: Context) -> list[Finding]:
    """One finding."""
    return [judge(zones_counted(context.connection), context.reporting_timezone)]


def judge(counted: Sequence[str], wanted: str) -> Finding:
    """`counted`: the zones of the tables; none before anything was counted."""
    others = [zone for zone in counted if zone != wanted]
    return Finding(
        check="reporting_timezone",
        subject="marts",
        asset=(),
        severity="error" if others else "ok",
        message=(
            f"Tables are counted in {' and '.join(others)}, and the reporting timezone is {wanted}: no refresh adds to"
            " them."
            if others
            else f"Days and hours are those of {wanted}."
        ),
        advice=(
            "Run `landfall refresh --full-refresh`, which counts all of them anew, or set LANDFALL_REPORTING_TIMEZONE"
            f" back to {others[0]}, in the environment of whatever refreshes."
            if others
            else ""
        ),
        value=len(others),
        unit="zones",
    )


CHECKS = (
    Check(
        "reporting_timezone",
        "Are the marts counted in the zone that is set?",
        no_asset,
        marts_are_in_the_zone_that_is_set,
        "zone",
    ),
)
