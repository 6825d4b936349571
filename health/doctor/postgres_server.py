"""The server: its version, settings that matter, room, and whether the database is of this release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from health.doctor.bounds import GIB, Bounds
from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.doctor.machine import Room
from health.findings import Finding
from landfall.errors import UserError
from landfall.wording import counted, listed, share

if TYPE_CHECKING:
    from database.migrate import Migration

TUNE = "what the local stack sets is in docs/how-to/tune.md"
SETTINGS = (
    "autovacuum", "fsync", "full_page_writes", "jit", "max_connections", "max_locks_per_transaction",
    "max_prepared_transactions", "max_wal_size", "shared_buffers", "synchronous_commit", "track_counts",
)  # fmt: skip
BYTES = {"8kB": 8_192, "kB": 1_024, "MB": 2**20}
# Relations, indexes included, that one statement over all days of the landing table with the most of them locks.
LARGEST_TREE = """
select coalesce(max(locks), 0) from (
    select i.inhparent, count(*) + count(x.indexrelid) as locks
    from pg_inherits as i
    inner join pg_class as c on c.oid = i.inhrelid
    left join pg_index as x on x.indrelid = i.inhrelid
    where c.relnamespace = to_regnamespace('landing')
    group by 1
) as trees
"""
LARGEST_TABLE = """
select c.oid::regclass::text, pg_total_relation_size(c.oid)
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname !~ '^(pg_|information_)'
order by 2 desc nulls last limit 1
"""


@dataclass(frozen=True)
class Server:
    """What Postgres says of itself."""

    version: int
    """160004 for 16.4."""
    settings: Mapping[str, str]
    """By name; sizes in bytes."""
    is_standby: bool
    connections: int
    """Sessions of clients now."""
    locks_of_a_statement: int


def server(deployment: Deployment) -> list[Finding]:
    """Its version, and the settings that can lose or hold up something."""
    with deployment.session() as connection:
        rows = connection.execute(
            "select name, setting, unit from pg_settings where name = any(%s)", ([*SETTINGS],)
        ).fetchall()
        facts = connection.execute(
            (
                "select pg_is_in_recovery(),"
                " (select count(*) from pg_stat_activity where backend_type = 'client backend'),"
                f" ({LARGEST_TREE})"
            ).encode()
        ).fetchone()
        assert facts is not None
        settings = {name: str(int(text) * BYTES[unit]) if unit in BYTES else text for name, text, unit in rows}
        found = Server(connection.info.server_version, settings, *facts)
    return judge_server(found, deployment.bounds)


def judge_server(found: Server, bounds: Bounds) -> list[Finding]:
    """What is wrong with a server; one good word where nothing is."""
    wrong = [*judge_version(found), *judge_safety(found.settings), *judge_room_for_work(found, bounds)]
    version = f"{found.version // 10_000}.{found.version % 10_000}"
    good = f"Postgres {version}; {found.connections} of {found.settings['max_connections']} connections in use."
    return wrong or [well("Postgres", good)]


def judge_version(found: Server) -> Iterator[Finding]:
    """New enough, and one that takes writes."""
    from database.roles import LEAST_VERSION

    if found.version < LEAST_VERSION:
        message = f"Postgres {found.version // 10_000} is too old: Landfall needs {LEAST_VERSION // 10_000} or newer."
        yield error("version", message, "Upgrade the server.")
    if found.is_standby:
        advice = "Let the DSNs lead to the primary (`target_session_attrs=read-write` finds it among several hosts)."
        yield error("standby", "It is a standby, which takes no writes.", advice)


def judge_safety(settings: Mapping[str, str]) -> Iterator[Finding]:
    """Settings by which a crash, or time, spoils what is stored."""
    for name in ("fsync", "full_page_writes"):
        if settings[name] == "off":
            message = f"{name} is off: a crash of the machine can spoil the whole database, the ledger with it."
            yield error(name, message, f"Set `{name} = on` and reload; what was written meanwhile stays as it is.")
    if settings["synchronous_commit"] in ("off", "local"):
        message = (
            f"synchronous_commit is {settings['synchronous_commit']}: a crash takes back what was committed last; Kafka"
            " has it still, files that were ingested and erasures may have to be repeated."
        )
        yield warn("synchronous_commit", message, "Set `synchronous_commit = on` for this database's logins.")
    for name in ("autovacuum", "track_counts"):
        if settings[name] == "off":
            message = f"{name} is off: tables that are filled and emptied by the minute grow and slow down for ever."
            yield error(name, message, f"Set `{name} = on` and reload.")


def judge_room_for_work(found: Server, bounds: Bounds) -> Iterator[Finding]:
    """Connections, locks and memory."""
    settings = found.settings
    most = int(settings["max_connections"])
    if most < bounds.connections_warn:
        message = (
            f"max_connections is {most}: landing, models, Dagster and dashboards may need {bounds.connections_warn}."
        )
        yield warn("max_connections", message, "Raise it and restart, or put a pooler before it.")
    if found.connections > bounds.connections_used_share_warn * most:
        message = f"{found.connections} of {most} connections are in use."
        advice = (
            "See whose (`select application_name, count(*) from pg_stat_activity group by 1`); raise max_connections."
        )
        yield warn("connections", message, advice)
    slots = int(settings["max_locks_per_transaction"]) * (most + int(settings["max_prepared_transactions"]))
    if slots < bounds.locks_times_warn * found.locks_of_a_statement:
        message = (
            f"There is room for {slots:,} locks, and one statement over all days of a landing table takes"
            f" {found.locks_of_a_statement:,}."
        )
        advice = "Raise max_locks_per_transaction and restart; or keep fewer days (LANDFALL_LANDING_RETENTION_DAYS)."
        wrong = error if slots < found.locks_of_a_statement else warn
        yield wrong("max_locks_per_transaction", message, advice)
    if (size := int(settings["shared_buffers"])) < bounds.shared_buffers_bytes_warn:
        message = f"shared_buffers is {size / 2**20:.0f} MiB, less than Postgres' own default."
        yield warn("shared_buffers", message, f"Set a quarter of the machine's memory and restart; {TUNE}.")
    if (size := int(settings["max_wal_size"])) < bounds.max_wal_bytes_warn:
        message = f"max_wal_size is {size / 2**20:,.0f} MiB: at full speed a checkpoint begins every few seconds."
        yield warn("max_wal_size", message, f"Set 8GB and reload; {TUNE}.")


def room(deployment: Deployment) -> list[Finding]:
    """How large is the database, and, where its disk is this machine's, how much larger can it get?"""
    with deployment.session() as connection:
        size = connection.execute("select pg_database_size(current_database())").fetchone()
        largest = connection.execute(LARGEST_TABLE).fetchone()
    assert size is not None
    folder = deployment.home / "postgres" / "data"
    if not deployment.has_local_postgres or not folder.is_dir():
        message = f"The database has {size[0] / GIB:,.2f} GiB; the disk of its server cannot be seen from here."
        return [well("database", message)]
    name, table_bytes = largest or ("", 0)
    return [judge_growth(size[0], name, table_bytes or 0, Room.of(folder))]


def judge_growth(size: int, largest: str, table_bytes: int, found: Room) -> Finding:
    """Whether the largest table can be written a second time, as a full refresh or a vacuum full does."""
    message = f"The database has {size / GIB:,.2f} GiB, its disk {found.free_bytes / GIB:,.1f} GiB free"
    if found.free_bytes < table_bytes:
        message += f", less than {largest} alone ({table_bytes / GIB:,.1f} GiB)"
        advice = "Make room before a full refresh: `landfall retention --dry-run` says what is older than it has to be."
        return warn("database", f"{message}.", advice)
    return well("database", f"{message} ({share(found.free_bytes / max(found.bytes, 1))}).")


def migrations(deployment: Deployment) -> list[Finding]:
    """Is the database of this release?"""
    import psycopg

    from database.migrate import MIGRATIONS, read_migrations

    with deployment.session() as connection:
        try:
            rows = connection.execute("select name, checksum from ops.migrations order by number").fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            rows = []
        except psycopg.errors.InsufficientPrivilege:
            # Before the first migration there is no schema to be let into.
            message = "The login of LANDFALL_POSTGRES_DSN may not read ops.migrations."
            return [error("migrations", message, f"Run {deployment.makes_ready}, which gives it its rights.")]
    return [judge_migrations(read_migrations(MIGRATIONS), dict(rows), deployment.makes_ready)]


def judge_migrations(files: list[Migration], applied: Mapping[str, str], makes_ready: str) -> Finding:
    """`applied`: checksum by name."""
    from database.migrate import pending

    try:
        waiting = [migration.name for migration in pending(files, applied)]
    except UserError as wrong:
        advice = "Use the release that the database is of; see docs/how-to/upgrade.md."
        return error("migrations", wrong.format_message(), advice)
    if not applied:
        return error("migrations", "Nothing of Landfall is in this database yet.", f"Run {makes_ready}.")
    if waiting:
        message = f"{counted(len(waiting), 'migration')} of this release waiting: {listed(waiting, 3)}."
        return error("migrations", message, f"Run {makes_ready}.")
    return well("migrations", f"All {len(files)} of this release are applied.")


CHECKS = (
    DoctorCheck(
        "postgres_server",
        "version; fsync, full_page_writes, synchronous_commit, autovacuum, track_counts, max_connections and how many"
        " are in use, max_locks_per_transaction, shared_buffers, max_wal_size",
        "postgres",
        server,
        10.0,
        ("postgres",),
    ),
    DoctorCheck("postgres_room", "size of the database, room on its disk", "postgres", room, 10.0, ("postgres",)),
    DoctorCheck("migrations", "migrations of this release that wait", "postgres", migrations, 10.0, ("postgres",)),
)
