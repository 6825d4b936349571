"""Times, keys and fields as contracts name them, read by the models' macros in Postgres and the same way in Python."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from dbt.cli.main import dbtRunner
from psycopg import sql

from database.connect import connect, libpq_variables
from erasure.identifiers import text_key
from landfall.settings import Settings
from landing_stream.event_key import event_key_text
from landing_stream.event_time import read_time, template_problem
from tests.conftest import Connection
from warehouse.dbt_arguments import global_arguments, path_arguments
from warehouse.dbt_session import DbtSession, environment

LANDED_AT = dt.datetime(2026, 3, 28, 12, tzinfo=dt.UTC)
FIRST, FURTHEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC), LANDED_AT + dt.timedelta(days=366)
CLF, ISO, MS, US, NS = (
    "DD/Mon/YYYY:HH24:MI:SS TZHTZM",
    "iso8601",
    "epoch_milliseconds",
    "epoch_microseconds",
    "epoch_nanoseconds",
)
NINES = "9" * 30

Unit = tuple[str, str | None, str]
"""Unit, template, zone."""


def unit(name: str, template: str | None = None, zone: str = "UTC") -> Unit:
    return name, template, zone


def template(text: str, zone: str = "UTC") -> Unit:
    return "format", text, zone


TIMES: list[tuple[Unit, str | None, str | None]] = [
    # numbers
    (unit("epoch_seconds"), "1774692000", "2026-03-28 10:00:00"),
    (unit("epoch_seconds"), "1774692000.9999999", "2026-03-28 10:00:00.999999"),
    (unit("epoch_seconds"), "1774692000123", "2026-03-28 10:00:00.123"),
    (unit("epoch_seconds"), "1774692000123456", None),
    (unit(MS), "1774692000123", "2026-03-28 10:00:00.123"),
    (unit(MS), "1774692000123.4567", "2026-03-28 10:00:00.123456"),
    (unit(MS), "1774692000", "1970-01-21 12:58:12"),
    (unit(MS), "0", "1970-01-01 00:00:00"),
    (unit(MS), "7", "1970-01-01 00:00:00.007"),
    (unit(MS), "1774692000999.9999999", "2026-03-28 10:00:00.999999"),
    (unit(MS), "-1", None),
    (unit(MS), "1.774692E+12", None),  # as a spreadsheet shows it: the hour is lost
    (unit(MS), " 1774692000123", None),
    (unit(MS), "17746920001234", None),
    (unit(US), "1774692000123456", "2026-03-28 10:00:00.123456"),
    (unit(US), "1774692000123456.9", "2026-03-28 10:00:00.123456"),
    (unit(US), "1774692000123", "1970-01-21 12:58:12.000123"),
    (unit(NS), "1774692000123456789", "2026-03-28 10:00:00.123456"),
    (unit(NS), "1774742399999999999", "2026-03-28 23:59:59.999999"),
    (unit(NS), "999", "1970-01-01 00:00:00"),
    (unit(NS), "17746920001234567890", None),
    (unit(NS), "9" * 19, None),
    (unit(NS), "NaN", None),
    (unit(NS), "", None),
    (unit(NS), None, None),
    # ISO 8601
    (unit(ISO), "2026-03-28T10:00:00Z", "2026-03-28 10:00:00"),
    (unit(ISO), "2026-03-28 10:00:00", "2026-03-28 10:00:00"),
    (unit(ISO), "2026-03-28T10:00:00+0100", "2026-03-28 09:00:00"),
    (unit(ISO), "2026-03-28T10:00:00-03", "2026-03-28 13:00:00"),
    (unit(ISO), "2026-03-28T10:00:00,5+01:30", "2026-03-28 08:30:00.5"),
    (unit(ISO), f"2026-03-28T23:59:59.{NINES}Z", "2026-03-28 23:59:59.999999"),
    (unit(ISO), "2026-03-28T10:00:00+1600", None),
    (unit(ISO), "2026-03-28T10:00:00+01:60", None),
    (unit(ISO), "2026-02-29T10:00:00Z", None),
    (unit(ISO), "2026-03-28T24:00:00Z", None),
    (unit(ISO), "2026-03-28T10:00:00Z and more", None),
    (unit(ISO), "2026-03-28T10:00:00Z\n", None),
    (unit(ISO), "28.03.2026 10:00:00", None),
    (unit(ISO), "now", None),
    (unit(ISO), "infinity", None),
    (unit(ISO, None, "Europe/Berlin"), "2026-03-28T10:00:00", "2026-03-28 09:00:00"),
    (unit(ISO, None, "Europe/Berlin"), "2026-03-28T10:00:00Z", "2026-03-28 10:00:00"),
    (unit(ISO, None, "Europe/Berlin"), "2025-10-26 02:30:00", "2025-10-26 01:30:00"),  # twice: the second
    (unit(ISO, None, "Europe/Berlin"), "2026-03-29 02:30:00", "2026-03-29 01:30:00"),  # never: counted on from before
    (unit(ISO, None, "Asia/Kathmandu"), "2026-03-28 10:00:00.1", "2026-03-28 04:15:00.1"),
    # templates
    (template("DD/MM/YYYY HH24:MI"), "28/03/2026 10:00", "2026-03-28 10:00:00"),
    (template("DD/MM/YYYY HH24:MI"), "1/3/2026 9:05", "2026-03-01 09:05:00"),
    (template("DD/MM/YYYY HH24:MI"), "31/02/2026 10:00", None),
    (template("DD/MM/YYYY HH24:MI"), "03/28/2026 10:00", None),
    (template("DD/MM/YYYY HH24:MI"), "28/03/2026 10:00:01", None),
    (template("DD/MM/YYYY HH24:MI"), "28/03/2026 10:00 x", None),
    (template("DD/MM/YYYY HH24:MI"), " 28/03/2026 10:00", None),
    (template("DD/MM/YYYY HH24:MI"), "28-03-2026 10:00", None),
    (template("DD/MM/YYYY HH24:MI"), "28/03/26 10:00", None),
    (template("DD/MM/YYYY HH24:MI"), "28/03/2026 24:00", None),
    (template("MM/DD/YYYY HH12:MI AM"), "3/28/2026 12:05 am", "2026-03-28 00:05:00"),
    (template("MM/DD/YYYY HH12:MI AM"), "03/28/2026 12:05 PM", "2026-03-28 12:05:00"),
    (template("MM/DD/YYYY HH12:MI AM"), "03/28/2026 13:05 PM", None),
    (template(CLF), "28/Mar/2026:10:00:00 +0100", "2026-03-28 09:00:00"),
    (template(CLF), "28/MAR/2026:10:00:00 -1559", "2026-03-29 01:59:00"),
    (template(CLF), "28/Mrz/2026:10:00:00 +0100", None),
    (template(CLF), "28/Mar/2026:10:00:00", None),
    (template("DD/Mon/YYYY:HH24:MI:SS TZH:TZM"), "28/Mar/2026:10:00:00 +01:00", "2026-03-28 09:00:00"),
    (template("YYYY-MM-DD HH24:MI:SS,MS"), "2026-03-28 10:00:00,123", "2026-03-28 10:00:00.123"),
    (template("YYYY-MM-DD HH24:MI:SS.US"), f"2026-03-28 23:59:59.{NINES}", "2026-03-28 23:59:59.999999"),
    (template("YYYY-MM-DD HH24:MI:SS.US"), "2026-03-28 23:59:59.5", "2026-03-28 23:59:59.5"),
    (template("YYYY-MM-DD HH24:MI:SS"), "2026-03-28 10:00:60", None),
    (template("YYYYMMDDHH24MISSMS"), "20260328100000123", "2026-03-28 10:00:00.123"),
    (template("YYYYMMDD"), "2026328", None),
    (template("YYYYMMDD"), "20260328", "2026-03-28 00:00:00"),
    (template("DD.MM.YY"), "28.03.26", "2026-03-28 00:00:00"),
    (template("DD.MM.YY"), "28.03.70", "1970-03-28 00:00:00"),
    (template("DD.MM.YY"), "28.03.69", None),  # of 2069, beyond the bounds
    (template("Dy Mon DD HH24:MI:SS YYYY"), "Sun Mar  1 10:00:00 2026", "2026-03-01 10:00:00"),
    (template("Dy, DD Mon YYYY HH24:MI:SS \"GMT\""), "Sat, 28 Mar 2026 10:00:00 GMT", "2026-03-28 10:00:00"),
    (template("DD Month YYYY"), "1 may 2025", "2025-05-01 00:00:00"),
    (template("YYYY/FMMM/FMDD"), "2026/3/1", "2026-03-01 00:00:00"),
    (template("DD/MM/YYYY HH24:MI", "America/New_York"), "28/03/2026 10:00", "2026-03-28 14:00:00"),
    (template("(YYYY) [MM] {DD} \"it's %s\" $^*+?."), "(2026) [03] {28} it's %s $^*+?.", "2026-03-28 00:00:00"),
    # bounds
    (unit(ISO), "1969-12-31T23:59:59Z", None),
    (unit(ISO), "2027-03-29T11:59:59Z", "2027-03-29 11:59:59"),
    (unit(ISO), "2027-03-29T12:00:00Z", None),
    (unit(ISO), "0000-01-01T00:00:00Z", None),
    (unit("uuid_v1"), "1a8e8a00-2a8e-11f1-8000-000000000001", "2026-03-28 10:08:44.446771"),
    (unit("uuid_v1"), "1a8e8a00-2a8e-41f1-8000-000000000001", None),
]  # fmt: skip

FORMATS = (
    "DD/MM/YYYY HH24:MI", "MM/DD/YYYY HH12:MI:SS AM", CLF, "DD/Mon/YYYY:HH24:MI:SS TZH:TZM", "YYYYMMDDHH24MISS",
    "YYYY-MM-DD HH24:MI:SS,MS", "Dy Mon DD HH24:MI:SS YYYY", "DD.MM.YY", "yyyy/mm/dd hh24:mi:ss.ff3tzh",
    "YYMMDDHH24MISSMS",
)  # fmt: skip


@pytest.fixture
def compiled(database: Settings) -> Callable[[dict[Any, str]], dict[Any, str]]:
    """compiled({key: Jinja}): {key: SQL}, by dbt with the macros of the project."""
    session = DbtSession(database)

    def compiled(pieces: dict[Any, str]) -> dict[Any, str]:
        code = "\n-- next --\n".join(pieces.values())
        line = [*global_arguments(session.folder), "compile", *path_arguments(session.project, session.folder)]
        with environment(libpq_variables(database.as_transformer)):
            done = dbtRunner(manifest=session.manifest).invoke([*line, "--target", "prod", "--inline", code])
        assert done.success, done.exception
        text = cast(Any, done.result).results[0].node.compiled_code
        return dict(zip(pieces, text.split("\n-- next --\n"), strict=True))

    return compiled


@pytest.fixture
def server(database: Settings) -> Iterator[Connection]:
    """A connection whose own zone and order of dates are none of the contracts'."""
    with connect(database.as_transformer, autocommit=True) as connection:
        connection.execute("set timezone = 'Asia/Tokyo'")
        connection.execute("set datestyle = 'ISO, MDY'")
        yield connection


def call(macro: str, *arguments: object) -> str:
    """A call of a macro. JSON is Jinja, but for null."""
    shown = ", ".join(json.dumps(each) if each is not None else "none" for each in arguments)
    return f"{{{{ {macro}({shown}) }}}}"


def read(server: Connection, expression: str, texts: list[str | None]) -> list[dt.datetime | None]:
    """What an expression of `t` gives for each text, in UTC."""
    query = sql.SQL(
        "select {} from (select t, n, null::timestamptz as kafka_timestamp, {}::timestamptz as landed_at"
        " from unnest({}::text[]) with ordinality as u (t, n)) as x order by n"
    )
    rows = server.execute(query.format(sql.SQL(expression), sql.Literal(LANDED_AT), sql.Literal(texts))).fetchall()
    return [moment and moment.astimezone(dt.UTC) for (moment,) in rows]


def in_bounds(moment: dt.datetime | None) -> dt.datetime | None:
    return moment if moment is not None and FIRST <= moment < FURTHEST else None


def test_a_time_is_read_by_its_unit_or_is_none(
    compiled: Callable[[dict[Any, str]], dict[Any, str]], server: Connection
) -> None:
    units = list(dict.fromkeys(given for given, _, _ in TIMES))
    expressions = compiled({given: call("event_time", "t", *given) for given in units})
    for given in units:
        texts = [text for each, text, _ in TIMES if each == given]
        expected = [
            moment and dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)
            for each, _, moment in TIMES
            if each == given
        ]
        assert dict(zip(texts, read(server, expressions[given], texts), strict=True)) == dict(
            zip(texts, expected, strict=True)
        ), given
        assert [None if text is None else in_bounds(read_time(text, *given)) for text in texts] == expected, given


def test_postgres_and_python_read_every_text_alike(
    compiled: Callable[[dict[Any, str]], dict[Any, str]], server: Connection
) -> None:
    zones = ("UTC", "Europe/Dublin", "Australia/Lord_Howe")
    units = [template(text, zone) for text in FORMATS for zone in zones]
    units += [unit(ISO, None, zone) for zone in zones] + [unit(name) for name in ("epoch_seconds", MS, US, NS)]
    expressions = compiled({given: call("event_time", "t", *given) for given in units})
    rng, usable = random.Random(20), 0
    for given in units:
        name, shape, _ = given
        assert shape is None or template_problem(shape) is None
        some = some_iso if name == ISO else some_number
        texts: list[str | None] = [some_time(rng, shape) if shape else some(rng) for _ in range(400)]
        found = read(server, expressions[given], texts)
        assert found == [in_bounds(read_time(str(text), *given)) for text in texts], given
        usable += sum(moment is not None for moment in found)
    assert usable > 2_000


def some_time(rng: random.Random, shape: str) -> str:
    """A text that is nearly one of a template."""
    moment = FIRST + dt.timedelta(seconds=rng.randrange(int((FURTHEST - FIRST).total_seconds())))
    signs = {
        "YYYY": "%Y", "Mon": "%b", "Dy": "%a", "HH24": "%H", "HH12": "%I", "MI": "%M", "SS": "%S", "AM": "%p",
        "DD": "%d", "MM": "%m", "TZH:TZM": "+01:30", "TZHTZM": "-0930", "TZH": "+14", "FF3": "%f",
        "MS": "%f" if "," in shape else "123",
        "YY": "%y",
    }  # fmt: skip
    text = shape if shape != shape.lower() else shape.upper()
    for word, sign in signs.items():
        text = text.replace(word, sign)
    text = moment.strftime(text)
    if rng.random() < 0.3:
        text = text.replace("/0", "/").removeprefix("0")
    if rng.random() < 0.4:
        place = rng.randrange(len(text))
        text = text[:place] + rng.choice("0123456789 /:-.,+TZxé\n") + text[place + rng.randrange(2) :]
    return text


def some_iso(rng: random.Random) -> str:
    year = rng.choice(["1970", "2025", "2026", "2027", "9999", "0000"])
    day = f"{year}-{rng.randint(0, 13):02d}-{rng.randint(0, 31):02d}"
    clock = f"{rng.randint(0, 24):02d}:{rng.randint(0, 60):02d}:{rng.randint(0, 60):02d}"
    fraction = rng.choice(["", "", f".{rng.randint(0, 10**12)}", f",{rng.randint(0, 999)}", ".", f".{NINES}"])
    return (
        day
        + rng.choice("TT t")
        + clock
        + fraction
        + rng.choice(["", "", "Z", "+01", "-0130", "+05:45", "+16", " Z", "z", "+1"])
    )


def some_number(rng: random.Random) -> str:
    whole = rng.choice([rng.randrange(10 ** rng.randint(1, 21)), 1_774_692_000 * 10 ** rng.randrange(0, 12, 3)])
    return (
        rng.choice(["", "", "", "-", "+", " ", "0"]) + str(whole) + rng.choice(["", "", ".5", f".{NINES}", ".", "e3"])
    )


KEYS: list[list[str | list[str]]] = [["a"], ["a", "b"], [["a", "b"]], [["b", "a"], "c"], ["c", ["a", "b", "c"]]]


def test_a_key_tells_apart_what_its_fields_tell_apart(
    compiled: Callable[[dict[Any, str]], dict[Any, str]], server: Connection
) -> None:
    texts = [None, "", "a", "ab", "bc", "c", "1:a", "1:a,2:bc,", "é", "2:ab,", ",", "a,"]
    rows = [(a, b, c) for a in texts for b in texts for c in texts[:6]]
    columns = [sql.Literal(list(column)) for column in zip(*rows, strict=True)]
    expressions = compiled({number: call("event_key_of", items) for number, items in enumerate(KEYS)})
    for number, items in enumerate(KEYS):
        query = sql.SQL("select {} from unnest({}::text[], {}::text[], {}::text[]) as t (a, b, c)").format(
            sql.SQL(expressions[number]), *columns
        )
        found = [key for (key,) in server.execute(query).fetchall()]
        fields = [item if isinstance(item, str) else tuple(item) for item in items]
        expected = [event_key_text(fields, lambda name, row=row: row["abc".index(name)]) for row in rows]  # type: ignore[misc]
        assert found == [None if text is None else text_key(text) for text in expected], items
        chosen = [first_of(items, dict(zip("abc", row, strict=True))) for row in rows]
        assert len({*found} - {None}) == len({*chosen} - {None}), items


def first_of(items: list[str | list[str]], row: dict[str, str | None]) -> tuple[str, ...] | None:
    """The values of the first item that is all there."""
    for item in items:
        values = [row[name] for name in ([item] if isinstance(item, str) else item)]
        if all(values):
            return tuple(value for value in values if value)
    return None


def test_a_record_without_a_key_is_known_by_its_place(
    compiled: Callable[[dict[Any, str]], dict[Any, str]], server: Connection
) -> None:
    expression = compiled({0: call("event_key_of", [])})[0]
    topic = "00000000-0000-4000-8000-000000000001"
    places = f"(values ('{topic}'::uuid, 1, 23), ('{topic}', 12, 3))"
    query = f"select {expression} from {places} as t (topic_id, kafka_partition, kafka_offset)"
    found = server.execute(sql.SQL(query)).fetchall()
    assert found == [(text_key(f"at {topic}/{place}"),) for place in ("1/23", "12/3")]


def test_a_field_is_found_by_its_name_and_in_its_column(
    compiled: Callable[[dict[Any, str]], dict[Any, str]], server: Connection
) -> None:
    names = {
        "it's": None,
        'so "it" is': None,
        "a.b @c": None,
        "100%": None,
        "日本": None,
        "\\1": None,
        "ctid": "row_ctid",
    }
    server.execute(
        sql.SQL("create temp table t (n integer, extra json, {})").format(
            sql.SQL(", ").join(
                sql.SQL("{} text").format(sql.Identifier(column or name)) for name, column in names.items()
            )
        )
    )
    values = [f"value {number}" for number, _ in enumerate(names)]
    server.execute(sql.SQL("insert into t values (1, null, {})").format(sql.SQL(", ").join(map(sql.Literal, values))))
    server.execute("insert into t (n, extra) values (2, %s)", (json.dumps(dict(zip(names, values, strict=True))),))
    expressions = compiled({name: call("landed", name, column) for name, column in names.items()})
    selected = sql.SQL(", ").join(map(sql.SQL, expressions.values()))
    found = server.execute(sql.SQL("select {} from t order by n").format(selected)).fetchall()
    assert found == [tuple(values), tuple(values)]
    columns = {name: column for name, column in names.items() if column}
    bad = compiled({0: call("bad_casts", dict.fromkeys(names, "null"), columns)})[0]
    assert server.execute(sql.SQL("select {} from t").format(sql.SQL(bad))).fetchall() == [(", ".join(names),)] * 2


def test_a_text_inside_an_object_is_found_by_its_path(
    compiled: Callable[[dict[Any, str]], dict[Any, str]], server: Connection
) -> None:
    expression = compiled({0: call("landed_member", "t", ["me.ta", "it's {at}"])})[0]
    texts = {
        '{"me.ta": {"it\'s {at}": "2026-03-28"}}': "2026-03-28",
        '{"me.ta": {"it\'s {at}": 1774692000.5}}': "1774692000.5",
        '{"me.ta": {"it\'s {at}": ""}}': None,
        '{"me.ta": {"it\'s {at}": null}}': None,
        '{"me.ta": {}}': None,
        '{"me.ta": "2026-03-28"}': None,
        '{"me": {"ta": {"it\'s {at}": "2026-03-28"}}}': None,
        "[]": None,
        "2026-03-28": None,
        '{"me.ta": ': None,
        "[" * 20_000: None,
    }
    query = sql.SQL("select {} from unnest({}::text[]) as u (t)")
    found = server.execute(query.format(sql.SQL(expression), sql.Literal(list(texts)))).fetchall()
    assert [text for (text,) in found] == list(texts.values())
