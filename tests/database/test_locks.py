"""Locks that go with the process: nobody outside can hold them, and who waits says for whom."""

import datetime as dt
import logging
import threading

import pytest

from database.advisory_locks import held_advisory, is_held_advisory
from database.lock_keys import HashedHere
from database.locks import (
    DBT,
    FOLLOWER,
    Waiter,
    connection_for_a_lock,
    held,
    holder_of,
    is_held,
    take,
    try_to_take,
    waiters,
)
from health.checks import waits
from health.limits import Limits
from landfall.errors import UserError
from landfall.settings import Settings
from tests.conftest import Connection
from warehouse.dbt_session import DbtSession

RUN = HashedHere("landfall.dagster.run/1")
NOW = dt.datetime(2026, 3, 28, 12, 30, tzinfo=dt.UTC)


def test_one_holds_a_lock_and_others_are_told_who(database: Settings, transformer: Connection) -> None:
    with held(database, DBT, "landfall dbt refresh") as holder:
        assert is_held(transformer, DBT)
        assert not is_held(transformer, FOLLOWER)
        who = holder_of(transformer, DBT)
        assert who is not None
        assert who.startswith(f"landfall dbt refresh (pid {holder.info.backend_pid}, role transformer, since ")
        with connection_for_a_lock(database, "another") as other:
            assert not try_to_take(other, DBT)
            assert try_to_take(other, FOLLOWER)
    assert not is_held(transformer, DBT)


def test_a_lock_that_is_held_for_days_does_not_hold_vacuum_up(database: Settings, transformer: Connection) -> None:
    with held(database, FOLLOWER, "follower") as holder:
        rows = transformer.execute(
            "select backend_xid, backend_xmin, state from pg_stat_activity where pid = %s", (holder.info.backend_pid,)
        )
        assert rows.fetchall() == [(None, None, "idle in transaction")]
        assert holder.execute("show idle_in_transaction_session_timeout").fetchone() == ("0",)


def test_who_waits_says_for_whom_and_not_for_ever(
    database: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("database.locks.SECONDS_UNTIL_SAID", 0.05)
    monkeypatch.setattr("database.locks.SECONDS_BETWEEN", 0.05)
    said = r"^Waited .* for a long full refresh \(pid \d+, role transformer, since"
    with (
        held(database, DBT, "a long full refresh"),
        caplog.at_level(logging.WARNING, logger="database.locks"),
        pytest.raises(UserError, match=said),
        held(database, DBT, "landfall refresh", longest_wait=0.2),
    ):
        raise AssertionError
    assert "waiting for a long full refresh (pid " in caplog.text


def test_a_run_of_dbt_that_waited_too_long_says_so_and_runs_nothing(
    database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_turn(*_: object, **__: object) -> None:
        raise UserError("Waited 6 h for somebody.")

    monkeypatch.setattr("warehouse.dbt_session.held", no_turn)
    outcome = DbtSession(database).run(["run"])
    assert (outcome.ok, outcome.trouble) == (False, "Waited 6 h for somebody.")


def test_who_waits_is_shown_with_the_one_that_it_waits_for(
    database: Settings, transformer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert waiters(transformer) == []
    with (
        held(database, DBT, "landfall dbt nightly") as holder,
        connection_for_a_lock(database, "landfall dbt refresh") as second,
    ):
        waiting = threading.Thread(target=take, args=(second, DBT))
        waiting.start()
        found: list[Waiter] = []
        while waiting.is_alive() and not found:
            found = waiters(transformer)
        (waiter,) = found
        assert (waiter.pid, waiter.name) == (second.info.backend_pid, "landfall dbt refresh")
        assert waiter.blocker == f"landfall dbt nightly (pid {holder.info.backend_pid}, role transformer)"
        holder.rollback()
        waiting.join()
        assert is_held(transformer, DBT)


@pytest.mark.parametrize(("waited", "severity"), [(20, "ok"), (400, "warn"), (4_000, "error")])
def test_a_long_wait_is_a_finding_that_names_who_is_waited_for(waited: float, severity: str) -> None:
    short = Waiter(1, "landfall land", NOW - dt.timedelta(seconds=1), 9, "psql", "ada")
    longest = Waiter(2, "landfall refresh", NOW - dt.timedelta(seconds=waited), 77, "bi\x1b]52;", "bi_reader")
    found = waits.judge([short, longest], NOW, Limits())
    assert found.severity == severity
    if severity != "ok":
        assert "landfall refresh (pid 2) has waited" in found.message
        assert r"for bi\x1b]52; (pid 77, role bi_reader)" in found.message
        assert "pg_terminate_backend(77)" in found.advice


def test_an_advisory_lock_of_a_stranger_is_no_sign_of_life(
    database: Settings, transformer: Connection, landing: Connection
) -> None:
    landing.execute("select pg_advisory_lock(%s)", (RUN.number,))
    assert not is_held_advisory(transformer, RUN)
    landing.execute("select pg_advisory_unlock_all()")
    with held_advisory(database, RUN, "dagster run"):
        assert is_held_advisory(transformer, RUN)
