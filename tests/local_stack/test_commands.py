"""`landfall up`, `status`, `env` as a user types them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from landfall.settings import Settings
from tests.conftest import Connection

BIN = Path(sys.executable).parent


def landfall(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in an environment of its own."""
    return subprocess.run(
        [str(BIN / "landfall"), *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_lists_every_command_and_imports_none_of_them() -> None:
    asked = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from cli.main import main; main()", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for name in ("up", "down", "status", "env", "migrate"):
        assert f"\n  {name} " in asked.stdout
    imported = {line.rpartition("|")[2].strip() for line in asked.stderr.splitlines()}
    assert not imported & {"pyspark", "dbt", "dagster", "psycopg", "confluent_kafka"}


def test_a_users_mistake_is_one_sentence_and_no_traceback(tmp_path: Path) -> None:
    asked = landfall("status", LANDFALL_HOME=str(tmp_path / "none"))
    assert asked.returncode == 1
    assert asked.stderr.startswith("landfall: No ")
    assert "Traceback" not in asked.stderr


def test_a_server_that_does_not_answer_is_a_sentence_too(tmp_path: Path) -> None:
    nowhere = "postgresql://nobody:secret@127.0.0.1:1/none"
    names = ("LANDFALL_POSTGRES_DSN", "LANDFALL_LANDING_DSN", "LANDFALL_ADMIN_DSN")
    asked = landfall("migrate", LANDFALL_HOME=str(tmp_path), **dict.fromkeys(names, nowhere))
    assert asked.returncode == 1
    assert "Postgres does not answer or refused" in asked.stderr
    assert "Traceback" not in asked.stderr
    assert "secret" not in asked.stderr


def test_status_shows_servers_and_streams(
    database: Settings, landing: Connection, environ_of: Callable[[Settings], dict[str, str]]
) -> None:
    landing.execute("insert into landing.writers (stream, door) values ('web_logs', 'stream')")
    landing.execute(
        "insert into landing.loads (stream, load_id, door, generation, state, landed_at)"
        " values ('web_logs', 1, 'stream', 0, 'finished', now()), ('web_logs', 2, 'stream', 0, 'open', now())"
    )
    landing.execute("update landing.streams set last_load_id = 2 where stream = 'web_logs'")
    landing.execute(
        "insert into landing.slices (stream, load_id, topic_id, kafka_partition, from_offset, until_offset, landed,"
        " quarantined, holes) values ('web_logs', 1, gen_random_uuid(), 0, 0, 10, 7, 2, 1)"
    )
    landing.execute(
        "insert into landing.quarantine (stream, load_id, topic_id, kafka_partition, kafka_offset, landed_at, reason)"
        " select 'web_logs', 1, gen_random_uuid(), 0, n, now(), 'not_json' from generate_series(1, 2) as n"
    )
    asked = landfall("status", "--json", **environ_of(database))
    report = json.loads(asked.stdout)
    # what other tests left in the topics waits here for a landing that does not run
    assert asked.returncode == (1 if report["health"] == "error" else 0)
    assert [server["answers"] for server in report["servers"].values()] == [True, True]
    stream = next(stream for stream in report["streams"] if stream["stream"] == "web_logs")
    assert (stream["landed"], stream["quarantined"], stream["holes"]) == (7, 2, 1)
    assert stream["lag"] >= 0
    assert (stream["loads"], stream["open_loads"], stream["horizon"]) == (2, 1, 1)
    assert stream["quarantine_reasons"] == {"not_json": 2}
    assert "quarantined  web_logs 2 (not_json 2)" in landfall("status", **environ_of(database)).stdout
    landing.execute(
        "insert into landing.gaps (stream, topic_id, kafka_partition, from_offset, until_offset)"
        " values ('web_logs', gen_random_uuid(), 0, 10, 25)"
    )
    asked = landfall("status", **environ_of(database))
    assert asked.returncode == 1, "something is wrong"
    assert asked.stdout.startswith("Something is wrong: ")
    said = " ".join(asked.stdout.split())
    assert "Kafka deleted 15 offsets before they could land" in said
    assert "partition 0 offsets 10 to 24" in said


def test_after_env_a_shell_reaches_the_same_servers(stack: Path) -> None:
    script = f"""
        eval "$({BIN}/landfall env)"
        psql --no-psqlrc -Atc "select current_user, count(*) from landing.streams"
        psql --no-psqlrc -Atc "select 'by url'" "$LANDFALL_BI_DSN"
        command -v dbt dagster spark-submit
        "$JAVA_HOME/bin/java" -version 2>/dev/null && test -s "$SPARK_CONF_DIR/spark-defaults.conf" && echo java
        test -d "$DAGSTER_HOME" && echo "$LANDFALL_KAFKA_BOOTSTRAP_SERVERS"
    """
    asked = subprocess.run(
        ["bash", "-euc", script],
        env={**os.environ, "LANDFALL_HOME": str(stack)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = asked.stdout.splitlines()
    assert lines[:2] == ["transformer|3", "by url"]
    assert lines[2:5] == [str(BIN / name) for name in ("dbt", "dagster", "spark-submit")]
    assert lines[5:] == ["java", Settings.of_home(stack).kafka.bootstrap_servers]
