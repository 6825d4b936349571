"""What the tools of the trade need in their environment to reach the same servers as Landfall."""

import importlib.util
import os
import sys
from pathlib import Path

from jvm.jars import spark_jars
from jvm.java import java_home
from landfall.errors import UserError
from landfall.kafka_settings import PREFIX
from landfall.layout import PROJECT, venv_bin
from landfall.login import TRANSFORMER
from landfall.settings import ADMIN, DSN_VARIABLES, Settings
from landfall.state import open_state
from landfall.surroundings import UTF8_MODE
from local_stack.postgres import package_folder
from orchestration.instance import READ_ONLY_VARIABLE, write_instance
from warehouse.dbt_session import profile_variables


def shell_variables(settings: Settings) -> dict[str, str]:
    """Variables for landfall, libpq (psql), dbt, dagster, spark-submit and PATH.

    Raises UserError when no servers are known.
    """
    found = {"LANDFALL_HOME": str(settings.home), DSN_VARIABLES[TRANSFORMER]: settings.as_transformer.dsn}
    found |= {DSN_VARIABLES[role]: dsn for role, dsn in settings.dsns.items() if role != ADMIN}
    found |= kafka_variables(settings)
    found |= profile_variables(settings.as_transformer)
    found |= {"DBT_PROFILES_DIR": str(PROJECT / "dbt_project"), "DAGSTER_HOME": str(dagster_home(settings.home))}
    found |= spark_variables(settings.home)
    if settings.reporting_timezone is not None:
        found["LANDFALL_REPORTING_TIMEZONE"] = settings.reporting_timezone
    found[UTF8_MODE] = "1"
    if settings.dagster_read_only:
        found[READ_ONLY_VARIABLE] = "true"
    found["PATH"] = search_path(os.environ.get("PATH", ""))
    return found


def kafka_variables(settings: Settings) -> dict[str, str]:
    """LANDFALL_KAFKA_* as they would have to be set to give these settings."""
    values = {PREFIX + name.upper(): value for name, value in vars(settings.kafka).items() if value is not None}
    return {name: str(value) for name, value in values.items()}


def dagster_home(home: Path) -> Path:
    """Where Dagster keeps its configuration and its runs: a folder that has to exist."""
    open_state(home)
    return write_instance(home / "dagster").parent


def spark_variables(home: Path) -> dict[str, str]:
    """What `spark-submit` needs: this Python, its PySpark, a Java, and a configuration that names the Kafka jars."""
    found = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    spec = importlib.util.find_spec("pyspark")
    if spec is not None and spec.origin is not None:
        found["SPARK_HOME"] = str(Path(spec.origin).parent)
    try:
        found["JAVA_HOME"] = str(java_home())
        jars = ",".join(str(path) for path in spark_jars())
    except UserError:
        return found  # an image without Java runs dbt and Dagster all the same
    folder = home / "spark-conf"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spark-defaults.conf").write_text(f"spark.jars {jars}\n", encoding="utf-8")
    return {**found, "SPARK_CONF_DIR": str(folder)}


def search_path(before: str) -> str:
    """PATH with this environment's programs and Postgres' client programs in front, once each.

    psql comes last, so that a newer one of the user's own is preferred.
    """
    parts = [part for part in before.split(os.pathsep) if part]
    tools, clients = str(venv_bin()), str(package_folder() / "pginstall18" / "bin")
    if tools not in parts:
        parts.insert(0, tools)
    if clients not in parts:
        parts.append(clients)
    return os.pathsep.join(parts)
