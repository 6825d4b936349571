"""Tells somebody: a sensor that looks at everything that can be wrong and sends what is new. See health/README.md."""

import datetime as dt
import json
from collections.abc import Sequence

import dagster as dg
import psycopg

from database.connect import connect
from health.alerts import Alert, Rules, Trouble, troubles_of
from health.memory import from_text, read_alerts, to_text, write_alerts
from health.notify import channels
from health.tell import tell
from landfall.settings import Settings
from orchestration.failures import failed_checks, failed_runs
from orchestration.health import look_at

SECONDS_BETWEEN_TICKS = 30


def rules_of(settings: Settings) -> Rules:
    """How patient the alerts are."""
    return Rules(settings.alert_severity, settings.alert_after_seconds, settings.alert_repeat_hours * 3_600)


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends what is newly wrong, or well again, to Slack and to a webhook, where they are set up.",
)
def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One tick. The cursor is the memory of what Postgres cannot remember: that it is away itself."""
    settings = Settings.load()
    away = AwayMemory(context.cursor)
    try:
        findings = look_at(settings)
        troubles = [
            *troubles_of(findings, rules_of(settings)),
            *failed_runs(context.instance, dt.datetime.now(dt.UTC)),
            *failed_checks(context),
        ]
        lines = [*tell_of_postgres(settings, away, []), *tell_of(settings, troubles)]
    except psycopg.OperationalError as error:
        lines = tell_of_postgres(settings, away, [postgres_away(error)])
    return dg.SensorResult(skip_reason=dg.SkipReason("; ".join(lines) or "Nothing new to tell."), cursor=away.text)


def tell_of(settings: Settings, troubles: list[Trouble]) -> list[str]:
    """With Postgres as the memory."""
    with connect(settings.as_transformer, autocommit=True, application_name="dagster alerts") as memory:
        known = read_alerts(memory)
        return tell(
            known,
            troubles,
            channels(settings),
            dt.datetime.now(dt.UTC),
            rules_of(settings),
            lambda kept: write_alerts(memory, kept),
        )


def tell_of_postgres(settings: Settings, away: "AwayMemory", troubles: list[Trouble]) -> list[str]:
    """With the cursor as the memory."""
    return tell(away.known, troubles, channels(settings), dt.datetime.now(dt.UTC), rules_of(settings), away.keep)


class AwayMemory:
    """The alert that Postgres is away, kept in the sensor's cursor."""

    def __init__(self, cursor: str | None) -> None:
        self.text = cursor or json.dumps([])
        self.known = from_text(self.text)

    def keep(self, kept: Sequence[Alert]) -> None:
        """Remember these."""
        self.text = to_text(kept)


def postgres_away(error: psycopg.OperationalError) -> Trouble:
    """Nothing else can be looked at."""
    return Trouble(
        check="postgres",
        subject="warehouse",
        severity="error",
        message=f"Postgres does not answer: {' '.join(str(error).split())[:200]}.",
        advice="Start it or look at its log: nothing lands, nothing is refreshed, and no other check can be made.",
    )
