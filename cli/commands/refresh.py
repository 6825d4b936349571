"""Refresh the models: facts and KPI tables from what has landed."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import click

from landfall.errors import UserError
from landfall.logs import configure_logging
from landfall.plain_text import printable
from landfall.settings import LogFormat, Settings
from landfall.stop_signals import stop_on_signals
from landfall.wording import counted

if TYPE_CHECKING:
    from warehouse.dbt_session import Outcome

logger = logging.getLogger(__name__)


@click.command(name="refresh")
@click.option("--watch", "keep_going", is_flag=True, help="Keep going, warm, whenever a load finishes, until stopped.")
@click.option("--full-refresh", is_flag=True, help="Empty each table and fill it anew from all that has landed.")
@click.option(
    "--from", "first_day", metavar="DAY", help="Count the marts again from this day of events, as 2026-03-28…"
)
@click.option("--to", "last_day", metavar="DAY", help="…to this one, both included, from the facts.")
@click.option(
    "--retry-set-apart", is_flag=True, help="Read again what was set apart because a model failed on it, first."
)
@click.option(
    "--pause",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="With --watch: least seconds from the start of one pass to the next; 0: the next begins where there is news.",
)
def command(
    keep_going: bool,
    full_refresh: bool,
    first_day: str | None,
    last_day: str | None,
    retry_set_apart: bool,
    pause: float,
) -> None:
    """Bring every model to what has landed by now.

    Each model reads what is new since its own last refresh, so a refresh costs as much as the new events do.
    Readers see the old rows until the new ones are there, also with --full-refresh. Tests are left out:
    `dbt build` in dbt_project/ runs them.

    After a rule was changed (a seed, a var of dbt_project.yml), --from and --to count the marts of these event days
    again, in reporting_timezone, from the facts, which stay as they are. So do they with --full-refresh, once
    `landfall retention` has dropped some of the landing. Days whose facts it has let go stay as they were counted:
    --from refuses them, --full-refresh leaves them. After a change of LANDFALL_REPORTING_TIMEZONE only
    --full-refresh runs: no table is ever counted in two zones.

    An event on which a model fails, whatever it says, is found, set apart (ops.events_set_apart, `landfall status`)
    and left out of every mart, and the models go on. Once the model is mended, --retry-set-apart has them read it
    after all. A model that fails on more than 100 events has a fault of its own: it stays failed, nothing is set apart.

    With --watch one process follows the loads, without dbt but where a model has changed or fails; a second one stands
    by and takes over when the first is gone. Where Dagster runs on the same state folder (or DAGSTER_HOME), its assets
    show what was refreshed, once a minute.

    Exit codes: 0 done or stopped; 1 a model failed (it catches up at the next refresh).
    """
    # Imported here for start-up time.
    from warehouse.dbt_arguments import EventDays
    from warehouse.letting_go import bounds_of_facts
    from warehouse.refresh import recount, refresh, retry_set_apart_events, streams_without_full_landing, summary

    days = EventDays.parse(first_day, last_day)
    if days and (keep_going or full_refresh):
        other = "--watch" if keep_going else "--full-refresh"
        raise UserError(f"--from and --to count given days once: leave {other} out, or run it on its own.")
    settings = Settings.load()
    if full_refresh and (dropped := streams_without_full_landing(settings)):
        streams = ", ".join(f"{stream} up to {day}" for stream, day in dropped.items())
        click.echo(
            f"landfall: landing was dropped ({streams}): the facts that were filled from it stay as they are,"
            " and the marts are filled anew from them.",
            err=True,
        )
    if full_refresh:
        for stream, bound in bounds_of_facts(settings).items():
            click.echo(
                f"landfall: facts of {stream} from before {bound:%Y-%m-%d} were let go: days before it stay as they"
                " were counted, and so do the facts.",
                err=True,
            )
    if retry_set_apart:
        click.echo(f"To be read again: {counted(retry_set_apart_events(settings), 'event')}.")
    if keep_going:
        sys.exit(0 if keep_refreshing(settings, full_refresh=full_refresh, pause_seconds=pause) else 1)
    outcome = recount(settings, days) if days else refresh(settings, full_refresh=full_refresh)
    click.echo(printable(summary(outcome)), err=not outcome.ok)
    sys.exit(0 if outcome.ok else 1)


def keep_refreshing(settings: Settings, *, full_refresh: bool, pause_seconds: float) -> bool:
    """Refresh everything once, then follow the loads until told to stop; whether the last pass went well."""
    # Imported here for start-up time.
    from orchestration.warm import warm_reports
    from warehouse.dbt_arguments import refresh_arguments
    from warehouse.dbt_session import DbtSession
    from warehouse.watch import Follower

    configure_logging(settings.log_format)
    session = DbtSession(settings, started_by="watch")
    with stop_on_signals() as stop, warm_reports(settings, session.manifest) as reports:

        def report(outcome: Outcome) -> None:
            say(outcome, settings.log_format)
            reports.add(outcome)

        follower = Follower(settings, session, report, pause_seconds=pause_seconds)
        follower.follow(stop, first=refresh_arguments(full_refresh=full_refresh))
    return follower.went_well


def say(outcome: Outcome, log_format: LogFormat) -> None:
    """A line a pass: on stdout, or as a record among the JSON logs."""
    # Imported here for start-up time.
    from warehouse.refresh import summary

    if log_format == "json":
        level = logging.INFO if outcome.ok else logging.ERROR
        logger.log(level, summary(outcome), extra={"seconds": round(outcome.seconds, 3), "ok": outcome.ok})
    else:
        click.echo(printable(summary(outcome)))
