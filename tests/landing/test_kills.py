"""The short form of `landfall-bench kills`: the driver, a worker and the JVM die while events flow and loads merge."""

from __future__ import annotations

from pathlib import Path

from benchmarks.kill_test.trial import Plan, run


def test_every_event_lands_once_and_is_read_once_though_driver_worker_and_jvm_are_killed(breakable: Path) -> None:
    kinds = dict.fromkeys(("driver", "worker", "jvm", "everything"), 1.0)
    outcome = run(breakable, Plan(rounds=4, seed=1, kinds=kinds, rate=1_000, in_turn=True), print)
    assert outcome.problems == []
    assert outcome.rounds == 4
    assert outcome.left_alone == 0
    assert outcome.merged > 0
    for account in outcome.accounts:
        assert account.landed + account.quarantined == account.produced > 0
        assert account.quarantined > 0 or account.produced < 400
        assert (account.lost, account.doubled, account.reader_missed, account.reader_doubled) == (0, 0, 0, 0)
