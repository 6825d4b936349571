"""The enricher beside a landing: whatever becomes of its process, another one goes on, and the landing never ends."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from enrichment.beside import EnricherProcess, environment
from health.checks import evaluate
from landfall.errors import UserError
from landfall.layout import PROJECT
from landfall.processes import alive
from landfall.settings import Settings
from tests.enrichment.conftest import Lake
from tests.enrichment.deadly import FREEZES, KILLS
from tests.landing.streams import wait_until

DEADLY = ("-m", "tests.enrichment.deadly")


class Beside:
    """An enricher beside this process."""

    def __init__(self, settings: Settings) -> None:
        self.stop = threading.Event()
        self.enricher = EnricherProcess(settings, self.stop)
        self.enricher.start()

    @property
    def process(self) -> psutil.Process | None:
        """The enricher's process; None between two."""
        children = psutil.Process().children()
        return next((each for each in children if alive(each) and "enrichment" in " ".join(each.cmdline())), None)


@pytest.fixture
def beside(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Beside]]:
    """beside(program=…): starts one on the lake."""
    started: list[Beside] = []
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))

    def start(program: tuple[str, ...] | None = None) -> Beside:
        if program is not None:
            monkeypatch.setattr("enrichment.beside.PROGRAM", program)
        started.append(Beside(lake.settings))
        return started[-1]

    yield start
    for each in started:
        each.stop.set()
        each.enricher.finish()
        assert each.process is None, "it ends with the landing"


def enriched(lake: Lake, stream: str) -> Callable[[], bool]:
    return lambda: len(set(lake.horizon(stream))) == 1


def test_a_process_that_is_killed_is_followed_by_another_and_it_is_said(
    lake: Lake, beside: Callable[..., Beside]
) -> None:
    running = beside()
    lake.land("web_logs", [{"user_agent": "curl/8.1"}])
    wait_until(enriched(lake, "web_logs"), "the first load is enriched")
    for _ in range(3):
        process = running.process
        assert process is not None
        process.kill()
        wait_until(lambda process=process: running.process not in (None, process), "another one")  # type: ignore[misc]
    lake.land("web_logs", [{"user_agent": "curl/8.2"}])
    wait_until(enriched(lake, "web_logs"), "the next load is enriched")
    wait_until(lambda: lake.one("select count(*) from ops.enricher_failures") > 0, "it is noted")
    assert lake.rows("select distinct reason from ops.enricher_failures") == [("by signal SIGKILL",)]
    assert running.enricher.finish(), "and it finishes"


def test_what_landed_before_the_end_is_enriched_at_the_end(lake: Lake, beside: Callable[..., Beside]) -> None:
    running = beside()
    lake.land("web_logs", [{"user_agent": f"agent {number}"} for number in range(500)])
    assert running.enricher.finish()
    assert lake.horizon("web_logs") == (1, 1)
    assert running.process is None


@pytest.mark.parametrize("text", [KILLS, FREEZES])
def test_a_text_that_ends_its_process_is_found_and_set_apart(
    lake: Lake, beside: Callable[..., Beside], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr("enrichment.beside.SIGN_SECONDS", 0.1)
    monkeypatch.setattr("enrichment.beside.SILENT_SECONDS", 2.0)
    running = beside(DEADLY)
    lake.land("web_logs", [{"user_agent": agent} for agent in ("curl/8.1", text, "curl/8.2")])
    wait_until(enriched(lake, "web_logs"), "the models go on", 60)
    ((kind, key, reason),) = lake.rows("select kind, key, reason from ops.texts_set_apart")
    assert kind == "user_agent"
    assert lake.one("select user_agent from enrichment.user_agent where user_agent_key = %s", key) == text
    ended = "by signal SIGKILL" if text == KILLS else "without a sign of life for 2 s"
    assert reason == f"The process ended {ended} while it was judged."
    assert lake.one("select count(*) from enrichment.user_agent where bot_class = 'library'") == 2

    found = {finding.check: finding for finding in evaluate(lake.settings, lake.reader, None)}["enricher"]
    assert found.severity == "warn"
    assert found.message == f"The enricher ended 3 times in the last 15 minutes, last {ended}."
    lake.land("web_logs", [{"user_agent": "curl/8.3"}])
    assert running.enricher.finish()
    assert lake.horizon("web_logs") == (2, 2)


def test_one_that_cannot_finish_is_said_and_does_not_hold_the_landing(
    beside: Callable[..., Beside], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LC_DEADLY", "at once")
    monkeypatch.setattr("enrichment.beside.TRIES_ONCE", 2)
    running = beside(DEADLY)
    assert running.enricher.finish() is False
    assert "the enricher could not finish (with exit code 1): no mart shows what is not enriched" in caplog.text


PARENT = """
import sys, threading
from enrichment.beside import EnricherProcess
from landfall.settings import Settings
EnricherProcess(Settings.load(), threading.Event()).start()
sys.stdin.read()
"""


def test_it_ends_with_a_landing_that_was_killed(lake: Lake, environ_of: Callable[[Settings], dict[str, str]]) -> None:
    environ = environ_of(lake.settings)
    parent = subprocess.Popen([sys.executable, "-c", PARENT], env=environ, cwd=PROJECT, stdin=subprocess.PIPE)
    try:
        lake.land("web_logs", [{"user_agent": "curl/8.1"}])
        wait_until(enriched(lake, "web_logs"), "it runs")
        (child,) = psutil.Process(parent.pid).children()
    finally:
        parent.kill()
        parent.communicate()
    wait_until(lambda: not alive(child), "it has ended")


def test_it_is_small_and_has_the_rights_that_it_needs_and_no_secret_more(
    lake: Lake, beside: Callable[..., Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "LANDFALL_ADMIN_DSN",
        "LANDFALL_KAFKA_PASSWORD",
        "LANDFALL_SLACK_WEBHOOK_URL",
        "AWS_SECRET_ACCESS_KEY",
    ):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("PYSPARK_GATEWAY_SECRET", "secret")
    running = beside()
    lake.land("web_logs", [{"user_agent": "curl/8.1"}])
    wait_until(enriched(lake, "web_logs"), "it runs")
    process = running.process
    assert process is not None
    environ = process.environ()
    assert "secret" not in environ.values()
    assert {name for name in environ if name.endswith("_DSN")} == {"LANDFALL_POSTGRES_DSN", "LANDFALL_LANDING_DSN"}
    assert not any("postgresql://" in argument for argument in process.cmdline())
    assert process.memory_info().rss < 200e6
    modules = "import enrichment.process, sys; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", modules], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert not {"pyspark", "pandas", "pyarrow", "duckdb", "dagster", "dbt"} & set(found.stdout.split())
    if sys.platform == "linux":
        assert Path(f"/proc/{process.pid}/oom_score_adj").read_text() == "500\n", "memory is taken from it first"


def test_ctrl_c_in_a_terminal_is_for_the_landing_which_ends_it(lake: Lake, beside: Callable[..., Beside]) -> None:
    running = beside()
    lake.land("web_logs", [{"user_agent": "curl/8.1"}])
    wait_until(enriched(lake, "web_logs"), "it runs")
    process = running.process
    assert process is not None
    os.kill(process.pid, signal.SIGINT)
    lake.land("web_logs", [{"user_agent": "curl/8.2"}])
    wait_until(enriched(lake, "web_logs"), "it goes on")
    assert running.process == process


def test_a_geo_file_that_cannot_be_used_is_a_mistake_at_the_start_and_none_later(
    lake: Lake, beside: Callable[..., Beside], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "geo.mmdb"
    path.write_text("no geo file", encoding="utf-8")
    settings = dataclasses.replace(lake.settings, geoip_database=path)
    with pytest.raises(UserError, match="is no MMDB file"):
        EnricherProcess(settings, threading.Event())
    monkeypatch.setenv("LANDFALL_GEOIP_DATABASE", str(path))
    running = beside()
    lake.land("web_logs", [{"ip_address": "192.0.2.1"}])
    wait_until(enriched(lake, "web_logs"), "it goes on without")
    assert running.enricher.finish()


def test_its_environment_has_the_two_logins_of_the_settings(lake: Lake) -> None:
    found = environment(lake.settings, {"PATH": "/bin", "LANDFALL_ADMIN_DSN": "x", "PGSSLROOTCERT": "/x.pem"})
    assert found == {
        "PATH": "/bin",
        "PGSSLROOTCERT": "/x.pem",
        "LANDFALL_HOME": str(lake.settings.home),
        "LANDFALL_POSTGRES_DSN": lake.settings.as_transformer.dsn,
        "LANDFALL_LANDING_DSN": lake.settings.as_writer.dsn,
    }
