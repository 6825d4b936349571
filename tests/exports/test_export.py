"""An export holds what the marts hold, day by day; it changes where they did, and is never seen half-written."""

import datetime as dt
import gzip
import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cli.commands.export import command
from database.connect import connect
from exports import export as exporting
from exports.day_files import read_manifest, write_days
from exports.export import Exported, export, plan_files
from exports.snapshot import DayContent
from landfall.errors import UserError
from landfall.filesystems import locate
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.files import find_files
from landing_stream.ingest import ingest
from tests.conftest import Connection
from tests.dbt.conftest import Warehouse
from tests.dbt.events import Event
from warehouse.dbt_arguments import EventDays

SALES = "kpi_sales_daily"


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of a folder: when it was written, and what is in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def by_mart(done: list[Exported]) -> dict[str, Exported]:
    return {each.mart: each for each in done}


def test_each_day_is_a_file_and_holds_what_the_mart_holds(
    marts: Connection, database: Settings, tmp_path: Path
) -> None:
    done = by_mart(export(database, str(tmp_path)))
    assert [(each.rows, each.files, each.written) for each in done.values()] == [(0, 1, 1), (2, 2, 2), (3, 2, 2)]
    assert set(tree(tmp_path)) == {
        "dim_shop/_landfall_export.json", "dim_shop/part-0.parquet",
        "fct_steps/_landfall_export.json",
        "fct_steps/event_date=2026-03-28/part-0.parquet", "fct_steps/event_date=2026-03-29/part-0.parquet",
        f"{SALES}/_landfall_export.json",
        f"{SALES}/event_date=2026-03-27/part-0.parquet", f"{SALES}/event_date=2026-03-28/part-0.parquet",
    }  # fmt: skip
    day = pq.ParquetFile(tmp_path / SALES / "event_date=2026-03-27" / "part-0.parquet").read()
    assert day.to_pylist() == [
        dict.fromkeys(day.schema.names) | {"event_date": dt.date(2026, 3, 27), "shop": ""},
        {
            "event_date": dt.date(2026, 3, 27), "shop": "Lyon", "orders": 3, "revenue": Decimal("12.34"), "share": 0.1,
            "is_open": True,
        },
    ]  # fmt: skip
    assert day.schema.field("shop").metadata == {b"description": b"The shop."}
    [odd] = pq.ParquetFile(tmp_path / SALES / "event_date=2026-03-28" / "part-0.parquet").read().to_pylist()
    assert odd["shop"] == 'a "b",\n東京'
    assert (odd["orders"], odd["revenue"]) == (9007199254740993, Decimal("0.333333333333"))
    assert str(odd["share"]) == "nan"
    steps = pq.ParquetFile(tmp_path / "fct_steps" / "event_date=2026-03-28" / "part-0.parquet").read()
    assert steps.schema.field("event_at").type == pa.timestamp("us", "UTC")
    assert steps.to_pylist() == [
        {
            "event_key": "00000000-0000-0000-0000-00000000000a",
            "event_at": dt.datetime(2026, 3, 28, 23, 59, 59, 999999, tzinfo=dt.UTC),
            "options": '{"a": [1, 2]}', "event_hour": 23, "step": "x",
        }
    ]  # fmt: skip


def test_common_readers_take_it_as_a_table_partitioned_by_day(
    marts: Connection, database: Settings, tmp_path: Path
) -> None:
    export(database, str(tmp_path), [SALES, "fct_steps"])
    glob = str(tmp_path / "*" / "*" / "*.parquet").replace("*", SALES, 1)
    counts = duckdb.connect().execute(
        f"select event_date, count(*) from read_parquet('{glob}', hive_partitioning = true) group by 1 order by 1"
    )
    found = counts.fetchall()
    assert found == [(dt.date(2026, 3, 27), 2), (dt.date(2026, 3, 28), 1)]
    days = ds.partitioning(pa.schema([("event_date", pa.date32())]), flavor="hive")
    table = ds.dataset(tmp_path / SALES, format="parquet", partitioning=days)
    assert table.count_rows(filter=ds.field("event_date") == dt.date(2026, 3, 28)) == 1


def test_again_changes_nothing_and_a_changed_day_changes_its_file_alone(
    marts: Connection, database: Settings, tmp_path: Path
) -> None:
    export(database, str(tmp_path), redshift=True)
    first = tree(tmp_path)
    assert [each.written + each.removed for each in export(database, str(tmp_path), redshift=True)] == [0, 0, 0]
    assert tree(tmp_path) == first
    marts.execute("update marts.kpi_sales_daily set orders = 4 where shop = 'Lyon'")
    export(database, str(tmp_path))
    second = tree(tmp_path)
    manifest, day = f"{SALES}/_landfall_export.json", f"{SALES}/event_date=2026-03-27/part-0.parquet"
    assert changed(first, second) == {manifest, day}
    marts.execute("update marts.kpi_sales_daily set orders = 3 where shop = 'Lyon'")
    export(database, str(tmp_path))
    assert {name: content for name, (_, content) in tree(tmp_path).items()} == {
        name: content for name, (_, content) in first.items()
    }


def test_days_that_are_gone_from_the_mart_go_and_a_lost_file_comes_back(
    marts: Connection, database: Settings, tmp_path: Path
) -> None:
    export(database, str(tmp_path))
    marts.execute("delete from marts.kpi_sales_daily where event_date = '2026-03-27'")
    (tmp_path / "fct_steps" / "event_date=2026-03-29" / "part-0.parquet").unlink()
    (tmp_path / SALES / "notes.txt").write_text("mine")
    done = by_mart(export(database, str(tmp_path)))
    assert (done[SALES].written, done[SALES].removed) == (0, 1)
    assert (done["fct_steps"].written, done["fct_steps"].removed) == (1, 0)
    names = sorted(path.name for path in (tmp_path / SALES).iterdir())
    assert names == ["_landfall_export.json", "event_date=2026-03-28", "notes.txt"]


def test_given_days_leave_the_others_as_they_are(marts: Connection, database: Settings, tmp_path: Path) -> None:
    export(database, str(tmp_path), [SALES])
    marts.execute("update marts.kpi_sales_daily set orders = 7")
    before = tree(tmp_path)
    days = EventDays(dt.date(2026, 3, 28), dt.date(2026, 3, 30))
    [done] = export(database, str(tmp_path), [SALES], days)
    assert (done.written, done.removed, done.files) == (1, 0, 2)
    assert f"{SALES}/event_date=2026-03-27/part-0.parquet" not in changed(before, tree(tmp_path))


def test_an_export_that_is_broken_off_leaves_the_old_files_and_the_next_one_does_the_rest(
    marts: Connection, database: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(database, str(tmp_path), [SALES])
    first = tree(tmp_path)
    marts.execute("update marts.kpi_sales_daily set orders = 7")

    def breaks(*given: Any) -> Any:
        written = write_days(*given)
        yield next(written)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(exporting, "write_days", breaks)
        with pytest.raises(KeyboardInterrupt):
            export(database, str(tmp_path), [SALES])
    halfway = tree(tmp_path)
    files = {name for name in halfway if name.endswith(".parquet")}
    assert files == {name for name in first if name.endswith(".parquet")}
    assert len(changed(first, halfway) & files) == 1
    assert ds.dataset(tmp_path / SALES, format="parquet").count_rows() == 3
    # the mart goes back to what it was: the manifest must not take the new file for the old one
    marts.execute("update marts.kpi_sales_daily set orders = 3 where shop = 'Lyon'")
    marts.execute("update marts.kpi_sales_daily set orders = null where shop = ''")
    export(database, str(tmp_path), [SALES])
    assert changed(first, tree(tmp_path)) >= files & changed(first, halfway)
    rows = ds.dataset(tmp_path / SALES, format="parquet").to_table().column("orders").to_pylist()
    assert sorted(rows, key=str) == [3, 7, None]


def test_numbers_and_texts_out_of_all_proportion_are_counted(
    marts: Connection, database: Settings, tmp_path: Path
) -> None:
    marts.execute("insert into marts.kpi_sales_daily values ('2026-03-30', repeat('x', 20000), 1, 1e30, 'Infinity')")
    marts.execute("insert into marts.kpi_sales_daily values ('2026-03-30', 'y', 1, 'NaN', '-Infinity')")
    [done] = export(database, str(tmp_path), [SALES])
    assert done.misfits == 3
    rows = pq.ParquetFile(tmp_path / SALES / "event_date=2026-03-30" / "part-0.parquet").read().to_pylist()
    assert [(len(row["shop"]), row["revenue"]) for row in rows] == [(16_383, None), (1, None)]


def test_a_day_without_a_name_and_more_rows_than_a_group_are_exported(
    marts: Connection, database: Settings, tmp_path: Path
) -> None:
    marts.execute("insert into marts.kpi_sales_daily select null, 'x', n from generate_series(1, 250000) as n")
    [done] = export(database, str(tmp_path), [SALES])
    assert (done.rows, done.files) == (250_003, 3)
    file = pq.ParquetFile(tmp_path / SALES / "event_date=__HIVE_DEFAULT_PARTITION__" / "part-0.parquet")
    assert [file.metadata.row_group(number).num_rows for number in range(3)] == [100_000, 100_000, 50_000]
    assert file.read(["orders"]).column(0).to_pylist() == list(range(1, 250_001))


def test_a_bucket_holds_the_same_as_a_folder(marts: Connection, at_s3: Settings, bucket: str, tmp_path: Path) -> None:
    export(at_s3, str(tmp_path))
    url = f"s3://{bucket}/a/prefix"
    assert sum(each.written for each in export(at_s3, url + "/")) == 5
    root = locate(at_s3, url)

    def objects() -> dict[str, bytes]:
        found = {}
        for info in root.files():
            with root.filesystem.open_input_stream(info.path) as file:
                found[info.path.removeprefix(f"{bucket}/a/prefix/")] = file.read()
        return found

    assert objects() == {name: content for name, (_, content) in tree(tmp_path).items()}
    assert sum(each.written for each in export(at_s3, url)) == 0
    marts.execute("delete from marts.kpi_sales_daily where event_date = '2026-03-27'")
    [done] = export(at_s3, url, [SALES], redshift=True)
    assert (done.written, done.removed, done.path) == (0, 1, f"{url}/{SALES}")
    parquet = [name for name in objects() if name.startswith(SALES) and name.endswith(".parquet")]
    assert parquet == [f"{SALES}/event_date=2026-03-28/part-0.parquet"]
    script = objects()[f"redshift/{SALES}.sql"].decode()
    assert f"from '{url}/{SALES}/event_date='\n" in script
    with pytest.raises(UserError, match="AWS_ACCESS_KEY_ID"):
        export(at_s3, f"s3://no-{bucket}/x", [SALES])


def test_redshift_gets_a_table_like_the_files_and_a_load_that_can_be_repeated(
    marts: Connection, database: Settings, tmp_path: Path
) -> None:
    export(database, str(tmp_path), redshift=True)
    script = (tmp_path / "redshift" / f"{SALES}.sql").read_text()
    columns = re.findall(r'^    "(\w+)" (.+?),?$', script, re.MULTILINE)
    files = pq.ParquetFile(tmp_path / SALES / "event_date=2026-03-27" / "part-0.parquet").schema_arrow
    assert [name for name, _ in columns] == files.names
    kinds = ["date", "varchar(65535)", "bigint", "decimal(38, 12)", "double precision", "boolean"]
    assert [kind for _, kind in columns] == kinds
    assert (
        "comment on table marts.\"kpi_sales_daily\" is 'Sales. One row per day and shop: it''s that simple.';" in script
    )
    load = script[script.index("begin;") : script.index("-- One day alone")]
    assert load.splitlines() == [
        "begin;",
        'create temporary table landed (like marts."kpi_sales_daily");',
        "copy landed from 's3://BUCKET/PREFIX/kpi_sales_daily/event_date='",
        "iam_role 'arn:aws:iam::ACCOUNT:role/ROLE'",
        "format as parquet;",
        'delete from marts."kpi_sales_daily";',
        'insert into marts."kpi_sales_daily" select * from landed;',
        "drop table landed;",
        "commit;",
        "",
    ]
    marts.execute("delete from marts.kpi_sales_daily")
    export(database, str(tmp_path), [SALES], redshift=True)
    assert "copy landed" not in (tmp_path / "redshift" / f"{SALES}.sql").read_text()  # no object has its prefix


def test_files_of_a_bucket_land_too(at_s3: Settings, landing: Connection, bucket: str) -> None:
    contract = load_contracts()["web_logs"]
    root = locate(at_s3, f"s3://{bucket}/lake")
    with root.filesystem.open_output_stream(root.at("a.jsonl.gz").path, compression=None) as file:
        file.write(gzip.compress(b'{"timestamp":"2026-03-28T10:00:00"}\n' * 3))
    found, unknown = find_files(at_s3, [root.shown])
    assert (ingest(at_s3, contract, found), unknown) == ([], [])
    assert landing.execute("select count(*) from landing.web_logs").fetchall() == [(3,)]
    names = landing.execute("select name, lines from landing.files").fetchall()
    assert names == [(f"s3://{bucket}/lake/a.jsonl.gz", 3)]


def as_bi(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    """Rows as BI sees them: an export holds no identifier as it was sent either."""
    with connect(warehouse.settings.as_reader) as reader:
        return reader.execute(query.encode()).fetchall()


def test_marts_of_the_models_and_a_late_event(warehouse: Warehouse, tmp_path: Path) -> None:
    def request(event_id: str, at: str) -> Event:
        return {
            "event_id": event_id, "timestamp": at, "user_id": "u", "ip_address": "198.51.100.7", "product_id": "p",
            "action": "view_product", "user_agent": "Mozilla/5.0", "response_time": "0.25", "status_code": "200",
        }  # fmt: skip

    days = ("2026-03-26", "2026-03-27", "2026-03-28")
    warehouse.land("web_logs", [request(f"{day} {n}", f"{day} 10:0{n}:00") for day in days for n in range(5)])
    warehouse.run()
    done = by_mart(export(warehouse.settings, str(tmp_path)))
    assert not any(name.endswith("_latest") for name in done)
    assert {"kpi_products_daily", "dim_date", "fct_web_requests", "kpi_web_actions_5min"} <= set(done)
    for name, exported in done.items():
        files = list((tmp_path / name).rglob("*.parquet"))
        assert len(files) == exported.files
        read = sum(pq.ParquetFile(file).metadata.num_rows for file in files)
        assert read == exported.rows == warehouse.one(f"select count(*) from marts.{name}")
    for name in ("fct_web_requests", "kpi_web_response_time_5min", "kpi_web_funnel_daily"):
        for column, kind in warehouse.rows(
            "select column_name, data_type from information_schema.columns"
            f" where table_schema = 'marts' and table_name = '{name}'"
        ):
            value = f"round({column}, 12)" if kind == "numeric" else f"{column}::text" if kind == "uuid" else column
            mart = [row[0] for row in as_bi(warehouse, f"select {value} from marts.{name}")]
            file_values = [
                value
                for file in (tmp_path / name).rglob("*.parquet")
                for value in pq.ParquetFile(file).read([column]).column(0).to_pylist()
            ]
            assert sorted(file_values, key=repr) == sorted(mart, key=repr) or sorted(map(str, file_values)) == sorted(
                map(str, mart)
            ), (name, column)
    assert as_bi(warehouse, "select distinct user_id from marts.fct_web_requests") == [(None,)]
    before = tree(tmp_path)
    warehouse.land("web_logs", [request("late", "2026-03-27 11:00:00")])
    warehouse.run()
    export(warehouse.settings, str(tmp_path))
    rewritten = {name for name in changed(before, tree(tmp_path)) if "/event_date=" in name}
    assert {name.split("/")[0] for name in rewritten} >= {"fct_web_requests", "kpi_web_actions_5min"}
    assert {name.split("/")[1] for name in rewritten} == {"event_date=2026-03-27"}


@pytest.mark.parametrize(
    ("existing", "manifest", "written", "removed"),
    [
        ({}, {}, [dt.date(2026, 3, 28)], []),
        ({"event_date=2026-03-28/part-0.parquet": 5}, {"event_date=2026-03-28/part-0.parquet": ("d", 5)}, [], []),
        ({"event_date=2026-03-28/part-0.parquet": 6}, {"event_date=2026-03-28/part-0.parquet": ("d", 5)},
         [dt.date(2026, 3, 28)], []),
        ({"event_date=2026-03-01/part-0.parquet": 6}, {}, [dt.date(2026, 3, 28)],
         ["event_date=2026-03-01/part-0.parquet"]),
    ],
)  # fmt: skip
def test_what_is_written_follows_from_digests_and_from_what_is_there(
    existing: dict[str, int], manifest: dict[str, tuple[str, int]], written: list[dt.date], removed: list[str]
) -> None:
    noted = {path: {"digest": digest, "bytes": size, "rows": 1} for path, (digest, size) in manifest.items()}
    plan = plan_files({dt.date(2026, 3, 28): DayContent(1, "d", 0)}, noted, existing, None, True)
    assert (plan.write, plan.remove) == (written, removed)
    let_go = plan_files({dt.date(2026, 3, 28): DayContent(1, "d", 0)}, noted, existing, None, True, dt.date(2026, 3, 2))
    assert (let_go.write, let_go.remove) == (written, []), "files of days whose facts were let go stay"


def test_the_command(
    marts: Connection, database: Settings, environ_of: Callable[[Settings], dict[str, str]], tmp_path: Path
) -> None:
    def typed(*arguments: str) -> Any:
        return CliRunner().invoke(command, list(arguments), env=environ_of(database))

    shown = typed(str(tmp_path / "lake"), "--table", SALES, "--from", "2026-03-28", "--to", "2026-03-28", "--redshift")
    assert shown.exit_code == 0, shown.output
    assert "1 rows" in shown.output
    assert "1 file written in" in shown.output
    assert (tmp_path / "lake" / "redshift" / f"{SALES}.sql").is_file()
    assert "schema marts has dim_shop, fct_steps, kpi_sales_daily" in typed(str(tmp_path), "--table", "kpi").output
    (tmp_path / "file").touch()
    refused = typed(str(tmp_path / "file"))
    assert refused.exit_code == 1
    assert f"{tmp_path}/file/dim_shop/part-0.parquet: Not a directory." in refused.output


def test_a_folder_of_somebody_else_is_not_taken_for_an_export(database: Settings, tmp_path: Path) -> None:
    (tmp_path / "_landfall_export.json").write_text("[]")
    with pytest.raises(UserError, match="is no manifest of an export"):
        read_manifest(locate(database, str(tmp_path)))


def test_manifests_tell_rows_bytes_and_digest(marts: Connection, database: Settings, tmp_path: Path) -> None:
    export(database, str(tmp_path), ["fct_steps"])
    manifest = json.loads((tmp_path / "fct_steps" / "_landfall_export.json").read_text())
    assert (manifest["format"], manifest["table"]) == (1, "fct_steps")
    for path, entry in manifest["files"].items():
        assert entry["rows"] == 1
        assert entry["bytes"] == (tmp_path / "fct_steps" / path).stat().st_size
    assert isinstance(locate(database, str(tmp_path)).filesystem, pafs.LocalFileSystem)
