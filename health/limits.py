"""From when on a figure is worth a word: every bound of the checks, in one place."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from landfall.errors import UserError


@dataclass(frozen=True)
class Limits:
    """Bounds of the checks. A YAML file named by LANDFALL_HEALTH_LIMITS changes some of them, by these names.

    `…_warn` and `…_error`: from this figure on the finding has that severity.
    """

    data_age_warn_seconds: float = 60
    """Age of the oldest load that has finished and is in no mart. A warm refresh takes seconds, the schedule to 90."""
    data_age_error_seconds: float = 300
    landing_lag_warn_seconds: float = 60
    """Age of the oldest record that waits in Kafka. Records land within about a second."""
    landing_lag_error_seconds: float = 300
    landing_stopped_seconds: float = 60
    """Since the last commit, while records wait as long. A restart of the landing takes 10."""
    arrival_error_times: float = 3
    """A stream is late when it delivers nothing for the time of its contract (`slaProperties`), and badly late after
    this multiple of it."""
    gap_alert_hours: float = 24
    """From its finding on, a gap in the offsets counts as news."""
    recent_minutes: float = 15
    """Shares are those of the loads that landed in these last minutes."""
    least_records: int = 100
    """No share is judged over fewer records."""
    service_ends_error: int = 3
    """Ends of a service of `landfall serve` in the minutes of the shares; once is a warning."""
    waits_warn_seconds: float = 300
    """Wait of a session of ours for a lock: a pass over the models takes seconds, a full refresh longer."""
    waits_error_seconds: float = 3_600
    quarantine_share_warn: float = 0.05
    quarantine_share_error: float = 0.2
    quarantine_waiting_warn: int = 10_000
    """Records in quarantine that were neither replayed nor deleted."""
    quarantine_waiting_error: int = 100_000
    rejected_share_warn: float = 0.05
    """Landed records without a key or a usable time."""
    rejected_share_error: float = 0.5
    conflicting_share_warn: float = 0.05
    """Landed records that repeat a key and say something else than the first one."""
    odd_share_warn: float = 0.05
    """Events with one kind of value that cannot be read, of all events of the stream."""
    seen_within_hours: float = 24
    """Hosts and event types that are not known are named when they were seen within these last hours."""
    troubles_tried_seconds: float = 300
    """What holds a part up counts when it was tried within these last seconds: tries are 30 s apart at most."""
    enricher_failures_warn: int = 3
    """Ends of the enricher beside a landing in the minutes of the shares. Once may be a kill by hand."""
    enricher_failures_error: int = 10
    least_days: int = 3
    """Days of the last 7 that must have events in the same hour for an hour to be compared with them."""
    least_events: int = 100
    """No hour is compared where its usual count is lower, and no ratio judged over fewer events."""
    volume_share: float = 0.5
    """A count is odd when it is further from the usual one (the median of the days) than this part of it …"""
    volume_deviations: float = 4
    """… and than this multiple of the days' own spread (1.4826 times the median absolute deviation)."""
    bot_share_warn: float = 0.5
    """Part of the hour's events that are bots'."""
    bot_share_rise_warn: float = 0.2
    """Above the usual part by this difference of shares."""
    tests_late_hours: float = 2
    """Age of the last run of dbt's tests, where models were built since. They run every quarter of an hour."""
    payment_error_warn: float = 0.2
    """Failed payments, of all attempts of the hour."""
    payment_error_error: float = 0.5
    payment_error_rise_warn: float = 0.1
    """Above the usual part by this difference of shares."""
    least_payments: int = 20
    """No payment error ratio is judged over fewer attempts."""


def load_limits(path: Path | None) -> Limits:
    """The defaults, with the changes of a YAML file (`data_age_warn_seconds: 120`).

    Raises UserError for a file that cannot be read, an unknown name, and a value that is no finite number of at least
    0: nothing is more than `.nan`, so a check with such a bound could never fail.
    """
    if path is None:
        return Limits()
    try:
        given: Any = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"LANDFALL_HEALTH_LIMITS: {path} cannot be read: {' '.join(str(error).split())}.") from error
    known = {field.name for field in dataclasses.fields(Limits)}
    if not isinstance(given, dict) or set(given) - known:
        unknown = sorted(map(str, set(given) - known)) if isinstance(given, dict) else [repr(given)]
        raise UserError(f"{path}: {unknown[0]} is no limit: write some of {', '.join(sorted(known))}.")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise UserError(f"{path}: {name} is {value!r}: write a number of at least 0.")
    return dataclasses.replace(Limits(), **given)
