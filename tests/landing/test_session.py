"""The Spark session of the landing stream."""

from pathlib import Path

import pytest
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
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


def test_a_stranger_on_the_machine_reaches_no_endpoint_of_spark(spark: SparkSession) -> None:
    """Any local user could tell the executor to stop, which ended the landing."""
    jvm, context = spark._jvm, spark.sparkContext
    assert jvm is not None
    port = int(context.getConf().get("spark.driver.port") or 0)
    conf = jvm.org.apache.spark.SparkConf(False)
    conf.set("spark.rpc.askTimeout", "20s").set("spark.authenticate", "false")
    settings = jvm.org.apache.spark.internal.config.__getattr__("package$").__getattr__("MODULE$")
    security = jvm.org.apache.spark.SecurityManager(conf, jvm.scala.Option.empty(), settings.AUTH_SECRET_FILE())
    stranger = jvm.org.apache.spark.rpc.RpcEnv.create("stranger", "127.0.0.1", "127.0.0.1", 0, conf, security, 1, True)
    try:
        address = jvm.org.apache.spark.rpc.RpcAddress("127.0.0.1", port)
        with pytest.raises(Py4JJavaError):
            stranger.setupEndpointRef(address, "LocalSchedulerBackendEndpoint")
    finally:
        stranger.shutdown()


def test_the_jvm_knows_no_login(spark: SparkSession) -> None:
    """What it inherits it would keep and hand on; each task brings the login that it uses."""
    jvm = spark._jvm
    assert jvm is not None
    environ = {str(name): str(value) for name, value in dict(jvm.java.lang.System.getenv()).items()}
    assert environ["LANDFALL_EXAMPLE"] == "no login"
    assert "LANDFALL_EXAMPLE_DSN" not in environ
