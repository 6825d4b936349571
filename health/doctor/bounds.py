"""From when on the doctor says a word: every bound of its checks, in one place."""

from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True)
class Bounds:
    """`…_warn` and `…_error`: from this figure on (room and limits: below it) a finding has that severity."""

    disk_free_bytes_warn: int = 10 * GIB
    """Postgres keeps up to 8 GB of WAL, Kafka 2 GiB a partition."""
    disk_free_bytes_error: int = 1 * GIB
    """A refresh and a checkpoint in a burst write this much."""
    inodes_free_share_warn: float = 0.05
    inodes_free_share_error: float = 0.01
    shared_memory_bytes_warn: int = 256 * 2**20
    """/dev/shm, by which parallel queries of the local Postgres share rows; containers have 64 MB by default."""
    memory_bytes_warn: int = 6 * GIB
    """Landing 1.2 GiB, Kafka 1, Postgres a quarter of all, Dagster and dbt 1 together."""
    memory_bytes_error: int = 2 * GIB
    memory_available_bytes_warn: int = 1 * GIB
    open_files_warn: int = 1_024
    """Of this user's processes; JVMs raise theirs to the hard limit by themselves."""
    open_files_error: int = 256
    open_files_hard_warn: int = 4_096
    """Kafka holds some files a segment."""
    processes_warn: int = 1_024
    """Threads count: a JVM has a hundred."""
    clock_seconds_warn: float = 2.0
    """Between two machines. Ages of data and lags are wrong by as much."""
    clock_seconds_error: float = 60.0
    retention_hours_warn: float = 24.0
    """How long a topic keeps a record: the landing must be able to be away for a night and a morning."""
    retention_times_warn: float = 2.0
    """As a multiple of the longest outage that the ledger knows."""
    connections_warn: int = 60
    """Landing, four models at once, Dagster's processes, dashboards and people."""
    connections_used_share_warn: float = 0.8
    locks_times_warn: float = 4.0
    """Room for locks, as a multiple of what one statement over all days of a landing table takes."""
    shared_buffers_bytes_warn: int = 128 * 2**20
    max_wal_bytes_warn: int = GIB
    """COPY at full speed fills it in 15 s, and each checkpoint writes every changed page whole."""
