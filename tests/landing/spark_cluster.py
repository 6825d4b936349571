"""Spark's own master and workers, as users start them, on loopback and with a secret."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.parse
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyspark

from jvm.java import java_home
from landfall.processes import alive, free_port
from tests.landing.streams import wait_until

HOST = "127.0.0.1"
SPARK_HOME = Path(pyspark.__file__).parent


class SparkCluster:
    """A master and workers of one core each; who lands on it needs `environ`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port, self._page = folder, free_port(None), free_port(None)
        self._started: list[subprocess.Popen[bytes]] = []
        conf = folder / "conf"
        conf.mkdir()
        (conf / "spark-defaults.conf").write_text(
            "spark.authenticate true\nspark.authenticate.secret sesame\nspark.network.crypto.enabled true\n"
            "spark.executor.memory 512m\n",
            encoding="ascii",
        )
        self.environ = {
            "SPARK_CONF_DIR": str(conf),
            "SPARK_HOME": str(SPARK_HOME),
            "JAVA_HOME": str(java_home()),
            "SPARK_LOCAL_IP": HOST,
        }

    @property
    def master(self) -> str:
        """As `--master` takes it."""
        return f"spark://{HOST}:{self._port}"

    def start(self, workers: int) -> None:
        """Start all, and wait until every worker has registered."""
        ports = ["--host", HOST, "--port", str(self._port), "--webui-port", str(self._page)]
        self._spark("master", "org.apache.spark.deploy.master.Master", *ports)
        wait_until(lambda: self._answers(), "Spark's master answers")
        for number in range(workers):
            self.add_worker(f"worker-{number}")
        wait_until(lambda: self.state()["aliveworkers"] == workers, "the workers have registered")

    def add_worker(self, name: str) -> None:
        """Another worker of one core."""
        work = ["--host", HOST, "--cores", "1", "--memory", "1g", "--work-dir", str(self._folder / name)]
        self._spark(name, "org.apache.spark.deploy.worker.Worker", *work, "--webui-port", "0", self.master)

    def stop_workers(self) -> None:
        """End every worker, and with them what they run."""
        for process in self._started[1:]:
            _kill(process)
        del self._started[1:]

    def stop(self) -> None:
        """End all."""
        self.stop_workers()
        for process in self._started:
            _kill(process)

    def state(self) -> dict[str, Any]:
        """What the master's page says of workers and applications."""
        with urllib.request.urlopen(f"http://{HOST}:{self._page}/json/", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def executors(self) -> list[psutil.Process]:
        """The executors' processes."""
        return [
            child
            for worker in self._started[1:]
            for child in psutil.Process(worker.pid).children(recursive=True)
            if alive(child) and any("CoarseGrainedExecutorBackend" in part for part in child.cmdline())
        ]

    def end_application(self) -> None:
        """As somebody does who clicks `kill` on the master's page."""
        (application,) = self.state()["activeapps"]
        asked = urllib.parse.urlencode({"id": application["id"], "terminate": "true"}).encode()
        urllib.request.urlopen(f"http://{HOST}:{self._page}/app/kill/", asked, timeout=60).close()

    def _answers(self) -> bool:
        try:
            self.state()
        except OSError:
            return False
        return True

    def _spark(self, name: str, kind: str, *arguments: str) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            command = [str(SPARK_HOME / "bin" / "spark-class"), kind, *arguments]
            environ = {**os.environ, **self.environ}
            self._started.append(subprocess.Popen(command, env=environ, stdout=log, stderr=log))


def _kill(process: subprocess.Popen[bytes]) -> None:
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for each in family:
        with suppress(psutil.NoSuchProcess):  # told by the end of another
            each.kill()
    process.wait()
