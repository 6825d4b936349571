"""The enricher and what it cannot mend itself: it says so once and goes on when it is mended; a bug ends it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from enrichment.enricher import Enricher
from enrichment.user_agents import UserAgentRules
from tests.enrichment.conftest import Lake
from tests.landing.streams import wait_until


@contextmanager
def running(enricher: Enricher) -> Iterator[None]:
    """It runs in the background until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=enricher.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def test_a_revoked_right_is_told_once_and_it_goes_on_when_it_is_granted_again(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    revoked = "select kind, sentence from ops.troubles where part = 'enricher'"
    lake.reader.execute("revoke insert on enrichment.user_agent from transformer")
    with running(lake.enricher()):
        lake.land("web_logs", [{"user_agent": "curl/8.1"}])
        wait_until(lambda: lake.rows(revoked) != [], "it is noted")
        before = lake.one("select last_tried_at from ops.troubles")
        wait_until(lambda: lake.one("select last_tried_at from ops.troubles") != before, "it is tried again")
        assert lake.rows(revoked) == [("person", "permission denied for table user_agent (SQLSTATE 42501)")]
        assert [record.levelname for record in caplog.records if "permission denied" in record.getMessage()] == [
            "ERROR"
        ]
        lake.reader.execute("grant insert on enrichment.user_agent to transformer")
        wait_until(lambda: lake.horizon("web_logs") == (1, 1), "it goes on")
        wait_until(lambda: lake.rows(revoked) == [], "and that is shown")


def test_an_enricher_that_is_to_finish_gives_up_where_a_person_is_needed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("database.recovery.SLOW_FIRST_SECONDS", 0.01)
    lake.reader.execute("revoke insert on enrichment.user_agent from transformer")
    lake.land("web_logs", [{"user_agent": "curl/8.1"}])
    landed = threading.Event()
    landed.set()
    assert lake.enricher().run(threading.Event(), landed) is False
    assert lake.horizon("web_logs") == (1, 0)


class Faulty(UserAgentRules):
    """Rules with a fault that is of no text."""

    def reload(self) -> None:
        raise TypeError("no number")


def test_a_bug_ends_it_with_its_trace_and_is_noted(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(TypeError):
        lake.enricher(rules=[Faulty()]).run(threading.Event())
    ((kind, said),) = lake.rows("select kind, sentence from ops.troubles where part = 'enricher'")
    assert kind == "bug"
    assert said.startswith("TypeError in test_troubles.py, line ")
    assert sum(record.levelno >= logging.ERROR for record in caplog.records) == 1
