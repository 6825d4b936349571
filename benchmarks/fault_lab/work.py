"""What people do in the midst of it, and the kills of `landfall-bench kills`."""

from __future__ import annotations

import datetime as dt

import psycopg

from benchmarks.fault_lab.lab import Lab, fault
from benchmarks.kill_test.disasters import DISASTERS
from database.connect import connect


def erase(lab: Lab) -> None:
    """`landfall erase` of a random device that has landed, which goes on to send events."""
    device = _random_device(lab)
    _beside(lab, "erase", "--device-id", device, "--no-links")


def retention(lab: Lab) -> None:
    """`landfall retention`; nothing is old enough to go, so it looks and holds its locks."""
    _beside(lab, "retention")


def replay(lab: Lab) -> None:
    """`landfall quarantine replay` of all that is in quarantine, none of which can be landed."""
    _beside(lab, "quarantine", "replay")


def recount(lab: Lab) -> None:
    """`landfall refresh --from … --to …` over the three days of most events."""
    today = dt.datetime.now(dt.UTC).date()
    _beside(lab, "refresh", "--from", str(today - dt.timedelta(days=2)), "--to", str(today))


def full_refresh(lab: Lab) -> None:
    """`landfall refresh --full-refresh` beside the refresh that follows."""
    _beside(lab, "refresh", "--full-refresh")


def kill_refresh(lab: Lab) -> None:
    """The refresh that follows is killed, and another one started."""
    lab.random_moment(landing=True)
    lab.kill_watch()
    lab.over()
    lab.refreshed()


def _beside(lab: Lab, *arguments: str) -> None:
    """The command must end well, though a worker of the landing is killed while it runs."""
    lab.random_moment(landing=True)
    running = lab.begin(*arguments)
    lab.pause(3)
    lab.part("worker").kill()
    lab.recovered()
    running.ended_well()


def _random_device(lab: Lab) -> str:
    query = "select device_id from landing.product_views where device_id <> '' order by kafka_offset desc limit 500"
    try:
        with connect(lab.settings.as_transformer) as connection:
            devices = sorted({device for (device,) in connection.execute(query).fetchall()})
    except psycopg.Error:
        devices = []
    if not devices:
        raise RuntimeError("no device has landed that could be erased")
    return lab.rng.choice(devices)


WORK = {
    name: fault(strike)
    for name, strike in (
        ("erase", erase),
        ("retention", retention),
        ("replay", replay),
        ("recount", recount),
        ("full refresh", full_refresh),
        ("refresh killed", kill_refresh),
    )
}
KILLS = {kind: fault(strike) for kind, strike in DISASTERS.items()}
