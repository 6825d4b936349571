"""Samples as people have them, each with what a careful developer would make of it: right, asked, or refused."""

from __future__ import annotations

import csv
import gzip
import io
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from new_stream.options import Options

ROWS = 240


@dataclass(frozen=True)
class Case:
    """A sample and what comes out of it.

    `asked`: the option that the open question names; `refused`: words of the sentence. Else it is made: `key`, `time`,
    `written` (the notation), `zone`, `kinds` by field, `personal`, `identifies`, `events`, `rejected`, `quarantined`.
    """

    name: str
    content: bytes
    file: str = "sample.jsonl"
    options: Options = field(default_factory=Options)
    asked: str = ""
    refused: str = ""
    key: tuple[str, ...] = ("id",)
    time: str = "at"
    written: str = "iso8601"
    zone: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    personal: set[str] = field(default_factory=set)
    identifies: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] | None = None
    events: int = ROWS
    rejected: int = 0
    duplicates: int = 0
    quarantined: int = 0

    def write(self, folder: Path) -> Path:
        """The file."""
        path = folder / self.file
        path.write_bytes(gzip.compress(self.content) if path.suffix == ".gz" else self.content)
        return path


def at(number: int, form: str = "iso") -> str:
    """A moment that goes on by 37 minutes a record, from 1 March 2026, so over six days."""
    minutes = number * 37
    day, rest = 1 + minutes // 1440, minutes % 1440
    hour, minute = divmod(rest, 60)
    return {
        "iso": f"2026-03-{day:02}T{hour:02}:{minute:02}:00Z",
        "naive": f"2026-03-{day:02} {hour:02}:{minute:02}:00",
        "offset": f"2026-03-{day:02}T{hour:02}:{minute:02}:00+0100",
        "dmy": f"{day:02}/03/2026 {hour:02}:{minute:02}",
        "mdy": f"03/{day:02}/2026 {hour:02}:{minute:02}",
        "apache": f"{day:02}/Mar/2026:{hour:02}:{minute:02}:00 +0000",
        "half": f"Mar {day}, 2026 {(hour % 12) or 12}:{minute:02} {'PM' if hour > 11 else 'AM'}",
        "compact": f"202603{day:02} {hour:02}{minute:02}00",
        "short": f"{day:02}/03/26",
    }[form]


def rows(**fields: Any) -> list[dict[str, Any]]:
    """Records: each field a value, or a function of the record's number."""
    return [{n: v(i) if callable(v) else v for n, v in fields.items()} for i in range(ROWS)]


def jsonl(records: Iterable[Any]) -> bytes:
    """A line of JSON each."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def as_csv(records: list[dict[str, Any]], **dialect: Any) -> bytes:
    """A header and rows."""
    text = io.StringIO()
    writer = csv.DictWriter(text, records[0].keys(), lineterminator="\n", **dialect)
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def ids(number: int) -> str:
    """An identifier that looks like a number and is none."""
    return f"{number:06}"


def changed(records: list[dict[str, Any]], number: int, **fields: Any) -> list[dict[str, Any]]:
    """The records with one of them changed."""
    records[number] = {name: value for name, value in (records[number] | fields).items() if value is not ...}
    return records


DMY = "format DD/MM/YYYY HH24:MI"
plain = rows(id=ids, at=at, shop=lambda i: ["Lyon", "Nantes"][i % 2], amount=lambda i: i % 9 + 0.5)

CASES = [
    # --- the file
    Case("plain JSONL", jsonl(plain), kinds={"id": "text", "amount": "numeric", "shop": "text"}, groups=("shop",)),
    Case("packed JSONL", jsonl(plain), file="sample.jsonl.gz"),
    Case("CSV", as_csv(plain), file="sample.csv", kinds={"id": "text", "amount": "numeric"}, groups=("shop",)),
    Case("packed CSV", as_csv(plain), file="sample.csv.gz", kinds={"id": "text"}),
    Case("CSV with a byte order mark", b"\xef\xbb\xbf" + as_csv(plain), file="sample.csv"),
    Case("CSV with carriage returns", as_csv(plain).replace(b"\n", b"\r\n"), file="sample.csv"),
    Case("CSV with semicolons", as_csv(plain, delimiter=";"), file="sample.csv", refused="separated by semicolons"),
    Case("CSV with tabs", as_csv(plain, delimiter="\t"), file="sample.csv", refused="separated by tabs"),
    Case(
        "CSV with semicolons, which is said",
        as_csv(plain, delimiter=";"),
        file="sample.csv",
        options=Options(delimiter=";"),
        kinds={"amount": "numeric"},
    ),
    Case("cells between tabs", as_csv(plain, delimiter="\t"), file="sample.tsv"),
    Case("CSV without a header", as_csv(plain).split(b"\n", 1)[1], file="sample.csv", refused="no header"),
    Case("CSV in UTF-16", as_csv(plain).decode().encode("utf-16"), file="sample.csv", refused="UTF-16"),
    Case(
        "CSV with rows that are short",
        as_csv(plain) + b"000300,2026-03-20T00:00:00Z\n",
        file="sample.csv",
        quarantined=1,
    ),
    Case("one JSON array", json.dumps(plain).encode(), file="sample.json"),
    Case("JSON over many lines", "\n".join(json.dumps(each, indent=2) for each in plain).encode(), file="sample.json"),
    Case(
        "a JSON array that ends too early",
        json.dumps(plain, indent=1).encode()[:-9],
        refused="cannot be read from here on",
    ),
    Case("lines that are no JSON", jsonl(plain) + b"# end\nNaN\n", quarantined=2),
    Case("an empty file", b"", refused="no record"),
    Case("an empty CSV file", b"", file="sample.csv", refused="empty"),
    Case("a file of another kind", b"x", file="sample.xlsx", refused="replay reads .csv"),
    # --- which field is the time, and in what notation
    Case("epoch seconds", jsonl(rows(id=ids, ts=lambda i: 1772000000 + i)), time="ts", written="epoch seconds"),
    Case(
        "epoch milliseconds",
        jsonl(rows(id=ids, ts=lambda i: 1772000000123 + i)),
        time="ts",
        written="epoch milliseconds",
    ),
    Case(
        "epoch microseconds",
        jsonl(rows(id=ids, ts=lambda i: 1772000000123456 + i)),
        time="ts",
        written="epoch microseconds",
    ),
    Case(
        "epoch nanoseconds",
        jsonl(rows(id=ids, ts=lambda i: 1772000000123456789 + i)),
        time="ts",
        written="epoch nanoseconds",
    ),
    Case(
        "seconds that become milliseconds",
        jsonl(rows(id=ids, ts=lambda i: 1772000000 + i if i < 200 else 1772000000123 + i)),
        asked="--time-unit",
    ),
    Case("a number that may be an epoch", jsonl(rows(id=ids, sold=lambda i: 1772000000 + i)), asked="--time FIELD"),
    Case("offsets without a colon", jsonl(rows(id=ids, at=lambda i: at(i, "offset")))),
    Case("a clock without a zone", jsonl(rows(id=ids, at=lambda i: at(i, "naive"))), asked="--time-zone"),
    Case(
        "a clock whose zone is said",
        jsonl(rows(id=ids, at=lambda i: at(i, "naive"))),
        options=Options(time_zone="Europe/Paris"),
        zone="Europe/Paris",
    ),
    Case(
        "a zone that is none",
        jsonl(rows(id=ids, at=lambda i: at(i, "naive"))),
        options=Options(time_zone="Paris"),
        refused="--time-zone Paris",
    ),
    Case(
        "a zone that is missing once",
        jsonl(changed(rows(id=ids, at=at), 200, at="2026-03-06 10:00:00")),
        asked="--time-zone",
    ),
    Case("day or month first", jsonl(rows(id=ids, at=lambda i: at(i, "dmy"))), asked="--time-format"),
    Case(
        "day or month first, betrayed by the last row",
        jsonl(changed(rows(id=ids, at=lambda i: at(i, "dmy")), ROWS - 1, at="13/03/2026 10:00")),
        options=Options(time_zone="UTC"),
        written=DMY,
        zone="UTC",
    ),
    Case(
        "month first, betrayed by the last row",
        jsonl(changed(rows(id=ids, at=lambda i: at(i, "mdy")), ROWS - 1, at="03/13/2026 10:00")),
        options=Options(time_zone="UTC"),
        written="format MM/DD/YYYY HH24:MI",
        zone="UTC",
    ),
    Case(
        "two orders in one field",
        jsonl(
            changed(
                changed(rows(id=ids, at=lambda i: at(i, "dmy")), 5, at="13/03/2026 10:00"), 6, at="03/14/2026 10:00"
            )
        ),
        options=Options(time_zone="UTC"),
        asked="--time-format",
    ),
    Case(
        "a format that is said",
        jsonl(rows(id=ids, at=lambda i: at(i, "dmy"))),
        options=Options(time_format="DD/MM/YYYY HH24:MI", time_zone="UTC"),
        written=DMY,
        zone="UTC",
    ),
    Case(
        "a format that reads nothing",
        jsonl(rows(id=ids, at=lambda i: at(i, "dmy"))),
        options=Options(time="at", time_format="YYYY-MM-DD"),
        refused="No value of at can be read",
    ),
    Case("a year of two digits", jsonl(rows(id=ids, at=lambda i: at(i, "short"))), asked="--time-format"),
    Case(
        "a web server's log",
        jsonl(rows(id=ids, at=lambda i: at(i, "apache"))),
        written="format DD/Mon/YYYY:HH24:MI:SS TZHTZM",
    ),
    Case(
        "a clock of twelve hours",
        jsonl(rows(id=ids, at=lambda i: at(i, "half"))),
        options=Options(time_zone="UTC"),
        written="format Mon DD, YYYY HH12:MI AM",
        zone="UTC",
    ),
    Case(
        "a date without separators",
        jsonl(rows(id=ids, at=lambda i: at(i, "compact"))),
        options=Options(time_zone="UTC"),
        written="format YYYYMMDD HH24MISS",
        zone="UTC",
    ),
    Case("two fields that are times", jsonl(rows(id=ids, started_at=at, ended_at=at)), asked="--time FIELD"),
    Case(
        "one of two times",
        jsonl(rows(id=ids, started_at=at, ended_at=at)),
        options=Options(time="ended_at"),
        time="ended_at",
        kinds={"started_at": "time"},
    ),
    Case("a deadline is no event time", jsonl(rows(id=ids, at=at, valid_until="2026-12-31T00:00:00Z"))),
    Case(
        "a date of birth is no event time",
        jsonl(rows(id=ids, at=at, date_of_birth="1980-02-29")),
        personal={"date_of_birth"},
    ),
    Case("a time inside an object", jsonl(rows(id=ids, meta=lambda i: {"when": {"at": at(i)}})), time="meta.when.at"),
    Case("no time at all", jsonl(rows(id=ids, shop="Lyon")), asked="--time FIELD"),
    Case(
        "a time that is missing once", jsonl(changed(list(map(dict, plain)), 7, at=None)), events=ROWS - 1, rejected=1
    ),
    Case("a time that is no time once", jsonl(changed(list(map(dict, plain)), 7, at="at noon")), asked="--time-format"),
    Case(
        "a time that is no time once, which is said",
        jsonl(changed(list(map(dict, plain)), 7, at="at noon")),
        options=Options(time_unit="iso8601"),
        events=ROWS - 1,
        rejected=1,
    ),
    Case(
        "a time of the year 1969",
        jsonl(changed(list(map(dict, plain)), 7, at="1969-12-31T23:59:59Z")),
        events=ROWS - 1,
        rejected=1,
    ),
    # --- which field is the key
    Case(
        "a key that is unique until it is NA",
        jsonl(changed(changed(list(map(dict, plain)), 220, id="NA"), 221, id="NA")),
        asked="--no-key",
    ),
    Case("a key that is NA once", jsonl(changed(list(map(dict, plain)), 220, id="NA")), asked="--no-key"),
    Case("a key that is empty once", jsonl(changed(list(map(dict, plain)), 220, id="")), asked="--no-key"),
    Case("a key that is missing once", jsonl(changed(list(map(dict, plain)), 220, id=...)), asked="--no-key"),
    Case("no key", jsonl(rows(at=at, shop="Lyon")), asked="--no-key"),
    Case("no key, which is said", jsonl(rows(at=at, shop="Lyon")), options=Options(no_key=True), key=()),
    Case(
        "an account that is there once each",
        jsonl(rows(customer_id=ids, at=at)),
        asked="--key FIELD",
        personal={"customer_id"},
    ),
    Case(
        "two fields that could be it",
        jsonl(rows(id=ids, uuid=lambda i: str(uuid.UUID(int=i)), at=at)),
        asked="--key FIELD",
    ),
    Case("the event's id before others", jsonl(rows(id=ids, event_id=ids, order_id=ids, at=at)), key=("event_id",)),
    Case(
        "a key of two fields",
        jsonl(rows(shop=lambda i: i % 2, receipt=lambda i: i // 2, at=at)),
        options=Options(keys=("shop", "receipt")),
        key=("shop", "receipt"),
    ),
    Case(
        "a key that would merge records",
        jsonl(rows(shop=lambda i: i % 2, receipt=lambda i: i // 2, at=at)),
        options=Options(keys=("receipt",)),
        refused="120 records have the key",
    ),
    Case(
        "a record that was sent twice",
        jsonl([*plain, plain[3]]),
        options=Options(keys=("id",)),
        duplicates=1,
    ),
    Case("a field that is not there", jsonl(plain), options=Options(keys=("ID",)), refused="no field 'ID'"),
    # --- what the values are
    Case("ids with leading zeros", jsonl(rows(id=ids, at=at, part=lambda i: f"{i % 7:04}")), kinds={"part": "text"}),
    Case("ids in exponents", jsonl(rows(id=ids, at=at, part=lambda i: f"{i % 9}e5")), kinds={"part": "text"}),
    Case(
        "ids beyond 64 bits",
        jsonl(rows(id=lambda i: 2**70 + i, at=at, n=lambda i: 2**53 + i % 9)),
        kinds={"id": "text", "n": "text"},
    ),
    Case(
        "a type that changes at the end",
        jsonl(changed(list(map(dict, plain)), 239, amount="many")),
        kinds={"amount": "text"},
    ),
    Case("a number in texts", as_csv(plain), file="sample.csv", kinds={"amount": "numeric"}),
    Case("a field that appears at the end", jsonl([*plain[:-1], plain[-1] | {"late": 1.5}]), kinds={"late": "numeric"}),
    Case(
        "phone numbers are no numbers",
        jsonl(rows(id=ids, at=at, contact=lambda i: f"+336{i:08}")),
        kinds={"contact": "text"},
        personal={"contact"},
    ),
    Case("true and false", jsonl(rows(id=ids, at=at, paid=lambda i: i % 3 == 0)), kinds={"paid": "boolean"}),
    Case(
        "lists and objects",
        jsonl(rows(id=ids, at=at, tags=["a"], shop={"city": "Lyon"})),
        kinds={"tags": "json", "shop": "json"},
    ),
    # --- names
    Case(
        "names of all kinds",
        jsonl(
            rows(
                **{
                    "id": ids,
                    "at": at,
                    "Start Time": 1,
                    "@x": 2,
                    "a.b": 3,
                    "it's": 4,
                    '"': 5,
                    "{{ x }}": 6,
                    "select": 7,
                    "load_id": 8,
                    "y" * 80: 9,
                    "no": 10,
                    "1.10": 11,
                    "12:30": 12,
                    "é": 13,
                    "Shop": 14,
                    "shop": 15,
                }
            )
        ),
        columns={
            "Start Time": "start_time",
            "select": "select_sent",
            "load_id": "load_id_sent",
            "no": "no_sent",
            "Shop": "shop",
            "shop": "shop_2",
        },
    ),
    Case("a field without a name", jsonl([row | {"": 1} for row in plain])),
    Case("a name that cannot be stored", jsonl([*plain, {"\0": 1}]), quarantined=1),
    # --- people
    Case(
        "what looks like a person",
        jsonl(
            rows(
                id=ids,
                at=at,
                mail="ada@letters.test",
                client=lambda i: f"10.0.0.{i}",
                user_id=lambda i: i % 9,
                first_name="Ada",
                device_id="d1",
                note=lambda i: "write to bob@letters.test" if i == 200 else "-",
                who={"login": "eve@letters.test"},
                repo={"name": "landfall"},
            )
        ),
        personal={"mail", "client", "user_id", "first_name", "device_id", "note", "who"},
        identifies={"mail": "email", "client": "address", "user_id": "user", "device_id": "device"},
    ),
    Case(
        "a person that somebody names", jsonl(plain), options=Options(personal=("shop",)), personal={"shop"}, groups=()
    ),
    Case(
        "what looks like a person and is none",
        jsonl(rows(id=ids, at=at, name=lambda i: ["a", "b"][i % 2])),
        options=Options(not_personal=("name",)),
        groups=("name",),
    ),
]
