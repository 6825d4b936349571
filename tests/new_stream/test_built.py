"""Streams that were made from samples, built: what was announced is what happens, and every hour is counted right."""

import csv
import datetime as dt
import io
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from database.connect import connect
from landfall.layout import venv_bin
from landfall.settings import Settings
from tests.new_stream.conftest import MAIN, ProjectCopy

PARIS = ZoneInfo("Europe/Paris")
Hours = Counter[tuple[dt.datetime, str]]
ANNOUNCED = re.compile(
    r"this sample +([0-9,]+) events; ([0-9,]+) rejected \(([0-9,]+) without a key, ([0-9,]+) without a usable time\);"
    r" ([0-9,]+) of a key that was there; ([0-9,]+) in quarantine"
)
UNPARSED = "import cli.commands.new_stream as c; c.parse = lambda: None; from cli.main import main; main()"
BUNDLE = "from dashboards.superset.bundle import bundle_files; print(len(bundle_files(zone='UTC')))"


def trips(random: random.Random) -> tuple[bytes, Hours]:
    """A CSV of trips: days before months on a clock of Paris, a night that summer time begins in, blanks in names."""
    text, hours = io.StringIO(), Hours()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Trip ID", "Start Time", "Rider e-mail", "Payment Type", "Fare amount", "no"])
    local = dt.datetime(2026, 3, 27, 3, 0)
    for number in range(900):
        local += dt.timedelta(minutes=random.randint(1, 9))
        kind, fare = random.choice(["card", "cash", "no", "{{ x }}"]), f"{random.randint(0, 4000) / 100:.2f}"
        shown = local.strftime("%d/%m/%Y %H:%M") if number != 450 else ""
        writer.writerow([f"{number:05}", shown, f"rider{number % 7}@letters.test", kind, fare, f"0{number % 3}"])
        if shown:
            instant = local.replace(tzinfo=PARIS).astimezone(dt.UTC)
            hours[instant.replace(minute=0, tzinfo=None), kind] += 1
    return text.getvalue().encode() + b"99999,13/03/2026 10:00\n", hours


def visits(random: random.Random) -> tuple[bytes, Hours]:
    """JSONL with the time inside an object, in milliseconds, hostile names, a record twice, lines that are none."""
    lines, hours = [], Hours()
    moment = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    for number in range(700):
        moment += dt.timedelta(seconds=random.randint(1, 900))
        page = random.choice(["it's", 'a "b"', "1.10", "%s"])
        record: dict[str, Any] = {
            "id": f"v{number}",
            "meta": {"sent": {"at": int(moment.timestamp() * 1000)}},
            "page type": page,
            "load_id": number % 2,
            "user_id": f"user-{number % 5}-of-us",
            "{{ duration }}": number % 13,
            "select": None if number < 650 else "late",
        }
        lines.append(json.dumps(record))
        hours[moment.replace(minute=0, second=0, microsecond=0, tzinfo=None), page] += 1
    return ("\n".join([*lines, lines[9], "no json", '{"id": 1'])).encode() + b"\n", hours


def clicks(random: random.Random) -> tuple[bytes, Hours]:
    """JSONL without a key and with records that are alike: each is an event."""
    lines, hours = [], Hours()
    for number in range(400):
        moment = dt.datetime(2026, 3, 1, number // 20)
        lines.append(json.dumps({"ts": moment.isoformat() + "+0000", "button": ["a", "b"][number % 2], "amount": 1}))
        hours[moment, ["a", "b"][number % 2]] += 1
    return "\n".join(lines).encode(), hours


STREAMS: dict[str, tuple[str, Callable[[random.Random], tuple[bytes, Hours]], list[str], str]] = {
    "trips": ("csv", trips, ["--key", "Trip ID", "--time-zone", "Europe/Paris"], "payment_type"),
    "visits": ("jsonl", visits, ["--key", "id", "--group", "page type"], "page_type"),
    "clicks": ("jsonl", clicks, ["--no-key"], "button"),
}


def test_streams_of_samples_count_what_a_plain_calculation_counts(
    project: ProjectCopy, database: Settings, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    announced: dict[str, tuple[int, ...]] = {}
    hours: dict[str, Hours] = {}
    for stream, (ending, make, options, _) in STREAMS.items():
        content, hours[stream] = make(random.Random(7))
        sample = tmp_path / f"{stream}.{ending}"
        sample.write_bytes(content)
        # parsing takes the most of the command's time: once, after the last one, is enough
        code = MAIN if stream == [*STREAMS][-1] else UNPARSED
        said = project.run("new-stream", stream, sample, *options, code=code)
        found = ANNOUNCED.search(said)
        assert found is not None, said
        announced[stream] = tuple(int(figure.replace(",", "")) for figure in found.groups())
        project.give_topic(stream, make_topic(3))
    assert announced == {"trips": (899, 1, 0, 1, 0, 1), "visits": (700, 0, 0, 0, 1, 2), "clicks": (400, 0, 0, 0, 0, 0)}

    written = [
        path
        for path in (project.folder / "dbt_project" / "models").rglob("*.sql")
        if re.search("|".join(STREAMS), path.stem)
    ]
    project.call([venv_bin() / "sqlfluff", "lint", *written], cwd=project.folder)
    project.run("migrate")
    for stream, (ending, *_) in STREAMS.items():
        project.run("replay", stream, tmp_path / f"{stream}.{ending}")
    project.run("land", "--once", *(option for stream in STREAMS for option in ("--stream", stream)))
    project.run("refresh")

    with connect(database.as_transformer, autocommit=True) as reader:

        def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
            return reader.execute(query.encode(), values or None).fetchall()

        for stream, (*_, group) in STREAMS.items():
            (account,) = rows(
                "select sum(winners), sum(rejected), sum(duplicates), sum(quarantined), sum(abs(unexplained_rows))"
                " from ops.reconciliation where stream = %s",
                stream,
            )
            events, rejected, _, _, duplicates, quarantined = announced[stream]
            assert account == (events, rejected, duplicates, quarantined, 0), stream
            counted = rows(f"select hour, {group}, sum(events)::bigint from marts.kpi_{stream}_hourly group by 1, 2")
            assert Hours({(hour, value): count for hour, value, count in counted}) == hours[stream], stream
            assert rows(f"select count(*) from marts.fct_{stream}") == [(events,)]
        # each field has its own column and its own values
        assert rows("select distinct no_sent from marts.fct_trips order by 1") == [("00",), ("01",), ("02",)]
        assert rows("select count(distinct load_id_sent), max(select_sent), sum(duration) from marts.fct_visits") == [
            (2, "late", sum(number % 13 for number in range(700)))
        ]
        assert rows("select count(distinct rider_e_mail_key), sum(fare_amount) > 0 from marts.fct_trips") == [(7, True)]
        with connect(database.as_reader, autocommit=True) as people:
            shown = people.execute("select * from marts.fct_trips limit 1").fetchall()
        assert "letters.test" not in str(shown)

        tests = ["test", "--select", *(f"stg_{stream}__events+" for stream in STREAMS)]
        project.call([venv_bin() / "dbt", "--quiet", *tests], cwd=project.folder / "dbt_project")
        assert int(project.run(code=BUNDLE)) > 100

        project.run("erase", "--email", "rider3@letters.test")
        project.run("erase", "--user-id", "user-2-of-us")
        project.run("refresh")
        gone = [
            "select count(*) from landing.trips where trips::text ~ 'rider3'",
            "select count(*) from intermediate.int_trips__events as e where e::text ~ 'rider3'",
            "select count(*) from landing.visits where visits::text ~ 'user-2-of'",
            "select count(*) from intermediate.int_visits__events as e where e::text ~ 'user-2-of'",
        ]
        assert [rows(query) for query in gone] == [[(0,)]] * 4
        assert rows("select count(distinct rider_e_mail_key), count(*) from marts.fct_trips") == [(7, 899)]
