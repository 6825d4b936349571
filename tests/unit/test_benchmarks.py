"""The measurements' own arithmetic: percentiles, CPU of processes that have ended, medians, ratios, tables."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from benchmarks import cli, costs, drain, latency, memory
from benchmarks.instruments.cpu import DRIVER, JVM, KAFKA, PARTS, POSTGRES, WORKERS, cpu_seconds, difference
from benchmarks.instruments.cpu import resident_bytes as resident
from benchmarks.instruments.figures import percentile, percentiles
from benchmarks.instruments.tables import Table
from benchmarks.memory import Sample
from landfall.settings import environ_of_home

MIB = 2**20
BURN = "import time\nwhile time.process_time() < 0.3: pass"


def run(contender: str, number: int, rate: float, cpu: float = 10.0) -> drain.Run:
    """A run of a million events at so many events/s."""
    parts = {DRIVER: cpu, JVM: cpu, WORKERS: cpu, POSTGRES: cpu, KAFKA: cpu}
    return drain.Run(contender, number, 1_000_000, 1_000_000 / rate, parts, wal_bytes=750_000_000)


@pytest.fixture
def driver() -> Iterator[psutil.Popen]:
    """A process whose child used 0.3 s of CPU and has ended."""
    program = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])\nprint('burnt', flush=True)\n"
    process = psutil.Popen(
        [sys.executable, "-c", program + "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.communicate("\n", timeout=30)


def test_percentiles_lie_between_neighbours_in_proportion() -> None:
    assert percentile([1.0, 2.0, 3.0, 5.0], 50) == 2.5
    assert percentile([7.0], 99) == 7.0
    assert percentiles([3.0, 1.0, 2.0]) == pytest.approx({"p50": 2.0, "p95": 2.9, "p99": 2.98, "max": 3.0})


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentiles([])


def test_a_process_that_came_and_went_is_counted_with_its_parent(driver: psutil.Popen, tmp_path: Path) -> None:
    before = cpu_seconds(tmp_path, driver)
    assert driver.stdout.readline() == "burnt\n"
    used = difference(before, cpu_seconds(tmp_path, driver))
    assert used[DRIVER] >= 0.25
    assert used[POSTGRES] == used[KAFKA] == used[JVM] == used[WORKERS] == 0.0


def test_a_part_that_was_not_there_before_began_at_nothing() -> None:
    assert difference({"JVM": 2.0}, {"JVM": 3.5, "Python workers": 1.0}) == {"JVM": 1.5, "Python workers": 1.0}


def test_memory_of_a_process_that_has_ended_is_nothing() -> None:
    process = psutil.Popen([sys.executable, "-c", ""])
    process.wait(30)
    assert resident([process]) == 0
    assert resident([psutil.Process()]) > MIB


def test_cpu_is_told_per_million_events() -> None:
    half = drain.Run("noop", 1, 500_000, 5.0, {JVM: 3.0}, wal_bytes=0)
    assert half.rate == 100_000
    assert half.cpu_per_million == {part: 6.0 if part == JVM else 0.0 for part in PARTS}


def test_landfall_is_compared_with_the_jdbc_sink_round_by_round() -> None:
    runs = [run("landfall", 1, 80_000), run("jdbc", 1, 40_000), run("landfall", 2, 60_000), run("jdbc", 2, 20_000)]
    part = drain.summary(runs)
    assert part.raw["ratios"] == {"jdbc": [pytest.approx(2.0), pytest.approx(3.0)]}
    assert "= 2.50 (median of 2.00, 3.00)" in part.tables[1].as_text()


def test_medians_are_taken_contender_by_contender() -> None:
    runs = [run("landfall", number, rate) for number, rate in enumerate((70_000, 90_000, 80_000), 1)]
    name, rate, *cpu, together, wal = drain.summary(runs).tables[1].rows[0]
    assert (name, wal) == ("Landfall", 750)
    assert rate == pytest.approx(80_000)
    assert (cpu, together) == ([10.0] * len(PARTS), 50.0)


def test_memory_is_shown_where_a_share_of_the_backlog_has_landed() -> None:
    landed = (0, 30, 60, 100)
    found = [Sample(float(i), count, {DRIVER: (100 + i) * MIB, JVM: 400 * MIB}) for i, count in enumerate(landed)]
    table = memory.summary(found, events=100, batch=10).tables[0]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["10 %"] == rows["25 %"] == (101, 400, 0, 501)
    assert rows["100 %"] == rows["highest"] == (103, 400, 0, 503)


def test_latency_is_told_until_the_commit_and_until_the_load_may_be_read() -> None:
    part = latency.summary(2_000, 1.0, [(0.5, 0.6), (0.7, 0.8)], dict.fromkeys(PARTS, 4.0))
    assert part.raw["committed"] == pytest.approx({"p50": 0.6, "p95": 0.69, "p99": 0.698, "max": 0.7})
    assert part.raw["readable"]["max"] == 0.8
    assert "together 20" in part.tables[0].as_text()


def test_costs_are_told_by_model_and_by_table_with_its_indexes() -> None:
    models = [costs.ModelCost("int_a", 0.5, 10), costs.ModelCost("fct_b", 1.5, 20)]
    events = 1_000_000 - costs.FIRST
    sizes = [
        costs.Size("web_logs", "", 9_000_000),
        costs.Size("fct_b", "", 5_000_000),
        costs.Size("fct_b", "btree (a)", 2_000_000),
    ]
    streams = {"int_a": ["web_logs"], "fct_b": ["product_views", "web_logs"], "web_logs": ["web_logs"]}
    cpu, disk = costs.summary(events, models, sizes, streams).tables
    assert [row[:2] for row in cpu.rows] == [("fct_b", "product_views, web_logs"), ("int_a", "web_logs")]
    assert "web_logs: 2.0 s per million events together" in cpu.notes
    assert disk.rows[2:] == [("fct_b, with its indexes", 7.0), ("· the table", 5.0), ("· btree (a)", 2.0)]
    assert "web_logs: landing 9, beneath the marts 7 bytes per event" in disk.notes


def test_figures_are_aligned_under_their_header() -> None:
    table = Table("Rates", ["who", "events/s", "s"], [("a", 81_234.4, 0.123), ("longer", 9.9, None)], ["Made up."])
    assert table.as_text().splitlines() == [
        "Rates",
        "  who     events/s     s",
        "  a         81,234  0.12",
        "  longer      9.90     -",
        "  Made up.",
    ]


def test_tables_can_be_pasted_into_a_document() -> None:
    table = Table("Rates", ["who", "events/s"], [("a", 81_234)], ["Made up."])
    assert table.as_markdown().splitlines() == [
        "### Rates", "", "| who | events/s |", "|---|---:|", "| a | 81,234 |", "", "Made up."
    ]  # fmt: skip


def test_measured_processes_reach_the_servers_of_the_measurement_only() -> None:
    shell = {"PATH": "/bin", "LANDFALL_KAFKA_BOOTSTRAP_SERVERS": "elsewhere:9092", "LANDFALL_LANDING_DSN": "x",
             "LANDFALL_HOME": "/other", "LANDFALL_TRIGGER_SECONDS": "2"}  # fmt: skip
    assert environ_of_home(Path("/own"), shell) == {
        "PATH": "/bin",
        "LANDFALL_HOME": "/own",
        "LANDFALL_TRIGGER_SECONDS": "2",
    }


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_measurement_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli.group, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output
