"""A demo from the first server to the last process: start, produce and show, account, stop."""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TypeVar

from cli.children import Children
from cli.dagster_server import HOST, DagsterServer, start_dagster
from cli.demo.background import Background
from cli.demo.closing import closing_lines
from cli.demo.kpis import TABLES
from cli.demo.observer import Baseline, Observer, Span
from cli.demo.production import Production, produce_past
from cli.demo.reconcile import account
from cli.demo.screen import Moment, Screen
from cli.demo.servers import load_simulated_reference, refusal
from cli.demo.summary import account_lines, stopped_lines
from cli.demo.watcher import Watcher
from landfall.errors import UserError
from landfall.processes import free_port
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from local_stack.stack import down, running
from simulator.people import People
from simulator.simulation import STREAMS

T = TypeVar("T")

STANDSTILL_SECONDS = 300.0
"""Spark lands 10 s after its start on a quiet machine; several times that where others compile or test beside it. What
an earlier run left in Kafka may take as long as it likes, while it becomes less."""
SETTLE_SECONDS = 300.0
"""A few seconds in practice: the last load, and a refresh after it."""
DAGSTER_SECONDS = 20.0
"""Dagster starts when the first events have landed, and at the latest this many seconds after the first was
produced: its processes import for some 15 s of a core, which Spark needs for its first load."""
WARMING_UP = "Spark warms up: the first load of each stream takes longer than those after it."


class Stopped(Exception):
    """Somebody asked the demo to stop."""


@dataclass
class Live:
    """What there is once events flow."""

    observer: Observer
    baselines: list[Baseline]
    production: Production
    watcher: Watcher
    since: float
    dagster: DagsterServer | None = None
    dagster_answers: Background[None] | None = None


class Demo:
    """One run. `stop`, once set, ends it; whoever calls `run` calls `end` afterwards, whatever happened.

    `history`: days before now whose events land first.
    """

    def __init__(
        self,
        home: Path,
        rate: float,
        duration: float | None,
        screen: Screen,
        stop: Event,
        history: float | None = None,
    ) -> None:
        self._home, self._rate, self._duration, self._history = home, rate, duration, history
        self._screen, self._stop = screen, stop
        self._children = Children(home / "demo")
        self._began, self._began_at = time.monotonic(), dt.datetime.now(dt.UTC)
        self._starts_servers = False
        self._live: Live | None = None

    @property
    def dagster(self) -> str | None:
        """Address of Dagster, once it answers."""
        live = self._live
        if live is None or live.dagster is None or live.dagster_answers is None or not live.dagster_answers.done:
            return None
        return live.dagster.address

    def run(self) -> None:
        """Until stopped, or for the duration and until all is accounted for. Raises UserError when something failed."""
        try:
            self._live = live = self._start()
            self._show_until(live, lambda: live.production.done, None, "")
            self._finish(live)
        except Stopped:
            self._screen.close()
            if self._live is not None and self._live.watcher.view is not None:
                self._print(["", *stopped_lines(self._live.watcher.view)])
            if self._duration is not None:
                raise UserError("Stopped before the end: the demo did not account for its events.") from None

    def end(self) -> None:
        """Stop production, every child, and the servers that were started here."""
        began = time.monotonic()
        self._screen.close()
        self._screen.say("Stopping ...")
        if self._live is not None:
            self._live.watcher.stop()
            self._live.production.stop()
        self._children.stop()
        if self._live is not None:
            self._live.production.wait()
        if self._starts_servers:
            down(self._home)
            # A server that `landfall up` was just starting when it was stopped.
            if running(self._home):
                down(self._home)
        self._screen.say(f"All stopped in {time.monotonic() - began:.1f} s.")

    def _start(self) -> Live:
        self._start_servers()
        settings = Settings.of_home(self._home)
        self._say(self._wait(Background(lambda: load_simulated_reference(settings))))
        contracts = load_contracts()
        observer = Observer(settings, [contracts[stream] for stream in STREAMS], self._began_at)
        before = self._wait(Background(observer.generations))
        self._children.start("land")
        self._children.start("refresh", "--watch")
        self._poll(lambda: not_taken_over(before, observer.generations()), "`landfall land` to start")
        self._say("landing has started")
        if left := self._wait(Background(observer.left)):
            self._say(f"{left.records:,} messages that an earlier run left in Kafka land first")
        people = People()
        if days := self._history:
            past = self._wait(Background(lambda: produce_past(settings, days, people, self._stop)))
            self._say(f"{past:,} events of the {days:g} days before now land first")
        self._poll(observer.left, "what is left in Kafka to land")
        baselines = self._wait(Background(observer.baselines))
        length = "until Ctrl-C" if self._duration is None else f"for {self._duration:g} s"
        self._say(f"events now, {self._rate:g} a second, {length}; a few of them late, repeated or malformed")
        return Live(
            observer=observer,
            baselines=baselines,
            production=Production(settings, self._rate, self._duration, people),
            watcher=Watcher(observer, baselines),
            since=time.monotonic(),
        )

    def _start_servers(self) -> None:
        if running(self._home) == ["Kafka", "Postgres"]:
            self._screen.say("Postgres and Kafka run already, and go on after the demo: `landfall down` stops them.")
        else:
            self._starts_servers = True
            self._screen.say("Starting Postgres and Kafka (20 s the first time) ...")
        child = self._children.start("up")
        while child.process.poll() is None:
            if self._stop.wait(0.1):
                raise Stopped
        if self._children.wait(child):
            raise refusal(child)
        self._say("Postgres and Kafka are up, with topics, schemas and empty tables")

    def _show_until(self, live: Live, done: Callable[[], bool], seconds: float | None, note: str) -> None:
        """Show the state of things until `done`; raises UserError when `seconds` have passed before."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not done():
            if self._stop.wait(0.25):
                raise Stopped
            self._children.check()
            live.production.check()
            if live.dagster is None and (has_landed(live) or time.monotonic() > live.since + DAGSTER_SECONDS):
                self._serve_dagster(live)
            if live.watcher.view is not None:
                self._screen.show(self._moment(live, note))
            if deadline is not None and time.monotonic() > deadline:
                raise UserError(f"{note} took more than {seconds:.0f} s: see the logs in {self._children.folder}.")

    def _serve_dagster(self, live: Live) -> None:
        live.dagster = dagster = start_dagster(Settings.of_home(self._home), self._children)
        live.dagster_answers = Background(dagster.wait)
        self._say(f"Dagster is starting: {dagster.address}")
        port = free_port(None)
        self._children.start("metrics", "--port", str(port))
        self._say(f"Metrics for Prometheus: http://{HOST}:{port}/metrics")
        self._say("Dashboards in a browser: run `make dashboards` in another terminal")

    def _moment(self, live: Live, note: str) -> Moment:
        assert live.watcher.view is not None
        passed = time.monotonic() - live.since
        length = "" if self._duration is None else f" of {self._duration:g} s"
        refreshes = live.watcher.view.refreshes
        last = f", the last in {refreshes.seconds[-1]:.1f} s" if refreshes.seconds else ""
        failed = f", {len(refreshes.failures)} FAILED: {refreshes.failures[-1]}" if refreshes.failures else ""
        return Moment(
            view=live.watcher.view,
            seconds=passed,
            title=f"Landfall demo, {passed:.0f} s{length}   Dagster: {page_of(live)}",
            refreshes=f"models refreshed {len(refreshes.seconds)} times{last}{failed}",
            note=live.watcher.trouble or note or ("" if has_landed(live) else WARMING_UP),
        )

    def _finish(self, live: Live) -> None:
        """All that was produced lands and gets into the models; then the account."""
        produced = live.production.summary()
        settings = Settings.of_home(self._home)
        observer = Observer(settings, [baseline.contract for baseline in live.baselines], self._began_at)
        ends = self._wait(Background(lambda: observer.ends(live.baselines)))
        settled = Background(lambda: settle(observer, live.baselines, ends, self._stop))
        self._show_until(live, lambda: settled.done, SETTLE_SECONDS, "Landing and refreshing the last events")
        spans = settled.result()
        acknowledged = {stream: counts.produced for stream, counts in produced.streams.items()}
        malformed = {stream: sum(counts.malformed.values()) for stream, counts in produced.streams.items()}
        found = self._wait(Background(lambda: account(observer.ledger(), spans, acknowledged, malformed, TABLES)))
        refreshes = self._wait(Background(observer.refreshes))
        latency = self._wait(Background(lambda: {b.stream: observer.run_latency(b) for b in live.baselines}))
        closing = self._wait(Background(lambda: closing_lines(settings, self._children.folder / "charts")))
        self._screen.close()
        self._print(["", *account_lines(found, latency, refreshes), *closing])
        troubles = [*found.troubles, *(f"A refresh failed: {failure}" for failure in refreshes.failures)]
        if troubles:
            raise UserError(" ".join(troubles))
        self._screen.say("Nothing is lost, nothing is doubled.")

    def _poll(self, left: Callable[[], object], what: str) -> None:
        """Ask until nothing is left, beside the main thread; raises UserError when it has become no less for long."""
        seen, moved = None, time.monotonic()
        while now := self._wait(Background(left)):
            if now != seen:
                seen, moved = now, time.monotonic()
            if time.monotonic() > moved + STANDSTILL_SECONDS:
                raise UserError(
                    f"Waited {STANDSTILL_SECONDS:.0f} s for {what}, and saw nothing move: see the logs in"
                    f" {self._children.folder}."
                )
            if self._stop.wait(0.25):
                raise Stopped

    def _wait(self, work: Background[T]) -> T:
        while not work.wait(0.1):
            if self._stop.is_set():
                raise Stopped
            self._children.check()
        return work.result()

    def _say(self, line: str) -> None:
        self._screen.say(f"{time.monotonic() - self._began:5.1f} s  {line}")

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            self._screen.say(line)


def has_landed(live: Live) -> bool:
    """Whether a load has ended since events flow."""
    return live.watcher.view is not None and any(stream.landed for stream in live.watcher.view.streams)


def page_of(live: Live) -> str:
    """Where Dagster is to be seen."""
    if live.dagster is None or live.dagster_answers is None:
        return "when the first events have landed"
    return live.dagster.address + ("" if live.dagster_answers.done else " (starting)")


def not_taken_over(before: dict[str, int], now: dict[str, int]) -> int:
    """How many streams' doors no new writer has."""
    return sum(now[stream] <= generation for stream, generation in before.items())


def settle(observer: Observer, baselines: list[Baseline], ends: dict[str, dict[int, int]], stop: Event) -> list[Span]:
    """Wait until all up to `ends` has landed and every model has read it; empty when stopped before."""
    while not stop.is_set():
        spans = observer.spans(baselines, ends)
        if spans is not None and not observer.models_behind(spans):
            return spans
        stop.wait(0.25)
    return []
