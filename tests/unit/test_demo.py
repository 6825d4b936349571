"""The demo's pure parts, and the line that ties its children to it."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from io import StringIO

import psutil
import pytest
from rich.console import Console

from cli.demo.kpis import KpiTable
from cli.demo.latency import Age, percentiles
from cli.demo.observer import StreamView, View
from cli.demo.reconcile import StreamAccount
from cli.demo.refreshes import Refreshes
from cli.demo.screen import Moment, drawn, plain_lines

GOOD = StreamAccount(
    stream="web_logs",
    produced=100,
    acknowledged=100,
    malformed=4,
    landed=96,
    quarantined=4,
    holes=0,
    distinct=100,
    in_fact=90,
    rejected=1,
    duplicates=5,
    missing=0,
    fact_rows=90,
    rejected_rows=1,
)
MOMENT = Moment(
    view=View(
        streams=(StreamView("product_views", 1_234_567, 1_230_000, 4_567, 123, 0.81, 1.2),),
        kpis=tuple(
            KpiTable(title, title, ("rank", "product", "views", "human", "visitors"), (("1", "87152", "8", "7", "6"),))
            for title in ("one", "two", "three")
        ),
        refreshes=Refreshes((0.8,)),
    ),
    seconds=12.0,
    title="Landfall demo, 12 s",
    refreshes="models refreshed 3 times, the last in 0.8 s",
)


def test_percentiles_weigh_each_slice_by_its_records() -> None:
    many, few = Age(records=90, newest=0.0, oldest=1.0), Age(records=10, newest=5.0, oldest=6.0)
    assert percentiles([many, few], (0.5, 0.95)) == pytest.approx([0.55, 5.5], abs=0.06)
    assert percentiles([few, many], (0.5, 0.95)) == percentiles([many, few], (0.5, 0.95))


def test_there_are_no_percentiles_of_nothing() -> None:
    assert percentiles([], (0.5,)) is None
    assert percentiles([Age(records=0, newest=1.0, oldest=2.0)], (0.5,)) is None


def test_an_account_that_adds_up_has_no_trouble() -> None:
    assert (GOOD.lost, GOOD.doubled, GOOD.troubles()) == (0, 0, [])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(GOOD, landed=95, distinct=99), "1 of 100 messages are lost"),
        (replace(GOOD, produced=99, distinct=99, landed=95), "1 of 99 messages are lost"),
        (replace(GOOD, landed=98), "2 rows are there twice"),
        (replace(GOOD, malformed=5), "5 messages were malformed, 4 are in quarantine"),
        (replace(GOOD, missing=3), "3 events landed and are not in the fact"),
        (replace(GOOD, fact_rows=91), "the fact has 91 rows for 90 events"),
    ],
)
def test_what_does_not_add_up_is_said(wrong: StreamAccount, words: str) -> None:
    assert words in " ".join(wrong.troubles())


def test_messages_of_others_are_no_trouble() -> None:
    assert replace(GOOD, produced=150, landed=140, quarantined=10, distinct=150).troubles() == []


def test_the_live_table_fits_80_columns_and_shows_as_many_marts_as_fit() -> None:
    screens = {}
    for width in (80, 200):
        console = Console(file=StringIO(), width=width)
        with console.capture() as capture:
            console.print(drawn(MOMENT, width))
        screens[width] = capture.get()
        assert max(map(len, screens[width].splitlines())) <= width
    assert "1,234,567" in screens[80]
    assert "three" not in screens[80]
    assert "three" in screens[200]


def test_plain_lines_name_the_stream_and_its_counts() -> None:
    first, *_, last = plain_lines(MOMENT)
    assert first.split()[:7] == ["12", "s", "product_views", "produced", "1,234,567", "landed", "1,230,000"]
    assert "refreshed 3 times" in last


def test_a_child_of_a_killed_demo_ends_also_where_signals_were_ignored() -> None:
    code = (
        "import signal, subprocess, sys; from landfall.lifeline import prefix;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([*prefix(), '/bin/sleep', '60']); print(child.pid, flush=True); child.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        deadline = time.monotonic() + 30
        while child.name() != "sleep":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        parent.send_signal(signal.SIGKILL)
    child.wait(timeout=30)
