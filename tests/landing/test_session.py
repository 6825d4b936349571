"""The Spark session of the landing stream."""

from pathlib import Path

import psutil
from pyspark.sql import SparkSession


def test_checkpoints_are_written_without_a_process_for_each_file(spark: SparkSession, tmp_path: Path) -> None:
    jvm = spark._jvm
    assert jvm is not None
    manager = jvm.org.apache.spark.sql.execution.streaming.checkpointing.CheckpointFileManager.create(
        jvm.org.apache.hadoop.fs.Path(tmp_path.as_uri()), spark._jsparkSession.sessionState().newHadoopConf()
    )
    process = psutil.Process(jvm.java.lang.ProcessHandle.current().pid())

    def seconds_of_children() -> float:
        times = process.cpu_times()
        return float(times.children_user + times.children_system)

    before = seconds_of_children()
    for number in range(100):
        manager.createAtomic(jvm.org.apache.hadoop.fs.Path(f"{tmp_path.as_uri()}/{number}"), True).close()
    assert sum(1 for path in tmp_path.iterdir() if path.suffix != ".crc") == 100
    assert seconds_of_children() == before
