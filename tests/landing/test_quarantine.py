"""What cannot be landed is kept byte for byte with its reason, can be looked at, and lands once its reason is gone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from landfall.layout import venv_bin
from landfall.settings import Settings
from landing_stream import quarantine
from landing_stream.contract import load_contracts
from landing_stream.ledger import Span, draw_load, finish_load_with_holes, start_writer
from landing_stream.tables import ensure_tables
from tests.conftest import Connection
from tests.landing.conftest import MakeStream
from tests.landing.streams import Stream


def nested(depth: int, *, field: bytes = b"v") -> bytes:
    """An event that is nested `depth` deep, itself included."""
    return b'{"%b":' % field + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


POISON: list[tuple[bytes | None, str]] = [
    (None, "tombstone"),
    (b"", "not_json"),
    (b"504 Gateway Time-out", "not_json"),
    (b'{"id":"cut', "not_json"),
    (b'{"v":NaN}', "not_json"),
    (b'{"v":[{"deep":NaN}]}', "not_json"),
    (b'{"new":[-Infinity]}', "not_json"),
    (b'{"v":1,}', "not_json"),
    (b'{"v":[1,2,]}', "not_json"),
    (b'{"new":{"a":[1,]}}', "not_json"),
    (b'\xef\xbb\xbf{"id":"byte order mark"}', "not_json"),
    (b'{"v":"a\x00b"}', "not_json"),
    (b"null", "not_object"),
    (b'[{"id":"a"}]', "not_object"),
    (b'"text"', "not_object"),
    (b"\xff\xfe", "invalid_utf8"),
    (b'{"v":"caf\xe9"}', "invalid_utf8"),
    (b'{"new":{"caf\xe9":1}}', "invalid_utf8"),
    (b'{"v":["\xed\xa0\x80"]}', "invalid_utf8"),
    (rb'{"v":"a\u0000b"}', "unstorable_text"),
    (rb'{"v":{"a\u0000b":1}}', "unstorable_text"),
    (rb'{"new":[["a\u0000b"]]}', "unstorable_text"),
    (rb'{"n\u0000w":1}', "unstorable_text"),
    (rb'{"v":"\ud83d"}', "unstorable_text"),
    (rb'{"v":{"\udc00":1}}', "unstorable_text"),
    (rb'{"new":{"a":["\ud83d\ud83d"]}}', "unstorable_text"),
    (nested(1_001), "too_deep"),
    (nested(1_001, field=b"new"), "too_deep"),
    (nested(60_000), "too_deep"),
    (b'{"v":"' + b"x" * 200_000 + b'"}', "too_large"),
]

GOOD: list[bytes] = [
    b'{"id":"1","id":"2"}',
    rb'{"v":"\\u0000"}',
    rb'{"v":"\ud83d\ude00"}',
    nested(1_000),
    nested(1_000, field=b"new"),
    b'{"v":1e400,"new":1e400}',
]


def test_every_kind_of_poison_is_set_apart_with_its_reason_and_the_rest_lands(make_stream: MakeStream) -> None:
    stream = make_stream(max_value_bytes=150_000)
    values = [value for pair in zip(POISON, GOOD * 5, strict=True) for value in (pair[0][0], pair[1])]
    stream.produce(*values, key=b"\x00k")
    landing = stream.land()
    assert [(row["value"], row["reason"]) for row in stream.quarantine()] == POISON
    landed = stream.select("select kafka_offset, landed_at from landing.things order by 1")
    assert [row["kafka_offset"] for row in landed] == list(range(1, 60, 2))
    assert (landing.landed, landing.quarantined) == (30, 30)
    [account] = stream.slices()
    assert (account["landed"], account["quarantined"], account["holes"]) == (30, 30, 0)
    record = stream.quarantine()[0]
    assert (record["kafka_key"], record["load_id"], record["kafka_offset"]) == (b"\x00k", 1, 0)
    assert record["landed_at"] == landed[0]["landed_at"]
    assert stream.one("select extra ->> 'new' is not null from landing.things where kafka_offset = 9") is True


def test_a_topic_of_nothing_but_poison_holds_nothing_up(stream: Stream) -> None:
    stream.produce(*[b"poison"] * 500)
    stream.land()
    stream.produce(b'{"id":"1"}')
    stream.land()
    assert len(stream.quarantine()) == 500
    assert stream.numbers() == [1]
    assert stream.ledger() == {0: 501}


def test_a_row_that_postgres_refuses_is_unstorable_and_the_batch_goes_on(stream: Stream) -> None:
    stream.db.execute("alter table landing.things alter column v type varchar(5)")
    stream.produce(*(b'{"id":"%d","v":"%b"}' % (n, b"too long" if n % 7 == 3 else b"ok") for n in range(50)))
    stream.land()
    assert stream.numbers() == [number for number in range(50) if number % 7 != 3]
    assert {(row["reason"], row["detail"]) for row in stream.quarantine()} == {
        ("unstorable", "Postgres refused the row: StringDataRightTruncation")
    }
    assert [row["kafka_offset"] for row in stream.quarantine()] == [number for number in range(50) if number % 7 == 3]


def test_a_record_lands_after_all_once_the_contract_allows_it(make_stream: MakeStream) -> None:
    stream = make_stream(max_value_bytes=100)
    large = b'{"id":"1","v":"' + b"x" * 200 + b'"}'
    stream.produce(large, b"no json", large, key=b"k")
    stream.land()
    assert quarantine.replay(stream.db, stream.contract) == (0, 3)
    allowing = replace(stream.contract, max_value_bytes=1_000)
    assert quarantine.replay(stream.db, allowing) == (2, 1)
    landed, before = stream.rows(), stream.quarantine()
    assert [row["kafka_offset"] for row in landed] == [0, 2]
    for row, record in zip(landed, (before[0], before[2]), strict=True):
        same = ("topic_id", "kafka_partition", "kafka_offset", "kafka_timestamp", "kafka_key")
        assert [row[name] for name in same] == [record[name] for name in same]
        assert row["load_id"] == record["replayed_load_id"] == 2
    assert before[1]["replayed_load_id"] is None


def test_a_replay_that_is_repeated_lands_nothing_again(make_stream: MakeStream) -> None:
    stream = make_stream(max_value_bytes=10)
    stream.number(1, 5)
    stream.land()
    allowing = replace(stream.contract, max_value_bytes=1_000)
    assert quarantine.replay(stream.db, allowing) == (5, 0)
    assert quarantine.replay(stream.db, allowing) == (0, 0)
    assert stream.numbers() == [1, 2, 3, 4, 5]
    assert stream.horizon() == 2


def test_only_the_records_of_a_reason_are_replayed_when_one_is_given(make_stream: MakeStream) -> None:
    stream = make_stream(max_value_bytes=10)
    stream.number(1, 2)
    stream.produce(b"bad")
    stream.land()
    allowing = replace(stream.contract, max_value_bytes=1_000)
    assert quarantine.replay(stream.db, allowing, "not_json") == (0, 1)
    assert quarantine.replay(stream.db, allowing, "too_large") == (2, 0)


def test_a_record_that_postgres_still_refuses_stays_and_the_others_land(stream: Stream) -> None:
    stream.db.execute("alter table landing.things alter column v type varchar(2)")
    stream.produce(b'{"id":"1","v":"long"}', b'{"id":"2","v":"longer"}')
    stream.land()
    stream.db.execute("alter table landing.things alter column v type varchar(4)")
    assert quarantine.replay(stream.db, stream.contract) == (1, 1)
    assert stream.numbers() == [1]


def test_a_replay_and_the_stream_do_not_stand_in_each_others_way(make_stream: MakeStream) -> None:
    stream = make_stream(max_value_bytes=18)
    stream.number(1, 10)  # those of two digits are too large
    with stream.landing():
        stream.landed(9)
        assert quarantine.replay(stream.db, replace(stream.contract, max_value_bytes=1_000)) == (1, 0)
        stream.number(11, 12)
        stream.number(3, 3)
        stream.landed(11)
    assert stream.exit_code == 0
    assert stream.numbers() == [1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10]


@pytest.fixture
def poisoned(database: Settings, landing: Connection) -> Settings:
    """A database in which three records of web_logs are in quarantine, one of them good by today's contract."""
    contracts = load_contracts()
    ensure_tables(landing, contracts.values())
    writer = start_writer(landing, "web_logs", "stream")
    load = draw_load(landing, writer)
    for offset, (reason, value) in enumerate(
        [("not_json", b"\x1b[31mno \xff json"), ("too_large", b'{"event_id":"e1","action":"buy"}'), ("tombstone", None)]
    ):
        landing.execute(
            "insert into landing.quarantine (stream, load_id, topic_id, kafka_partition, kafka_offset, landed_at,"
            " reason, detail, value) values ('web_logs', %s, %s, 3, %s, %s, %s, 'a detail', %s)",
            (load.load_id, UUID(int=7), offset, load.landed_at, reason, value),
        )
    finish_load_with_holes(landing, writer, load, UUID(int=7), [Span(3, 0, 3)])
    return database


@pytest.fixture
def typed(poisoned: Settings, environ_of: Callable[[Settings], dict[str, str]]) -> Callable[..., str]:
    """typed("list", …): what `landfall quarantine` prints, which must end well."""

    def run(*arguments: str, code: int = 0) -> str:
        command = [str(venv_bin() / "landfall"), "quarantine", *arguments]
        done = subprocess.run(
            command, env=environ_of(poisoned), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    return run


def test_quarantine_is_listed_shown_and_replayed_as_typed(typed: Callable[..., str], landing: Connection) -> None:
    listed = typed("list")
    assert [line.split()[:4] for line in listed.splitlines()[1:4]] == [
        ["web_logs", reason, "1", "1"] for reason in ("not_json", "tombstone", "too_large")
    ]
    records = [json.loads(line) for line in typed("list", "--json", "--reason", "too_large").splitlines()]
    assert [(record["kafka_partition"], record["kafka_offset"], record["size"]) for record in records] == [(3, 1, 32)]
    assert "value" not in records[0]
    shown = typed("show", "web_logs", "3", "0")
    assert r"\x1b[31mno \\xff json" in shown  # nothing that a terminal would obey
    assert typed("show", "web_logs", "3", "1", "--raw") == '{"event_id":"e1","action":"buy"}'
    assert "is in quarantine at partition 3, offset 9" in typed("show", "web_logs", "3", "9", code=1)
    assert typed("replay", "--stream", "web_logs") == "web_logs: 1 landed, 2 still in quarantine\n"
    assert typed("replay", "--stream", "web_logs") == "web_logs: 0 landed, 2 still in quarantine\n"
    rows = landing.execute("select event_id, kafka_partition, kafka_offset, load_id from landing.web_logs").fetchall()
    assert rows == [("e1", 3, 1, 2)]
    assert "(replayed in load 2)" in typed("list")
    assert "There is no stream 'shoes'" in typed("replay", "--stream", "shoes", code=1)
