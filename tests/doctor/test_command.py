"""`landfall doctor` as a user types it: over a running stack, and that it writes nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from confluent_kafka.admin import AdminClient
from psycopg import sql

from database.connect import connect
from health.doctor import CHECKS
from landfall.settings import Settings
from tests.conftest import Connection, MakeDatabase

LANDFALL = Path(sys.executable).parent / "landfall"


def listing(home: Path, temporary: Path) -> dict[str, tuple[int, int, int]]:
    """Mode, size and time of change of the folder of temporary files, and of everything in the state folder but what
    the servers write."""
    ours = [path for path in home.rglob("*") if path.relative_to(home).parts[1:2] not in (("data",), ("log",))]
    statuses = {str(path): path.stat() for path in (*sorted(ours), home, temporary)}
    return {name: (each.st_mode, each.st_size, each.st_mtime_ns) for name, each in statuses.items()}


def rows_and_relations(admin: Connection) -> dict[str, int]:
    """By table of ours, its rows."""
    names = admin.execute(
        "select n.nspname, c.relname from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_)' order by 1, 2"
    ).fetchall()
    counts = {}
    for schema, table in names:
        row = admin.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))).fetchone()
        assert row is not None
        counts[f"{schema}.{table}"] = row[0]
    return counts


def ends(kafka_admin: AdminClient) -> dict[str, list[int]]:
    """By topic, its partitions."""
    return {name: sorted(topic.partitions) for name, topic in kafka_admin.list_topics(timeout=20).topics.items()}


def test_it_looks_at_a_running_deployment_and_writes_nothing(
    make_database: MakeDatabase,
    settings: Settings,
    tmp_path: Path,
    kafka_admin: AdminClient,
    environ_of: Callable[[Settings], dict[str, str]],
) -> None:
    database = make_database(models=True)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environ = {**environ_of(database), "TMPDIR": str(temporary)}
    with connect(database.as_admin, autocommit=True) as admin:
        before = (listing(settings.home, temporary), rows_and_relations(admin), ends(kafka_admin))
        done = subprocess.run(
            [str(LANDFALL), "doctor", "--json"], env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        after = (listing(settings.home, temporary), rows_and_relations(admin), ends(kafka_admin))
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert after == before
    assert len(before[1]) > 50
    assert done.returncode == (1 if report["health"] == "error" else 0)
    by_name = {each["name"]: each for each in report["checks"]}
    assert list(by_name) == list(CHECKS)
    assert [name for name, each in by_name.items() if each["not_asked_because"]] == []
    # Room and memory are the machine's own business.
    wrong = {
        name: [found for found in each["findings"] if found["severity"] != "ok"]
        for name, each in by_name.items()
        if name not in ("disk", "memory", "limits")
    }
    assert {name: findings for name, findings in wrong.items() if findings} == {}
    secrets = [text for dsn in database.dsns.values() for text in [dsn.split(":")[2].split("@")[0]]]
    assert not any(secret in done.stdout for secret in secrets)
    assert all(found["advice"] for each in report["checks"] for found in each["findings"] if found["severity"] != "ok")


def test_its_screen_ends_with_what_is_well(
    database: Settings, environ_of: Callable[[Settings], dict[str, str]], landing: Connection
) -> None:
    landing.execute("revoke select on landing.loads from transformer")
    done = subprocess.run(
        [str(LANDFALL), "doctor"],
        env={**os.environ, **environ_of(database)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "error postgres_rights: transformer It may not read landing.loads. Run `landfall migrate`" in said
    assert "ok postgres: transformer works as transformer at 127.0.0.1:" in said
