"""A stream of which nothing is called as SQL would like it; its key is of two fields, its time stands in an object."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from psycopg import sql

from database.connect import connect
from enrichment.enricher import Enricher
from erasure.erase_again import words_of
from erasure.identifiers import Identifier, Replacer, salted_key, text_key
from erasure.person import find_person
from erasure.sweep import Renamed, sweep_landing, sweep_quarantine
from landing_stream import quarantine
from landing_stream.contract import Contract, read_contract
from simulator.records import records
from tests.landing.streams import Stream
from tests.landing.test_ingest import land

LONG = "the time between the first and the last byte of the answer, in ms"
NAMES = {
    'client "ip" 100%': None, "user's id": None, "User's ID": "upper_user_id", "@timestamp": None,
    "load_id": "their_load_id",
    "extra": "more", "ctid": "their_ctid", "select": None, "Größe/Maß": None, LONG: "answer_ms",
    LONG.upper(): "upper_answer_ms", "日本.語": None, "%s {0} \\u0061 $1": None, "kafka_key": "their_key", "123": None,
    "a,b;c\td": None,
}  # fmt: skip
"""Fields, each with its column where the name cannot be one."""
MARKS: dict[str, dict[str, Any]] = {
    'client "ip" 100%': {
        "classification": "personal", "customProperties": [{"property": "enrichment", "value": "ip"}],
    },
    "user's id": {"classification": "personal", "customProperties": [{"property": "identifies", "value": "user"}]},
    "%s {0} \\u0061 $1": {"classification": "personal"},
}  # fmt: skip


@pytest.fixture
def odd(stream: Stream, tmp_path: Path) -> Stream:
    """The stream `things` by a contract as people write it, in YAML."""
    properties = [
        {"name": name, "description": f"What is called {name}."}
        | ({"physicalName": column} if column else {})
        | MARKS.get(name, {})
        for name, column in NAMES.items()
    ]
    custom = {
        "eventKey": [["user's id", "load_id"]],
        "eventTime": ["@timestamp", "sent", "at"],
        "eventTimeUnit": "epoch_milliseconds",
        "maxValueBytes": 5_000,
    }
    document = {
        "apiVersion": "v3.0.2", "kind": "DataContract", "id": "odd", "version": "1.0.0", "status": "active",
        "schema": [{"name": "things", "physicalName": stream.contract.topic, "properties": properties}],
        "customProperties": [{"property": name, "value": value} for name, value in custom.items()],
    }  # fmt: skip
    path = tmp_path / "things.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    stream.contract = read_contract(path)
    return stream


def event(number: int) -> dict[str, Any]:
    """An event whose values name their fields."""
    values: dict[str, Any] = {name: f"{name} of {number}" for name in NAMES}
    return values | {
        'client "ip" 100%': f"192.0.2.{number}",
        "@timestamp": {"sent": {"at": 1_774_692_000_000 + number}},
    }


def columns_of(row: dict[str, Any], contract: Contract) -> dict[str, Any]:
    """The fields of a row by their names."""
    return {field.name: row[field.column] for field in contract.fields}


def as_landed(sent: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else value
        for name, value in sent.items()
    }


def test_each_field_keeps_its_own_column_by_every_door(odd: Stream, tmp_path: Path) -> None:
    events = [event(number) for number in range(1, 4)]
    lines = tmp_path / "a.jsonl"
    lines.write_text("\n".join(json.dumps(each) for each in events) + '\n{"v":1,"EXTRA":2,"LOAD_ID":3}\n')
    for key, value in records(lines, odd.contract):
        odd.produce(value, key=key)
    odd.land()

    array = tmp_path / "b.json"
    array.write_text(json.dumps(events, indent=2, ensure_ascii=False), encoding="utf-8")
    cells = tmp_path / "c.csv"
    with cells.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(NAMES), delimiter=";")
        writer.writeheader()
        writer.writerows(as_landed(each) for each in events)
    table = tmp_path / "d.parquet"
    pq.write_table(pa.Table.from_pylist(events), table)
    outcomes = [
        *land(odd.settings, array, table, stream=odd.contract),
        *land(odd.settings, cells, stream=odd.contract, delimiter=";"),
    ]
    assert [(outcome.landed, outcome.quarantined) for outcome in outcomes] == [(3, 0)] * 3

    odd.produce(json.dumps(event(4) | {"select": "x" * 5_000}).encode())
    odd.land()
    assert [row["reason"] for row in odd.quarantine()] == ["too_large"]
    assert quarantine.replay(odd.db, replace(odd.contract, max_value_bytes=10_000)) == (1, 0)

    rows = odd.select("select * from landing.things order by load_id, kafka_offset")
    found = [columns_of(row, odd.contract) for row in rows]
    expected = [as_landed(each) for each in events]
    nothing = dict.fromkeys(NAMES)
    assert found == [*expected, nothing, *expected * 3, as_landed(event(4) | {"select": "x" * 5_000})]
    assert [row["extra"] for row in rows] == [None] * 3 + [{"v": 1, "EXTRA": 2, "LOAD_ID": 3}] + [None] * 10
    keys = [bytes(row["kafka_key"]).decode() for row in rows if row["kafka_key"]]
    assert keys == [f"14:user's id of {number},12:load_id of {number}," for number in (1, 2, 3)]


def test_what_is_marked_is_enriched_and_erased_whatever_it_is_called(odd: Stream) -> None:
    ada = event(1) | {"user's id": "502567", "%s {0} \\u0061 $1": "mail of 502567", "load_id": "page, 7"}
    later = {"user's id": "502567", "new": "502567"}
    odd.produce(json.dumps(ada).encode(), key=b"6:502567,7:page, 7,")
    odd.produce(json.dumps(event(2)).encode(), key=b"another")
    odd.produce(json.dumps(later).encode()[:-1])  # cut
    odd.land()
    contracts = {"things": odd.contract}
    enricher = Enricher(odd.settings, contracts)
    enricher.run_once()
    enricher.close()
    known = "select ip_address from enrichment.ip_address order by 1"
    with connect(odd.settings.as_transformer) as models, connect(odd.settings.as_writer) as landing:
        assert models.execute(sql.SQL(known)).fetchall() == [("192.0.2.1",), ("192.0.2.2",)]
        person = find_person(landing, models, contracts, {"user": ["502567"]}, "salt")
        assert person.values["address"] == {salted_key("salt", "192.0.2.1"): "192.0.2.1"}
        assert ("user", "502567") in set(words_of(models, odd.contract, 0, 10))
        erased = [
            Identifier("user", salted_key("salt", "502567"), "502567", "erased-1"),
            Identifier("address", salted_key("salt", "192.0.2.1"), "192.0.2.1", "erased-2"),
        ]
        renamed = Renamed("salt")
        assert sweep_landing(landing, odd.contract, Replacer(erased), renamed) == 1
        assert sweep_quarantine(landing, odd.contract, Replacer(erased)) == 1
        landing.commit()
    rows = odd.select("select * from landing.things order by kafka_offset")
    found = [columns_of(row, odd.contract) for row in rows]
    assert found[0] == as_landed(ada) | {
        "user's id": "erased-1", 'client "ip" 100%': "erased-2", "%s {0} \\u0061 $1": "mail of erased-1",
    }  # fmt: skip
    assert found[1] == as_landed(event(2))
    assert b"502567" not in b"".join(bytes(row["kafka_key"]) for row in rows)
    assert b"502567" not in bytes(odd.quarantine()[0]["value"])
    # the fact's key, which is made of the user, becomes that of the one who is not known
    assert renamed.keys[text_key("6:502567,7:page, 7,")] == text_key("8:erased-1,7:page, 7,")
