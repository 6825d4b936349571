"""Finished files land through a door of their own, as the same records over Kafka would, each file once."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from enrichment.enricher import Enricher
from landfall.errors import UserError
from landfall.settings import Settings
from landing_stream.abandoned import seal_abandoned
from landing_stream.contract import Contract
from landing_stream.files import SourceFile, find_files, topic_id_of
from landing_stream.ingest import Ingested, groups, ingest
from landing_stream.ledger import Fenced, Load
from simulator.records import records
from tests.conftest import Connection
from tests.landing.conftest import contract
from tests.landing.streams import Stream

THINGS = contract("things")


def files(settings: Settings, *paths: Path, delimiter: str | None = None) -> list[SourceFile]:
    return find_files(settings, [str(path) for path in paths], delimiter=delimiter)[0]


def numbered(path: Path, count: int, first: int = 0) -> Path:
    """A file of `count` events, their number in `id`."""
    path.write_bytes(b"".join(b'{"id":"%d","v":"x"}\n' % number for number in range(first, first + count)))
    return path


def land(
    settings: Settings, *paths: Path, stream: Contract = THINGS, delimiter: str | None = None, **given: Any
) -> list[Ingested]:
    """What became of the files, all of which must have been readable."""
    done: list[Ingested] = []
    assert ingest(settings, stream, files(settings, *paths, delimiter=delimiter), done.append, **given) == []
    return done


def rows(connection: Connection, query: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def test_each_format_lands_what_the_same_events_over_kafka_land(stream: Stream, tmp_path: Path) -> None:
    events: list[dict[str, Any]] = [
        {"id": "a", "v": 1.5, "new": {"deep": [1, {"x": "é"}]}},
        {"id": "b", "v": -2.0, "new": None},
        {"id": "", "v": None, "new": {"deep": [], "more": True}},
    ]
    lines = tmp_path / "a.jsonl.gz"
    lines.write_bytes(gzip.compress(b"\n".join(json.dumps(event).encode() for event in events)))
    cells = tmp_path / "b.csv"
    cells.write_text('id,v,colour\na,"1,5\n",red\n,,\nonly one\n', encoding="utf-8")
    columns = tmp_path / "c.parquet"
    without_nulls = [{name: value for name, value in event.items() if value is not None} for event in events]
    deep = pa.struct([("deep", pa.list_(pa.struct([("x", pa.string())]))), ("more", pa.bool_())])
    schema = pa.schema([("id", pa.string()), ("v", pa.float64()), ("new", deep)])
    for event in without_nulls:
        if deeper := event.get("new"):
            deeper["deep"] = [each for each in deeper["deep"] if isinstance(each, dict)]
    pq.write_table(pa.Table.from_pylist(without_nulls, schema=schema), columns)

    sent: dict[str, list[bytes]] = {
        lines.name: [value for _, value in records(lines, THINGS)],
        cells.name: [value for _, value in records(cells, THINGS)],
        columns.name: [json.dumps(event).encode() for event in without_nulls],
    }
    for path in (lines, cells, columns):
        [outcome] = land(stream.settings, path, stream=stream.contract)
        stream.produce(*sent[path.name])
        stream.land()
        landed: dict[bool, list[Any]] = {}
        for from_file in (True, False):
            where = f"kafka_timestamp is {'' if from_file else 'not '}null"
            query = (
                f"select id, v, extra from landing.things where {where}"
                f" order by load_id desc, kafka_offset desc limit {outcome.landed}"
            )
            landed[from_file] = rows(stream.db, query)
        assert landed[True] == landed[False], path.name
        assert len(landed[True]) == outcome.landed
        assert outcome.landed + outcome.quarantined == len(sent[path.name])
    bad = rows(stream.db, "select reason, detail, value from landing.quarantine order by load_id")
    assert bad == [
        ("wrong_cell_count", "line 5: 1 cell, the header has 3", b"only one"),
        ("not_json", "character 0: Expecting value", b"only one"),  # Kafka carries no reason
    ]


def test_what_json_does_not_know_lands_in_words(landing: Connection, database: Settings, tmp_path: Path) -> None:
    nanosecond = pa.array([1_774_692_000_123_456_789], pa.timestamp("ns", "UTC"))
    table = pa.table(
        {
            "id": pa.array([Decimal("1.10")], pa.decimal128(20, 2)),
            "v": pa.array([float("nan")]),
            "at": nanosecond,
            "day": pa.array([20_540], pa.date32()),
            "by": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    land(database, tmp_path / "a.parquet")
    [(number, word, extra)] = rows(landing, "select id, v, extra from landing.things")
    assert (float(number), word) == (1.1, "NaN")
    assert extra == {"at": "2026-03-28T10:00:00.123456Z", "day": "2026-03-28", "by": {"k": 1}}


def test_a_large_file_is_many_short_loads_that_add_up(landing: Connection, database: Settings, tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.jsonl", 25)
    with path.open("ab") as file:
        file.write(b"no json\n\n[1]\n\n\n")
    [outcome] = land(database, path, records_a_load=10)
    assert (outcome.landed, outcome.quarantined, outcome.loads) == (25, 3, 3)
    spans = "select from_offset, until_offset, landed, quarantined, holes from landing.slices order by 1"
    assert rows(landing, spans) == [(0, 10, 10, 0, 0), (10, 20, 10, 0, 0), (20, 28, 5, 3, 0)]
    assert rows(landing, "select kafka_offset, reason, value from landing.quarantine order by 1") == [
        (25, "not_json", b"no json"), (26, "not_json", b""), (27, "not_object", b"[1]"),
    ]  # fmt: skip
    assert rows(landing, "select kafka_offset::text = id from landing.things") == [(True,)] * 25
    assert rows(landing, "select distinct door, state from landing.loads") == [("file", "finished")]
    topic = topic_id_of(outcome.file)
    assert topic.version == 8
    row = rows(landing, "select stream, topic_id, name, format, bytes, lines, finished_at is null from landing.files")
    assert row == [("things", topic, str(path), "jsonl", path.stat().st_size, 28, False)]


def test_blank_lines_that_follow_each_other_are_holes_behind_the_first(
    landing: Connection, database: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id":"1"}\n' + b"\n" * 50_000 + b'{"id":"2"}\n'))
    [outcome] = land(database, path, records_a_load=10)
    assert (outcome.landed, outcome.quarantined) == (2, 1)
    assert rows(landing, "select sum(holes), max(until_offset) from landing.slices") == [(49_999, 50_002)]
    assert rows(landing, "select kafka_offset from landing.things order by 1") == [(0,), (50_001,)]
    assert rows(landing, "select kafka_offset, detail from landing.quarantine") == [(1, "lines 2 to 50,001: blank")]


def test_a_row_at_fault_is_quarantined_in_words_and_the_file_goes_on(
    landing: Connection, database: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'id ,v\n1,x\n2,x\ry\n3,"x\n4,x,\n{"id":"5"}\n6, x\n\xff,\n')
    [outcome] = land(database, path, records_a_load=3)
    assert (outcome.landed, outcome.quarantined) == (2, 5)
    assert rows(landing, "select kafka_offset, id, v from landing.things order by 1") == [(0, "1", "x"), (5, "6", "x")]
    bad = "select kafka_offset, reason, detail, value from landing.quarantine order by 1"
    assert rows(landing, bad) == [
        (1, "not_csv", "line 3: a carriage return in a cell without quotes", b"2,x\ry"),
        (2, "not_csv", "line 4: a quote is opened and not closed", b'3,"x'),
        (3, "wrong_cell_count", "line 5: 3 cells, the header has 2", b"4,x,"),
        (4, "wrong_cell_count", "line 6: 1 cell, the header has 2", b'{"id":"5"}'),
        (6, "invalid_utf8", "line 8: byte 0: invalid start byte", b"\xff,"),
    ]


def test_a_file_lands_once_under_any_name_and_a_changed_one_is_another(
    landing: Connection, database: Settings, tmp_path: Path
) -> None:
    first = numbered(tmp_path / "a.jsonl", 3)
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(first.read_bytes()))
    outcomes = land(database, first, packed) + land(database, first)
    assert [outcome.landed for outcome in outcomes] == [3, 0, 0]
    assert f"landed before as {first}, on " in outcomes[1].sentence()
    numbered(first, 4)
    assert [outcome.landed for outcome in land(database, first)] == [4]
    assert rows(landing, "select count(*), count(distinct topic_id) from landing.things") == [(7, 2)]


KILLED = """
import os, signal, sys
from pathlib import Path
from landfall.settings import Settings
from landing_stream.files import find_files
from landing_stream.ingest import ingest
from tests.landing.test_ingest import THINGS

def kill(load):
    if load.load_id == 4:
        os.kill(os.getpid(), signal.SIGKILL)

settings = Settings.load()
ingest(settings, THINGS, find_files(settings, [sys.argv[1]])[0], records_a_load=10, on_load=kill)
"""


def test_a_killed_ingestion_goes_on_where_it_stopped(
    landing: Connection, database: Settings, tmp_path: Path,
    environ_of: Callable[[Settings], dict[str, str]],
) -> None:  # fmt: skip
    path = numbered(tmp_path / "a.jsonl", 95)
    process = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environ_of(database), check=False)
    assert process.returncode == -signal.SIGKILL
    states = "select state, count(*) from landing.loads group by 1 order by 1"
    assert rows(landing, states) == [("finished", 3), ("open", 1)]
    assert rows(landing, "select finished_at from landing.files") == [(None,)]
    [outcome] = land(database, path, records_a_load=10)
    assert (outcome.first, outcome.landed) == (30, 65)
    assert rows(landing, "select count(*), count(distinct id) from landing.things") == [(95, 95)]
    assert rows(landing, states) == [("finished", 10), ("sealed", 1)]


def test_a_load_that_a_dead_process_left_open_does_not_hold_readers_back(
    landing: Connection, transformer: Connection, database: Settings, tmp_path: Path
) -> None:
    horizon = "select hi from landing.horizons where stream = 'things'"

    def dies(load: Load) -> None:
        seal_abandoned(transformer)  # its process lives: nothing is sealed
        assert rows(landing, horizon) == [(0,)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        land(database, numbered(tmp_path / "a.jsonl", 3), on_load=dies)
    assert rows(landing, horizon) == [(0,)]
    enricher = Enricher(database, {}, [])
    enricher.run_once()
    enricher.close()
    assert rows(landing, horizon) == [(1,)]


def test_of_two_at_once_the_newer_one_lands_and_the_other_ends(
    landing: Connection, database: Settings, tmp_path: Path
) -> None:
    path = numbered(tmp_path / "a.jsonl", 30)
    inner: list[Ingested] = []

    def second(load: Load) -> None:
        if load.load_id == 2:
            inner.extend(land(database, path, records_a_load=10))

    with pytest.raises(Fenced):
        land(database, path, records_a_load=10, on_load=second)
    assert [(outcome.first, outcome.landed) for outcome in inner] == [(10, 20)]
    assert rows(landing, "select count(*), count(distinct id) from landing.things") == [(30, 30)]


def test_files_and_the_stream_land_at_once(stream: Stream, tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.jsonl", 2_000, first=10_000)
    produced = iter(range(1, 401))

    def meanwhile(load: Load) -> None:
        stream.number(number := next(produced), number)

    with stream.landing():
        land(stream.settings, path, stream=stream.contract, records_a_load=20, on_load=meanwhile)
        stream.landed(2_100)
    doors = stream.select("select door, state, count(*) > 1 as many from landing.loads group by 1, 2 order by 1, 2")
    assert [(row["door"], row["state"]) for row in doors] == [("file", "finished"), ("stream", "finished")]
    assert stream.one("select count(*) - count(distinct id) from landing.things") == 0
    assert stream.one("select count(*) from landing.things where id::int >= 10000") == 2_000
    loads = stream.select("select load_id from landing.loads order by 1")
    assert [row["load_id"] for row in loads] == list(range(1, len(loads) + 1))


def test_one_unreadable_file_keeps_no_other_from_landing(
    landing: Connection, database: Settings, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("v\nno event time\n")
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'{"id":"1"}\n' * 9_000)[:-9])
    (tmp_path / "c.parquet").write_bytes(b"PAR1")
    (tmp_path / "d.jsonl").touch()
    numbered(tmp_path / "e.ndjson", 5)
    done: list[Ingested] = []
    problems = ingest(database, THINGS, files(database, tmp_path), done.append)
    assert [Path(outcome.file.name).name for outcome in done] == ["d.jsonl", "e.ndjson"]
    for problem, said in zip(
        problems,
        ["does not name id, the event time of things", "not a whole gzip file", "not readable as Parquet"],
        strict=True,
    ):
        assert said in problem.format_message()
    assert rows(landing, "select count(*) from landing.things") == [(5,)]
    assert rows(landing, "select state from landing.loads") == [("finished",)]


def test_a_value_that_python_cannot_hold_keeps_no_file_from_landing(
    landing: Connection, database: Settings, tmp_path: Path
) -> None:
    year_12000 = pa.array([0, 316_516_204_800], pa.timestamp("s", "UTC"))
    pq.write_table(pa.table({"id": ["a", "b"], "v": year_12000}), tmp_path / "a.parquet")
    texts = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.array([0, 1, 3], pa.int32()).buffers()[1], pa.py_buffer(b"c\xff\xfe")]
    )
    pq.write_table(pa.table({"id": texts}), tmp_path / "b.parquet")
    numbered(tmp_path / "c.jsonl", 2)
    outcomes = land(database, tmp_path)
    assert [(outcome.landed, outcome.quarantined) for outcome in outcomes] == [(2, 0), (1, 1), (2, 0)]
    assert rows(landing, "select v from landing.things where id = 'b'") == [("12000-01-01T00:00:00Z",)]
    bad = rows(landing, "select kafka_offset, reason, value from landing.quarantine")
    assert bad == [(1, "invalid_utf8", b'{"id":"\xff\xfe"}')]


def test_whatever_a_reader_stumbles_over_keeps_no_other_file_from_landing(
    landing: Connection, database: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def stumbles(*given: object) -> Iterator[bytes]:
        yield b'{"id":"1"}'
        raise ArithmeticError("nobody thought of it")

    monkeypatch.setattr("landing_stream.files.parquet_records", stumbles)
    (tmp_path / "a.parquet").touch()
    numbered(tmp_path / "b.jsonl", 2)
    done: list[Ingested] = []
    [problem] = ingest(database, THINGS, files(database, tmp_path), done.append)
    assert problem.format_message() == f"{tmp_path}/a.parquet: cannot be read (ArithmeticError; the log says more)."
    assert "nobody thought of it" in caplog.text
    assert [outcome.landed for outcome in done] == [2]


def test_names_that_are_no_text_land_and_are_shown_as_escapes(
    landing: Connection, database: Settings, tmp_path: Path
) -> None:
    for number, name in enumerate((b"caf\xe9.jsonl", b"\xff/a\x1b]52;c\x07.csv", "café.jsonl".encode())):
        path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))  # noqa: PTH118  # bytes
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'{"id":"%d"}' % number if path.suffix == ".jsonl" else b"id\n%d\n" % number)
    outcomes = land(database, tmp_path)
    assert [outcome.landed for outcome in outcomes] == [1, 1, 1]
    shown = {f"{tmp_path}/caf\\xe9.jsonl", f"{tmp_path}/\\xff/a\\x1b]52;c\\x07.csv", f"{tmp_path}/café.jsonl"}
    assert {outcome.file.name for outcome in outcomes} == shown
    assert {name for (name,) in rows(landing, "select name from landing.files")} == shown
    with pytest.raises(UserError, match=r"\\xff\.txt: there is no such file"):
        find_files(database, [os.fsdecode(b"\xff.txt")])


def test_a_file_that_grows_meanwhile_is_not_landed(landing: Connection, database: Settings, tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.jsonl", 30)

    def grow(load: Load) -> None:
        if load.load_id == 2:
            with path.open("ab") as file:
                file.write(b'{"id":"one more"}\n')

    [problem] = ingest(database, THINGS, files(database, path), records_a_load=10, on_load=grow)
    assert "was changed while it was read" in problem.format_message()
    assert rows(landing, "select count(*) from landing.things") == [(10,)]


def test_it_stops_between_loads(landing: Connection, database: Settings, tmp_path: Path) -> None:
    stop = threading.Event()
    path = numbered(tmp_path / "a.jsonl", 30)
    [outcome] = land(database, path, records_a_load=10, stop=stop, on_load=lambda load: stop.set())
    assert (outcome.landed, outcome.finished) == (10, False)
    assert [after.landed for after in land(database, path)] == [20]


def test_a_folder_is_walked_and_what_is_no_event_file_is_named(database: Settings, tmp_path: Path) -> None:
    for name in ("z.jsonl", "in/a.csv.gz", "in/deep/b.PARQUET", "in/_SUCCESS", "in/.b.parquet.crc", "_tmp/c.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "in" / "notes.txt").touch()
    found, unknown = find_files(database, [str(tmp_path), str(tmp_path / "z.jsonl")])
    assert [Path(file.name).name for file in found] == ["a.csv.gz", "b.PARQUET", "z.jsonl"]
    assert [Path(name).name for name in unknown] == ["notes.txt"]
    (tmp_path / "in" / "above").symlink_to(tmp_path)
    (tmp_path / "in" / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    problems: list[UserError] = []
    assert find_files(database, [str(tmp_path)], problems.append)[0] == found
    assert [str(each) for each in problems] == [f"{tmp_path}/in/gone.jsonl is a link that leads to no file."]
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(UserError, match="is neither a file nor a folder"):
        find_files(database, [str(tmp_path / "pipe.jsonl")])
    with pytest.raises(UserError, match=r"notes.txt: ingest reads \.jsonl"):
        find_files(database, [str(tmp_path / "in" / "notes.txt")])
    with pytest.raises(UserError, match="no such file or folder"):
        find_files(database, [str(tmp_path / "nowhere")])


def test_records_are_grouped_by_number_and_by_size() -> None:
    assert list(groups(iter([b"aa", b"b", b"cccccccc", b"d", b"e", b"f"]), 2, 4)) == [
        [b"aa", b"b"], [b"cccccccc"], [b"d", b"e"], [b"f"],
    ]  # fmt: skip
