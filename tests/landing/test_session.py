"""The Spark session of the landing stream."""

from pathlib import Path

from pyspark.sql import SparkSession


def test_checkpoints_are_written_without_a_process_for_each_file(spark: SparkSession, tmp_path: Path) -> None:
    jvm = spark._jvm
    assert jvm is not None
    folder, file = tmp_path / "checkpoint", tmp_path / "recording.jfr"
    folder.mkdir()
    manager = jvm.org.apache.spark.sql.execution.streaming.checkpointing.CheckpointFileManager.create(
        jvm.org.apache.hadoop.fs.Path(folder.as_uri()), spark._jsparkSession.sessionState().newHadoopConf()
    )
    recording = jvm.jdk.jfr.Recording()
    recording.enable("jdk.ProcessStart")
    recording.start()
    manager.createAtomic(jvm.org.apache.hadoop.fs.Path(f"{folder.as_uri()}/0"), True).close()
    jvm.java.lang.ProcessBuilder(["true", "recorded"]).start().waitFor()
    recording.stop()
    recording.dump(jvm.java.io.File(str(file)).toPath())

    events = jvm.jdk.jfr.consumer.RecordingFile.readAllEvents(jvm.java.io.File(str(file)).toPath())
    commands = [event.getString("command") for event in events]
    assert (folder / "0").exists()
    assert "true recorded" in commands
    assert not [command for command in commands if str(folder) in command]
