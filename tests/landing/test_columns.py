"""What was sent is what stands in the landing table, also while the contract grows."""

from __future__ import annotations

import json

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from tests.landing.streams import Stream


def test_values_land_as_sent(stream: Stream) -> None:
    sent_and_landed: list[tuple[bytes, str | None]] = [
        (b'"text"', "text"),
        (b'""', ""),
        (rb'"caf\u00e9 \ud83d\ude00 \"quoted\"\n"', 'café 😀 "quoted"\n'),
        (b"true", "true"),
        (b"false", "false"),
        (b"null", None),
        (b"18446744073709551616", "18446744073709551616"),
        (b"-123456789012345678901234567890", "-123456789012345678901234567890"),
        (b'[1, {"a": null}]', '[1,{"a":null}]'),
    ]
    stream.produce(*(b'{"v":%b}' % sent for sent, _ in sent_and_landed), b"{}")
    stream.land()
    assert [row["v"] for row in stream.rows()] == [*(landed for _, landed in sent_and_landed), None]


def test_numbers_with_a_fraction_keep_their_value(stream: Stream) -> None:
    sent = [b"1.10", b"1E5", b"0.1234567890123456789", b"-0.0", b"5e-324", b"1591266092.5"]
    stream.produce(*(b'{"v":%b}' % value for value in sent))
    stream.land()
    assert [float(row["v"]) for row in stream.rows()] == [float(value) for value in sent]


def test_unknown_fields_are_kept_as_sent(stream: Stream) -> None:
    stream.produce(rb'{"new":{"a": [1, 2.50, "\u00e9"]}, "v":1, "other":1.10}', b'{"v":2}')
    stream.land()
    first, second = stream.select("select extra::text from landing.things order by kafka_offset")
    assert first["extra"] == r'{"new":{"a": [1, 2.50, "\u00e9"]},"other":1.10}'
    assert second["extra"] is None
    assert stream.one("select extra ->> 'other' from landing.things where kafka_offset = 0") == "1.10"


def test_a_field_that_the_contract_gains_moves_from_extra_to_its_column(stream: Stream) -> None:
    stream.produce(b'{"id":"a","colour":"red","size":1}')
    stream.land()
    stream.grow("colour")
    stream.produce(b'{"id":"b","colour":"blue","size":2}')
    stream.land()
    old, new = stream.rows()
    assert (old["colour"], old["extra"]) == (None, {"colour": "red", "size": 1})
    assert (new["colour"], new["extra"]) == ("blue", {"size": 2})
    coalesced = stream.select("select coalesce(colour, extra ->> 'colour') as colour from landing.things order by id")
    assert [row["colour"] for row in coalesced] == ["red", "blue"]


def test_a_field_name_may_be_anything_that_the_contract_allows(stream: Stream) -> None:
    stream.grow("Select", "dotted.name", "with-dash")
    stream.produce(json.dumps({"Select": "a", "dotted.name": "b", "with-dash": "c"}).encode())
    stream.land()
    [row] = stream.rows()
    assert (row["Select"], row["dotted.name"], row["with-dash"], row["extra"]) == ("a", "b", "c", None)


def test_times_that_a_producer_made_up_cost_no_event(stream: Stream, kafka_admin: AdminClient) -> None:
    any_time = ConfigEntry(
        "message.timestamp.after.max.ms", str(2**63 - 1), incremental_operation=AlterConfigOpType.SET
    )
    topic = ConfigResource("TOPIC", stream.contract.topic, incremental_configs=[any_time])
    kafka_admin.incremental_alter_configs([topic])[topic].result(30)
    for moment in (1, 1_774_698_300_000, 253_402_300_799_999, 253_402_300_800_000, 9_000_000_000_000_000):
        stream.produce(b"{}", timestamp=moment)
    stream.land()
    times = stream.select("select kafka_timestamp::text as at from landing.things order by kafka_offset")
    assert [row["at"] for row in times] == [
        "1970-01-01 00:00:00.001+00",
        "2026-03-28 11:45:00+00",
        "9999-12-31 23:59:59.999+00",
        None,
        None,
    ]


def test_large_events_land_in_batches_of_bounded_size(stream: Stream) -> None:
    text = "x" * 900_000
    stream.produce(*(json.dumps({"id": str(number), "v": text}).encode() for number in range(60)))
    stream.land()
    assert stream.numbers() == list(range(60))
    assert stream.one("select min(length(v)) from landing.things") == 900_000
